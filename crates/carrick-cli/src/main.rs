//! The `carrick` command. `exit.rs` says what its exit codes mean.

mod args;
mod bind;
mod certificate;
mod chat;
mod commands;
mod connect;
mod duplex;
mod escape;
mod exit;
mod failure;
mod hosting;
mod listen;
mod output;
mod page;
mod print;
mod signals;
mod terminal;

use std::process::ExitCode;

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
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match command {
        Command::Connect(args) => runtime()?.block_on(commands::connect(*args)),
        Command::Listen(args) => runtime()?.block_on(commands::listen(*args)),
        Command::Serve(args) => runtime()?.block_on(commands::serve(*args)),
        Command::Completions(args) => Ok(commands::completions(&args)),
        Command::Man(args) => commands::man(&args),
    }
}
