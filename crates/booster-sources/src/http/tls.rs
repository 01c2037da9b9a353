//! TLS, prepared so that it costs nothing until a secure connection is made.
//!
//! Reading the system's certificates takes longer than a whole check over plain HTTP, so it is
//! left until a server shows a certificate that has to be judged.

use super::HttpOptions;
use crate::SourceError;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{self, CryptoProvider},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::{
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
};

/// The client's side of TLS as the options describe it. Files named there are read and checked now.
pub(super) fn configuration(options: &HttpOptions) -> Result<ClientConfig, SourceError> {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let failed =
        |error: Error| SourceError::Configuration { what: "TLS".to_owned(), reason: error.to_string() };
    let verifier = match &options.ca_bundle {
        Some(bundle) => own_authorities(bundle, &provider)?,
        None => Arc::new(SystemAuthorities { provider: Arc::clone(&provider), verifier: OnceLock::new() }),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &options.client_certificate {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = certificates(&own.certificate)?;
            let key = PrivateKeyDer::from_pem_file(&own.key).map_err(|error| unusable(&own.key, error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| unusable(&own.certificate, error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn own_authorities(
    bundle: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, SourceError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bundle)? {
        roots.add(certificate).map_err(|error| unusable(bundle, error))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    Ok(verifier.map_err(|error| unusable(bundle, error))?)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, SourceError> {
    let certificates = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(file, error))?;
    if certificates.is_empty() { Err(unusable(file, "it holds no certificate")) } else { Ok(certificates) }
}

fn unusable(file: &Path, reason: impl fmt::Display) -> SourceError {
    SourceError::Configuration { what: format!("TLS file {}", file.display()), reason: reason.to_string() }
}

/// Judges servers by the system's authorities, which are read when the first server is judged.
#[derive(Debug)]
struct SystemAuthorities {
    provider: Arc<CryptoProvider>,
    verifier: OnceLock<Result<rustls_platform_verifier::Verifier, Error>>,
}

impl SystemAuthorities {
    fn verifier(&self) -> Result<&rustls_platform_verifier::Verifier, Error> {
        let load = || rustls_platform_verifier::Verifier::new(Arc::clone(&self.provider));
        self.verifier.get_or_init(load).as_ref().map_err(Error::clone)
    }
}

impl ServerCertVerifier for SystemAuthorities {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verifier()?.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier()?.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
