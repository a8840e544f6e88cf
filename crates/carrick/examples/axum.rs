//! A WebSocket that echoes, and pages, on one port of an axum server.
//!
//! `cargo run -p carrick --features axum --example axum -- 127.0.0.1:9000`
//!
//! It is tested by the Autobahn cases: `cargo xtask conformance --axum`.

// An example prints.
#![allow(clippy::print_stdout)]

use std::{env, error::Error, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::State, response::Response, routing::get};
use carrick::{
    Drain, WebSocket,
    axum::WebSocketUpgrade,
    protocol::{Compression, Config},
};
use tokio::net::TcpListener;

/// What the handlers share.
#[derive(Clone)]
struct App {
    config: Arc<Config>,
    drain: Drain,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    // The suite sends a message in so many fragments, and takes a ping for a frame that it did not ask for.
    config.max_fragments = 65_536;
    config.ping_interval = None;
    let app = App { config: Arc::new(config), drain: Drain::new() };
    let drain = app.drain.clone();
    let router = Router::new()
        .route("/", get("A WebSocket that echoes is at /echo.\n"))
        .route("/health", get("well\n"))
        .route("/echo", get(open))
        .with_state(app);

    let listener = TcpListener::bind(env::args().nth(1).as_deref().unwrap_or("127.0.0.1:9000")).await?;
    println!("ws://{}/echo", listener.local_addr()?);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, service).with_graceful_shutdown(stop).await?;
    let cut = drain.close(Duration::from_secs(10)).await;
    println!("{cut} connections were cut");
    Ok(())
}

async fn open(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.config(app.config).drain(&app.drain).on_upgrade(echo)
}

/// Echoes what came compressed compressed, and what came plain plain.
async fn echo(mut websocket: WebSocket) {
    while let Some(Ok(piece)) = websocket.recv_piece().await {
        let compression = if piece.compressed { Compression::Always } else { Compression::Never };
        let fed = websocket.feed_piece_with(piece.kind, piece.bytes, piece.last, compression);
        if fed.await.is_err() {
            break;
        }
    }
}
