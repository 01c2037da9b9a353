//! The nginx configuration of the documentation, in a real nginx over a real repository.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

mod common;

use booster_definitions::Component::Antivirus;
use booster_test_support::Nginx;
use common::{Site, http, rule};
use std::{net::SocketAddr, path::Path};

const CONFIGURATION: &str = include_str!("../../../docs/nginx.conf");

/// The documented configuration with the lines changed that an administrator changes.
fn configuration(root: &Path, port: u16) -> String {
    let change = |text: String, line: &str, to: &str| {
        assert_eq!(text.matches(line).count(), 1, "{line}");
        text.replace(line, to)
    };
    let text = change(CONFIGURATION.to_owned(), "listen 80;", &format!("listen 127.0.0.1:{port};"));
    change(text, "root /srv/booster/repository;", &format!("root {};", root.display()))
}

#[test]
fn the_documented_nginx_serves_a_repository_as_booster_serve_does() {
    let site = Site::new();
    let rules = (0..2000).map(|n| rule(&format!("r{n}"), &format!("word {n}"))).collect::<String>();
    site.publish(Antivirus, "1.0.0.0", &[("a.yar", &rules)]).unwrap();
    let repository = site.folder();
    let Some(nginx) = Nginx::start(|port, _| configuration(&repository, port)) else { return };
    let address: SocketAddr = ([127, 0, 0, 1], nginx.port()).into();
    let get = |path: &str, headers: &[(&str, &str)]| http::ask(address, "GET", path, headers);
    let header = |answer: &http::Answer, name: &str| answer.header(name).unwrap_or("none").to_owned();

    let archive = site.files().into_keys().find(|name| name.ends_with(".tar.zst")).unwrap();
    let content = std::fs::read(repository.join(&archive)).unwrap();
    let archive = format!("/{archive}");
    let whole = get(&archive, &[("Accept-Encoding", "gzip, br, zstd")]);
    assert_eq!((whole.status, &whole.body), (200, &content));
    assert_eq!(header(&whole, "content-encoding"), "none");
    assert_eq!(header(&whole, "content-type"), "application/octet-stream");
    assert!(header(&whole, "cache-control").contains("immutable"));
    let tag = header(&whole, "etag");
    assert!(tag.starts_with('"'), "a weak tag: {tag}");

    let part = get(&archive, &[("Range", "bytes=100-"), ("If-Range", &tag)]);
    assert_eq!((part.status, &part.body[..]), (206, &content[100..]));
    let known = get(&archive, &[("If-None-Match", &tag)]);
    assert_eq!((known.status, known.body.len()), (304, 0));
    let beyond = get(&archive, &[("Range", &format!("bytes={}-", content.len()))]);
    assert_eq!(beyond.status, 416);
    let head = http::ask(address, "HEAD", &archive, &[]);
    assert_eq!((head.status, header(&head, "content-length")), (200, content.len().to_string()));

    let timestamp = get("/metadata/timestamp.json", &[("Accept-Encoding", "gzip")]);
    assert_eq!((timestamp.status, header(&timestamp, "content-encoding")), (200, "none".to_owned()));
    assert_eq!(header(&timestamp, "cache-control"), "no-cache, no-transform");
    assert_eq!(header(&timestamp, "content-type"), "application/json");
    assert_eq!(header(&timestamp, "etag"), "none");
    assert!(header(&get("/metadata/1.root.json", &[]), "cache-control").contains("immutable"));
    let next_root = get("/metadata/2.root.json", &[]);
    assert_eq!((next_root.status, header(&next_root, "cache-control")), (404, "no-store".to_owned()));

    // Two signatures within a second are two contents, whatever a cache asks with.
    for n in 1..=3 {
        let before = get("/metadata/timestamp.json", &[]);
        site.publish(Antivirus, &format!("1.0.0.{n}"), &[("a.yar", &rule("b", &format!("evil {n}")))])
            .unwrap();
        let since = header(&before, "last-modified");
        let after = get("/metadata/timestamp.json", &[("If-Modified-Since", &since)]);
        assert_eq!(after.status, 200);
        assert_ne!(after.body, before.body);
    }
}

#[test]
fn the_documented_nginx_gives_out_nothing_else() {
    let site = Site::new();
    let repository = site.folder();
    std::fs::create_dir_all(repository.join("targets/antivirus")).unwrap();
    std::fs::create_dir_all(repository.join("keys")).unwrap();
    for name in ["keys/a.pem", "metadata/timestamp.json#1", "metadata/.hidden.json", "targets/antivirus/x#12"]
    {
        std::fs::write(repository.join(name), "secret").unwrap();
    }
    std::fs::write(site.dir.path().join("secret.json"), "secret").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(site.dir.path().join("secret.json"), repository.join("metadata/link.json"))
        .unwrap();
    let Some(nginx) = Nginx::start(|port, _| configuration(&repository, port)) else { return };
    let address: SocketAddr = ([127, 0, 0, 1], nginx.port()).into();
    for path in [
        "/",
        "/metadata",
        "/metadata/",
        "/targets/",
        "/targets/antivirus/",
        "/keys/a.pem",
        "/.publish.lock",
        "/metadata/.hidden.json",
        "/metadata/timestamp.json%231",
        "/targets/antivirus/x%2312",
        "/metadata/link.json",
        "/metadata/../keys/a.pem",
        "/metadata/..%2fkeys/a.pem",
    ] {
        let answer = http::ask(address, "GET", path, &[]);
        assert!([301, 403, 404].contains(&answer.status), "{path}: {answer:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = http::ask(address, method, "/metadata/timestamp.json", &[("Content-Length", "0")]);
        assert!([403, 405].contains(&answer.status), "{method}: {answer:?}");
    }
}
