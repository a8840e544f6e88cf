//! What was typed.

use std::{path::PathBuf, time::Duration};

use carrick::protocol::{IpNetwork, Origin};
use clap::{Args as ClapArgs, Parser, Subcommand, value_parser};

use crate::bind::Bind;

/// WebSockets from the terminal.
#[derive(Debug, Parser)]
#[command(name = "carrick", version, about, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a page with a live chat, the WebSockets /chat and /echo, on one port
    Serve(Serve),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Address and port to listen on, of which port 0 takes a free one, or unix:PATH for a Unix socket
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9000")]
    pub(crate) bind: Bind,

    /// Certificate chain in PEM; serves https and wss. It is read again when the files change, and at SIGHUP
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key in PEM that belongs to the certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Make a certificate for localhost and the bind address, for trying out https and wss
    #[arg(long, conflicts_with = "cert")]
    pub(crate) self_signed: bool,

    /// Let pages of this origin open WebSockets and read what is served, for example https://example.org, beside those of the server itself;
    /// `any` lets all. May be repeated
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = parse_origin)]
    pub(crate) origins: Vec<AllowedOrigin>,

    /// Believe Forwarded and X-Forwarded-* of proxies in this network, for example 10.0.0.0/8; `unix` stands for those on
    /// a Unix socket. May be repeated
    #[arg(long = "trusted-proxy", value_name = "NETWORK", value_parser = parse_proxy)]
    pub(crate) trusted_proxies: Vec<TrustedProxy>,

    /// Largest received message in bytes, after inflation; also the largest frame
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20, value_parser = value_parser!(u64).range(1..))]
    pub(crate) max_message_bytes: u64,

    /// Most fragments of one received message
    #[arg(long, value_name = "N", default_value_t = 16_384, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_fragments: u32,

    /// Most open connections
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,

    /// Seconds between two pings on /echo; 0 sends none. /chat pings every second
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = parse_seconds)]
    pub(crate) ping_interval: Duration,

    /// Do not compress messages (permessage-deflate)
    #[arg(long)]
    pub(crate) no_deflate: bool,

    /// Seconds that open connections get to close after Ctrl-C
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub(crate) drain_timeout: Duration,
}

/// An origin that may open WebSockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedOrigin {
    Any,
    One(Origin),
}

fn parse_origin(text: &str) -> Result<AllowedOrigin, String> {
    if text == "any" {
        return Ok(AllowedOrigin::Any);
    }
    text.parse()
        .map(AllowedOrigin::One)
        .map_err(|error| format!("{error}; write it as https://host:port, or any"))
}

/// Proxies that are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrustedProxy {
    Unix,
    Network(IpNetwork),
}

fn parse_proxy(text: &str) -> Result<TrustedProxy, String> {
    if text == "unix" {
        return Ok(TrustedProxy::Unix);
    }
    text.parse().map(TrustedProxy::Network).map_err(|error| format!("{error}; or unix"))
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn an_origin_is_any_or_a_serialized_origin() {
        assert_eq!(parse_origin("any"), Ok(AllowedOrigin::Any));
        assert!(matches!(parse_origin("https://example.org"), Ok(AllowedOrigin::One(_))));
        assert!(parse_origin("example.org/path").unwrap_err().ends_with("or any"));
    }
}
