//! What the requests of HTTP/2 and HTTP/3 have in common: many of them on one connection, a WebSocket by extended CONNECT.

use std::sync::Arc;

use ::hyper::body::Body as _;
use http::{
    HeaderMap, HeaderName, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE},
    response::Parts,
};

use super::{
    accept::HandshakeTimer,
    body::Body,
    caller::Caller,
    connection::{Opening, Service},
    connections::{Connections, Place},
    hyper::{self, ResponseBody},
};
use crate::protocol::{ConnectProtocol, Refusal, Rejection, excerpt, is_websocket_request};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    Answered,
    /// It is a WebSocket from now on.
    Opened,
    /// The client did not wait for the answer.
    TakenBack,
}

/// What is answered.
pub(super) enum Answer<R> {
    /// With the half of the stream that is received.
    WebSocket(Box<Opening>, R, Place),
    Page(Response<ResponseBody>),
}

/// The half of a stream that is received, and may be the body of an ordinary request.
pub(super) trait Rest {
    /// `length` is how long it is, if the client has said so.
    fn into_body(self, length: Option<u64>) -> Body;
}

/// Decides about a request, of which `receiving` is what comes behind its head.
pub(super) async fn decide<R: Rest>(
    service: &Service,
    head: Request<()>,
    receiving: R,
    (caller, connections): (&Caller, &Arc<Connections>),
) -> Result<Answer<R>, Rejection> {
    let limit = service.head_limits.max_headers;
    if head.headers().len() > limit {
        return Err(Rejection::TooManyHeaders { limit });
    }
    if is_websocket_request(&head) {
        let timer = HandshakeTimer::start(service.handshake_timeout);
        let place = connections.add_if_room().ok_or_else(full)?;
        let stop = Arc::clone(place.stop());
        let opening = tokio::select! {
            biased;
            () = stop.asked() => return Err(Rejection::Draining),
            decided = service.decide(head, caller, timer) => decided?,
        };
        return Ok(Answer::WebSocket(Box::new(opening), receiving, place));
    }
    if let Some(protocol) = head.extensions().get::<ConnectProtocol>() {
        return Err(Rejection::ProtocolUnknown { protocol: excerpt(protocol.as_str().as_bytes()) });
    }
    if head.method() == Method::CONNECT {
        return Err(Rejection::ConnectNotExtended);
    }
    let length = head.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let body = receiving.into_body(length);
    Ok(Answer::Page(hyper::page(service, head, body, caller, None).await))
}

/// Makes the head of a page fit for HTTP/2 and HTTP/3; whether the answer ends with it.
pub(super) fn fit(head: &mut Parts, body: &ResponseBody, is_head: bool) -> bool {
    if head.status.is_informational() {
        // What belongs to HTTP/1.1, a change of protocol in the middle of a connection.
        head.status = StatusCode::INTERNAL_SERVER_ERROR;
    }
    strip(&mut head.headers);
    if let Some(length) = body.size_hint().exact().filter(|length| *length > 0 || !is_head) {
        let has_body = head.status != StatusCode::NO_CONTENT && head.status != StatusCode::NOT_MODIFIED;
        if has_body && !head.headers.contains_key(CONTENT_LENGTH) {
            head.headers.insert(CONTENT_LENGTH, length.into());
        }
    }
    is_head || body.is_end_stream()
}

/// RFC 9113 §8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
}

/// Over HTTP/1.1 the client would wait until it is let in; one stream of several cannot be held up without the others.
pub(super) fn full() -> Rejection {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "server has as many connections as it takes").into()
}
