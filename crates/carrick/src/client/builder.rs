//! Opens WebSockets.

use std::{error, fmt, sync::Arc, time::Duration};

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, Response, header::AUTHORIZATION};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

use crate::{
    error::Error,
    protocol::{
        ClientHandshake, Config, DeflateConfig, HeadLimits, Origin, PendingHandshake, ResponseError, Role,
    },
    transport::{Address, Dialer, Http, Pool, basic_authorization, exchange, read_body_start},
    websocket::WebSocket,
};

/// Opens a WebSocket with the server at `url`, with the defaults of [`ClientBuilder`].
///
/// # Errors
///
/// As [`ClientBuilder::new`] and [`ClientBuilder::connect`].
///
/// # Cancel safety
///
/// Cancel safe: if the future is dropped, so is the connection.
///
/// ```
/// # async fn example() -> Result<(), carrick::Error> {
/// let mut websocket = carrick::connect("wss://example.com/chat").await?;
/// websocket.send("Hello").await?;
/// # Ok(())
/// # }
/// ```
pub async fn connect(url: &str) -> Result<WebSocket, Error> {
    ClientBuilder::new(url)?.connect().await
}

/// Opens WebSockets with one server: where it is, what the opening handshake says, and the limits behind it.
///
/// Each method changes one setting. One builder opens any number of connections, and its clones share the
/// configuration of TLS, which is expensive to make, and their HTTP/2 and HTTP/3 connections; so make one and keep it.
///
/// `Debug` prints neither credentials nor the values of headers nor the query of the URL.
///
/// ```
/// # async fn example() -> Result<(), carrick::Error> {
/// let builder = carrick::ClientBuilder::new("wss://example.com/chat?room=1")?
///     .subprotocols(["chat.v2", "chat.v1"])?
///     .bearer_token("secret")?
///     .header("user-agent", "example/1.0")?;
///
/// let mut websocket = builder.connect().await?;
/// println!("the server speaks {:?}", websocket.subprotocol());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ClientBuilder {
    pub(super) address: Address,
    pub(super) handshake: ClientHandshake,
    /// Names of the headers that were added, for `Debug`.
    pub(super) header_names: Vec<HeaderName>,
    pub(super) authorization: Option<HeaderValue>,
    deflate: Option<DeflateConfig>,
    config: Arc<Config>,
    pub(super) head_limits: HeadLimits,
    handshake_timeout: Duration,
    pub(super) max_redirects: usize,
    pub(super) dialer: Dialer,
    pub(super) http: Http,
    pub(super) pool: Pool,
}

/// What a server answered, not checked yet.
pub(super) struct Answer {
    pub(super) pending: PendingHandshake,
    pub(super) response: Response<()>,
    /// What was read behind the head.
    pub(super) received: BytesMut,
}

impl Answer {
    pub(super) fn new(pending: PendingHandshake, response: Response<()>) -> Answer {
        Answer { pending, response, received: BytesMut::new() }
    }
}

impl ClientBuilder {
    /// A builder for the server at `url`: `ws`, `wss`, or `http` and `https`, which mean the same (WHATWG WebSockets).
    ///
    /// `ws+unix:///path/of/the.sock:/request/path` is a server on a Unix socket, as node's `ws` has it: the first colon of
    /// the path divides the socket from what is requested, and the host is `localhost`.
    ///
    /// A user and a password in it are sent as [`basic_auth`](ClientBuilder::basic_auth) does.
    ///
    /// # Errors
    ///
    /// [`Error::Url`] if it is no such URL or has a fragment (RFC 6455 §3). The error names it without its user, its
    /// query and its fragment.
    pub fn new(url: &str) -> Result<ClientBuilder, Error> {
        let address = Address::parse(url)?;
        let handshake = ClientHandshake::for_uri(&address.uri)
            .map_err(|error| Error::Url { url: format!("{address:?}"), reason: error.to_string() })?;
        let user = address.user.clone();
        let builder = ClientBuilder {
            address,
            handshake,
            header_names: Vec::new(),
            authorization: None,
            deflate: None,
            config: Arc::default(),
            head_limits: HeadLimits::default(),
            handshake_timeout: Duration::from_secs(10),
            max_redirects: 5,
            dialer: Dialer::default(),
            http: Http::default(),
            pool: Pool::default(),
        };
        let builder = builder.deflate(Some(DeflateConfig::default()));
        match user {
            Some((name, password)) => builder.basic_auth(&name, &password),
            None => Ok(builder),
        }
    }

