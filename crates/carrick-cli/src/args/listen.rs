//! `carrick listen`.

use std::{net::SocketAddr, path::PathBuf, str::FromStr};

use clap::{Args as ClapArgs, ValueEnum};

use super::shared::{Hosting, Limits};

#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Listen {
    /// Where: 9000 (this machine only), :9000 (all addresses), 127.0.0.1:9000; port 0 takes a free one
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: ListenAddress,

    #[command(flatten)]
    pub(crate) answer: Answer,

    /// With --exec: messages are bytes, not lines
    #[arg(long, requires = "exec")]
    pub(crate) binary: bool,

    /// Serve the files of this folder to requests that are no WebSocket; none whose name starts with a dot
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

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListenAddress {
    Ip(SocketAddr),
    /// A name and a port, still to be resolved.
    Name(String),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<ListenAddress, String> {
        if let Ok(address) = text.parse() {
            return Ok(ListenAddress::Ip(address));
        }
        let port = |digits: &str| digits.parse::<u16>().ok();
        if let Some(port) = port(text) {
            return Ok(ListenAddress::Ip(([127, 0, 0, 1], port).into()));
        }
        match text.rsplit_once(':') {
            Some(("", digits)) if port(digits).is_some() => {
                Ok(ListenAddress::Ip(([0, 0, 0, 0], port(digits).unwrap_or_default()).into()))
            }
            Some((host, digits)) if port(digits).is_some() && !host.contains([':', '/']) => {
                Ok(ListenAddress::Name(text.to_owned()))
            }
            _ => Err("write 9000, :9000, 127.0.0.1:9000, [::1]:9000 or localhost:9000".to_owned()),
        }
    }
}

const EXAMPLES: &str = "\
Input and output:
  Messages go to standard output, words to standard error. What is typed on a
  terminal, or comes through a pipe, goes to all clients, a line a message
  (not with --exec).

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
        let ip = |text: &str| ListenAddress::Ip(text.parse().unwrap());
        assert_eq!("9000".parse(), Ok(ip("127.0.0.1:9000")));
        assert_eq!(":9000".parse(), Ok(ip("0.0.0.0:9000")));
        assert_eq!("[::1]:0".parse(), Ok(ip("[::1]:0")));
        assert_eq!("localhost:1".parse(), Ok(ListenAddress::Name("localhost:1".to_owned())));
        for wrong in ["", "host", "99999", "::1:9000", "ws://host:1", ":", "host:x"] {
            assert!(wrong.parse::<ListenAddress>().is_err(), "{wrong}");
        }
    }
}
