//! What a callback server serves, refuses and ends.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::{Mutex, mpsc::channel},
    thread,
    time::Duration,
};

use carrick::{
    ClientBuilder, Error, WebSocketApp, WebSocketServer, blocking,
    protocol::{CloseCode, HeadLimits, HeadReader, Message, Refusal, ResponseError},
};
use http::StatusCode;

use super::{ANY_PORT, PATIENCE, Running, logging_server};
use crate::server::support::request;

#[test]
fn fifty_clients_are_served_told_and_closed() {
    let server = WebSocketServer::with_state(ANY_PORT, |_| 0).on_message(|conn, message| {
        conn.state += message.len();
        conn.send(format!("{} {}", conn.id(), conn.state))
    });
    let running = Running::start(server);
    let mut clients: Vec<_> = (0..50).map(|_| blocking::connect(&running.url()).unwrap()).collect();
    for round in 1..=3 {
        for client in &mut clients {
            client.send("four").unwrap();
        }
        for (i, client) in clients.iter_mut().enumerate() {
            let expected = format!("{} {}", i + 1, round * 4);
            assert_eq!(client.recv().unwrap().unwrap(), Message::text(expected));
        }
    }
    assert_eq!(running.handle.connection_count(), 50);
    let ids: Vec<_> = running.handle.connections().iter().map(|handle| handle.id().unwrap()).collect();
    assert_eq!(ids, (1..=50).collect::<Vec<_>>());
    running.handle.connection(7).unwrap().send("for the seventh").unwrap();
    assert!(running.handle.connection(51).is_none());
    assert_eq!(clients[6].recv().unwrap().unwrap(), Message::text("for the seventh"));

    let news = "news ".repeat(100);
    assert_eq!(running.handle.broadcast(news.as_str()), 50);
    for client in &mut clients {
        assert_eq!(client.recv().unwrap().unwrap(), Message::text(news.as_str()));
    }
    let handle = running.handle.clone();
    handle.stop();
    for client in &mut clients {
        assert!(client.recv().is_none());
        assert_eq!(client.closed().unwrap().code(), CloseCode::GOING_AWAY);
    }
    running.stop();
    assert_eq!((handle.connection_count(), handle.broadcast("nobody")), (0, 0));
}

#[test]
fn a_handler_stops_the_server_and_every_close_is_told() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server.on_message(|conn, _| conn.stop()));
    let mut clients: Vec<_> = (0..3).map(|_| blocking::connect(&running.url()).unwrap()).collect();
    for id in 1..=3 {
        assert_eq!(log.next(), format!("{id} open"));
    }
    clients[1].send("stop").unwrap();
    for client in &mut clients {
        assert!(client.recv().is_none());
    }
    running.thread.join().unwrap().unwrap();
    let mut closes = log.rest();
    closes.sort();
    assert_eq!(closes, [1, 2, 3].map(|id| format!("{id} close closed by us: 1001 (going away)")));
}

#[test]
fn a_connection_that_is_cut_is_closed_for_the_application_all_the_same() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server.drain_timeout(Duration::from_millis(50)));
    // One that never answers a close frame.
    let mut silent = TcpStream::connect(running.address).unwrap();
    silent.write_all(request("/ws", "").as_bytes()).unwrap();
    assert_eq!(log.next(), "1 open");
    running.stop();
    assert_eq!(log.rest(), ["1 close closed by us"]);
}

#[test]
fn only_the_path_of_the_url_is_served_unless_it_stands_for_all() {
    let running = Running::start(WebSocketServer::new(ANY_PORT));
    let elsewhere = format!("ws://{}/elsewhere", running.address);
    assert_eq!(refused(&elsewhere), StatusCode::NOT_FOUND);
    blocking::connect(&running.url()).unwrap().close(CloseCode::NORMAL, "").unwrap();
    running.stop();

    let running = Running::start(WebSocketServer::new("ws://localhost:0/*"));
    blocking::connect(&format!("ws://{}/elsewhere", running.address)).unwrap();
    running.stop();
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_listened_on_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chat room.sock");
    let url = format!("ws+unix://{}:/ws", path.to_str().unwrap().replace(' ', "%20"));
    // One that was left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    for _ in 0..2 {
        let server = WebSocketServer::new(&url)
            .on_open(|conn| conn.send(format!("hello {:?}", conn.peer_addr())))
            .bind()
            .unwrap();
        assert_eq!(server.local_addr(), None);
        assert!(matches!(WebSocketServer::new(&url).bind(), Err(Error::Io(_))), "somebody listens");
        let handle = server.handle();
        let thread = thread::spawn(|| server.run_forever());
        let mut app = WebSocketApp::with_state(&url, String::new()).on_message(|conn, message| {
            conn.state = message.to_string();
            conn.close(CloseCode::NORMAL, "")
        });
        app.run_forever().unwrap();
        assert_eq!(app.state(), "hello None");
        assert!(refused(&url.replace("/ws", "/elsewhere")) == StatusCode::NOT_FOUND);
        handle.stop();
        thread.join().unwrap().unwrap();
        assert!(!path.exists());
    }
}

