//! `cargo xtask fuzz`: every fuzz target for a while, with AddressSanitizer, on the stable toolchain.
//!
//! The layout of `fuzz/` is cargo-fuzz's, so `cargo fuzz run` works where it is installed. Here the targets are built
//! by cargo alone with the flags that cargo-fuzz would pass: stable ships the sanitizer runtimes, and
//! `RUSTC_BOOTSTRAP=1` unlocks the flag that links them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::background::Background;
use crate::side_by_side::{LANES, side_by_side};
use crate::{report, shell, workspace};

/// Run every fuzz target for a while.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Seconds for all targets together; each gets an equal share.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only this target (may be repeated).
    #[arg(long)]
    target: Vec<String>,
}

/// Builds and runs the targets; fails if one is missing, crashed or executed nothing.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let targets = selected_targets(&args.target)?;
    let binaries = build()?;
    let share = seconds_each(args.seconds, targets.len());
    report::note(&format!("{} targets, {share} s each, {LANES} side by side", targets.len()));
    let outcomes = side_by_side(&targets, |target| fuzz_one(target, &binaries, share));

    let mut executions = 0;
    let mut failures = Vec::new();
    for (target, outcome) in targets.iter().zip(outcomes) {
        match outcome {
            Ok(count) => {
                executions += count;
                report::result(&format!("{target:<24} {count:>12} executions"));
            }
            Err(error) => failures.push(format!("{target}: {error:#}")),
        }
    }
    report::result(&format!("{:<24} {executions:>12} executions", "sum"));
    if !failures.is_empty() {
        bail!("{}", failures.join("\n"));
    }
    Ok(())
}

/// The targets to run. The list here, the manifest and the folder must agree, so that none goes missing unnoticed.
fn selected_targets(wanted: &[String]) -> anyhow::Result<Vec<String>> {
    let listed: BTreeSet<String> = TARGETS.map(str::to_owned).into();
    check_same("[[bin]] of fuzz/Cargo.toml", &listed, &targets_in_manifest()?)?;
    check_same("fuzz/seeds", &listed, &names_in(&fuzz_dir().join("seeds"))?)?;
    if let Some(unknown) = wanted.iter().find(|target| !listed.contains(*target)) {
        bail!("no fuzz target `{unknown}`; there are: {}", TARGETS.join(", "));
    }
    Ok(listed.into_iter().filter(|target| wanted.is_empty() || wanted.contains(target)).collect())
}

fn check_same(place: &str, listed: &BTreeSet<String>, found: &BTreeSet<String>) -> anyhow::Result<()> {
    if let Some(target) = listed.difference(found).next() {
        bail!("fuzz target `{target}` is missing in {place}");
    }
    if let Some(target) = found.difference(listed).next() {
        bail!("fuzz target `{target}` of {place} is missing in TARGETS of xtask/src/fuzz.rs");
    }
    Ok(())
}

fn targets_in_manifest() -> anyhow::Result<BTreeSet<String>> {
    let manifest = "fuzz/Cargo.toml";
    let metadata = shell::stdout_of(&mut shell::cargo([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
        "--manifest-path",
        manifest,
    ]))?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("cannot read `cargo metadata`")?;
    Ok(metadata.packages.into_iter().flat_map(|package| package.targets).map(|target| target.name).collect())
}

fn names_in(dir: &Path) -> anyhow::Result<BTreeSet<String>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", workspace::shown(dir)))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// Builds all targets and answers with the folder of their binaries.
fn build() -> anyhow::Result<PathBuf> {
    let target_dir = workspace::target_dir().join("fuzz");
    // With an explicit `--target` the flags stay away from build scripts and procedural macros.
    let mut cargo = shell::cargo(["build", "--locked", "--release", "--bins", "--target", HOST]);
    cargo.args(["--manifest-path", "fuzz/Cargo.toml", "--target-dir"]).arg(&target_dir);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", RUSTFLAGS.join(" "));
    shell::run(&mut cargo)?;
    Ok(target_dir.join(HOST).join("release"))
}

/// Seconds for each target when [`LANES`] of them run at a time.
fn seconds_each(seconds: u64, targets: usize) -> u64 {
    let rounds = targets.div_ceil(LANES).max(1) as u64;
    (seconds / rounds).max(1)
}

