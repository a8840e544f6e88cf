//! One request over HTTP/3: a WebSocket, a page, or a refusal.

use std::sync::Arc;

use bytes::BytesMut;
use http::{Method, Response, StatusCode, Version};

use super::{
    super::{
        accept::HandshakeTimer,
        caller::Caller,
        connection::{Opening, Service},
        connections::{Connections, Place},
        haste::Haste,
        hyper::boxed_text,
        multiplexed::{Answer, Outcome, decide},
    },
    page::Page,
};
use crate::{
    error::Error,
    protocol::{ConnectProtocol, Refusal, Rejection, Role},
    transport::{
        NetStream,
        http3::{ErrorCode, Http3Stream, ReceiveError, Receiving, Sending},
    },
    websocket::WebSocket,
};

/// What a request came over.
pub(super) struct Source {
    pub(super) caller: Caller,
    pub(super) connections: Arc<Connections>,
    pub(super) haste: Arc<Haste>,
}

/// Answers a request. A WebSocket that it opens goes on without it.
pub(super) async fn answer(
    service: Arc<Service>,
    (mut sending, mut receiving): (Sending, Receiving),
    Source { caller, connections, haste }: Source,
) -> Outcome {
    let timer = HandshakeTimer::start(service.handshake_timeout);
    // No answer but a WebSocket depends on what is left unread of the request.
    receiving.want_no_more(ErrorCode::NoError);
    let asked = async { Ok(receiving.read_request().await) };
    let head = match timer.bound_head(asked).await {
        Ok(Ok(head)) => head,
        Ok(Err(ReceiveError::HeadTooLarge)) => {
            let limit = service.head_limits.max_head_bytes;
            return refuse(&service, sending, &Rejection::HeadTooLarge { limit }, &caller).await;
        }
        Ok(Err(ReceiveError::Breach(breach))) => {
            sending.cancel(breach.code);
            return Outcome::TakenBack;
        }
        Ok(Err(ReceiveError::Io(_))) => return Outcome::TakenBack,
        Err(Error::Rejection(rejection)) => return refuse(&service, sending, &rejection, &caller).await,
        Err(_) => return Outcome::TakenBack,
    };
    let mut request = head.request;
    if let Some(protocol) = head.protocol {
        request.extensions_mut().insert(ConnectProtocol::new(protocol));
    }
    service.trace_request(caller.address, &request);
    let is_head = request.method() == Method::HEAD;
    let soundness = receiving.soundness();
    let decided = tokio::select! {
        biased;
        // The application must not go on with what nobody waits for: a client could have it do so without end.
        () = sending.stopped() => return Outcome::TakenBack,
        decided = decide(&service, request, receiving, (&caller, &connections)) => decided,
    };
    match decided {
        Ok(Answer::WebSocket(opening, receiving, place)) => {
            if let Err(rejection) = check_head(&sending, &opening.response) {
                return refuse(&service, sending, &rejection, &caller).await;
            }
            service.trace_response(caller.address, &opening.response);
            let written = sending.write_response(&opening.response);
            if !matches!(timer.bound("opening handshake", written).await, Ok(Ok(()))) {
                return Outcome::TakenBack;
            }
            let stream = Http3Stream::new(sending, receiving).watched(haste.lookout());
            open(*opening, stream, place);
            Outcome::Opened
        }
        Ok(Answer::Page(_)) if !soundness.is_sound() => {
            // "Malformed requests … MUST be treated as a stream error of type H3_MESSAGE_ERROR" (RFC 9114 §4.1.2).
            sending.cancel(ErrorCode::MessageError);
            Outcome::TakenBack
        }
        Ok(Answer::Page(response)) => {
            let page = Page::new(response, is_head);
            match check_head(&sending, &page.head) {
                Ok(()) => outcome(page.send(sending).await.is_ok()),
                Err(rejection) => refuse(&service, sending, &rejection, &caller).await,
            }
        }
        Err(rejection) => refuse(&service, sending, &rejection, &caller).await,
    }
}

/// Hands a stream whose CONNECT is answered to the handler.
fn open(opening: Opening, mut stream: Http3Stream, place: Place) {
    let Opening { endpoint, request, agreement, .. } = opening;
    stream.expect_tunnel();
    let peer = stream.peer_addr();
    let stream = NetStream::of(Version::HTTP_3, stream, Some(peer));
    let config = Arc::clone(&endpoint.config);
    let websocket = WebSocket::new(stream, Role::Server, config, agreement, BytesMut::new());
    place.start(|stop| endpoint.start(websocket, request, Arc::clone(stop)));
}

/// An answer whose head the client does not take is not sent: the application that has made it is told with the client.
fn check_head(sending: &Sending, head: &Response<()>) -> Result<(), Rejection> {
    let refusal = |sentence| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, sentence).into();
    sending.check_response(head).map_err(refusal)
}

async fn refuse(service: &Service, mut sending: Sending, rejection: &Rejection, caller: &Caller) -> Outcome {
    service.tell(rejection, caller.address);
    let page = Page::new(rejection.response(Version::HTTP_3).map(boxed_text), false);
    if sending.check_response(&page.head).is_err() {
        // It takes no answer at all.
        sending.cancel(ErrorCode::InternalError);
        return Outcome::TakenBack;
    }
    service.trace_response(caller.address, &page.head);
    outcome(page.send(sending).await.is_ok())
}

/// Refuses a request that came too late, without a look at it: the client may send it elsewhere (RFC 9114 §4.1.1).
pub(super) fn reject((mut sending, mut receiving): (Sending, Receiving)) {
    sending.cancel(ErrorCode::RequestRejected);
    receiving.want_no_more(ErrorCode::RequestRejected);
}

fn outcome(answered: bool) -> Outcome {
    if answered { Outcome::Answered } else { Outcome::TakenBack }
}
