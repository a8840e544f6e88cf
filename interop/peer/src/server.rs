//! Our server in each case. The path of the request is the case.

use bytes::Bytes;
use carrick::{
    Error, Server, ServerTls, WebSocket,
    protocol::{CloseCode, DeflateConfig, Kind, Message},
};

use crate::content::{FRAGMENT_BYTES, SERVER_IS_DONE, SUBPROTOCOL};

/// Serves until it is killed.
pub(crate) async fn run(takeover: bool, self_signed: bool) -> anyhow::Result<()> {
    let deflate = DeflateConfig::default();
    let deflate = deflate.with_own_context_takeover(takeover).with_peer_context_takeover(takeover);
    let mut server = Server::bind("127.0.0.1:0").await?.subprotocols([SUBPROTOCOL])?.deflate(Some(deflate));
    if self_signed {
        server = server.tls(ServerTls::self_signed()?);
    }
    println!("listening on {}", server.local_addr().expect("it listens on TCP"));
    Ok(server
        .route("/*", |websocket, request| serve(websocket, request.uri().path().to_owned()))
        .serve()
        .await?)
}

async fn serve(mut websocket: WebSocket, path: String) {
    let case = path.trim_start_matches('/');
    let outcome = match case {
        "fragments" => echo_in_fragments(&mut websocket).await,
        "ping" => ping(&mut websocket).await,
        "close-by-server" => close_after_a_message(&mut websocket).await,
        _ => echo(&mut websocket).await,
    };
    match (outcome, websocket.closed()) {
        (Ok(()), Some(closed)) => println!("closed {case} {} {}", u16::from(closed.code()), closed.reason()),
        (outcome, closed) => println!("broken {case} {outcome:?} {closed:?}"),
    }
}

async fn echo(websocket: &mut WebSocket) -> Result<(), Error> {
    while let Some(message) = websocket.recv().await {
        websocket.feed(message?).await?;
    }
    Ok(())
}

async fn echo_in_fragments(websocket: &mut WebSocket) -> Result<(), Error> {
    while let Some(message) = websocket.recv().await {
        let message = message?;
        let (kind, bytes): (Kind, Bytes) = (message.kind(), message.into_bytes());
        for start in (0..bytes.len()).step_by(FRAGMENT_BYTES) {
            let end = bytes.len().min(start + FRAGMENT_BYTES);
            websocket.send_piece(kind, bytes.slice(start..end), end == bytes.len()).await?;
        }
    }
    Ok(())
}

async fn ping(websocket: &mut WebSocket) -> Result<(), Error> {
    websocket.ping("from the server").await?;
    while let Some(message) = websocket.recv().await {
        let message = match message? {
            next if next.as_text() == Some("next") => {
                Message::text(if websocket.round_trip().is_some() { "pong seen" } else { "no pong seen" })
            }
            other => other,
        };
        websocket.send(message).await?;
    }
    Ok(())
}

async fn close_after_a_message(websocket: &mut WebSocket) -> Result<(), Error> {
    if let Some(message) = websocket.recv().await {
        message?;
    }
    let (code, reason) = SERVER_IS_DONE;
    websocket.close(CloseCode::from(code), reason).await?;
    Ok(())
}
