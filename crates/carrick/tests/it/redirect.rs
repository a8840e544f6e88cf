//! Where a client follows its server, and what it takes along.

use std::sync::{Arc, Mutex};

use carrick::{ClientBuilder, Error, protocol::ResponseError};
use http::Request;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::support::{read_request, switching};

/// A server that answers each connection with the next of its answers, the empty one being 101; gives the requests.
struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request<()>>>>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(answers: Vec<String>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Server::on(listener, answers)
    }

    fn on(listener: TcpListener, answers: Vec<String>) -> Server {
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
                let request = if answer.is_empty() {
                    switching(&mut stream, "", b"").await
                } else {
                    let request = read_request(&mut stream).await;
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    request
                };
                seen.lock().unwrap().push(request);
            }
        });
        Server { port, requests, task }
    }

    async fn requests(self) -> Vec<Request<()>> {
        self.task.await.unwrap();
        let mut requests = self.requests.lock().unwrap();
        requests.drain(..).collect()
    }
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// A builder with everything that is secret, for the server on `port` by the name `localhost`.
fn with_secrets(port: u16) -> ClientBuilder {
    ClientBuilder::new(&format!("ws://us:hidden@localhost:{port}/old/chat?token=hidden"))
        .unwrap()
        .header("cookie", "hidden")
        .unwrap()
        .header("x-api-key", "hidden")
        .unwrap()
        .header("user-agent", "test/1")
        .unwrap()
        .origin("https://page.example")
        .unwrap()
        .subprotocols(["chat"])
        .unwrap()
}

