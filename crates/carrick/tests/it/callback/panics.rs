//! Handlers that panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use carrick::{
    ClientBuilder, Error, WebSocketServer, blocking,
    protocol::{CloseCode, Message},
};

use super::{ANY_PORT, Running, logging, logging_server};

#[test]
fn on_a_client_the_panic_goes_on_and_nothing_stays_open() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server);
    let mut app = logging(&running.url()).on_open(|_| panics("in on_open"));
    let handle = app.handle();
    let panic = catch_unwind(AssertUnwindSafe(|| app.run_forever())).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>().unwrap(), "in on_open");
    assert!(!handle.is_open());
    assert_eq!(log.next(), "1 open");
    assert!(log.next().starts_with("1 error "));
    assert!(log.next().starts_with("1 close "));
    running.stop();
}

fn panics(text: &str) {
    panic!("{text}");
}

#[test]
fn on_a_server_it_ends_its_own_connection_and_no_other() {
    let (server, log) = logging_server(ANY_PORT);
    let server = server.on_message(|conn, message| {
        if message.as_text() == Some("panic") {
            panics("in on_message");
        }
        conn.send(message)
    });
    let running = Running::start(server);
    let mut other = blocking::connect(&running.url()).unwrap();
    let mut client = blocking::connect(&running.url()).unwrap();
    client.feed("panic").unwrap();
    client.send("not seen any more").unwrap();
    assert!(client.recv().is_none());
    assert_eq!(client.closed().unwrap().code(), CloseCode::INTERNAL_ERROR);
    other.send("echo").unwrap();
    assert_eq!(other.recv().unwrap().unwrap(), Message::text("echo"));
    assert_eq!([log.next(), log.next()], ["1 open", "2 open"]);
    assert_eq!(log.next(), "2 close closed by us: 1011 (internal error)");
    other.close(CloseCode::NORMAL, "").unwrap();
    running.stop();
}

#[test]
fn a_panic_of_what_decides_about_requests_is_contained_too() {
    let server = WebSocketServer::new(ANY_PORT)
        .on_request(|request, _| {
            if request.headers().contains_key("x-panic") {
                panics("in on_request");
            }
            Ok(())
        })
        .on_rejection(|_, _| panics("in on_rejection"))
        .on_message(|conn, message| conn.send(message));
    let running = Running::start(server);
    let mut other = blocking::connect(&running.url()).unwrap();
    let asking = ClientBuilder::new(&running.url()).unwrap().header("x-panic", "yes").unwrap();
    let foreign = ClientBuilder::new(&running.url()).unwrap().origin("http://evil.example").unwrap();
    for builder in [asking, foreign] {
        assert!(matches!(builder.connect_blocking(), Err(Error::Io(_))));
    }
    other.send("echo").unwrap();
    assert_eq!(other.recv().unwrap().unwrap(), Message::text("echo"));
    other.close(CloseCode::NORMAL, "").unwrap();
    running.stop();
}

#[test]
fn a_panic_in_the_state_the_opening_or_the_close_is_contained_too() {
    let server = WebSocketServer::with_state("ws://127.0.0.1:0/*", |request| {
        let path = request.uri().path().to_owned();
        if path == "/state" {
            panics("in with_state");
        }
        path
    })
    .on_open(|conn| {
        if conn.state == "/open" {
            panics("in on_open");
        }
        conn.send("open")
    })
    .on_close(|conn, _| {
        if conn.state == "/close" {
            panics("in on_close");
        }
    });
    let running = Running::start(server);
    for path in ["state", "open"] {
        let mut client = blocking::connect(&format!("ws://{}/{path}", running.address)).unwrap();
        assert!(client.recv().is_none());
        assert_eq!(client.closed().unwrap().code(), CloseCode::INTERNAL_ERROR, "{path}");
    }
    let mut client = blocking::connect(&format!("ws://{}/close", running.address)).unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), Message::text("open"));
    assert!(client.close(CloseCode::NORMAL, "").unwrap().is_clean());
    let mut client = blocking::connect(&format!("ws://{}/", running.address)).unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), Message::text("open"));
    client.close(CloseCode::NORMAL, "").unwrap();
    running.stop();
}
