//! What the handlers of a client are called for, and in which order.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpListener},
    thread,
    time::Duration,
};

use carrick::{
    Conn, ConnHandle, Error, ServerHandle, WebSocketApp, WebSocketServer, blocking,
    protocol::{CloseCode, Config, Initiator, Kind, ResponseError, Role, SendError, Violation},
};

use super::{ANY_PORT, Running, logging, logging_server, rest, scripted};
use crate::support::{accept_blocking, binary, close, frame, ping, text};

#[test]
fn the_handlers_are_called_in_order_and_the_close_comes_last() {
    let (url, server) = scripted(|mut stream| {
        accept_blocking(&mut stream);
        let frames = [
            text(Role::Server, "one"),
            ping(Role::Server, b"p"),
            binary(Role::Server, b"22"),
            close(Role::Server, CloseCode::GOING_AWAY, "bye"),
        ];
        stream.write_all(&frames.concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream)
    });
    let mut app = logging(&url);
    let closed = app.run_forever().unwrap();
    assert_eq!((closed.code(), closed.reason(), closed.by), (CloseCode::GOING_AWAY, "bye", Initiator::Peer));
    assert_eq!(
        *app.state(),
        [
            "open",
            "message one",
            "ping p",
            "message 2 bytes",
            "close closed by the peer: 1001 (going away): bye"
        ]
    );
    let sent = server.join().unwrap();
    assert_eq!(sent.len(), (6 + 1) + (6 + 2), "a pong and a close frame");
}

#[test]
fn an_error_before_there_is_a_connection_is_told_and_nothing_is_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    drop(listener);
    let mut app = logging(&url);
    assert!(matches!(app.run_forever(), Err(Error::Io(_))));
    assert!(
        app.state().len() == 1 && app.state()[0].starts_with("error network error: "),
        "{:?}",
        app.state()
    );

    let (url, server) = scripted(|mut stream| {
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 7\r\n\r\ngo away").unwrap();
        rest(stream);
    });
    let mut app = logging(&url);
    let refused = app.run_forever().unwrap_err();
    let Error::Response(refused) = refused else { panic!("{refused:?}") };
    let ResponseError::Status(response) = *refused else { panic!("{refused:?}") };
    assert_eq!((response.status().as_u16(), &response.body()[..]), (403, &b"go away"[..]));
    assert_eq!(app.state().len(), 1);
    assert!(app.state()[0].contains("403"), "{:?}", app.state());
    server.join().unwrap();
}

#[test]
fn a_failure_is_told_before_the_close() {
    for (bytes, violation, code) in [
        (frame(Role::Client, 0x81, b"masked"), Violation::MaskForbidden, Some(1002)),
        (frame(Role::Server, 0x81, b"\xff"), Violation::TextNotUtf8, Some(1007)),
        (Vec::new(), Violation::EndOfStream, None),
    ] {
        let (url, server) = scripted(move |mut stream| {
            accept_blocking(&mut stream);
            stream.write_all(&bytes).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            rest(stream)
        });
        let mut app = logging(&url);
        let failure = app.run_forever().unwrap_err();
        assert!(matches!(failure, Error::Violation(found) if found == violation), "{failure:?}");
        let told = format!("error connection failed ({}): {violation}", violation.section());
        let closed = format!("close failed: {violation} ({})", violation.section());
        assert_eq!(*app.state(), ["open".to_owned(), told, closed]);
        let answer = server.join().unwrap();
        match code {
            Some(code) => {
                let key = [answer[2], answer[3]];
                assert_eq!(answer[0], 0x88);
                assert_eq!(u16::from_be_bytes([answer[6] ^ key[0], answer[7] ^ key[1]]), code);
            }
            None => assert_eq!(answer, b""),
        }
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_told_when_it_runs() {
    for app in [
        logging("x"),
        logging("ws://127.0.0.1:9/").header("bad name", "x"),
        logging("ws://127.0.0.1:9/").cookie("a=1\n"),
        logging("ws://127.0.0.1:9/").basic_auth("a:b", "c").origin("http://fine.example"),
        logging("ws://127.0.0.1:9/").subprotocols(["twice", "twice"]),
    ] {
        let mut app = app;
        let error = app.run_forever().unwrap_err();
        assert!(matches!(error, Error::Url { .. } | Error::Config(_)), "{error:?}");
        assert_eq!(*app.state(), [format!("error {error:#}")]);
        assert!(matches!(app.run_forever(), Err(Error::Config(_))), "it stays wrong");
    }
}

#[test]
fn both_sides_see_the_code_and_the_reason_of_the_other() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server.on_message(|conn, _| conn.close(4002, "from the server")));

    let mut app = logging(&running.url()).on_open(|conn| conn.close(4001, "from the client"));
    let closed = app.run_forever().unwrap();
    // The code is echoed.
    assert_eq!((closed.code(), closed.by), (CloseCode::from(4001), Initiator::Application));
    assert_eq!(log.next(), "1 open");
    assert_eq!(log.next(), "1 close closed by the peer: 4001: from the client");

    let mut app = logging(&running.url()).on_open(|conn| conn.send("close, please"));
    let closed = app.run_forever().unwrap();
    assert_eq!((closed.code(), closed.reason()), (CloseCode::from(4002), "from the server"));
    assert_eq!(closed.by, Initiator::Peer);
    assert_eq!(log.next(), "2 open");
    assert_eq!(log.next(), "2 close closed by us: 4002");
    running.stop();
}

