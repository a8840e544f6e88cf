//! Sending from handlers and from other threads, and what happens if the peer takes nothing.

use std::{sync::mpsc::channel, thread, time::Duration};

use carrick::{
    Conn, Error, WebSocketServer, blocking,
    protocol::{CloseCode, Compression, Kind, Message, Prepared, SendError},
};

use super::{ANY_PORT, PATIENCE, Running, logging, logging_server};

#[test]
fn a_handler_sends_everything_there_is_to_send() {
    let prepared = Prepared::new(Message::text("prepared"));
    let server = WebSocketServer::new(ANY_PORT).on_open(move |conn| -> Result<(), Error> {
        conn.send("text")?;
        conn.send_binary(vec![1, 2])?;
        conn.send_with("plain", Compression::Never)?;
        conn.send_prepared(&prepared)?;
        conn.send_piece(Kind::Text, "in ", false)?;
        conn.send_piece(Kind::Text, "pieces", true)?;
        assert!(conn.buffered_amount() > 0);
        conn.close(CloseCode::NORMAL, "all of it")
    });
    let running = Running::start(server);
    let mut app = logging(&running.url());
    app.run_forever().unwrap();
    assert_eq!(
        *app.state(),
        [
            "open",
            "message text",
            "message 2 bytes",
            "message plain",
            "message prepared",
            "message in pieces",
            "close closed by the peer: 1000 (normal closure): all of it"
        ]
    );
    running.stop();
}

#[test]
fn answers_to_one_read_that_are_more_than_may_wait_all_leave() {
    let (told, errors) = channel();
    let server = WebSocketServer::new(ANY_PORT)
        .on_message(|conn, _| conn.send_binary(vec![7; 1024]))
        .on_error(move |_, error| drop(told.send(error.to_string())));
    let running = Running::start(server);
    let mut client = blocking::connect(&running.url()).unwrap();
    for _ in 0..600 {
        client.feed("question").unwrap();
    }
    client.flush().unwrap();
    for _ in 0..600 {
        assert_eq!(client.recv().unwrap().unwrap().len(), 1024);
    }
    assert_eq!(errors.try_recv().ok(), None);
    client.close(CloseCode::NORMAL, "").unwrap();
    running.stop();
}

#[test]
fn other_threads_send_ping_and_close_in_their_order() {
    let (server, log) = logging_server(ANY_PORT);
    let running = Running::start(server);
    let (opened, is_open) = channel();
    let mut app = logging(&running.url()).on_open(move |conn| opened.send(conn.handle()).unwrap()).on_pong(
        |conn, payload, round_trip| {
            assert!(round_trip.is_some() && conn.round_trip() == round_trip);
            conn.state.push(format!("pong {}", String::from_utf8_lossy(payload)));
        },
    );
    let sending = thread::spawn(move || {
        let handle = is_open.recv().unwrap();
        assert!(handle.is_open() && handle.id() == Some(1));
        for n in 0..100 {
            handle.send_timeout(n.to_string(), PATIENCE).unwrap();
        }
        handle.send_binary(vec![0; 3]).unwrap();
        handle.send_prepared(&Prepared::new(Message::text("prepared"))).unwrap();
        handle.ping(&b"are you there"[..]).unwrap();
        assert!(matches!(handle.ping(vec![0; 126]), Err(Error::Send(SendError::PingTooLong(126)))));
        assert!(matches!(handle.close(1005, ""), Err(Error::Config(_))));
        handle.close(4003, "from a thread").unwrap();
        assert!(matches!(handle.send("late"), Err(Error::Send(SendError::Closed))));
    });
    let closed = app.run_forever().unwrap();
    assert_eq!(closed.code(), CloseCode::from(4003));
    sending.join().unwrap();
    assert_eq!(log.next(), "1 open");
    for n in 0..100 {
        assert_eq!(log.next(), format!("1 message {n}"));
    }
    assert_eq!(log.next(), "1 message 3 bytes");
    assert_eq!(log.next(), "1 message prepared");
    assert_eq!(log.next(), "1 close closed by the peer: 4003: from a thread");
    // A close frame right behind a ping: the peer may answer only that.
    assert!(app.state().len() <= 2, "{:?}", app.state());
    running.stop();
}

