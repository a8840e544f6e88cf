//! What a row needs to be run: which core is whose, the certificate, the generator.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use bench::measurement::Measurement;
use rustix::thread::{CpuSet, sched_getaffinity};

use crate::args::Effort;
use crate::children::Running;
use crate::peers::Peer;
use crate::places;

/// What all rows share.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(crate) effort: Effort,
    /// The server has one to itself.
    pub(crate) server_core: usize,
    pub(crate) load_core: usize,
    certificate: PathBuf,
    key: PathBuf,
    logs: PathBuf,
}

/// A server that listens.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) port: u16,
}

impl Stage {
    pub(crate) fn set(effort: Effort) -> anyhow::Result<Stage> {
        let cores = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).rev().filter(|&core| cores.is_set(core));
        let server_core = cores.next().context("no core")?;
        let load_core = cores.next().context("two cores are needed: one for the server, one for the load")?;
        let logs = places::home().join("bench-logs");
        fs::create_dir_all(&logs)?;
        let (certificate, key) = (logs.join("certificate.pem"), logs.join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(&certificate, made.cert.pem())?;
        fs::write(&key, made.signing_key.serialize_pem())?;
        Ok(Stage { effort, server_core, load_core, certificate, key, logs })
    }

    /// Starts a server and waits until it listens; `None` if its library cannot do this.
    pub(crate) fn serve(&self, peer: &Peer, mode: &str, core: usize) -> anyhow::Result<Option<Server>> {
        // A port that is free now; what is left of the connections of earlier servers does not matter to a new port.
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let mut command = peer.command(mode);
        command.args(["--port", &port.to_string(), "--mode", peer.server_mode(mode)]);
        if mode == "tls" {
            command.arg("--cert").arg(&self.certificate).arg("--key").arg(&self.key);
        }
        let log = self.log(peer.name);
        let mut running = Running::start(&mut command, core, &log)?;
        match running.line(FOR_A_START)? {
            Some(line) => {
                ensure!(line.trim() == "ready", "it said `{line}`");
                Ok(Some(Server { running, port }))
            }
            None => {
                let status = running.wait(FOR_A_START)?;
                ensure!(status.code() == Some(CANNOT), "it ended: {status}, see {}", log.display());
                Ok(None)
            }
        }
    }

    /// The generator against a server, whose mode it speaks.
    pub(crate) fn load(
        &self,
        peer: &Peer,
        server: &Server,
        mode: &str,
        args: &[String],
    ) -> anyhow::Result<Measurement> {
        let mut command = Command::new(places::programs().join("load"));
        command.args(args);
        command.args(["--port", &server.port.to_string(), "--server", &server.running.id().to_string()]);
        command.args(["--seconds", &self.effort.seconds.to_string()]);
        command.args(["--warm-up", &self.effort.warm_up.to_string()]);
        match mode {
            "tls" => drop(command.arg("--tls").arg(&self.certificate)),
            "deflate" => drop(command.arg("--deflate")),
            _ => {}
        }
        command.args(peer.newer_http.map(|http| format!("--{http}")));
        if peer.name == "raw-epoll" {
            command.arg("--raw");
        }
        let log = self.log("load");
        let mut load = Running::start(&mut command, self.load_core, &log)?;
        match load.line(FOR_A_ROUND)? {
            Some(line) => serde_json::from_str(&line).with_context(|| format!("the generator said `{line}`")),
            None => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                anyhow::bail!("{}", said.trim().trim_start_matches("error: "));
            }
        }
    }

    pub(crate) fn with_effort(&self, effort: Effort) -> Stage {
        Stage { effort, ..self.clone() }
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

const CANNOT: i32 = 3;
const FOR_A_START: Duration = Duration::from_secs(30);
const FOR_A_ROUND: Duration = Duration::from_secs(120);
