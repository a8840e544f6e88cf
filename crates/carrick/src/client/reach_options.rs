//! The settings of how a server is reached.

#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use super::builder::ClientBuilder;
use crate::transport::{ConnectEvent, Http, Observer, Proxy, ProxyPolicy};

/// How the server is reached.
impl ClientBuilder {
    /// Sets how long one address of the server, or of its proxy, may take to answer. Default: 5 s, half of what the
    /// default of [`handshake_timeout`](ClientBuilder::handshake_timeout) gives to all of it. Other addresses do not wait
    /// for it, see [`connect`](ClientBuilder::connect).
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.dialer.connect_timeout = timeout;
        self
    }

    /// Sets which version of HTTP opens the WebSocket. Default: [`Http::Auto`].
    ///
    /// Over HTTP/2 and HTTP/3 the WebSockets of a builder and of its clones share a connection, as long as they have the same server,
    /// proxy, certificates and runtime; where the server allows no more streams on it there is another, 16 at most. A
    /// connection ends with the last of its WebSockets. Where a server speaks HTTP/2 but opens no WebSockets over it,
    /// `Auto` connects a second time, for HTTP/1.1, and remembers that: a builder that is kept pays for it once. It remembers
    /// too where a server has said that it speaks HTTP/3.
    ///
    /// ```
    /// use carrick::{ClientBuilder, Http};
    ///
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let builder = ClientBuilder::new("wss://example.com/chat")?.http(Http::Http2);
    /// let (first, second) = (builder.connect().await?, builder.connect().await?);
    /// assert_eq!(first.stream().http_version(), http::Version::HTTP_2);
    /// # let _ = second;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn http(mut self, http: Http) -> ClientBuilder {
        self.http = http;
        self
    }

    /// Reaches the server through `proxy`, whatever the environment says. Default: the proxy that the environment names,
    /// by the rules of curl:
    ///
    /// - for `ws` the first of `ws_proxy`, `WS_PROXY`, `http_proxy`, `all_proxy` and `ALL_PROXY` that is not empty
    /// - for `wss` the first of `wss_proxy`, `WSS_PROXY`, `https_proxy`, `HTTPS_PROXY`, `all_proxy` and `ALL_PROXY`
    /// - none for the servers in `no_proxy` or else `NO_PROXY`: names, which cover what ends in them, addresses, networks
    ///   such as `10.0.0.0/8`, each with or without a port, separated by commas; `*` is everything. The own machine is no
    ///   exception unless it is there.
    ///
    /// A Unix socket is reached without a proxy. The variables are read each time a connection is opened.
    ///
    /// ```
    /// use carrick::{ClientBuilder, Proxy};
    ///
    /// let builder = ClientBuilder::new("wss://example.com/chat")?
    ///     .proxy(Proxy::parse("socks5h://user:secret@127.0.0.1:1080")?);
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> ClientBuilder {
        self.dialer.proxy = ProxyPolicy::Always(proxy);
        self
    }

    /// Reaches the server directly, whatever the environment says. Default: see [`proxy`](ClientBuilder::proxy).
    #[must_use]
    pub fn no_proxy(mut self) -> ClientBuilder {
        self.dialer.proxy = ProxyPolicy::Direct;
        self
    }

    /// Connects to the server on the Unix socket at `path`. The URL still says what is asked for, and for `wss` whom the
    /// certificate has to name. Default: none, except for a URL as `ws+unix:///path/of/the.sock:/request/path`.
    ///
    /// ```
    /// let builder = carrick::ClientBuilder::new("ws://localhost/chat")?.unix_socket("/run/chat.sock");
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[cfg(unix)]
    #[must_use]
    pub fn unix_socket(mut self, path: impl Into<PathBuf>) -> ClientBuilder {
        self.address.socket = Some(path.into());
        self
    }

    /// Sets how many redirects in a row are followed: the statuses 301, 302, 303, 307 and 308 with a `Location`, relative
    /// or not, `http` meaning `ws` and `https` meaning `wss`. Default: 5, since servers move and a browser, which is not
    /// allowed to follow any, shows its user why. With 0 a redirect is a refusal like others:
    /// [`ResponseError::Status`](crate::protocol::ResponseError::Status) tells where it leads.
    ///
    /// No redirect is followed from `wss` to `ws`. To another origin (scheme, host or port) go neither the user of the
    /// URL nor authorization nor a client certificate, and of the headers that were added only `User-Agent`; the
    /// subprotocols and `Origin` do. A program that takes its URLs from strangers is better off with 0, since a redirect
    /// may lead into the network that it runs in.
    #[must_use]
    pub fn max_redirects(mut self, n: usize) -> ClientBuilder {
        self.max_redirects = n;
        self
    }

    /// Tells `observer` about each step of opening a connection: names, addresses, TLS, the heads of the handshake.
    /// Default: nobody. The last observer that was set is the one.
    ///
    /// It is called on the task that connects, so it must not block. [`ConnectEvent`] says which values its lines hide.
    ///
    /// ```
    /// let builder = carrick::ClientBuilder::new("wss://example.com/chat")?
    ///     .on_connect_event(|event| println!("* {event}"));
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn on_connect_event(
        mut self,
        observer: impl Fn(&ConnectEvent<'_>) + Send + Sync + 'static,
    ) -> ClientBuilder {
        self.dialer.observer = Observer::new(observer);
        self
    }
}
