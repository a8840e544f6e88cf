//! The client of the callback API.

use std::{
    fmt, io, mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderName, HeaderValue, header::COOKIE};
use tokio::time;

use super::builder::ClientBuilder;
use crate::{
    callback::{
        CUT, Conn, ConnHandle, Ended, Handlers, Heads, Mailbox, Occasion, Opened, Tracer, block_on, run,
    },
    error::Error,
    protocol::Closed,
    transport::ConnectEvent,
    websocket::Stop,
};

/// A client that calls handlers, for programs without an async runtime; who knows `websocket-client` knows it.
///
/// [`run_forever`](WebSocketApp::run_forever) blocks its thread and calls the handlers on it, one at a time, in this
/// order for each connection:
///
/// 1. `on_open`, once
/// 2. `on_message` or `on_piece`, `on_ping`, `on_pong` and `on_drain`, as things happen
/// 3. `on_error`, if the connection fails: the peer broke a rule, was silent for too long, or the network failed
/// 4. `on_close`, once, for each connection that was opened
///
/// `on_error` is told every other error too: that no connection could be opened, and what a handler returned. A
/// handler that panics ends `run_forever` with its panic.
///
/// A handler must not block: until it returns nothing is received, and no ping is answered. Long work belongs to
/// another thread, which sends by a [`ConnHandle`]. The other blocking clients refuse to work in a handler, because the
/// thread belongs to the loop.
///
/// What is wrong with the URL or a setting is told by `run_forever`. Settings that are not here are those of
/// [`ClientBuilder`]: [`with`](WebSocketApp::with) reaches all of them.
///
/// ```no_run
/// carrick::WebSocketApp::new("ws://127.0.0.1:9000/ws")
///     .on_open(|conn| conn.send("Hello, server!"))
///     .on_message(|_conn, message| println!("Received: {message}"))
///     .on_error(|_conn, error| eprintln!("Error: {error:#}"))
///     .on_close(|_conn, closed| println!("Connection closed: {closed}"))
///     .run_forever()?;
/// # Ok::<(), carrick::Error>(())
/// ```
pub struct WebSocketApp<S = ()> {
    /// Or the first thing that is wrong.
    builder: Result<ClientBuilder, Error>,
    pub(super) handlers: Handlers<S>,
    conn: Conn<S>,
    stop: Arc<Stop>,
    reconnect: Option<Duration>,
    tracer: Tracer,
    /// How many connections were opened.
    opened: u64,
}

impl WebSocketApp {
    /// An app for the server at `url`, see [`ClientBuilder::new`].
    #[must_use]
    pub fn new(url: &str) -> WebSocketApp {
        WebSocketApp::with_state(url, ())
    }

    /// An app with the settings of `builder`.
    ///
    /// ```no_run
    /// use carrick::{ClientBuilder, WebSocketApp};
    ///
    /// let builder = ClientBuilder::new("wss://example.com/feed")?.bearer_token("secret")?;
    /// WebSocketApp::from_builder(builder).on_message(|_, message| println!("{message}")).run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn from_builder(builder: ClientBuilder) -> WebSocketApp {
        WebSocketApp::of(Ok(builder), ())
    }
}

impl<S> WebSocketApp<S> {
    /// An app whose handlers share `state`, as `conn.state`. It stays from one connection to the next, and can be
    /// [looked at](WebSocketApp::state) behind `run_forever`.
    ///
    /// ```no_run
    /// use carrick::WebSocketApp;
    ///
    /// let mut app = WebSocketApp::with_state("ws://127.0.0.1:9000/ws", Vec::new())
    ///     .on_message(|conn, message| conn.state.push(message.to_string()));
    /// app.run_forever()?;
    /// println!("{} messages", app.state().len());
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn with_state(url: &str, state: S) -> WebSocketApp<S> {
        WebSocketApp::of(ClientBuilder::new(url), state)
    }

    fn of(builder: Result<ClientBuilder, Error>, state: S) -> WebSocketApp<S> {
        let stop = Arc::new(Stop::default());
        WebSocketApp {
            builder,
            handlers: Handlers::default(),
            conn: Conn::new(state, Arc::new(Mailbox::new(Arc::clone(&stop)))),
            stop,
            reconnect: None,
            tracer: Tracer::default(),
            opened: 0,
        }
    }

