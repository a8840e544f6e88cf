//! The life of one connection until its handler takes over.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use http::{HeaderMap, Request, Response, Version, header::ALT_SVC};
use tokio::io;

#[cfg(feature = "http2")]
use super::http2::{self, Http2Settings};
#[cfg(not(feature = "http2"))]
use super::no_http2::{self as http2, Http2Settings};
use super::{
    accept::{HandshakeTimer, open, read_head, refuse},
    accepted::Accepted,
    alternative::Alternative,
    caller::{Caller, PeerAddress},
    connections::Connections,
    cors::Cors,
    hyper::{self, Fallback},
    preface::speaks_http2,
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
    /// `None` if HTTP/2 is not spoken.
    pub(super) http2: Option<Http2Settings>,
    /// `None` if there has never been HTTP/3.
    pub(super) alternative: Option<Alternative>,
    pub(super) http3_witness: Option<Http3Witness>,
    pub(super) tracer: Tracer,
}

/// What the application makes of a request before it is answered.
pub(super) type Hook = Arc<dyn Fn(Request<()>, Front) -> BoxFuture<Result<Accepted, Refusal>> + Send + Sync>;

/// Whom the application lets know of refusals.
pub(super) type Witness = Arc<dyn Fn(&Rejection, PeerAddress) + Send + Sync>;

/// Whom the application lets know that there is HTTP/3 no more.
pub(super) type Http3Witness = Arc<dyn Fn(&io::Error) + Send + Sync>;

/// Puts TLS on a stream, and offers HTTP/2 if it is told to.
pub(super) type Secure = Arc<dyn Fn(NetStream, bool) -> BoxFuture<io::Result<Secured>> + Send + Sync>;

/// What TLS has made of a stream.
pub(super) struct Secured {
    pub(super) stream: NetStream,
    /// What the client has shown, in DER.
    pub(super) certificates: Vec<Vec<u8>>,
    /// Whether ALPN has chosen HTTP/2.
    pub(super) http2: bool,
}

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A request that is about to become a WebSocket.
pub(super) struct Opening {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) request: Request<()>,
    pub(super) response: Response<()>,
    pub(super) agreement: Agreement,
}

/// A connection that speaks HTTP/2.
#[cfg_attr(not(feature = "http2"), expect(dead_code, reason = "none does"))]
pub(super) struct Below {
    pub(super) stream: NetStream,
    /// What was read from it.
    pub(super) received: BytesMut,
    pub(super) caller: Caller,
    /// Where each WebSocket on it takes its place.
    pub(super) connections: Arc<Connections>,
    pub(super) stop: Arc<Stop>,
    pub(super) timer: HandshakeTimer,
}

/// What a request asks for.
enum Asked {
    WebSocket(Box<Opening>),
    Page,
    /// All that HTTP/2 may carry.
    Http2(Http2Settings),
}

impl Service {
    /// Serves one connection until a handler has it or it is over.
    pub(super) async fn serve(
        self: Arc<Service>,
        stream: NetStream,
        address: PeerAddress,
        connections: Arc<Connections>,
        stop: Arc<Stop>,
    ) -> Option<Stage> {
        let timer = HandshakeTimer::start(self.handshake_timeout);
        let secured = self.secured(stream, timer, &stop).await.ok()?;
        let Secured { mut stream, certificates, http2 } = secured;
        let caller = Caller::new(address, certificates);
        let mut received = BytesMut::new();
        let asked = tokio::select! {
            biased;
            () = stop.asked() => Err(Rejection::Draining.into()),
            asked = self.asked(&mut stream, &mut received, &caller, (timer, http2)) => asked,
        };
        match asked {
            Ok(Asked::WebSocket(opening)) => {
                let Opening { endpoint, request, response, agreement } = *opening;
                self.trace_response(address, &response);
                let config = Arc::clone(&endpoint.config);
                let websocket = open(stream, received, &response, agreement, config, timer).await.ok()?;
                return Some(endpoint.start(websocket, request, stop));
            }
            Ok(Asked::Page) => {
                return Some(Stage::new(hyper::serve(self, stream, received, caller, stop)));
            }
            Ok(Asked::Http2(settings)) => {
                let below = Below { stream, received, caller, connections, stop, timer };
                return Some(Stage::last(http2::serve(self, settings, below)));
            }
            Err(Error::Rejection(rejection)) => {
                self.tell(&rejection, address);
                self.trace_response(address, &rejection.response(Version::HTTP_11));
                refuse(&mut stream, &rejection).await;
            }
            // The client is gone.
            Err(_) => {}
        }
        None
    }

