//! Requests that are no WebSocket, and those that become one later on the same connection.

use std::{
    convert::Infallible,
    error::Error as StdError,
    future::poll_fn,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderValue, Request, Response, StatusCode, Version,
    header::{CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body as HttpBody, Incoming},
    server::conn::http1,
    service::service_fn,
    upgrade::OnUpgrade,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::timeout;

use super::{
    accept::{FOREVER, HandshakeTimer},
    body::Body,
    caller::Caller,
    connection::{BoxFuture, Opening, Service},
    linger::{LINGER, end},
    rewound::Rewound,
    stage::Stage,
    upgrade::taken_over,
};
use crate::{
    protocol::{Rejection, Role, check_host, is_websocket_request},
    transport::NetStream,
    websocket::{Stop, WebSocket},
};

/// The application's service for what is no WebSocket.
pub(super) type Fallback = Arc<dyn Fn(Request<Body>) -> BoxFuture<Response<ResponseBody>> + Send + Sync>;

pub(super) type ResponseBody = UnsyncBoxBody<Bytes, BoxError>;

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// How the request for a WebSocket was decided that came last, and where hyper hands over the stream: also if it was
/// refused.
type Upgrade = Arc<Mutex<Option<(Option<Opening>, OnUpgrade)>>>;

/// Makes one type of every service. A clone of it serves each request.
pub(super) fn fallback<S, B>(service: S) -> Fallback
where
    S: tower_service::Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let shared = Mutex::new(service);
    Arc::new(move |request| {
        let mut service = shared.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            let answered = async {
                poll_fn(|cx| service.poll_ready(cx)).await?;
                service.call(request).await
            };
            answered.await.map_or_else(|_: S::Error| failed(), |response| response.map(boxed))
        })
    })
}

/// Serves a connection whose first request, no WebSocket, stands in `received`.
pub(super) async fn serve(
    service: Arc<Service>,
    stream: NetStream,
    received: BytesMut,
    caller: Caller,
    stop: Arc<Stop>,
) -> Option<Stage> {
    let upgrade = Upgrade::default();
    let answer = service_fn(|request| {
        let (service, upgrade, caller) = (Arc::clone(&service), Arc::clone(&upgrade), caller.clone());
        async move { Ok::<_, Infallible>(answer(&service, request, &caller, &upgrade).await) }
    });
    let limits = service.head_limits;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(service.handshake_timeout.min(FOREVER))
        .max_headers(limits.max_headers)
        .max_buf_size(limits.max_head_bytes.max(LEAST_BUFFER_BYTES))
        .serve_connection(TokioIo::new(Rewound::new(received.freeze(), stream)), answer)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let mut stopping = false;
    let served = loop {
        tokio::select! {
            biased;
            served = connection.as_mut() => break served,
            () = stop.asked(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    let upgraded = upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (served, upgraded) {
        (Ok(()), Some((opening, on_upgrade))) => hand_over(opening, on_upgrade, stop).await,
        _ => None,
    }
}

/// Takes the stream back from hyper, and gives it to the handler or ends it.
async fn hand_over(opening: Option<Opening>, on_upgrade: OnUpgrade, stop: Arc<Stop>) -> Option<Stage> {
    let upgraded = on_upgrade.await.ok()?;
    let (mut stream, received) = taken_over(upgraded, Version::HTTP_11);
    let Some(opening) = opening else {
        let _ = timeout(LINGER, end(&mut stream)).await;
        return None;
    };
    let Opening { endpoint, request, agreement, .. } = opening;
    let config = Arc::clone(&endpoint.config);
    let websocket = WebSocket::new(stream, Role::Server, config, agreement, received);
    Some(endpoint.start(websocket, request, stop))
}

async fn answer(
    service: &Service,
    mut request: Request<Incoming>,
    caller: &Caller,
    upgrade: &Upgrade,
) -> Response<ResponseBody> {
    let on_upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let head = Request::from_parts(parts, ());
    if is_websocket_request(&head) {
        let timer = HandshakeTimer::start(service.handshake_timeout);
        return match service.decide(head, caller, timer).await {
            Ok(mut opening) => {
                let response = std::mem::take(&mut opening.response);
                *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some((Some(opening), on_upgrade));
                response.map(|()| boxed_text(Bytes::new()))
            }
            Err(rejection) => {
                service.tell(&rejection, caller.address);
                *upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some((None, on_upgrade));
                refused(&rejection, Version::HTTP_11)
            }
        };
    }
    page(service, head, Body::http1(body), caller, Some(on_upgrade)).await
}

/// Answers a request that asks for no WebSocket.
pub(super) async fn page(
    service: &Service,
    head: Request<()>,
    body: Body,
    caller: &Caller,
    on_upgrade: Option<OnUpgrade>,
) -> Response<ResponseBody> {
    let version = head.version().max(Version::HTTP_11);
    // HTTP/1.0 may come without a host (RFC 9112 §3.2).
    let may_lack_host = head.version() == Version::HTTP_10 && !head.headers().contains_key(HOST);
    if !may_lack_host && let Err(rejection) = check_host(&head) {
        service.tell(&rejection, caller.address);
        return refused(&rejection, version);
    }
    let Some(fallback) = &service.fallback else {
        let rejection = service.no_page(&head);
        service.tell(&rejection, caller.address);
        return refused(&rejection, version);
    };
    if let Some(preflight) = service.cors.as_ref().and_then(|cors| cors.preflight(&head)) {
        return match preflight {
            Ok(response) => response.map(|()| boxed_text(Bytes::new())),
            Err(rejection) => {
                service.tell(&rejection, caller.address);
                refused(&rejection, version)
            }
        };
    }
    let asked = service.cors.as_ref().map(|cors| (cors, head.headers().clone()));
    let front = service.trusted_proxies.front(&head, &service.peer(caller.address));
    let (mut parts, ()) = head.into_parts();
    caller.introduce(&mut parts.extensions);
    parts.extensions.insert(front);
    if let Some(on_upgrade) = on_upgrade {
        parts.extensions.insert(on_upgrade);
    }
    let mut response = fallback(Request::from_parts(parts, body)).await;
    if let Some((cors, asked)) = asked {
        cors.permit(&asked, response.headers_mut());
    }
    service.tell_alternative(version, response.headers_mut());
    response
}

fn refused(rejection: &Rejection, version: Version) -> Response<ResponseBody> {
    rejection.response(version).map(boxed_text)
}

/// The service of the application failed. What went wrong is its secret.
fn failed() -> Response<ResponseBody> {
    let mut response = Response::new(boxed_text("internal error\n"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn boxed<B>(body: B) -> ResponseBody
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

pub(super) fn boxed_text(text: impl Into<Bytes>) -> ResponseBody {
    boxed(Full::new(text.into()))
}

/// hyper takes no less.
const LEAST_BUFFER_BYTES: usize = 8192;