    /// Changes any setting of the [`ClientBuilder`]: TLS, proxies, limits, compression, timeouts.
    ///
    /// ```no_run
    /// carrick::WebSocketApp::new("wss://localhost:9000/ws")
    ///     .with(|builder| builder.root_certificates(std::fs::read("ca.pem")?))
    ///     .with(|builder| Ok(builder.deflate(None)))
    ///     .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn with(
        mut self,
        change: impl FnOnce(ClientBuilder) -> Result<ClientBuilder, Error>,
    ) -> WebSocketApp<S> {
        self.builder = self.builder.and_then(change);
        self
    }

    /// Adds a header to the request, see [`ClientBuilder::header`].
    #[must_use]
    pub fn header<N, V>(self, name: N, value: V) -> WebSocketApp<S>
    where
        N: TryInto<HeaderName, Error: Into<http::Error>>,
        V: TryInto<HeaderValue, Error: Into<http::Error>>,
    {
        self.with(|builder| builder.header(name, value))
    }

    /// Sends cookies, as in `"session=1; theme=dark"` (RFC 6265 §5.4). Default: none.
    #[must_use]
    pub fn cookie(self, cookies: &str) -> WebSocketApp<S> {
        self.with(|builder| builder.header(COOKIE, cookies))
    }

    /// Sends a name and a password, see [`ClientBuilder::basic_auth`].
    #[must_use]
    pub fn basic_auth(self, name: &str, password: &str) -> WebSocketApp<S> {
        self.with(|builder| builder.basic_auth(name, password))
    }

    /// Sets the Origin header, see [`ClientBuilder::origin`].
    #[must_use]
    pub fn origin(self, origin: &str) -> WebSocketApp<S> {
        self.with(|builder| builder.origin(origin))
    }

    /// Sets the subprotocols to offer, see [`ClientBuilder::subprotocols`].
    #[must_use]
    pub fn subprotocols<N: Into<String>>(self, names: impl IntoIterator<Item = N>) -> WebSocketApp<S> {
        self.with(|builder| builder.subprotocols(names))
    }

    /// Sets how often a ping is sent; `None` sends none. Default: every 20 s, see
    /// [`Config::ping_interval`](crate::protocol::Config::ping_interval).
    #[must_use]
    pub fn ping_interval(self, interval: Option<Duration>) -> WebSocketApp<S> {
        self.with(|builder| Ok(builder.change_config(|config| config.ping_interval = interval)))
    }

    /// Sets how long a ping may stay unanswered before the connection fails. Default: 20 s, see
    /// [`Config::pong_timeout`](crate::protocol::Config::pong_timeout).
    #[must_use]
    pub fn ping_timeout(self, timeout: Duration) -> WebSocketApp<S> {
        self.with(|builder| Ok(builder.change_config(|config| config.pong_timeout = timeout)))
    }

    /// Connects again `delay` after a connection could not be opened, failed, or was closed by the server, without an
    /// end. Default: not.
    ///
    /// It ends when the connection is closed from this side, by `close` or `stop`, and for an address or a setting that
    /// cannot be used. `on_open` is called for each connection.
    #[must_use]
    pub fn reconnect(mut self, delay: Duration) -> WebSocketApp<S> {
        self.reconnect = Some(delay);
        self
    }

    /// Prints a trace to standard error: each step of connecting, the opening handshake both ways without the
    /// values that [`ConnectEvent`](crate::ConnectEvent) hides, and each frame with its direction, opcode, length, flags and
    /// the start of its payload. Default: off.
    #[must_use]
    pub fn enable_trace(mut self, on: bool) -> WebSocketApp<S> {
        self.tracer = if on { Tracer::stderr() } else { Tracer::default() };
        self
    }

    /// Writes the trace of [`enable_trace`](WebSocketApp::enable_trace) to `writer` instead, line by line. What the
    /// writer fails with is ignored.
    #[must_use]
    pub fn trace_to(mut self, writer: impl io::Write + Send + 'static) -> WebSocketApp<S> {
        self.tracer = Tracer::new(writer);
        self
    }

    /// A handle for other threads. It works while a connection is open, whichever it is.
    #[must_use]
    pub fn handle(&self) -> ConnHandle {
        self.conn.handle()
    }

    /// What the handlers share.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.conn.state
    }

    /// What the handlers share, to change it.
    pub fn state_mut(&mut self) -> &mut S {
        &mut self.conn.state
    }

    /// Connects and calls the handlers until the connection is closed; with
    /// [`reconnect`](WebSocketApp::reconnect) until it is closed from this side. Returns how the last connection was
    /// closed. Stopped before there was one, it says that we closed it, without a close frame.
    ///
    /// When it returns, no thread and no socket of it is left, unless it was stopped while the system looked up a name:
    /// that is waited for for a second, and may then outlive it on a thread of its own. It may be called again. A `stop`
    /// ends one run: the one that goes on, or else the next.
    ///
    /// # Errors
    ///
    /// As [`ClientBuilder::connect`] if there is no connection, and as [`WebSocket::recv`](crate::WebSocket::recv) if
    /// it failed; `on_error` was told. [`Error::Config`] inside of an async runtime, whose other tasks would be blocked;
    /// that is also so on a thread of `spawn_blocking`.
    ///
    /// # Panics
    ///
    /// If a handler does.
    pub fn run_forever(&mut self) -> Result<Closed, Error> {
        let told = Err(Error::Config("a setting cannot be used, an earlier run told which".into()));
        let builder = match mem::replace(&mut self.builder, told) {
            Ok(builder) => builder,
            Err(error) => {
                self.handlers.call(&mut self.conn, Occasion::Error(&error));
                return Err(error);
            }
        };
        self.builder = Ok(builder.clone());
        self.conn.set_tracer(&self.tracer, "");
        self.conn.forget_close();
        let ran = catch_unwind(AssertUnwindSafe(|| block_on(self.run(builder))));
        self.conn.end();
        self.stop.withdraw();
        match ran {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => {
                self.handlers.call(&mut self.conn, Occasion::Error(&error));
                Err(error)
            }
            Err(panic) => resume_unwind(panic),
        }
    }

    async fn run(&mut self, builder: ClientBuilder) -> Result<Closed, Error> {
        let seen = Arc::new(Watch::default());
        let builder = observed(builder, self.tracer.clone(), Arc::clone(&seen));
        let mut last = CUT;
        loop {
            let failure = match self.connect(&builder, &seen).await {
                None => return Ok(last),
                Some(Ok(Ended { closed, error })) => {
                    last = closed;
                    error
                }
                Some(Err(error)) => {
                    self.handlers.call(&mut self.conn, Occasion::Error(&error));
                    Some(error)
                }
            };
            let hopeless = matches!(failure, Some(Error::Url { .. } | Error::Config(_)));
            let left = self.conn.is_left() || self.stop.is_asked();
            match self.reconnect.filter(|_| !left && !hopeless) {
                Some(delay) => {
                    tokio::select! {
                        biased;
                        () = self.stop.asked() => return Ok(last),
                        () = time::sleep(delay) => {}
                    }
                }
                None => return failure.map_or(Ok(last), Err),
            }
        }
    }

    /// Opens one connection and runs it to its end; `None` if it is stopped before it is open.
    async fn connect(&mut self, builder: &ClientBuilder, seen: &Watch) -> Option<Result<Ended, Error>> {
        let connected = tokio::select! {
            biased;
            () = self.stop.asked() => return None,
            connected = builder.connect() => connected,
        };
        let websocket = match connected {
            Ok(websocket) => websocket,
            Err(error) => return Some(Err(error)),
        };
        self.opened += 1;
        let heads = mem::take(&mut *seen.lock());
        let opened = Opened { id: self.opened, websocket, heads };
        let handlers = &mut self.handlers;
        let delivery = handlers.delivery();
        let ended =
            run(&mut self.conn, opened, delivery, |conn, occasion| handlers.call(conn, occasion)).await;
        Some(Ok(ended))
    }
}

