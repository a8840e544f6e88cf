//! The life of one connection until its handler takes over.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use http::{Request, Response, Version};
use tokio::io;

use super::{
    accept::{HandshakeTimer, open, read_head, refuse},
    accepted::Accepted,
    caller::{Caller, PeerAddress},
    cors::Cors,
    hyper::{self, Fallback},
    route::{Endpoint, Routes},
    stage::Stage,
};
use crate::{
    callback::Tracer,
    error::Error,
    protocol::{
        Agreement, Front, HeadLimits, Peer, Refusal, Rejection, TrustedProxies, is_websocket_request,
        offered_subprotocols,
    },
    transport::{HeadLines, NetStream},
    websocket::Stop,
};

/// What all connections of a server go by.
pub(super) struct Service {
    pub(super) routes: Routes,
    pub(super) trusted_proxies: TrustedProxies,
    pub(super) head_limits: HeadLimits,
    pub(super) handshake_timeout: Duration,
    pub(super) hook: Option<Hook>,
    pub(super) witness: Option<Witness>,
    pub(super) fallback: Option<Fallback>,
    pub(super) cors: Option<Cors>,
    pub(super) secure: Option<Secure>,
    pub(super) tracer: Tracer,
}

/// What the application makes of a request before it is answered.
pub(super) type Hook = Arc<dyn Fn(Request<()>, Front) -> BoxFuture<Result<Accepted, Refusal>> + Send + Sync>;

/// Whom the application lets know of refusals.
pub(super) type Witness = Arc<dyn Fn(&Rejection, PeerAddress) + Send + Sync>;

/// Puts TLS on a stream.
pub(super) type Secure = Arc<dyn Fn(NetStream) -> BoxFuture<io::Result<Secured>> + Send + Sync>;

/// A stream, and the certificates in DER that the client showed on it.
pub(super) type Secured = (NetStream, Vec<Vec<u8>>);

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request that is about to become a WebSocket.
pub(super) struct Opening {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) request: Request<()>,
    pub(super) response: Response<()>,
    pub(super) agreement: Agreement,
}

/// What a request asks for.
enum Asked {
    WebSocket(Box<Opening>),
    Page,
}

impl Service {
    /// Serves one connection until a handler has it or it is over.
    pub(super) async fn serve(
        self: Arc<Service>,
        stream: NetStream,
        address: PeerAddress,
        stop: Arc<Stop>,
    ) -> Option<Stage> {
        let timer = HandshakeTimer::start(self.handshake_timeout);
        let Ok((mut stream, certificates)) = self.secured(stream, timer, &stop).await else { return None };
        let caller = Caller::new(address, certificates);
        let mut received = BytesMut::new();
        let asked = tokio::select! {
            biased;
            () = stop.asked() => Err(Rejection::Draining.into()),
            asked = self.asked(&mut stream, &mut received, &caller, timer) => asked,
        };
        match asked {
            Ok(Asked::WebSocket(opening)) => {
                let Opening { endpoint, request, response, agreement } = *opening;
                self.trace(address, || HeadLines::of_response("> ", &response));
                let config = Arc::clone(&endpoint.config);
                let websocket = open(stream, received, &response, agreement, config, timer).await.ok()?;
                return Some(endpoint.start(websocket, request, stop));
            }
            Ok(Asked::Page) => {
                return Some(Stage::new(hyper::serve(self, stream, received, caller, stop)));
            }
            Err(Error::Rejection(rejection)) => {
                self.tell(&rejection, address);
                self.trace(address, || HeadLines::of_response("> ", &rejection.response(Version::HTTP_11)));
                refuse(&mut stream, &rejection).await;
            }
            // The client is gone.
            Err(_) => {}
        }
        None
    }

    async fn secured(&self, stream: NetStream, timer: HandshakeTimer, stop: &Stop) -> Result<Secured, Error> {
        let Some(secure) = &self.secure else { return Ok((stream, Vec::new())) };
        tokio::select! {
            biased;
            () = stop.asked() => Err(Rejection::Draining.into()),
            secured = timer.bound("tls handshake", secure(stream)) => Ok(secured??),
        }
    }

    async fn asked(
        &self,
        stream: &mut NetStream,
        received: &mut BytesMut,
        caller: &Caller,
        timer: HandshakeTimer,
    ) -> Result<Asked, Error> {
        let (request, consumed) = timer.bound_head(read_head(stream, self.head_limits, received)).await?;
        self.trace(caller.address, || HeadLines::of_request("< ", &request));
        if is_websocket_request(&request) {
            received.advance(consumed);
            return Ok(Asked::WebSocket(Box::new(self.decide(request, caller, timer).await?)));
        }
        if self.fallback.is_none() {
            return Err(self.no_page(request.uri().path()).into());
        }
        Ok(Asked::Page)
    }

    /// Decides about a request for a WebSocket.
    pub(super) async fn decide(
        &self,
        mut request: Request<()>,
        caller: &Caller,
        timer: HandshakeTimer,
    ) -> Result<Opening, Rejection> {
        let peer = self.peer(caller.address);
        let endpoint = Arc::clone(self.routes.find(request.uri().path())?);
        let (mut response, mut agreement) = endpoint.acceptor.answer(&request, &peer)?;
        let front = self.trusted_proxies.front(&request, &peer);
        caller.introduce(request.extensions_mut());
        request.extensions_mut().insert(front.clone());
        if let Some(hook) = &self.hook {
            let offered = offered_subprotocols(request.headers());
            let offered: Vec<_> = offered.into_iter().map(str::to_owned).collect();
            let accepted = timer.bound_decision(hook(request, front)).await?;
            request = accepted.apply(&offered, &mut response, &mut agreement)?;
        }
        Ok(Opening { endpoint, request, response, agreement })
    }

    /// The answer of a server without pages.
    fn no_page(&self, path: &str) -> Rejection {
        match self.routes.find(path) {
            Ok(_) => Rejection::UpgradeMissing,
            Err(rejection) => rejection,
        }
    }

    pub(super) fn tell(&self, rejection: &Rejection, address: PeerAddress) {
        if let Some(witness) = &self.witness {
            witness(rejection, address);
        }
    }

    fn trace(&self, address: PeerAddress, head: impl FnOnce() -> HeadLines) {
        if self.tracer.is_on() {
            self.tracer.write(&trace_label(address), &head());
        }
    }

    pub(super) fn peer(&self, address: PeerAddress) -> Peer {
        Peer { address: Some(address), tls: self.secure.is_some() }
    }
}

/// What stands before each line of a trace.
pub(super) fn trace_label(address: PeerAddress) -> String {
    format!("{address} ")
}
