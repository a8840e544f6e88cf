//! The steps of opening a connection, told as they happen.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use http::{Request, Response, Version};

use super::{head_lines::HeadLines, settings::ShownSettings};
use crate::system;

/// One step of opening a connection, for a trace: [`ClientBuilder::on_connect_event`].
///
/// `Display` gives a line for people. For the two heads it gives their first line and a line for each header, led by
/// `> ` (sent) or `< ` (received). Shown as `…` are, both ways, the values of headers in whose name one of these words
/// stands between `-` or `_`: apikey, auth, authorization, cookie, key, password, secret, session, token (but not of
/// `Sec-WebSocket-Key`, which is no secret); and of a request that is sent, all headers that were added but `User-Agent`.
/// Everything else is shown as it is, also the query, `Sec-WebSocket-Protocol` and `Location`: whoever sends a token in one
/// of these prints it. The credentials of a proxy or of a URL stand in no event.
///
/// `Debug` and the fields have the heads as they are.
///
/// [`ClientBuilder::on_connect_event`]: crate::ClientBuilder::on_connect_event
///
/// ```
/// use carrick::ConnectEvent;
///
/// let event = ConnectEvent::Connecting { address: "[::1]:9000".parse()? };
/// assert_eq!(event.to_string(), "connecting to [::1]:9000");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ConnectEvent<'a> {
    /// The addresses of a name are known. Does not come for a host that is an address already.
    Resolved {
        /// The name: of the server, or of its proxy.
        host: &'a str,
        /// The addresses in the order of the resolver, each with the port.
        addresses: &'a [SocketAddr],
        /// How long that took.
        took: Duration,
    },
    /// An attempt to connect starts. Several may run at once (RFC 8305).
    Connecting {
        /// Where to.
        address: SocketAddr,
    },
    /// An attempt to connect failed. The others go on.
    ConnectFailed {
        /// Where to.
        address: SocketAddr,
        /// Why.
        error: &'a io::Error,
        /// How long after its own start.
        took: Duration,
    },
    /// The stream is there: to the server, or to its proxy.
    Connected {
        /// `127.0.0.1:80`, or the path of a Unix socket.
        to: &'a str,
        /// How long after the first attempt started.
        took: Duration,
    },
    /// The proxy has connected to the server.
    Proxied {
        /// The proxy, without a user: `http://127.0.0.1:3128`.
        proxy: &'a str,
        /// Host and port that it was asked for.
        target: &'a str,
        /// How long it took to answer.
        took: Duration,
    },
    /// The stream is encrypted, and the other side is who it should be.
    Secured {
        /// `TLS 1.3` or `TLS 1.2`.
        version: &'a str,
        /// The cipher suite, by its name in the registry of IANA.
        cipher: &'a str,
        /// How long it took.
        took: Duration,
    },
    /// The connection is one of HTTP/2, and the server has said what it allows.
    Http2 {
        /// The settings of its first SETTINGS frame: identifiers (RFC 9113 §6.5.2) and values.
        settings: &'a [(u16, u32)],
    },
    /// HTTP/3 is tried. TCP is too where that has not come to anything a quarter of a second later, unless HTTP/3 was asked
    /// for.
    TryingHttp3 {
        /// Host and UDP port: `example.com:443`.
        at: &'a str,
    },
    /// The connection is one of HTTP/3, and the server has said what it allows.
    Http3 {
        /// The settings of its SETTINGS frame: identifiers (RFC 9114 §7.2.4.1) and values.
        settings: &'a [(u64, u64)],
    },
    /// A connection of HTTP/2 or HTTP/3 that is there already is used.
    Shared {
        /// Which of the two.
        version: Version,
        /// `127.0.0.1:443`: the address of the server, or of its proxy.
        to: &'a str,
        /// How many streams it has besides.
        others: usize,
    },
    /// The server does not open WebSockets on its connections of HTTP/2 or HTTP/3, so another connection is made for HTTP/1.1.
    FellBack {
        /// Why.
        reason: &'a str,
    },
    /// The request of the opening handshake is about to be sent.
    Requested {
        /// The request, as it is sent.
        request: &'a Request<()>,
    },
    /// The head of the answer is there. It is not checked yet.
    Answered {
        /// Status and headers.
        response: &'a Response<()>,
        /// How long after the request.
        took: Duration,
    },
    /// The server sends us elsewhere, and we go.
    Redirected {
        /// The address that answered, without its query.
        from: &'a str,
        /// The next address, without its query.
        to: &'a str,
    },
}

