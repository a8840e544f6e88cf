//! Installs the peers that are no programs of their own.

use super::home;
use crate::{python, shell, workspace};

/// In the versions of `bench/peers/node/package.json`.
pub(super) fn install_node() -> anyhow::Result<()> {
    let folder = workspace::root().join("bench/peers/node");
    shell::run(shell::command("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(folder))
}

/// In the versions of `bench/peers/python/requirements.txt`.
pub(super) fn install_python() -> anyhow::Result<()> {
    let requirements = workspace::root().join("bench/peers/python/requirements.txt");
    python::install(&requirements, &home().join("python"))
}
