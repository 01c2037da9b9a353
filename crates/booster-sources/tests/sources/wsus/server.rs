//! An update server of the test's own, which speaks the protocol properly until it is told not to.

use booster_wsus::{
    ErrorCode, Fault, Limits, Sha1, UpdateIdentity, Uuid,
    fragment::{Core, Extended, File, Prerequisite, UpdateKind},
    message::*,
    soap,
};
use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What a call gets in place of the proper answer.
#[derive(Debug, Clone)]
pub enum Order {
    /// This fault.
    Fault(ErrorCode),
    /// A fault without a code.
    FaultWithoutCode,
    /// No answer at all.
    Hangup,
    /// This status, with headers.
    Status(u16, &'static str),
    /// This document.
    Document(String),
}

/// What the server gives out, and how.
#[derive(Debug, Clone)]
pub struct Shop {
    pub last_change: String,
    pub plug_in: AuthPlugIn,
    pub cookie_expiration: String,
    /// Whether each round brings another cookie, and only the newest is taken.
    pub rotates: bool,
    /// What there is, each given to who has installed what it names as its prerequisites; in place of rounds.
    pub catalogue: Vec<UpdateInfo>,
    /// What each round of a scan brings, and whether it says that there is more; the last goes on for ever.
    pub rounds: Vec<(Vec<UpdateInfo>, bool)>,
    /// Files by their names.
    pub content: HashMap<String, Vec<u8>>,
    pub files: Vec<File>,
    /// In place of the server's own address in those of files.
    pub content_url: Option<String>,
    pub knows_ranges: bool,
    /// In place of the length of what is sent.
    pub content_length: Option<usize>,
    /// How many cookies there were.
    cookies: u8,
    /// What came as the old cookie with each request for one.
    pub old_cookies: Vec<Option<Vec<u8>>>,
}

pub struct UpdateServer {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    shop: Mutex<Shop>,
    orders: Mutex<Vec<(String, Order, usize)>>,
    log: Mutex<Vec<String>>,
    headers: Mutex<Vec<String>>,
}

pub const TIMESTAMP: &[u8] = b"{\"signed\":{\"_type\":\"timestamp\"},\"signatures\":[]}";
pub const ARCHIVE: &[u8] = b"the archive's bytes";

/// An update that others build upon.
pub fn category(id: i32, update: Uuid) -> UpdateInfo {
    node(id, update, UpdateKind::Category, &[])
}

/// One that builds upon others itself.
pub fn node(id: i32, update: Uuid, kind: UpdateKind, prerequisites: &[Uuid]) -> UpdateInfo {
    let core = Core {
        identity: UpdateIdentity { update, revision: 100 },
        kind,
        superseded: Vec::new(),
        prerequisites: prerequisites.iter().copied().map(Prerequisite::on).collect(),
        bundled: Vec::new(),
    };
    let deployment = Deployment { last_change: "2026-10-04".into(), ..Deployment::default() };
    UpdateInfo { id, deployment: Some(deployment), is_leaf: false, xml: Some(core.write(true)) }
}

pub fn definitions(id: i32) -> UpdateInfo {
    definitions_after(id, &[])
}

/// Definitions that want something installed besides their categories.
pub fn definitions_after(id: i32, prerequisites: &[Uuid]) -> UpdateInfo {
    let categories =
        [booster_sources::PRODUCT, booster_sources::DEFINITION_UPDATES].map(Prerequisite::category);
    let core = Core {
        identity: UpdateIdentity { update: Uuid::from_u128(77), revision: 100 },
        kind: UpdateKind::Software,
        superseded: Vec::new(),
        prerequisites: prerequisites.iter().copied().map(Prerequisite::on).chain(categories).collect(),
        bundled: Vec::new(),
    };
    let deployment = Deployment { id, action: Action::Install, is_assigned: true, ..Deployment::default() };
    UpdateInfo { id, deployment: Some(deployment), is_leaf: true, xml: Some(core.write(false)) }
}

/// A file as the server names it.
pub fn file(name: &str, content: &[u8]) -> File {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
    File {
        name: name.to_owned(),
        size: content.len() as u64,
        sha1: Sha1(digest(&SHA1_FOR_LEGACY_USE_ONLY, content).as_ref().try_into().unwrap()),
        sha256: Some(digest(&SHA256, content).as_ref().try_into().unwrap()),
        is_patch: false,
    }
}

impl UpdateServer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let plug_in = AuthPlugIn {
            id: "SimpleTargeting".into(),
            service_url: "SimpleAuthWebService/SimpleAuth.asmx".into(),
            parameter: String::new(),
        };
        let shop = Shop {
            last_change: "2026-10-04T08:15:30.1234567Z".into(),
            plug_in,
            cookie_expiration: "2199-01-01T00:00:00Z".into(),
            rotates: false,
            catalogue: Vec::new(),
            rounds: vec![
                (
                    vec![
                        category(1, booster_sources::PRODUCT),
                        category(2, booster_sources::DEFINITION_UPDATES),
                    ],
                    false,
                ),
                (vec![definitions(3)], false),
            ],
            content: HashMap::from([
                ("timestamp.json".into(), TIMESTAMP.to_vec()),
                ("aa.tar.zst".into(), ARCHIVE.to_vec()),
            ]),
            files: vec![file("timestamp.json", TIMESTAMP), file("aa.tar.zst", ARCHIVE)],
            content_url: None,
            knows_ranges: true,
            content_length: None,
            cookies: 0,
            old_cookies: Vec::new(),
        };
        let shared = Arc::new(Shared {
            url: url.clone(),
            shop: Mutex::new(shop),
            orders: Mutex::default(),
            log: Mutex::default(),
            headers: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        // Ends with the test's process; nothing is waited for.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                thread::spawn(move || while shared.serve(&stream).is_some() {});
            }
        });
        Self { url, shared }
    }

    pub fn change(&self, change: impl FnOnce(&mut Shop)) {
        change(&mut self.shared.shop.lock().unwrap());
    }

    /// The next `times` calls of an operation, or requests for content ("Content"), meet this.
    pub fn order(&self, operation: &str, order: Order, times: usize) {
        self.shared.orders.lock().unwrap().push((operation.to_owned(), order, times));
    }

    /// The operations that were called, and "Content" for files.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }

    /// Every header that ever came, in lower case.
    pub fn headers(&self) -> Vec<String> {
        self.shared.headers.lock().unwrap().clone()
    }
}

