//! What holds whichever HTTP carries a WebSocket.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use carrick::{
    Error, Server, WebSocket,
    protocol::{CloseCode, Closed, Initiator, Message, Violation},
};
use http::{Request, Version};
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};

use super::ways::{Site, WAYS, Way, sharing};
use crate::server::support::{assert_echoes, closed, echo, next};

fn echoes(server: Server) -> Server {
    server.route("/echo", echo)
}

#[tokio::test]
async fn messages_are_echoed_and_the_handler_knows_the_version() {
    for &way in WAYS {
        let site = way
            .serve(|server| {
                echoes(server).route("/version", |mut websocket, request: Request<()>| async move {
                    let _ = websocket.send(format!("{:?} {}", request.version(), request.uri().path())).await;
                })
            })
            .await;
        let mut websocket = site.open("/echo").await;
        assert_echoes(&mut websocket).await;
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let message = Message::binary(vec![7; length]);
            websocket.send(message.clone()).await.unwrap();
            assert_eq!(next(&mut websocket).await, message);
        }
        let mut version = site.open("/version?x=1").await;
        assert_eq!(next(&mut version).await, Message::from(format!("{:?} /version", way.version())));
    }
}

#[tokio::test]
async fn subprotocols_and_compression_are_agreed_on() {
    for &way in WAYS {
        let site = way.serve(|server| echoes(server).subprotocols(["v1", "v2"]).unwrap()).await;
        let client = site.client("/echo").subprotocols(["v2", "v3"]).unwrap();
        let mut websocket = client.connect().await.unwrap();
        assert_eq!(websocket.subprotocol(), Some("v2"), "{way:?}");
        assert!(websocket.agreement().deflate.is_some(), "{way:?}");
        let text = "compressed ".repeat(1000);
        websocket.send(text.as_str()).await.unwrap();
        assert_eq!(next(&mut websocket).await, Message::from(text.as_str()));
        assert!(websocket.received().bytes < 1000, "{way:?}: {:?}", websocket.received());
    }
}

#[tokio::test]
async fn ten_mebibytes_go_there_and_back() {
    for &way in WAYS {
        let site = way.serve(|server| echoes(server).deflate(None)).await;
        let (mut sender, mut receiver) = site.open("/echo").await.split();
        let message: Bytes = (0..10_u32 << 18).flat_map(u32::to_le_bytes).collect();
        let sent = message.clone();
        let sending = tokio::spawn(async move { sender.send(Message::binary(sent)).await });
        let echoed = receiver.recv().await.unwrap().unwrap();
        assert_eq!(echoed.len(), 10 << 20);
        assert!(echoed.into_bytes() == message, "{way:?}");
        sending.await.unwrap().unwrap();
    }
}

/// How a WebSocket has ended.
type End = Result<Closed, Error>;

async fn end(mut websocket: WebSocket) -> End {
    while let Some(received) = websocket.recv().await {
        received?;
    }
    Ok(websocket.closed().expect("recv has ended").clone())
}

/// A server that closes at `/leave`, drops at `/drop`, and at `/listen` tells how a WebSocket has ended.
async fn serve_ends(way: Way) -> (Site, mpsc::UnboundedReceiver<End>) {
    let (told, heard) = mpsc::unbounded_channel();
    let listen = move |websocket, _| {
        let told = told.clone();
        async move { drop(told.send(end(websocket).await)) }
    };
    let leave = |mut websocket: WebSocket, _| async move {
        let _ = websocket.close(CloseCode::from(4001), "enough").await;
    };
    let site = way
        .serve(|server| {
            server.route("/listen", listen).route("/leave", leave).route("/drop", |_, _| async {})
        })
        .await;
    (site, heard)
}

#[tokio::test]
async fn a_close_tells_its_code_both_ways() {
    for &way in WAYS {
        let (site, mut heard) = serve_ends(way).await;
        let mut websocket = site.open("/listen").await;
        let ours = websocket.close(CloseCode::from(4000), "bye").await.unwrap();
        let theirs = heard.recv().await.unwrap().unwrap();
        for (closed, by) in [(ours, Initiator::Application), (theirs, Initiator::Peer)] {
            assert_eq!(shown(&closed), (4000, by), "{way:?}");
        }
        let closed = end(site.open("/leave").await).await.unwrap();
        assert_eq!(shown(&closed), (4001, Initiator::Peer), "{way:?}");
    }
}

fn shown(closed: &Closed) -> (u16, Initiator) {
    assert_eq!(closed.violation, None);
    (closed.frame.as_ref().expect("there was a close frame").code().into(), closed.by)
}