#[tokio::test]
async fn each_status_is_followed_and_relative_addresses_are_too() {
    for (status, location, expected) in [
        (301, "/new?room=1", "/new?room=1"),
        (302, "new", "/old/new"),
        (303, "../x#fragment", "/x"),
        (307, "?room=2", "/old/chat?room=2"),
        (308, "http://localhost:PORT/http", "/http"),
        (302, "//localhost:PORT/y", "/y"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let location = location.replace("PORT", &port.to_string());
        let server = Server::on(listener, vec![redirect(status, &location), String::new()]);
        with_secrets(port).connect().await.unwrap();
        let requests = server.requests().await;
        assert_eq!(requests[1].uri(), expected, "{status} {location}");
        // It is the same origin, so everything goes along, but for the key, which is new.
        for name in ["authorization", "cookie", "x-api-key", "user-agent", "origin", "host"] {
            assert_eq!(requests[1].headers()[name], requests[0].headers()[name], "{name}");
        }
        assert_ne!(requests[1].headers()["sec-websocket-key"], requests[0].headers()["sec-websocket-key"]);
    }
}

#[tokio::test]
async fn no_credentials_go_to_another_origin_nor_come_back() {
    // Another port and another host name are each another origin.
    for other_name in ["localhost", "127.0.0.1"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let first_port = listener.local_addr().unwrap().port();
        let back = redirect(302, &format!("ws://localhost:{first_port}/back"));
        let other = Server::start(vec![back]).await;
        let there = redirect(307, &format!("ws://{other_name}:{}/there?x=1", other.port));
        let first = Server::on(listener, vec![there, String::new()]);
        let steps = Arc::new(Mutex::new(String::new()));
        let seen = Arc::clone(&steps);
        with_secrets(first_port)
            .on_connect_event(move |event| seen.lock().unwrap().push_str(&format!("{event}\n")))
            .connect()
            .await
            .unwrap();
        let (first, other) = (first.requests().await, other.requests().await);
        for request in [&other[0], &first[1]] {
            for name in ["authorization", "cookie", "x-api-key"] {
                assert!(first[0].headers().contains_key(name));
                assert!(!request.headers().contains_key(name), "{name}");
            }
            for (name, value) in [
                ("user-agent", "test/1"),
                ("origin", "https://page.example"),
                ("sec-websocket-protocol", "chat"),
            ] {
                assert_eq!(request.headers()[name], value);
            }
        }
        assert_eq!(other[0].headers()["host"].to_str().unwrap().split(':').next(), Some(other_name));
        let steps = steps.lock().unwrap();
        let line = format!("redirected from ws://localhost:{first_port}/old/chat to ws://{other_name}:");
        assert!(steps.contains(&line), "{steps}");
    }
}

#[tokio::test]
async fn the_limit_is_the_number_of_redirects_and_the_error_names_the_way() {
    for (limit, fits) in [(1, false), (2, true), (3, true)] {
        let answers = vec![redirect(302, "/b?hidden"), redirect(302, "/c"), String::new()];
        let server = Server::start(answers).await;
        let port = server.port;
        let builder = ClientBuilder::new(&format!("ws://localhost:{port}/a?hidden")).unwrap();
        match builder.max_redirects(limit).connect().await {
            Ok(_) => assert!(fits),
            Err(error) => {
                assert!(!fits);
                let at = |path: &str| format!("ws://localhost:{port}{path}");
                let expected = format!(
                    "redirect is not followed: limit is 1 in a row ({} → {} → {})",
                    at("/a"),
                    at("/b"),
                    at("/c")
                );
                assert_eq!(error.to_string(), expected);
                server.task.abort();
            }
        }
    }
}

#[tokio::test]
async fn a_loop_ends_at_the_default_limit() {
    let server = Server::start(vec![redirect(302, "/again"); 6]).await;
    let result = carrick::connect(&format!("ws://localhost:{}/", server.port)).await;
    match result {
        Err(Error::Redirect { chain, .. }) => assert_eq!(chain.len(), 7),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.requests().await.len(), 6);
}

#[tokio::test]
async fn what_is_no_redirect_stays_a_refusal() {
    for (answer, limit) in [
        (redirect(302, "/x"), 0),
        (redirect(300, "/x"), 5),
        (redirect(304, "/x"), 5),
        ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(), 5),
    ] {
        let server = Server::start(vec![answer]).await;
        let builder = ClientBuilder::new(&format!("ws://localhost:{}/", server.port)).unwrap();
        match builder.max_redirects(limit).connect().await {
            Err(Error::Response(error)) => assert!(matches!(*error, ResponseError::Status(_)), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn where_nobody_should_go_nobody_goes() {
    for (location, reason) in [
        ("ftp://localhost/", "scheme \"ftp\""),
        ("ws+unix:///run/a.sock", "scheme \"ws+unix\""),
        ("ws://u:hidden@localhost/", "user"),
        ("ws://localhost:99999/", "port"),
        ("ws://", "host"),
    ] {
        let server = Server::start(vec![redirect(302, location)]).await;
        let error = carrick::connect(&format!("ws://localhost:{}/", server.port)).await.unwrap_err();
        assert!(matches!(error, Error::Redirect { .. }), "{location}: {error:?}");
        assert!(error.to_string().contains(reason), "{location}: {error}");
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_is_not_left() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        for location in ["/here", "ws://127.0.0.1/elsewhere"] {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(redirect(302, location).as_bytes()).await.unwrap();
        }
    });
    let builder = ClientBuilder::new("ws://localhost/start").unwrap().unix_socket(&path);
    let error = builder.connect().await.unwrap_err();
    assert!(error.to_string().contains("leads away from the server on the unix socket"), "{error}");
    assert!(error.to_string().contains("/here"), "{error}");
    server.await.unwrap();
}

#[cfg(feature = "tls")]
mod tls {
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::{
        support::Scripted,
        tls_client::{Asked, Authority, acceptor},
    };

    /// A `wss` server that answers its one connection; gives whether the client showed a certificate.
    async fn secure(acceptor: TlsAcceptor, answer: String) -> Scripted<bool> {
        Scripted::start(async move |tcp| {
            let mut stream = acceptor.accept(tcp).await.unwrap();
            if answer.is_empty() {
                switching(&mut stream, "", b"").await;
            } else {
                read_request(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            stream.flush().await.unwrap();
            stream.get_ref().1.peer_certificates().is_some()
        })
        .await
    }

    #[tokio::test]
    async fn the_way_from_ws_to_wss_is_open_and_the_way_back_is_not() {
        let authority = Authority::new();
        let acceptor = || acceptor(&authority.issue("localhost"), &Asked::Nothing);
        let end = secure(acceptor(), String::new()).await;
        let start = Server::start(vec![redirect(301, &format!("https://localhost:{}/", end.port))]).await;
        let builder = ClientBuilder::new(&format!("ws://localhost:{}/", start.port)).unwrap();
        builder.root_certificates(authority.pem()).unwrap().connect().await.unwrap();

        for location in ["ws://localhost:1/", "http://localhost:1/"] {
            let start = secure(acceptor(), redirect(301, location)).await;
            let builder = ClientBuilder::new(&format!("wss://localhost:{}/", start.port)).unwrap();
            let error = builder.root_certificates(authority.pem()).unwrap().connect().await.unwrap_err();
            assert!(error.to_string().contains("it leads from wss to ws"), "{error}");
        }
    }

    #[tokio::test]
    async fn our_certificate_stays_with_its_origin() {
        let authority = Authority::new();
        let us = authority.issue("client");
        let asking = || acceptor(&authority.issue("localhost"), &Asked::Perhaps(&authority));
        let end = secure(asking(), String::new()).await;
        let start = secure(asking(), redirect(307, &format!("wss://localhost:{}/", end.port))).await;
        let builder = ClientBuilder::new(&format!("wss://localhost:{}/", start.port))
            .unwrap()
            .root_certificates(authority.pem())
            .unwrap()
            .client_certificate(&us.chain, &us.key)
            .unwrap();
        builder.connect().await.unwrap();
        assert!(start.result().await);
        assert!(!end.result().await);
    }
}
