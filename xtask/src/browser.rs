//! `cargo xtask browser`: two pages of a real browser talk to each other through our server, over each version of HTTP.
//!
//! What is run stands in `interop/browser/`: `npm ci` there, then `node chat.mjs URL` with the page's URL of a running
//! `carrick serve`. The script finds the browser in the variable `CHROMIUM`, prints `N passed, N failed` and exits 0
//! when nothing failed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::background::{self, Background};
use crate::{packages, report, shell, workspace};

/// Run the chat of two browser pages against our server (needs node, npm and Chromium).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Starts the server and runs the browser's script against it.
pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    let scripts = workspace::root().join("interop/browser");
    if !scripts.join("chat.mjs").is_file() {
        bail!("{} is missing", workspace::shown(&scripts.join("chat.mjs")));
    }
    let chromium = chromium()?;
    shell::run(
        shell::command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&scripts)
            // Some drivers download a browser of their own when they are installed; ours is there already.
            .env("PUPPETEER_SKIP_DOWNLOAD", "1")
            .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1"),
    )?;
    shell::run(&mut shell::cargo(["build", "--release", "--package", "carrick-cli"]))?;

    for (http, scheme, flags) in WAYS {
        report::note(&format!("\nChromium over {http}:"));
        let address = background::free_address()?;
        let mut serve = shell::command(workspace::target_dir().join("release/carrick"));
        serve.args(["serve", "--log", "--bind", &address.to_string()]).args(flags);
        let log = format!("browser-server-{}.log", http.replace('/', "-").to_lowercase());
        let log = workspace::target_dir().join(log);
        let mut server = Background::start(&mut serve, &log)?;
        server.wait_until_listening(address)?;
        run_script(&scripts, &chromium, &format!("{scheme}://{address}/"), http)
            .and_then(|()| server.expect_running())
            .and_then(|()| all_opened_over(http, &server.printed()))
            .with_context(|| format!("the server's log: {}", workspace::shown(&log)))?;
    }
    Ok(())
}

/// The HTTP that is to carry the page and its WebSockets, the scheme of the page, and what the server needs for it. With
/// TLS the browser chooses HTTP/2; the script takes it to HTTP/3.
const WAYS: [(&str, &str, &[&str]); 3] = [
    ("HTTP/1.1", "http", &[]),
    ("HTTP/2", "https", &["--self-signed"]),
    ("HTTP/3", "https", &["--self-signed"]),
];

/// Checks that WebSockets were opened, and all of them over this HTTP, by what the server printed with `--log`.
fn all_opened_over(http: &str, printed: &str) -> anyhow::Result<()> {
    let opened: Vec<&str> = printed.lines().filter(|line| line.contains(" opens /")).collect();
    if !opened.iter().any(|line| line.contains(" opens /chat ")) {
        bail!("the server says of no WebSocket that it was opened to /chat");
    }
    match opened.iter().find(|line| !line.ends_with(&format!(" over {http}"))) {
        Some(other) => bail!("not everything went over {http}: the server says `{other}`"),
        None => Ok(()),
    }
}

/// Runs `chat.mjs`, for a bounded time, and hands on what it prints.
fn run_script(scripts: &Path, chromium: &Path, url: &str, http: &str) -> anyhow::Result<()> {
    let mut node = shell::command("node");
    node.args(["chat.mjs", url, "--expect-http", http]).current_dir(scripts).env("CHROMIUM", chromium);
    let mut script = Background::start(&mut node, &workspace::target_dir().join("browser-chat.log"))?;
    let status = script.wait(SCRIPT_LIMIT)?;
    let printed = script.printed();
    report::result(printed.trim_end());
    if !status.success() {
        bail!("`{}` failed: {status}", shell::shown(&node));
    }
    if !some_passed_and_none_failed(&printed) {
        bail!("`{}` did not print `N passed, 0 failed`", shell::shown(&node));
    }
    Ok(())
}

/// Whether a line says `N passed, 0 failed` with an N above 0: a script that tested nothing has not passed.
fn some_passed_and_none_failed(printed: &str) -> bool {
    printed.lines().any(|line| {
        line.strip_suffix(" passed, 0 failed")
            .is_some_and(|count| count.parse().is_ok_and(|count: u32| count > 0))
    })
}

/// The browser: the one in `CHROMIUM`, one in `PATH`, else the distribution's package where we may install it.
fn chromium() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    packages::program(&PROGRAMS, "chromium").context("the variable CHROMIUM may name the program, too")
}

/// The names that Chromium goes by.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// How long the script may take.
const SCRIPT_LIMIT: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_above_zero_without_failures_passes() {
        assert!(some_passed_and_none_failed("page loaded\n12 passed, 0 failed\n"));
        assert!(!some_passed_and_none_failed("12 passed, 1 failed\n"));
        assert!(!some_passed_and_none_failed("0 passed, 0 failed\n"));
        assert!(!some_passed_and_none_failed(""));
    }

    #[test]
    fn every_websocket_has_to_be_opened_over_the_version_asked_for() {
        let chat = "127.0.0.1:50000 opens /chat over HTTP/3\n";
        let echo = "127.0.0.1:50000 opens /echo over HTTP/3\n";
        let other = "127.0.0.1:40000 opens /chat over HTTP/2\n";
        all_opened_over("HTTP/3", &format!("Ctrl-C stops.\n{chat}{echo}")).unwrap();
        assert!(all_opened_over("HTTP/3", &format!("{chat}{other}")).is_err());
        assert!(all_opened_over("HTTP/3", echo).is_err());
        assert!(all_opened_over("HTTP/3", "").is_err());
    }
}
