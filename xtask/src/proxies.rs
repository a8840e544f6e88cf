//! `cargo xtask proxies`: our client through real proxies, tinyproxy (HTTP CONNECT) and microsocks (SOCKS 5).
//!
//! They run on ports of loopback of their own, once for everybody and once for one user, and end with us; a relay in front
//! of tinyproxy makes it one that is spoken to over TLS. The cases stand in `interop/proxies/`; a proxy that is missing is
//! an error, and so is a number of cases other than the one demanded.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::background::{self, Background};
use crate::{packages, report, shell, workspace};

/// Run our client through real proxies (needs tinyproxy and microsocks).
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Starts the proxies and runs the cases.
pub(crate) fn run(_args: &Args) -> anyhow::Result<()> {
    let proxies = Proxies {
        tinyproxy: packages::program(&["tinyproxy"], "tinyproxy-bin")?,
        microsocks: packages::program(&["microsocks"], "microsocks")?,
        logs: workspace::target_dir().join("proxies"),
    };
    std::fs::create_dir_all(&proxies.logs)?;
    shell::run(&mut shell::cargo(["build", "--package", "proxy-cases", "--package", "tls-relay"]))?;

    let started = [
        ("--http", proxies.http("http", "")?),
        ("--http-auth", proxies.http("http-auth", &format!("BasicAuth {USER} {PASSWORD}\n"))?),
        ("--http-strict", proxies.http("http-strict", "ConnectPort 443\n")?),
        ("--socks", proxies.socks("socks", &[])?),
        ("--socks-auth", proxies.socks("socks-auth", &["-u", USER, "-P", PASSWORD])?),
    ];
    let mut cases = shell::command(workspace::target_dir().join("debug/proxy-cases"));
    for (flag, (_, address)) in &started {
        cases.arg(flag).arg(address.to_string());
    }
    let over_tls = [
        ("--https", proxies.over_tls("https", started[0].1.1)?),
        ("--https-auth", proxies.over_tls("https-auth", started[1].1.1)?),
    ];
    for (flag, (_, address, certificate)) in &over_tls {
        cases.arg(flag).arg(address).arg(format!("{flag}-certificate")).arg(certificate);
    }
    cases.args(["--user", USER, "--password", PASSWORD]);
    let mut cases = Background::start(&mut cases, &proxies.logs.join("cases.log"))?;
    let status = cases.wait(CASES_LIMIT)?;
    let printed = cases.printed();
    report::result(printed.trim_end());
    let demanded = format!("{DEMANDED} passed, 0 failed");
    if !status.success() || printed.lines().last() != Some(demanded.as_str()) {
        bail!("`{demanded}` was demanded; the logs: {}", workspace::shown(&proxies.logs));
    }
    for (_, (mut proxy, _)) in started {
        proxy.expect_running()?;
    }
    for (_, (mut relay, ..)) in over_tls {
        relay.expect_running()?;
    }
    Ok(())
}

/// The programs, and where they write.
#[derive(Debug)]
struct Proxies {
    tinyproxy: PathBuf,
    microsocks: PathBuf,
    logs: PathBuf,
}

impl Proxies {
    /// Starts tinyproxy with these lines added to its configuration.
    fn http(&self, name: &str, more: &str) -> anyhow::Result<(Background, SocketAddr)> {
        let address = background::free_address()?;
        let config = self.logs.join(format!("{name}.conf"));
        let text = format!(
            "Listen {}\nPort {}\nAllow 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Info\n{more}",
            address.ip(),
            address.port()
        );
        std::fs::write(&config, text)
            .with_context(|| format!("cannot write {}", workspace::shown(&config)))?;
        let mut command = shell::command(&self.tinyproxy);
        self.start(command.arg("-d").arg("-c").arg(&config), name, address)
    }

    /// Starts microsocks with these arguments added.
    fn socks(&self, name: &str, more: &[&str]) -> anyhow::Result<(Background, SocketAddr)> {
        let address = background::free_address()?;
        let mut command = shell::command(&self.microsocks);
        command.args(["-i", &address.ip().to_string(), "-p", &address.port().to_string()]).args(more);
        self.start(&mut command, name, address)
    }

    /// Starts a relay that ends the TLS of clients in front of the proxy at `address`; gives its own address and the
    /// certificate to trust.
    fn over_tls(&self, name: &str, address: SocketAddr) -> anyhow::Result<(Background, String, PathBuf)> {
        let certificate = self.logs.join(format!("{name}.pem"));
        let mut relay = shell::command(workspace::target_dir().join("debug/tls-relay"));
        relay.arg("terminate").arg(address.to_string()).arg(&certificate);
        let mut relay = Background::start(&mut relay, &self.logs.join(format!("{name}.log")))?;
        let front = relay.wait_for_line("listening on ")?;
        Ok((relay, front, certificate))
    }

    fn start(
        &self,
        command: &mut Command,
        name: &str,
        address: SocketAddr,
    ) -> anyhow::Result<(Background, SocketAddr)> {
        let mut proxy = Background::start(command, &self.logs.join(format!("{name}.log")))?;
        proxy.wait_until_listening(address)?;
        Ok((proxy, address))
    }
}

const USER: &str = "aladdin";

const PASSWORD: &str = "open-sesame";

/// How many cases have to pass: six for `ws` and `wss` through each of `http`, `https`, `socks5` and `socks5h`, a server
/// that is not there through each, and a port that the proxy forbids.
const DEMANDED: usize = 4 * (2 * 6 + 1) + 1;

/// How long all of them may take.
const CASES_LIMIT: Duration = Duration::from_secs(120);
