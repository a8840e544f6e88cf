//! The servers that are reached without a proxy: the list in `no_proxy`.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use url::Host;

/// A list of servers, as the variable `no_proxy` has it.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq)]
struct Entry {
    servers: Servers,
    /// `None` for every port.
    port: Option<u16>,
}

#[derive(Debug, PartialEq)]
enum Servers {
    All,
    /// A name in lower case, without dots around it, and every name that ends in it.
    Domain(String),
    /// The addresses whose first bits are those. An IPv4 address never stands here in its IPv6 form.
    Network(IpAddr, u8),
}

impl Exceptions {
    /// Reads entries separated by commas or spaces: `*`, a name with or without a dot or `*.` in front, an address, a
    /// network as `10.0.0.0/8`; each with a port if it is for that one only. What is none of these is skipped, since one
    /// list serves many programs.
    pub(super) fn parse(text: &str) -> Exceptions {
        let words = text.split(|character: char| character == ',' || character.is_whitespace());
        Exceptions { entries: words.filter_map(Entry::parse).collect() }
    }

    /// Whether the server is on the list.
    pub(super) fn cover(&self, host: &Host<String>, port: u16) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.port.is_none_or(|only| only == port) && entry.servers.cover(host))
    }
}

impl Entry {
    fn parse(word: &str) -> Option<Entry> {
        if word.is_empty() {
            return None;
        }
        // The colons of an IPv6 address without brackets lead to no port.
        if let Some(servers) = Servers::network(word) {
            return Some(Entry { servers, port: None });
        }
        let (host, port) = match word.rsplit_once(':') {
            Some((host, port)) if !word.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (word, None),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Entry { servers: Servers::network(bare).or_else(|| Servers::domain(bare))?, port })
    }
}

impl Servers {
    fn network(text: &str) -> Option<Servers> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, b)| (a, Some(b)));
        let address = address.parse::<IpAddr>().ok()?.to_canonical();
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(longest), |digits| digits.parse().ok())?;
        (prefix <= longest).then_some(Servers::Network(address, prefix))
    }

    fn domain(text: &str) -> Option<Servers> {
        if text == "*" {
            return Some(Servers::All);
        }
        let name = text.strip_prefix('*').unwrap_or(text).trim_matches('.');
        // As the name in a URL is read: in lower case, and by its ASCII form.
        match Host::parse(name).ok()? {
            Host::Domain(name) => Some(Servers::Domain(name)),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    fn cover(&self, host: &Host<String>) -> bool {
        match (self, host) {
            (Servers::All, _) => true,
            (Servers::Domain(name), Host::Domain(host)) => {
                let rest = host.trim_end_matches('.').strip_suffix(name.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Servers::Network(address, prefix), Host::Ipv4(host)) => {
                share_bits(*address, IpAddr::V4(*host), *prefix)
            }
            (Servers::Network(address, prefix), Host::Ipv6(host)) => {
                share_bits(*address, IpAddr::V6(*host).to_canonical(), *prefix)
            }
            (Servers::Domain(_), Host::Ipv4(_) | Host::Ipv6(_)) | (Servers::Network(..), Host::Domain(_)) => {
                false
            }
        }
    }
}

/// Whether both are of one family and their first `prefix` bits are equal.
fn share_bits(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    let differing = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= u32::from(prefix)
}
