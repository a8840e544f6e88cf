//! What other threads gave a connection to send, while it ends, is full, or sends something else.

use std::{
    io::Write,
    net::TcpStream,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use carrick::{
    ConnHandle, Error, WebSocketServer, blocking,
    protocol::{CloseCode, Config, Kind, Role, SendError},
};

use super::{ANY_PORT, PATIENCE, Running, logging, logging_server};
use crate::{server::support::request, support::close};

const MESSAGE: usize = 64 << 10;
const MORE_THAN_THE_KERNEL_TAKES: usize = 16 << 20;

#[test]
fn a_client_that_is_stopped_sends_what_it_was_given_before() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server);
    let mut app = logging(&running.url()).on_open(|conn| -> Result<(), Error> {
        let handle = conn.handle();
        handle.send("last words")?;
        handle.stop();
        Ok(())
    });
    app.run_forever().unwrap();
    assert_eq!(log.next(), "1 open");
    assert_eq!(log.next(), "1 message last words");
    assert_eq!(log.next(), "1 close closed by the peer: 1000 (normal closure)");
    running.stop();
}

#[test]
fn a_client_that_is_stopped_sends_what_there_is_no_room_for_too() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server);
    let mut app = logging(&running.url()).with(|builder| Ok(builder.deflate(None))).on_open(|conn| {
        let handle = conn.handle();
        // The queue of the connection, and then that of its handle.
        let own = until_full(|| conn.send_binary(vec![0; MESSAGE]));
        let given = until_full(|| handle.send_binary(vec![0; MESSAGE]));
        conn.state.push((own + given).to_string());
        handle.stop();
    });
    app.run_forever().unwrap();
    let sent: usize = app.state()[0].parse().unwrap();
    assert_eq!(log.next(), "1 open");
    for _ in 0..sent {
        assert_eq!(log.next(), format!("1 message {MESSAGE} bytes"));
    }
    assert_eq!(log.next(), "1 close closed by the peer: 1000 (normal closure)");
    running.stop();
}

#[test]
fn a_close_takes_along_what_waits_for_a_peer_that_is_slow() {
    let (running, handles, _) = serving(PATIENCE);
    let mut client = blocking::connect(&running.url()).unwrap();
    let handle = handles.recv_timeout(PATIENCE).unwrap();
    let sent = until_full(|| handle.send_binary(vec![0; MESSAGE]));
    handle.close(4000, "too slow").unwrap();
    assert_eq!(client.recv().unwrap().unwrap().len(), MORE_THAN_THE_KERNEL_TAKES);
    for _ in 0..sent {
        assert_eq!(client.recv().unwrap().unwrap().len(), MESSAGE);
    }
    assert!(client.recv().is_none());
    assert_eq!(client.closed().unwrap().code(), CloseCode::from(4000));
    running.stop();
}

#[test]
fn a_server_that_is_stopped_sends_what_it_was_given_before() {
    let (running, handles, _) = serving(PATIENCE);
    let mut client = blocking::connect(&running.url()).unwrap();
    let handle = handles.recv_timeout(PATIENCE).unwrap();
    let sent = until_full(|| handle.send_binary(vec![0; MESSAGE]));
    running.handle.stop();
    assert!(is_closed(&handle.send("late")));
    assert_eq!(client.recv().unwrap().unwrap().len(), MORE_THAN_THE_KERNEL_TAKES);
    for _ in 0..sent {
        assert_eq!(client.recv().unwrap().unwrap().len(), MESSAGE);
    }
    assert!(client.recv().is_none());
    assert_eq!(client.closed().unwrap().code(), CloseCode::GOING_AWAY);
    running.stop();
}

#[test]
fn a_peer_that_takes_nothing_is_closed_in_time() {
    let (running, handles, closes) = serving(Duration::from_millis(50));
    let silent = blocking::connect(&running.url()).unwrap();
    let handle = handles.recv_timeout(PATIENCE).unwrap();
    until_full(|| handle.send_binary(vec![0; MESSAGE]));
    handle.close(4000, "too slow").unwrap();
    assert_eq!(closes.recv_timeout(PATIENCE).unwrap(), CloseCode::from(1006));
    drop(silent);
    running.stop();
}