    /// Adds a header to the request, for example `Cookie` or `User-Agent`. Default: none, and no `User-Agent` either.
    ///
    /// `Authorization` replaces what [`basic_auth`](ClientBuilder::basic_auth) and
    /// [`bearer_token`](ClientBuilder::bearer_token) set.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for what is no header, and for those that the handshake writes itself.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<ClientBuilder, Error>
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        let name = name.try_into().map_err(|error| unusable(error.into()))?;
        let mut value = value.try_into().map_err(|error| unusable(error.into()))?;
        value.set_sensitive(true);
        if name == AUTHORIZATION {
            self.authorization = Some(value);
            return Ok(self);
        }
        self.handshake = self.handshake.with_header(name.clone(), value).map_err(unusable)?;
        self.header_names.push(name);
        Ok(self)
    }

    /// Sends a name and a password (RFC 7617). Over `ws` they can be read on the way.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a name with a colon, which would end it.
    pub fn basic_auth(self, name: &str, password: &str) -> Result<ClientBuilder, Error> {
        let value = basic_authorization(name, password).map_err(|reason| Error::Config(reason.into()))?;
        self.header(AUTHORIZATION, value)
    }

    /// Sends a token (RFC 6750 §2.1). Over `ws` it can be read on the way.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a token that cannot stand in a header.
    pub fn bearer_token(self, token: &str) -> Result<ClientBuilder, Error> {
        self.header(AUTHORIZATION, format!("Bearer {token}"))
    }

    /// Sets the Origin header, for a server that only serves certain pages. Default: none, as is right for a program
    /// that is no browser (RFC 6455 §4.1 item 8).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for anything but `scheme://host` with an optional port, or `null`.
    pub fn origin(mut self, origin: &str) -> Result<ClientBuilder, Error> {
        let origin: Origin = origin.parse().map_err(unusable)?;
        self.handshake = self.handshake.with_origin(Some(origin));
        Ok(self)
    }

    /// Sets the subprotocols to offer, the preferred one first (RFC 6455 §1.9). Default: none.
    /// [`WebSocket::subprotocol`] tells which one the server chose.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a name that is no token, or is there twice.
    pub fn subprotocols<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<ClientBuilder, Error> {
        self.handshake = self.handshake.with_subprotocols(names).map_err(unusable)?;
        Ok(self)
    }

    /// Sets what is offered as permessage-deflate (RFC 7692) and how messages are compressed then; `None` offers
    /// nothing. Default: `Some(DeflateConfig::default())`, which keeps no state between messages.
    #[must_use]
    pub fn deflate(mut self, deflate: Option<DeflateConfig>) -> ClientBuilder {
        self.handshake = self.handshake.with_deflate(deflate.clone());
        self.deflate = deflate;
        self
    }

    /// Sets the limits and timeouts behind the opening handshake. Default: [`Config::default`]. Its `deflate` gives way
    /// to [`deflate`](ClientBuilder::deflate).
    ///
    /// ```
    /// use carrick::{ClientBuilder, protocol::Config};
    ///
    /// let mut config = Config::default();
    /// config.max_message_bytes = 64 * 1024;
    /// let builder = ClientBuilder::new("ws://127.0.0.1:9000/")?.config(config);
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn config(mut self, config: Config) -> ClientBuilder {
        self.config = Arc::new(config);
        self
    }

    /// Changes some of the limits and timeouts.
    pub(super) fn change_config(mut self, change: impl FnOnce(&mut Config)) -> ClientBuilder {
        change(Arc::make_mut(&mut self.config));
        self
    }

    /// Sets how large the head of the server's answer may be. Default: [`HeadLimits::default`].
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> ClientBuilder {
        self.head_limits = limits;
        self
    }

    /// Sets how long all of it may take: DNS, TCP, a proxy, TLS, the opening handshake, and redirects. Default: 10 s. Too short a time fails
    /// with slow networks, too long a one delays the next attempt.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.handshake_timeout = timeout;
        self
    }

    /// Connects to the server and opens a WebSocket.
    ///
    /// Of several addresses the first that answers is taken: the families take turns, and the next address is tried
    /// 250 ms after the one before, or at once when one fails (RFC 8305). The error names every attempt.
    ///
    /// # Errors
    ///
    /// - [`Error::Io`] if the name cannot be resolved or no address answers
    /// - [`Error::Tls`] if TLS failed, most often because of the certificate, or if its settings cannot be used
    /// - [`Error::Proxy`] if a proxy does not lead to the server, and [`Error::Url`] if the environment names none that
    ///   can be used
    /// - [`Error::Redirect`] if the server redirects to where nobody should go, or too often
    /// - [`Error::Response`] if the server refused or broke the opening handshake;
    ///   [`ResponseError::Status`] holds the status, the headers and the start of the body
    /// - [`Error::Timeout`] after [`handshake_timeout`](ClientBuilder::handshake_timeout)
    /// - [`Error::Config`] for `wss` without the feature `tls`, and for `wss` to a host that no certificate can name
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with I/O and timers enabled. Without a runtime use
    /// [`connect_blocking`](ClientBuilder::connect_blocking).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, so is the connection.
    ///
    /// ```
    /// use carrick::{Error, protocol::ResponseError};
    ///
    /// # async fn example() -> Result<(), carrick::Error> {
    /// match carrick::connect("wss://example.com/chat").await {
    ///     Ok(mut websocket) => websocket.send("Hello").await?,
    ///     Err(Error::Response(error)) => match *error {
    ///         ResponseError::Status(response) => {
    ///             println!("{}: {}", response.status(), String::from_utf8_lossy(response.body()));
    ///         }
    ///         other => println!("{other} ({})", other.section()),
    ///     },
    ///     Err(other) => return Err(other),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(&self) -> Result<WebSocket, Error> {
        let (stream, answer) = self.in_time(self.reach()).await?;
        self.open(stream, answer).await
    }

    /// Opens a WebSocket on a stream that leads to the server already: a Unix socket, a tunnel, a pipe in a test. The
    /// URL only fills the request; nothing is resolved, for `wss` the stream has to be encrypted already, no
    /// redirect is followed, and it is always HTTP/1.1.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], [`Error::Response`] and [`Error::Timeout`] as [`connect`](ClientBuilder::connect).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with timers enabled.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, so is the stream.
    ///
    /// ```
    /// # async fn example(stream: tokio::io::DuplexStream) -> Result<(), carrick::Error> {
    /// let builder = carrick::ClientBuilder::new("ws://localhost/chat")?;
    /// let mut websocket = builder.connect_over(stream).await?;
    /// websocket.send("Hello").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect_over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
    ) -> Result<WebSocket<S>, Error> {
        let answer = self.in_time(self.exchange(&mut stream)).await?;
        self.open(stream, answer).await
    }

    pub(super) async fn in_time<T>(
        &self,
        opening: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let waited = self.handshake_timeout;
        let late = |_| Error::Timeout { what: "opening handshake", waited };
        timeout(waited, opening).await.map_err(late)?
    }

    pub(super) async fn exchange(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Answer, Error> {
        let (mut request, pending) = self.handshake.request(&mut rand::rng());
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let start = self.tell_requested(&request);
        let (response, received) = exchange(stream, &request, self.head_limits).await?;
        Ok(Answer { received, ..self.answered(pending, response, start) })
    }

    /// A refusal came in time, so reading why has a time of its own.
    async fn open<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        mut stream: S,
        answer: Answer,
    ) -> Result<WebSocket<S>, Error> {
        let Answer { pending, response, received } = answer;
        match pending.check(&response) {
            Ok(agreement) => {
                Ok(WebSocket::new(stream, Role::Client, self.shared_config(), agreement, received))
            }
            Err(ResponseError::Status(mut refusal)) => {
                *refusal.body_mut() = read_body_start(&mut stream, &response, received).await?;
                Err(ResponseError::Status(refusal).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn shared_config(&self) -> Arc<Config> {
        match &self.deflate {
            Some(deflate) if *deflate != self.config.deflate => {
                Arc::new(Config { deflate: deflate.clone(), ..(*self.config).clone() })
            }
            _ => Arc::clone(&self.config),
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("address", &self.address)
            .field("headers", &self.header_names)
            .field("authorization", &self.authorization.is_some())
            .field("deflate", &self.deflate)
            .field("config", &self.config)
            .field("handshake_timeout", &self.handshake_timeout)
            .field("max_redirects", &self.max_redirects)
            .field("proxy", &self.dialer.proxy)
            .field("connect_timeout", &self.dialer.connect_timeout)
            .field("http", &self.http)
            .finish_non_exhaustive()
    }
}

fn unusable(error: impl error::Error + Send + Sync + 'static) -> Error {
    Error::Config(Box::new(error))
}
