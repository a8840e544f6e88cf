//! `carrick connect`.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args as ClapArgs, ValueEnum};
use regex::Regex;

use super::{opening::Opening, parse, shared::Limits};
use crate::exit;

#[derive(Debug, ClapArgs)]
#[command(after_help = after_help())]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) opening: Opening,

    /// Connect again when the connection is lost or cannot be opened, after 0.5 s at first and up to 30 s in the end
    #[arg(long, help_heading = None::<&str>)]
    pub(crate) reconnect: bool,

    #[command(flatten)]
    pub(crate) talk: Talk,

    #[command(flatten)]
    pub(crate) stop: Stop,

    #[command(flatten)]
    pub(crate) limits: Limits,
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
