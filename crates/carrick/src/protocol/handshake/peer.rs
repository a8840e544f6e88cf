//! Who is at the other end of a stream, as far as the transport knows.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

/// Who is at the other end of the socket.
///
/// ```
/// use carrick::protocol::{Peer, PeerAddress};
///
/// let peer = Peer { address: Some(PeerAddress::Ip(([192, 0, 2, 1], 4711).into())), tls: false };
/// let proxy = Peer { address: Some(PeerAddress::Unix), tls: false };
/// assert_eq!(Peer::default(), Peer { address: None, tls: false });
/// # let _ = (peer, proxy);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Where the peer is; `None` if nobody knows, and then it is never a trusted proxy. Default: `None`.
    pub address: Option<PeerAddress>,
    /// Whether the peer spoke TLS with us. Default: false.
    pub tls: bool,
}

/// Where a peer is.
///
/// ```
/// use carrick::protocol::PeerAddress;
///
/// let address = PeerAddress::Ip(([192, 0, 2, 1], 4711).into());
/// assert_eq!(address.to_string(), "192.0.2.1:4711");
/// assert_eq!(PeerAddress::Unix.to_string(), "unix");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerAddress {
    /// Behind this address and port. No decision depends on the port.
    Ip(SocketAddr),
    /// On the same machine, behind a Unix socket.
    Unix,
}

impl PeerAddress {
    /// The address without the port; `None` for a Unix socket.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            PeerAddress::Ip(address) => Some(address.ip()),
            PeerAddress::Unix => None,
        }
    }
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> PeerAddress {
        PeerAddress::Ip(address)
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddress::Ip(address) => address.fmt(f),
            PeerAddress::Unix => f.write_str("unix"),
        }
    }
}