#[test]
fn a_pong_tells_its_round_trip() {
    let running = Running::start(WebSocketServer::new(ANY_PORT));
    let mut app = logging(&running.url()).on_open(|conn| conn.ping(&b"first"[..])).on_pong(
        |conn, payload, round_trip| {
            conn.state.push(format!("{} {}", String::from_utf8_lossy(payload), round_trip.is_some()));
            conn.stop();
        },
    );
    app.run_forever().unwrap();
    assert_eq!(app.state()[0], "first true");
    running.stop();
}

#[test]
fn who_sends_more_than_the_peer_takes_is_told_when_there_is_room() {
    const MESSAGES: u64 = 200;
    const BYTES: usize = 64 << 10;

    /// Sends until the queue is full.
    fn pump(conn: &mut Conn<u64>) -> Result<(), Error> {
        while conn.state < MESSAGES {
            let mut message = vec![0; BYTES];
            message[..8].copy_from_slice(&conn.state.to_be_bytes());
            match conn.send(message) {
                Ok(()) => conn.state += 1,
                Err(Error::Send(SendError::QueueFull { .. })) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        conn.close(CloseCode::NORMAL, "")
    }

    let (full, is_full) = channel();
    let server =
        WebSocketServer::with_state(ANY_PORT, |_| 0).deflate(None).on_drain(pump).on_open(move |conn| {
            let result = pump(conn);
            full.send(conn.state).unwrap();
            result
        });
    let running = Running::start(server);
    let mut client = blocking::connect(&running.url()).unwrap();
    let queued_at_once = is_full.recv_timeout(PATIENCE).unwrap();
    assert!(queued_at_once < MESSAGES, "{queued_at_once}");
    for n in 0..MESSAGES {
        let message = client.recv().unwrap().unwrap();
        assert_eq!(message.as_bytes()[..8], n.to_be_bytes());
        assert_eq!(message.len(), BYTES);
    }
    assert!(client.recv().is_none());
    running.stop();
}

#[test]
fn a_handle_is_refused_while_the_peer_takes_nothing_and_waits_if_it_likes() {
    const MESSAGE: usize = 256 << 10;
    let (opened, is_open) = channel();
    let server =
        WebSocketServer::new(ANY_PORT).deflate(None).on_open(move |conn| opened.send(conn.handle()).unwrap());
    let running = Running::start(server);
    let mut client = blocking::connect(&running.url()).unwrap();
    let handle = is_open.recv_timeout(PATIENCE).unwrap();
    let sending = thread::spawn(move || {
        // The buffers of the kernel take some; the queue of the connection and that of the handle are bounded.
        let mut sent = until(
            || handle.send(vec![0; MESSAGE]),
            |error| matches!(error, Error::Send(SendError::QueueFull { .. })),
        );
        sent += until(
            || handle.send_timeout(vec![0; MESSAGE], Duration::from_millis(1)),
            |error| matches!(error, Error::Timeout { .. }),
        );
        (handle, sent)
    });
    let (handle, sent) = sending.join().unwrap();
    let waiting = thread::spawn(move || handle.send_timeout("at last", PATIENCE).map(|()| handle));
    for _ in 0..sent {
        assert_eq!(client.recv().unwrap().unwrap().len(), MESSAGE);
    }
    assert_eq!(client.recv().unwrap().unwrap(), Message::text("at last"));
    waiting.join().unwrap().unwrap();
    drop(client);
    running.stop();
}

/// Sends until it is refused as `expected`; how many were taken.
fn until(mut send: impl FnMut() -> Result<(), Error>, expected: impl Fn(&Error) -> bool) -> usize {
    for sent in 0..1000 {
        if let Err(error) = send() {
            assert!(expected(&error), "{error:?}");
            return sent;
        }
    }
    panic!("it is never refused")
}
