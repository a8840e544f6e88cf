//! Origins and which of them may open a WebSocket, RFC 6454 and RFC 6455 §10.2.

use std::{fmt, str::FromStr};

use super::{config_error::HandshakeConfigError, host::Host};

/// Where a page came from: scheme, host and port, or `null` (RFC 6454 §6).
///
/// Scheme and host compare without case, and the default port of `http` and `https` equals no port.
///
/// ```
/// use carrick::protocol::Origin;
///
/// let origin: Origin = "HTTPS://Example.com:443".parse()?;
/// assert_eq!(origin.to_string(), "https://example.com");
/// assert!("https://example.com/".parse::<Origin>().is_err());
/// # Ok::<(), carrick::protocol::HandshakeConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// `null`: a sandboxed frame, a local file, a redirect across origins.
    Opaque,
    /// `host` is `None` for `file://` alone, and never has the scheme's default port.
    Tuple { scheme: String, host: Option<Host> },
}

impl Origin {
    pub(super) fn new(scheme: &str, host: Host) -> Origin {
        let default_port = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Origin(Kind::Tuple { scheme: scheme.to_owned(), host: Some(host.without_port(default_port)) })
    }

    /// Whether this is `null`, which stands for any number of origins that have nothing in common.
    #[must_use]
    pub fn is_opaque(&self) -> bool {
        self.0 == Kind::Opaque
    }

    /// `None` if `bytes` are not one origin as RFC 6454 §7.1 serialises it.
    pub(super) fn parse(bytes: &[u8]) -> Option<Origin> {
        if bytes == b"null" {
            return Some(Origin(Kind::Opaque));
        }
        let (scheme, host) = std::str::from_utf8(bytes).ok()?.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(allowed) {
            return None;
        }
        if scheme == "file" && host.is_empty() {
            return Some(Origin(Kind::Tuple { scheme, host: None }));
        }
        Some(Origin::new(&scheme, Host::parse(host.as_bytes())?))
    }
}

impl FromStr for Origin {
    type Err = HandshakeConfigError;

    /// Reads `scheme://host`, `scheme://host:port`, `file://` or `null`.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::OriginInvalid`] for anything else, a trailing slash included.
    fn from_str(text: &str) -> Result<Origin, HandshakeConfigError> {
        Origin::parse(text.as_bytes())
            .ok_or_else(|| HandshakeConfigError::OriginInvalid { text: text.to_owned() })
    }
}

impl fmt::Display for Origin {
    /// Writes the origin as it stands in an Origin header.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Opaque => f.write_str("null"),
            Kind::Tuple { scheme, host: Some(host) } => write!(f, "{scheme}://{host}"),
            Kind::Tuple { scheme, host: None } => write!(f, "{scheme}://"),
        }
    }
}

/// Which pages may open a WebSocket to this server (RFC 6455 §10.2).
///
/// A browser lets any page connect anywhere and sends the user's cookies along; the Origin header is the only sign of
/// who asks. Programs that are no browsers send none and can forge any, so this protects users, not the server:
/// whether a request without Origin is taken is for the acceptor to say.
///
/// ```
/// use carrick::protocol::OriginPolicy;
///
/// let policy = OriginPolicy::List(vec!["https://app.example.com".parse()?]);
/// assert_ne!(policy, OriginPolicy::default());
/// # Ok::<(), carrick::protocol::HandshakeConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OriginPolicy {
    /// Pages that came from the host, scheme and port that this request went to, as the browser saw them. The default:
    /// right for a site that serves its own WebSocket, and safe for one whose author never heard of the question.
    ///
    /// `null` is never the same origin. The name of the host is taken as the request has it: a server that only its own
    /// network can reach is safe from pages whose name an attacker points at it (DNS rebinding) with `List` alone.
    #[default]
    SameOrigin,
    /// As [`SameOrigin`](OriginPolicy::SameOrigin), and these origins beside it. `null` may be listed.
    SameOriginOr(Vec<Origin>),
    /// These origins and no others, the server's own included only if it is listed. `null` may be listed.
    List(Vec<Origin>),
    /// Every page. For public services that know no cookies or other ambient credentials.
    Any,
}

impl OriginPolicy {
    /// Whether a page from `origin` may connect to a server that the browser sees as `own`.
    pub(super) fn allows(&self, origin: &Origin, own: &Origin) -> bool {
        match self {
            OriginPolicy::SameOrigin => is_same(origin, own),
            OriginPolicy::SameOriginOr(origins) => is_same(origin, own) || origins.contains(origin),
            OriginPolicy::List(origins) => origins.contains(origin),
            OriginPolicy::Any => true,
        }
    }
}

fn is_same(origin: &Origin, own: &Origin) -> bool {
    !origin.is_opaque() && origin == own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_mean_the_same_compare_equal() {
        for (one, other) in [
            ("http://a", "HTTP://A:80"),
            ("https://a:443", "https://a"),
            ("http://[::1]:8080", "http://[0:0::1]:8080"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ] {
            assert_eq!(Origin::parse(one.as_bytes()), Origin::parse(other.as_bytes()), "{one}");
            assert!(Origin::parse(one.as_bytes()).is_some(), "{one}");
        }
        for (one, other) in
            [("http://a", "https://a"), ("http://a:443", "https://a"), ("http://a", "http://a.b")]
        {
            assert_ne!(Origin::parse(one.as_bytes()), Origin::parse(other.as_bytes()), "{one}");
        }
    }

    #[test]
    fn what_is_no_serialised_origin_is_refused() {
        let wrong = [
            "",
            "NULL",
            "a",
            "http:",
            "http://",
            "http://a/",
            "http://a?b",
            "http://a#b",
            "http://u@a",
            "://a",
            "1http://a",
            "http://a http://b",
            "http://a, http://b",
            "http://a:99999",
            " http://a",
            "file:///tmp",
        ];
        for text in wrong {
            assert_eq!(Origin::parse(text.as_bytes()), None, "{text}");
        }
    }
}
