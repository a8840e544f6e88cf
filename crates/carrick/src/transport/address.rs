//! The address of a server, taken out of a URL.

use std::{fmt, path::PathBuf};

use http::Uri;
use url::{Host, Url};

use crate::error::Error;

/// Where a URL leads, and who asks.
#[derive(Clone)]
pub(crate) struct Address {
    /// A name, or an address of either family.
    pub(crate) host: Host<String>,
    /// The one that is written, or 80 or 443.
    pub(crate) port: u16,
    /// Whether TLS is spoken: `wss` and `https`.
    pub(crate) secure: bool,
    /// The URL for the opening handshake, without a user.
    pub(crate) uri: Uri,
    /// User name and password, if the URL has any.
    pub(crate) user: Option<(String, String)>,
    /// The Unix socket that the server listens on, if it does.
    pub(crate) socket: Option<PathBuf>,
}

impl Address {
    /// Reads a `ws`, `wss`, `http` or `https` URL, as browsers do, or one of a Unix socket:
    /// `ws+unix:///path/of/the.sock:/request/path`.
    pub(crate) fn parse(text: &str) -> Result<Address, Error> {
        let refuse = |reason: String| Error::Url { url: without_secrets(text), reason };
        let url = Url::parse(text).map_err(|error| refuse(error.to_string()))?;
        // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used".
        if url.fragment().is_some() {
            return Err(refuse("it has a fragment, a websocket address must not have one".to_owned()));
        }
        let address =
            if url.scheme() == UNIX { Address::of_unix_socket(&url) } else { Address::of_server(url) };
        address.map_err(refuse)
    }

    /// Where the server at this address redirects to.
    ///
    /// # Errors
    ///
    /// Why nobody should go there.
    pub(crate) fn redirected(&self, location: &str) -> Result<Address, String> {
        let base = Url::parse(&self.uri.to_string()).map_err(|error| error.to_string())?;
        let mut url = base.join(location).map_err(|error| format!("location cannot be read: {error}"))?;
        // RFC 9110 §4.2.4: "Before making use of [a] URI reference received from an untrusted source, a recipient SHOULD
        // parse for userinfo and treat its presence as an error".
        if !url.username().is_empty() || url.password().is_some() {
            return Err("location has a user".to_owned());
        }
        url.set_fragment(None);
        let mut address = Address::of_server(url)?;
        if self.has_origin_of(&address) {
            address.socket.clone_from(&self.socket);
        } else if self.socket.is_some() {
            return Err("it leads away from the server on the unix socket".to_owned());
        }
        if self.secure && !address.secure {
            return Err("it leads from wss to ws".to_owned());
        }
        Ok(address)
    }

    /// Whether both have the same scheme, host and port (RFC 6454 §5), `ws` counting as `http`.
    pub(crate) fn has_origin_of(&self, other: &Address) -> bool {
        (self.secure, &self.host, self.port) == (other.secure, &other.host, other.port)
    }

    fn of_server(mut url: Url) -> Result<Address, String> {
        let secure = match url.scheme() {
            "ws" | "http" => false,
            "wss" | "https" => true,
            other => return Err(format!("scheme {other:?} is none of ws, wss, http, https")),
        };
        let host = url.host().ok_or_else(|| "it has no host".to_owned())?.to_owned();
        let port = url.port().unwrap_or(if secure { 443 } else { 80 });
        let user = user_of(&url);
        // A URL with a host can always lose its user.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let uri = url.as_str().parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
        Ok(Address { host, port, secure, uri, user, socket: None })
    }

    /// The first colon of the path divides the socket from what is requested, "/" if nothing is. The host is
    /// `localhost`.
    fn of_unix_socket(url: &Url) -> Result<Address, String> {
        if cfg!(not(unix)) {
            return Err("there are no unix sockets on this system".to_owned());
        }
        if url.has_host() && url.host_str().is_some_and(|host| !host.is_empty()) {
            return Err("it has a host, a unix socket has none: ws+unix:///path/of/the.sock:/path".to_owned());
        }
        let (socket, requested) = url.path().split_once(':').unwrap_or((url.path(), "/"));
        if socket.len() < 2 || !socket.starts_with('/') {
            return Err("it has no absolute path of a unix socket".to_owned());
        }
        let path = if requested.is_empty() { "/" } else { requested };
        if !path.starts_with('/') {
            return Err("what is requested does not start with a slash".to_owned());
        }
        let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
        let server =
            Url::parse(&format!("ws://localhost{path}{query}")).map_err(|error| error.to_string())?;
        let socket = PathBuf::from(percent_decoded(socket));
        Ok(Address { socket: Some(socket), ..Address::of_server(server)? })
    }
}

/// Host, port and path. A user and a query often are secrets.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        if let Some(socket) = &self.socket {
            write!(f, "{} ", socket.display())?;
        }
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.uri.path())
    }
}

/// User name and password of a URL, if it has any.
pub(super) fn user_of(url: &Url) -> Option<(String, String)> {
    match (url.username(), url.password()) {
        ("", None) => None,
        (name, password) => Some((percent_decoded(name), percent_decoded(password.unwrap_or_default()))),
    }
}

