//! Programs of the distribution.

use std::path::PathBuf;

use anyhow::Context;

use crate::shell;

/// The first of the programs in `PATH`, or else the distribution's package where we may install it.
pub(crate) fn program(names: &[&str], package: &str) -> anyhow::Result<PathBuf> {
    if let Some(found) = shell::find_program(names) {
        return Ok(found);
    }
    install(&[package])?;
    shell::find_program(names)
        .with_context(|| format!("no program {} found: install the package `{package}`", names.join(" or ")))
}

/// Installs packages of the distribution where we may; where we may not, nothing happens.
pub(crate) fn install(packages: &[&str]) -> anyhow::Result<()> {
    let is_root = shell::stdout_of(shell::command("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if is_root && shell::find_program(&["apt-get"]).is_some() {
        shell::run(shell::command("apt-get").args(["update", "-q"]))?;
        let mut install = shell::command("apt-get");
        install.args(["install", "-q", "-y", "--no-install-recommends"]).args(packages);
        shell::run(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    Ok(())
}
