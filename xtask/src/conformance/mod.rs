//! `cargo xtask conformance`: the Autobahn cases against our server and our client, judged strictly.

mod cases;
mod judge;
mod kosoku;
mod middle;
mod peers;
mod summary;

use std::path::{Path, PathBuf};

use anyhow::bail;

use self::cases::{Selection, Shard};
use self::judge::{CaseReport, Verdict};
use self::middle::Over;
use crate::side_by_side::side_by_side;
use crate::{report, workspace};

/// Run the Autobahn cases against our server and our client.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Which side of ours is under test.
    #[arg(long, value_enum, default_value_t = Role::Both)]
    role: Role,
    /// Leave out the large messages and most of the compression cases.
    #[arg(long)]
    quick: bool,
    /// Run the quick cases over TLS.
    #[arg(long)]
    tls: bool,
    /// Run the quick cases over HTTP/2, with a bridge between it and the runner.
    #[arg(long, conflicts_with = "tls")]
    http2: bool,
    /// Run the quick cases over HTTP/3, with a bridge between it and the runner.
    #[arg(long, conflicts_with_all = ["tls", "http2"])]
    http3: bool,
    /// Run all cases where only the quick ones would be run.
    #[arg(long, conflicts_with = "quick")]
    all: bool,
    /// Run the quick cases against the axum example.
    #[arg(long, conflicts_with_all = ["tls", "http2", "http3", "url", "role"])]
    axum: bool,
    /// Run the quick cases against the callback server.
    #[arg(long, conflicts_with_all = ["tls", "http2", "http3", "url", "role", "axum"])]
    callback: bool,
    /// Test the server that listens at this ws:// URL instead of starting ours.
    #[arg(long, value_name = "URL", conflicts_with_all = ["tls", "http2", "http3"])]
    url: Option<String>,
    /// Only these cases, as `7.3.6` or `12.1.*` (may be repeated); their count is not demanded.
    #[arg(long, value_name = "CASE", conflicts_with = "quick")]
    case: Vec<String>,
}

/// The side of ours that is under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Role {
    Server,
    Client,
    Both,
}

/// One run: what is tested, and where its reports go.
#[derive(Debug)]
struct Run {
    tested: Tested,
    output: PathBuf,
}

/// What one run tests.
#[derive(Debug, Clone)]
enum Tested {
    Server(Over),
    Axum,
    Callback,
    Url(String),
    Client(Over),
}

/// Runs what the flags ask for, both roles even when the first fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if args.url.is_some() && args.role == Role::Client {
        bail!("--url names a server, it cannot be tested with --role client");
    }
    kosoku::install()?;
    let selection = selection(args);
    let mut failed = Vec::new();
    for run in runs(args) {
        report::note(&format!("{}: {}", run.name(), selection.describe()));
        let verdict = run.judged(&selection)?;
        if !verdict.passed() {
            failed.push(run.name());
        }
    }
    if !failed.is_empty() {
        bail!("not conformant: {}", failed.join(", "));
    }
    Ok(())
}

fn selection(args: &Args) -> Selection {
    let is_quick = args.tls || args.http2 || args.http3 || args.axum || args.callback;
    if !args.case.is_empty() {
        Selection::Cases(args.case.clone())
    } else if args.quick || (is_quick && !args.all) {
        Selection::Quick
    } else {
        Selection::Full
    }
}

fn runs(args: &Args) -> Vec<Run> {
    let over = match args {
        Args { tls: true, .. } => Over::Tls,
        Args { http2: true, .. } => Over::Http2,
        Args { http3: true, .. } => Over::Http3,
        _ => Over::Tcp,
    };
    let (server, client) = (Tested::Server(over), Tested::Client(over));
    let tested = match (&args.url, args.role) {
        _ if args.axum => vec![Tested::Axum],
        _ if args.callback => vec![Tested::Callback],
        (Some(url), _) => vec![Tested::Url(url.clone())],
        (None, Role::Server) => vec![server],
        (None, Role::Client) => vec![client],
        (None, Role::Both) => vec![server, client],
    };
    tested.into_iter().map(Run::new).collect()
}

impl Run {
    fn new(tested: Tested) -> Run {
        let mut run = Run { tested, output: PathBuf::new() };
        run.output = kosoku::home().join(run.name());
        run
    }

    /// `server`, `client`, both of them with `-tls`, `-http2` or `-http3`, `axum` or `callback`: also the folder of its reports.
    fn name(&self) -> &'static str {
        match self.tested {
            Tested::Server(Over::Tcp) | Tested::Url(_) => "server",
            Tested::Server(Over::Tls) => "server-tls",
            Tested::Server(Over::Http2) => "server-http2",
            Tested::Server(Over::Http3) => "server-http3",
            Tested::Axum => "axum",
            Tested::Callback => "callback",
            Tested::Client(Over::Tcp) => "client",
            Tested::Client(Over::Tls) => "client-tls",
            Tested::Client(Over::Http2) => "client-http2",
            Tested::Client(Over::Http3) => "client-http3",
        }
    }

    /// Runs the cases, writes the summary and prints the verdict.
    fn judged(&self, selection: &Selection) -> anyhow::Result<Verdict> {
        // An old report must never pass for a new one.
        if self.output.exists() {
            std::fs::remove_dir_all(&self.output)?;
        }
        std::fs::create_dir_all(&self.output)?;
        let shards = selection.shards();
        let reports = match &self.tested {
            Tested::Server(over) => {
                self.test_server(peers::ServerUnderTest::start(&self.output, *over)?, &shards)
            }
            Tested::Axum => self.test_server(peers::ServerUnderTest::start_axum(&self.output)?, &shards),
            Tested::Callback => {
                self.test_server(peers::ServerUnderTest::start_callback(&self.output)?, &shards)
            }
            Tested::Url(url) => self.test_server(peers::ServerUnderTest::running(url)?, &shards),
            Tested::Client(over) => self.test_client(&peers::ClientUnderTest::build(*over)?, &shards),
        };
        let verdict = judge::judge(&reports, &selection.expected());
        let file = self.output.join("summary.json");
        std::fs::write(&file, summary::json(self.name(), &verdict)?)?;
        report::result(&summary::markdown(self.name(), &verdict));
        report::note(&format!("summary: {}", workspace::shown(&file)));
        Ok(verdict)
    }

    fn test_server(&self, mut server: peers::ServerUnderTest, shards: &[Shard]) -> Vec<CaseReport> {
        let reports =
            collect(shards, |shard| kosoku::test_server(shard, server.url(), &self.output.join(shard.name)));
        if let Err(error) = server.expect_running() {
            report::note(&format!("{error:#}"));
        }
        reports
    }

    fn test_client(&self, client: &peers::ClientUnderTest, shards: &[Shard]) -> Vec<CaseReport> {
        collect(shards, |shard| {
            let output = self.output.join(shard.name);
            kosoku::test_client(shard, &output, |address| client.run(address, &output))
        })
    }
}

/// Runs the shards side by side. What goes wrong in one is said at once; the judge sees it as missing cases.
fn collect(shards: &[Shard], work: impl Fn(&Shard) -> anyhow::Result<PathBuf> + Sync) -> Vec<CaseReport> {
    let read = |shard: &Shard| work(shard).and_then(|folder| judge::read_index(Path::new(&folder)));
    let mut reports = Vec::new();
    for (shard, outcome) in shards.iter().zip(side_by_side(shards, read)) {
        match outcome {
            Ok(found) => reports.extend(found),
            Err(error) => report::note(&format!("shard {}: {error:#}", shard.name)),
        }
    }
    reports
}
