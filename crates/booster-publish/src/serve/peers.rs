//! Who is connected: so many at once from one address, so that nobody takes the place of all others.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Open connections by address.
#[derive(Debug)]
pub(super) struct Peers {
    most: usize,
    proxies: Vec<IpAddr>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place, free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place(Option<(Arc<Peers>, IpAddr)>);

impl Peers {
    pub(super) fn new(most: usize, proxies: Vec<IpAddr>) -> Self {
        Self { most: most.max(1), proxies, open: Mutex::default() }
    }

    /// A place for a connection. `None`: its address has as many as it may have.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        if self.proxies.contains(&peer.to_canonical()) {
            return Some(Place(None));
        }
        let address = holder(peer);
        let mut open = self.open();
        let count = open.entry(address).or_default();
        // An entry is there only while something is open.
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(self), address))))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // Numbers are changed in one step.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((peers, address)) = self.0.take() else { return };
        let mut open = peers.open();
        if let Some(count) = open.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&address);
            }
        }
    }
}

/// Who is behind an address: of IPv6 its network, since whoever has one address there has 2^64.
pub fn holder(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_a_proxy_stands_for_many() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let peers = Arc::new(Peers::new(2, vec![address("10.0.0.9")]));
        let first = peers.enter(address("10.0.0.1")).unwrap();
        // The same address, as a listener on both kinds sees it.
        let second = peers.enter(address("::ffff:10.0.0.1")).unwrap();
        assert!(peers.enter(address("10.0.0.1")).is_none());
        let _other = peers.enter(address("10.0.0.2")).unwrap();
        drop(first);
        let _third = peers.enter(address("10.0.0.1")).unwrap();
        drop(second);
        let _network = [peers.enter(address("2001:db8::1")), peers.enter(address("2001:db8::2"))];
        assert!(peers.enter(address("2001:db8::3")).is_none(), "one network is one holder");
        assert!(peers.enter(address("2001:db8:0:1::3")).is_some());
        assert!(
            (0..9).map(|_| peers.enter(address("10.0.0.9"))).collect::<Vec<_>>().iter().all(Option::is_some)
        );
    }
}