#[tokio::test]
async fn a_websocket_that_is_dropped_is_an_end_without_a_close() {
    for &way in WAYS {
        let (site, mut heard) = serve_ends(way).await;
        drop(site.open("/listen").await);
        assert_cut(heard.recv().await.unwrap(), way);
        assert_cut(end(site.open("/drop").await).await, way);
    }
}

/// HTTP/1.1 and HTTP/3 tell of an end of the stream, HTTP/2 that somebody has cancelled it.
fn assert_cut(end: End, way: Way) {
    match end {
        Err(Error::Violation(Violation::EndOfStream)) => {
            assert_ne!(way.version(), Version::HTTP_2);
        }
        Err(Error::Io(error)) if way.version() == Version::HTTP_2 => {
            assert_eq!(error.to_string(), "peer cancelled the http/2 stream");
        }
        other => panic!("{way:?}: {other:?}"),
    }
}

/// Far more than all buffers between two programs together, and far less than what would be sent to a reader that reads.
const MOST_BYTES: usize = 32 << 20;

#[tokio::test]
async fn a_reader_that_stops_holds_its_sender_and_nobody_else() {
    for &way in WAYS {
        let go_on = Arc::new(Notify::new());
        let waits = Arc::clone(&go_on);
        let site = way
            .serve(move |server| {
                server.deflate(None).route("/", move |mut websocket: WebSocket, request: Request<()>| {
                    let waits = request.headers().contains_key("x-stall").then(|| Arc::clone(&waits));
                    async move {
                        let Some(waits) = waits else { return echo(websocket, request).await };
                        waits.notified().await;
                        let mut received = 0;
                        while let Some(Ok(message)) = websocket.recv().await {
                            received += message.len();
                            if message.len() == 1 {
                                let _ = websocket.send(received.to_string()).await;
                            }
                        }
                    }
                })
            })
            .await;
        // A client shares its connection, so the one that stalls has a sibling.
        let client = site.client("/");
        let mut stalled = client.clone().header("x-stall", "1").unwrap().connect().await.unwrap();
        let mut sibling = client.connect().await.unwrap();
        let mut fed = 0;
        let message = Message::binary(vec![0; 65_536]);
        while timeout(Duration::from_millis(500), stalled.send(message.clone())).await.is_ok() {
            fed += message.len();
            assert!(fed < MOST_BYTES, "{way:?}");
        }
        // The one that was held is queued.
        fed += message.len();
        if way.shares() {
            // What the window and the buffers of a stream hold.
            assert!(fed <= 4 * 128 * 1024 + 4 * 65_536, "{way:?}: {fed} bytes");
        }
        assert_echoes(&mut sibling).await;
        go_on.notify_one();
        stalled.send(Message::binary(vec![0])).await.unwrap();
        assert_eq!(next(&mut stalled).await, Message::from((fed + 1).to_string()));
    }
}

#[tokio::test]
async fn a_stop_closes_with_1001_and_waits() {
    for &way in WAYS {
        let mut site = way.serve(echoes).await;
        let mut first = site.open("/echo").await;
        let mut second = site.open("/echo").await;
        assert_echoes(&mut first).await;
        assert_echoes(&mut second).await;
        site.running.ask_to_stop();
        for websocket in [&mut first, &mut second] {
            assert_eq!(shown(&closed(websocket).await), (1001, Initiator::Peer), "{way:?}");
        }
        drop((first, second));
        assert_eq!(site.running.stopped().await, 0, "{way:?}");
    }
}

#[tokio::test]
async fn a_thousand_websockets_share_one_connection() {
    for way in sharing() {
        let (site, callers) = way.serve_noting(|server| server.deflate(None).handshake_timeout(LONG)).await;
        let client = site.client("/echo").handshake_timeout(LONG);
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..1000 {
            let client = client.clone();
            tasks.spawn(async move { (i, client.connect().await.unwrap()) });
        }
        // Only when all are open does the first of them begin.
        let websockets = tasks.join_all().await;
        assert_eq!(callers.count(), 1, "{way:?}");
        let mut tasks = tokio::task::JoinSet::new();
        for (i, mut websocket) in websockets {
            tasks.spawn(async move {
                for round in 0..100 {
                    let message = Message::from(format!("{i} {round}"));
                    websocket.send(message.clone()).await.unwrap();
                    assert_eq!(next(&mut websocket).await, message);
                }
            });
        }
        tasks.join_all().await;
        assert_eq!(callers.count(), 1, "{way:?}");
    }
}

/// A machine that does much besides takes its time for so many handshakes at once.
const LONG: Duration = Duration::from_secs(60);
