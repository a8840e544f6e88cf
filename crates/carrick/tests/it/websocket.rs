//! The shell around one whole WebSocket: what is sent when, what is received, and how it ends.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use carrick::{
    Error, Piece, WebSocket,
    protocol::{
        Agreement, CloseCode, Config, DeflateParams, Initiator, Kind, Message, Role, SendError, Violation,
    },
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::{Instant, advance, timeout},
};

use crate::support::{
    FailingReads, Metered, Ready, Tunnel, binary, close, frame, pair, ping, pong, text, websocket,
};

const PIPE: usize = 1 << 20;

/// Everything that can be read without waiting.
async fn written(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut bytes = vec![0; PIPE];
    let n = stream.read(&mut bytes).now_or_never().map_or(0, Result::unwrap);
    bytes.truncate(n);
    bytes
}

#[tokio::test]
async fn what_is_fed_leaves_in_one_write_when_recv_has_to_wait() {
    let (near, mut far) = duplex(PIPE);
    let (stream, meter) = Metered::new(near);
    let mut server = websocket(stream, Role::Server, |_| {});
    let asked: Vec<u8> = (0..100).flat_map(|_| text(Role::Client, "question")).collect();
    far.write_all(&asked).await.unwrap();
    for _ in 0..100 {
        server.recv().await.unwrap().unwrap();
        server.feed("answer").await.unwrap();
    }
    assert_eq!((meter.writes(), written(&mut far).await.len()), (0, 0));
    assert!(server.recv().now_or_never().is_none());
    assert_eq!(meter.writes(), 1);
    assert_eq!(written(&mut far).await, text(Role::Server, "answer").repeat(100));
}

#[tokio::test]
async fn send_writes_at_once_and_flush_what_was_fed() {
    let (near, mut far) = duplex(PIPE);
    let (stream, meter) = Metered::new(near);
    let mut server = websocket(stream, Role::Server, |_| {});
    server.send("one").await.unwrap();
    assert_eq!(written(&mut far).await, text(Role::Server, "one"));
    server.feed("two").await.unwrap();
    server.feed(vec![3; 100_000]).await.unwrap();
    server.flush().await.unwrap();
    server.flush().await.unwrap();
    assert_eq!(meter.writes(), 2);
    let expected = [text(Role::Server, "two"), binary(Role::Server, &[3; 100_000])].concat();
    assert_eq!(written(&mut far).await, expected);
}

#[tokio::test]
async fn a_peer_that_never_pauses_still_gets_its_pongs() {
    // More than one read always finds: the shell never has to wait.
    let flood = [ping(Role::Client, b"alive?"), text(Role::Client, "data")].concat();
    let mut server = websocket(Ready::new(flood), Role::Server, |_| {});
    for _ in 0..10 {
        server.recv().await.unwrap().unwrap();
    }
    assert!(server.stream().written.starts_with(&pong(Role::Server, b"alive?")));
}

#[tokio::test]
async fn messages_share_the_memory_of_one_read_and_an_idle_websocket_keeps_none() {
    let (near, mut far) = duplex(PIPE);
    let mut server = websocket(near, Role::Server, |_| {});
    far.write_all(&binary(Role::Client, &[7; 1000]).repeat(3)).await.unwrap();
    server.recv().await.unwrap().unwrap();
    server.recv().await.unwrap().unwrap();
    let last = server.recv().await.unwrap().unwrap().into_bytes();
    assert_eq!(last, vec![7; 1000]);
    assert!(last.is_unique(), "the websocket holds on to memory that it has no use for");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_the_application_takes_for_messages_is_not_the_silence_of_the_peer() {
    let (near, mut far) = duplex(1000);
    let mut server = websocket(near, Role::Server, |config| config.ping_interval = None);
    far.write_all(&text(Role::Client, "question").repeat(3)).await.unwrap();
    server.recv().await.unwrap().unwrap();
    // More than the pipe holds: from here on it takes nothing.
    assert!(server.send(vec![1; 2000]).now_or_never().is_none());
    advance(Duration::from_secs(100)).await;
    server.recv().await.unwrap().unwrap();
    advance(Duration::from_secs(100)).await;
    assert!(timeout(Duration::from_secs(100), server.flush()).await.is_err(), "120 s count from here");
    let error = timeout(Duration::from_secs(100), server.flush()).await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::Idle { .. }) | Error::Send(_)), "{error}");
}

