//! What a server serves, and by which rules.

use std::{error::Error as StdError, fmt, future::pending, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Body as HttpBody;
use tokio::net::{TcpListener, ToSocketAddrs};

#[cfg(feature = "http2")]
use super::http2::Http2Settings;
#[cfg(feature = "http3")]
use super::http3::QuicListener;
#[cfg(not(feature = "http2"))]
use super::no_http2::Http2Settings;
#[cfg(not(feature = "http3"))]
use super::no_http3::QuicListener;
use super::{
    accept::HANDSHAKE_TIMEOUT,
    accepted::Accepted,
    alternative::Alternative,
    body::Body,
    caller::PeerAddress,
    connection::{Hook, Http3Witness, Secure, Service, Witness},
    cors::Cors,
    hyper::{self as pages, Fallback},
    listener::{self, Listener, Opened},
    route::{Route, Routes},
};
use crate::{
    callback::Tracer,
    error::Error,
    protocol::{
        Acceptor, Config, DeflateConfig, Front, HandshakeConfigError, HeadLimits, OriginPolicy, Refusal,
        Rejection, TrustedProxies,
    },
    websocket::WebSocket,
};

/// A WebSocket server, which can serve HTTP on the same port.
///
/// Without any setting it takes browsers from pages of its own origin and every other program, trusts no proxy, and
/// compresses for clients that ask for it. Each method changes one setting; [`serve`](Server::serve) starts it.
///
/// ```no_run
/// # async fn example() -> Result<(), carrick::Error> {
/// carrick::Server::bind("127.0.0.1:9000")
///     .await?
///     .route("/echo", |mut websocket, _request| async move {
///         while let Some(Ok(message)) = websocket.recv().await {
///             if websocket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
///     .serve()
///     .await
/// # }
/// ```
pub struct Server {
    listener: Listener,
    address: Option<SocketAddr>,
    routes: Vec<(String, Route)>,
    acceptor: Acceptor,
    trusted_proxies: TrustedProxies,
    config: Config,
    deflate: Option<DeflateConfig>,
    head_limits: HeadLimits,
    handshake_timeout: Duration,
    drain_timeout: Duration,
    max_connections: usize,
    hook: Option<Hook>,
    witness: Option<Witness>,
    fallback: Option<Fallback>,
    cors: Option<Cors>,
    pub(super) secure: Option<Secure>,
    pub(super) http2: Option<Http2Settings>,
    /// On one connection of HTTP/2 or HTTP/3.
    pub(super) max_streams: u32,
    pub(super) quic: Option<QuicListener>,
    pub(super) http3_witness: Option<Http3Witness>,
}

impl Server {
    /// A server that listens on `address`, for example `"127.0.0.1:9000"`, or port 0 for one that is free.
    ///
    /// Clients can connect from now on; they are answered once [`serve`](Server::serve) is awaited.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the address is in use, may not be used or does not exist.
    pub async fn bind(address: impl ToSocketAddrs) -> Result<Server, Error> {
        let listener = listener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Server::listening(listener, address))
    }

    /// A server on a listener that exists already.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the listener has no address.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let server = carrick::Server::from_listener(listener)?;
    /// assert_ne!(server.local_addr().expect("it listens on TCP").port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_listener(listener: TcpListener) -> Result<Server, Error> {
        let listener = Listener::tcp(listener);
        let address = listener.local_addr()?;
        Ok(Server::listening(listener, address))
    }

    /// `address` is that of the listener, if it has one.
    pub(super) fn listening(listener: Listener, address: Option<SocketAddr>) -> Server {
        Server {
            listener,
            address,
            routes: Vec::new(),
            acceptor: Acceptor::default(),
            trusted_proxies: TrustedProxies::default(),
            config: Config::default(),
            deflate: Some(DeflateConfig::default()),
            head_limits: HeadLimits::default(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
            max_connections: MAX_CONNECTIONS,
            hook: None,
            witness: None,
            fallback: None,
            cors: None,
            secure: None,
            http2: Http2Settings::available(),
            max_streams: MAX_STREAMS,
            quic: None,
            http3_witness: None,
        }
    }

    /// The address that the server listens on; `None` for a Unix socket, which has none.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Serves WebSockets at `path`, which a request has to name exactly; `/*` stands for every path that no other
    /// route names. A route that is there already is replaced.
    ///
    /// The handler runs in a task of its own, and the connection is cut when it returns. Its request has what the
    /// hook of [`on_request`](Server::on_request) put into its extensions, the [`SocketAddr`] of the peer if it has
    /// one, and a [`Front`] with what the client saw. A handler that panics ends its own connection and no other. An `async fn`
    /// keeps its arguments to the end: take what is needed out of the request and drop it, or a thousand bytes of
    /// headers stay for as long as the connection.
    ///
    /// # Panics
    ///
    /// If the path does not start with `/`: no request could name it.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// use carrick::protocol::Front;
    ///
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.route("/hello", |mut websocket, request| {
    ///     let front = request.extensions().get::<Front>().cloned();
    ///     async move {
    ///         let _ = websocket.send(format!("hello {:?}", front.and_then(|front| front.address))).await;
    ///     }
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn route<H, F>(mut self, path: impl Into<String>, handler: H) -> Server
    where
        H: Fn(WebSocket, Request<()>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        self.routes.push((checked(path.into()), Route::new(handler)));
        self
    }

    /// Serves WebSockets at `path` by a route with settings of its own.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the route's subprotocols cannot be used.
    ///
    /// # Panics
    ///
    /// As [`route`](Server::route).
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// use carrick::{Route, Server};
    ///
    /// let chat = Route::new(|_websocket, _request| async {}).subprotocols(["chat"]);
    /// let server = Server::bind("127.0.0.1:0").await?.route_with("/chat", chat)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn route_with(mut self, path: impl Into<String>, route: Route) -> Result<Server, Error> {
        route.check()?;
        self.routes.push((checked(path.into()), route));
        Ok(self)
    }

    /// Sets the subprotocols this server speaks, the preferred one first. Default: none.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if one of them is no token or is there twice.
    pub fn subprotocols<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Server, Error> {
        let config = |error: HandshakeConfigError| Error::Config(error.into());
        self.acceptor = self.acceptor.with_subprotocols(names).map_err(config)?;
        Ok(self)
    }

    /// Sets whether a client that offers none of the subprotocols is refused. Default: false.
    #[must_use]
    pub fn subprotocol_required(mut self, required: bool) -> Server {
        self.acceptor = self.acceptor.with_subprotocol_required(required);
        self
    }

    /// Sets which pages may connect. Default: those of the same origin, as the browser sees it. Programs that are no
    /// browser send no origin and are let in, see [`origin_required`](Server::origin_required). A page of another origin
    /// that is let in is named in the answer, see [`Acceptor::with_origins`].
    #[must_use]
    pub fn origins(mut self, policy: OriginPolicy) -> Server {
        self.acceptor = self.acceptor.with_origins(policy);
        self
    }

    /// Sets whether a request without an Origin header is refused. Default: false.
    #[must_use]
    pub fn origin_required(mut self, required: bool) -> Server {
        self.acceptor = self.acceptor.with_origin_required(required);
        self
    }

    /// Sets the proxies that are believed about the client's scheme, host and address. Default: none. Behind a proxy
    /// that ends TLS this must name it, or pages of the same origin are refused.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Server {
        self.trusted_proxies = proxies;
        self
    }

    /// Adds a header to every answer that opens a WebSocket. Default: none. One that depends on the request is added by the
    /// hook of [`on_request`](Server::on_request).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for what is no header, and for those that the handshake writes itself.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.header("server", "feed/1.0")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Server, Error>
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        let unusable = |error: http::Error| Error::Config(error.into());
        let name = name.try_into().map_err(|error| unusable(error.into()))?;
        let value = value.try_into().map_err(|error| unusable(error.into()))?;
        let config = |error: HandshakeConfigError| Error::Config(error.into());
        self.acceptor = self.acceptor.with_header(name, value).map_err(config)?;
        Ok(self)
    }

    /// Sets how messages are compressed for clients that ask for it; `None` declines. Default: on, without context
    /// takeover, so that an idle connection holds no compressor.
    #[must_use]
    pub fn deflate(mut self, deflate: Option<DeflateConfig>) -> Server {
        self.deflate = deflate;
        self
    }

    /// Sets the limits and timeouts of every open WebSocket. Default: [`Config::default`]. Its `deflate` gives way to
    /// [`deflate`](Server::deflate).
    #[must_use]
    pub fn config(mut self, config: Config) -> Server {
        self.config = config;
        self
    }

    /// Sets how large the head of a request may be. Default: 16 KiB and 100 fields. A larger one is refused with 431.
    #[must_use]
    pub fn head_limits(mut self, limits: HeadLimits) -> Server {
        self.head_limits = limits;
        self
    }

    /// Sets how long a client may take from its connection to its answer, TLS and the hook included; also how long a
    /// connection that served a page may wait for the next request. Default: 10 s. Too short a time refuses clients
    /// behind slow networks with 408.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Server {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets how many connections there may be at a time, handshakes and pages included. Default: 100,000; zero counts
    /// as one. Further clients wait in the queue of the operating system until one ends. Each connection needs a file
    /// descriptor: where the process has fewer, the server accepts nothing while they are used up.
    ///
    /// Over HTTP/2 and HTTP/3 each WebSocket counts as a connection, beside the one that it is on, from before the hook
    /// decides about it. Pages do not: there are as many at a time as their connection may have streams
    /// (`max_concurrent_streams`), which bounds what they take.
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> Server {
        self.max_connections = most;
        self
    }

    /// Sets how long open connections have to end once the server stops, after which they are cut. Default: 15 s,
    /// which leaves room for a closing handshake of [`Config::close_timeout`].
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Server {
        self.drain_timeout = timeout;
        self
    }

    /// Sets a hook that sees each request for a WebSocket before it is answered, and refuses it or passes it on, with
    /// something in its extensions for the handler if it likes. Default: none. As [`Accepted`] it may also
    /// add headers to the answer and choose the subprotocol.
    ///
    /// It is asked after the handshake was found good and the path to have a route, and has what is left of
    /// [`handshake_timeout`](Server::handshake_timeout); after that the request is refused with 503.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// use carrick::protocol::Refusal;
    /// use http::{StatusCode, header::AUTHORIZATION};
    ///
    /// #[derive(Clone)]
    /// struct User(String);
    ///
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.on_request(|mut request, _front| async move {
    ///     let token = request.headers().get(AUTHORIZATION).and_then(|token| token.to_str().ok());
    ///     let user = token.and_then(|token| token.strip_prefix("Bearer ")).map(|name| User(name.to_owned()));
    ///     let user = user.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "send a token"))?;
    ///     request.extensions_mut().insert(user);
    ///     Ok(request)
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_request<H, F, A>(mut self, hook: H) -> Server
    where
        H: Fn(Request<()>, Front) -> F + Send + Sync + 'static,
        F: Future<Output = Result<A, Refusal>> + Send + 'static,
        A: Into<Accepted>,
    {
        self.hook = Some(Arc::new(move |request, front| {
            let decided = hook(request, front);
            Box::pin(async { decided.await.map(Into::into) })
        }));
        self
    }

    /// Sets what is told of each request that is refused, and of the peer's address, before the answer is sent: for a
    /// log. It must not block. Default: nobody.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.on_rejection(|rejection, address| {
    ///     println!("{address}: {} {rejection}", rejection.status());
    /// });
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_rejection(
        mut self,
        witness: impl Fn(&Rejection, PeerAddress) + Send + Sync + 'static,
    ) -> Server {
        self.witness = Some(Arc::new(witness));
        self
    }

    /// Sets the service for requests that ask for no WebSocket: any `tower` service of HTTP, an `axum::Router` among
    /// them. Default: none, they are answered 404, or 426 where a WebSocket would be served.
    ///
    /// A clone of it serves each request. The extensions of the request have the [`SocketAddr`] of the peer and a
    /// [`Front`]. Requests for a WebSocket never reach it: one at a path without a route is answered 404. A connection
    /// may ask for pages first and for a WebSocket later. If the service fails, the answer is 500.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// use http_body_util::Full;
    ///
    /// async fn page(_: http::Request<carrick::Body>) -> Result<http::Response<Full<bytes::Bytes>>, std::io::Error> {
    ///     Ok(http::Response::new(Full::from("a page")))
    /// }
    ///
    /// #[derive(Clone)]
    /// struct Pages;
    ///
    /// impl tower_service::Service<http::Request<carrick::Body>> for Pages {
    ///     type Response = http::Response<Full<bytes::Bytes>>;
    ///     type Error = std::io::Error;
    ///     type Future = std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;
    ///
    ///     fn poll_ready(
    ///         &mut self,
    ///         _: &mut std::task::Context<'_>,
    ///     ) -> std::task::Poll<Result<(), Self::Error>> {
    ///         std::task::Poll::Ready(Ok(()))
    ///     }
    ///
    ///     fn call(&mut self, request: http::Request<carrick::Body>) -> Self::Future {
    ///         Box::pin(page(request))
    ///     }
    /// }
    ///
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.fallback(Pages);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fallback<S, B>(mut self, service: S) -> Server
    where
        S: tower_service::Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        S::Future: Send,
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        self.fallback = Some(pages::fallback(service));
        self
    }

    /// Sets which pages of other origins may read what the [`fallback`](Server::fallback) answers: the headers of CORS,
    /// unless the service writes them itself, and the answers to preflight requests, which it does not see then. Default:
    /// none may. WebSockets know no CORS; for them see [`origins`](Server::origins).
    #[must_use]
    pub fn cors(mut self, cors: Cors) -> Server {
        self.cors = Some(cors);
        self
    }

    /// Serves for good.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the listener cannot accept. A shortage of file descriptors is no error: the server goes on
    /// when there are some again.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, all connections are cut. [`serve_until`](Server::serve_until) closes them.
    pub async fn serve(self) -> Result<(), Error> {
        self.serve_until(pending()).await.map(|_| ())
    }

    /// Serves until `shutdown` is ready. Then it accepts no more, refuses handshakes under way with 503, lets pages
    /// finish, closes every WebSocket with 1001 and waits for all of them, [`drain_timeout`](Server::drain_timeout)
    /// at most.
    ///
    /// A handler learns of it as `recv` ends with `None`; one that never awaits `recv` is cut in the end. Returns how
    /// many connections were cut.
    ///
    /// # Errors
    ///
    /// As [`serve`](Server::serve).
    ///
    /// # Cancel safety
    ///
    /// As [`serve`](Server::serve).
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    /// let server = carrick::Server::bind("127.0.0.1:0").await?;
    /// let serving = tokio::spawn(server.serve_until(async {
    ///     let _ = stopped.await;
    /// }));
    /// let _ = stop.send(());
    /// assert_eq!(serving.await.expect("the server does not panic")?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) -> Result<usize, Error> {
        self.open()?.serve(shutdown).await
    }

    /// With every setting settled.
    pub(super) fn open(self) -> Result<Opened, Error> {
        let mut config = self.config;
        if let Some(deflate) = &self.deflate {
            config.deflate = deflate.clone();
        }
        let acceptor = self.acceptor.with_deflate(self.deflate);
        let acceptor = acceptor.with_trusted_proxies(self.trusted_proxies.clone());
        let service = Arc::new(Service {
            routes: Routes::new(self.routes, &acceptor, &config)?,
            trusted_proxies: self.trusted_proxies,
            head_limits: self.head_limits,
            handshake_timeout: self.handshake_timeout,
            hook: self.hook,
            witness: self.witness,
            fallback: self.fallback,
            cors: self.cors,
            secure: self.secure,
            http2: self.http2.map(|settings| settings.with_max_streams(self.max_streams)),
            alternative: alternative(self.quic.as_ref())?,
            http3_witness: self.http3_witness,
            tracer: Tracer::default(),
        });
        Ok(Opened {
            listener: self.listener,
            quic: self.quic.map(|quic| quic.open(self.max_streams)).transpose()?,
            service,
            max_connections: self.max_connections,
            drain_timeout: self.drain_timeout,
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.routes.iter().map(|(path, _)| path).collect();
        f.debug_struct("Server")
            .field("address", &self.address)
            .field("routes", &paths)
            .field("acceptor", &self.acceptor)
            .field("deflate", &self.deflate)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("config", &self.config)
            .field("handshake_timeout", &self.handshake_timeout)
            .field("drain_timeout", &self.drain_timeout)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// How many streams a client may have at a time unless said otherwise.
const MAX_STREAMS: u32 = 1000;

/// What answers over TCP say of the UDP socket.
fn alternative(quic: Option<&QuicListener>) -> Result<Option<Alternative>, Error> {
    let value = quic.map(|quic| HeaderValue::try_from(quic.alternative())).transpose();
    value.map(|value| value.map(Alternative::new)).map_err(|error| Error::Config(error.into()))
}

fn checked(path: String) -> String {
    assert!(path.starts_with('/'), "path {path:?} of a route does not start with /");
    path
}

/// As idle WebSockets they take about 100 MiB.
pub(super) const MAX_CONNECTIONS: usize = 100_000;

pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(15);
