//! Flags that several commands have.

use std::{path::PathBuf, time::Duration};

use carrick::protocol::Config;
use clap::{Args as ClapArgs, value_parser};

use super::parse::{self, AllowedOrigin};

/// What a peer may do.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// Largest received message in bytes, after inflation; also the largest frame
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = value_parser!(u64).range(1..))]
    pub(crate) max_message_bytes: u64,

    /// Most fragments of one received message
    #[arg(long, value_name = "N", default_value_t = 16_384, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_fragments: u32,

    /// Seconds between two pings; 0 sends none
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = parse::seconds)]
    pub(crate) ping_interval: Duration,

    /// Do not compress messages (permessage-deflate)
    #[arg(long)]
    pub(crate) no_deflate: bool,
}

impl Limits {
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::default();
        config.max_message_bytes = self.max_message_bytes;
        config.max_frame_bytes = self.max_message_bytes;
        config.max_fragments = self.max_fragments;
        config.ping_interval = Some(self.ping_interval).filter(|interval| !interval.is_zero());
        config
    }
}

/// What every server has: its certificate, and who may come.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Server")]
pub(crate) struct Hosting {
    /// Certificate chain in PEM; serves https and wss. It is read again when the files change, and at SIGHUP
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key in PEM that belongs to the certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Make a certificate for localhost and the bind address, for trying out https and wss
    #[arg(long, conflicts_with = "cert")]
    pub(crate) self_signed: bool,

    /// Let pages of this origin open WebSockets and read what is served, for example https://example.org, beside those of
    /// the server itself; `any` lets all. May be repeated
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = parse::origin)]
    pub(crate) origins: Vec<AllowedOrigin>,

    /// Most open connections. Further clients wait in the queue of the system until one of them ends
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,

    /// Seconds that open connections get to close after Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse::seconds)]
    pub(crate) drain_timeout: Duration,
}
