//! Both ends on one machine, over real UDP.

use std::{future::poll_fn, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use quinn::{Endpoint, VarInt};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    connection::Http3,
    control::End,
    error_code::ErrorCode,
    frame::{self, FrameKind},
    head, quic,
    receiving::{ReceiveError, Receiving},
    sending::Sending,
    stream::Http3Stream,
    varint,
};
use crate::transport::tls::provider;

const MAX_SECTION_BYTES: usize = 1000;

/// A server and a client that trusts it.
fn endpoints() -> (Endpoint, Endpoint, SocketAddr) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Endpoint::server(quic::server_config(&tls, 100).unwrap(), any).unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = Endpoint::client(any).unwrap();
    client.set_default_client_config(quic::client_config(&tls).unwrap());
    let address = server.local_addr().unwrap();
    (server, client, address)
}

/// The two ends of a connection. The endpoints have to live as long as it is used.
async fn connected() -> (Arc<Http3>, Arc<Http3>, [Endpoint; 2]) {
    let (server, client, address) = endpoints();
    let serving = async {
        let connection = server.accept().await.unwrap().await.unwrap();
        Http3::start(connection, End::Server, MAX_SECTION_BYTES).await.unwrap()
    };
    let connecting = async {
        let connection = client.connect(address, "localhost").unwrap().await.unwrap();
        Http3::start(connection, End::Client, MAX_SECTION_BYTES).await.unwrap()
    };
    let (served, connected) = tokio::join!(serving, connecting);
    (served, connected, [server, client])
}

/// A server's end, and a client that speaks QUIC and nothing above it.
async fn raw_client() -> (Arc<Http3>, quinn::Connection, [Endpoint; 2]) {
    let (server, client, address) = endpoints();
    let serving = async {
        let connection = server.accept().await.unwrap().await.unwrap();
        Http3::start(connection, End::Server, MAX_SECTION_BYTES).await.unwrap()
    };
    let connecting = async { client.connect(address, "localhost").unwrap().await.unwrap() };
    let (served, connected) = tokio::join!(serving, connecting);
    (served, connected, [server, client])
}

/// A tunnel of which the client's end is QUIC and nothing above it.
async fn raw_stream(
    server: &Arc<Http3>,
    client: &quinn::Connection,
) -> (quinn::SendStream, quinn::RecvStream, Http3Stream) {
    let (mut send, recv) = client.open_bi().await.unwrap();
    let (mut head, mut bytes) = (Vec::new(), Vec::new());
    head::write_request(&websocket(), Some("websocket"), &mut head);
    frame::write(FrameKind::Headers, &head, &mut bytes);
    send.write_all(&bytes).await.unwrap();
    (send, recv, granted(server).await)
}

fn websocket() -> Request<()> {
    let request = Request::builder().method(Method::CONNECT).uri("https://localhost/chat");
    request.header("sec-websocket-version", "13").body(()).unwrap()
}

/// The code that the connection was closed with by the other end.
async fn code_of_close(connection: &quinn::Connection) -> Option<ErrorCode> {
    match connection.closed().await {
        quinn::ConnectionError::ApplicationClosed(close) => ErrorCode::of(close.error_code.into_inner()),
        other => panic!("{other}"),
    }
}

async fn asked(connection: &Arc<Http3>) -> Http3Stream {
    let (mut sending, mut receiving) = connection.open().await.unwrap();
    sending.write_request(&websocket(), Some("websocket")).await.unwrap();
    assert_eq!(receiving.read_response().await.unwrap().status(), StatusCode::OK);
    tunnel(sending, receiving)
}

async fn granted(connection: &Arc<Http3>) -> Http3Stream {
    let (mut sending, mut receiving) = connection.accept().await.unwrap();
    let head = receiving.read_request().await.unwrap();
    assert_eq!(head.protocol.as_deref(), Some("websocket"));
    sending.write_response(&Response::new(())).await.unwrap();
    tunnel(sending, receiving)
}

fn tunnel(sending: Sending, receiving: Receiving) -> Http3Stream {
    let mut stream = Http3Stream::new(sending, receiving);
    stream.expect_tunnel();
    stream
}

async fn body(receiving: &mut Receiving) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(bytes) = poll_fn(|cx| receiving.poll_data(cx)).await.unwrap() {
        body.extend_from_slice(&bytes);
    }
    body
}

#[tokio::test]
async fn an_extended_connect_makes_a_tunnel_of_bytes_both_ways() {
    let (server, client, _endpoints) = connected().await;
    assert!(client.settings().await.unwrap().enable_connect_protocol);
    assert!(!server.settings().await.unwrap().enable_connect_protocol);
    let serving = async {
        let mut stream = granted(&server).await;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        // Until the client has everything.
        server.closed().await;
    };
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
    let connecting = async {
        let mut stream = asked(&client).await;
        stream.write_all(&sent).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        client.close();
        bytes
    };
    let ((), received) = tokio::join!(serving, connecting);
    assert!(received == sent);
}

