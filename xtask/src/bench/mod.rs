//! `cargo xtask bench`: carrick side by side with its peers.
//!
//! Here everything is installed and built; the rounds are run by the program `bench` in `bench/runner/`, which knows the
//! rows and the peers and therefore also says what has to be built.

mod scripts;
mod uwebsockets;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::bail;

use crate::{packages, shell, workspace};

/// Measure carrick side by side with its peers: `cargo xtask bench --help` names the options.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Rows, and options of the runner.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

/// Builds what the rows and peers need, and runs them.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the benchmark reads CPU times as Linux tells them; run it there");
    }
    build(&["--package".to_owned(), "bench".to_owned()])?;
    let runner = || {
        let mut runner = shell::command(home().join("release/bench"));
        runner.args(&args.args);
        runner
    };
    if args.args.iter().any(|arg| ["--help", "-h", "--list", "--redraw"].iter().any(|only| arg == only)) {
        return shell::run(&mut runner());
    }
    install(&shell::stdout_of(runner().arg("--needs"))?)?;
    shell::run(&mut runner())
}

/// Installs what the runner names, line by line.
fn install(needs: &str) -> anyhow::Result<()> {
    let mut programs = vec!["--package".to_owned(), "peers".to_owned()];
    for need in needs.lines() {
        match need.split_once(' ') {
            Some(("rust", name)) => programs.extend(["--bin".to_owned(), name.to_owned()]),
            _ if need == "uwebsockets" => uwebsockets::build()?,
            _ if need == "node" => scripts::install_node()?,
            _ if need == "python" => scripts::install_python()?,
            _ => bail!("the runner needs `{need}`, which is not known here"),
        }
    }
    build(&programs)?;
    packages::program(&["strace"], "strace").map(drop)
}

/// Builds packages of `bench/`.
fn build(what: &[String]) -> anyhow::Result<()> {
    let mut cargo = shell::cargo(["build", "--locked", "--release", "--manifest-path", MANIFEST]);
    cargo.args(what).arg("--target-dir").arg(home());
    shell::run(&mut cargo)
}

/// Where everything of the benchmark is built.
fn home() -> PathBuf {
    workspace::target_dir().join("bench")
}

const MANIFEST: &str = "bench/Cargo.toml";
