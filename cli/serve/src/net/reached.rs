//! By which address others reach a server that listens on all addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Addresses for documentation (RFC 5737, RFC 3849): the route to them is that to anywhere. Nothing is sent to them.
const ANYWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// The address itself, or for `0.0.0.0` and `[::]` that of this machine on the route to others; without a route the loopback.
pub fn from_elsewhere(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    // `[::]` takes IPv4, too.
    let families = ANYWHERE
        .iter()
        .filter(|to| to.is_ipv4() || address.is_ipv6());
    let own = families.filter_map(|to| own_address(*to)).next();
    let own = own.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    SocketAddr::new(own, address.port())
}

/// The address that this machine has on the route to another. Connecting a UDP socket sends nothing.
fn own_address(to: IpAddr) -> Option<IpAddr> {
    let any = match to {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((to, 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_unspecified() && !own.is_loopback()).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_no_client_can_connect_to_is_not_given() {
        for text in ["0.0.0.0:4711", "[::]:4711"] {
            let reached = from_elsewhere(text.parse().unwrap());
            assert!(!reached.ip().is_unspecified(), "{text}");
            assert_eq!(reached.port(), 4711);
        }
        let own = "127.0.0.1:80".parse().unwrap();
        assert_eq!(from_elsewhere(own), own);
    }
}
