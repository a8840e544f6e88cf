//! Who takes part: where the programs are, and what is said of them in the table.

use std::path::PathBuf;
use std::process::Command;

use crate::places;

/// A library that is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    /// As in `--peers`, and for Rust the name of the program.
    pub(crate) name: &'static str,
    /// In the table.
    pub(crate) label: &'static str,
    program: Program,
    /// Measured in every round; the others in the first few.
    pub(crate) in_every_round: bool,
    /// The package whose version is told, if there is one.
    package: &'static str,
    /// Sends every answer by itself, which is how most programs use the library. Only in the row in which it shows.
    pub(crate) each: bool,
    /// Measured over this version of HTTP, as the generator is told it, in the rows that compare the versions; the others
    /// speak HTTP/1.1.
    pub(crate) newer_http: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Rust,
    /// Built from C++, one program for each of its modes that is not plain.
    Uwebsockets,
    /// The script in `bench/peers/node/`.
    Node(&'static str),
    /// The script in `bench/peers/python/`.
    Python(&'static str),
}

impl Peer {
    pub(crate) fn is_ours(&self) -> bool {
        self.name.starts_with(OURS)
    }

    /// The command that starts it.
    pub(crate) fn command(&self, mode: &str) -> Command {
        let scripts = places::bench().join("peers");
        let script = |interpreter: PathBuf, script: PathBuf| {
            let mut command = Command::new(interpreter);
            // A folder beside the scripts for compiled ones is not wanted.
            command.arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
            command
        };
        match self.program {
            Program::Rust => {
                let mut command = Command::new(places::programs().join(self.program_name()));
                command.args(self.each.then_some("--each"));
                command
            }
            Program::Uwebsockets => {
                let variant = match mode {
                    "tls" => "uwebsockets-tls",
                    "deflate" => "uwebsockets-deflate",
                    _ => "uwebsockets",
                };
                Command::new(places::home().join("uwebsockets").join(variant))
            }
            Program::Node(name) => script("node".into(), scripts.join("node").join(name)),
            Program::Python(name) => {
                script(places::home().join("python/bin/python"), scripts.join("python").join(name))
            }
        }
    }

    /// The mode of its server where others are asked for `mode`: HTTP/2 comes with TLS, HTTP/3 has a port of its own.
    pub(crate) fn server_mode<'a>(&self, mode: &'a str) -> &'a str {
        if self.newer_http == Some("http3") { "http3" } else { mode }
    }

    fn program_name(&self) -> &'static str {
        if self.newer_http.is_some() {
            return SPEAKS_NEWER_HTTP;
        }
        self.name.strip_suffix(EACH).unwrap_or(self.name)
    }

    /// What `cargo xtask bench` has to build for it.
    pub(crate) fn need(&self) -> String {
        match self.program {
            Program::Rust => format!("rust {}", self.program_name()),
            Program::Uwebsockets => "uwebsockets".to_owned(),
            Program::Node(_) => "node".to_owned(),
            Program::Python(_) => "python".to_owned(),
        }
    }

    /// The version that is measured, as the files say from which it was installed.
    pub(crate) fn version(&self) -> String {
        let found = match self.program {
            Program::Rust | Program::Uwebsockets => locked_version(self.package),
            Program::Node(_) => {
                pinned_version("node/package.json", &format!("\"{}\": \"", self.package), '"')
            }
            Program::Python(_) => {
                pinned_version("python/requirements.txt", &format!("{}==", self.package), '\n')
            }
        };
        found.unwrap_or_default()
    }
}

/// The peer of this name.
///
/// # Panics
///
/// If there is none.
pub(crate) fn named(name: &str) -> &'static Peer {
    PEERS
        .iter()
        .find(|peer| peer.name == name)
        .expect("the name stands in this crate, as those of the peers do")
}

/// The peers that were asked for; uWebSockets is always among them.
pub(crate) fn selected(wanted: &[String]) -> anyhow::Result<Vec<&'static Peer>> {
    if let Some(unknown) = wanted.iter().find(|name| !PEERS.iter().any(|peer| peer.name == *name)) {
        anyhow::bail!("there is no peer `{unknown}`; `--list` names them");
    }
    let fits = |peer: &&Peer| {
        wanted.is_empty() || peer.name == "uwebsockets" || wanted.iter().any(|name| name == peer.name)
    };
    Ok(PEERS.iter().filter(fits).collect())
}

fn locked_version(package: &str) -> Option<String> {
    let lock = std::fs::read_to_string(places::bench().join("Cargo.lock")).ok()?;
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn pinned_version(file: &str, before: &str, behind: char) -> Option<String> {
    let text = std::fs::read_to_string(places::bench().join("peers").join(file)).ok()?;
    let (_, rest) = text.split_once(before)?;
    Some(rest.split(behind).next()?.trim().to_owned())
}

const fn rust(name: &'static str, label: &'static str, package: &'static str) -> Peer {
    Peer {
        name,
        label,
        program: Program::Rust,
        in_every_round: false,
        package,
        each: false,
        newer_http: None,
    }
}

const fn script(name: &'static str, label: &'static str, program: Program, package: &'static str) -> Peer {
    Peer { name, label, program, in_every_round: false, package, each: false, newer_http: None }
}

const fn each(name: &'static str, label: &'static str, package: &'static str) -> Peer {
    Peer { each: true, ..rust(name, label, package) }
}

const fn over(http: &'static str, name: &'static str, label: &'static str) -> Peer {
    Peer { newer_http: Some(http), ..first(rust(name, label, "carrick")) }
}

const fn first(peer: Peer) -> Peer {
    Peer { in_every_round: true, ..peer }
}

/// All of them, in the order of the table.
const PEERS: &[Peer] = &[
    first(rust("carrick-callback", "carrick, callback", "carrick")),
    first(rust("carrick-async", "carrick, async", "carrick")),
    over("http2", "carrick-http2", "carrick, HTTP/2"),
    over("http3", "carrick-http3", "carrick, HTTP/3"),
    first(script("uwebsockets", "uWebSockets", Program::Uwebsockets, "libuwebsockets-sys")),
    first(rust("raw-epoll", "raw TCP echo", "")),
    rust("fastwebsockets", "fastwebsockets", "fastwebsockets"),
    rust("tokio-websockets", "tokio-websockets", "tokio-websockets"),
    rust("tokio-tungstenite", "tokio-tungstenite", "tokio-tungstenite"),
    rust("tokio-tungstenite-4k", "tokio-tungstenite, 4 KiB", "tokio-tungstenite"),
    rust("yawc", "yawc", "yawc"),
    rust("sockudo-ws", "sockudo-ws", "sockudo-ws"),
    rust("soketto", "soketto", "soketto"),
    each("tokio-tungstenite-each", "tokio-tungstenite, each", "tokio-tungstenite"),
    each("tokio-websockets-each", "tokio-websockets, each", "tokio-websockets"),
    each("yawc-each", "yawc, each", "yawc"),
    each("sockudo-ws-each", "sockudo-ws, each", "sockudo-ws"),
    script("ws", "ws (node)", Program::Node("ws.mjs"), "ws"),
    script("websockets", "websockets (python)", Program::Python("websockets_peer.py"), "websockets"),
    script("picows", "picows (python)", Program::Python("picows_peer.py"), "picows"),
];

/// How the names of those end that send every answer by itself.
/// How the names of ours begin.
pub(crate) const OURS: &str = "carrick";
const EACH: &str = "-each";

/// The program of those that are measured over a newer version of HTTP.
const SPEAKS_NEWER_HTTP: &str = "carrick-async";
