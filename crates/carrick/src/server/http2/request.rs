//! One request over HTTP/2: a WebSocket, a page, or a refusal.

use std::{future::poll_fn, net::SocketAddr, sync::Arc};

use bytes::{Bytes, BytesMut};
use h2::{RecvStream, ext::Protocol, server::SendResponse};
use http::{Method, Request, Version};

use super::{
    super::{
        caller::Caller,
        connection::{Opening, Service},
        connections::Connections,
        haste::Haste,
        hyper::boxed_text,
        multiplexed::{Answer, Outcome, decide, full},
    },
    page,
};
use crate::{
    protocol::{ConnectProtocol, Role},
    transport::{Http2Stream, NetStream, Wire},
    websocket::WebSocket,
};

/// What a request came over.
pub(super) struct Source {
    pub(super) caller: Caller,
    pub(super) peer: Option<SocketAddr>,
    pub(super) wire: Arc<Wire>,
    pub(super) connections: Arc<Connections>,
    /// How many streams there may be at a time.
    pub(super) most: usize,
    pub(super) haste: Arc<Haste>,
}

impl Source {
    /// Whether handlers of streams that the client has reset pile up: the protocol bounds the streams, not what goes on
    /// behind them.
    fn is_crowded(&self) -> bool {
        // Every stream of a WebSocket holds the wire as long as its handler does, and so does every request.
        Arc::strong_count(&self.wire) > 2 * self.most + WIRE_OWNERS
    }
}

/// Answers a request. A WebSocket that it opens goes on without it.
pub(super) async fn answer(
    service: Arc<Service>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    source: Source,
) -> Outcome {
    let is_crowded = source.is_crowded();
    let Source { caller, peer, wire, connections, haste, .. } = source;
    let (parts, receiving) = request.into_parts();
    let mut head = Request::from_parts(parts, ());
    if let Some(protocol) = head.extensions_mut().remove::<Protocol>() {
        head.extensions_mut().insert(ConnectProtocol::new(protocol.as_str()));
    }
    service.trace_request(caller.address, &head);
    let is_head = head.method() == Method::HEAD;
    let deciding = async {
        if is_crowded {
            return Err(full());
        }
        decide(&service, head, receiving, (&caller, &connections)).await
    };
    let decided = tokio::select! {
        biased;
        // The application must not go on with what nobody waits for: a client could have it do so without end.
        _ = poll_fn(|cx| respond.poll_reset(cx)) => return Outcome::TakenBack,
        decided = deciding => decided,
    };
    let page = match decided {
        Ok(Answer::WebSocket(opening, receiving, place)) => {
            let Opening { endpoint, request, response, agreement } = *opening;
            service.trace_response(caller.address, &response);
            let Ok(sending) = respond.send_response(response, false) else { return Outcome::TakenBack };
            let stream = Http2Stream::new(sending, receiving, wire, peer).watched(haste.lookout());
            let stream = NetStream::of(Version::HTTP_2, stream, peer);
            let config = Arc::clone(&endpoint.config);
            let websocket = WebSocket::new(stream, Role::Server, config, agreement, BytesMut::new());
            place.start(|stop| endpoint.start(websocket, request, Arc::clone(stop)));
            return Outcome::Opened;
        }
        Ok(Answer::Page(response)) => response,
        Err(rejection) => {
            service.tell(&rejection, caller.address);
            let response = rejection.response(Version::HTTP_2);
            service.trace_response(caller.address, &response);
            response.map(boxed_text)
        }
    };
    match page::send(respond, page, is_head).await {
        Ok(()) => Outcome::Answered,
        Err(_) => Outcome::TakenBack,
    }
}

/// The connection itself, the stream below it, and what makes requests of it.
const WIRE_OWNERS: usize = 3;
