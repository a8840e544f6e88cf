//! What the browser saw, as the proxies in between report it: RFC 7239 and the X-Forwarded headers before it.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use http::{
    HeaderMap, HeaderName,
    header::{FORWARDED, HOST},
};

use super::{
    config_error::HandshakeConfigError,
    header_values::{Scanner, list},
    host::Host,
    peer::{Peer, PeerAddress},
};

/// The scheme of a request as a browser sees it: `ws` counts as `http` and `wss` as `https` (RFC 6455 §10.2).
///
/// ```
/// use carrick::protocol::Scheme;
///
/// assert_eq!(Scheme::Https.to_string(), "https");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    fn parse(text: &str) -> Option<Scheme> {
        // Some proxies report the scheme of the WebSocket URL.
        let known =
            [("http", Scheme::Http), ("https", Scheme::Https), ("ws", Scheme::Http), ("wss", Scheme::Https)];
        known.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, scheme)| *scheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        })
    }
}

/// The request as the client sent it, before any proxy that is trusted.
///
/// ```
/// use carrick::protocol::{Peer, PeerAddress, Scheme, TrustedProxies};
///
/// let trusted: TrustedProxies = "10.0.0.0/8".parse()?;
/// let proxy = Peer { address: Some(PeerAddress::Ip(([10, 0, 0, 1], 4711).into())), tls: false };
/// let request = http::Request::builder()
///     .header("host", "backend:8080")
///     .header("forwarded", "for=192.0.2.7;proto=https;host=example.com")
///     .body(())?;
///
/// let front = trusted.front(&request, &proxy);
/// assert_eq!(front.scheme, Scheme::Https);
/// assert_eq!(front.host.unwrap().name(), "example.com");
/// assert_eq!(front.address, Some([192, 0, 2, 7].into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Front {
    /// Whether the client spoke TLS.
    pub scheme: Scheme,
    /// The host the client asked for; `None` if the request names none that can be understood.
    pub host: Option<Host>,
    /// The address of the client; `None` for a Unix socket, and where nobody knows it or a proxy does not tell.
    pub address: Option<IpAddr>,
}

/// The proxies whose word about the client is taken.
///
/// Default: none, and then `Forwarded` and the X-Forwarded headers are ignored, for anybody can write them. A
/// network that is too wide lets whoever is inside it choose the address and origin this server believes in. A trusted
/// proxy must set or remove *both* kinds of header: `Forwarded` is preferred where both are there.
///
/// ```
/// use carrick::protocol::TrustedProxies;
///
/// let trusted: TrustedProxies = "10.0.0.0/8, fd00::/8, unix".parse()?;
/// assert_ne!(trusted, TrustedProxies::default());
/// # Ok::<(), carrick::protocol::HandshakeConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNetwork>,
    unix_sockets: bool,
}

impl TrustedProxies {
    /// Trusts the proxies in `networks`.
    #[must_use]
    pub fn new(networks: Vec<IpNetwork>) -> TrustedProxies {
        TrustedProxies { networks, unix_sockets: false }
    }

    /// Sets whether a peer on a Unix socket ([`PeerAddress::Unix`]) is a trusted proxy. Default: false.
    #[must_use]
    pub fn with_unix_sockets(mut self, trusted: bool) -> TrustedProxies {
        self.unix_sockets = trusted;
        self
    }

    /// Whether `peer` is a trusted proxy. One of which nobody knows where it is never is.
    #[must_use]
    pub fn trusts(&self, peer: &Peer) -> bool {
        match peer.address {
            Some(PeerAddress::Ip(address)) => self.contains(address.ip()),
            Some(PeerAddress::Unix) => self.unix_sockets,
            None => false,
        }
    }

    /// What the client saw.
    ///
    /// If `peer` is trusted the chain in `Forwarded` (RFC 7239), or else in `X-Forwarded-For`, `-Proto` and `-Host`, is
    /// walked from its right end, the hop nearest to us, up to the first address that is not trusted; scheme and
    /// host are those that hop reported. A chain that is malformed anywhere is ignored as a whole, and so is one
    /// from a peer that is not trusted: the result is then what `peer` itself sent.
    #[must_use]
    pub fn front(&self, request: &http::Request<()>, peer: &Peer) -> Front {
        let direct = Front {
            scheme: if peer.tls { Scheme::Https } else { Scheme::Http },
            host: direct_host(request),
            address: peer.address.and_then(|address| address.ip()).map(|address| address.to_canonical()),
        };
        if !self.trusts(peer) {
            return direct;
        }
        let hops = if request.headers().contains_key(FORWARDED) {
            forwarded(request.headers())
        } else {
            x_forwarded(request.headers())
        };
        let Some(hop) = hops.as_deref().and_then(|hops| self.outermost(hops)) else { return direct };
        Front {
            scheme: hop.scheme.unwrap_or(direct.scheme),
            host: hop.host.clone().or(direct.host),
            address: hop.address,
        }
    }

