//! `cargo xtask ci`: everything that has to hold before a change is merged. `.ci/run` runs exactly this.

use std::time::Instant;

use anyhow::{Context, bail};

use crate::{report, shell};

/// Run the list of the continuous integration, stopping at the first failure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave this step out (may be repeated).
    #[arg(long, value_name = "STEP", conflicts_with = "only")]
    skip: Vec<String>,
    /// Run this step only (may be repeated).
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
}

/// Runs the steps in order.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let began = Instant::now();
    let steps = selected(args)?;
    let mut times = Vec::new();
    for step in &steps {
        report::step_starts(step.name, step.proves);
        let began = Instant::now();
        for command in step.commands {
            run_command(step, command)
                .with_context(|| format!("step {0} (repeat: cargo xtask ci --only {0})", step.name))?;
        }
        report::step_passed(step.name, began.elapsed());
        times.push(format!("{:<20} {:>7.1} s", step.name, began.elapsed().as_secs_f64()));
    }
    report::result(&times.join("\n"));
    report::result(&format!("{} steps passed in {:.0} s", steps.len(), began.elapsed().as_secs_f64()));
    Ok(())
}

fn selected(args: &Args) -> anyhow::Result<Vec<&'static Step>> {
    let known = |name: &String| STEPS.iter().any(|step| step.name == name);
    if let Some(unknown) = args.skip.iter().chain(&args.only).find(|name| !known(name)) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        bail!("no step `{unknown}`; there are: {}", names.join(", "));
    }
    let has = |names: &[String], step: &Step| names.iter().any(|name| name == step.name);
    Ok(STEPS
        .iter()
        .filter(|step| !has(&args.skip, step) && (args.only.is_empty() || has(&args.only, step)))
        .collect())
}

fn run_command(step: &Step, command: &[&str]) -> anyhow::Result<()> {
    let mut cargo = shell::cargo(command.iter().copied());
    for (name, value) in step.environment {
        cargo.env(name, value);
    }
    shell::run(&mut cargo)
}

/// One step: cargo commands that a developer can type one by one.
#[derive(Debug)]
struct Step {
    name: &'static str,
    proves: &'static str,
    environment: &'static [(&'static str, &'static str)],
    commands: &'static [&'static [&'static str]],
}

/// The steps, quick ones first.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        proves: "the code is formatted",
        environment: &[],
        commands: &[
            &["fmt", "--all", "--check"],
            &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"],
            &["fmt", "--manifest-path", "bench/Cargo.toml", "--all", "--check"],
        ],
    },
    Step {
        name: "clippy",
        proves: "no warning with all features",
        environment: &[],
        commands: &[&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ]],
    },
    Step {
        name: "clippy-core",
        proves: "no warning in the protocol core alone, nor without TLS, nor without HTTP/2",
        environment: &[],
        commands: &[
            &["clippy", "-p", "carrick", "--no-default-features", "--all-targets", "--", "-D", "warnings"],
            &[
                "clippy",
                "-p",
                "carrick",
                "--no-default-features",
                "--features",
                "net",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            &[
                "clippy",
                "-p",
                "carrick",
                "--no-default-features",
                "--features",
                "http3",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        ],
    },
    Step {
        name: "test",
        proves: "the tests pass",
        environment: &[],
        commands: &[&["test", "--workspace", "--all-features"]],
    },
    Step {
        name: "docs",
        proves: "the documentation builds without a warning",
        environment: &[("RUSTDOCFLAGS", "-D warnings")],
        commands: &[
            &["doc", "-p", "carrick", "--no-default-features", "--no-deps"],
            &["doc", "-p", "carrick", "--no-default-features", "--features", "net", "--no-deps"],
            &["doc", "--workspace", "--all-features", "--no-deps"],
        ],
    },
    Step {
        name: "core-graph",
        proves: "the protocol core compiles alone, without a runtime",
        environment: &[],
        commands: &[&["xtask", "core-graph"]],
    },
    Step {
        name: "deny",
        proves: "licences, sources and bans of the dependencies",
        environment: &[],
        commands: &[&["xtask", "deny"]],
    },
    Step {
        name: "instructions",
        proves: "the hot paths take as many instructions as they did",
        environment: &[],
        commands: &[&["xtask", "instructions"]],
    },
    Step {
        name: "bench",
        proves: "the benchmark's runner and its lossy network compile, and count as they should",
        environment: &[],
        commands: &[
            &[
                "clippy",
                "--locked",
                "--manifest-path",
                "bench/Cargo.toml",
                "-p",
                "bench",
                "-p",
                "loss",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            &["test", "--locked", "--manifest-path", "bench/Cargo.toml", "-p", "bench", "-p", "loss"],
        ],
    },
    Step {
        name: "fuzz",
        proves: "no fuzz target finds a crash in a minute",
        environment: &[],
        commands: &[&["xtask", "fuzz"]],
    },
    Step {
        name: "interop",
        proves: "client and server get along with other libraries",
        environment: &[],
        commands: &[&["xtask", "interop"]],
    },
    Step {
        name: "proxies",
        proves: "the client gets through real proxies",
        environment: &[],
        commands: &[&["xtask", "proxies"]],
    },
    Step {
        name: "conformance",
        proves: "all Autobahn cases, as server and as client",
        environment: &[],
        commands: &[&["xtask", "conformance"]],
    },
    Step {
        name: "conformance-tls",
        proves: "the quick Autobahn cases over TLS, as server and as client",
        environment: &[],
        commands: &[&["xtask", "conformance", "--tls"]],
    },
    Step {
        name: "conformance-http2",
        proves: "the quick Autobahn cases over HTTP/2, as server and as client",
        environment: &[],
        commands: &[&["xtask", "conformance", "--http2"]],
    },
    Step {
        name: "conformance-http3",
        proves: "the quick Autobahn cases over HTTP/3, as server and as client",
        environment: &[],
        commands: &[&["xtask", "conformance", "--http3"]],
    },
    Step {
        name: "conformance-axum",
        proves: "the quick Autobahn cases inside an axum server",
        environment: &[],
        commands: &[&["xtask", "conformance", "--axum"]],
    },
    Step {
        name: "conformance-callback",
        proves: "the quick Autobahn cases against the callback server and its own event loop",
        environment: &[],
        commands: &[&["xtask", "conformance", "--callback"]],
    },
    Step {
        name: "browser",
        proves: "two browser pages chat through the server",
        environment: &[],
        commands: &[&["xtask", "browser"]],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(skip: &[&str], only: &[&str]) -> anyhow::Result<Vec<&'static str>> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let steps = selected(&Args { skip: owned(skip), only: owned(only) })?;
        Ok(steps.into_iter().map(|step| step.name).collect())
    }

    #[test]
    fn without_flags_every_step_runs() {
        assert_eq!(names(&[], &[]).unwrap().len(), STEPS.len());
    }

    #[test]
    fn a_skipped_step_is_left_out_and_an_only_step_stands_alone() {
        assert!(!names(&["fuzz"], &[]).unwrap().contains(&"fuzz"));
        assert_eq!(names(&[], &["docs", "fmt"]).unwrap(), ["fmt", "docs"]);
    }

    #[test]
    fn an_unknown_step_is_an_error_that_lists_the_known_ones() {
        let error = names(&["tests"], &[]).unwrap_err().to_string();
        assert!(error.starts_with("no step `tests`; there are: fmt, clippy"), "{error}");
    }
}
