//! `cargo xtask interop`: our client and our server with those of other libraries.
//!
//! Each peer is a program of a few lines on the library it stands for, in `interop/`; what it has to do in each case
//! stands in `interop/README.md`. Between client and server runs a relay that prints the head of every frame, so what is
//! claimed about compression, fragments and masks is what was on the wire. A peer that is missing or dies is an error, and
//! so is a number of cases other than the one that is demanded.

mod cases;
mod examples;
mod pairing;
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
    shell::run(&mut shell::cargo(["build", "--package", "interop-peer"]))?;
    examples::build()?;
    let wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| name.contains(only));
    let (mut passed, mut failed) = (0, 0);
    report::result(pairing::TABLE_HEAD);
    for pairing in pairing::all().iter().filter(|pairing| wanted(&pairing.name)) {
        let outcome = pairing.run()?;
        report::result(&outcome.row(&pairing.name));
        outcome.failures.iter().for_each(|failure| report::note(&format!("{}: {failure}", pairing.name)));
        passed += outcome.passed;
        failed += outcome.failures.len();
    }
    for greeting in GREETINGS.iter().filter(|greeting| wanted(greeting.name)) {
        match greeting.run() {
            Ok(()) => {
                report::result(&format!("{}: passed", greeting.name));
                passed += 1;
            }
            Err(error) => {
                report::result(&format!("{}: failed: {error:#}", greeting.name));
                failed += 1;
            }
        }
    }
    report::result(&format!("{passed} passed, {failed} failed"));
    if failed > 0 {
        bail!("{failed} cases failed");
    }
    if args.only.is_empty() && passed != DEMANDED {
        bail!("{passed} cases ran, {DEMANDED} are demanded");
    }
    Ok(())
}

/// How many cases have to pass: ten with each of three servers and of three clients, and nine with `websocket-client`,
/// which has no server and no permessage-deflate whose window could be kept; and the callback examples.
const DEMANDED: usize = 3 * 10 + 3 * 10 + 9 + 5;
