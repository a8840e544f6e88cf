//! An extractor for axum.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, LazyLock},
};

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, request::Parts};
use hyper::upgrade::OnUpgrade;

#[cfg(feature = "http2")]
use super::http2::protocol_of_hyper;
#[cfg(not(feature = "http2"))]
use super::no_http2::protocol_of_hyper;
use super::{
    drain::Drain,
    upgrade::{Upgrade, UpgradeOptions, upgrade},
};
use crate::{
    protocol::{
        Acceptor, Config, DeflateConfig, Front, OriginPolicy, Peer, PeerAddress, Rejection, TrustedProxies,
        is_websocket_request,
    },
    websocket::WebSocket,
};

/// An extractor for handlers that open a WebSocket.
///
/// As it comes it takes browsers from pages of its own origin and every other program, trusts no proxy, and compresses
/// for clients that ask for it. Each method changes one setting; [`on_upgrade`](WebSocketUpgrade::on_upgrade) checks the
/// request and makes the response, so nothing is open before that. A request that asks for no WebSocket is refused with
/// 426; as `Option<WebSocketUpgrade>` the extractor is `None` for it, and a page can be served at the same path.
///
/// With the feature `http2`, here and in axum, WebSockets come over HTTP/2 too. That is the method CONNECT, so the route has
/// to be one of `any` and not of `get`.
///
/// axum tells its extractors the address of the peer only where the router is served by
/// `into_make_service_with_connect_info::<SocketAddr>()`. [`trusted_proxies`](WebSocketUpgrade::trusted_proxies) needs it, or
/// [`peer_address`](WebSocketUpgrade::peer_address): of a peer that nobody knows no proxy header is believed.
///
/// ```no_run
/// use axum::{Router, response::Response, routing::get};
/// use carrick::axum::WebSocketUpgrade;
///
/// async fn echo(upgrade: WebSocketUpgrade) -> Response {
///     upgrade.on_upgrade(|mut websocket| async move {
///         while let Some(Ok(message)) = websocket.recv().await {
///             if websocket.send(message).await.is_err() {
///                 break;
///             }
///         }
///     })
/// }
///
/// # async fn example() -> std::io::Result<()> {
/// let app: Router = Router::new().route("/", get("a page")).route("/echo", get(echo));
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
/// axum::serve(listener, app).await
/// # }
/// ```
#[must_use = "no WebSocket is opened without `on_upgrade`"]
pub struct WebSocketUpgrade {
    /// As it was received, with hyper's `OnUpgrade` in its extensions.
    request: Request<()>,
    peer: Peer,
    acceptor: Arc<Acceptor>,
    config: Arc<Config>,
    drain: Option<Drain>,
}

impl WebSocketUpgrade {
    /// Sets everything that the opening handshake goes by at once, in place of what other methods have set: for an
    /// [`Acceptor`] that is made once and shared. One as it comes does not compress.
    pub fn acceptor(mut self, acceptor: impl Into<Arc<Acceptor>>) -> WebSocketUpgrade {
        self.acceptor = acceptor.into();
        self
    }

    /// Sets which pages may connect. Default: those of the same origin, as the browser sees it.
    pub fn origins(self, policy: OriginPolicy) -> WebSocketUpgrade {
        self.change(|acceptor| acceptor.with_origins(policy))
    }

    /// Sets the subprotocols that are spoken, the preferred one first. Default: none. The first that the client offers
    /// too is chosen; [`WebSocket::subprotocol`] tells which.
    ///
    /// # Panics
    ///
    /// If one of them is no token or is there twice.
    pub fn subprotocols<S: Into<String>>(self, names: impl IntoIterator<Item = S>) -> WebSocketUpgrade {
        self.change(|acceptor| match acceptor.with_subprotocols(names) {
            Ok(acceptor) => acceptor,
            Err(error) => panic!("{error}"),
        })
    }

    /// Sets how messages are compressed for clients that ask for it; `None` declines. Default: on, without context
    /// takeover, so that an idle connection holds no compressor.
    pub fn deflate(self, deflate: Option<DeflateConfig>) -> WebSocketUpgrade {
        self.change(|acceptor| acceptor.with_deflate(deflate))
    }

    /// Sets the proxies that are believed about the client's scheme, host and address. Default: none. Behind a proxy
    /// that ends TLS this must name it, or pages of the same origin are refused.
    pub fn trusted_proxies(self, proxies: TrustedProxies) -> WebSocketUpgrade {
        self.change(|acceptor| acceptor.with_trusted_proxies(proxies))
    }

