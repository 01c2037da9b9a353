//! Which new machines may register: so many in one turn, and so many from one address in an hour.
//!
//! Anybody can claim to be a machine. Nobody can so fill the site up, or only slowly enough to be seen.

use booster_publish::serve::holder;
use jiff::{SignedDuration, Timestamp};
use std::{collections::HashMap, net::IpAddr};

/// The time for which registrations from an address are counted.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What was admitted lately.
#[derive(Debug)]
pub(super) struct Admission {
    in_turn: u32,
    by_address: HashMap<IpAddr, u32>,
    since: Timestamp,
}

impl Admission {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { in_turn: 0, by_address: HashMap::new(), since: now }
    }

    /// Begins another turn, and another hour where one is over.
    pub(super) fn turn(&mut self, now: Timestamp) {
        self.in_turn = 0;
        if now.duration_since(self.since).abs() >= HOUR {
            self.by_address.clear();
            self.since = now;
        }
    }

    /// Admits a machine from an address, where both limits allow it. There is one entry for each address from
    /// which somebody was admitted, so no more of them than machines.
    pub(super) fn admit(&mut self, address: IpAddr, in_turn: u32, by_address: u32) -> bool {
        let count = self.by_address.get(&holder(address)).copied().unwrap_or_default();
        if self.in_turn >= in_turn || count >= by_address {
            return false;
        }
        self.in_turn += 1;
        self.by_address.insert(holder(address), count + 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_registers_machine_after_machine_leaves_room_for_others() {
        let [one, other]: [IpAddr; 2] = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().unwrap());
        let at = |minute| Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
        let mut admission = Admission::new(at(0));
        let admitted =
            |admission: &mut Admission, address| (0..9).filter(|_| admission.admit(address, 5, 3)).count();
        assert_eq!((admitted(&mut admission, one), admitted(&mut admission, other)), (3, 2));
        admission.turn(at(59));
        assert_eq!((admitted(&mut admission, one), admitted(&mut admission, other)), (0, 1));
        admission.turn(at(60));
        assert_eq!(admitted(&mut admission, one), 3);
    }
}
