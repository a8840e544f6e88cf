//! What the figures were measured on.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// A machine and its tools.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Compilers and interpreters, with their versions.
    pub(crate) tools: Vec<String>,
}

impl Machine {
    pub(crate) fn look() -> Machine {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model =
            cpus.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(':'));
        let tools =
            [("rustc", "--version"), ("g++", "--version"), ("node", "--version"), ("python3", "--version")];
        Machine {
            date: today(),
            processor: model.map_or("unknown", |(_, model)| model.trim()).to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: format!(
                "Linux {}",
                fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim()
            ),
            tools: tools.iter().filter_map(|(program, flag)| version(program, flag)).collect(),
        }
    }
}

/// The date, as `2026-11-23`.
pub(crate) fn today() -> String {
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}

/// The program's name and the first number with dots that it tells about itself.
fn version(program: &str, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = |word: &&str| {
        word.contains('.') && word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
    };
    let found = text.split_whitespace().find(numbers)?.trim_start_matches('v');
    let end = found.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(found.len());
    Some(format!("{program} {}", &found[..end]))
}