#[test]
fn mail_waits_until_a_message_in_pieces_is_whole_and_pings_do_not() {
    let (sent, is_sent) = channel();
    let server = WebSocketServer::new(ANY_PORT);
    let everybody = server.handle();
    let server = server
        .on_open(move |conn| -> Result<(), Error> {
            conn.send_piece(Kind::Text, "in ", false)?;
            conn.handle().send("between")?;
            sent.send(everybody.broadcast("to all")).unwrap();
            conn.handle().ping(&b"now"[..])
        })
        .on_message(|conn, _| conn.send_piece(Kind::Text, "pieces", true));
    let running = Running::start(server);
    let mut app = logging(&running.url())
        .on_ping(|conn, payload| {
            conn.state.push(format!("ping {}", String::from_utf8_lossy(payload)));
            conn.send("go on")
        })
        .on_message(|conn, message| {
            conn.state.push(format!("message {message}"));
            if message.as_text() == Some("to all") {
                conn.stop();
            }
        });
    app.run_forever().unwrap();
    assert_eq!(
        app.state()[..5],
        ["open", "ping now", "message in pieces", "message between", "message to all"]
    );
    assert_eq!(is_sent.recv_timeout(PATIENCE).unwrap(), 1);
    running.stop();
}

#[test]
fn a_close_does_not_wait_for_a_message_in_pieces() {
    let server = WebSocketServer::new(ANY_PORT).on_open(|conn| -> Result<(), Error> {
        conn.send_piece(Kind::Text, "never whole", false)?;
        let handle = conn.handle();
        handle.send("between")?;
        handle.close(4000, "enough")
    });
    let running = Running::start(server);
    let mut app = logging(&running.url());
    app.run_forever().unwrap();
    assert_eq!(*app.state(), ["open", "close closed by the peer: 4000: enough"]);
    running.stop();
}

#[test]
fn a_connection_that_is_closing_takes_no_mail() {
    let server = WebSocketServer::new(ANY_PORT);
    let everybody = server.handle();
    let server = server.on_open(move |conn| -> Result<(), Error> {
        let handle = conn.handle();
        assert!(handle.is_open() && everybody.broadcast("open") == 1);
        conn.close(CloseCode::NORMAL, "")?;
        assert!(is_closed(&handle.send("late")) && is_closed(&handle.ping("late")) && !handle.is_open());
        assert_eq!((everybody.broadcast("late"), handle.id()), (0, Some(conn.id())));
        handle.close(4000, "it is closing already")
    });
    let running = Running::start(server);
    let mut app = logging(&running.url());
    let closed = app.run_forever().unwrap();
    assert_eq!(closed.code(), CloseCode::NORMAL);

    let mut app = logging(&running.url()).on_open(|conn| {
        conn.handle().stop();
        assert!(is_closed(&conn.handle().send("late")) && !conn.handle().is_open());
    });
    app.run_forever().unwrap();
    running.stop();
}

#[test]
fn a_thread_that_waits_for_room_is_told_that_the_peer_closes() {
    let (running, handles, _) = serving(PATIENCE);
    let mut peer = TcpStream::connect(running.address).unwrap();
    peer.write_all(request("/ws", "").as_bytes()).unwrap();
    let handle = handles.recv_timeout(PATIENCE).unwrap();
    until_full(|| handle.send_binary(vec![0; MESSAGE]));
    let waiting = {
        let handle = handle.clone();
        thread::spawn(move || handle.send_timeout("late", PATIENCE))
    };
    peer.write_all(&close(Role::Client, CloseCode::NORMAL, "")).unwrap();
    assert!(is_closed(&waiting.join().unwrap()));
    assert_eq!((handle.is_open(), handle.id(), running.handle.broadcast("late")), (false, Some(1), 0));
    drop(peer);
    running.stop();
}

fn is_closed(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::Send(SendError::Closed)))
}

/// A server that gives out a handle of each of its connections, and has no room for what that sends.
fn serving(close_timeout: Duration) -> (Running, Receiver<ConnHandle>, Receiver<CloseCode>) {
    let (opened, handles) = channel();
    let (closed, closes) = channel();
    let mut config = Config::default();
    config.close_timeout = close_timeout;
    let server = WebSocketServer::new(ANY_PORT)
        .config(config)
        .deflate(None)
        .on_close(move |_, how| {
            let _ = closed.send(how.code());
        })
        .on_open(move |conn| {
            opened.send(conn.handle()).unwrap();
            conn.send_binary(vec![0; MORE_THAN_THE_KERNEL_TAKES])
        });
    (Running::start(server), handles, closes)
}

/// Sends until the queue is full; how many were taken.
fn until_full(mut send: impl FnMut() -> Result<(), Error>) -> usize {
    for sent in 0..10_000 {
        match send() {
            Ok(()) => {}
            Err(Error::Send(SendError::QueueFull { .. })) => return sent,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("the queue is never full")
}
