//! The `carrick` command.
//!
//! Exit codes: 0 when all went well, 1 when the command failed, 2 when it was called in a way that it does not know.

mod args;
mod bind;
mod chat;
mod commands;
mod failure;
mod output;
mod page;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(failure::Failure::from).and_then(|runtime| {
        runtime.block_on(async {
            match args.command {
                Command::Serve(serve) => commands::serve(serve).await,
            }
        })
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure);
            ExitCode::FAILURE
        }
    }
}
