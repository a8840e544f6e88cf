//! Futures that are dropped wherever they wait: nothing is lost, doubled or torn.

use bytes::Bytes;
use carrick::{
    WebSocket,
    protocol::{CloseCode, Kind, Message, Role},
};
use futures_util::FutureExt;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncWriteExt, DuplexStream, duplex},
    task::yield_now,
};

use crate::support::{binary, close, frame, pair, ping, text, websocket};

#[tokio::test]
async fn a_recv_that_is_dropped_at_every_byte_loses_nothing() {
    let (near, mut far) = duplex(1000);
    let mut server = websocket(near, Role::Server, |_| {});
    let stream = [
        text(Role::Client, "one"),
        frame(Role::Client, 0x02, b"tw"),
        ping(Role::Client, b"between"),
        frame(Role::Client, 0x80, b"o"),
        binary(Role::Client, &[3; 200]),
        close(Role::Client, CloseCode::NORMAL, "end"),
    ]
    .concat();
    let mut messages = Vec::new();
    let mut ended = false;
    for byte in stream {
        far.write_u8(byte).await.unwrap();
        yield_now().await;
        match server.recv().now_or_never() {
            Some(Some(message)) => messages.push(message.unwrap()),
            Some(None) => ended = true,
            None => {}
        }
    }
    assert!(ended);
    assert_eq!(messages, [Message::text("one"), Message::binary(&b"two"[..]), Message::binary(vec![3; 200])]);
    assert_eq!(server.closed().unwrap().reason(), "end");
}

#[tokio::test]
async fn a_recv_piece_that_is_dropped_at_every_byte_loses_nothing() {
    let (near, mut far) = duplex(1000);
    let mut server = websocket(near, Role::Server, |_| {});
    let mut received = Vec::new();
    for byte in [frame(Role::Client, 0x01, b"pie"), frame(Role::Client, 0x80, b"ces")].concat() {
        far.write_u8(byte).await.unwrap();
        yield_now().await;
        while let Some(piece) = server.recv_piece().now_or_never() {
            received.extend_from_slice(&piece.unwrap().unwrap().bytes);
        }
    }
    assert_eq!(received, b"pieces");
}

/// Sends numbered messages through a pipe of `pipe` bytes, dropping every future after one look, while the peer now and
/// then reads. What arrives is whole and in order, and a send that said so has arrived.
async fn sends_dropped(pipe: usize, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let (near, far) = duplex(pipe);
    let mut client = websocket(near, Role::Client, |config| {
        config.high_water_bytes = 2000;
        config.low_water_bytes = 500;
    });
    let mut server = websocket(far, Role::Server, |_| {});
    let mut arrived: Vec<Bytes> = Vec::new();
    let mut confirmed = Vec::new();
    for number in 0..500_u32 {
        let mut message = number.to_be_bytes().to_vec();
        message.resize(4 + random.random_range(0..300), number as u8);
        if let Some(sent) = client.send(message).now_or_never() {
            sent.unwrap();
            confirmed.push(number);
        }
        if random.next_u32() % 3 == 0 {
            receive_all(&mut server, &mut arrived).await;
        }
        if random.next_u32() % 5 == 0 {
            assert!(client.recv().now_or_never().is_none());
        }
    }
    while client.flush().now_or_never().is_none() {
        receive_all(&mut server, &mut arrived).await;
    }
    receive_all(&mut server, &mut arrived).await;

    let numbers: Vec<_> =
        arrived.iter().map(|message| u32::from_be_bytes(*message.first_chunk().unwrap())).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "doubled or out of order");
    assert!(confirmed.iter().all(|number| numbers.contains(number)), "lost");
    for (message, number) in arrived.iter().zip(&numbers) {
        assert!(message[4..].iter().all(|byte| *byte == *number as u8), "torn");
    }
}

/// Receives what is there. Yields first, for a task that never does may soon not even look.
async fn receive_all(server: &mut WebSocket<DuplexStream>, arrived: &mut Vec<Bytes>) {
    yield_now().await;
    while let Some(message) = server.recv().now_or_never() {
        arrived.push(message.expect("nobody closes").unwrap().into_bytes());
    }
}

#[tokio::test]
async fn sends_that_are_dropped_are_queued_whole_or_not_at_all() {
    for (seed, pipe) in [1, 7, 100, 1000, 5000].into_iter().enumerate() {
        sends_dropped(pipe, seed as u64).await;
    }
}

#[tokio::test]
async fn pieces_whose_sends_are_dropped_still_make_one_message() {
    let (near, far) = duplex(16);
    let mut client = websocket(near, Role::Client, |_| {});
    let mut server = websocket(far, Role::Server, |_| {});
    for i in 0..10_u8 {
        let sent = client.send_piece(Kind::Binary, vec![i; 20], i == 9).now_or_never();
        assert!(sent.is_none(), "the pipe is too small for it");
    }
    let (flushed, message) = tokio::join!(client.flush(), server.recv());
    flushed.unwrap();
    let expected: Vec<u8> = (0..10).flat_map(|i| [i; 20]).collect();
    assert_eq!(message.unwrap().unwrap(), Message::binary(expected));
}

#[tokio::test]
async fn a_close_that_is_dropped_is_ended_by_recv() {
    let (mut client, mut server) = pair(1000);
    assert!(client.close(CloseCode::GOING_AWAY, "").now_or_never().is_none());
    let (at_client, at_server) = tokio::join!(client.recv(), server.recv());
    assert!(at_client.is_none() && at_server.is_none());
    assert!(client.closed().unwrap().is_clean());
    assert_eq!(server.closed().unwrap().code(), CloseCode::GOING_AWAY);
}

#[tokio::test]
async fn the_loser_of_every_select_goes_on_later() {
    let (mut client, mut server) = pair(64);
    let echo = async {
        while let Some(message) = server.recv().await {
            server.send(message.unwrap()).await.unwrap();
        }
    };
    let ask = async {
        let mut answers = 0;
        for number in 0..100_u8 {
            let mut sent = false;
            while !sent {
                tokio::select! {
                    answer = client.recv() => {
                        let answer = answer.unwrap().unwrap();
                        assert_eq!(answer, Message::binary(vec![answers; 40]));
                        answers += 1;
                    }
                    () = std::future::ready(()) => {
                        client.feed(vec![number; 40]).await.unwrap();
                        sent = true;
                    }
                }
            }
        }
        while answers < 100 {
            let answer = client.recv().await.unwrap().unwrap();
            assert_eq!(answer, Message::binary(vec![answers; 40]));
            answers += 1;
        }
        assert!(client.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    };
    tokio::join!(ask, echo);
}