impl Shared {
    /// Answers one request; `None` ends the connection.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut line, mut length, mut range) = (String::new(), 0, None);
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let header = header.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
            if let Some(value) = header.strip_prefix("range: bytes=") {
                range = value.split('-').next().unwrap().parse::<usize>().ok();
            }
            self.headers.lock().unwrap().push(header);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let operation = match soap::operation(&body, &Limits::REQUEST) {
            Ok(operation) => operation,
            Err(_) => "Content".to_owned(),
        };
        self.log.lock().unwrap().push(operation.clone());
        let (status, headers, answer) = match self.ordered(&operation) {
            Some(Order::Hangup) => return None,
            Some(Order::Fault(code)) => (500, "", soap::fault(&Fault::new(code, "on order")).into_bytes()),
            Some(Order::FaultWithoutCode) => (
                500,
                "",
                include_bytes!("../../../../booster-wsus/tests/golden/fault-without-code.xml").to_vec(),
            ),
            Some(Order::Status(status, headers)) => (status, headers, Vec::new()),
            Some(Order::Document(document)) => (200, "", document.into_bytes()),
            None if operation == "Content" => self.content(&line, range),
            None => (200, "", self.answer(&operation, &body).into_bytes()),
        };
        let length = match operation.as_str() {
            "Content" => self.shop.lock().unwrap().content_length.unwrap_or(answer.len()),
            _ => answer.len(),
        };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n").ok()?;
        stream.write_all(&answer).ok()?;
        (length == answer.len()).then_some(())
    }

    fn ordered(&self, operation: &str) -> Option<Order> {
        let mut orders = self.orders.lock().unwrap();
        let (_, order, left) = orders.iter_mut().find(|(of, _, left)| of == operation && *left > 0)?;
        *left -= 1;
        Some(order.clone())
    }

    fn content(&self, line: &str, range: Option<usize>) -> (u16, &'static str, Vec<u8>) {
        let shop = self.shop.lock().unwrap();
        let name = line.split(' ').nth(1).unwrap().rsplit('/').next().unwrap();
        match (shop.content.get(name), range.filter(|_| shop.knows_ranges)) {
            (None, _) => (404, "", Vec::new()),
            (Some(content), None) => (200, "", content.clone()),
            (Some(content), Some(start)) => {
                assert_eq!((start, content.len()), (5, ARCHIVE.len()), "the one range that tests ask for");
                (206, "Content-Range: bytes 5-18/19\r\n", content[start..].to_vec())
            }
        }
    }

    fn answer(&self, operation: &str, body: &[u8]) -> String {
        let mut shop = self.shop.lock().unwrap();
        let shop = &mut *shop;
        match operation {
            "GetConfig" => soap::answer::<GetConfig>(&ServerConfig {
                last_change: shop.last_change.clone(),
                is_registration_required: true,
                plug_ins: vec![shop.plug_in.clone()],
                allowed_events: Vec::new(),
                properties: vec![("MaxExtendedUpdatesPerRequest".into(), "2".into())],
            }),
            "GetAuthorizationCookie" => soap::answer::<GetAuthorizationCookie>(&AuthorizationCookie {
                plug_in: "SimpleTargeting".into(),
                data: vec![9; 47],
            }),
            "GetCookie" => {
                let request: GetCookie = read(body);
                assert_eq!(request.last_change, shop.last_change, "echoed as it was");
                shop.old_cookies.push(request.old_cookie.map(|cookie| cookie.data));
                soap::answer::<GetCookie>(&shop.another_cookie())
            }
            "RegisterComputer" => {
                shop.check(&read::<RegisterComputer>(body).cookie);
                soap::answer::<RegisterComputer>(&Registered)
            }
            "SyncUpdates" => {
                let request: SyncUpdates = read(body);
                shop.check(&request.cookie);
                let (new_updates, is_truncated) = shop.round(&request.parameters);
                let new_cookie = shop.rotates.then(|| shop.another_cookie());
                let result = SyncResult { new_updates, is_truncated, new_cookie, ..SyncResult::default() };
                soap::answer::<SyncUpdates>(&result)
            }
            "GetExtendedUpdateInfo" => {
                let request: GetExtendedUpdateInfo = read(body);
                shop.check(&request.cookie);
                assert_eq!(request.revisions.len(), 1, "below the limit of two");
                let modified = "2026-10-04T00:00:00Z".parse().unwrap();
                let xml = Extended { files: shop.files.clone() }.write(modified);
                soap::answer::<GetExtendedUpdateInfo>(&ExtendedInfo {
                    updates: vec![UpdateFragment { id: request.revisions[0], xml }],
                    // The rest has to be asked for.
                    locations: shop.files.iter().take(1).map(|file| shop.location(&self.url, file)).collect(),
                    out_of_scope: Vec::new(),
                })
            }
            "GetFileLocations" => {
                let request: GetFileLocations = read(body);
                shop.check(&request.cookie);
                let files = shop.files.iter().filter(|file| request.digests.contains(&file.sha1));
                let locations = files.map(|file| shop.location(&self.url, file)).collect();
                let new_cookie = shop.rotates.then(|| shop.another_cookie());
                soap::answer::<GetFileLocations>(&FileLocations { locations, new_cookie })
            }
            "ReportEventBatch" => {
                shop.check(&read::<ReportEventBatch>(body).cookie);
                soap::answer::<ReportEventBatch>(&Reported(true))
            }
            other => panic!("{other} is never called"),
        }
    }
}

