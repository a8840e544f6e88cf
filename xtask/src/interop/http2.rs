//! WebSockets over HTTP/2: our client with node:http2, our server with undici.
//!
//! There is no relay in between, which reads HTTP/1.1. Each side sees for itself that it is HTTP/2: neither has another way.

use std::{process::Command, time::Duration};

use anyhow::ensure;

use super::peers;
use crate::{background::Background, shell, workspace};

/// A client and a server, and what they can both do.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) name: &'static str,
    ours_is_client: bool,
    pub(super) cases: &'static [&'static str],
}

pub(super) const PAIRS: [Pair; 2] = [
    Pair {
        name: "http/2, carrick → node:http2",
        ours_is_client: true,
        cases: &[
            "text",
            "binary",
            "empty",
            "fragments",
            "ping",
            "subprotocol",
            "close-by-client",
            "close-by-server",
        ],
    },
    Pair {
        name: "http/2, undici → carrick",
        ours_is_client: false,
        cases: &["text", "binary", "empty", "deflate", "subprotocol", "close-by-client", "close-by-server"],
    },
];

impl Pair {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let (mut server, mut client, scheme) = if self.ours_is_client {
            let mut client = peers::ours();
            client.args(["client", "--http2"]);
            (node("server.mjs"), client, "ws")
        } else {
            let mut server = peers::ours();
            server.args(["server", "--self-signed"]);
            (server, node("client.mjs"), "wss")
        };
        let log =
            |who: &str| peers::home().join(format!("http2-{}-{who}.log", u8::from(self.ours_is_client)));
        let mut server = Background::start(&mut server, &log("server"))?;
        let address = server.wait_for_line("listening on ")?;
        client.arg(format!("{scheme}://{address}")).args(self.cases);
        let mut client = Background::start(&mut client, &log("client"))?;
        let status = client.wait(LIMIT)?;
        ensure!(status.success(), "the client ended: {status}\n{}", client.last_words());
        let passed = client.printed().lines().filter(|line| line.starts_with("passed ")).count();
        ensure!(passed == self.cases.len(), "{passed} of {} cases", self.cases.len());
        server.expect_running()
    }
}

/// Installs undici, and the version of node that it needs.
pub(super) fn install() -> anyhow::Result<()> {
    shell::run(shell::command("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder()))
}

fn node(script: &str) -> Command {
    let mut command = peers::on_loopback(folder().join("node_modules/.bin/node"));
    command.arg(folder().join(script));
    command
}

fn folder() -> std::path::PathBuf {
    workspace::root().join("interop/node-http2")
}

/// How long a client may take for all cases.
const LIMIT: Duration = Duration::from_secs(90);
