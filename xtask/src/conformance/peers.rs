//! What is tested: the release builds of `carrick serve`, of the axum example, and of a client on the public API; over what
//! the runner does not speak with something between.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;

use super::middle::Over;
use crate::background::{self, Background};
use crate::{shell, workspace};

/// How the server under test is started, after `--bind ADDRESS` (and `--self-signed` for all that needs TLS).
///
/// The suite sends messages of up to 16 MiB (9.1.6), one of them in 65,536 fragments (9.3.1), and takes a ping that it
/// did not expect for a wrong answer.
const SERVE: [&str; 6] =
    ["--max-message-bytes", "16777216", "--max-fragments", "65536", "--ping-interval", "0"];

/// The path at which the server echoes every message in its type.
const ECHO_PATH: &str = "/echo";

/// The name that the client under test gives itself in the reports.
const AGENT: &str = "carrick";

/// The package that is the client under test: `autobahn-client URL [AGENT [HTTP]]`.
///
/// - `URL` is `ws://ADDRESS` or `wss://ADDRESS` without a path; `AGENT` is `carrick` unless given. With `http2` or
///   `http3` as `HTTP` no other version is spoken.
/// - It asks `URL/getCaseCount` and reads one text message, a decimal number N.
/// - For each case n from 1 to N it opens `URL/runCase?case=n&agent=AGENT` and sends every message back in its type until
///   the connection is closed. That a case breaks the protocol is no failure of the client.
/// - It offers `permessage-deflate; client_no_context_takeover; client_max_window_bits`. Without either parameter the
///   suite cannot ask for what 13.2 to 13.6 test and calls them UNIMPLEMENTED.
/// - Its limits are at least those of the server: 16 MiB a message, 65,536 fragments. It sends no ping of its own.
/// - Then it opens `URL/updateReports?agent=AGENT`, waits until that is closed and exits 0. Anything else that keeps it
///   from running all cases is a sentence on stderr and another exit code.
/// - It trusts the roots of the platform, which the variable `SSL_CERT_FILE` replaces: here by the certificate of what stands between.
const CLIENT: &str = "autobahn-client";

/// How long the client may take for one shard.
const CLIENT_LIMIT: Duration = Duration::from_secs(600);

/// A server that echoes, ours or somebody else's.
#[derive(Debug)]
pub(super) struct ServerUnderTest {
    url: String,
    processes: Vec<Background>,
}

impl ServerUnderTest {
    /// A server that runs already.
    pub(super) fn running(url: &str) -> anyhow::Result<ServerUnderTest> {
        if !url.starts_with("ws://") {
            bail!("`{url}` is not a ws:// URL");
        }
        Ok(ServerUnderTest { url: url.to_owned(), processes: Vec::new() })
    }

    /// Builds and starts our server, and what stands between it and the runner.
    pub(super) fn start(output: &Path, over: Over) -> anyhow::Result<ServerUnderTest> {
        shell::run(&mut shell::cargo(["build", "--release", "--package", "carrick-cli"]))?;
        let address = background::free_address()?;
        let mut serve = shell::command(workspace::target_dir().join("release/carrick"));
        serve.args(["serve", "--bind", &address.to_string()]).args(SERVE);
        if over != Over::Tcp {
            serve.arg("--self-signed");
        }
        over.build()?;
        let mut server = Background::start(&mut serve, &output.join("server.log"))?;
        server.wait_until_listening(address)?;
        let mut processes = vec![server];
        let mut front = address;
        if let Some((middle, listens)) = over.before_server(address, ECHO_PATH, output)? {
            processes.push(middle);
            front = listens;
        }
        Ok(ServerUnderTest { url: format!("ws://{front}{ECHO_PATH}"), processes })
    }

    /// Builds and starts the example of the axum extractor. It takes the address alone: what the suite needs is set in it.
    pub(super) fn start_axum(output: &Path) -> anyhow::Result<ServerUnderTest> {
        let address = background::free_address()?;
        ServerUnderTest::start_example("axum", &["--features", "axum"], &address.to_string(), address, output)
    }

    /// Builds and starts the example of the callback server, which takes its URL.
    pub(super) fn start_callback(output: &Path) -> anyhow::Result<ServerUnderTest> {
        let address = background::free_address()?;
        ServerUnderTest::start_example(
            "callback_echo",
            &[],
            &format!("ws://{address}{ECHO_PATH}"),
            address,
            output,
        )
    }

    fn start_example(
        name: &str,
        flags: &[&str],
        argument: &str,
        address: SocketAddr,
        output: &Path,
    ) -> anyhow::Result<ServerUnderTest> {
        let build = ["build", "--release", "--package", "carrick", "--example", name];
        shell::run(shell::cargo(build).args(flags))?;
        let program = workspace::target_dir().join("release/examples").join(name);
        let mut serve = shell::command(program);
        let mut server = Background::start(serve.arg(argument), &output.join("server.log"))?;
        server.wait_until_listening(address)?;
        Ok(ServerUnderTest { url: format!("ws://{address}{ECHO_PATH}"), processes: vec![server] })
    }

    /// Where the runner finds it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Fails if the server, or what stands before it, has ended.
    pub(super) fn expect_running(&mut self) -> anyhow::Result<()> {
        self.processes.iter_mut().try_for_each(Background::expect_running)
    }
}

/// The client, built.
#[derive(Debug)]
pub(super) struct ClientUnderTest {
    program: PathBuf,
    over: Over,
}

impl ClientUnderTest {
    /// Builds the client, and what stands between it and the runner.
    pub(super) fn build(over: Over) -> anyhow::Result<ClientUnderTest> {
        shell::run(&mut shell::cargo(["build", "--release", "--package", CLIENT]))?;
        over.build()?;
        let program = workspace::target_dir().join("release").join(CLIENT);
        Ok(ClientUnderTest { program, over })
    }

    /// Runs the client against the runner that listens on `address`, for a bounded time.
    pub(super) fn run(&self, address: SocketAddr, output: &Path) -> anyhow::Result<()> {
        let mut command = shell::command(&self.program);
        let certificate = output.join("certificate.pem");
        let middle = self.over.before_runner(address, &certificate, output)?;
        match &middle {
            Some((_, front)) => command.arg(format!("wss://{front}")).env("SSL_CERT_FILE", certificate),
            None => command.arg(format!("ws://{address}")),
        };
        command.arg(AGENT).args(self.over.newer());
        let mut client = Background::start(&mut command, &output.join("client.log"))?;
        let status = client.wait(CLIENT_LIMIT)?;
        drop(middle);
        if !status.success() {
            bail!("the client failed: {status}\n{}", client.last_words());
        }
        Ok(())
    }
}
