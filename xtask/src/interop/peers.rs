//! The other libraries: which they are, what they can do, and how they are installed and started.

use std::path::PathBuf;
use std::process::Command;

use crate::{python, shell, workspace};

/// A library that we talk to.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// The file in `interop/` that runs the cases on it.
    script: &'static str,
    pub(super) has_server: bool,
    pub(super) has_deflate: bool,
    /// Whether it sends a message in fragments. All of them receive fragments.
    pub(super) sends_fragments: bool,
}

/// All of them. A run without one of them fails.
pub(super) const PEERS: [Peer; 4] = [
    Peer {
        name: "websockets",
        script: "python/websockets_peer.py",
        has_server: true,
        has_deflate: true,
        sends_fragments: true,
    },
    Peer {
        name: "aiohttp",
        script: "python/aiohttp_peer.py",
        has_server: true,
        has_deflate: true,
        sends_fragments: false,
    },
    Peer {
        name: "websocket-client",
        script: "python/websocket_client_peer.py",
        has_server: false,
        has_deflate: false,
        sends_fragments: true,
    },
    Peer { name: "ws", script: "node/ws.mjs", has_server: true, has_deflate: true, sends_fragments: true },
];

impl Peer {
    /// The command that runs its script.
    pub(super) fn command(&self) -> Command {
        let interpreter = if self.script.ends_with(".py") { interpreter() } else { "node".into() };
        let mut command = on_loopback(interpreter);
        command.arg(workspace::root().join("interop").join(self.script));
        command
    }
}

/// The command that runs another script in `interop/python/`.
pub(super) fn python_script(name: &str) -> Command {
    let mut command = on_loopback(interpreter());
    command.arg(workspace::root().join("interop/python").join(name));
    command
}

/// Our own end: `client URL CASE…`, `server` or `relay ADDRESS`.
pub(super) fn ours() -> Command {
    on_loopback(workspace::target_dir().join("debug/interop-peer"))
}

/// A program that talks to its other end on loopback, whatever proxies the environment names.
pub(super) fn on_loopback(program: PathBuf) -> Command {
    let mut command = shell::command(program);
    // A folder beside the scripts for compiled ones is not wanted.
    command.env("no_proxy", "*").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Where the virtual environment and the logs are.
pub(super) fn home() -> PathBuf {
    workspace::target_dir().join("interop")
}

/// Installs the libraries in the versions that are pinned in `interop/`.
pub(super) fn install() -> anyhow::Result<()> {
    python::install(&workspace::root().join("interop/python/requirements.txt"), &home().join("python"))?;
    shell::run(
        shell::command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(workspace::root().join("interop/node")),
    )
}

fn interpreter() -> PathBuf {
    home().join("python/bin/python")
}