#[test]
fn requests_are_refused_by_a_hook_and_by_the_rules_and_that_is_told() {
    #[derive(Clone)]
    struct User(String);

    let (told, tell) = channel();
    let server = WebSocketServer::with_state(ANY_PORT, |request| {
        request.extensions().get::<User>().map_or(String::new(), |user| user.0.clone())
    })
    .on_request(|request, front| {
        assert!(front.address.is_some());
        let token = request.headers().get("authorization").and_then(|token| token.to_str().ok());
        let user = token.and_then(|token| token.strip_prefix("Bearer ")).map(|name| User(name.to_owned()));
        let user = user.ok_or_else(|| Refusal::new(StatusCode::UNAUTHORIZED, "send a token"))?;
        request.extensions_mut().insert(user);
        Ok(())
    })
    .on_rejection(move |rejection, address| {
        assert!(address.ip().unwrap().is_loopback());
        told.send(rejection.status()).unwrap();
    })
    .on_open(|conn| conn.send(format!("hello {}", conn.state)));
    let running = Running::start(server);

    assert_eq!(refused(&running.url()), StatusCode::UNAUTHORIZED);
    let foreign = ClientBuilder::new(&running.url()).unwrap().origin("http://evil.example").unwrap();
    assert_eq!(refused_by(&foreign), StatusCode::FORBIDDEN);
    let told: Vec<_> = (0..2).map(|_| tell.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(told, [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN]);

    let known = ClientBuilder::new(&running.url()).unwrap().bearer_token("Ada").unwrap();
    let mut client = known.connect_blocking().unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), Message::text("hello Ada"));
    drop(client);
    running.stop();
}

fn refused(url: &str) -> StatusCode {
    refused_by(&ClientBuilder::new(url).unwrap())
}

fn refused_by(builder: &ClientBuilder) -> StatusCode {
    match builder.connect_blocking() {
        Err(Error::Response(error)) => match *error {
            ResponseError::Status(response) => response.status(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_cannot_be_served_is_told_by_bind() {
    let first = WebSocketServer::new(ANY_PORT).bind().unwrap();
    let taken = format!("ws://{}/", first.local_addr().unwrap());
    assert!(matches!(WebSocketServer::new(&taken).bind(), Err(Error::Io(_))));
    assert_eq!(WebSocketServer::new(&taken).local_addr(), None);
    for (url, reason) in [
        ("wss://127.0.0.1:0/", "there is no certificate"),
        ("ws://127.0.0.1:0/?room=1", "it has a query"),
        ("ws://user:hidden@127.0.0.1:0/", "it has a user"),
        ("127.0.0.1:0", "relative URL"),
    ] {
        match WebSocketServer::new(url).bind() {
            Err(error @ Error::Url { .. }) => {
                let text = error.to_string();
                assert!(text.contains(reason) && !text.contains("hidden"), "{text}");
            }
            other => panic!("{url}: {other:?}"),
        }
    }
    let twice = WebSocketServer::new(ANY_PORT).subprotocols(["a", "a"]).run_forever();
    assert!(matches!(twice, Err(Error::Config(_))), "{twice:?}");
}

#[test]
fn a_client_that_breaks_a_rule_is_told_and_failed() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server);
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.write_all(request("/ws", "").as_bytes()).unwrap();
    stream.write_all(b"\x81\x05not masked").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let (_, head) = HeadReader::new(HeadLimits::default()).read_response(&answer).unwrap().unwrap();
    assert_eq!(answer[head], 0x88);
    assert_eq!(answer[head + 2..head + 4], 1002_u16.to_be_bytes());
    assert_eq!(log.next(), "1 open");
    assert_eq!(log.next(), "1 error connection failed (RFC 6455 §5.1): frame of a client is not masked");
    assert_eq!(log.next(), "1 close failed: frame of a client is not masked (RFC 6455 §5.1)");
    running.stop();
}

#[test]
fn a_handler_that_is_told_the_end_does_not_hold_it_up() {
    let (go_on, waits) = channel::<()>();
    let (told, address) = channel();
    let waits = Mutex::new(waits);
    let server = WebSocketServer::new(ANY_PORT).on_close(move |conn, _| {
        told.send(conn.peer_addr().is_some()).unwrap();
        waits.lock().unwrap().recv().unwrap();
    });
    let running = Running::start(server);
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request("/ws", "").as_bytes()).unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    address.recv_timeout(PATIENCE).unwrap();
    go_on.send(()).unwrap();
    running.stop();
}

#[cfg(feature = "tls")]
#[test]
fn both_roles_speak_tls() {
    use carrick::ServerTls;

    let tls = ServerTls::self_signed().unwrap();
    let pem = tls.certificates_pem();
    let server = WebSocketServer::new("wss://127.0.0.1:0/ws")
        .tls(tls)
        .on_open(|conn| conn.send(format!("hello {}", conn.peer_addr().is_some())));
    let running = Running::start(server);
    let url = format!("wss://{}/ws", running.address);
    let mut app = WebSocketApp::with_state(&url, String::new())
        .with(|builder| builder.root_certificates(pem))
        .on_message(|conn, message| {
            conn.state = format!("{message} {}", conn.peer_addr().is_some());
            conn.stop();
        });
    app.run_forever().unwrap();
    assert_eq!(app.state(), "hello true true");
    let plain = WebSocketServer::new(ANY_PORT).tls(ServerTls::self_signed().unwrap()).bind();
    assert!(matches!(plain, Err(Error::Url { .. })));
    running.stop();
}