#[tokio::test]
async fn feed_waits_from_the_high_mark_to_the_low_mark() {
    let (near, mut far) = duplex(1000);
    let mut server = websocket(near, Role::Server, |config| {
        config.high_water_bytes = 10_000;
        config.low_water_bytes = 5_000;
    });
    let message = Bytes::from(vec![1; 998]);
    for _ in 0..10 {
        let fed = server.feed(message.clone()).now_or_never();
        fed.expect("below the high mark nothing waits").unwrap();
    }
    // 1,002 bytes each; every look writes one pipe full, and after the sixth no more than 5,000 are left.
    let mut sink = vec![0; 1000];
    let mut waiting = Box::pin(server.feed(message.clone()));
    for _ in 0..5 {
        assert!(waiting.as_mut().now_or_never().is_none());
        far.read_exact(&mut sink).await.unwrap();
    }
    waiting.await.unwrap();
    let mut rest = vec![0; 11 * 1002 - 5 * 1000];
    let (flushed, read) = tokio::join!(server.flush(), far.read_exact(&mut rest));
    flushed.unwrap();
    read.unwrap();
}

#[tokio::test]
async fn feed_waits_also_where_both_marks_are_one() {
    let (near, _far) = duplex(1000);
    let mut server = websocket(near, Role::Server, |config| {
        config.high_water_bytes = 2012;
        config.low_water_bytes = 2012;
    });
    let message = Bytes::from(vec![1; 1000]);
    // 1,004 bytes each: the pipe takes 1,000, and exactly as many as the mark are left.
    assert!(server.send(message.clone()).now_or_never().is_none());
    for _ in 0..2 {
        server.feed(message.clone()).now_or_never().expect("below the mark nothing waits").unwrap();
    }
    assert!(server.feed(message).now_or_never().is_none());
}

#[tokio::test]
async fn a_writer_that_waits_goes_on_once_the_high_mark_is_raised() {
    let (near, _far) = duplex(1000);
    let mut server = websocket(near, Role::Server, |config| {
        config.high_water_bytes = 2000;
        config.low_water_bytes = 500;
    });
    let message = Bytes::from(vec![1; 998]);
    for _ in 0..2 {
        server.feed(message.clone()).now_or_never().expect("below the mark nothing waits").unwrap();
    }
    assert_eq!(server.buffered_amount(), 2004);
    assert!(server.feed(message.clone()).now_or_never().is_none());
    server.set_high_water_bytes(4000);
    for _ in 0..3 {
        server.feed(message.clone()).now_or_never().expect("below the new mark nothing waits").unwrap();
    }
    // The pipe took 1,000 bytes meanwhile.
    assert_eq!(server.buffered_amount(), 4010);
    assert!(server.feed(message).now_or_never().is_none());
}

#[tokio::test]
async fn a_message_that_is_kept_does_not_keep_a_large_read() {
    // The first message of a read has its own bytes; those behind it are slices of one allocation if that is small.
    for (count, shared) in [(50, true), (2000, false)] {
        let (mut client, mut server) = pair(1 << 20);
        for _ in 0..count {
            client.feed(vec![7; 30]).await.unwrap();
        }
        client.flush().await.unwrap();
        let mut kept = Vec::new();
        while kept.len() < count {
            kept.push(server.recv().await.unwrap().unwrap().into_bytes());
        }
        assert!(kept.iter().all(|bytes| bytes.len() == 30));
        let slices = kept.iter().filter(|bytes| !bytes.is_unique()).count();
        assert_eq!(slices, if shared { count - 1 } else { 0 }, "{count} messages");
    }
}

