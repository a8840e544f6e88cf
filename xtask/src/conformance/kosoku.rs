//! The runner of the Autobahn cases: <https://pypi.org/project/kosoku/>, in a virtual environment of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::cases::Shard;
use crate::background::Background;
use crate::{report, shell, workspace};

/// What is installed, as pip is told.
pub(super) const PACKAGE: &str = "kosoku==0.1.0";

/// How long one shard may take. A shard of python's websockets takes half a minute on one core.
const SHARD_LIMIT: Duration = Duration::from_secs(600);
/// How long the runner may take to write its reports once the client has ended.
const REPORT_LIMIT: Duration = Duration::from_secs(30);

/// The virtual environment; the reports of each run stand beside it.
pub(super) fn home() -> PathBuf {
    workspace::target_dir().join("autobahn")
}

/// Installs the runner when it is missing.
pub(super) fn install() -> anyhow::Result<()> {
    if program().is_file() {
        return Ok(());
    }
    report::note(&format!("installing {PACKAGE} into {}", workspace::shown(&home())));
    shell::run(shell::command("python3").args(["-m", "venv"]).arg(home()))
        .context("cannot create a virtual environment: Python 3.10 or newer and, on Debian, its package `python3-venv` are needed")?;
    let mut pip = shell::command(home().join("bin/pip"));
    shell::run(pip.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]))
}

/// Runs the shard's cases against the server at `url`; the reports stand in the folder that is answered.
pub(super) fn test_server(shard: &Shard, url: &str, output: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(output)?;
    let mut runner = Background::start(command(shard, output).arg(url), &output.join("runner.log"))?;
    // The exit code is no verdict: it passes NON-STRICT, and the judge wants more.
    runner.wait(SHARD_LIMIT)?;
    Ok(output.to_owned())
}

/// Serves the shard's cases to the client that `run_client` runs; the reports stand in the folder that is answered.
pub(super) fn test_client(
    shard: &Shard,
    output: &Path,
    run_client: impl FnOnce(SocketAddr) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(output)?;
    let mut command = command(shard, output);
    command.args(["--mode", "fuzzingserver", "127.0.0.1:0"]);
    let mut runner = Background::start(&mut command, &output.join("runner.log"))?;
    let address = runner.wait_for_line("fuzzingserver listening on ws://")?;
    run_client(address.parse().with_context(|| format!("`{address}` is not an address"))?)?;
    runner.wait(REPORT_LIMIT).context("the client ended without asking for updateReports")?;
    Ok(output.to_owned())
}

fn command(shard: &Shard, output: &Path) -> Command {
    let mut command = shell::command(program());
    for case in &shard.include {
        command.args(["--include", case]);
    }
    for case in &shard.exclude {
        command.args(["--exclude", case]);
    }
    command.arg("--outdir").arg(output);
    command
}

fn program() -> PathBuf {
    home().join("bin/kosoku")
}
