//! A client that is not served where it asked: again, elsewhere, or not at all.

use std::time::Duration;

use carrick::{Accepted, ClientBuilder, Error};
use http::{HeaderValue, Request, Version, header::ALT_SVC};
use tokio::{
    runtime::Builder,
    sync::oneshot,
    time::{pause, resume},
};

use super::raw::{MISDIRECTED, OK, RawServer, code, connecting, failed, opened, request, soon};
use crate::{
    server::support::{Running, assert_echoes, echo, free_server},
    versions::lines::Lines,
};

/// A server over TCP that says that HTTP/3 is there, and a client of it that has heard so.
async fn beside(raw: &RawServer) -> (Running, ClientBuilder, Lines) {
    let there = HeaderValue::try_from(format!("h3=\":{}\"", raw.address.port())).unwrap();
    let server = free_server().await.tls(raw.tls()).route("/echo", echo);
    let tcp = Running::start(server.on_request(move |request: Request<()>, _| {
        let there = there.clone();
        async move { Ok(Accepted::new(request).with_header(ALT_SVC, there)) }
    }));
    let lines = Lines::default();
    let client = lines.watch(raw.client_of(tcp.address));
    drop(client.connect().await.unwrap());
    (tcp, client, lines)
}

#[tokio::test]
async fn a_rejected_request_is_sent_again_and_one_that_may_have_been_looked_at_is_not() {
    let server = RawServer::start();
    let first = connecting(server.client());
    let mut rejected = server.asked().await;
    rejected.send.reset(code(0x10b)).unwrap();
    // The first connection has ended with its last stream.
    let mut asked = server.asked().await;
    asked.send.write_all(OK).await.unwrap();
    let websocket = opened(first).await;

    let second = connecting(server.client());
    let asked = server.asked().await;
    asked.connection.close(code(0x100), b"");
    assert_eq!(failed(second).await.to_string(), "peer ended the http/3 connection in order");
    drop(websocket);
}

#[tokio::test]
async fn what_goaway_leaves_out_is_asked_on_another_connection() {
    let server = RawServer::start();
    let connecting = connecting(server.client());
    let mut left = server.asked().await;
    left.control.write_all(&[0x07, 1, 0]).await.unwrap();
    let mut next = server.asked().await;
    next.send.write_all(OK).await.unwrap();
    opened(connecting).await;
}

#[tokio::test]
async fn a_place_that_is_none_is_left_for_the_server_itself() {
    for (answer, version) in [("421", Version::HTTP_2), ("fallback", Version::HTTP_11)] {
        let raw = RawServer::start();
        let (_tcp, client, lines) = beside(&raw).await;
        let connecting = connecting(client.clone());
        let mut asked = raw.asked().await;
        match answer {
            "421" => asked.send.write_all(MISDIRECTED).await.unwrap(),
            _ => asked.send.reset(code(0x110)).unwrap(),
        }
        let mut websocket = opened(connecting).await;
        assert_eq!(websocket.stream().http_version(), version);
        assert_echoes(&mut websocket).await;
        drop(websocket);
        lines.take();
        // It is not tried again for a while.
        assert_eq!(client.connect().await.unwrap().stream().http_version(), Version::HTTP_2);
        assert!(!lines.have("trying http/3"));
    }
}

#[tokio::test]
async fn one_who_asked_for_http_3_is_told_of_a_fallback() {
    let server = RawServer::start();
    let connecting = connecting(server.client());
    let mut asked = server.asked().await;
    asked.send.reset(code(0x110)).unwrap();
    let error = failed(connecting).await;
    assert_eq!(error.to_string(), "peer ended the http/3 stream with H3_VERSION_FALLBACK");
}

#[tokio::test]
async fn a_place_without_websockets_is_left() {
    const NO_WEBSOCKETS: &[u8] = &[0x00, 0x04, 0];
    let raw = RawServer::start();
    let (_tcp, client, lines) = beside(&raw).await;
    let first = connecting(client);
    let (_connection, _control) = raw.accept_with(NO_WEBSOCKETS).await;
    assert_eq!(opened(first).await.stream().http_version(), Version::HTTP_2);
    assert!(lines.have("trying http/3"));
    // Asked for, HTTP/3 is on the port of the URL or nowhere.
    let second = connecting(raw.client());
    let (_connection, _control) = raw.accept_with(NO_WEBSOCKETS).await;
    assert_eq!(failed(second).await.kind(), std::io::ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_connection_that_has_gone_silent_takes_no_more_requests() {
    let (tell, told) = oneshot::channel();
    let (silence, silent) = oneshot::channel();
    let (wake, woken) = std::sync::mpsc::channel::<()>();
    let serving = std::thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = RawServer::start();
            tell.send(server.client()).unwrap();
            let mut first = server.asked().await;
            first.send.write_all(OK).await.unwrap();
            // It leaves in the turn of the endpoint.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            let _ = silence.send(());
            // From here on nothing is received and nothing acknowledged.
            woken.recv().unwrap();
            let mut next = server.asked().await;
            next.send.write_all(OK).await.unwrap();
            soon(next.connection.closed()).await;
        });
    });
    let client = told.await.unwrap();
    let connecting = connecting(client.clone());
    silent.await.unwrap();
    let held = opened(connecting).await;
    let hasty = client.clone().handshake_timeout(Duration::from_millis(200));
    assert!(hasty.connect().await.is_err());
    wake.send(()).unwrap();
    drop(soon(client.connect()).await.unwrap());
    drop(held);
    tokio::task::spawn_blocking(|| serving.join().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_acknowledges_and_does_not_answer_for_long_is_asked_over_tcp() {
    for (seconds, version) in [(4, Version::HTTP_3), (6, Version::HTTP_2)] {
        let raw = RawServer::start();
        let (_tcp, client, _lines) = beside(&raw).await;
        let first = connecting(client.clone());
        let mut asked = raw.asked().await;
        asked.send.write_all(OK).await.unwrap();
        let held = opened(first).await;
        let waiting = connecting(client.clone().handshake_timeout(Duration::from_secs(seconds)));
        let _unanswered = request(&asked.connection).await;
        pause();
        assert!(matches!(waiting.await.unwrap(), Err(Error::Timeout { .. })));
        resume();
        let next = connecting(client);
        let answering = async {
            let mut asked = request(&asked.connection).await;
            asked.0.write_all(OK).await.unwrap();
            asked
        };
        let _answered = if version == Version::HTTP_3 { Some(answering.await) } else { None };
        assert_eq!(opened(next).await.stream().http_version(), version);
        drop(held);
    }
}

#[tokio::test]
async fn a_head_beyond_what_the_server_takes_is_not_sent() {
    let server = RawServer::start();
    let connecting = connecting(server.client().header("x-long", &"x".repeat(600)).unwrap());
    let (_connection, _control) = server.accept_with(&[0x00, 0x04, 5, 0x08, 1, 0x06, 0x42, 0x00]).await;
    let error = failed(connecting).await;
    assert!(error.to_string().ends_with("bytes, the server takes 512"), "{error}");
}