    async fn secured(&self, stream: NetStream, timer: HandshakeTimer, stop: &Stop) -> Result<Secured, Error> {
        let Some(secure) = &self.secure else {
            return Ok(Secured { stream, certificates: Vec::new(), http2: false });
        };
        tokio::select! {
            biased;
            () = stop.asked() => Err(Rejection::Draining.into()),
            secured = timer.bound("tls handshake", secure(stream, self.http2.is_some())) => Ok(secured??),
        }
    }

    async fn asked(
        &self,
        stream: &mut NetStream,
        received: &mut BytesMut,
        caller: &Caller,
        (timer, http2): (HandshakeTimer, bool),
    ) -> Result<Asked, Error> {
        if let Some(settings) = &self.http2 {
            let speaks = async { Ok(http2 || speaks_http2(stream, received).await?) };
            if timer.bound_head(speaks).await? {
                return Ok(Asked::Http2(settings.clone()));
            }
        }
        let (request, consumed) = timer.bound_head(read_head(stream, self.head_limits, received)).await?;
        self.trace_request(caller.address, &request);
        if is_websocket_request(&request) {
            received.advance(consumed);
            return Ok(Asked::WebSocket(Box::new(self.decide(request, caller, timer).await?)));
        }
        if self.fallback.is_none() {
            return Err(self.no_page(&request).into());
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
        let Some(hook) = &self.hook else {
            request.extensions_mut().insert(front);
            self.tell_alternative(request.version(), response.headers_mut());
            return Ok(Opening { endpoint, request, response, agreement });
        };
        request.extensions_mut().insert(front.clone());
        let offered = offered_subprotocols(request.headers());
        let offered: Vec<_> = offered.into_iter().map(str::to_owned).collect();
        let accepted = timer.bound_decision(hook(request, front)).await?;
        request = accepted.apply(&offered, &mut response, &mut agreement)?;
        self.tell_alternative(request.version(), response.headers_mut());
        Ok(Opening { endpoint, request, response, agreement })
    }

    /// Lets a client that came over another version know of HTTP/3, unless the application has said something else.
    pub(super) fn tell_alternative(&self, version: Version, headers: &mut HeaderMap) {
        if let Some(alternative) = &self.alternative
            && version < Version::HTTP_3
        {
            headers.entry(ALT_SVC).or_insert_with(|| alternative.value());
        }
    }

    /// There is HTTP/3 no more.
    pub(super) fn lose_http3(&self, error: &io::Error) {
        if let Some(alternative) = &self.alternative {
            alternative.withdraw();
        }
        if let Some(witness) = &self.http3_witness {
            witness(error);
        }
    }

    /// The answer of a server without pages.
    pub(super) fn no_page(&self, request: &Request<()>) -> Rejection {
        match self.routes.find(request.uri().path()) {
            Ok(_) if request.version() > Version::HTTP_11 => Rejection::ConnectNotExtended,
            Ok(_) => Rejection::UpgradeMissing,
            Err(rejection) => rejection,
        }
    }

    pub(super) fn tell(&self, rejection: &Rejection, address: PeerAddress) {
        if let Some(witness) = &self.witness {
            witness(rejection, address);
        }
    }

    pub(super) fn trace_request(&self, address: PeerAddress, request: &Request<()>) {
        if self.tracer.is_on() {
            self.tracer.write(&trace_label(address), &HeadLines::of_request("< ", request));
        }
    }

    pub(super) fn trace_response<B>(&self, address: PeerAddress, response: &Response<B>) {
        if self.tracer.is_on() {
            self.tracer.write(&trace_label(address), &HeadLines::of_response("> ", response));
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
