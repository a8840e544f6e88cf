//! A host with an optional port, as it stands in Host, Origin, Forwarded and in URLs.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use super::config_error::HandshakeConfigError;

/// A host name or address, with the port if one was written (RFC 3986 §3.2.2).
///
/// Names are kept in lower case and IPv6 addresses in their shortest form, so equal hosts compare equal.
///
/// ```
/// use carrick::protocol::Host;
///
/// let host: Host = "Example.COM:8080".parse()?;
/// assert_eq!(host.name(), "example.com");
/// assert_eq!(host.port(), Some(8080));
/// assert_eq!("[0:0::1]".parse::<Host>()?.to_string(), "[::1]");
/// assert!("user@example.com".parse::<Host>().is_err());
/// # Ok::<(), carrick::protocol::HandshakeConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    name: String,
    port: Option<u16>,
}

impl Host {
    /// The name without the port, in lower case; an IPv6 address stands in brackets.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port, if one was written.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same host, its port left out where it equals `default_port`.
    pub(super) fn without_port(self, default_port: Option<u16>) -> Host {
        let port = self.port.filter(|port| Some(*port) != default_port);
        Host { name: self.name, port }
    }

    /// `None` if `bytes` are not `host [ ":" port ]`.
    pub(super) fn parse(bytes: &[u8]) -> Option<Host> {
        let (name, port) = checked(bytes)?;
        Some(Host { name: normal_name(name), port })
    }

    /// Whether `bytes` are `host [ ":" port ]`.
    pub(super) fn is_valid(bytes: &[u8]) -> bool {
        checked(bytes).is_some()
    }
}

impl FromStr for Host {
    type Err = HandshakeConfigError;

    /// Reads `host` or `host:port`.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::HostInvalid`] for anything else: user information, a path, spaces, an empty name, a port
    /// above 65535.
    fn from_str(text: &str) -> Result<Host, HandshakeConfigError> {
        Host::parse(text.as_bytes())
            .ok_or_else(|| HandshakeConfigError::HostInvalid { text: text.to_owned() })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// The name and the port as they are written; `None` if `bytes` are not both.
fn checked(bytes: &[u8]) -> Option<(&str, Option<u16>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let name_end = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.find(']')? + 2,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (name, rest) = text.split_at_checked(name_end)?;
    let port = match rest.strip_prefix(':') {
        // RFC 3986 §3.2.3: the port may be empty, which means the default.
        Some("") => None,
        Some(digits) => Some(parse_port(digits)?),
        None if rest.is_empty() => None,
        None => return None,
    };
    is_name(name).then_some((name, port))
}

fn parse_port(digits: &str) -> Option<u16> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn ipv6(name: &str) -> Option<Ipv6Addr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn is_name(name: &str) -> bool {
    if name.starts_with('[') {
        return ipv6(name).is_some();
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        return false;
    }
    // Digits and dots alone are an address or nothing: 1.2.3.4.5 is no name.
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    !is_number || name.parse::<Ipv4Addr>().is_ok()
}

/// How a name that is one is kept.
fn normal_name(name: &str) -> String {
    ipv6(name).map_or_else(|| name.to_ascii_lowercase(), |address| format!("[{address}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_mean_the_same_compare_equal() {
        for (one, other) in [("A.b", "a.B"), ("[::1]:80", "[0::0:1]:80"), ("a:", "a"), ("a:080", "a:80")] {
            assert_eq!(Host::parse(one.as_bytes()), Host::parse(other.as_bytes()), "{one} {other}");
            assert!(Host::parse(one.as_bytes()).is_some(), "{one}");
        }
    }

    #[test]
    fn anything_but_host_and_port_is_refused() {
        let wrong = [
            "",
            ":80",
            "a b",
            "a/b",
            "u@a",
            "a:b",
            "a:-1",
            "a:+1",
            "a:65536",
            "::1",
            "[::1",
            "[::1]x",
            "[a]",
            "1.2.3.4.5",
            "a,\u{e9}",
        ];
        for text in wrong {
            assert_eq!(Host::parse(text.as_bytes()), None, "{text}");
        }
    }
}
