//! What stands between the runner, which speaks HTTP/1.1 over TCP only, and a peer under test that speaks something else.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::background::Background;
use crate::{shell, workspace};

/// What the peer under test speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// HTTP/1.1 over TCP: nothing is in between.
    Tcp,
    /// HTTP/1.1 over TLS: a relay is.
    Tls,
    /// HTTP/2 over TLS: a bridge is.
    Http2,
    /// HTTP/3: a bridge is.
    Http3,
}

impl Over {
    /// The version of HTTP as the client under test and the bridge are told it, if it is not HTTP/1.1.
    pub(super) fn newer(self) -> Option<&'static str> {
        match self {
            Over::Tcp | Over::Tls => None,
            Over::Http2 => Some("http2"),
            Over::Http3 => Some("http3"),
        }
    }

    /// Builds it. The relay without optimisation: what takes time in it is assembly anyway, and linking a release build takes
    /// a minute. What takes time in the bridge is the transport that is tested.
    pub(super) fn build(self) -> anyhow::Result<()> {
        match self {
            Over::Tcp => Ok(()),
            Over::Tls => shell::run(&mut shell::cargo(["build", "--package", "tls-relay"])),
            Over::Http2 | Over::Http3 => {
                shell::run(&mut shell::cargo(["build", "--release", "--package", "http-bridge"]))
            }
        }
    }

    /// Starts it before a server at `address`; answers with the address it listens on.
    pub(super) fn before_server(
        self,
        address: SocketAddr,
        path: &str,
        output: &Path,
    ) -> anyhow::Result<Option<(Background, SocketAddr)>> {
        let Some(mut command) = self.command("originate") else { return Ok(None) };
        match self.newer() {
            Some(_) => command.arg(format!("wss://{address}{path}")),
            None => command.arg(address.to_string()),
        };
        start(&mut command, output).map(Some)
    }

    /// Starts it before the runner at `address`, which a client reaches through it; answers with the address it listens on.
    pub(super) fn before_runner(
        self,
        address: SocketAddr,
        certificate: &Path,
        output: &Path,
    ) -> anyhow::Result<Option<(Background, SocketAddr)>> {
        let Some(mut command) = self.command("terminate") else { return Ok(None) };
        start(command.arg(address.to_string()).arg(certificate), output).map(Some)
    }

    fn command(self, side: &str) -> Option<Command> {
        let mut command = match self {
            Over::Tcp => return None,
            Over::Tls => shell::command(workspace::target_dir().join("debug/tls-relay")),
            Over::Http2 | Over::Http3 => shell::command(workspace::target_dir().join("release/http-bridge")),
        };
        command.arg(side).args(self.newer());
        Some(command)
    }
}

fn start(command: &mut Command, output: &Path) -> anyhow::Result<(Background, SocketAddr)> {
    let mut process = Background::start(command, &output.join("middle.log"))?;
    let address = process.wait_for_line("listening on ")?;
    let address = address.parse().with_context(|| format!("`{address}` is not an address"))?;
    Ok((process, address))
}
