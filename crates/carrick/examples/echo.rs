//! The smallest server: every message comes back.
//!
//! `cargo run -p carrick --example echo`, then open `ws://127.0.0.1:9000/echo`.

// An example prints.
#![allow(clippy::print_stdout)]

use std::env;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), carrick::Error> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9000".to_owned());
    let server = carrick::Server::bind(address).await?.route("/echo", |mut websocket, _request| async move {
        while let Some(Ok(message)) = websocket.recv().await {
            // What is fed leaves once all messages of a read are answered, in one write.
            if websocket.feed(message).await.is_err() {
                break;
            }
        }
    });
    println!("ws://{}/echo", server.local_addr().expect("it listens on TCP"));
    server.serve().await
}
