//! Cookies: a fixed layout, sealed with a key that this site's servers share.
//!
//! The seal is checked in constant time before a field is looked at; there is nothing to unpack. A
//! cookie that names more revisions than there are is from before the database was put back.

use crate::{FleetError, Result, fleet::GROUP_BYTES};
use aws_lc_rs::hmac;
use jiff::Timestamp;
use uuid::Uuid;

/// The version of this layout.
const VERSION: u8 = 2;
const SEAL: usize = 32;
/// Version, kind, server, machine, group's length, group, configuration, revision, deadlines, expiration.
const FIELDS: usize = 1 + 1 + 16 + 16 + 1 + GROUP_BYTES + 8 + 4 + 8 + 8;

/// What a cookie is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For [`GetCookie`](booster_wsus::message::GetCookie) alone.
    Authorization = 1,
    /// For everything else.
    Client = 2,
}

/// What a cookie says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    /// The machine that it was given to.
    pub(super) machine: Uuid,
    /// The group that the machine is in; empty for none.
    pub(super) group: String,
    /// The configuration that it was given under, by its time of change.
    pub(super) config: i64,
    /// The highest revision id when it was given.
    pub(super) revision: i32,
    /// The deadlines that the machine was told of for what it has cached, by their digest; 0 for none yet.
    pub(super) deadlines: u64,
    /// Until when it is good.
    pub(super) expires: Timestamp,
}

/// What seals and opens cookies.
pub(super) struct Sealer {
    key: hmac::Key,
    server: Uuid,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Why a cookie is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It was not sealed with this key, or is for something else.
    Foreign,
    /// It is of a server that this one has taken the place of.
    OtherServer,
}

impl Sealer {
    /// A key for cookies, as text.
    pub(super) fn new_key() -> Result<String> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).map_err(|_| FleetError::Randomness)?;
        Ok(hex::encode(key))
    }

    /// A sealer with a key as [`new_key`](Self::new_key) makes it. `None`: it is none.
    pub(super) fn new(key: &str, server: Uuid) -> Option<Self> {
        let key = hex::decode(key).ok().filter(|key| key.len() == 32)?;
        Some(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), server })
    }

    pub(super) fn seal(&self, purpose: Purpose, ticket: &Ticket) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIELDS + SEAL);
        bytes.extend([VERSION, purpose as u8]);
        bytes.extend(self.server.as_bytes());
        bytes.extend(ticket.machine.as_bytes());
        let group = &ticket.group.as_bytes()[..ticket.group.len().min(GROUP_BYTES)];
        // At most 64.
        bytes.push(group.len() as u8);
        bytes.extend(group);
        bytes.resize(bytes.len() + GROUP_BYTES - group.len(), 0);
        bytes.extend(ticket.config.to_be_bytes());
        bytes.extend(ticket.revision.to_be_bytes());
        bytes.extend(ticket.deadlines.to_be_bytes());
        bytes.extend(ticket.expires.as_second().to_be_bytes());
        let seal = hmac::sign(&self.key, &bytes);
        bytes.extend(seal.as_ref());
        bytes
    }

    pub(super) fn open(&self, purpose: Purpose, cookie: &[u8]) -> std::result::Result<Ticket, NotTaken> {
        let (fields, seal) = cookie.split_at_checked(FIELDS).ok_or(NotTaken::Foreign)?;
        if seal.len() != SEAL || hmac::verify(&self.key, fields, seal).is_err() {
            return Err(NotTaken::Foreign);
        }
        let mut fields = Fields(fields);
        if fields.take() != [VERSION, purpose as u8] {
            return Err(NotTaken::Foreign);
        }
        let server = Uuid::from_bytes(fields.take());
        let machine = Uuid::from_bytes(fields.take());
        let [length] = fields.take();
        let group: [u8; GROUP_BYTES] = fields.take();
        let group = group.get(..length.into()).and_then(|group| std::str::from_utf8(group).ok());
        let config = i64::from_be_bytes(fields.take());
        let revision = i32::from_be_bytes(fields.take());
        let deadlines = u64::from_be_bytes(fields.take());
        let expires = Timestamp::from_second(i64::from_be_bytes(fields.take()));
        let (Some(group), Ok(expires)) = (group, expires) else { return Err(NotTaken::Foreign) };
        if server != self.server {
            return Err(NotTaken::OtherServer);
        }
        Ok(Ticket { machine, group: group.to_owned(), config, revision, deadlines, expires })
    }
}

/// What is left of a cookie whose length was checked.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (first, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut field = [0; N];
        field[..first.len()].copy_from_slice(first);
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Uuid = Uuid::from_u128(5);

    fn ticket(group: &str) -> Ticket {
        Ticket {
            machine: Uuid::from_u128(7),
            group: group.to_owned(),
            config: 1_800_000_000,
            revision: 12,
            deadlines: u64::MAX - 1,
            expires: Timestamp::from_second(1_900_000_000).unwrap(),
        }
    }

    #[test]
    fn a_cookie_is_opened_as_it_was_sealed_for_its_purpose_alone() {
        let sealer = Sealer::new(&Sealer::new_key().unwrap(), SERVER).unwrap();
        for group in ["", "Servers", &"ü".repeat(32)] {
            let sealed = sealer.seal(Purpose::Client, &ticket(group));
            assert_eq!(sealed.len(), FIELDS + SEAL, "the length says nothing");
            assert_eq!(sealer.open(Purpose::Client, &sealed), Ok(ticket(group)));
            assert_eq!(sealer.open(Purpose::Authorization, &sealed), Err(NotTaken::Foreign));
        }
    }

    #[test]
    fn a_cookie_with_one_bit_changed_cut_or_of_another_key_is_foreign() {
        let key = Sealer::new_key().unwrap();
        let sealer = Sealer::new(&key, SERVER).unwrap();
        let sealed = sealer.seal(Purpose::Client, &ticket("a"));
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(sealer.open(Purpose::Client, &changed), Err(NotTaken::Foreign), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert_eq!(sealer.open(Purpose::Client, &sealed[..length]), Err(NotTaken::Foreign));
        }
        let other = Sealer::new(&Sealer::new_key().unwrap(), SERVER).unwrap();
        assert_eq!(other.open(Purpose::Client, &sealed), Err(NotTaken::Foreign));
        let successor = Sealer::new(&key, Uuid::from_u128(6)).unwrap();
        assert_eq!(successor.open(Purpose::Client, &sealed), Err(NotTaken::OtherServer));
    }
}
