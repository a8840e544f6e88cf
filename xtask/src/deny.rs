//! `cargo xtask deny`: licences, sources and bans of the dependencies, by cargo-deny.

use std::path::PathBuf;

use crate::{report, shell, workspace};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Check licences, sources and bans of all dependencies (installs cargo-deny into target/tools).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs cargo-deny on the workspace. Its advisory database is left out: fetching it needs another host than the registry.
pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    let program = installed()?;
    let mut command = shell::command(program);
    command.args(["--workspace", "--all-features", "--log-level", "warn", "check", "--hide-inclusion-graph"]);
    shell::run(command.args(["bans", "licenses", "sources"]))
}

/// The program, compiled from the registry when it is missing.
fn installed() -> anyhow::Result<PathBuf> {
    let tools = workspace::target_dir().join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = tools.join("bin").join("cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    report::note(&format!("installing cargo-deny {VERSION} into {}", workspace::shown(&tools)));
    // Without optimisation and debug information it compiles in little more than a minute on two cores; the optimised
    // build takes several times that, and the check itself a second either way.
    let mut install =
        shell::cargo(["install", "--locked", "--debug", "--quiet", "cargo-deny", "--version", VERSION]);
    install.arg("--root").arg(&tools).arg("--target-dir").arg(tools.join("build"));
    shell::run(install.env("CARGO_PROFILE_DEV_DEBUG", "false").env("CARGO_INCREMENTAL", "0"))?;
    // Only the program is needed again.
    std::fs::remove_dir_all(tools.join("build"))?;
    Ok(program)
}
