//! `carrick completions`.

use clap::CommandFactory;

use crate::{
    args::{Args, Completions},
    exit::Exit,
    output,
};

/// Prints the script for a shell.
pub(crate) fn completions(args: &Completions) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "carrick", &mut script);
    // A reader that went away is no failure.
    let _ = output::whole(&script);
    Exit::Fine
}
