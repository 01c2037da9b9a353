//! The tables.

use super::Kind;

/// The form of the tables. Another one is not used.
pub(super) const FORM: u32 = 1;

/// What makes the tables where they are not there.
pub(super) fn statements(kind: Kind) -> impl Iterator<Item = &'static str> {
    let own = match kind {
        Kind::Sqlite => SQLITE,
        Kind::Postgres => POSTGRES,
    };
    COMMON.into_iter().chain(own)
}

const COMMON: [&str; 4] = [
    // What servers share: the key of cookies, who they are, when their configuration changed.
    "CREATE TABLE IF NOT EXISTS fleet_settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    // The protocol names files by SHA-1, the publisher by SHA-256.
    "CREATE TABLE IF NOT EXISTS fleet_files (sha256 TEXT PRIMARY KEY, sha1 TEXT NOT NULL)",
    // An empty group stands for all.
    "CREATE TABLE IF NOT EXISTS fleet_approvals (release TEXT NOT NULL, target_group TEXT NOT NULL, \
     decision TEXT NOT NULL, deadline TEXT NOT NULL, changed TEXT NOT NULL, \
     PRIMARY KEY (release, target_group))",
    "CREATE TABLE IF NOT EXISTS fleet_machines (id TEXT PRIMARY KEY, name TEXT NOT NULL, \
     target_group TEXT NOT NULL, system TEXT NOT NULL, architecture TEXT NOT NULL, client TEXT NOT NULL, \
     registered TEXT NOT NULL, last_asked TEXT NOT NULL, last_report TEXT NOT NULL, outcome TEXT NOT NULL, \
     failure TEXT NOT NULL, versions TEXT NOT NULL)",
];

const SQLITE: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS fleet_revisions (id INTEGER PRIMARY KEY AUTOINCREMENT, \
     update_id TEXT NOT NULL, content TEXT NOT NULL, UNIQUE (update_id, content))",
    "CREATE TABLE IF NOT EXISTS fleet_reports (id INTEGER PRIMARY KEY AUTOINCREMENT, \
     machine TEXT NOT NULL, time TEXT NOT NULL, event BIGINT NOT NULL, result BIGINT NOT NULL, \
     outcome TEXT NOT NULL, failure TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS fleet_reports_machine ON fleet_reports (machine, id)",
];

const POSTGRES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS fleet_revisions (id BIGSERIAL PRIMARY KEY, \
     update_id TEXT NOT NULL, content TEXT NOT NULL, UNIQUE (update_id, content))",
    "CREATE TABLE IF NOT EXISTS fleet_reports (id BIGSERIAL PRIMARY KEY, \
     machine TEXT NOT NULL, time TEXT NOT NULL, event BIGINT NOT NULL, result BIGINT NOT NULL, \
     outcome TEXT NOT NULL, failure TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS fleet_reports_machine ON fleet_reports (machine, id)",
];
