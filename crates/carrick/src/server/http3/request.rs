//! One request over HTTP/3: a WebSocket, a page, or a refusal.

use std::sync::Arc;

use bytes::BytesMut;
use http::{Method, Version};

use super::{
    super::{
        accept::HandshakeTimer,
        caller::Caller,
        connection::{Opening, Service},
        connections::Connections,
        haste::Haste,
        hyper::boxed_text,
        multiplexed::{Answer, Outcome, decide},
    },
    page,
};
use crate::{
    error::Error,
    protocol::{ConnectProtocol, Rejection, Role},
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
    let page = match decided {
        Ok(Answer::WebSocket(opening, receiving, place)) => {
            let Opening { endpoint, request, response, agreement } = *opening;
            service.trace_response(caller.address, &response);
            let written = timer.bound("opening handshake", sending.write_response(&response)).await;
            if !matches!(written, Ok(Ok(()))) {
                return Outcome::TakenBack;
            }
            let mut stream = Http3Stream::new(sending, receiving).watched(haste.lookout());
            stream.expect_tunnel();
            let peer = stream.peer_addr();
            let stream = NetStream::of(Version::HTTP_3, stream, Some(peer));
            let config = Arc::clone(&endpoint.config);
            let websocket = WebSocket::new(stream, Role::Server, config, agreement, BytesMut::new());
            place.start(|stop| endpoint.start(websocket, request, Arc::clone(stop)));
            return Outcome::Opened;
        }
        Ok(Answer::Page(response)) => response,
        Err(rejection) => return refuse(&service, sending, &rejection, &caller).await,
    };
    if !soundness.is_sound() {
        // "Malformed requests … MUST be treated as a stream error of type H3_MESSAGE_ERROR" (RFC 9114 §4.1.2).
        sending.cancel(ErrorCode::MessageError);
        return Outcome::TakenBack;
    }
    outcome(page::send(sending, page, is_head).await.is_ok())
}

async fn refuse(service: &Service, sending: Sending, rejection: &Rejection, caller: &Caller) -> Outcome {
    service.tell(rejection, caller.address);
    let response = rejection.response(Version::HTTP_3);
    service.trace_response(caller.address, &response);
    outcome(page::send(sending, response.map(boxed_text), false).await.is_ok())
}

/// Refuses a request that came too late, without a look at it: the client may send it elsewhere (RFC 9114 §4.1.1).
pub(super) fn reject((mut sending, mut receiving): (Sending, Receiving)) {
    sending.cancel(ErrorCode::RequestRejected);
    receiving.want_no_more(ErrorCode::RequestRejected);
}

fn outcome(answered: bool) -> Outcome {
    if answered { Outcome::Answered } else { Outcome::TakenBack }
}