#[test]
fn the_heads_are_there_while_it_opens_and_the_options_are_in_them() {
    let server = WebSocketServer::with_state(ANY_PORT, |request| {
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        [header("cookie"), header("x-name"), header("authorization"), header("origin")].join(" ")
    })
    .subprotocols(["b", "a"])
    .origins(carrick::protocol::OriginPolicy::Any)
    .on_open(|conn| {
        let path = conn.request().unwrap().uri().path().to_owned();
        let known = conn.peer_addr().is_some() && conn.response().is_none();
        conn.send(format!("{path} {known} {} {:?}", conn.state, conn.subprotocol()))
    })
    .on_message(|conn, _| conn.send(format!("{:?}", conn.request().is_none())));
    let running = Running::start(server);

    let mut app = logging(&running.url())
        .header("x-name", "value")
        .cookie("a=1; b=2")
        .basic_auth("user", "pass")
        .origin("http://page.example")
        .subprotocols(["a", "b"])
        .with(|builder| Ok(builder.deflate(None)))
        .on_open(|conn| {
            assert_eq!(conn.request().unwrap().headers()["x-name"], "value");
            assert_eq!(conn.response().unwrap().status(), 101);
            assert_eq!(conn.subprotocol(), Some("b"));
            assert!(conn.agreement().unwrap().deflate.is_none());
            assert!(conn.is_open() && conn.closed().is_none() && conn.id() == 1);
            conn.send("next")
        })
        .on_message(|conn, message| {
            assert!(conn.request().is_none() && conn.response().is_none());
            conn.state.push(message.to_string());
            if message.as_text() == Some("true") {
                conn.stop();
            }
        })
        .on_close(|conn, _| {
            assert!(!conn.is_open() && conn.closed().is_some());
            assert!(matches!(conn.send("late"), Err(Error::Send(SendError::Closed))));
            assert_eq!(conn.received().messages, 2);
            assert_eq!(conn.sent().messages, 1);
        });
    let closed = app.run_forever().unwrap();
    assert_eq!((closed.code(), closed.by), (CloseCode::NORMAL, Initiator::Application));
    assert_eq!(
        *app.state(),
        ["/ws true a=1; b=2 value Basic dXNlcjpwYXNz http://page.example Some(\"b\")", "true"]
    );
    running.stop();
}

#[test]
fn what_a_handler_fails_with_is_told_and_the_connection_goes_on() {
    let (url, server) = scripted(|mut stream| {
        accept_blocking(&mut stream);
        let frames =
            [text(Role::Server, "x"), text(Role::Server, "7"), close(Role::Server, CloseCode::NORMAL, "")];
        stream.write_all(&frames.concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream);
    });
    let mut app = logging(&url)
        .on_open(|_| -> Result<(), Error> { Err(io::Error::other("of the library").into()) })
        .on_message(|conn, message| -> Result<(), std::num::ParseIntError> {
            let number: u32 = message.as_text().unwrap_or_default().parse()?;
            conn.state.push(format!("number {number}"));
            Ok(())
        });
    app.run_forever().unwrap();
    assert_eq!(
        *app.state(),
        [
            "error network error: of the library",
            "error handler failed: invalid digit found in string",
            "number 7",
            "close closed by the peer: 1000 (normal closure)"
        ]
    );
    server.join().unwrap();
}

