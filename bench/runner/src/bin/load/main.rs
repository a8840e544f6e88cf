//! The load generator: one thread, one event loop, frames that were built beforehand, bytes counted rather than parsed.
//!
//! It tells what it found out as one line of JSON, a [`Measurement`](bench::measurement::Measurement).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is how it answers")]

mod args;
mod dial;
mod echo;
mod fanout;
mod fleet;
mod handshakes;
mod http2;
mod http3;
mod idle;
mod link;
mod opening;
mod round;
mod script;
mod server;
mod streams;

use std::process::ExitCode;

use bench::measurement::Measurement;
use clap::Parser;
use rustix::thread::{CpuSet, sched_setaffinity};

use self::args::{Args, Work};

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(measurement) => {
            println!("{}", serde_json::to_string(&measurement).expect("numbers can be written as JSON"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<Measurement> {
    if let Some(core) = args.core {
        let mut cores = CpuSet::new();
        cores.set(core);
        sched_setaffinity(None, &cores)?;
    }
    match args.work {
        Work::Echo if args.http2 => streams::run(args, http2::open),
        Work::Echo if args.http3 => streams::run(args, http3::open),
        Work::Echo => echo::run(args),
        Work::Fanout => fanout::run(args),
        Work::Handshake => handshakes::run(args),
        Work::Idle => idle::run(args),
    }
}
