//! HTTP CONNECT (RFC 9110 §9.3.6).

use std::sync::{Arc, Mutex};

use carrick::{Error, ProxyError};
use tokio::io::AsyncWriteExt;

use super::{play_http, server, through, told};
use crate::support::{Scripted, accept_of, read_request};

pub(super) type Request = ::http::Request<()>;

/// A proxy that says `answer`.
async fn proxy(answer: impl Into<String>) -> Scripted<Request> {
    let answer = answer.into();
    Scripted::start(async move |mut stream| play_http(&mut stream, &answer).await).await
}

#[tokio::test]
async fn the_tunnel_is_asked_for_by_host_and_port_and_with_the_user_of_the_proxy() {
    for (user, authorization) in
        [("", None), ("Aladdin:open%20sesame@", Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="))]
    {
        let server = server().await;
        let proxy = proxy("HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n").await;
        let steps = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&steps);
        let builder = through(&format!("http://{user}127.0.0.1:{}", proxy.port), "ws", server.port)
            .basic_auth("us", "server-secret")
            .unwrap()
            .on_connect_event(move |event| seen.lock().unwrap().push_str(&format!("{event}\n")));
        let websocket = builder.connect().await.unwrap();
        assert_eq!(websocket.stream().peer_addr(), Some(([127, 0, 0, 1], proxy.port).into()));
        drop(websocket);

        let target = format!("localhost:{}", server.port);
        let asked = proxy.result().await;
        assert_eq!((asked.method().as_str(), asked.uri().to_string()), ("CONNECT", target.clone()));
        assert_eq!(asked.headers()["host"], target);
        let sent = asked.headers().get("proxy-authorization").map(|value| value.to_str().unwrap());
        assert_eq!(sent, authorization);
        assert!(!asked.headers().contains_key("authorization"));

        let asked = server.result().await;
        assert!(asked.headers().contains_key("authorization"));
        assert!(!asked.headers().contains_key("proxy-authorization"));

        let steps = steps.lock().unwrap();
        assert!(steps.contains(&format!(" connected to {target} in ")), "{steps}");
        assert!(!steps.contains("sesame") && !steps.contains("QWxhZGRpbj"), "{steps}");
        assert!(!format!("{builder:?}").contains("Aladdin"));
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_explained() {
    for (user, answer, expected) in [
        (
            "",
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n",
            "proxy wants a user and a password (status 407), put them into its url",
        ),
        (
            "",
            "HTTP/1.1 407 No\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n",
            "proxy wants authentication by Negotiate, NTLM, only Basic is there",
        ),
        ("u:hidden@", "HTTP/1.1 407 No\r\n\r\n", "proxy refused the user or the password"),
        ("u:hidden@", "HTTP/1.0 401 No\r\n\r\n", "proxy refused the user or the password"),
        ("", "HTTP/1.0 401 No\r\n\r\n", "proxy answered 401 Unauthorized"),
        ("", "HTTP/1.1 403 Filtered\r\n\r\n", "proxy answered 403 Forbidden"),
        ("u:hidden@", "HTTP/1.0 502 Bad\r\n\r\n", "proxy answered 502 Bad Gateway"),
        ("", "HTTP/1.1 301 Moved\r\nLocation: http://elsewhere/\r\n\r\n", "proxy answered 301"),
        ("", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "proxy answered 101"),
        ("", "SSH-2.0-server\r\n", "answer of the proxy cannot be read: answer is not an http response"),
        ("", "HTTP/2 200\r\n\r\n", "answer of the proxy cannot be read"),
        ("", "", "proxy ended the stream without an answer"),
    ] {
        let proxy = proxy(answer).await;
        let url = format!("http://{user}127.0.0.1:{}", proxy.port);
        let error = through(&url, "ws", 1).connect().await.unwrap_err();
        let text = told(&error);
        let start = format!("proxy http://127.0.0.1:{} does not lead to localhost:1: ", proxy.port);
        assert!(text.starts_with(&(start + expected)), "{text}");
        assert!(!format!("{text} {error:?}").contains("hidden"), "{error:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let error = through("http://127.0.0.1:1", "ws", 2).connect().await.unwrap_err();
    let Error::Proxy { error: cause, .. } = &error else { panic!("{error:?}") };
    let ProxyError::Stream(cause) = &**cause else { panic!("{cause:?}") };
    assert!(matches!(cause.downcast_ref(), Some(Error::Io(_))), "{cause:?}");
    let text = told(&error);
    assert!(
        text.contains("stream to the proxy failed: network error: cannot connect to 127.0.0.1:1"),
        "{text}"
    );
}

#[tokio::test]
async fn the_head_of_the_answer_is_bounded() {
    const LIMIT: usize = 16 * 1024;
    let start = "HTTP/1.1 200 OK\r\nX: ";
    for (length, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
        let server = server().await;
        let proxy = proxy(format!("{start}{}\r\n\r\n", "x".repeat(length - start.len() - 4))).await;
        let builder = through(&format!("http://127.0.0.1:{}", proxy.port), "ws", server.port);
        match builder.connect().await {
            Ok(_) => assert!(fits, "{length}"),
            Err(error) => {
                assert!(!fits, "{length}: {}", told(&error));
                assert!(told(&error).contains("limit is 16384 bytes"), "{}", told(&error));
            }
        }
    }
    for (headers, fits) in [(99, true), (100, true), (101, false)] {
        let server = server().await;
        let proxy = proxy(format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: x\r\n".repeat(headers))).await;
        let builder = through(&format!("http://127.0.0.1:{}", proxy.port), "ws", server.port);
        assert_eq!(builder.connect().await.is_ok(), fits, "{headers}");
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_anywhere_is_no_answer() {
    let answer = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n";
    for cut in 0..answer.len() {
        let proxy = Scripted::start(async move |mut stream| {
            read_request(&mut stream).await;
            stream.write_all(&answer.as_bytes()[..cut]).await.unwrap();
        })
        .await;
        let error =
            through(&format!("http://127.0.0.1:{}", proxy.port), "ws", 1).connect().await.unwrap_err();
        let ended = matches!(&error, Error::Proxy { error, .. } if matches!(**error, ProxyError::Ended));
        assert!(ended, "cut at {cut}: {}", told(&error));
    }
}

/// The proxy is the server here, so that it can say something of the server's in one write with its own answer.
#[tokio::test]
async fn bytes_behind_the_answer_are_the_servers() {
    let connected = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let said = [connected, hints].concat();
    for cut in 1..said.len() {
        let said = said.clone();
        let proxy = Scripted::start(async move |mut stream| {
            stream.set_nodelay(true).unwrap();
            read_request(&mut stream).await;
            let (first, second) = said.as_bytes().split_at(cut);
            stream.write_all(first).await.unwrap();
            stream.flush().await.unwrap();
            tokio::task::yield_now().await;
            stream.write_all(second).await.unwrap();
            let request = read_request(&mut stream).await;
            let head = format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {}\r\n\r\n",
                accept_of(&request)
            );
            stream.write_all(head.as_bytes()).await.unwrap();
        })
        .await;
        let builder = through(&format!("http://127.0.0.1:{}", proxy.port), "ws", 1);
        builder.connect().await.unwrap_or_else(|error| panic!("cut at {cut}: {}", told(&error)));
        proxy.result().await;
    }
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_given_up_with_the_handshake() {
    let proxy = Scripted::start(async |mut stream| {
        read_request(&mut stream).await;
        // Until the client goes away.
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let builder = through(&format!("http://127.0.0.1:{}", proxy.port), "ws", 1)
        .handshake_timeout(std::time::Duration::from_millis(200));
    assert!(matches!(builder.connect().await, Err(Error::Timeout { .. })));
    proxy.result().await;
}
