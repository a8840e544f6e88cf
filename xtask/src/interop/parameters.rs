//! Every combination of the parameters of permessage-deflate, as client and as server.

use std::time::Duration;

use anyhow::{Context, ensure};

use super::peers::{self, PEERS};
use crate::background::Background;

/// A client that tries all combinations it knows, and how many they are.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) name: String,
    /// The library that serves; `None` is ours, with a client on websockets.
    server: Option<&'static peers::Peer>,
    pub(super) combinations: usize,
}

/// Our client with each server that has deflate, and our server with the client that can be told every parameter.
pub(super) fn all() -> Vec<Sweep> {
    let servers = PEERS.iter().filter(|peer| peer.has_server && peer.has_deflate).map(|peer| Sweep {
        name: format!("deflate parameters, carrick → {}", peer.name),
        server: Some(peer),
        combinations: 36,
    });
    let ours =
        Sweep {
            name: "deflate parameters, websockets → carrick".to_owned(), server: None, combinations: 80
        };
    servers.chain([ours]).collect()
}

impl Sweep {
    /// Runs client and server, without a relay: what is agreed on shows in the opening handshake.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let log = |who: &str| {
            peers::home().join(format!("parameters-{}-{who}.log", self.server.map_or("us", |peer| peer.name)))
        };
        let mut server = match self.server {
            Some(peer) => peer.command(),
            None => peers::ours(),
        };
        server.arg("server");
        let mut client = match self.server {
            Some(_) => {
                let mut ours = peers::ours();
                ours.arg("parameters");
                ours
            }
            None => {
                server.arg("--takeover");
                peers::python_script("deflate_parameters.py")
            }
        };
        let mut server = Background::start(&mut server, &log("server"))?;
        let address = server.wait_for_line("listening on ")?;
        let mut client = Background::start(client.arg(format!("ws://{address}/echo")), &log("client"))?;
        let status = client.wait(LIMIT)?;
        ensure!(status.success(), "the client ended: {status}\n{}", client.last_words());
        let printed = client.printed();
        let passed = printed
            .lines()
            .find_map(|line| line.strip_prefix("passed "))
            .context("the client says nothing")?;
        ensure!(passed == self.combinations.to_string(), "{passed} of {} combinations", self.combinations);
        server.expect_running()
    }
}

/// How long a client may take for all combinations.
const LIMIT: Duration = Duration::from_secs(90);