#[tokio::test]
async fn a_read_that_inflates_to_much_lets_others_have_their_turn() {
    let (near, far) = duplex(PIPE);
    let mut agreement = Agreement::default();
    agreement.deflate = Some(DeflateParams::default());
    let config = Arc::new(Config::default());
    let open =
        |stream, role| WebSocket::new(stream, role, Arc::clone(&config), agreement.clone(), BytesMut::new());
    let (mut client, mut server) = (open(near, Role::Client), open(far, Role::Server));
    client.feed(vec![0; 16 << 20]).await.unwrap();
    client.flush().await.unwrap();
    // One read brings all of it, so nothing but the reader's own manners makes it pause.
    let mut turns = 0;
    let mut inflated = 0;
    let reading = async {
        while inflated < 16 << 20 {
            inflated += server.recv_piece().await.unwrap().unwrap().bytes.len();
        }
    };
    tokio::select! {
        biased;
        () = reading => {}
        () = async {
            loop {
                turns += 1;
                tokio::task::yield_now().await;
            }
        } => {}
    }
    assert!(turns >= 7, "{turns} turns");
}

#[tokio::test]
async fn pieces_go_both_ways_and_mix_with_whole_messages() {
    let (mut client, mut server) = pair(PIPE);
    client.send_piece(Kind::Text, "Grü".as_bytes()[..3].to_vec(), false).await.unwrap();
    let cut = server.recv_piece().await.unwrap().unwrap();
    let bytes = Bytes::from_static(b"Gr\xc3");
    assert_eq!(cut, Piece { kind: Kind::Text, bytes, compressed: false, first: true, last: false });
    client.send_piece(Kind::Text, &b"\xbc"[..], false).await.unwrap();
    client.send_piece(Kind::Text, &b"\xc3\x9fe"[..], true).await.unwrap();
    let mut text = cut.bytes.to_vec();
    loop {
        let piece = server.recv_piece().await.unwrap().unwrap();
        assert!(!piece.first);
        text.extend_from_slice(&piece.bytes);
        if piece.last {
            break;
        }
    }
    assert_eq!(text, "Grüße".as_bytes());

    client.send_piece(Kind::Binary, vec![1; 10], false).await.unwrap();
    assert!(server.recv_piece().await.unwrap().unwrap().first);
    client.send_piece(Kind::Binary, vec![2; 10], true).await.unwrap();
    client.send("next").await.unwrap();
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("next"));

    client.send_piece(Kind::Text, "x", false).await.unwrap();
    let other = client.send_piece(Kind::Binary, vec![1], true).await;
    assert!(matches!(other, Err(Error::Send(SendError::OtherKind(Kind::Text)))), "{other:?}");
    let whole = client.send("whole").await;
    assert!(matches!(whole, Err(Error::Send(SendError::MessageOpen))), "{whole:?}");
}

#[tokio::test]
async fn a_closing_handshake_is_told_alike_on_both_sides() {
    for client_closes in [true, false] {
        let (client, server) = pair(PIPE);
        let (mut closing, mut other) = if client_closes { (client, server) } else { (server, client) };
        other.feed("still on its way").await.unwrap();
        let receive = async {
            let mut messages = 0;
            while let Some(message) = other.recv().await {
                message.unwrap();
                messages += 1;
            }
            messages
        };
        let (closed, messages) = tokio::join!(closing.close(CloseCode::NORMAL, "done"), receive);
        let closed = closed.unwrap();
        assert_eq!((closed.by, closed.code(), messages), (Initiator::Application, CloseCode::NORMAL, 0));
        let closed = other.closed().unwrap();
        assert_eq!((closed.by, closed.reason()), (Initiator::Peer, "done"));
        assert!(closing.recv().await.is_none() && other.recv().await.is_none());
        for end in [&mut closing, &mut other] {
            let late = end.send("late").await;
            assert!(matches!(late, Err(Error::Send(SendError::Closed))), "{late:?}");
            end.start_close(CloseCode::NORMAL, "").unwrap();
        }
    }
}

#[tokio::test]
async fn messages_that_come_behind_our_close_frame_are_handed_out() {
    let (mut client, mut server) = pair(PIPE);
    client.start_close(CloseCode::GOING_AWAY, "").unwrap();
    server.send("before I heard").await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("before I heard"));
    let (at_client, at_server) = tokio::join!(client.recv(), server.recv());
    assert!(at_client.is_none() && at_server.is_none());
    assert_eq!(server.closed().unwrap().code(), CloseCode::GOING_AWAY);
}

