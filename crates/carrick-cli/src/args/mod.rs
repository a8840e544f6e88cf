//! What was typed.

mod bench;
mod connect;
mod listen;
mod opening;
mod parse;
mod serve;
mod shared;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use self::{
    bench::{Bench, BenchOutput, Load, Size},
    connect::{Connect, Linger, OutputFormat, SendFormat, Stop},
    listen::{Listen, ListenOutput},
    opening::{Opening, Way},
    parse::{AllowedOrigin, TrustedProxy},
    serve::Serve,
    shared::Hosting,
};
use crate::exit;

/// WebSockets from the terminal.
#[derive(Debug, Parser)]
#[command(name = "carrick", version, about, max_term_width = 100, after_help = exit::DESCRIPTION)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Talk to a WebSocket server: line by line from a pipe, with an editor on a terminal
    Connect(Box<Connect>),
    /// Be a WebSocket server: print what comes, echo it, pass it on, or run a program for each connection
    Listen(Box<Listen>),
    /// Serve a page with a live chat, the WebSockets /chat and /echo, on one port
    Serve(Box<Serve>),
    /// Measure how fast a server sends messages back: how many, and how long each takes
    Bench(Box<Bench>),
    /// Print a script that completes the command's words in a shell
    Completions(Completions),
    /// Print the manual page, or that of one command
    Man(Man),
}

#[derive(Debug, ClapArgs)]
#[command(
    after_help = "Examples:\n  carrick completions bash > ~/.local/share/bash-completion/completions/carrick\n  \
                        carrick completions zsh > ~/.zfunc/_carrick\n  \
                        carrick completions fish > ~/.config/fish/completions/carrick.fish"
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:\n  carrick man | man -l -\n  carrick man --dir ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The command, for example connect; without it the page is that of carrick as a whole
    pub(crate) command: Option<String>,

    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        Args::command().debug_assert();
    }
}