impl fmt::Display for ConnectEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectEvent::Resolved { host, addresses, took } => {
                let addresses: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
                write!(f, "resolved {host} to {} in {took:.1?}", addresses.join(", "))
            }
            ConnectEvent::Connecting { address } => write!(f, "connecting to {address}"),
            ConnectEvent::ConnectFailed { address, error, took } => {
                write!(f, "cannot connect to {address}: {error} (after {took:.1?})")
            }
            ConnectEvent::Connected { to, took } => write!(f, "connected to {to} in {took:.1?}"),
            ConnectEvent::Proxied { proxy, target, took } => {
                write!(f, "proxy {proxy} connected to {target} in {took:.1?}")
            }
            ConnectEvent::Secured { version, cipher, took } => {
                write!(f, "encrypted by {version} with {cipher} in {took:.1?}")
            }
            ConnectEvent::Http2 { settings } => {
                write!(f, "speaking http/2, settings of the server: {}", ShownSettings::http2(settings))
            }
            ConnectEvent::TryingHttp3 { at } => write!(f, "trying http/3 with {at}"),
            ConnectEvent::Http3 { settings } => {
                write!(f, "speaking http/3, settings of the server: {}", ShownSettings::http3(settings))
            }
            ConnectEvent::Shared { version, to, others } => {
                let version = if *version == Version::HTTP_3 { 3 } else { 2 };
                write!(f, "sharing the http/{version} connection to {to}, streams on it: {others}")
            }
            ConnectEvent::FellBack { reason } => write!(f, "falling back to http/1.1: {reason}"),
            ConnectEvent::Requested { request } => HeadLines::of_request("> ", request).fmt(f),
            ConnectEvent::Answered { response, .. } => HeadLines::of_response("< ", response).fmt(f),
            ConnectEvent::Redirected { from, to } => write!(f, "redirected from {from} to {to}"),
        }
    }
}

/// Who wants to know about the steps, if anybody does.
#[derive(Clone, Default)]
pub(crate) struct Observer {
    told: Option<Arc<Told>>,
}

type Told = dyn Fn(&ConnectEvent<'_>) + Send + Sync;

impl Observer {
    pub(crate) fn new(told: impl Fn(&ConnectEvent<'_>) + Send + Sync + 'static) -> Observer {
        Observer { told: Some(Arc::new(told)) }
    }

    pub(crate) fn tell(&self, event: &ConnectEvent<'_>) {
        if let Some(told) = &self.told {
            told(event);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.told.is_some() { "Observer" } else { "no Observer" })
    }
}

/// When a step began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    began: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { began: system::now() }
    }

    pub(crate) fn took(self) -> Duration {
        system::now().saturating_duration_since(self.began)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_head_is_shown_line_by_line_and_without_its_credentials() {
        let mut added = HeaderValue::from_static("hidden");
        added.set_sensitive(true);
        let mut agent = HeaderValue::from_static("example/1.0");
        agent.set_sensitive(true);
        let request = Request::builder()
            .uri("/chat?room=1")
            .header("X-Room", added)
            .header("User-Agent", agent)
            .header("Host", "a.example")
            .header("Authorization", "Basic hidden")
            .header("Cookie", "hidden=1")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("X-Name", "Zo\u{eb}\u{9b}31m")
            .body(())
            .unwrap();
        let shown = ConnectEvent::Requested { request: &request }.to_string();
        let mut lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines.remove(0), "> GET /chat?room=1 HTTP/1.1");
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                "> Authorization: …",
                "> Cookie: …",
                "> Host: a.example",
                "> Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "> User-Agent: example/1.0",
                "> X-Name: Zoë\\u{9b}31m",
                "> X-Room: …",
            ]
        );

        let response =
            Response::builder().status(403).header("Set-Cookie", "hidden").header("X", "y").body(()).unwrap();
        let shown = ConnectEvent::Answered { response: &response, took: Duration::ZERO }.to_string();
        assert_eq!(shown, "< HTTP/1.1 403 Forbidden\n< Set-Cookie: …\n< X: y");
    }

    #[test]
    fn a_name_with_a_word_for_a_secret_hides_its_value() {
        for (name, hidden) in [
            ("proxy-authorization", true),
            ("x-api-key", true),
            ("x_apikey", true),
            ("x-auth-token", true),
            ("x-amz-security-token", true),
            ("x-session-id", true),
            ("x-client-secret", true),
            ("password", true),
            ("sec-websocket-protocol", false),
            ("sec-websocket-key", false),
            ("www-authenticate", false),
            ("x-monkey", false),
        ] {
            let response = Response::builder().header(name, "value").body(()).unwrap();
            let shown = ConnectEvent::Answered { response: &response, took: Duration::ZERO }.to_string();
            assert_eq!(shown.ends_with(": …"), hidden, "{shown}");
        }
    }

    #[test]
    fn the_other_steps_are_one_line_each() {
        let addresses = ["[::1]:80".parse().unwrap(), "127.0.0.1:80".parse().unwrap()];
        let took = Duration::from_micros(1500);
        let error = io::Error::from(io::ErrorKind::ConnectionRefused);
        for (event, line) in [
            (
                ConnectEvent::Resolved { host: "a", addresses: &addresses, took },
                "resolved a to ::1, 127.0.0.1 in 1.5ms",
            ),
            (
                ConnectEvent::ConnectFailed { address: addresses[1], error: &error, took },
                "cannot connect to 127.0.0.1:80: connection refused (after 1.5ms)",
            ),
            (ConnectEvent::Connected { to: "a.sock", took }, "connected to a.sock in 1.5ms"),
            (
                ConnectEvent::Proxied { proxy: "socks5://p:1080", target: "a:80", took },
                "proxy socks5://p:1080 connected to a:80 in 1.5ms",
            ),
            (
                ConnectEvent::Secured { version: "TLS 1.3", cipher: "TLS13_AES_128_GCM_SHA256", took },
                "encrypted by TLS 1.3 with TLS13_AES_128_GCM_SHA256 in 1.5ms",
            ),
            (
                ConnectEvent::Redirected { from: "ws://a:80/", to: "wss://a:443/" },
                "redirected from ws://a:80/ to wss://a:443/",
            ),
        ] {
            assert_eq!(event.to_string(), line);
        }
    }
}
