//! One proxy: where it is, what it speaks, and who we are to it.

use std::fmt;

use url::{Host, Url};

use super::{
    super::{
        address::{Address, user_of, without_secrets},
        basic::basic_authorization,
    },
    environment::proxy_of_environment,
};
use crate::{error::Error, system};

/// A proxy between a client and its server, for [`ClientBuilder::proxy`].
///
/// An HTTP proxy is asked for a tunnel by CONNECT, for `ws` too (RFC 6455 §4.1 item 2), so it sees host and port of the
/// server, and for `wss` nothing more. `Debug` and `Display` show neither user nor password, and no error and no
/// [`ConnectEvent`](crate::ConnectEvent) does.
///
/// [`ClientBuilder::proxy`]: crate::ClientBuilder::proxy
///
/// ```
/// use carrick::Proxy;
///
/// let proxy = Proxy::parse("http://user:secret@proxy.example:3128")?;
/// assert_eq!(proxy.to_string(), "http://proxy.example:3128");
/// # Ok::<(), carrick::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(in super::super) protocol: Protocol,
    pub(in super::super) host: Host<String>,
    pub(in super::super) port: u16,
    /// User name and password, within the bounds of the protocol.
    pub(in super::super) user: Option<(String, String)>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Protocol {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT over TLS to the proxy.
    Https,
    /// SOCKS5, with names resolved here.
    Socks5,
    /// SOCKS5, with names resolved by the proxy.
    Socks5h,
}

impl Proxy {
    /// Reads the URL of a proxy. One without a scheme is `http`, as in `proxy.example:3128`.
    ///
    /// | scheme | what it means | port, if none is written |
    /// |---|---|---|
    /// | `http` | HTTP CONNECT | 80 |
    /// | `https` | HTTP CONNECT over TLS to the proxy, with the roots of the client and without its certificate | 443 |
    /// | `socks5` | SOCKS5 (RFC 1928); the name of the server is resolved here | 1080 |
    /// | `socks5h` | SOCKS5; the name of the server is resolved by the proxy | 1080 |
    ///
    /// A user and a password in it are sent as Basic authentication (RFC 7617) or as RFC 1929 says for SOCKS5; `%40`
    /// stands for `@` in them. Both can be read on the way unless the scheme is `https`.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] for any other scheme, for a URL without a host or with a path, and for a user or a password that
    /// the protocol has no room for. The error names the URL without them.
    ///
    /// ```
    /// use carrick::Proxy;
    ///
    /// assert_eq!(Proxy::parse("localhost:3128")?.to_string(), "http://localhost:3128");
    /// assert_eq!(Proxy::parse("socks5h://[::1]")?.to_string(), "socks5h://[::1]:1080");
    /// assert!(Proxy::parse("socks4://localhost").is_err());
    /// # Ok::<(), carrick::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Proxy, Error> {
        let refuse = |reason: String| Error::Url { url: without_secrets(text), reason };
        let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = Url::parse(&with_scheme).map_err(|error| refuse(error.to_string()))?;
        let protocol = Protocol::named(url.scheme()).ok_or_else(|| {
            refuse(format!("scheme {:?} is none of http, https, socks5, socks5h", url.scheme()))
        })?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a proxy has no path, query or fragment".to_owned()));
        }
        // A host behind a scheme that the URL standard does not know is taken as it stands, so it is read once more.
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| refuse("it has no host".to_owned()))?;
        let host = Host::parse(host).map_err(|error| refuse(error.to_string()))?;
        let user = user_of(&url);
        if let Some((name, password)) = &user {
            protocol.check_user(name, password).map_err(|reason| refuse(reason.to_owned()))?;
        }
        Ok(Proxy { protocol, host, port: url.port().unwrap_or(protocol.default_port()), user })
    }
}

impl Protocol {
    fn named(scheme: &str) -> Option<Protocol> {
        let known = [Protocol::Http, Protocol::Https, Protocol::Socks5, Protocol::Socks5h];
        known.into_iter().find(|protocol| protocol.scheme() == scheme)
    }

    fn scheme(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Socks5 => "socks5",
            Protocol::Socks5h => "socks5h",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Protocol::Http => 80,
            Protocol::Https => 443,
            Protocol::Socks5 | Protocol::Socks5h => 1080,
        }
    }

    fn check_user(self, name: &str, password: &str) -> Result<(), &'static str> {
        match self {
            Protocol::Http | Protocol::Https => basic_authorization(name, password).map(drop),
            // RFC 1929 §2: the length of each is one byte.
            Protocol::Socks5 | Protocol::Socks5h if name.len().max(password.len()) > 255 => {
                Err("its user or password has more than 255 bytes")
            }
            Protocol::Socks5 | Protocol::Socks5h => Ok(()),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.protocol.scheme(), self.host, self.port)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

/// Which proxy leads to a server.
#[derive(Clone, Debug, Default)]
pub(crate) enum ProxyPolicy {
    /// The one that the environment names.
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one, to every server.
    Always(Proxy),
}

impl ProxyPolicy {
    pub(in super::super) fn proxy_to(&self, address: &Address) -> Result<Option<Proxy>, Error> {
        match self {
            ProxyPolicy::Environment => proxy_of_environment(address, system::variable),
            ProxyPolicy::Direct => Ok(None),
            ProxyPolicy::Always(proxy) => Ok(Some(proxy.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_host_and_port_are_told_apart() {
        for (text, expected) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("user:pw@proxy.example:3128", "http://proxy.example:3128"),
            ("127.0.0.1", "http://127.0.0.1:80"),
            ("HTTP://Proxy.Example/", "http://proxy.example:80"),
            ("https://bücher.example", "https://xn--bcher-kva.example:443"),
            ("socks5://LOCALHOST", "socks5://localhost:1080"),
            ("socks5://127.1:80", "socks5://127.0.0.1:80"),
            ("socks5h://[0:0::1]:21/", "socks5h://[::1]:21"),
        ] {
            assert_eq!(Proxy::parse(text).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_user_is_decoded_and_never_shown() {
        let proxy = Proxy::parse("socks5://us%40er:hid:den%2F@a:1").unwrap();
        assert_eq!(proxy.user, Some(("us@er".to_owned(), "hid:den/".to_owned())));
        assert_eq!(format!("{proxy} {proxy:?}"), "socks5://a:1 Proxy(socks5://a:1)");
        assert_eq!(Proxy::parse("http://u@a").unwrap().user, Some(("u".to_owned(), String::new())));
        assert_eq!(Proxy::parse("http://a").unwrap().user, None);
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_secrets() {
        let long = format!("socks5://{}:hidden@a", "u".repeat(256));
        for (text, reason) in [
            ("socks4://u:hidden@a", "scheme \"socks4\" is none of"),
            ("http://u:hidden@", "host"),
            ("socks5://", "host"),
            ("http://a/path", "path"),
            ("http://a?hidden", "query"),
            ("http://a#hidden", "fragment"),
            ("http://u:hidden#x@proxy:3128", ""),
            ("http://u:1?hidden@proxy:3128", "query"),
            ("u:1#hidden@proxy:3128", "fragment"),
            ("http://a:99999", "port"),
            ("http://us%3Aer:hidden@a", "colon"),
            (long.as_str(), "255"),
            ("", "host"),
        ] {
            match Proxy::parse(text) {
                Err(Error::Url { url, reason: why }) => {
                    assert!(why.contains(reason), "{text}: {why}");
                    assert!(!url.contains("hidden"), "{url}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let longest = format!("socks5://{}:{}@a", "u".repeat(255), "p".repeat(255));
        assert!(Proxy::parse(&longest).is_ok());
    }
}
