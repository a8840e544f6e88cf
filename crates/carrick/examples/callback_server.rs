//! A server by callbacks: says hello to each client, and prints what it is told. It serves until it is killed.
//!
//! ```text
//! cargo run --example callback_server [URL] [--trace]
//! ```

#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::{env, process::ExitCode};

use carrick::WebSocketServer;

fn main() -> ExitCode {
    let (trace, urls): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|arg| arg == "--trace");
    let url = urls.first().map_or("ws://127.0.0.1:9000/ws", String::as_str);

    let server = WebSocketServer::new(url)
        .enable_trace(!trace.is_empty())
        .on_open(|conn| conn.send("Hello, client!"))
        .on_message(|_conn, message| println!("Received: {message}"))
        .on_error(|_conn, error| println!("Error: {error:#}"))
        .on_close(|_conn, _closed| println!("Connection closed"))
        .bind();
    let served = server.and_then(|server| {
        if let Some(address) = server.local_addr() {
            println!("Listening on {address}");
        }
        server.run_forever()
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