#[tokio::test]
async fn both_sides_may_close_at_once() {
    let (mut client, mut server) = pair(PIPE);
    let (at_client, at_server) = tokio::join!(
        client.close(CloseCode::NORMAL, "client"),
        server.close(CloseCode::GOING_AWAY, "server")
    );
    let (at_client, at_server) = (at_client.unwrap(), at_server.unwrap());
    assert_eq!((at_client.reason(), at_server.reason()), ("server", "client"));
    assert!(at_client.is_clean() && at_server.is_clean());
}

#[tokio::test]
async fn a_close_that_cannot_be_sent_is_refused() {
    let (mut client, _server) = pair(PIPE);
    let forbidden = client.close(CloseCode::ABNORMAL, "").await;
    assert!(matches!(forbidden, Err(Error::Config(_))), "{forbidden:?}");
    let long = client.close(CloseCode::NORMAL, &"x".repeat(124)).await;
    assert!(matches!(long, Err(Error::Config(_))), "{long:?}");
    client.send("still open").await.unwrap();
}

#[tokio::test]
async fn a_stream_that_ends_without_a_close_frame_is_told_once() {
    for role in [Role::Client, Role::Server] {
        let (near, mut far) = duplex(PIPE);
        let mut end = websocket(near, role, |_| {});
        let peer = if role == Role::Client { Role::Server } else { Role::Client };
        far.write_all(&text(peer, "last")).await.unwrap();
        drop(far);
        assert_eq!(end.recv().await.unwrap().unwrap(), Message::text("last"));
        let error = end.recv().await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Violation(Violation::EndOfStream)), "{error:?}");
        assert!(end.recv().await.is_none() && end.recv().await.is_none());
        assert_eq!(end.closed().unwrap().code(), CloseCode::ABNORMAL);
    }
}

#[tokio::test]
async fn a_stream_cut_without_the_end_of_its_encryption_ends_alike() {
    let mut client = websocket(FailingReads(std::io::ErrorKind::UnexpectedEof), Role::Client, |_| {});
    let error = client.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::EndOfStream)), "{error:?}");

    let mut client = websocket(FailingReads(std::io::ErrorKind::ConnectionReset), Role::Client, |_| {});
    let error = client.recv().await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionReset), "{error:?}");
    assert!(client.recv().await.is_none());
}

#[tokio::test]
async fn a_violation_is_told_although_the_stream_breaks_behind_it() {
    let invalid = frame(Role::Server, 0x81, b"ab\xff\xfe");
    let received = invalid.chain(FailingReads(std::io::ErrorKind::ConnectionReset));
    let mut client = websocket(tokio::io::join(received, tokio::io::sink()), Role::Client, |_| {});
    let error = client.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::TextNotUtf8)), "{error:?}");
    assert!(client.recv().await.is_none());
}

