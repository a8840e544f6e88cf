//! What other threads gave a connection to send, while it ends, is full, or sends something else.

use std::{
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use carrick::{
    ConnHandle, Error, WebSocketServer, blocking,
    protocol::{CloseCode, Config, SendError},
};

use super::{ANY_PORT, PATIENCE, Running, logging, logging_server};

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
