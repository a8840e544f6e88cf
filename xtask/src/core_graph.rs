//! `cargo xtask core-graph`: the protocol core compiles alone, without an async runtime among its dependencies.

use anyhow::bail;

use crate::shell;

/// Packages that would bring I/O, a clock or a runtime below the core.
const FORBIDDEN: [&str; 5] = ["tokio", "mio", "hyper", "rustls", "socket2"];

/// Check that the protocol core compiles alone and depends on no runtime.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Compiles the core and reads its dependency graph.
pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    shell::run(&mut shell::cargo(["check", "--package", "carrick", "--no-default-features"]))?;
    let tree = shell::stdout_of(&mut shell::cargo([
        "tree",
        "--package",
        "carrick",
        "--no-default-features",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]))?;
    match forbidden_package(&tree) {
        Some(package) => bail!("the protocol core depends on {package}:\n{tree}"),
        None => Ok(()),
    }
}

fn forbidden_package(tree: &str) -> Option<&str> {
    tree.lines().filter_map(|line| line.split(' ').next()).find(|package| FORBIDDEN.contains(package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_in_the_graph_is_found() {
        assert_eq!(
            forbidden_package("carrick v0.1.0 (/x)\nbytes v1.10.0\ntokio v1.47.0 (*)\n"),
            Some("tokio")
        );
    }

    #[test]
    fn a_name_that_only_begins_like_a_runtime_is_not_one() {
        assert_eq!(forbidden_package("carrick v0.1.0 (/x)\ntokio-less v1.0.0\n"), None);
    }
}