#[tokio::test]
async fn a_stream_that_is_dropped_ends_behind_what_was_written_and_takes_nothing_more() {
    let (server, client, _endpoints) = connected().await;
    let (mut granted, mut stream) = tokio::join!(granted(&server), asked(&client));
    granted.write_all(b"last words").await.unwrap();
    drop(granted);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"last words");
    let error = loop {
        if let Err(error) = stream.write_all(b"more").await {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    assert_eq!(error.to_string(), "peer cancelled the http/3 stream");
    // The connection goes on.
    tokio::join!(self::granted(&server), asked(&client));
}

#[tokio::test]
async fn a_stream_that_is_reset_is_an_error() {
    let (server, client, _endpoints) = raw_client().await;
    let (mut send, _recv, mut stream) = raw_stream(&server, &client).await;
    send.reset(ErrorCode::RequestCancelled.quic()).unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(error.to_string(), "peer cancelled the http/3 stream");
}

/// Why a stream that is dropped ends and is not reset: no waiting in front of the reset would help.
#[tokio::test]
async fn a_reset_takes_back_what_has_arrived_and_was_not_read() {
    let (server, client, _endpoints) = raw_client().await;
    let (mut send, _recv, mut stream) = raw_stream(&server, &client).await;
    send.write_all(&[0x00, 3, b'b', b'y', b'e']).await.unwrap();
    // Here packets arrive in their order, and so has the data when a later stream is there.
    raw_stream(&server, &client).await;
    send.reset(ErrorCode::RequestCancelled.quic()).unwrap();
    raw_stream(&server, &client).await;
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_body_is_read_and_answered() {
    let (server, client, _endpoints) = connected().await;
    let serving = async {
        let (mut sending, mut receiving) = server.accept().await.unwrap();
        let head = receiving.read_request().await.unwrap();
        assert_eq!((head.protocol, head.request.uri().path()), (None, "/form"));
        let body = body(&mut receiving).await;
        sending.write_response(&Response::new(())).await.unwrap();
        sending.write_data(Bytes::from(body)).await.unwrap();
        sending.finish();
        server.closed().await;
    };
    let connecting = async {
        let (mut sending, mut receiving) = client.open().await.unwrap();
        let request = Request::post("https://localhost/form").body(()).unwrap();
        sending.write_request(&request, None).await.unwrap();
        sending.write_data(Bytes::from_static(b"some ")).await.unwrap();
        sending.write_data(Bytes::from_static(b"text")).await.unwrap();
        sending.finish();
        receiving.read_response().await.unwrap();
        let body = body(&mut receiving).await;
        client.close();
        body
    };
    assert_eq!(tokio::join!(serving, connecting).1, b"some text");
}

#[tokio::test]
async fn a_client_is_told_that_no_more_requests_are_taken() {
    let (server, client, _endpoints) = connected().await;
    client.settings().await.unwrap();
    assert!(!client.is_leaving());
    server.go_away(0).await.unwrap();
    while !client.is_leaving() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_peer_that_breaks_a_rule_is_told_which() {
    // What a client sends on a one-way stream or on one for requests, and the code that answers it.
    let one_way: [(&[u8], ErrorCode); 7] = [
        (&[0x00, 0x07, 1, 0], ErrorCode::MissingSettings),
        (&[0x00, 0x04, 0, 0x04, 0], ErrorCode::FrameUnexpected),
        (&[0x00, 0x04, 2, 0x02, 0], ErrorCode::SettingsError),
        (&[0x00, 0x04, 0, 0x07, 2, 0, 0], ErrorCode::FrameError),
        (&[0x01, 0], ErrorCode::StreamCreationError),
        (&[0x02, 0x3f, 0x01], ErrorCode::QpackEncoderStreamError),
        (&[0x03, 0x80], ErrorCode::QpackDecoderStreamError),
    ];
    for (bytes, code) in one_way {
        let (_server, client, _endpoints) = raw_client().await;
        let mut stream = client.open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        assert_eq!(code_of_close(&client).await, Some(code), "{bytes:?}");
    }
    let both_ways: [(&[u8], ErrorCode); 3] = [
        (&[0x00, 1, 0], ErrorCode::FrameUnexpected),
        (&[0x01, 2, 1, 0], ErrorCode::QpackDecompressionFailed),
        (&[0x01, 2, 1], ErrorCode::FrameError),
    ];
    for (bytes, code) in both_ways {
        let (server, client, _endpoints) = raw_client().await;
        let (mut stream, _) = client.open_bi().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.finish().unwrap();
        let (_sending, mut receiving) = server.accept().await.unwrap();
        assert!(
            matches!(receiving.read_request().await, Err(ReceiveError::Breach(breach)) if breach.code == code)
        );
        assert_eq!(code_of_close(&client).await, Some(code), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_critical_stream_must_not_end() {
    for kind in [0x00, 0x02, 0x03] {
        let (_server, client, _endpoints) = raw_client().await;
        let mut stream = client.open_uni().await.unwrap();
        let settings: &[u8] = if kind == 0 { &[0, 0x04, 0] } else { &[kind] };
        stream.write_all(settings).await.unwrap();
        stream.finish().unwrap();
        assert_eq!(code_of_close(&client).await, Some(ErrorCode::ClosedCriticalStream), "{kind}");
    }
}

#[tokio::test]
async fn a_malformed_request_ends_its_stream_alone() {
    let (server, client, _endpoints) = raw_client().await;
    let (mut send, mut recv) = client.open_bi().await.unwrap();
    // A GET without anything else.
    send.write_all(&[0x01, 3, 0, 0, 0xc0 | 17]).await.unwrap();
    let (mut sending, mut receiving) = server.accept().await.unwrap();
    let Err(ReceiveError::Breach(breach)) = receiving.read_request().await else { panic!("it is malformed") };
    sending.cancel(breach.code);
    let reset = recv.read_to_end(100).await.unwrap_err();
    let code = VarInt::try_from(ErrorCode::MessageError.number()).unwrap();
    assert!(
        matches!(reset, quinn::ReadToEndError::Read(quinn::ReadError::Reset(found)) if found == code),
        "{reset}"
    );
    assert!(client.close_reason().is_none());
}

#[tokio::test]
async fn streams_of_an_unknown_kind_are_refused_and_nothing_else_happens() {
    let (server, client, _endpoints) = raw_client().await;
    let mut unknown = Vec::new();
    varint::write(0x21 + 0x1f * 1000, &mut unknown);
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = client.open_uni().await.unwrap();
        stream.write_all(&unknown).await.unwrap();
        streams.push(stream);
    }
    let mut control = client.open_uni().await.unwrap();
    control.write_all(&[0x00, 0x04, 0]).await.unwrap();
    server.settings().await.unwrap();
    for stream in streams {
        assert!(stream.stopped().await.unwrap().is_some());
    }
    assert!(client.close_reason().is_none());
}

#[tokio::test]
async fn a_head_beyond_the_limit_can_still_be_answered() {
    let (server, client, _endpoints) = connected().await;
    let serving = async {
        let (mut exchange, mut receiving) = server.accept().await.unwrap();
        assert!(matches!(receiving.read_request().await, Err(ReceiveError::HeadTooLarge)));
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        exchange.write_response(&Response::builder().status(status).body(()).unwrap()).await.unwrap();
        exchange.finish();
        server.closed().await;
    };
    let connecting = async {
        let (mut sending, mut receiving) = client.open().await.unwrap();
        let mut request = websocket();
        request.headers_mut().insert("x-long", "x".repeat(MAX_SECTION_BYTES).parse().unwrap());
        sending.write_request(&request, Some("websocket")).await.unwrap();
        let status = receiving.read_response().await.unwrap().status();
        client.close();
        status
    };
    assert_eq!(tokio::join!(serving, connecting).1.as_u16(), 431);
}

#[tokio::test]
async fn a_body_of_small_frames_keeps_no_more_than_it_has() {
    let (server, client, _endpoints) = connected().await;
    let (mut sending, _answer) = client.open().await.unwrap();
    sending.write_request(&Request::post("https://localhost/").body(()).unwrap(), None).await.unwrap();
    let (_sending, mut receiving) = server.accept().await.unwrap();
    receiving.read_request().await.unwrap();
    let (mut kept, mut length) = (Vec::new(), 0);
    for round in 0..100 {
        for _ in 0..=round % 3 {
            sending.write_data(Bytes::from_static(b"x")).await.unwrap();
            length += 1;
        }
        kept.push(poll_fn(|cx| receiving.poll_data(cx)).await.unwrap().unwrap());
    }
    sending.finish();
    while let Some(data) = poll_fn(|cx| receiving.poll_data(cx)).await.unwrap() {
        kept.push(data);
    }
    assert_eq!(kept.iter().map(Bytes::len).sum::<usize>(), length);
    let room: usize = kept.into_iter().map(|data| data.try_into_mut().unwrap().capacity()).sum();
    assert!(room <= 100 * length, "{room} bytes are kept for {length}");
}

#[tokio::test]
async fn a_stream_that_is_dropped_outside_of_the_runtime_is_in_use_until_it_has_arrived() {
    let (server, client, _endpoints) = connected().await;
    let (mut granted, mut stream) = tokio::join!(granted(&server), asked(&client));
    granted.write_all(b"last words").await.unwrap();
    // Nothing arrives meanwhile.
    std::thread::spawn(|| drop(granted)).join().unwrap();
    assert_eq!(server.vacant_since(), None);
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"last words");
    server.vacant().await;
}