fn read<C: booster_wsus::Call>(body: &[u8]) -> C {
    soap::read_request(body, &Limits::REQUEST).unwrap()
}

impl Shop {
    fn cookie(&self) -> Cookie {
        let number = if self.rotates { self.cookies } else { 0 };
        Cookie { expiration: self.cookie_expiration.clone(), data: vec![1, 2, number] }
    }

    fn another_cookie(&mut self) -> Cookie {
        self.cookies = self.cookies.wrapping_add(1);
        self.cookie()
    }

    fn check(&self, shown: &Cookie) {
        assert_eq!(*shown, self.cookie(), "the newest, shown as it was");
    }

    fn location(&self, server: &str, file: &File) -> FileLocation {
        let base = self.content_url.clone().unwrap_or_else(|| format!("{server}/Content/"));
        FileLocation { digest: file.sha1, url: format!("{base}{}", file.name) }
    }

    fn round(&self, parameters: &SyncParameters) -> (Vec<UpdateInfo>, bool) {
        if !self.catalogue.is_empty() {
            return (self.given(parameters), false);
        }
        let known = parameters.installed_non_leaf.len() + parameters.other_cached.len();
        // The first round whose updates are not all known.
        let mut before = 0;
        let round = self.rounds.iter().find(|(updates, _)| {
            before += updates.len();
            before > known
        });
        round.or(self.rounds.last()).cloned().unwrap_or_default()
    }

    /// What of the catalogue is not known there, and has all that it builds upon.
    fn given(&self, parameters: &SyncParameters) -> Vec<UpdateInfo> {
        let core =
            |update: &UpdateInfo| Core::read(update.xml.as_deref().unwrap(), &Limits::FRAGMENT).unwrap();
        let is_installed = |id: &i32| parameters.installed_non_leaf.contains(id);
        let installed = self.catalogue.iter().filter(|update| is_installed(&update.id));
        let installed: Vec<Uuid> = installed.map(|update| core(update).identity.update).collect();
        let is_new = |id: &i32| !is_installed(id) && !parameters.other_cached.contains(id);
        let has_all = |update: &UpdateInfo| {
            core(update)
                .prerequisites
                .iter()
                .all(|clause| clause.any_of.iter().any(|one| installed.contains(one)))
        };
        self.catalogue.iter().filter(|update| is_new(&update.id) && has_all(update)).cloned().collect()
    }
}