#[test]
fn pieces_arrive_as_they_come_instead_of_messages() {
    let (url, server) = scripted(|mut stream| {
        accept_blocking(&mut stream);
        let frames = [
            frame(Role::Server, 0x01, b"Hel"),
            frame(Role::Server, 0x80, b"lo"),
            binary(Role::Server, b"small"),
            close(Role::Server, CloseCode::NORMAL, ""),
        ];
        stream.write_all(&frames.concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream);
    });
    let mut app = WebSocketApp::with_state(&url, Vec::new())
        .on_message(|_, _| unreachable_message())
        .on_piece(|conn, piece| conn.state.push((piece.kind, piece.bytes.to_vec(), piece.first, piece.last)));
    app.run_forever().unwrap();
    assert_eq!(
        *app.state(),
        [
            (Kind::Text, b"Hel".to_vec(), true, false),
            (Kind::Text, b"lo".to_vec(), false, true),
            (Kind::Binary, b"small".to_vec(), true, true)
        ]
    );
    server.join().unwrap();
}

fn unreachable_message() {
    panic!("with on_piece there are no whole messages");
}

#[test]
fn pings_are_sent_in_their_interval_and_a_server_that_answers_none_has_failed() {
    let running = Running::start(WebSocketServer::new(ANY_PORT));
    let often = Some(Duration::from_millis(5));
    let mut app = logging(&running.url()).ping_interval(often).on_pong(|conn, _, round_trip| {
        assert!(round_trip.is_some());
        conn.stop();
    });
    assert!(app.run_forever().unwrap().is_clean());
    running.stop();

    let (url, server) = scripted(|mut stream| {
        accept_blocking(&mut stream);
        rest(stream)
    });
    let short = Duration::from_millis(5);
    let mut config = Config::default();
    config.close_timeout = short;
    let mut app =
        logging(&url).with(|builder| Ok(builder.config(config))).ping_interval(often).ping_timeout(short);
    let failure = app.run_forever().unwrap_err();
    assert!(
        matches!(failure, Error::Violation(Violation::PongMissing { waited }) if waited >= short),
        "{failure:?}"
    );
    assert_eq!(app.state().len(), 3, "{:?}", app.state());
    server.join().unwrap();
}

#[test]
fn apps_servers_and_handles_go_to_other_threads() {
    fn is_send<T: Send>() {}
    fn is_shared<T: Send + Sync>() {}
    is_send::<WebSocketApp<Vec<String>>>();
    is_send::<WebSocketServer<Vec<String>>>();
    is_send::<Conn<Vec<String>>>();
    is_shared::<ConnHandle>();
    is_shared::<ServerHandle>();
}

#[test]
fn a_stop_ends_it_at_any_time() {
    // Before it runs.
    let mut app = logging("ws://127.0.0.1:9/");
    app.handle().stop();
    assert_eq!(app.run_forever().unwrap().by, Initiator::Application);
    assert!(app.state().is_empty());

    // While it connects: the server never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut app = logging(&format!("ws://{}/", listener.local_addr().unwrap()));
    let handle = app.handle();
    let stopping = thread::spawn(move || {
        let silent = listener.accept().unwrap();
        handle.stop();
        silent
    });
    assert!(!app.run_forever().unwrap().is_clean());
    assert!(app.state().is_empty());
    stopping.join().unwrap();

    // It was one stop for one run.
    let running = Running::start(WebSocketServer::new(ANY_PORT));
    let mut app = logging(&running.url()).on_open(|conn| conn.stop());
    for _ in 0..2 {
        let closed = app.run_forever().unwrap();
        assert_eq!((closed.code(), closed.is_clean()), (CloseCode::NORMAL, true));
    }
    assert_eq!(app.state().len(), 2, "{:?}", app.state());
    running.stop();
}

#[tokio::test]
async fn inside_of_a_runtime_it_fails_and_does_not_panic() {
    let mut app = logging("ws://127.0.0.1:9/");
    let error = app.run_forever().unwrap_err();
    assert!(format!("{error:#}").contains("inside of an async runtime"), "{error:#}");
    assert_eq!(*app.state(), [format!("error {error:#}")]);
    let error = WebSocketServer::new(ANY_PORT).run_forever().unwrap_err();
    assert!(matches!(error, Error::Config(_)), "{error:#}");
}

#[test]
fn in_a_handler_another_loop_is_refused_and_does_not_panic() {
    let running = Running::start(WebSocketServer::new(ANY_PORT));
    let url = running.url();
    let mut app = logging(&running.url()).on_open(move |conn| {
        assert!(matches!(blocking::connect(&url), Err(Error::Config(_))));
        assert!(matches!(WebSocketApp::new(&url).run_forever(), Err(Error::Config(_))));
        conn.stop();
    });
    assert!(app.run_forever().unwrap().is_clean());
    running.stop();
}
