//! One room: what anybody says goes to everybody, framed and compressed once.
//!
//! `cargo run -p carrick --example chat`, then open `ws://127.0.0.1:9000/` several times.

// An example prints.
#![allow(clippy::print_stdout)]

use std::env;

use carrick::{
    Server, WebSocket,
    protocol::{CloseCode, Prepared},
};
use tokio::sync::broadcast::{self, Sender, error::RecvError};

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), carrick::Error> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9000".to_owned());
    // As many messages wait for a member that reads slowly; one that falls further behind is closed.
    let (room, _) = broadcast::channel(256);
    let server =
        Server::bind(address).await?.route("/", move |websocket, _request| join(websocket, room.clone()));
    println!("ws://{}/", server.local_addr().expect("it listens on TCP"));
    let cut = server.serve_until(async { drop(tokio::signal::ctrl_c().await) }).await?;
    println!("{cut} connections were cut");
    Ok(())
}

async fn join(mut websocket: WebSocket, room: Sender<Prepared>) {
    let mut said = room.subscribe();
    loop {
        // Both are cancel safe, so nothing is lost whichever is ready first.
        tokio::select! {
            received = websocket.recv() => match received {
                Some(Ok(message)) => drop(room.send(Prepared::new(message))),
                Some(Err(_)) | None => return,
            },
            heard = said.recv() => match heard {
                Ok(message) => {
                    if websocket.feed_prepared(&message).await.is_err() || websocket.flush().await.is_err() {
                        return;
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    let _ = websocket.close(CloseCode::POLICY_VIOLATION, "too slow for this room").await;
                    return;
                }
                Err(RecvError::Closed) => return,
            },
        }
    }
}
