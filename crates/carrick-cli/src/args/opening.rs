//! How a connection is opened: the flags of every client.

use std::{path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, ValueHint};

use super::parse;

/// The server, and what the opening handshake says.
#[derive(Debug, ClapArgs)]
pub(crate) struct Opening {
    /// Where to: ws://, wss://, http://, https:// or ws+unix:///path/of/the.sock:/path; without a scheme ws://
    #[arg(value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// Add a header to the request, for example `Cookie: a=b`. May be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse::header)]
    pub(crate) headers: Vec<(String, String)>,

    /// Offer a subprotocol, the preferred one first. May be repeated
    #[arg(short = 's', long = "subprotocol", value_name = "NAME")]
    pub(crate) subprotocols: Vec<String>,

    /// Say that a page of this origin asks, for example https://example.org
    #[arg(short = 'o', long, value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,

    /// Name and password (basic authentication)
    #[arg(long, value_name = "USER:PASS", value_parser = parse::credentials)]
    pub(crate) auth: Option<(String, String)>,

    /// Token (bearer authentication)
    #[arg(long, value_name = "TOKEN", conflicts_with = "auth")]
    pub(crate) bearer: Option<String>,

    /// Seconds for DNS, TCP, TLS and the opening handshake together
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse::some_seconds)]
    pub(crate) connect_timeout: Duration,

    #[command(flatten)]
    pub(crate) way: Way,

    #[command(flatten)]
    pub(crate) trust: Trust,
}

/// How the server is reached.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Way")]
pub(crate) struct Way {
    /// Go through this proxy: http://, https://, socks5:// or socks5h://, with USER:PASS@ if it wants that. Without the
    /// flag the environment says (https_proxy, all_proxy, no_proxy and the like)
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Option<String>,

    /// Go directly, whatever the environment says
    #[arg(long, conflicts_with = "proxy")]
    pub(crate) no_proxy: bool,

    /// Connect to this Unix socket; the URL only says what to ask for
    #[arg(long, value_name = "PATH", conflicts_with_all = ["proxy", "no_proxy"])]
    pub(crate) unix: Option<PathBuf>,

    /// Speak HTTP/1.1 only. Without this flag and the next two wss:// is HTTP/2 where the server opens WebSockets over it,
    /// and HTTP/3 for further connections where it says that there is HTTP/3 (Alt-Svc)
    #[arg(long)]
    pub(crate) http1: bool,

    /// Speak HTTP/2 only, over ws:// too
    #[arg(long, conflicts_with = "http1")]
    pub(crate) http2: bool,

    /// Speak HTTP/3 only, which is over UDP and needs wss://
    #[arg(long, conflicts_with_all = ["http1", "http2"])]
    pub(crate) http3: bool,

    /// Most redirects to follow; 0 follows none
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(crate) max_redirects: usize,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Trust {
    /// Trust the certificate authorities in this PEM file too
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// Show this certificate chain (PEM) to a server that asks for one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Take any certificate. Anybody on the way can read and change everything then
    #[arg(long)]
    pub(crate) danger_accept_invalid_certs: bool,
}
