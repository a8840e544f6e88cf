//! The blocking client, on a thread of its own and where it must not be.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    thread,
    time::Duration,
};

use carrick::{
    ClientBuilder, Error, blocking,
    protocol::{CloseCode, Compression, Config, Initiator, Kind, Message, Opcode, Prepared, Role},
};

use crate::support::{accept_blocking, close, ping, text};

/// Starts a server that answers the opening handshake, sends `frames` and gives back all that the client sent.
fn serve(frames: Vec<u8>) -> (String, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        accept_blocking(&mut stream);
        stream.write_all(&frames).unwrap();
        let mut received = Vec::new();
        match stream.read_to_end(&mut received) {
            Ok(_) => {}
            // A client that is dropped over unread bytes resets the connection.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        received
    });
    (url, server)
}

#[test]
fn a_thread_without_a_runtime_receives_and_sends() {
    let frames = [text(Role::Server, "one"), ping(Role::Server, b"p"), text(Role::Server, "two")].concat();
    let (url, server) = serve(frames);
    let mut client = blocking::connect(&url).unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), Message::text("one"));
    let piece = client.recv_piece().unwrap().unwrap();
    assert_eq!((piece.kind, &piece.bytes[..]), (Kind::Text, &b"two"[..]));
    let silence = client.recv_timeout(Duration::from_millis(1)).unwrap();
    assert!(matches!(silence, Err(Error::Timeout { .. })), "{silence:?}");

    client.feed("fed").unwrap();
    client.flush().unwrap();
    client.send("sent").unwrap();
    client.send_piece(Kind::Binary, &b"a"[..], false).unwrap();
    client.send_piece(Kind::Binary, &b"b"[..], true).unwrap();
    client.ping(&b"are you there"[..]).unwrap();
    assert_eq!((client.subprotocol(), client.closed(), client.round_trip()), (None, None, None));
    drop(client);
    let received = server.join().unwrap();
    // A pong of 1, a text of 3 and one of 4, two fragments of 1, a ping of 13; each with 2 bytes and a mask.
    assert_eq!(received.len(), 6 * 6 + 1 + 3 + 4 + 1 + 1 + 13);
}

#[test]
fn it_iterates_over_the_messages_until_the_close() {
    let frames = [
        text(Role::Server, "one"),
        text(Role::Server, "two"),
        close(Role::Server, CloseCode::GOING_AWAY, "bye"),
    ]
    .concat();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        accept_blocking(&mut stream);
        stream.write_all(&frames).unwrap();
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).unwrap();
    });
    let mut client = ClientBuilder::new(&url).unwrap().connect_blocking().unwrap();
    let messages: Vec<_> = client.by_ref().map(Result::unwrap).collect();
    assert_eq!(messages, [Message::text("one"), Message::text("two")]);
    let closed = client.closed().unwrap();
    assert_eq!((closed.code(), closed.reason(), closed.by), (CloseCode::GOING_AWAY, "bye", Initiator::Peer));
    assert!(client.next().is_none());
    server.join().unwrap();
}

#[test]
fn it_closes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        accept_blocking(&mut stream);
        let mut frame = [0; 8];
        stream.read_exact(&mut frame).unwrap();
        assert_eq!(frame[0], 0x88);
        stream.write_all(&close(Role::Server, CloseCode::NORMAL, "")).unwrap();
    });
    let mut client = blocking::connect(&url).unwrap();
    let closed = client.close(CloseCode::NORMAL, "").unwrap();
    assert!(closed.is_clean());
    assert_eq!(closed.by, Initiator::Application);
    server.join().unwrap();
}

#[test]
fn it_queues_counts_and_keeps_what_comes_behind_its_close_frame() {
    let frames = [text(Role::Server, "late"), close(Role::Server, CloseCode::NORMAL, "")].concat();
    let (url, server) = serve(frames);
    let mut config = Config::default();
    // This server leaves the end of the stream to the client.
    config.close_timeout = Duration::from_millis(500);
    let client = ClientBuilder::new(&url).unwrap().deflate(None).config(config);
    let mut client = client.connect_blocking().unwrap();
    client.set_tracing(true);
    client.feed_with("plain", Compression::Never).unwrap();
    client.feed_prepared(&Prepared::new(Message::binary(vec![1, 2]))).unwrap();
    // Six bytes of header and mask each.
    assert_eq!(client.buffered_amount(), 5 + 2 + 2 * 6);
    client.start_close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(client.recv().unwrap().unwrap(), Message::text("late"));
    assert!(client.recv().is_none());
    assert_eq!((client.sent().messages, client.received().messages), (2, 1));
    let records: Vec<_> = std::iter::from_fn(|| client.next_record()).map(|record| record.opcode).collect();
    let expected = [Opcode::Text, Opcode::Binary, Opcode::Close, Opcode::Text, Opcode::Close];
    assert_eq!(records, expected);
    drop(client);
    assert_eq!(server.join().unwrap().len(), 5 + 2 + 2 * 6 + 8);
}

#[tokio::test]
async fn inside_of_a_runtime_it_fails_and_does_not_panic() {
    let result = blocking::connect("ws://127.0.0.1:1/");
    assert!(matches!(result, Err(Error::Config(_))), "{result:?}");

    let (url, server) = serve(Vec::new());
    let mut client = thread::spawn(move || blocking::connect(&url).unwrap()).join().unwrap();
    assert!(matches!(client.recv(), Some(Err(Error::Config(_)))));
    assert!(matches!(client.recv_timeout(Duration::ZERO), Some(Err(Error::Config(_)))));
    assert!(matches!(client.send("x"), Err(Error::Config(_))));
    drop(client);
    assert_eq!(server.join().unwrap(), b"");
}
