//! `cargo xtask loss`: echoes through a network that loses packets, over each version of HTTP.
//!
//! The program stands in `bench/loss/`. It makes its network itself: two namespaces, a TUN device in each, and a relay between
//! them, since the kernels of many machines cannot be told to lose packets.

use std::ffi::OsString;

use anyhow::bail;

use crate::{shell, workspace};

/// Measure echoes through a network that loses packets: `cargo xtask loss --help` names the options.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Options of the program.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Builds the program and runs it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("this takes network namespaces and TUN devices; run it on Linux");
    }
    let home = workspace::target_dir().join("bench");
    let build =
        ["build", "--locked", "--release", "--manifest-path", "bench/Cargo.toml", "--package", "loss"];
    shell::run(shell::cargo(build).arg("--target-dir").arg(&home))?;
    shell::run(shell::command(home.join("release/loss")).args(&args.args))
}