    /// The hop that the last trusted proxy reported, counted from the right.
    fn outermost<'a>(&self, hops: &'a [Hop]) -> Option<&'a Hop> {
        let reported_by_trusted = |hop: &&Hop| !hop.address.is_some_and(|address| self.contains(address));
        hops.iter().rev().find(reported_by_trusted).or(hops.first())
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }
}

impl FromStr for TrustedProxies {
    type Err = HandshakeConfigError;

    /// Reads networks separated by commas; the word `unix` stands for Unix sockets, an empty text for nobody.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::NetworkInvalid`] names the first member that is neither.
    fn from_str(text: &str) -> Result<TrustedProxies, HandshakeConfigError> {
        let mut trusted = TrustedProxies::default();
        for member in text.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            if member == "unix" {
                trusted.unix_sockets = true;
            } else {
                trusted.networks.push(member.parse()?);
            }
        }
        Ok(trusted)
    }
}

/// A range of IP addresses that share their first bits.
///
/// ```
/// use carrick::protocol::IpNetwork;
///
/// let network: IpNetwork = "10.0.0.0/8".parse()?;
/// assert!(network.contains([10, 1, 2, 3].into()));
/// assert!(!network.contains([11, 1, 2, 3].into()));
/// assert!("10.0.0.1/8".parse::<IpNetwork>().is_err());
/// # Ok::<(), carrick::protocol::HandshakeConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetwork {
    /// No bit is set behind the prefix.
    address: IpAddr,
    /// `prefix <= 32` for IPv4, `prefix <= 128` for IPv6.
    prefix: u8,
}

impl IpNetwork {
    /// Whether `address` is in the network. An IPv4 address written as IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        first_bits(address.to_canonical(), self.prefix) == Some(self.address)
    }
}

impl FromStr for IpNetwork {
    type Err = HandshakeConfigError;

    /// Reads `address/prefix`, or an address alone, which is a network of one.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::NetworkInvalid`], also if a bit is set behind the prefix, most likely by mistake.
    fn from_str(text: &str) -> Result<IpNetwork, HandshakeConfigError> {
        parse_network(text).ok_or_else(|| HandshakeConfigError::NetworkInvalid { text: text.to_owned() })
    }
}

fn parse_network(text: &str) -> Option<IpNetwork> {
    let (address, prefix) =
        text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().ok()?;
    let prefix = match prefix {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
        None if address.is_ipv4() => 32,
        None => 128,
    };
    (first_bits(address, prefix)? == address).then_some(IpNetwork { address, prefix })
}

/// `address` with every bit behind the first `count` cleared; `None` if it has fewer bits than that.
fn first_bits(address: IpAddr, count: u8) -> Option<IpAddr> {
    let count = u32::from(count);
    Some(match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(u32::BITS.checked_sub(count)?).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(u128::BITS.checked_sub(count)?).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    })
}

fn direct_host(request: &http::Request<()>) -> Option<Host> {
    Host::parse(named_host(request)?)
}

/// The host that the request itself names: in its target, or else in its Host header (RFC 9112 §3.2.2).
pub(super) fn named_host(request: &http::Request<()>) -> Option<&[u8]> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => request.headers().get(HOST).map(|value| value.as_bytes()),
    }
}

/// What one proxy reported about the request it received.
#[derive(Debug, Default)]
struct Hop {
    scheme: Option<Scheme>,
    host: Option<Host>,
    /// `None` if the proxy hides it or tells none.
    address: Option<IpAddr>,
}

/// The chain in `Forwarded`, the hop nearest to us last; `None` if it is malformed.
fn forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    list(headers, &FORWARDED, forwarded_element).ok()
}

