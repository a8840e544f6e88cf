//! Two halves of one WebSocket, each waiting in its own way.

use std::time::Duration;

use carrick::{
    Error,
    protocol::{Agreement, CloseCode, Compression, Initiator, Kind, Message, Role, SendError, Violation},
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    task::yield_now,
    time::timeout,
};

use crate::support::{Metered, binary, close, frame, pair, ping, pong, text, websocket};

#[tokio::test]
async fn both_halves_wait_at_once_and_both_are_woken() {
    let (near, mut far) = duplex(100);
    let (mut sender, mut receiver) = websocket(near, Role::Server, |_| {}).split();
    let sending = tokio::spawn(async move { sender.send(vec![1; 1000]).await.map(|()| sender) });
    let receiving = tokio::spawn(async move { (receiver.recv().await, receiver) });
    for _ in 0..10 {
        yield_now().await;
    }
    assert!(!sending.is_finished() && !receiving.is_finished());

    far.write_all(&text(Role::Client, "while you were writing")).await.unwrap();
    let (message, _receiver) = receiving.await.unwrap();
    assert_eq!(message.unwrap().unwrap(), Message::text("while you were writing"));
    assert!(!sending.is_finished());

    let mut received = vec![0; 1004];
    far.read_exact(&mut received).await.unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(received, binary(Role::Server, &[1; 1000]));
}