/// Runs one target and answers with its number of executions.
fn fuzz_one(target: &str, binaries: &Path, seconds: u64) -> anyhow::Result<u64> {
    let corpus = fuzz_dir().join("corpus").join(target);
    let artifacts = fuzz_dir().join("artifacts").join(target);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    let binary = binaries.join(target);

    let mut command = Command::new(&binary);
    command.current_dir(workspace::root()).arg(&corpus).arg(fuzz_dir().join("seeds").join(target)).args([
        format!("-max_total_time={seconds}"),
        format!("-artifact_prefix={}/", artifacts.display()),
        "-print_final_stats=1".to_owned(),
        "-timeout=10".to_owned(),
    ]);
    let mut process = Background::start(&mut command, &binaries.join(format!("{target}.log")))?;
    let status = process.wait(Duration::from_secs(seconds) + GRACE)?;
    let printed = process.printed();
    if !status.success() {
        let reason = reason(&printed).unwrap_or("no reason was printed");
        bail!("{status}\n{}\n{reason}\n{}", process.last_words(), how_to_repeat(target, &binary, &printed));
    }
    match executions(&printed) {
        Some(count) if count > 0 => Ok(count),
        Some(_) | None => bail!("executed nothing\n{}", process.last_words()),
    }
}

/// The count that `-print_final_stats=1` ends with.
fn executions(printed: &str) -> Option<u64> {
    printed.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

/// The line that says why a target stopped: a panic, else the sanitizer's or libFuzzer's summary.
fn reason(printed: &str) -> Option<&str> {
    let line = |is_reason: fn(&str) -> bool| printed.lines().find(|line| is_reason(line));
    line(|line| line.contains(" panicked at ")).or_else(|| line(|line| line.starts_with("SUMMARY: ")))
}

fn how_to_repeat(target: &str, binary: &Path, printed: &str) -> String {
    let artifact =
        printed.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
    match artifact {
        Some(artifact) => {
            let artifact = workspace::shown(Path::new(artifact));
            format!(
                "artifact: {artifact}\nrepeat: {} {artifact}\n    or: RUSTC_BOOTSTRAP=1 cargo fuzz run {target} {artifact}",
                workspace::shown(binary)
            )
        }
        None => format!("no artifact was written\nrepeat: cargo xtask fuzz --target {target}"),
    }
}

fn fuzz_dir() -> PathBuf {
    workspace::root().join("fuzz")
}

#[derive(Debug, serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, serde::Deserialize)]
struct Package {
    targets: Vec<Target>,
}

#[derive(Debug, serde::Deserialize)]
struct Target {
    name: String,
}

/// Every fuzz target there has to be, each with a folder of seeds `fuzz/seeds/<target>/`.
const TARGETS: [&str; 8] = [
    "connection_ops",
    "deflate",
    "frame_reader",
    "handshake_request",
    "handshake_response",
    "http3_fields",
    "http3_frames",
    "received_bytes",
];

/// The platform that fuzzing runs on: CI's.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// What cargo-fuzz passes to rustc: coverage for libFuzzer's guidance, and AddressSanitizer.
const RUSTFLAGS: [&str; 9] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Zsanitizer=address",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// How long a target may take to stop after its time is up.
const GRACE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_are_shared_between_rounds_of_lanes() {
        assert_eq!(seconds_each(60, 1), 60);
        assert_eq!(seconds_each(60, 2), 60);
        assert_eq!(seconds_each(60, 5), 20);
        assert_eq!(seconds_each(1, 6), 1);
    }

    #[test]
    fn executions_are_read_from_the_final_statistics() {
        let printed = "#2\tINITED\nstat::number_of_executed_units: 4711\nstat::average_exec_per_sec: 2\n";
        assert_eq!(executions(printed), Some(4711));
        assert_eq!(executions("INFO: seed corpus: files: 1\n"), None);
    }

    #[test]
    fn a_panic_says_more_than_the_summary() {
        let printed = "thread 'main' panicked at src/lib.rs:1:1:\nSUMMARY: libFuzzer: deadly signal\n";
        assert_eq!(reason(printed), Some("thread 'main' panicked at src/lib.rs:1:1:"));
        assert_eq!(reason("SUMMARY: AddressSanitizer: heap\n"), Some("SUMMARY: AddressSanitizer: heap"));
    }

    #[test]
    fn a_crash_names_its_artifact_and_how_to_repeat_it() {
        let printed = "==1==ERROR\nartifact_prefix='a/'; Test unit written to fuzz/artifacts/t/crash-1\n";
        let words = how_to_repeat("t", Path::new("target/fuzz/t"), printed);
        assert!(words.contains("repeat: target/fuzz/t fuzz/artifacts/t/crash-1"), "{words}");
    }

    #[test]
    fn a_target_that_one_list_lacks_is_named() {
        let listed = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        let found = BTreeSet::from(["a".to_owned(), "c".to_owned()]);
        let error = check_same("fuzz/seeds", &listed, &found).unwrap_err().to_string();
        assert_eq!(error, "fuzz target `b` is missing in fuzz/seeds");
    }
}