    /// Adds a header to the answer that opens the WebSocket, a cookie for example.
    ///
    /// # Panics
    ///
    /// For those that the handshake writes itself, and for those that frame a body.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> WebSocketUpgrade {
        self.change(|acceptor| match acceptor.with_header(name, value) {
            Ok(acceptor) => acceptor,
            Err(error) => panic!("{error}"),
        })
    }

    /// Sets the limits and timeouts of the open WebSocket; an `Arc` of one that is made once costs a connection nothing.
    /// Default: [`Config::default`]. Its `deflate` gives way to [`deflate`](WebSocketUpgrade::deflate).
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> WebSocketUpgrade {
        self.config = config.into();
        self
    }

    /// Sets whether this server speaks TLS with its peers, which axum does not tell. Default: false. A server that does
    /// and does not say so refuses pages of its own origin, because they come from `https://`.
    pub fn tls(mut self, tls: bool) -> WebSocketUpgrade {
        self.peer.tls = tls;
        self
    }

    /// Sets where the peer is, if that is known in another way than by axum's `ConnectInfo<SocketAddr>`. A server on a Unix
    /// socket says [`PeerAddress::Unix`] here, for axum does not.
    pub fn peer_address(mut self, address: impl Into<PeerAddress>) -> WebSocketUpgrade {
        self.peer.address = Some(address.into());
        self
    }

    /// Sets what closes the WebSocket when the server stops. Default: nothing does. Once it is closing, requests are
    /// refused with 503.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use axum::{Router, extract::State, response::Response, routing::get};
    /// use carrick::{Drain, axum::WebSocketUpgrade};
    ///
    /// async fn feed(State(drain): State<Drain>, upgrade: WebSocketUpgrade) -> Response {
    ///     upgrade.drain(&drain).on_upgrade(|mut websocket| async move {
    ///         while let Some(Ok(_)) = websocket.recv().await {}
    ///     })
    /// }
    ///
    /// # async fn example(stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    /// let drain = Drain::new();
    /// let app = Router::new().route("/feed", get(feed)).with_state(drain.clone());
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
    /// axum::serve(listener, app).with_graceful_shutdown(stop).await?;
    /// drain.close(Duration::from_secs(10)).await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn drain(mut self, drain: &Drain) -> WebSocketUpgrade {
        self.drain = Some(drain.clone());
        self
    }

    /// The headers of the request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// What the client saw, before any proxy that is trusted so far.
    #[must_use]
    pub fn front(&self) -> Front {
        self.acceptor.trusted_proxies().front(&self.request, &self.peer)
    }

    /// The response, and in a task of its own `handler` with the WebSocket, which is cut when it returns. A request that
    /// breaks a rule gets the response that says so, and `handler` is dropped.
    #[must_use = "the response has to be returned"]
    pub fn on_upgrade<H, F>(self, handler: H) -> Response
    where
        H: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (drain, version) = (self.drain.clone(), self.request.version());
        match self.accept() {
            Err(rejection) => response(&rejection, version),
            Ok((response, upgrade)) => {
                match drain {
                    Some(drain) => drain.start(upgrade, handler),
                    None => upgrade.start(handler),
                }
                response
            }
        }
    }

    /// The two halves of [`on_upgrade`](WebSocketUpgrade::on_upgrade): the response to return, and what becomes the
    /// WebSocket then. The drain is asked whether it is closing, and not told of the WebSocket.
    ///
    /// # Errors
    ///
    /// The [`Rejection`], which is a response of axum too.
    ///
    /// ```
    /// use axum::response::Response;
    /// use carrick::{axum::WebSocketUpgrade, protocol::Rejection};
    ///
    /// async fn handler(upgrade: WebSocketUpgrade) -> Result<Response, Rejection> {
    ///     let (response, upgrade) = upgrade.accept().inspect_err(|rejection| println!("refused: {rejection}"))?;
    ///     upgrade.start(|mut websocket| async move {
    ///         let _ = websocket.send("Hello").await;
    ///     });
    ///     Ok(response)
    /// }
    /// ```
    pub fn accept(mut self) -> Result<(Response, Upgrade), Rejection> {
        if self.drain.is_some_and(|drain| drain.is_closing()) {
            return Err(Rejection::Draining);
        }
        let options = UpgradeOptions { peer: self.peer, config: self.config };
        let (response, upgrade) = upgrade(&mut self.request, &self.acceptor, options)?;
        Ok((response.map(|()| Body::empty()), upgrade))
    }

    fn change(mut self, change: impl FnOnce(Acceptor) -> Acceptor) -> WebSocketUpgrade {
        self.acceptor = Arc::new(change(Arc::unwrap_or_clone(self.acceptor)));
        self
    }

    /// `None` if no WebSocket is asked for.
    fn asked(parts: &mut Parts) -> Option<WebSocketUpgrade> {
        let mut request = Request::new(());
        request.method_mut().clone_from(&parts.method);
        request.uri_mut().clone_from(&parts.uri);
        *request.version_mut() = parts.version;
        request.headers_mut().clone_from(&parts.headers);
        if let Some(protocol) = protocol_of_hyper(&parts.extensions) {
            request.extensions_mut().insert(protocol);
        }
        if !is_websocket_request(&request) {
            return None;
        }
        if let Some(on_upgrade) = parts.extensions.remove::<OnUpgrade>() {
            request.extensions_mut().insert(on_upgrade);
        }
        let address =
            parts.extensions.get().map(|ConnectInfo(address): &ConnectInfo<SocketAddr>| (*address).into());
        Some(WebSocketUpgrade {
            request,
            peer: Peer { address, tls: false },
            acceptor: Arc::clone(&ACCEPTOR),
            config: Arc::clone(&CONFIG),
            drain: None,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<WebSocketUpgrade, Rejection> {
        WebSocketUpgrade::asked(parts).ok_or(Rejection::UpgradeMissing)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for WebSocketUpgrade {
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<WebSocketUpgrade>, Rejection> {
        Ok(WebSocketUpgrade::asked(parts))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        // What HTTP/2 does not know is left out by hyper.
        response(&self, Version::HTTP_11)
    }
}

/// Without the query and the headers, which may have secrets.
impl fmt::Debug for WebSocketUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketUpgrade")
            .field("path", &self.request.uri().path())
            .field("peer", &self.peer)
            .field("acceptor", &self.acceptor)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn response(rejection: &Rejection, version: Version) -> Response {
    rejection.response(version).map(Body::from)
}

static ACCEPTOR: LazyLock<Arc<Acceptor>> =
    LazyLock::new(|| Arc::new(Acceptor::default().with_deflate(Some(DeflateConfig::default()))));

static CONFIG: LazyLock<Arc<Config>> = LazyLock::new(Arc::default);
