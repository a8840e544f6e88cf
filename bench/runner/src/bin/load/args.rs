//! What the generator is told.

use std::{path::PathBuf, time::Duration};

/// Loads a WebSocket server on 127.0.0.1 and measures it.
#[derive(Debug, clap::Parser)]
#[command(name = "load")]
pub(crate) struct Args {
    /// What is done.
    #[arg(long, value_enum, default_value_t = Work::Echo)]
    pub(crate) work: Work,
    /// The port of the server.
    #[arg(long)]
    pub(crate) port: u16,
    /// The process of the server, whose CPU time and memory are measured.
    #[arg(long)]
    pub(crate) server: Option<u32>,
    /// How many connections; for handshakes, how many at a time; for fan-out, how many subscribers.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// How many messages go in one write; each connection waits for all of them before its next write.
    #[arg(long, default_value_t = 1)]
    pub(crate) batch: usize,
    /// How long a message is.
    #[arg(long, default_value_t = 20)]
    pub(crate) bytes: usize,
    /// What a message carries.
    #[arg(long, value_enum, default_value_t = Content::Binary)]
    pub(crate) content: Content,
    /// Offers permessage-deflate and sends compressed messages.
    #[arg(long)]
    pub(crate) deflate: bool,
    /// Speaks TLS and trusts this certificate (PEM) for `localhost`.
    #[arg(long, value_name = "FILE")]
    pub(crate) tls: Option<PathBuf>,
    /// Speaks HTTP/2 over TLS: what would be connections are streams of one.
    #[arg(long, requires = "tls")]
    pub(crate) http2: bool,
    /// Speaks HTTP/3: what would be connections are streams of one.
    #[arg(long, requires = "tls", conflicts_with = "http2")]
    pub(crate) http3: bool,
    /// The server is a plain TCP echo: there is no opening handshake, and frames come back as they went.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Seconds before the measurement begins.
    #[arg(long, default_value_t = 0.1)]
    pub(crate) warm_up: f64,
    /// Seconds of the measurement.
    #[arg(long, default_value_t = 0.5)]
    pub(crate) seconds: f64,
    /// The processor core to stay on.
    #[arg(long)]
    pub(crate) core: Option<usize>,
}

impl Args {
    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_secs_f64(self.warm_up)
    }

    pub(crate) fn measured(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// What the generator does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// Each connection sends, waits for its echo, and sends again.
    Echo,
    /// One connection publishes, all others wait for what it says.
    Fanout,
    /// Each connection is closed once it is open.
    Handshake,
    /// The connections are opened, used once, and then left alone.
    Idle,
}

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Content {
    /// Random bytes, in a binary message.
    Binary,
    /// English, in a text message.
    Ascii,
    /// Chinese, in a text message.
    Chinese,
    /// JSON, in a text message.
    Json,
}
