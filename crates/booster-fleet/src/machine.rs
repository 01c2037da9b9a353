//! Machines and what they report, as they claim it.

use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A machine that has registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// What it calls itself for its whole life.
    pub id: Uuid,
    /// Its host name.
    pub name: String,
    /// The group that it is in; empty for none.
    pub group: String,
    /// Its operating system in words.
    pub system: String,
    /// Its processor.
    pub architecture: String,
    /// The version of its Booster, as far as it says.
    pub client: String,
    /// When it registered first.
    pub registered: Timestamp,
    /// When it last asked what there is.
    pub last_asked: Option<Timestamp>,
    /// When it last reported.
    pub last_report: Option<Timestamp>,
    /// How its last update ended.
    pub outcome: String,
    /// What failed then; empty for nothing.
    pub failure: String,
    /// What is installed, component by component.
    pub versions: BTreeMap<String, String>,
}

/// One report of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// When it arrived.
    pub time: Timestamp,
    /// The protocol's number for what happened.
    pub event: i16,
    /// How it went, as an HRESULT.
    pub result: i32,
    /// How the update ended.
    pub outcome: String,
    /// What failed; empty for nothing.
    pub failure: String,
}

impl Report {
    /// What happened, in words.
    pub const fn title(&self) -> &'static str {
        match self.event {
            147 => "searched",
            148 => "search failed",
            161 => "download failed",
            182 => "installation failed",
            183 => "installed",
            _ => "reported",
        }
    }

    /// Whether something has failed, by the event's number or its result.
    pub const fn is_failure(&self) -> bool {
        matches!(self.event, 148 | 161 | 182) || self.result < 0
    }
}