#[tokio::test]
async fn the_close_frame_that_answers_a_violation_reaches_the_peer_first() {
    let (near, mut far) = duplex(PIPE);
    let mut client = websocket(near, Role::Client, |_| {});
    far.write_all(&[text(Role::Server, "good"), frame(Role::Server, 0x83, b"bad")].concat()).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("good"));
    let peer = async {
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received[0], 0x88);
        drop(far);
    };
    let (error, ()) = tokio::join!(client.recv(), peer);
    let error = error.unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::ReservedOpcode(3))), "{error:?}");
    assert!(client.recv().await.is_none());
    assert_eq!(client.closed().unwrap().by, Initiator::Library);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_a_close_frame_is_waited_for_in_vain() {
    let (near, _far) = duplex(PIPE);
    let mut client = websocket(near, Role::Client, |config| config.close_timeout = Duration::from_secs(3));
    let start = Instant::now();
    let closed = client.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(matches!(closed.violation, Some(Violation::CloseTimeout { .. })), "{closed:?}");
    assert_eq!(start.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_ends_the_stream_is_left_after_a_while() {
    let (near, mut far) = duplex(PIPE);
    let mut client = websocket(near, Role::Client, |_| {});
    far.write_all(&close(Role::Server, CloseCode::NORMAL, "")).await.unwrap();
    let start = Instant::now();
    assert!(client.recv().await.is_none());
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(client.closed().unwrap().is_clean());
}

#[tokio::test]
async fn a_peer_that_floods_cannot_hold_up_the_close() {
    let short = |config: &mut Config| config.close_timeout = Duration::from_millis(10);
    let mut client = websocket(Ready::new(text(Role::Server, "more")), Role::Client, short);
    let closed = client.close(CloseCode::NORMAL, "").await.unwrap();
    assert!(matches!(closed.violation, Some(Violation::CloseTimeout { .. })), "{closed:?}");

    let mut client = websocket(Ready::new(frame(Role::Server, 0x83, b"bad")), Role::Client, short);
    let error = client.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::ReservedOpcode(3))), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn keepalive_pings_measures_and_gives_up() {
    let (near, mut far) = duplex(PIPE);
    let mut client = websocket(near, Role::Client, |_| {});
    let start = Instant::now();
    let peer = async {
        let mut header = [0; 6];
        far.read_exact(&mut header).await.unwrap();
        assert_eq!((header[0], header[1]), (0x89, 0x88));
        assert_eq!(start.elapsed().as_secs(), 20);
        let mut payload = [0; 8];
        far.read_exact(&mut payload).await.unwrap();
        for (byte, mask) in payload.iter_mut().zip(header[2..].iter().cycle()) {
            *byte ^= mask;
        }
        tokio::time::advance(Duration::from_millis(150)).await;
        far.write_all(&pong(Role::Server, &payload)).await.unwrap();
        far
    };
    let (silence, _far) = tokio::join!(timeout(Duration::from_secs(30), client.recv()), peer);
    assert!(silence.is_err());
    assert_eq!(client.round_trip(), Some(Duration::from_millis(150)));

    let error = client.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Violation(Violation::PongMissing { .. })), "{error:?}");
    assert!(client.recv().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_application_that_takes_its_time_for_what_it_has_does_not_find_its_peer_dead() {
    let (near, mut far) = duplex(PIPE);
    let mut server = websocket(near, Role::Server, |_| {});
    far.write_all(&text(Role::Client, "message").repeat(3)).await.unwrap();
    for _ in 0..3 {
        server.recv().await.unwrap().unwrap();
        tokio::time::advance(Duration::from_secs(70)).await;
    }
    let waited = timeout(Duration::from_secs(1), server.recv()).await;
    assert!(waited.is_err(), "{:?}", server.closed());
    // It is pinged before it is given up.
    assert_eq!(written(&mut far).await.first(), Some(&0x89));
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_looked_at_late_leaves_time_for_what_is_queued() {
    let (near, mut far) = duplex(40);
    let mut server = websocket(near, Role::Server, |_| {});
    let bytes = [text(Role::Client, "last"), close(Role::Client, CloseCode::NORMAL, "")].concat();
    far.write_all(&bytes).await.unwrap();
    server.recv().await.unwrap().unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    let answer = "a".repeat(100);
    server.feed(answer.as_str()).await.unwrap();
    let expected = [text(Role::Server, &answer), close(Role::Server, CloseCode::NORMAL, "")].concat();
    let mut received = vec![0; expected.len()];
    let both = async { tokio::join!(server.recv(), far.read_exact(&mut received)) };
    let (ended, read) = timeout(Duration::from_secs(60), both).await.expect("all of it comes");
    assert!(ended.is_none() && read.is_ok(), "{read:?}");
    assert_eq!(received, expected);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_bytes_slowly_is_alive() {
    // A minute for one message, during which no pong can be read.
    let (near, mut far) = duplex(1000);
    let mut client = websocket(near, Role::Client, |_| {});
    let peer = async {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        let mut bytes = vec![0; 1000];
        for _ in 0..60 {
            tick.tick().await;
            far.read_exact(&mut bytes).await.unwrap();
        }
        far
    };
    let both = async { tokio::join!(client.send(vec![0; 59_992]), peer) };
    let (sent, _far) = timeout(Duration::from_secs(200), both).await.expect("the message arrives");
    sent.unwrap();
    assert!(client.recv().now_or_never().is_none(), "{:?}", client.closed());
}

#[tokio::test(start_paused = true)]
async fn a_program_that_only_sends_does_not_find_its_peer_dead() {
    // It never receives, so it sees no pong and no other byte either.
    let (near, mut far) = duplex(1000);
    let mut client = websocket(near, Role::Client, |_| {});
    let mut sink = vec![0; 5000];
    for seconds in [30, 30, 130] {
        for _ in 0..seconds {
            client.send("tick").await.unwrap();
            assert_ne!(far.read(&mut sink).await.unwrap(), 0);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        let (sent, read) = tokio::join!(client.send(vec![0; 5000]), far.read_exact(&mut sink));
        sent.unwrap();
        read.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_bytes_ends_a_send() {
    let (near, _far) = duplex(1000);
    let mut client = websocket(near, Role::Client, |_| {});
    let result = client.send(vec![0; 10_000]).await;
    assert!(matches!(result, Err(Error::Send(SendError::Closed))), "{result:?}");
    assert!(client.closed().unwrap().violation.is_some());
}

#[tokio::test]
async fn a_write_that_fails_loses_no_message_that_came_before() {
    let (near, mut far) = duplex(PIPE);
    let (stream, meter) = Metered::new(near);
    let mut server = websocket(stream, Role::Server, |_| {});
    far.write_all(&[text(Role::Client, "one"), text(Role::Client, "two")].concat()).await.unwrap();
    meter.break_writes();
    let failed = server.send("x").await;
    assert!(matches!(failed, Err(Error::Io(_))), "{failed:?}");
    drop(far);
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("one"));
    assert_eq!(server.recv().await.unwrap().unwrap(), Message::text("two"));
    let error = server.recv().await.unwrap().unwrap_err();
    assert!(matches!(&error, Error::Io(io) if io.kind() == std::io::ErrorKind::BrokenPipe), "{error:?}");
    assert!(server.recv().await.is_none());
}

#[tokio::test]
async fn feed_tells_of_a_stream_that_is_known_to_be_broken() {
    let (near, _far) = duplex(PIPE);
    let (stream, meter) = Metered::new(near);
    let mut server = websocket(stream, Role::Server, |_| {});
    meter.break_writes();
    for _ in 0..2 {
        let failed = server.send("x").await;
        assert!(matches!(failed, Err(Error::Io(_))), "{failed:?}");
    }
    let failed = server.feed("x").await;
    assert!(matches!(failed, Err(Error::Io(_))), "{failed:?}");
}

#[tokio::test]
async fn it_is_a_stream_and_a_sink() {
    let (mut client, mut server) = pair(PIPE);
    SinkExt::feed(&mut client, Message::text("a")).await.unwrap();
    SinkExt::send(&mut client, Message::binary(&b"b"[..])).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("a"));
    assert_eq!(server.next().await.unwrap().unwrap(), Message::binary(&b"b"[..]));
    SinkExt::close(&mut client).await.unwrap();
    let (at_client, at_server) = tokio::join!(client.next(), server.next());
    assert!(at_client.is_none() && at_server.is_none());
    assert_eq!(server.closed().unwrap().code(), CloseCode::NORMAL);
}

#[tokio::test]
async fn a_websocket_inside_of_another_one_works() {
    let (outer_client, outer_server) = pair(PIPE);
    let mut client = websocket(Tunnel::new(outer_client), Role::Client, |_| {});
    let mut server = websocket(Tunnel::new(outer_server), Role::Server, |_| {});
    let large = vec![5; 300_000];
    // Dropped when it is done, so that the outer client need not wait for the end of its stream.
    let echo = async move {
        for _ in 0..2 {
            let message = server.recv().await.unwrap().unwrap();
            server.send(message).await.unwrap();
        }
        assert!(server.recv().await.is_none());
    };
    let ask = async {
        client.send("inner").await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap(), Message::text("inner"));
        client.send(large.clone()).await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap(), Message::binary(large));
        assert!(client.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    };
    tokio::join!(ask, echo);
}
