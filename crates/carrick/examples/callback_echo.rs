//! A server by callbacks that echoes, for tools that test or measure one.
//!
//! `cargo run --release -p carrick --example callback_echo -- ws://127.0.0.1:9000/echo`
//!
//! It is tested by the Autobahn cases: `cargo xtask conformance --callback`.

// An example prints.
#![allow(clippy::print_stdout)]

use std::env;

use carrick::{
    Error, WebSocketServer,
    protocol::{Compression, Config},
};

fn main() -> Result<(), Error> {
    let mut config = Config::default();
    // The suite sends a message in so many fragments, and takes a ping for a frame that it did not ask for.
    config.max_fragments = 65_536;
    config.ping_interval = None;
    let url = env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:9000/echo".to_owned());
    let server = WebSocketServer::new(&url)
        .config(config)
        // Its runner stumbles over a plain text where compression was agreed on.
        .on_message(|conn, message| conn.send_with(message, Compression::Always))
        .on_error(|conn, error| println!("{}: {error:#}", conn.id()))
        .bind()?;
    println!("listening on {:?}", server.local_addr());
    server.run_forever()
}
