//! A bucket behind a real server that speaks S3, and somebody who watches what is written.

use crate::common::block;
use booster_definitions::Component;
use booster_publish::{
    KeyRing, KeySet, PublishError, PublishReport, PublishRequest, Repository, RepositoryOptions,
};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

pub const ACCESS_KEY: &str = "test-access";
pub const SECRET_KEY: &str = "test-secret-0123456789";
pub const BUCKET: &str = "definitions";

/// Is told of each object: before it is written, where it may refuse that, and after.
pub trait Watcher: Send + Sync {
    fn allows(&self, _object: &str) -> bool {
        true
    }
    fn written(&self, _object: &str) {}
}

type Watched = Arc<Mutex<Option<Arc<dyn Watcher>>>>;

/// A server over a folder, and a publisher with keys.
pub struct Cloud {
    pub dir: tempfile::TempDir,
    endpoint: String,
    watched: Watched,
}

impl Cloud {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("buckets").join(BUCKET)).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let files = s3s_fs::FileSystem::new(dir.path().join("buckets")).unwrap();
        let watched = Watched::default();
        let watcher = Arc::clone(&watched);
        std::thread::spawn(move || block(serve(listener, files, watcher)));
        Self { dir, endpoint, watched }
    }

    /// Has every write watched from now on.
    pub fn watch(&self, watcher: Arc<dyn Watcher>) {
        *self.watched.lock().unwrap() = Some(watcher);
    }

    pub fn options(&self) -> RepositoryOptions {
        let pairs = [
            ("AWS_ENDPOINT", self.endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ];
        let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        RepositoryOptions { variables: Some(variables), ..RepositoryOptions::default() }
    }

    pub fn repository(&self) -> Repository {
        self.repository_with(self.options())
    }

    pub fn repository_with(&self, options: RepositoryOptions) -> Repository {
        Repository::open(&format!("s3://{BUCKET}/site/a"), options).unwrap()
    }

    /// Where the server keeps what was put.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("buckets").join(BUCKET).join("site/a")
    }

    pub fn init(&self) -> Vec<u8> {
        let keys = KeySet::in_folder(&self.dir.path().join("keys"), 3, 2).unwrap();
        block(self.repository().init(keys, Timestamp::now())).unwrap().root
    }

    pub fn keys(&self) -> KeyRing {
        KeyRing::from_folder(&self.dir.path().join("keys")).unwrap()
    }

    pub fn request(&self, version: &str, files: &[(&str, &str)]) -> PublishRequest {
        let folder = self.dir.path().join("releases").join(version);
        std::fs::create_dir_all(&folder).unwrap();
        for (path, content) in files {
            std::fs::write(folder.join(path), content).unwrap();
        }
        let mut request = PublishRequest::new(Component::Antivirus, version.parse().unwrap(), folder);
        request.level = 1;
        request
    }

    pub fn publish(&self, request: &PublishRequest) -> Result<PublishReport, PublishError> {
        block(self.repository().publish(request, &self.keys(), Timestamp::now()))
    }
}

async fn serve(listener: std::net::TcpListener, files: s3s_fs::FileSystem, watched: Watched) {
    let mut builder = s3s::service::S3ServiceBuilder::new(files);
    builder.set_auth(s3s::auth::SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = builder.build();
    // This server looks and then writes; S3's conditions hold at the moment of the write. One request
    // at a time gives it that.
    let turn = Arc::new(tokio::sync::Mutex::new(()));
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (service, turn, watched) = (service.clone(), Arc::clone(&turn), Arc::clone(&watched));
        let in_turn = hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (service, turn) = (service.clone(), Arc::clone(&turn));
            let watcher = watched.lock().unwrap().clone().filter(|_| request.method() == hyper::Method::PUT);
            async move {
                let _turn = turn.lock().await;
                let object =
                    request.uri().path().rsplit_once("/site/a/").map(|(_, object)| object.to_owned());
                let Some((watcher, object)) = watcher.zip(object) else {
                    return hyper::service::Service::call(&service, request).await;
                };
                if !watcher.allows(&object) {
                    let mut refusal = hyper::Response::new(s3s::Body::from(String::new()));
                    *refusal.status_mut() = hyper::StatusCode::FORBIDDEN;
                    return Ok(refusal);
                }
                let answer = hyper::service::Service::call(&service, request).await;
                // Whoever watches may read with a runtime of his own.
                tokio::task::spawn_blocking(move || watcher.written(&object)).await.unwrap();
                answer
            }
        });
        tokio::spawn(async move {
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), in_turn);
            let _ = connection.await;
        });
    }
}
