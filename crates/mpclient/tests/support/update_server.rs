//! A site's update server, and the public service: ours, over a publisher's repository.

use super::Site;
use booster_fleet::{
    Fleet,
    server::{UpdateService, UpdateServiceOptions},
};
use booster_publish::{
    Repository, RepositoryOptions,
    serve::{ServeOptions, Server},
};
use booster_test_support::{Nginx, TestAuthority};
use std::{net::TcpListener, sync::Arc, thread::JoinHandle};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A running update server. It stops when it is dropped.
pub struct UpdateServer {
    pub url: String,
    folder: TempDir,
    cancel: CancellationToken,
    thread: Option<JoinHandle<()>>,
    _front: Option<Nginx>,
}

impl UpdateServer {
    /// Over plain HTTP.
    pub fn start(site: &Site) -> Self {
        let port = free_port();
        Self::run(site, port, format!("http://127.0.0.1:{port}/"), None)
    }

    /// Behind a real nginx that speaks TLS. `None` where that is not installed.
    pub fn start_secure(site: &Site, authority: &TestAuthority) -> Option<Self> {
        let (port, identity) = (free_port(), authority.server(&["127.0.0.1"]));
        let front = Nginx::start(|listen, scratch| {
            let (certificate, key) = (scratch.join("server.pem"), scratch.join("server.key"));
            std::fs::write(&certificate, &identity.certificate).unwrap();
            std::fs::write(&key, &identity.key).unwrap();
            format!(
                "server {{ listen 127.0.0.1:{listen} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
                 location / {{ proxy_pass http://127.0.0.1:{port}; }} }}",
                certificate.display(),
                key.display()
            )
        })?;
        let url = format!("https://127.0.0.1:{}/", front.port());
        Some(Self::run(site, port, url, Some(front)))
    }

    fn run(site: &Site, port: u16, url: String, front: Option<Nginx>) -> Self {
        let (folder, cancel) = (tempfile::tempdir().unwrap(), CancellationToken::new());
        let (repository, database) = (site.repository(), folder.path().join("fleet.sqlite"));
        let (stop, public_url) = (cancel.clone(), url.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let fleet = Arc::new(Fleet::open(database.to_str().unwrap()).await.unwrap());
                let options = RepositoryOptions::default();
                let opened = Repository::open(repository.to_str().unwrap(), options).unwrap();
                let options = UpdateServiceOptions::new(public_url);
                let service = UpdateService::new(&repository, opened, fleet, options).await.unwrap();
                let service = Arc::new(service);
                let options =
                    ServeOptions { beside: Some(Arc::clone(&service) as _), ..ServeOptions::default() };
                let address = format!("127.0.0.1:{port}").parse().unwrap();
                let server = Server::bind(&repository, address, options).await.unwrap();
                ready.send(()).unwrap();
                tokio::join!(server.run(stop.clone().cancelled_owned()), service.maintain(stop.clone()));
            });
        });
        is_ready.recv().unwrap();
        Self { url, folder, cancel, thread: Some(thread), _front: front }
    }

    /// A folder of the server's own, for whatever a test needs.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for UpdateServer {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic there has failed the test already, or will.
            let _ = thread.join();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
