//! `carrick listen`.

use std::{net::ToSocketAddrs, path::PathBuf};

use clap::{Args as ClapArgs, ValueEnum};

use super::shared::{Hosting, Limits};
use crate::bind::Bind;

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Listen {
    /// Where: 9000 (this machine only), :9000 (all addresses), 127.0.0.1:9000, unix:PATH; port 0 takes a free one
    #[arg(value_parser = address)]
    pub(crate) address: Bind,

    #[command(flatten)]
    pub(crate) answer: Answer,

    /// With --exec: messages are bytes, not lines
    #[arg(long, requires = "exec")]
    pub(crate) binary: bool,

    /// Serve the files of this folder to requests that are no WebSocket; none whose name starts with a dot, and none that
    /// a link leads to outside of it
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,

    /// Speak a subprotocol, the preferred one first. May be repeated
    #[arg(long = "subprotocol", value_name = "NAME")]
    pub(crate) subprotocols: Vec<String>,

    /// What is printed
    #[arg(short = 'O', long, value_enum, default_value_t = ListenOutput::Plain)]
    pub(crate) output: ListenOutput,

    #[command(flatten)]
    pub(crate) hosting: Hosting,

    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// What becomes of a message, besides being printed.
#[derive(Debug, ClapArgs)]
#[group(multiple = false)]
pub(crate) struct Answer {
    /// Send every message back to where it came from
    #[arg(long)]
    pub(crate) echo: bool,

    /// Send every message to all other clients
    #[arg(long)]
    pub(crate) broadcast: bool,

    /// Run this command in the shell, once for each connection: a message is a line of its input, a line of its output a
    /// message. Prints no messages
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListenOutput {
    /// Messages as they are, a line each; binary ones without a line end
    Plain,
    /// Everything that happens, one JSON object a line
    Ndjson,
}

/// An address as short as it can be.
fn address(text: &str) -> Result<Bind, String> {
    let port = |digits: &str| digits.parse::<u16>().ok();
    if let Some(port) = port(text) {
        return Ok(Bind::Ip(([127, 0, 0, 1], port).into()));
    }
    match text.rsplit_once(':') {
        Some(("", digits)) if port(digits).is_some() => {
            Ok(Bind::Ip(([0, 0, 0, 0], port(digits).unwrap_or_default()).into()))
        }
        // A name, which is looked up here and now.
        Some((host, digits)) if port(digits).is_some() && !host.contains([':', '/', ']']) => {
            let mut addresses = text.to_socket_addrs().map_err(|error| error.to_string())?;
            addresses.next().map(Bind::Ip).ok_or_else(|| format!("{host} has no address"))
        }
        _ => text.parse().map_err(|_| {
            "write 9000, :9000, 127.0.0.1:9000, [::1]:9000, localhost:9000 or unix:PATH".to_owned()
        }),
    }
}

const EXAMPLES: &str = "\
Input and output:
  Messages go to standard output, words to standard error. What is typed on a
  terminal, or comes through a pipe, goes to all clients, a line a message
  (not with --exec). While nobody reads what is printed, 8 MiB of it wait, and
  64 KiB more of each client; then a client waits with what it sends.

Programs:
  A program of --exec finds in its environment REMOTE_ADDR, REMOTE_PORT,
  REQUEST_URI, PATH_INFO, QUERY_STRING, SERVER_NAME, SERVER_PORT,
  WEBSOCKET_PROTOCOL and the headers of the request as HTTP_*. When it ends,
  the connection is closed with 1000, or with 1011 if it failed. When the
  connection ends, it gets the end of its input, SIGTERM after 1 s more, and
  SIGKILL after 2 s more.

Examples:
  carrick listen 9000
  carrick listen --echo --self-signed :9443
  tail -F log | carrick listen 9000 --dir page
  carrick listen 9000 --exec 'grep --line-buffered error'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short() {
        let ip = |text: &str| Ok(Bind::Ip(text.parse().unwrap()));
        assert_eq!(address("9000"), ip("127.0.0.1:9000"));
        assert_eq!(address(":9000"), ip("0.0.0.0:9000"));
        assert_eq!(address("[::1]:0"), ip("[::1]:0"));
        assert_eq!(address("192.0.2.1:1"), ip("192.0.2.1:1"));
        assert!(matches!(address("localhost:1"), Ok(Bind::Ip(address)) if address.ip().is_loopback()));
        if cfg!(unix) {
            assert_eq!(address("unix:a/b:1"), Ok(Bind::Unix("a/b:1".into())));
        }
        for wrong in ["", "host", "99999", "::1:9000", "ws://host:1", ":", "localhost:x", "unix:"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