#[tokio::test]
async fn a_pong_leaves_behind_the_message_that_is_being_written() {
    let (near, mut far) = duplex(100);
    let (mut sender, mut receiver) = websocket(near, Role::Server, |_| {}).split();
    let sending = tokio::spawn(async move { sender.send(vec![1; 1000]).await.map(|()| sender) });
    let receiving = tokio::spawn(async move { receiver.recv().await });
    far.write_all(&ping(Role::Client, b"?")).await.unwrap();
    let expected = [binary(Role::Server, &[1; 1000]), pong(Role::Server, b"?")].concat();
    let mut received = vec![0; expected.len()];
    far.read_exact(&mut received).await.unwrap();
    assert_eq!(received, expected);
    sending.await.unwrap().unwrap();
    drop(far);
    assert!(receiving.await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn messages_flow_both_ways_between_four_tasks() {
    let (client, server) = pair(500);
    let mut tasks = Vec::new();
    for end in [client, server] {
        let (mut sender, mut receiver) = end.split();
        tasks.push(tokio::spawn(async move {
            for i in 0..200_usize {
                sender.send(vec![7; i * 7]).await.unwrap();
            }
            std::mem::forget(sender);
        }));
        tasks.push(tokio::spawn(async move {
            for i in 0..200_usize {
                assert_eq!(receiver.recv().await.unwrap().unwrap().len(), i * 7);
            }
            std::mem::forget(receiver);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_half_that_is_dropped_does_not_hold_up_the_other() {
    let (near, mut far) = duplex(100);
    let (mut sender, mut receiver) = websocket(near, Role::Server, |_| {}).split();
    assert!(receiver.recv().now_or_never().is_none());
    assert!(sender.send(vec![1; 1000]).now_or_never().is_none());
    drop(receiver);
    let mut received = vec![0; 1004];
    let (flushed, read) = tokio::join!(sender.flush(), far.read_exact(&mut received));
    flushed.unwrap();
    read.unwrap();

    let (near, mut far) = duplex(100);
    let (sender, mut receiver) = websocket(near, Role::Server, |_| {}).split();
    drop(sender);
    far.write_all(&text(Role::Client, "x")).await.unwrap();
    assert_eq!(receiver.recv().await.unwrap().unwrap(), Message::text("x"));
    drop(receiver);
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_sender_starts_the_close_and_the_receiver_ends_it() {
    let (client, mut server) = pair(1000);
    let (mut sender, mut receiver) = client.split();
    let receiving = tokio::spawn(async move { (receiver.recv().await.is_none(), receiver.closed()) });
    yield_now().await;
    sender.feed("before").await.unwrap();
    sender.close(CloseCode::NORMAL, "done").await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("before"));
    assert!(server.recv().await.is_none());
    drop(server);
    let (ended, closed) = receiving.await.unwrap();
    assert!(ended);
    assert_eq!(closed.unwrap().by, Initiator::Application);
    let late = sender.send("late").await;
    assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn the_receiver_watches_the_deadline_of_a_close_that_the_sender_started() {
    let (near, _far) = duplex(1000);
    let (mut sender, mut receiver) = websocket(near, Role::Client, |_| {}).split();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    yield_now().await;
    sender.close(CloseCode::NORMAL, "").await.unwrap();
    let error = receiving.await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::CloseTimeout { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_is_stuck_ends_when_the_receiver_finds_the_peer_dead() {
    let (near, _far) = duplex(100);
    let (mut sender, mut receiver) = websocket(near, Role::Server, |_| {}).split();
    let mut sending = Box::pin(sender.send(vec![1; 1000]));
    assert!(sending.as_mut().now_or_never().is_none());
    let error = receiver.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::PongMissing { .. })), "{error:?}");
    let sent = sending.now_or_never().expect("nothing is left to wait for");
    assert!(matches!(sent, Err(Error::Send(SendError::Closed))), "{sent:?}");
}

#[tokio::test]
async fn a_broken_stream_is_told_to_both_halves() {
    let (near, _far) = duplex(100);
    let (stream, meter) = Metered::new(near);
    let (mut sender, mut receiver) = websocket(stream, Role::Server, |_| {}).split();
    let mut sending = Box::pin(sender.send(vec![1; 1000]));
    assert!(sending.as_mut().now_or_never().is_none());
    meter.break_reads();
    let error = receiver.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error:?}");
    let sent = sending.now_or_never().expect("nothing is left to wait for");
    assert!(matches!(sent, Err(Error::Io(_))), "the message was lost: {sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_is_woken_when_the_receiver_ends_the_connection() {
    let (near, _far) = duplex(100);
    let (stream, meter) = Metered::new(near);
    // Without a timer nothing else wakes it.
    let (mut sender, mut receiver) = websocket(stream, Role::Server, |config| {
        config.ping_interval = None;
        config.idle_timeout = None;
    })
    .split();
    let sending = tokio::spawn(async move { sender.send(vec![1; 1000]).await });
    yield_now().await;
    meter.break_reads();
    assert!(receiver.recv().await.unwrap().is_err());
    let sent = timeout(Duration::from_secs(60), sending).await.expect("the sender is woken").unwrap();
    assert!(matches!(sent, Err(Error::Io(_))), "{sent:?}");
}

#[tokio::test]
async fn a_violation_closes_the_sender_too() {
    let (near, mut far) = duplex(1000);
    let (mut sender, mut receiver) = websocket(near, Role::Server, |_| {}).split();
    far.write_all(&frame(Role::Client, 0x83, b"")).await.unwrap();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    let mut answer = Vec::new();
    far.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer[0], 0x88);
    drop(far);
    assert!(receiving.await.unwrap().unwrap().is_err());
    let late = sender.send("late").await;
    assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
}

#[tokio::test]
async fn the_halves_speak_in_pieces_pings_and_prepared_messages_too() {
    let (client, mut server) = pair(1000);
    let (mut sender, mut receiver) = client.split();
    sender.send_piece(Kind::Binary, &b"a"[..], false).await.unwrap();
    sender.ping(&b"p"[..]).await.unwrap();
    sender.send_piece(Kind::Binary, &b"b"[..], true).await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::binary(&b"ab"[..]));
    server.send("x").await.unwrap();
    assert!(receiver.recv_piece().await.unwrap().unwrap().last);
    assert!(receiver.closed().is_none());
}

#[tokio::test]
async fn the_halves_tell_what_was_agreed_on_and_how_it_went() {
    let (client, mut server) = pair(1000);
    let (mut sender, mut receiver) = client.split();
    assert_eq!((sender.agreement(), receiver.agreement()), (&Agreement::default(), &Agreement::default()));
    sender.feed_piece(Kind::Text, "ab", false).await.unwrap();
    sender.feed_piece_with(Kind::Text, "c", true, Compression::Never).await.unwrap();
    sender.ping("when?").await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("abc"));
    server.send("x").await.unwrap();
    assert!(server.recv().now_or_never().is_none());
    receiver.recv().await.unwrap().unwrap();
    assert!(receiver.recv().now_or_never().is_none());
    assert!(receiver.round_trip().is_some());
    assert_eq!((sender.sent().frames, receiver.received().messages), (3, 1));
    assert!(sender.closed().is_none());
    drop(server);
    assert!(receiver.recv().await.unwrap().is_err());
    assert_eq!(sender.closed(), receiver.closed());
}

#[tokio::test]
async fn the_halves_are_a_sink_and_a_stream() {
    let (client, mut server) = pair(1000);
    let (mut sink, mut stream) = client.split();
    SinkExt::send(&mut sink, Message::text("a")).await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("a"));
    server.send("b").await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), Message::text("b"));
    SinkExt::close(&mut sink).await.unwrap();
    assert!(server.recv().await.is_none());
    drop(server);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_sink_that_said_ready_takes_the_message() {
    let (near, mut far) = duplex(10);
    let (mut sink, mut receiver) =
        websocket(near, Role::Server, |config| config.high_water_bytes = 100).split();
    SinkExt::send(&mut sink, Message::text("fills it")).await.unwrap();
    sink.feed(Message::text("x".repeat(95))).await.unwrap();
    futures_util::future::poll_fn(|cx| sink.poll_ready_unpin(cx)).await.unwrap();
    // Meanwhile the receiver queues a pong, and that fills the queue.
    let ping = ping(Role::Client, &[1; 3]);
    far.write_all(&ping).await.unwrap();
    assert!(receiver.recv().now_or_never().is_none());
    far.write_all(&close(Role::Client, CloseCode::NORMAL, "")).await.unwrap();
    sink.start_send_unpin(Message::text("promised")).unwrap();
    let mut received = Vec::new();
    let reading = async {
        let mut byte = [0; 10];
        while !received.ends_with(b"promised") {
            let n = far.read(&mut byte).await.unwrap();
            received.extend_from_slice(&byte[..n]);
        }
    };
    let flushing = SinkExt::flush(&mut sink);
    let (flushed, ()) = timeout(Duration::from_secs(5), async { tokio::join!(flushing, reading) })
        .await
        .expect("the message is not lost");
    flushed.unwrap();
}
