//! Virtual environments.

use std::path::Path;

use anyhow::Context;

use crate::{report, shell, workspace};

/// Installs what `requirements` lists, unless that is there already: a copy of the list lies in the environment once all
/// of it is installed.
pub(crate) fn install(requirements: &Path, environment: &Path) -> anyhow::Result<()> {
    let wanted = std::fs::read_to_string(requirements)?;
    let stamp = environment.join("requirements.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let (from, to) = (workspace::shown(requirements), workspace::shown(environment));
    report::note(&format!("installing {from} into {to}"));
    shell::run(shell::command("python3").args(["-m", "venv", "--clear"]).arg(environment))
        .context("cannot create a virtual environment: Python 3.11 or newer and, on Debian, its package `python3-venv` are needed")?;
    let mut pip = shell::command(environment.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(requirements);
    shell::run(&mut pip)?;
    Ok(std::fs::write(&stamp, wanted)?)
}
