//! The client: what it sends, what it takes for an answer, and how long it waits.

use std::time::Duration;

use bytes::BytesMut;
use carrick::{
    ClientBuilder, Error, WebSocket,
    protocol::{Agreement, Config, DeflateConfig, HeadLimits, Message, ResponseError, Role},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::Instant,
};

use crate::support::{Scripted, accept_of, read_request, switching, text};

fn builder() -> ClientBuilder {
    ClientBuilder::new("ws://a.example/chat?room=1").unwrap()
}

/// Connects over a pipe to a server that answers with `answer` and then ends the stream.
async fn answered(builder: &ClientBuilder, answer: &str) -> Result<WebSocket<DuplexStream>, Error> {
    let (near, mut far) = duplex(64 * 1024);
    let server = async {
        let request = read_request(&mut far).await;
        let answer = answer.replace("ACCEPT", &accept_of(&request));
        far.write_all(answer.as_bytes()).await.unwrap();
        drop(far);
    };
    tokio::join!(builder.connect_over(near), server).0
}

fn refusal(result: Result<WebSocket<DuplexStream>, Error>) -> ResponseError {
    match result {
        Err(Error::Response(error)) => *error,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn the_request_says_what_the_builder_was_told() {
    let (near, mut far) = duplex(4096);
    let builder = builder()
        .header("x-trace", "7")
        .unwrap()
        .bearer_token("t0ken")
        .unwrap()
        .origin("https://page.example")
        .unwrap()
        .subprotocols(["v2", "v1"])
        .unwrap();
    let (client, request) =
        tokio::join!(builder.connect_over(near), switching(&mut far, "Sec-WebSocket-Protocol: v1\r\n", b""));
    assert_eq!(client.unwrap().subprotocol(), Some("v1"));
    assert_eq!(request.uri(), "/chat?room=1");
    for (name, value) in [
        ("host", "a.example"),
        ("x-trace", "7"),
        ("authorization", "Bearer t0ken"),
        ("origin", "https://page.example"),
        ("sec-websocket-protocol", "v2, v1"),
        ("sec-websocket-version", "13"),
    ] {
        assert_eq!(request.headers()[name], value);
    }
    assert!(request.headers().contains_key("sec-websocket-extensions"));
}

#[tokio::test]
async fn credentials_come_from_the_url_and_the_last_setting_wins() {
    let from_url = ClientBuilder::new("ws://Aladdin:open%20sesame@a/").unwrap();
    let replaced = from_url.clone().header("Authorization", "Digest x").unwrap();
    for (builder, expected) in [(from_url, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), (replaced, "Digest x")] {
        let (near, mut far) = duplex(4096);
        let (client, request) = tokio::join!(builder.connect_over(near), switching(&mut far, "", b""));
        client.unwrap();
        let values: Vec<_> = request.headers().get_all("authorization").iter().collect();
        assert_eq!(values, [expected]);
    }
}

#[test]
fn debug_shows_no_secrets() {
    let builder = ClientBuilder::new("ws://user:hidden@a/path?token=hidden")
        .unwrap()
        .header("cookie", "hidden")
        .unwrap();
    let text = format!("{builder:?} {:?}", builder.clone().bearer_token("hidden").unwrap());
    assert!(!text.contains("hidden") && !text.contains("user"), "{text}");
    assert!(text.contains("ws://a:80/path") && text.contains("cookie"), "{text}");
}

#[test]
fn settings_that_cannot_be_sent_are_refused_at_once() {
    for result in [
        builder().header("bad name", "x"),
        builder().header("x", "bad\nvalue"),
        builder().header("upgrade", "h2c"),
        builder().basic_auth("a:b", "c"),
        builder().bearer_token("a\r\nb"),
        builder().origin("https://a/path"),
        builder().subprotocols(["a", "a"]),
    ] {
        assert!(matches!(result, Err(Error::Config(_))), "{result:?}");
    }
    assert!(matches!(ClientBuilder::new("ws://a/#x"), Err(Error::Url { .. })));
}

#[tokio::test]
async fn deflate_is_offered_agreed_on_and_used() {
    let (near, mut far) = duplex(64 * 1024);
    let more = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                client_no_context_takeover\r\n";
    let builder = builder();
    let (client, request) = tokio::join!(builder.connect_over(near), switching(&mut far, more, b""));
    let mut client = client.unwrap();
    let offer = request.headers()["sec-websocket-extensions"].to_str().unwrap();
    assert!(offer.starts_with("permessage-deflate"), "{offer}");

    let words = "the same words again and again, ".repeat(100);
    client.send(words.as_str()).await.unwrap();
    assert!(client.sent().bytes < 300, "{:?}", client.sent());

    let agreement = {
        let mut agreement = Agreement::default();
        agreement.deflate = client.agreement().deflate;
        agreement
    };
    let mut server = WebSocket::new(far, Role::Server, Config::default().into(), agreement, BytesMut::new());
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text(words.as_str()));
    server.send(words.as_str()).await.unwrap();
    assert!(server.sent().bytes < 300);
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text(words));
}

