//! A client that is not served where it asked: again, elsewhere, or not at all.

use std::time::Duration;

use carrick::{Accepted, Error};
use http::{HeaderValue, Request, Version, header::ALT_SVC};
use tokio::{runtime::Builder, sync::oneshot};

use super::raw::{MISDIRECTED, OK, RawServer, SETTINGS, code, request, soon};
use crate::{
    server::support::{Running, assert_echoes, echo, free_server},
    versions::lines::Lines,
};

/// A server over TCP that says that HTTP/3 is there, and has its certificate.
async fn beside(raw: &RawServer) -> Running {
    let there = HeaderValue::try_from(format!("h3=\":{}\"", raw.address.port())).unwrap();
    let server = free_server().await.tls(raw.tls()).route("/echo", echo);
    Running::start(server.on_request(move |request: Request<()>, _| {
        let there = there.clone();
        async move { Ok(Accepted::new(request).with_header(ALT_SVC, there)) }
    }))
}

#[tokio::test]
async fn a_rejected_request_is_sent_again_and_one_that_may_have_been_looked_at_is_not() {
    let server = RawServer::start();
    let client = server.client();
    let connecting = tokio::spawn(async move { client.connect().await });
    let (connection, _control) = server.accept_with(SETTINGS).await;
    let (mut send, _recv) = request(&connection).await;
    send.reset(code(0x10b)).unwrap();
    // The first connection has ended with its last stream.
    let (connection, _control) = server.accept_with(SETTINGS).await;
    let (mut send, _recv) = request(&connection).await;
    send.write_all(OK).await.unwrap();
    let websocket = soon(connecting).await.unwrap().unwrap();

    let client = server.client();
    let connecting = tokio::spawn(async move { client.connect().await });
    let (connection, _control) = server.accept_with(SETTINGS).await;
    request(&connection).await;
    connection.close(code(0x100), b"");
    let Error::Io(error) = soon(connecting).await.unwrap().unwrap_err() else {
        panic!("it is of the network")
    };
    assert_eq!(error.to_string(), "peer ended the http/3 connection in order");
    drop(websocket);
}

#[tokio::test]
async fn what_goaway_leaves_out_is_asked_on_another_connection() {
    let server = RawServer::start();
    let client = server.client();
    let connecting = tokio::spawn(async move { client.connect().await });
    let (connection, mut control) = server.accept_with(SETTINGS).await;
    let (_send, _recv) = request(&connection).await;
    control.write_all(&[0x07, 1, 0]).await.unwrap();
    let (next, _control) = server.accept_with(SETTINGS).await;
    let (mut send, _recv) = request(&next).await;
    send.write_all(OK).await.unwrap();
    soon(connecting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_place_that_is_none_is_left_for_the_server_itself() {
    for (answer, version) in [("421", Version::HTTP_2), ("fallback", Version::HTTP_11)] {
        let raw = RawServer::start();
        let tcp = beside(&raw).await;
        let lines = Lines::default();
        let client = lines.watch(raw.client_of(tcp.address));
        drop(client.connect().await.unwrap());
        let asking = client.clone();
        let connecting = tokio::spawn(async move { asking.connect().await });
        let (connection, _control) = raw.accept_with(SETTINGS).await;
        let (mut send, _recv) = request(&connection).await;
        match answer {
            "421" => send.write_all(MISDIRECTED).await.unwrap(),
            _ => send.reset(code(0x110)).unwrap(),
        }
        let mut websocket = soon(connecting).await.unwrap().unwrap();
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
    let client = server.client();
    let connecting = tokio::spawn(async move { client.connect().await });
    let (connection, _control) = server.accept_with(SETTINGS).await;
    let (mut send, _recv) = request(&connection).await;
    send.reset(code(0x110)).unwrap();
    let Error::Io(error) = soon(connecting).await.unwrap().unwrap_err() else {
        panic!("it is of the network")
    };
    assert_eq!(error.to_string(), "peer ended the http/3 stream with H3_VERSION_FALLBACK");
}

#[tokio::test]
async fn a_place_without_websockets_is_left() {
    let raw = RawServer::start();
    let tcp = beside(&raw).await;
    let lines = Lines::default();
    let client = lines.watch(raw.client_of(tcp.address));
    drop(client.connect().await.unwrap());
    let asking = client.clone();
    let connecting = tokio::spawn(async move { asking.connect().await });
    let (_connection, _control) = raw.accept_with(&[0x00, 0x04, 0]).await;
    let websocket = soon(connecting).await.unwrap().unwrap();
    assert_eq!(websocket.stream().http_version(), Version::HTTP_2);
    assert!(lines.have("trying http/3"));
    // Asked for, HTTP/3 is on the port of the URL or nowhere.
    let asking = raw.client();
    let connecting = tokio::spawn(async move { asking.connect().await });
    let (_connection, _control) = raw.accept_with(&[0x00, 0x04, 0]).await;
    let Error::Io(error) = soon(connecting).await.unwrap().unwrap_err() else {
        panic!("it is of the network")
    };
    assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
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
            let (connection, _control) = server.accept_with(SETTINGS).await;
            let (mut first, _recv) = request(&connection).await;
            first.write_all(OK).await.unwrap();
            // It leaves in the turn of the endpoint.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            let _ = silence.send(());
            // From here on nothing is received and nothing acknowledged.
            woken.recv().unwrap();
            let (next, _control) = server.accept_with(SETTINGS).await;
            let (mut send, _recv) = request(&next).await;
            send.write_all(OK).await.unwrap();
            soon(next.closed()).await;
        });
    });
    let client = told.await.unwrap();
    let connecting = client.clone();
    let connecting = tokio::spawn(async move { connecting.connect().await });
    silent.await.unwrap();
    let held = soon(connecting).await.unwrap().unwrap();
    let hasty = client.clone().handshake_timeout(Duration::from_millis(200));
    assert!(hasty.connect().await.is_err());
    wake.send(()).unwrap();
    drop(soon(client.connect()).await.unwrap());
    drop(held);
    tokio::task::spawn_blocking(|| serving.join().unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_head_beyond_what_the_server_takes_is_not_sent() {
    let server = RawServer::start();
    let client = server.client().header("x-long", &"x".repeat(600)).unwrap();
    let connecting = tokio::spawn(async move { client.connect().await });
    let (_connection, _control) = server.accept_with(&[0x00, 0x04, 5, 0x08, 1, 0x06, 0x42, 0x00]).await;
    let Error::Io(error) = soon(connecting).await.unwrap().unwrap_err() else {
        panic!("it is of the network")
    };
    assert!(error.to_string().ends_with("bytes, the server takes 512"), "{error}");
}
