//! `cargo xtask instructions`: how many instructions the hot paths take, held against the figures in the repository.
//!
//! A count does not depend on how busy the machine is. What else it could depend on is settled here: valgrind shows a
//! program the CPUID of one fixed model wherever AVX2 is there, glibc is told which copies of bytes to use, and no variable
//! of the environment reaches the program. The versions of the compiler, of glibc and of valgrind stand beside the figures.

mod figures;

use std::collections::BTreeMap;
use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use self::figures::{Figures, Rows};
use crate::background::Background;
use crate::side_by_side::side_by_side;
use crate::{packages, report, shell, workspace};

/// Count the instructions of the hot paths and hold them against instructions/figures.json (needs valgrind).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Take what is counted as the new figures. The commit says why one rose.
    #[arg(long)]
    accept: bool,
}

/// Counts every row; fails if one is missing or is further from its figure than the limit.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(
        (ARCH, OS) == ("x86_64", "linux"),
        "the figures are those of x86_64 and Linux, this is {ARCH} and {OS}; leave the step out with \
         `cargo xtask ci --skip instructions`"
    );
    let valgrind = packages::program(&["valgrind"], "valgrind")?;
    let program = build()?;
    let counted = Figures { taken_with: versions(&valgrind)?, rows: count(&valgrind, &program)? };

    let file = workspace::root().join("instructions/figures.json");
    if args.accept {
        report::result(
            &counted.rows.iter().map(|(row, n)| format!("{row:<24} {n:>10}")).collect::<Vec<_>>().join("\n"),
        );
        fs::write(&file, counted.to_json()?)
            .with_context(|| format!("cannot write {}", workspace::shown(&file)))?;
        report::note(&format!("wrote {}", workspace::shown(&file)));
        return Ok(());
    }
    let kept = fs::read(&file).with_context(|| format!("cannot read {}", workspace::shown(&file)))?;
    let kept: Figures = serde_json::from_slice(&kept)
        .with_context(|| format!("cannot understand {}", workspace::shown(&file)))?;
    report::result(&figures::table(&kept.rows, &counted.rows));
    let complaints = figures::complaints(&kept, &counted);
    if !complaints.is_empty() {
        bail!("{}", complaints.join("\n"));
    }
    Ok(())
}

fn build() -> anyhow::Result<PathBuf> {
    let mut cargo = shell::cargo(["build", "--locked", "--release", "--package", "instructions"]);
    // Flags such as `-C target-cpu=native` in somebody's configuration would change the counts; this overrules them.
    shell::run(cargo.env("CARGO_ENCODED_RUSTFLAGS", ""))?;
    Ok(workspace::target_dir().join("release/instructions"))
}

fn versions(valgrind: &Path) -> anyhow::Result<Vec<String>> {
    let rustc = shell::stdout_of(shell::command("rustc").arg("--version"))?;
    // The hash and the date behind the version say nothing more.
    let rustc = rustc.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let glibc = shell::stdout_of(shell::command("getconf").arg("GNU_LIBC_VERSION"))?;
    let valgrind = shell::stdout_of(shell::command(valgrind).arg("--version"))?;
    Ok(vec![rustc, glibc.trim().to_owned(), valgrind.trim().to_owned()])
}

fn count(valgrind: &Path, program: &Path) -> anyhow::Result<Rows> {
    let names = shell::stdout_of(&mut shell::command(program))?;
    let names: Vec<&str> = names.lines().collect();
    let counts = side_by_side(&names, |row| {
        count_row(valgrind, program, row).with_context(|| format!("cannot count the row {row}"))
    });
    names
        .iter()
        .zip(counts)
        .map(|(row, count)| Ok(((*row).to_owned(), count?)))
        .collect::<anyhow::Result<BTreeMap<_, _>>>()
}

fn count_row(valgrind: &Path, program: &Path, row: &str) -> anyhow::Result<u64> {
    let profile = workspace::target_dir().join(format!("callgrind.{row}.out"));
    let mut command = shell::command(valgrind);
    command.arg("--tool=callgrind").arg(format!("--toggle-collect={COUNTED}*"));
    command.arg(format!("--callgrind-out-file={}", profile.display())).arg(program).arg(row);
    command.env_clear().env("GLIBC_TUNABLES", PLAIN_COPIES);
    let mut process = Background::start(&mut command, &profile.with_extension("log"))?;
    let status = process.wait(ROW_LIMIT)?;
    ensure!(status.success(), "{status}\n{}", process.last_words());
    match total(&fs::read_to_string(&profile)?) {
        Some(total) if total > 0 => Ok(total),
        Some(_) | None => {
            bail!("nothing was counted: callgrind saw no function {COUNTED}\n{}", process.last_words())
        }
    }
}

/// The sum that a profile of callgrind ends with.
fn total(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// Where collecting begins and ends.
const COUNTED: &str = "instructions::counted";

/// Takes the variants of `memcpy` and its kin that every processor has. Those with `rep stosb` above all must not be chosen:
/// callgrind takes each of its bytes for an instruction, which made half of `protocol-deflate`.
const PLAIN_COPIES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS";

/// How long one row may take; each needs about a second.
const ROW_LIMIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_a_profile_is_found() {
        assert_eq!(total("events: Ir\nfn=(1) main\n3 981113\n\ntotals: 981113\n"), Some(981_113));
        assert_eq!(total("events: Ir\n"), None);
    }
}
