//! A client that connects again.

use std::{
    io::Write,
    net::{Shutdown, TcpListener},
    thread,
    time::Duration,
};

use carrick::protocol::{CloseCode, Initiator, Role};

use super::{logging, rest};
use crate::support::{accept_blocking, close, text};

const SOON: Duration = Duration::from_millis(1);
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[test]
fn it_connects_again_after_each_end_that_is_not_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        // Gone before the handshake.
        drop(listener.accept().unwrap());
        // Gone without a close frame.
        let (mut stream, _) = listener.accept().unwrap();
        accept_blocking(&mut stream);
        drop(stream);
        // Closed in order.
        let (mut stream, _) = listener.accept().unwrap();
        accept_blocking(&mut stream);
        stream.write_all(&close(Role::Server, CloseCode::SERVICE_RESTART, "")).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream);
        // Served to the end.
        let (mut stream, _) = listener.accept().unwrap();
        accept_blocking(&mut stream);
        stream.write_all(&text(Role::Server, "hello again")).unwrap();
        stream.write_all(&close(Role::Server, CloseCode::NORMAL, "")).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream);
    });
    let mut app = logging(&url)
        .reconnect(SOON)
        .on_open(|conn| conn.state.push(format!("open {}", conn.id())))
        .on_message(|conn, message| {
            conn.state.push(format!("message {message}"));
            conn.close(CloseCode::NORMAL, "")
        });
    let closed = app.run_forever().unwrap();
    assert_eq!(closed.by, Initiator::Application);
    server.join().unwrap();

    let log: Vec<_> = app.state().iter().map(|line| line.split(':').next().unwrap()).collect();
    let (first, log) = log.split_first().unwrap();
    // It depends on the kernel whether the stream ends or is reset.
    assert_eq!(*first, "error network error");
    assert_eq!(
        log,
        [
            "open 1",
            "error connection failed (RFC 6455 §7.1.5)",
            "close failed",
            "open 2",
            "close closed by the peer",
            "open 3",
            "message hello again",
            "close closed by us"
        ]
    );
}

#[test]
fn a_stop_ends_the_delay() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    drop(listener);
    let mut app = logging(&url).reconnect(NEVER).on_error(|conn, _| {
        assert!(!conn.is_open());
        // Out of the way of this handler, so that the delay has most likely begun.
        let handle = conn.handle();
        thread::spawn(move || handle.stop());
    });
    let closed = app.run_forever();
    // Whether the delay had begun or not: it is over.
    assert!(matches!(&closed, Ok(closed) if closed.by == Initiator::Application) || closed.is_err());
}

#[test]
fn a_second_run_connects_again_too_though_the_first_was_ended_by_a_close() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        for served in [true, false, true] {
            let (mut stream, _) = listener.accept().unwrap();
            if served {
                accept_blocking(&mut stream);
                stream.write_all(&close(Role::Server, CloseCode::NORMAL, "")).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                rest(stream);
            }
        }
    });
    let mut app = logging(&url).reconnect(SOON).on_open(|conn| {
        conn.state.push(format!("open {}", conn.id()));
        conn.close(CloseCode::NORMAL, "")
    });
    for run in 1..=2 {
        app.run_forever().unwrap();
        assert!(app.state().contains(&format!("open {run}")), "{:?}", app.state());
    }
    server.join().unwrap();
}

#[test]
fn an_address_that_cannot_be_used_is_not_tried_again() {
    assert!(logging("x").reconnect(SOON).run_forever().is_err());
}

#[test]
fn a_handle_goes_on_with_the_next_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let received: Vec<_> = (0..2)
            .map(|_| {
                let (mut stream, _) = listener.accept().unwrap();
                accept_blocking(&mut stream);
                let mut frame = [0; 7];
                std::io::Read::read_exact(&mut stream, &mut frame).unwrap();
                drop(stream);
                frame[6] ^ frame[2]
            })
            .collect();
        received
    });
    let mut app = logging(&url).reconnect(SOON);
    let handle = app.handle();
    assert!(!handle.is_open() && handle.send("nobody is there").is_err() && handle.id().is_none());
    let mut app = {
        let handle = handle.clone();
        app = app.on_open(move |conn| handle.send(conn.id().to_string()));
        app.on_close(|conn, _| {
            assert!(conn.handle().send("nobody is there any more").is_err());
            if conn.id() == 2 {
                conn.stop();
            }
        })
    };
    let _ = app.run_forever();
    assert_eq!(server.join().unwrap(), *b"12");
    assert!(!handle.is_open());
}