/// A URL, valid or not, for an error that may be logged: without its user, its query and its fragment.
///
/// A password may have a `/`, `?` or `#` in it that nobody escaped, and an `@` may stand in a query. So a user goes up to
/// the last `@`, and of a URL where that is behind a `?` or a `#` nothing but the scheme is sure to be no secret.
pub(super) fn without_secrets(url: &str) -> String {
    let behind_scheme =
        url.split_once("://").filter(|(scheme, _)| !scheme.contains([':', '/', '?', '#', '@']));
    let rest = behind_scheme.map_or(url, |(_, rest)| rest);
    let (lead, _) = url.split_at(url.len() - rest.len());
    let (place, end) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    if end.contains('@') {
        return format!("{lead}…");
    }
    let (user, host) = place.rfind('@').map_or(("", place), |at| ("…", &place[at..]));
    let end = end.get(..1).map_or_else(String::new, |mark| format!("{mark}…"));
    format!("{lead}{user}{host}{end}")
}

/// The bytes behind `%41`, read as UTF-8.
fn percent_decoded(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| hex_pair(behind)).flatten();
        decoded.push(escaped.unwrap_or(*first));
        rest = behind.get(if escaped.is_some() { 2 } else { 0 }..).unwrap_or_default();
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let [high, low] = *bytes.first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

const UNIX: &str = "ws+unix";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_port_and_scheme_are_told_apart() {
        for (url, expected) in [
            ("ws://a.example", "ws://a.example:80/"),
            ("wss://a.example/x?y=1", "wss://a.example:443/x"),
            ("HTTPS://A.example:8443/", "wss://a.example:8443/"),
            ("http://127.1/", "ws://127.0.0.1:80/"),
            ("ws://[::1]:9000/echo", "ws://[::1]:9000/echo"),
            ("ws://bücher.example/", "ws://xn--bcher-kva.example:80/"),
        ] {
            assert_eq!(format!("{:?}", Address::parse(url).unwrap()), expected);
        }
    }

    #[test]
    fn the_request_gets_the_path_and_the_query_and_no_user() {
        let address = Address::parse("wss://us%40er:p%3Ass@a.example:444/x y?q=1").unwrap();
        assert_eq!(address.uri.to_string(), "wss://a.example:444/x%20y?q=1");
        assert_eq!(address.user, Some(("us@er".to_owned(), "p:ss".to_owned())));
        assert_eq!(Address::parse("ws://u@a/").unwrap().user, Some(("u".to_owned(), String::new())));
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_socket_stands_in_front_of_what_is_asked_for() {
        let address = Address::parse("ws+unix:///run/a%20b.sock:/chat?room=1").unwrap();
        assert_eq!(address.socket, Some(PathBuf::from("/run/a b.sock")));
        assert_eq!(address.uri, "ws://localhost/chat?room=1");
        assert_eq!(format!("{address:?}"), "/run/a b.sock ws://localhost:80/chat");
        assert_eq!(Address::parse("ws+unix:/a.sock").unwrap().uri, "ws://localhost/");
        for (url, reason) in [
            ("ws+unix://host/a.sock", "host"),
            ("ws+unix:a.sock", "absolute"),
            ("ws+unix:///", "absolute"),
            ("ws+unix:///a.sock:chat", "slash"),
            ("ws+unix:///a.sock:/#x", "fragment"),
        ] {
            match Address::parse(url) {
                Err(Error::Url { reason: why, .. }) => assert!(why.contains(reason), "{url}: {why}"),
                other => panic!("{url}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_name_and_without_its_secrets() {
        for (url, named, reason) in [
            ("ws://a/#", "ws://a/#…", "fragment"),
            ("ws://a/#access_token=secret", "ws://a/#…", "fragment"),
            ("ws://u:secret@a/?token=secret#top", "ws://…@a/?…", "fragment"),
            ("ftp://a/", "ftp://a/", "scheme \"ftp\""),
            ("ws://", "ws://", "empty host"),
            ("a.example:80/x", "a.example:80/x", "scheme"),
            ("/chat", "/chat", "relative"),
            ("ws://a:99999/", "ws://a:99999/", "port"),
            ("wss://u:se/cret@:x/", "wss://…@:x/", ""),
            ("wss://u:se#cret@host/", "wss://…", ""),
            ("wss://u:12#secret@host/", "wss://…", "fragment"),
            ("wss://u:se?cret@host:x/#", "wss://…", ""),
            ("ftp://a/?key=se@cret", "ftp://…", "scheme"),
            ("ftp://u:se://cret@a:x/", "ftp://…@a:x/", "port"),
            ("u:se://cret@a", "…@a", "scheme"),
        ] {
            match Address::parse(url) {
                Err(Error::Url { url: given, reason: why }) => {
                    assert_eq!(given, named);
                    assert!(why.contains(reason), "{url}: {why}");
                }
                other => panic!("{url}: {other:?}"),
            }
        }
    }
}
