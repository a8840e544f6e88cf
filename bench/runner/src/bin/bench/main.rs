//! The runner: `cargo xtask bench` builds what it needs and starts it.
//!
//! What it does for one row stands in `rounds.rs`; `bench/README.md` tells how it is measured, and what is not equal.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the tables are what it is for")]

mod args;
mod children;
mod client;
mod machine;
mod peers;
mod places;
mod plots;
mod results;
mod rounds;
mod rows;
mod stage;
mod syscalls;
mod table;
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::args::Args;
use self::machine::Machine;
use self::results::Results;
use self::rows::{Row, Work};
use self::stage::Stage;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let rows = rows::selected(&args.rows)?;
    let peers = peers::selected(&args.peers)?;
    if args.list {
        rows.iter().for_each(|row| println!("{:<20} {}", row.name, row.title));
        println!();
        peers.iter().for_each(|peer| println!("{:<20} {} {}", peer.name, peer.label, peer.version()));
        return Ok(());
    }
    if args.needs {
        let needs: BTreeSet<String> = peers.iter().map(|peer| peer.need()).collect();
        needs.iter().for_each(|need| println!("{need}"));
        return Ok(());
    }
    if args.redraw {
        return publish(&Results::load()?);
    }
    children::end_with_us()?;
    // Servers and generator inherit it; 10,000 connections take as many files on each side.
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;

    let stage = Stage::set(args.effort())?;
    let mut results = if args.is_complete() { Results::default() } else { Results::load()? };
    results.machine = Machine::look();
    for row in rows {
        let result = rounds::run(&stage, row, &taking_part(row, &peers))?;
        results.take(vec![result.clone()]);
        println!("{}", table::of_row(&results, &result));
    }
    if args.is_complete() || args.save {
        results.save()?;
        publish(&results)?;
    }
    Ok(())
}

/// The raw echo has neither TLS nor compression nor a handshake, and nothing that idles; and whether every answer is sent by itself shows where there are
/// several at once.
fn taking_part(row: &Row, peers: &[&'static peers::Peer]) -> Vec<&'static peers::Peer> {
    if row.of_versions {
        let newer = peers.iter().copied().filter(|peer| peer.newer_http.is_some());
        return [peers::named(row.yardstick())].into_iter().chain(newer).collect();
    }
    let has_floor = match row.work {
        Work::Echo(_) => row.mode == "echo",
        Work::Growth | Work::Client => true,
        Work::Fanout { .. } | Work::Handshake | Work::Idle => false,
    };
    let fits = |peer: &&peers::Peer| {
        (has_floor || peer.name != "raw-epoll")
            && (!peer.each || row.name == "d32")
            && peer.newer_http.is_none()
    };
    let mut taking_part: Vec<_> = peers.iter().copied().filter(fits).collect();
    if !taking_part.iter().any(|peer| peer.name == row.yardstick()) {
        taking_part.push(peers::named(row.yardstick()));
    }
    taking_part
}

/// Writes the table and the plots for the README.
fn publish(results: &Results) -> anyhow::Result<()> {
    fs::write(places::bench().join("results/table.md"), table::markdown(results))?;
    plots::draw(results)
}
