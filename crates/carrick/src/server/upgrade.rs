//! A WebSocket inside somebody else's HTTP server: hyper, and what is built on it.

use std::{io, mem, sync::Arc};

use bytes::BytesMut;
use http::{Request, Response, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::{rt::TokioIo, server::conn::auto::upgrade as auto};
use tokio::net::TcpStream;

#[cfg(feature = "http2")]
use super::http2::protocol_of_hyper;
#[cfg(not(feature = "http2"))]
use super::no_http2::protocol_of_hyper;
use super::rewound::Rewound;
use crate::{
    error::Error,
    protocol::{Acceptor, Agreement, Config, Peer, Refusal, Rejection, Role},
    transport::NetStream,
    websocket::WebSocket,
};

/// What [`upgrade`] goes by, apart from what the [`Acceptor`] knows.
///
/// ```
/// use carrick::protocol::PeerAddress;
///
/// let mut options = carrick::UpgradeOptions::default();
/// options.peer.address = Some(PeerAddress::Ip(([192, 0, 2, 1], 4711).into()));
/// options.peer.tls = true;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct UpgradeOptions {
    /// Who is at the other end. Default: nobody known, without TLS; browsers are then taken only from pages of
    /// `http://`, and no proxy is trusted.
    pub peer: Peer,
    /// Limits and timeouts of the open WebSocket. Default: those of [`Config::default`]. Its `deflate` gives way to that
    /// of the acceptor.
    pub config: Arc<Config>,
}

/// Answers a request for a WebSocket that a hyper server has read: the response to return from the service, and
/// what becomes the WebSocket once hyper has sent it.
///
/// The server has to be one that hands over its connections, `with_upgrades` in hyper. Its own limits hold for the head
/// of the request. A request that asks for no WebSocket ([`is_websocket_request`](crate::protocol::is_websocket_request)) is
/// refused like every other that breaks a rule. With the feature `http2` it may be an extended CONNECT too, for which the
/// server has to be told: `enable_connect_protocol` in hyper. A [`Server`](crate::Server) does more; for axum there is an extractor,
/// `carrick::axum::WebSocketUpgrade`.
///
/// # Errors
///
/// The [`Rejection`] for the first rule that is broken; its `response` is the answer to return. 500 if something on the way
/// took hyper's `OnUpgrade` out of the request.
///
/// ```
/// use carrick::{UpgradeOptions, protocol::Acceptor};
/// use http::{Request, Response};
/// use hyper::body::Incoming;
///
/// async fn service(mut request: Request<Incoming>) -> Response<String> {
///     match carrick::upgrade(&mut request, &Acceptor::default(), UpgradeOptions::default()) {
///         Err(rejection) => rejection.response(request.version()),
///         Ok((response, upgrade)) => {
///             upgrade.start(|mut websocket| async move {
///                 while let Some(Ok(message)) = websocket.recv().await {
///                     let _ = websocket.send(message).await;
///                 }
///             });
///             response.map(|()| String::new())
///         }
///     }
/// }
/// ```
pub fn upgrade<B>(
    request: &mut Request<B>,
    acceptor: &Acceptor,
    options: UpgradeOptions,
) -> Result<(Response<()>, Upgrade), Rejection> {
    let mut head = Request::new(());
    exchange_heads(request, &mut head);
    if let Some(protocol) = protocol_of_hyper(head.extensions()) {
        head.extensions_mut().insert(protocol);
    }
    let answer = acceptor.answer(&head, &options.peer);
    exchange_heads(request, &mut head);
    let (response, agreement) = answer?;
    if request.extensions().get::<OnUpgrade>().is_none() {
        let sentence = "the server has lost its hold of the connection";
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, sentence).into());
    }
    let mut config = options.config;
    if let Some(deflate) = acceptor.deflate().filter(|deflate| **deflate != config.deflate) {
        Arc::make_mut(&mut config).deflate = deflate.clone();
    }
    let version = request.version();
    Ok((response, Upgrade { on_upgrade: hyper::upgrade::on(request), version, agreement, config }))
}

/// A WebSocket that was agreed on, whose stream an HTTP server still has, see [`upgrade`].
///
/// If it is dropped the client is answered nevertheless, and then finds its connection at an end.
#[derive(Debug)]
#[must_use = "the WebSocket is there once this is started or opened"]
pub struct Upgrade {
    on_upgrade: OnUpgrade,
    version: Version,
    agreement: Agreement,
    config: Arc<Config>,
}

impl Upgrade {
    /// What was agreed on.
    #[must_use]
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// The WebSocket, once the server has sent the answer. To be awaited in a task of its own: the answer is not sent
    /// before the service has returned it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the answer could not be sent, or the server does not hand over its connections.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped, so is the connection.
    ///
    /// ```
    /// # async fn example(upgrade: carrick::Upgrade) {
    /// let (opened, to_open) = tokio::sync::oneshot::channel();
    /// tokio::spawn(async move {
    ///     if let Ok(websocket) = upgrade.open().await {
    ///         let _ = opened.send(websocket);
    ///     }
    /// });
    /// # let _ = to_open;
    /// # }
    /// ```
    pub async fn open(self) -> Result<WebSocket, Error> {
        let upgraded = self.on_upgrade.await.map_err(io::Error::other)?;
        let (stream, received) = taken_over(upgraded, self.version);
        Ok(WebSocket::new(stream, Role::Server, self.config, self.agreement, received))
    }

    /// Opens the WebSocket in a task of its own and runs `handler` in another; the connection is cut when it returns.
    ///
    /// A [`Drain`](crate::Drain) starts handlers that it can close again when the server stops.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start<H, F>(self, handler: H)
    where
        H: FnOnce(WebSocket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(async move {
            if let Ok(websocket) = self.open().await {
                // As a task of its own, or what opening took would be kept for as long as the connection.
                tokio::spawn(handler(websocket));
            }
        });
    }
}

/// What hyper gave back: the stream without hyper's boxes where it is TCP or our own, and the bytes that were read too
/// far. Over HTTP/2 it is one stream of several.
pub(super) fn taken_over(upgraded: Upgraded, version: Version) -> (NetStream, BytesMut) {
    let upgraded = match upgraded.downcast::<TokioIo<Rewound>>() {
        Ok(parts) => {
            let (stream, received) = parts.io.into_inner().into_parts();
            // What hyper has not taken yet stands behind what it has.
            return (stream, BytesMut::from(&*[parts.read_buf, received].concat()));
        }
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => return tcp(parts.io, &parts.read_buf),
        Err(upgraded) => upgraded,
    };
    // What `axum::serve` and others use, which wrap the stream once more.
    match auto::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => tcp(parts.io, &parts.read_buf),
        // It reads the bytes again itself.
        Err(upgraded) => (NetStream::handed_over(TokioIo::new(upgraded), version), BytesMut::new()),
    }
}

fn tcp(stream: TokioIo<TcpStream>, received: &[u8]) -> (NetStream, BytesMut) {
    let stream = stream.into_inner();
    // A message that waits for the acknowledgement of an earlier one is late for no gain.
    let _ = stream.set_nodelay(true);
    (NetStream::tcp(stream), BytesMut::from(received))
}

/// Lends the head of a request, of which nobody but its owner has a `Request<()>`.
fn exchange_heads<B>(request: &mut Request<B>, head: &mut Request<()>) {
    mem::swap(request.method_mut(), head.method_mut());
    mem::swap(request.uri_mut(), head.uri_mut());
    mem::swap(request.version_mut(), head.version_mut());
    mem::swap(request.headers_mut(), head.headers_mut());
    mem::swap(request.extensions_mut(), head.extensions_mut());
}