impl<S: fmt::Debug> fmt::Debug for WebSocketApp<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketApp")
            .field("builder", &self.builder)
            .field("handlers", &self.handlers)
            .field("conn", &self.conn)
            .field("reconnect", &self.reconnect)
            .field("tracer", &self.tracer)
            .finish_non_exhaustive()
    }
}

/// The heads of the latest opening handshake.
#[derive(Debug, Default)]
struct Watch {
    seen: Mutex<Heads>,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Heads> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &ConnectEvent<'_>) {
        match event {
            ConnectEvent::Requested { request } => self.lock().request = Some((*request).clone()),
            ConnectEvent::Answered { response, .. } => self.lock().response = Some((*response).clone()),
            ConnectEvent::Resolved { .. }
            | ConnectEvent::Connecting { .. }
            | ConnectEvent::ConnectFailed { .. }
            | ConnectEvent::Connected { .. }
            | ConnectEvent::Proxied { .. }
            | ConnectEvent::Secured { .. }
            | ConnectEvent::Http2 { .. }
            | ConnectEvent::Shared { .. }
            | ConnectEvent::FellBack { .. }
            | ConnectEvent::TryingHttp3 { .. }
            | ConnectEvent::Http3 { .. }
            | ConnectEvent::Redirected { .. } => {}
        }
    }
}

/// The builder with one observer more.
fn observed(builder: ClientBuilder, tracer: Tracer, watch: Arc<Watch>) -> ClientBuilder {
    let own = builder.dialer.observer.clone();
    builder.on_connect_event(move |event| {
        own.tell(event);
        tracer.write("", event);
        watch.note(event);
    })
}
