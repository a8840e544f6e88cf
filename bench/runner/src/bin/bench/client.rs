//! The row of the clients: each talks to the same server, and its own CPU time counts.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::process;
use serde::Deserialize;

use crate::children::Running;
use crate::peers::{self, Peer};
use crate::places;
use crate::results::Figures;
use crate::rows::{CLIENTS, Row};
use crate::stage::{Server, Stage};

/// The server that all clients talk to, on the other core.
pub(crate) fn fixed_server(stage: &Stage) -> anyhow::Result<Server> {
    stage.serve(peers::named("uwebsockets"), "echo", stage.load_core)?.context("uWebSockets does not serve")
}

/// What a client says when it is done.
#[derive(Debug, Deserialize)]
struct Counted {
    messages: u64,
}

/// Runs a client; `None` if its library has none.
pub(crate) fn figures(
    stage: &Stage,
    peer: &Peer,
    server: &Server,
    row: &Row,
) -> anyhow::Result<Option<Figures>> {
    let seconds = stage.effort.seconds;
    let mut command = if peer.name == "raw-epoll" {
        // The floor: the generator itself, which neither masks nor parses.
        let mut command = Command::new(places::programs().join("load"));
        command.args(row.loads().concat()).args(["--warm-up", "0"]);
        command
    } else {
        let mut command = peer.command(row.mode);
        command.args(["--mode", row.mode, "--connections", &CLIENTS.to_string(), "--bytes", "20"]);
        command
    };
    command.args(["--port", &server.port.to_string(), "--seconds", &seconds.to_string()]);
    let mut running = Running::start(&mut command, stage.server_core, &stage.log(peer.name))?;
    let Some(line) = running.line(FOR_A_ROUND)? else {
        let status = running.wait(FOR_AN_END)?;
        ensure!(status.code() == Some(CANNOT), "it ended: {status}");
        return Ok(None);
    };
    let counted: Counted = serde_json::from_str(&line).with_context(|| format!("it said `{line}`"))?;
    running.wait_for_exit(FOR_AN_END)?;
    let cpu_nanos = process::cpu_nanos(running.id())?;
    let messages = counted.messages.max(1) as f64;
    let (cost, rate) = (cpu_nanos as f64 / messages, messages / seconds);
    Ok(Some(Figures { cost, rate, p50_nanos: 0, p99_nanos: 0 }))
}

const CANNOT: i32 = 3;
const FOR_A_ROUND: Duration = Duration::from_secs(60);
const FOR_AN_END: Duration = Duration::from_secs(10);
