//! One client with one server, and the relay between them.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::cases::{self, Abilities, CASES, TAKEOVER};
use super::peers::{self, PEERS, Peer};
use super::wire::{Conversation, Frame, Side};
use crate::background::Background;

/// A peer with our other end.
#[derive(Debug)]
pub(super) struct Pairing {
    /// Who connects to whom.
    pub(super) name: String,
    peer: &'static Peer,
    we_serve: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) passed: usize,
    /// Why the others failed, each with the name of its case.
    pub(super) failures: Vec<String>,
    /// Frames that begin a compressed message: those of the client, and those of the server.
    compressed: [usize; 2],
    /// Frames of messages that came in more than one.
    fragments: [usize; 2],
}

/// What the programs of a pairing tell.
struct Seen {
    /// Everything that the client printed.
    client: String,
    server: Background,
    relay: Background,
}

/// The head of the table of which [`Outcome::row`] is a row. "a/b" are frames of the client and of the server.
pub(super) const TABLE_HEAD: &str = "client → server               passed  RSV1     fragments";

/// Each peer with our client and, if it has a client, with our server.
pub(super) fn all() -> Vec<Pairing> {
    let as_server = PEERS.iter().filter(|peer| peer.has_server).map(|peer| {
        let name = format!("carrick → {}", peer.name);
        Pairing { name, peer, we_serve: false }
    });
    let as_client = PEERS.iter().map(|peer| {
        let name = format!("{} → carrick", peer.name);
        Pairing { name, peer, we_serve: true }
    });
    as_server.chain(as_client).collect()
}

impl Pairing {
    /// Runs the cases; a case that fails is no error, an end that is missing is.
    pub(super) fn run(&self) -> anyhow::Result<Outcome> {
        let (takeover, usual): (Vec<&str>, Vec<&str>) = CASES.iter().partition(|case| **case == TAKEOVER);
        let mut outcome = Outcome::default();
        self.run_cases(&usual, &mut outcome).with_context(|| self.name.clone())?;
        if self.peer.has_deflate {
            self.run_cases(&takeover, &mut outcome).with_context(|| self.name.clone())?;
        }
        Ok(outcome)
    }

    fn run_cases(&self, cases: &[&str], outcome: &mut Outcome) -> anyhow::Result<()> {
        let mut server = self.server(cases.contains(&TAKEOVER));
        let mut server = Background::start(&mut server, &self.log("server", cases))?;
        let address = server.wait_for_line("listening on ")?;
        let mut relay = peers::ours();
        let mut relay = Background::start(relay.arg("relay").arg(address), &self.log("relay", cases))?;
        let address = relay.wait_for_line("listening on ")?;
        let mut client = self.client();
        client.args(["client", &format!("ws://{address}")]).args(cases);
        let mut client = Background::start(&mut client, &self.log("client", cases))?;
        // The exit code is no verdict: a client may die in the middle.
        client.wait(CLIENT_LIMIT)?;

        let mut seen = Seen { client: client.printed(), server, relay };
        for case in cases {
            match self.judge(case, &mut seen, outcome) {
                Ok(()) => outcome.passed += 1,
                Err(error) => outcome.failures.push(format!("{case}: {error:#}")),
            }
        }
        seen.server.expect_running()?;
        seen.relay.expect_running()
    }

    /// Whether client, server and wire agree that the case went well.
    fn judge(&self, case: &str, seen: &mut Seen, outcome: &mut Outcome) -> anyhow::Result<()> {
        let passed = format!("passed {case}");
        let failed = format!("failed {case}:");
        let said = seen.client.lines().find(|line| line.starts_with(&failed)).unwrap_or("nothing");
        ensure!(seen.client.lines().any(|line| line == passed), "the client says {said}");

        let closed = seen.server.wait_for_line(&format!("closed {case} "))?;
        ensure!(closed.starts_with(cases::closed_line(case)), "the server saw the end as {closed}");

        let conversation = Conversation::read(&seen.relay.printed(), case)?;
        outcome.count(&conversation);
        cases::check(case, &conversation, self.abilities()).context("on the wire")
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            deflate: self.peer.has_deflate,
            client_fragments: !self.we_serve || self.peer.sends_fragments,
            server_fragments: self.we_serve || self.peer.sends_fragments,
        }
    }

    fn server(&self, takeover: bool) -> Command {
        let mut server = if self.we_serve { peers::ours() } else { self.peer.command() };
        server.arg("server");
        // Other libraries let windows be kept unless told otherwise; ours has to be told to.
        if takeover && self.we_serve {
            server.arg("--takeover");
        }
        server
    }

    fn client(&self) -> Command {
        if self.we_serve { self.peer.command() } else { peers::ours() }
    }

    fn log(&self, who: &str, cases: &[&str]) -> std::path::PathBuf {
        let direction = if self.we_serve { "to-us" } else { "from-us" };
        peers::home().join(format!("{}-{direction}-{}-{who}.log", self.peer.name, cases.len()))
    }
}

impl Outcome {
    /// A row of the table.
    pub(super) fn row(&self, name: &str) -> String {
        let cases = self.passed + self.failures.len();
        let both = |counts: [usize; 2]| format!("{}/{}", counts[0], counts[1]);
        let passed = format!("{}/{cases}", self.passed);
        format!("{name:<29} {passed:<7} {:<8} {}", both(self.compressed), both(self.fragments))
    }

    fn count(&mut self, seen: &Conversation) {
        for (index, side) in [Side::Client, Side::Server].into_iter().enumerate() {
            let data = seen.data(side);
            self.compressed[index] += data.iter().filter(|frame| frame.rsv1).count();
            let is_fragment = |frame: &&&Frame| !frame.fin || frame.opcode == "continuation";
            self.fragments[index] += data.iter().filter(is_fragment).count();
        }
    }
}

/// How long a client may take for all cases: each has a limit of its own, and most take milliseconds.
const CLIENT_LIMIT: Duration = Duration::from_secs(90);
