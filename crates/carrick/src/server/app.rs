//! The server of the callback API.

use std::{fmt, io, net::SocketAddr, sync::Arc, thread, time::Duration};

use http::Request;

use super::{
    accept::HANDSHAKE_TIMEOUT,
    bound::Bound,
    builder::{DRAIN_TIMEOUT, MAX_CONNECTIONS},
    caller::PeerAddress,
    connection::Witness,
    entrance::Hook,
    guest::MakeState,
    hub::ServerHandle,
};
#[cfg(feature = "tls")]
use crate::transport::ReloadableTls;
use crate::{
    callback::{Backlog, Handlers, Hub, Tracer},
    error::Error,
    protocol::{Acceptor, Config, DeflateConfig, Front, OriginPolicy, Refusal, Rejection},
    transport::Address,
};

/// A server that calls handlers, for programs without an async runtime: the other end of a
/// [`WebSocketApp`](crate::WebSocketApp).
///
/// [`run_forever`](WebSocketServer::run_forever) blocks its thread, which serves together with
/// [others](WebSocketServer::threads). Each connection stays with one thread, which calls its handlers, one at a time, in
/// this order:
///
/// 1. `on_open`, once
/// 2. `on_message` or `on_piece`, `on_ping`, `on_pong` and `on_drain`, as things happen
/// 3. `on_error`, if the connection fails: the peer broke a rule, was silent for too long, or the network failed
/// 4. `on_close`, once, for each connection that was opened
///
/// `on_error` is also told what a handler returned. A handler that panics ends its own connection, with 1011, and no
/// other; of that connection only `on_close` is called then.
///
/// Handlers are called for different connections at the same time: what they change belongs in
/// [`Conn::state`](crate::Conn::state), or behind a lock. A handler must not block: all connections of its thread wait for
/// it. Long work belongs to other threads, which send by a
/// [`ConnHandle`](crate::ConnHandle) or by the [`ServerHandle`]. The blocking clients refuse to work in a handler,
/// because the thread belongs to the loop.
///
/// The path of the URL is the one that is served; `/*` stands for every path. What is wrong with the URL or a setting
/// is told by [`bind`](WebSocketServer::bind) or `run_forever`. Without any setting it takes browsers from pages of its
/// own origin and every other program, trusts no proxy, and compresses for clients that ask for it.
///
/// ```no_run
/// carrick::WebSocketServer::new("ws://127.0.0.1:9000/ws")
///     .on_open(|conn| conn.send("Hello, client!"))
///     .on_message(|conn, message| {
///         println!("Received: {message}");
///         conn.send(message)
///     })
///     .on_error(|_conn, error| eprintln!("Error: {error:#}"))
///     .on_close(|_conn, closed| println!("Connection closed: {closed}"))
///     .run_forever()?;
/// # Ok::<(), carrick::Error>(())
/// ```
pub struct WebSocketServer<S = ()> {
    pub(super) url: String,
    pub(super) bound: Option<Bound>,
    pub(super) make_state: MakeState<S>,
    pub(super) handlers: Handlers<S>,
    pub(super) hub: Arc<Hub>,
    /// Or the first thing that is wrong.
    pub(super) acceptor: Result<Acceptor, Error>,
    pub(super) config: Config,
    pub(super) deflate: Option<DeflateConfig>,
    pub(super) handshake_timeout: Duration,
    pub(super) drain_timeout: Duration,
    pub(super) max_connections: usize,
    pub(super) threads: usize,
    pub(super) spin: Duration,
    pub(super) max_topics: usize,
    pub(super) backlog: Backlog,
    pub(super) hook: Option<Hook>,
    pub(super) witness: Option<Witness>,
    pub(super) tracer: Tracer,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<ReloadableTls>,
}

impl WebSocketServer {
    /// A server for `url`: `ws://` or `wss://`, with the address to listen on and the path to serve. Port 0 is one that
    /// is free, see [`local_addr`](WebSocketServer::local_addr); without a port it is 80 or 443.
    ///
    /// `ws+unix:///path/of/the.sock:/request/path` listens on a Unix socket, as
    /// [`Server::bind_unix`](crate::Server::bind_unix) does.
    #[must_use]
    pub fn new(url: &str) -> WebSocketServer {
        WebSocketServer::with_state(url, |_| ())
    }
}