#[tokio::test]
async fn deflate_can_be_left_out_and_set() {
    let level = DeflateConfig::default().with_own_context_takeover(true);
    for (deflate, expected) in [(None, None), (Some(level), Some(false))] {
        let (near, mut far) = duplex(4096);
        let builder = builder().deflate(deflate);
        let (client, request) = tokio::join!(builder.connect_over(near), switching(&mut far, "", b""));
        assert!(client.unwrap().agreement().deflate.is_none());
        let offer = request.headers().get("sec-websocket-extensions");
        let limited = offer.map(|offer| offer.to_str().unwrap().contains("client_no_context_takeover"));
        assert_eq!(limited, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_brings_status_headers_and_the_start_of_the_body() {
    for (answer, body) in [
        ("HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\nContent-Length: 5\r\n\r\nnever and more", "never"),
        ("HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\n\r\nnever", "never"),
        (
            "HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnev\r\n2\r\ner\r\n0\r\n\r\n",
            "never",
        ),
        ("HTTP/1.1 403 Forbidden\r\nX-Why: origin\r\nContent-Length: 50\r\n\r\nnev", "nev"),
    ] {
        match refusal(answered(&builder(), answer).await) {
            ResponseError::Status(response) => {
                assert_eq!(response.status(), 403);
                assert_eq!(response.headers()["x-why"], "origin");
                assert_eq!(response.body(), body);
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_refusal_is_bounded_in_size_and_time() {
    let long = format!("HTTP/1.1 500 Oops\r\n\r\n{}", "x".repeat(5000));
    match refusal(answered(&builder(), &long).await) {
        ResponseError::Status(response) => assert_eq!(response.body().len(), 1024),
        other => panic!("{other}"),
    }

    let (near, mut far) = duplex(4096);
    let builder = builder();
    let server = async {
        read_request(&mut far).await;
        far.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 9\r\n\r\nslow").await.unwrap();
    };
    let start = Instant::now();
    let (result, ()) = tokio::join!(builder.connect_over(near), server);
    match refusal(result) {
        ResponseError::Status(response) => assert_eq!(response.body(), "slow"),
        other => panic!("{other}"),
    }
    assert_eq!(start.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let (near, _far) = duplex(4096);
    let start = Instant::now();
    match builder().handshake_timeout(Duration::from_secs(3)).connect_over(near).await {
        Err(Error::Timeout { waited, .. }) => assert_eq!(waited, Duration::from_secs(3)),
        other => panic!("{other:?}"),
    }
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_a_byte_at_a_time_is_given_up() {
    let (near, mut far) = duplex(4096);
    let builder = builder();
    let drip = async {
        read_request(&mut far).await;
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        for byte in "HTTP/1.1 101 Switching Protocols\r\n".bytes() {
            tick.tick().await;
            if far.write_u8(byte).await.is_err() {
                break;
            }
        }
    };
    let (result, ()) = tokio::join!(builder.connect_over(near), drip);
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let mut limits = HeadLimits::default();
    limits.max_head_bytes = 200;
    limits.max_headers = 3;
    let builder = builder().head_limits(limits);
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: x\r\n".repeat(4));
    assert!(matches!(refusal(answered(&builder, &long).await), ResponseError::HeadTooLarge { limit: 200 }));
    assert!(matches!(refusal(answered(&builder, &many).await), ResponseError::TooManyHeaders { limit: 3 }));
}

#[tokio::test]
async fn informational_responses_are_skipped_but_not_forever() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: ACCEPT\r\n\r\n";
    answered(&builder(), &format!("{hints}{accepted}")).await.unwrap();
    assert!(matches!(
        refusal(answered(&builder(), &hints.repeat(4)).await),
        ResponseError::HeadMalformed { .. }
    ));
}

#[tokio::test]
async fn an_answer_that_is_cut_or_is_no_http_is_told_apart() {
    match answered(&builder(), "HTTP/1.1 101 Switching").await {
        Err(Error::Io(error)) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        refusal(answered(&builder(), "SSH-2.0-server\r\n").await),
        ResponseError::HeadMalformed { .. }
    ));
    let wrong = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: wrong\r\n\r\n";
    assert!(matches!(refusal(answered(&builder(), wrong).await), ResponseError::AcceptInvalid { .. }));
}

#[tokio::test]
async fn messages_right_behind_the_answer_are_not_lost() {
    let (near, mut far) = duplex(4096);
    let behind = [text(Role::Server, "first"), text(Role::Server, "second")].concat();
    let builder = builder();
    let (client, _) = tokio::join!(builder.connect_over(near), switching(&mut far, "", &behind));
    let mut client = client.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("first"));
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("second"));
}

#[tokio::test]
async fn one_builder_connects_over_tcp_again_and_again() {
    for _ in 0..2 {
        let server = Scripted::start(async |mut stream| {
            switching(&mut stream, "", &text(Role::Server, "Hello")).await.uri().clone()
        })
        .await;
        let builder = ClientBuilder::new(&format!("ws://localhost:{}/tcp", server.port)).unwrap();
        let mut client = builder.connect().await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("Hello"));
        assert_eq!(server.result().await, "/tcp");
    }
}

#[tokio::test]
async fn an_ipv6_address_is_an_address() {
    let Ok(listener) = tokio::net::TcpListener::bind("[::1]:0").await else { return };
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        switching(&mut stream, "", b"").await
    };
    let url = format!("ws://[::1]:{port}/");
    let (client, request) = tokio::join!(carrick::connect(&url), server);
    client.unwrap();
    assert_eq!(request.headers()["host"], format!("[::1]:{port}"));
}

#[tokio::test]
async fn nobody_there_is_an_error_of_the_network_that_names_the_address() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    match carrick::connect(&format!("ws://127.0.0.1:{port}/")).await {
        Err(Error::Io(error)) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
            assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn without_tls_the_error_names_the_feature() {
    match carrick::connect("wss://127.0.0.1:1/").await {
        Err(Error::Config(error)) => assert!(error.to_string().contains("`tls`"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_future_of_connect_can_be_spawned() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let builder = builder();
    let (near, mut far) = duplex(4096);
    let client = sendable(builder.connect_over(near));
    drop(sendable(builder.connect()));
    let (client, _) = tokio::join!(client, switching(&mut far, "", b""));
    let mut client = client.unwrap();
    drop(sendable(client.send("x")));
    drop(sendable(client));
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
}
