//! The project's own tasks, so that no task runner has to be installed: `cargo xtask help`.

mod background;
mod bench;
mod browser;
mod ci;
mod conformance;
mod core_graph;
mod deny;
mod fuzz;
mod instructions;
mod interop;
mod loss;
mod packages;
#[cfg(unix)]
mod picture;
mod proxies;
mod python;
mod report;
mod shell;
mod side_by_side;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// The tasks of the carrick workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Task {
    Ci(ci::Args),
    Bench(bench::Args),
    Loss(loss::Args),
    Instructions(instructions::Args),
    Fuzz(fuzz::Args),
    Conformance(conformance::Args),
    Browser(browser::Args),
    Interop(interop::Args),
    Proxies(proxies::Args),
    #[cfg(unix)]
    Picture(picture::Args),
    Deny(deny::Args),
    CoreGraph(core_graph::Args),
}

fn main() -> ExitCode {
    let outcome = match Task::parse() {
        Task::Ci(args) => ci::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Loss(args) => loss::run(&args),
        Task::Instructions(args) => instructions::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Conformance(args) => conformance::run(&args),
        Task::Browser(args) => browser::run(&args),
        Task::Interop(args) => interop::run(&args),
        Task::Proxies(args) => proxies::run(&args),
        #[cfg(unix)]
        Task::Picture(args) => picture::run(&args),
        Task::Deny(args) => deny::run(&args),
        Task::CoreGraph(args) => core_graph::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}