impl<S: Send + 'static> WebSocketServer<S> {
    /// A server with a state for each connection, as `conn.state`. `make` is called for each connection with its
    /// request, right before `on_open`.
    ///
    /// ```no_run
    /// struct Player {
    ///     room: String,
    ///     score: u32,
    /// }
    ///
    /// carrick::WebSocketServer::with_state("ws://127.0.0.1:9000/*", |request| Player {
    ///     room: request.uri().path().to_owned(),
    ///     score: 0,
    /// })
    /// .on_message(|conn, _message| {
    ///     conn.state.score += 1;
    ///     conn.send(format!("{} points in {}", conn.state.score, conn.state.room))
    /// })
    /// .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn with_state(
        url: &str,
        make: impl Fn(&Request<()>) -> S + Send + Sync + 'static,
    ) -> WebSocketServer<S> {
        WebSocketServer {
            url: url.to_owned(),
            bound: None,
            make_state: Box::new(make),
            handlers: Handlers::default(),
            hub: Arc::default(),
            acceptor: Ok(Acceptor::default()),
            config: Config::default(),
            deflate: Some(DeflateConfig::default()),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            drain_timeout: DRAIN_TIMEOUT,
            max_connections: MAX_CONNECTIONS,
            threads: cores(),
            spin: Duration::ZERO,
            max_topics: MAX_TOPICS,
            backlog: Backlog::default(),
            hook: None,
            witness: None,
            tracer: Tracer::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Sets all that the opening handshake goes by: origins, subprotocols, trusted proxies, headers of the answer. It
    /// takes the place of what [`origins`](WebSocketServer::origins) and
    /// [`subprotocols`](WebSocketServer::subprotocols) set before; call them behind it. Default: [`Acceptor::default`]. Its compression gives way to [`deflate`](WebSocketServer::deflate).
    #[must_use]
    pub fn acceptor(mut self, acceptor: Acceptor) -> WebSocketServer<S> {
        self.acceptor = self.acceptor.map(|_| acceptor);
        self
    }

    /// Sets the subprotocols this server speaks, the preferred one first. Default: none.
    #[must_use]
    pub fn subprotocols<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> WebSocketServer<S> {
        self.acceptor = self.acceptor.and_then(|acceptor| {
            acceptor.with_subprotocols(names).map_err(|error| Error::Config(error.into()))
        });
        self
    }

    /// Sets which pages may connect. Default: those of the same origin, as the browser sees it. Programs that are no
    /// browser send no origin and are let in.
    #[must_use]
    pub fn origins(mut self, policy: OriginPolicy) -> WebSocketServer<S> {
        self.acceptor = self.acceptor.map(|acceptor| acceptor.with_origins(policy));
        self
    }

    /// Sets the limits and timeouts of every open connection. Default: [`Config::default`]. Its `deflate` gives way to
    /// [`deflate`](WebSocketServer::deflate).
    #[must_use]
    pub fn config(mut self, config: Config) -> WebSocketServer<S> {
        self.config = config;
        self
    }

    /// Sets how messages are compressed for clients that ask for it; `None` declines. Default: on, without context
    /// takeover, so that an idle connection holds no compressor.
    #[must_use]
    pub fn deflate(mut self, deflate: Option<DeflateConfig>) -> WebSocketServer<S> {
        self.deflate = deflate;
        self
    }

    /// Sets how long a client may take from its connection to its answer, TLS included. Default: 10 s.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> WebSocketServer<S> {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets how many connections there may be at a time, handshakes included. Default: 100,000; zero counts as one.
    /// Further clients wait in the queue of the operating system until one ends.
    #[must_use]
    pub fn max_connections(mut self, most: usize) -> WebSocketServer<S> {
        self.max_connections = most;
        self
    }

    /// Sets how many threads serve, of which one is that of [`run_forever`](WebSocketServer::run_forever). Default: one
    /// for each core; zero counts as one.
    ///
    /// Each connection stays with one thread, which calls its handlers. With one thread nothing is called at the same time
    /// as anything else.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> WebSocketServer<S> {
        self.threads = threads.clamp(1, MAX_THREADS);
        self
    }

    /// Sets how long a thread that has nothing to do goes on asking for it before it sleeps. Default: not at all. A few
    /// connections are answered sooner then, by the time that waking a thread takes, and a core is busy for that long
    /// after each message: 100 µs are a good choice where that does not matter.
    #[must_use]
    pub fn spin(mut self, time: Duration) -> WebSocketServer<S> {
        self.spin = time;
        self
    }

    /// Sets to how many topics a connection may subscribe. Default: 1,024.
    #[must_use]
    pub fn max_topics(mut self, most: usize) -> WebSocketServer<S> {
        self.max_topics = most;
        self
    }

    /// Sets what becomes of connections that are too slow for what is published and broadcast. Default:
    /// [`Backlog::Skip`].
    #[must_use]
    pub fn backlog(mut self, backlog: Backlog) -> WebSocketServer<S> {
        self.backlog = backlog;
        self
    }

    /// Sets how long open connections have to end once the server stops, after which they are cut. Default: 15 s,
    /// which leaves room for a closing handshake of [`Config::close_timeout`].
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> WebSocketServer<S> {
        self.drain_timeout = timeout;
        self
    }

    /// Sets what sees each request for a WebSocket before it is answered, and refuses it or not; what it puts into the
    /// extensions of the request is there in `with_state` and `on_open`. It must not block. Default: nobody.
    ///
    /// ```no_run
    /// use carrick::protocol::Refusal;
    /// use http::{StatusCode, header::AUTHORIZATION};
    ///
    /// carrick::WebSocketServer::new("ws://127.0.0.1:9000/ws")
    ///     .on_request(|request, _front| match request.headers().get(AUTHORIZATION) {
    ///         Some(token) if token == "Bearer secret" => Ok(()),
    ///         _ => Err(Refusal::new(StatusCode::UNAUTHORIZED, "send a token")),
    ///     })
    ///     .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn on_request(
        mut self,
        hook: impl Fn(&mut Request<()>, &Front) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> WebSocketServer<S> {
        self.hook = Some(Box::new(hook));
        self
    }

    /// Sets what is told of each request that is refused, and of the peer's address: for a log. It must not block.
    /// Default: nobody.
    #[must_use]
    pub fn on_rejection(
        mut self,
        witness: impl Fn(&Rejection, PeerAddress) + Send + Sync + 'static,
    ) -> WebSocketServer<S> {
        self.witness = Some(Arc::new(witness));
        self
    }

    /// Prints a trace to standard error: the opening handshakes both ways without the values that
    /// [`ConnectEvent`](crate::ConnectEvent) hides, and each frame with its direction, opcode, length, flags and the start of
    /// its payload. The address of the client stands before each line. Default: off.
    #[must_use]
    pub fn enable_trace(mut self, on: bool) -> WebSocketServer<S> {
        self.tracer = if on { Tracer::stderr() } else { Tracer::default() };
        self
    }

    /// Writes the trace of [`enable_trace`](WebSocketServer::enable_trace) to `writer` instead, line by line. What the
    /// writer fails with is ignored.
    #[must_use]
    pub fn trace_to(mut self, writer: impl io::Write + Send + 'static) -> WebSocketServer<S> {
        self.tracer = Tracer::new(writer);
        self
    }

    /// A handle of the server, for its handlers and for other threads.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle::new(Arc::clone(&self.hub))
    }

    /// Listens from now on, so that clients can connect; they are answered by
    /// [`run_forever`](WebSocketServer::run_forever), which does this itself if nobody did.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the address is in use, may not be used or does not exist; [`Error::Url`] and
    /// [`Error::Config`] for a URL or a setting that cannot be used.
    ///
    /// ```
    /// let server = carrick::WebSocketServer::new("ws://127.0.0.1:0/ws").bind()?;
    /// let address = server.local_addr().expect("it is bound");
    /// assert_ne!(address.port(), 0);
    /// # Ok::<(), carrick::Error>(())
    /// ```
    pub fn bind(mut self) -> Result<WebSocketServer<S>, Error> {
        if self.bound.is_none() {
            self.bound = Some(Bound::at(&self.address()?)?);
        }
        Ok(self)
    }

    /// The address that the server listens on; `None` before [`bind`](WebSocketServer::bind), and on a Unix socket.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.bound.as_ref()?.local_addr()
    }
}

impl<S> fmt::Debug for WebSocketServer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketServer")
            // Without what may be secret in it.
            .field("url", &Address::parse(&self.url).ok())
            .field("bound", &self.bound)
            .field("handlers", &self.handlers)
            .field("acceptor", &self.acceptor)
            .field("deflate", &self.deflate)
            .field("config", &self.config)
            .field("tracer", &self.tracer)
            .finish_non_exhaustive()
    }
}

/// How many threads there are unless said otherwise.
fn cores() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MAX_THREADS)
}

/// Their numbers have 16 bits.
const MAX_THREADS: usize = 4096;

/// To how many topics a connection may subscribe unless said otherwise.
const MAX_TOPICS: usize = 1024;
