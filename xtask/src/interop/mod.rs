//! `cargo xtask interop`: our client and our server with those of other libraries.
//!
//! Each peer is a program of a few lines on the library it stands for, in `interop/`; what it has to do in each case
//! stands in `interop/README.md`. Between client and server runs a relay that prints the head of every frame, so what is
//! claimed about compression, fragments and masks is what was on the wire. A peer that is missing or dies is an error, and
//! so is a number of cases other than the one that is demanded.

mod cases;
mod examples;
mod http2;
mod pairing;
mod parameters;
mod peers;
mod wire;

use anyhow::bail;

use self::examples::GREETINGS;
use crate::{report, shell};

/// Run our client and our server with those of other libraries (needs python3, node and npm).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the pairings with this in their name, as `aiohttp` (may be repeated); the count is not demanded then.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// Runs every pairing, also after one has failed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    peers::install()?;
    http2::install()?;
    shell::run(&mut shell::cargo(["build", "--package", "interop-peer"]))?;
    examples::build()?;
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| name.contains(only));
    let mut tally = Tally::default();
    report::result(pairing::TABLE_HEAD);
    for pairing in pairing::all().iter().filter(|pairing| wanted(&pairing.name)) {
        let outcome = pairing.run()?;
        report::result(&outcome.row(&pairing.name));
        outcome.failures.iter().for_each(|failure| report::note(&format!("{}: {failure}", pairing.name)));
        tally.passed += outcome.passed;
        tally.failed += outcome.failures.len();
    }
    for sweep in parameters::all().iter().filter(|sweep| wanted(&sweep.name)) {
        tally.count(&sweep.name, sweep.combinations, sweep.run());
    }
    for pair in http2::PAIRS.iter().filter(|pair| wanted(pair.name)) {
        tally.count(pair.name, pair.cases.len(), pair.run());
    }
    for greeting in GREETINGS.iter().filter(|greeting| wanted(greeting.name)) {
        tally.count(greeting.name, 1, greeting.run());
    }
    report::result(&format!("{} passed, {} failed", tally.passed, tally.failed));
    if tally.failed > 0 {
        bail!("{} cases failed", tally.failed);
    }
    if args.only.is_empty() && tally.passed != DEMANDED {
        bail!("{} cases ran, {DEMANDED} are demanded", tally.passed);
    }
    Ok(())
}

/// How many cases went how.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    /// Counts cases that passed or failed together, and says so.
    fn count(&mut self, name: &str, cases: usize, outcome: anyhow::Result<()>) {
        match outcome {
            Ok(()) => {
                report::result(&format!("{name}: {cases} passed"));
                self.passed += cases;
            }
            Err(error) => {
                report::result(&format!("{name}: failed: {error:#}"));
                self.failed += cases;
            }
        }
    }
}

/// How many cases have to pass: ten with each of three servers and of three clients, and nine with `websocket-client`,
/// which has no server and no permessage-deflate whose window could be kept; every combination of the parameters of
/// permessage-deflate, 36 as client of each of the three and 80 as server; over HTTP/2 eight as client and seven as server; and
/// the callback examples.
const DEMANDED: usize = 3 * 10 + 3 * 10 + 9 + 3 * 36 + 80 + 8 + 7 + 5;
