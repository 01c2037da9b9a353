//! Several servers on one database, asked in turn as a balancer has it.

use crate::{
    native::{call, code, content, cookie, extended, scan, sync, until},
    site::{Server, Setup, Site},
};
use booster_test_support::Postgres;
use booster_wsus::{ErrorCode, message::*};
use std::time::Duration;

/// A server that takes nothing up by itself.
const LATE: Duration = Duration::from_secs(24 * 3600);

/// What the newest revisions hold, all of them known and all of their files there.
fn has_all(server: &Server, cookie: &Cookie, leaves: &[i32]) {
    let info = extended(server, cookie, leaves);
    assert_eq!((info.updates.len(), info.out_of_scope), (leaves.len(), vec![]));
    for location in &info.locations {
        assert!(content(server, &location.url).0.contains(" 200 "), "{}", location.url);
    }
}

async fn one_server_across_publications(database: Option<String>) {
    let site = Site::new(Setup { database, ..Setup::default() }).await;
    let late = site.another(Setup { turn: LATE, ..Setup::default() }).await;
    let old = cookie(&late, 1);
    let (_, mut leaves) = scan(&late, &old);
    for number in 2..7 {
        site.put(number).await;
        until(|| scan(&site, &old).1 != leaves).await;
        // A cookie that names more revisions than the late one knows.
        let new = cookie(&site, number.into());
        let (categories, newest) = scan(&site, &new);
        let info = extended(&site, &new, &newest);
        let location = info.locations.iter().max_by_key(|it| it.url.ends_with(".json")).unwrap();
        match number {
            2 => {
                let known = call(&late, &sync(&new, categories, newest.clone())).unwrap();
                assert_eq!((known.new_updates.len(), known.out_of_scope), (0, vec![]));
            }
            3 => has_all(&late, &new, &newest),
            4 => assert!(content(&late, &location.url).0.contains(" 200 ")),
            5 => {
                let digests = info.locations.iter().map(|location| location.digest).collect();
                let located = call(&late, &GetFileLocations { cookie: new.clone(), digests }).unwrap();
                assert_eq!(located.locations.len(), info.locations.len());
            }
            // What the late one gives out still, the other one answers for.
            _ => {
                let (_, known) = scan(&late, &old);
                assert_ne!(known, newest, "nobody has asked it for what is new");
                has_all(&site, &old, &known);
            }
        }
        has_all(&site, &new, &newest);
        has_all(&late, &new, &newest);
        leaves = newest;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_one_sqlite_are_one_server_while_something_is_published() {
    one_server_across_publications(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_one_postgresql_are_one_server_while_something_is_published() {
    let Some(postgres) = Postgres::start() else { return };
    one_server_across_publications(Some(postgres.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_renewed_once_half_of_its_time_is_over_and_good_everywhere() {
    let site = Site::new(Setup::default()).await;
    let long = Setup { cookie_lifetime: Duration::from_secs(24 * 3600), ..Setup::default() };
    let other = site.another(long).await;
    let first = cookie(&site, 1);
    assert_eq!(call(&site, &sync(&first, vec![], vec![])).unwrap().new_cookie, None);
    // Of the time that the other one gives, more than half is over.
    let renewed = call(&other, &sync(&first, vec![], vec![])).unwrap().new_cookie.unwrap();
    assert!(renewed.expires().unwrap() > first.expires().unwrap());
    assert!(call(&site, &sync(&renewed, vec![], vec![])).is_ok());
    assert_eq!(call(&other, &sync(&renewed, vec![], vec![])).unwrap().new_cookie, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_configuration_reaches_those_who_kept_the_old_one() {
    let ask = |server: &Server| call(server, &GetConfig { protocol_version: "1.8".into() }).unwrap();
    let limit = |config: &ServerConfig| config.property("MaxExtendedUpdatesPerRequest").map(str::to_owned);
    let site = Site::new(Setup { turn: LATE, ..Setup::default() }).await;
    let (first, old) = (ask(&site), cookie(&site, 1));
    let same = site.another(Setup::default()).await;
    assert_eq!(ask(&same), first, "another server that says the same changes nothing");
    let other = site.another(Setup { revisions: 20, ..Setup::default() }).await;
    let second = ask(&other);
    assert_eq!((limit(&first).as_deref(), limit(&second).as_deref()), (Some("50"), Some("20")));
    assert_ne!(first.last_change, second.last_change);
    assert_eq!(code(call(&other, &sync(&old, vec![], vec![]))), Some(ErrorCode::ConfigChanged));
    // The first one has not heard of it yet, and asks the database before it says anything.
    let new = cookie(&other, 1);
    assert!(call(&site, &sync(&new, vec![], vec![])).is_ok());
    assert_eq!(code(call(&site, &sync(&old, vec![], vec![]))), Some(ErrorCode::ConfigChanged));
}
