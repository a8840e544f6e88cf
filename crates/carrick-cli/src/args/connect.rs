//! `carrick connect`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args as ClapArgs, ValueEnum, ValueHint};
use regex::Regex;

use super::{parse, shared::Limits};
use crate::exit;

#[derive(Debug, ClapArgs)]
#[command(after_help = after_help())]
pub(crate) struct Connect {
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

    /// Connect again when the connection is lost or cannot be opened, after 0.5 s at first and up to 30 s in the end
    #[arg(long)]
    pub(crate) reconnect: bool,

    #[command(flatten)]
    pub(crate) way: Way,

    #[command(flatten)]
    pub(crate) trust: Trust,

    #[command(flatten)]
    pub(crate) talk: Talk,

    #[command(flatten)]
    pub(crate) stop: Stop,

    #[command(flatten)]
    pub(crate) limits: Limits,
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

    /// Speak HTTP/1.1 only. Without this flag and the next wss:// is HTTP/2 where the server opens WebSockets over it
    #[arg(long)]
    pub(crate) http1: bool,

    /// Speak HTTP/2 only, over ws:// too
    #[arg(long, conflicts_with = "http1")]
    pub(crate) http2: bool,

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

/// What is sent and how it is shown.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Messages")]
pub(crate) struct Talk {
    /// What a line of the input is
    #[arg(short = 'f', long, value_enum, default_value_t = SendFormat::Text)]
    pub(crate) format: SendFormat,

    /// What is printed
    #[arg(short = 'O', long, value_enum, default_value_t = OutputFormat::Plain)]
    pub(crate) output: OutputFormat,

    /// Show each step on standard error: DNS, TCP, TLS, both heads of the handshake, every frame with its times
    #[arg(short = 't', long)]
    pub(crate) trace: bool,

    /// Understand /ping, /close and the other commands in piped input too; on a terminal they always are
    #[arg(long)]
    pub(crate) commands: bool,

    /// Keep the history of the editor in this file; CARRICK_HISTORY does the same
    #[arg(long, value_name = "FILE")]
    pub(crate) history: Option<PathBuf>,

    /// Keep no history; an empty CARRICK_HISTORY does the same
    #[arg(long, conflicts_with = "history")]
    pub(crate) no_history: bool,
}

/// When it is enough.
#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "When to stop")]
#[command(group = ArgGroup::new("goal").args(["one", "count", "expect"]).multiple(true))]
pub(crate) struct Stop {
    /// Stop after one received message: as --count 1
    #[arg(short = '1', long, conflicts_with = "count")]
    pub(crate) one: bool,

    /// Stop after this many received messages
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Stop at a received message that matches this regular expression; exit code 3 if none does. With --count it has
    /// to be among the first N
    #[arg(short = 'e', long, value_name = "PATTERN")]
    pub(crate) expect: Option<Regex>,

    /// Seconds from the opened connection on until --one, --count or --expect is given up, with exit code 3.
    /// The connection is cut then, at most half a second later
    #[arg(long, value_name = "SECONDS", value_parser = parse::some_seconds, requires = "goal")]
    pub(crate) timeout: Option<Duration>,

    /// After the end of a piped input, close when nothing was received for so many seconds; `forever` waits for the
    /// server. With --one, --count or --expect those decide
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = parse_linger)]
    pub(crate) linger: Linger,
}

/// What a line of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SendFormat {
    /// A text message
    Text,
    /// A binary message of its bytes
    Binary,
    /// A binary message, written as base64
    Base64,
    /// A binary message, written as hexadecimal digits
    Hex,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Messages as they are, a line each; binary ones without a line end
    Plain,
    /// As plain, but JSON is indented
    Json,
    /// Everything that happens, one JSON object a line
    Ndjson,
}

/// How long to stay when the input has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linger {
    Quiet(Duration),
    Forever,
}

fn parse_linger(text: &str) -> Result<Linger, String> {
    match text {
        "forever" => Ok(Linger::Forever),
        text => parse::seconds(text).map(Linger::Quiet).map_err(|error| format!("{error}, nor forever")),
    }
}

const EXAMPLES: &str = "\
On a terminal:
  Lines are edited (arrow keys, Ctrl-R searches the history) and sent with
  Enter. A line that begins an unfinished JSON value goes on in the next one;
  an empty line ends it anyway. /help lists the commands. Ctrl-D or Ctrl-C
  closes, a second Ctrl-C cuts the connection. A line that starts with a blank
  stays out of the history.

Examples:
  carrick connect wss://example.org/feed
  printf 'hi\\n' | carrick connect ws://127.0.0.1:9000/echo
  echo '{\"op\":\"status\"}' | carrick connect -1 -O json wss://example.org/api
  carrick connect --expect ready --timeout 10 wss://example.org < /dev/null
  carrick connect --trace wss://example.org/";

/// The examples, and the exit codes that all commands have.
fn after_help() -> String {
    format!("{EXAMPLES}\n\n{}", exit::DESCRIPTION)
}