/// RFC 7239 §4: pairs separated by semicolons, each name at most once. Names we have no use for are skipped.
fn forwarded_element(scanner: &mut Scanner<'_>) -> Option<Hop> {
    let (mut node, mut scheme, mut host) = (None, None, None);
    loop {
        let name = scanner.token()?;
        if !scanner.eat(b'=') {
            return None;
        }
        let value = scanner.word()?;
        let slot = match name.to_ascii_lowercase().as_str() {
            "for" => Some(&mut node),
            "proto" => Some(&mut scheme),
            "host" => Some(&mut host),
            _ => None,
        };
        if slot.is_some_and(|slot| slot.replace(value).is_some()) {
            return None;
        }
        if !scanner.eat(b';') {
            return hop(node, scheme, host);
        }
    }
}

/// The chain in the X-Forwarded headers; `None` if there is none or it is malformed.
///
/// Proxies append to `-For`; `-Proto` and `-Host` are appended to by some and overwritten by others. A single value
/// stands for every hop, as many values as addresses belong to them one by one, any other number fits nothing.
fn x_forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let [nodes, schemes, hosts] = [X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST].map(|name| {
        let name = HeaderName::from_static(name);
        let values = headers.get_all(name).iter().map(|value| value.to_str().ok());
        let values: Option<Vec<&str>> = values.collect();
        let members = values?.into_iter().flat_map(|value| value.split(',')).map(str::trim);
        Some(members.take(MAX_HOPS + 1).collect::<Vec<_>>())
    });
    let (nodes, schemes, hosts) = (nodes?, schemes?, hosts?);
    let count = nodes.len().max(schemes.len()).max(hosts.len());
    let fits = |members: &[&str]| matches!(members.len(), 0 | 1) || members.len() == count;
    let nodes_fit = nodes.is_empty() || nodes.len() == count;
    if count > MAX_HOPS || !nodes_fit || !fits(&schemes) || !fits(&hosts) {
        return None;
    }
    let member = |members: &[&'_ str], index: usize| {
        members.get(index).or(members.first()).map(|text| Cow::Owned((*text).to_owned()))
    };
    (0..count)
        .map(|index| hop(member(&nodes, index), member(&schemes, index), member(&hosts, index)))
        .collect()
}

fn hop(node: Option<Cow<'_, str>>, scheme: Option<Cow<'_, str>>, host: Option<Cow<'_, str>>) -> Option<Hop> {
    let mut hop = Hop::default();
    if let Some(node) = node {
        hop.address = parse_node(&node)?;
    }
    if let Some(scheme) = scheme {
        hop.scheme = Some(Scheme::parse(&scheme)?);
    }
    if let Some(host) = host {
        hop.host = Some(Host::parse(host.as_bytes())?);
    }
    Some(hop)
}

/// RFC 7239 §6: an address with an optional port, `unknown`, or an obfuscated name. The outer `None` is malformed.
fn parse_node(node: &str) -> Option<Option<IpAddr>> {
    if node.eq_ignore_ascii_case("unknown") || node.starts_with('_') {
        return Some(None);
    }
    // X-Forwarded-For writes IPv6 addresses without brackets.
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(Some(address.to_canonical()));
    }
    let host = Host::parse(node.as_bytes())?;
    let address = host.name().trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?;
    Some(Some(address.to_canonical()))
}

const X_FORWARDED_FOR: &str = "x-forwarded-for";
const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
const X_FORWARDED_HOST: &str = "x-forwarded-host";

/// More proxies than this in a row are taken for an attempt to make us work.
const MAX_HOPS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_exactly_the_addresses_with_its_prefix() {
        let inside =
            [("0.0.0.0/0", "9.9.9.9"), ("10.0.0.0/9", "10.127.255.255"), ("::1", "::1"), ("::/0", "ff::1")];
        let outside =
            [("10.0.0.0/9", "10.128.0.0"), ("::1", "::2"), ("0.0.0.0/0", "::1"), ("10.0.0.1", "10.0.0.2")];
        for (network, address) in inside {
            assert!(
                network.parse::<IpNetwork>().unwrap().contains(address.parse().unwrap()),
                "{network} {address}"
            );
        }
        for (network, address) in outside {
            assert!(
                !network.parse::<IpNetwork>().unwrap().contains(address.parse().unwrap()),
                "{network} {address}"
            );
        }
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert!("10.0.0.0/8".parse::<IpNetwork>().unwrap().contains(mapped));
    }

    #[test]
    fn a_network_that_is_no_network_is_refused() {
        for text in [
            "",
            "a",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.0/+8",
            "10.0.0.1/8",
            "::/129",
            "::1/0",
        ] {
            assert!(text.parse::<IpNetwork>().is_err(), "{text}");
        }
    }
}
