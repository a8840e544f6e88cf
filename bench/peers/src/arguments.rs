//! The arguments that every peer takes.

use std::path::PathBuf;
use std::process::exit;

use clap::Parser;

/// What a program exits with if its library cannot do what is asked for.
const CANNOT: i32 = 3;

/// What a peer is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Return every message with its type, and agree on no compression.
    Echo,
    /// The same over TLS.
    Tls,
    /// The same over HTTP/3, on the UDP port with the same number.
    Http3,
    /// The same with permessage-deflate: no context takeover, window 15, level 6.
    Deflate,
    /// Send what comes on `/pub` to everybody who is on `/sub`.
    Fanout,
    /// Be the client: one message outstanding on each connection.
    Client,
}

impl Mode {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "echo" => Self::Echo,
            "tls" => Self::Tls,
            "http3" => Self::Http3,
            "deflate" => Self::Deflate,
            "fanout" => Self::Fanout,
            "client" => Self::Client,
            _ => return None,
        })
    }
}

/// The arguments of a peer.
#[derive(Clone, Debug, Parser)]
pub struct Arguments {
    /// The port on 127.0.0.1.
    #[arg(long)]
    pub port: u16,
    #[arg(long = "mode")]
    mode_name: String,
    /// The file with the certificates of `tls` and `http3`.
    #[arg(long)]
    pub cert: Option<PathBuf>,
    /// The file with the key of `tls` and `http3`.
    #[arg(long)]
    pub key: Option<PathBuf>,
    /// Flush every answer, rather than all answers to what came at once.
    #[arg(long)]
    pub each: bool,
    /// How many connections the client opens.
    #[arg(long, default_value_t = 1)]
    pub connections: usize,
    /// How large the client's messages are.
    #[arg(long, default_value_t = 20)]
    pub bytes: usize,
    /// How long the client sends.
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
}

impl Arguments {
    /// The arguments of this process, which exits if the mode is none of `modes`.
    #[must_use]
    pub fn of(modes: &[Mode]) -> (Self, Mode) {
        let arguments = Self::parse();
        match Mode::named(&arguments.mode_name).filter(|mode| modes.contains(mode)) {
            Some(mode) => (arguments, mode),
            None => exit(CANNOT),
        }
    }
}
