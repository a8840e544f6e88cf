//! A client by callbacks: says hello, and prints what it is told until the server closes. With `--once` it closes itself
//! after the first message.
//!
//! ```text
//! cargo run --example callback_client [URL] [--once] [--trace]
//! ```

#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use std::{env, process::ExitCode};

use carrick::{WebSocketApp, protocol::CloseCode};

fn main() -> ExitCode {
    let (options, urls): (Vec<_>, Vec<_>) = env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let url = urls.first().map_or("ws://127.0.0.1:9000/ws", String::as_str);
    let has = |option: &str| options.iter().any(|given| given == option);
    let once = has("--once");

    let closed = WebSocketApp::new(url)
        .enable_trace(has("--trace"))
        .on_open(|conn| conn.send("Hello, server!"))
        .on_message(move |conn, message| {
            println!("Received: {message}");
            if once { conn.close(CloseCode::NORMAL, "") } else { Ok(()) }
        })
        .on_error(|_conn, error| println!("Error: {error:#}"))
        .on_close(|_conn, _closed| println!("Connection closed"))
        .run_forever();
    if closed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
