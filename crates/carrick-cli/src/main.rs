//! The `carrick` command. `exit.rs` says what its exit codes mean.

mod args;
mod bench;
mod bind;
mod certificate;
mod chat;
mod commands;
mod connect;
mod duplex;
mod ending;
mod escape;
mod exit;
mod failure;
mod hosting;
mod listen;
mod output;
mod page;
mod print;
mod signals;
mod stdout;
mod terminal;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use crate::{
    args::{Args, Command},
    exit::Exit,
    failure::Failure,
};

fn main() -> ExitCode {
    let exit = run(Args::parse().command).unwrap_or_else(|failure| {
        output::error(&failure);
        failure.exit()
    });
    terminal::restore();
    exit.into()
}

fn run(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Connect(args) => block_on(commands::connect(*args)),
        Command::Listen(args) => block_on(commands::listen(*args)),
        Command::Serve(args) => block_on(commands::serve(*args)),
        Command::Bench(args) => block_on(commands::bench(*args)),
        Command::Completions(args) => Ok(commands::completions(&args)),
        Command::Man(args) => commands::man(&args),
    }
}

fn block_on(command: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(command);
    // Its tasks end, and with them their programs. A thread that cannot go on is not waited for.
    runtime.shutdown_timeout(PATIENCE);
    result
}

const PATIENCE: Duration = Duration::from_millis(500);
