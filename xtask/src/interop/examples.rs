//! The callback examples with each other and with the python libraries whose users they are for.
//!
//! Each program prints what it is told, so what is compared is what a reader of the examples sees.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use super::peers;
use crate::background::Background;
use crate::{shell, workspace};

/// A client, a server, and who ends the connection.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) name: &'static str,
    client: Program,
    server: Program,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    /// Our example: never ends a connection by itself.
    Ours,
    /// The file in `interop/python/`: closes once it has received something.
    Python(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The program that is not ours closes with 1000.
    Closed,
    /// The client is killed.
    ClientDies,
    /// The server is killed.
    ServerDies,
}

/// All of them. `websocket-client` has no server for our client.
pub(super) const GREETINGS: [Greeting; 5] = [
    Greeting {
        name: "callback_client → callback_server, the client dies",
        client: Program::Ours,
        server: Program::Ours,
        end: End::ClientDies,
    },
    Greeting {
        name: "callback_client → callback_server, the server dies",
        client: Program::Ours,
        server: Program::Ours,
        end: End::ServerDies,
    },
    Greeting {
        name: "callback_client → websockets",
        client: Program::Ours,
        server: Program::Python("hello_websockets.py"),
        end: End::Closed,
    },
    Greeting {
        name: "websockets → callback_server",
        client: Program::Python("hello_websockets.py"),
        server: Program::Ours,
        end: End::Closed,
    },
    Greeting {
        name: "websocket-client → callback_server",
        client: Program::Python("hello_websocket_client.py"),
        server: Program::Ours,
        end: End::Closed,
    },
];

/// Builds the examples.
pub(super) fn build() -> anyhow::Result<()> {
    let examples = ["--example", CLIENT, "--example", SERVER];
    shell::run(&mut shell::cargo(["build", "--package", "carrick"].into_iter().chain(examples)))
}

impl Greeting {
    /// Runs both programs until each has seen the end, and compares what they printed.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let number = GREETINGS.iter().position(|greeting| greeting.name == self.name).unwrap_or_default();
        let log = |who: &str| peers::home().join(format!("greeting-{number}-{who}.log"));

        let mut server = Background::start(&mut self.server(), &log("server"))?;
        let address = server.wait_for_line(LISTENING)?;
        let mut client = Background::start(&mut self.client(&address), &log("client"))?;
        client.wait_for_line("Received: ").context("the client")?;
        server.wait_for_line("Received: ").context("the server")?;
        match self.end {
            End::Closed => {
                let status = client.wait(LIMIT)?;
                ensure!(status.success(), "the client ended: {status}\n{}", client.last_words());
                server.wait_for_line("Connection closed").context("the server")?;
                expect(&client.printed(), &["Received: Hello, client!", "Connection closed"])?;
                expect(&server.printed(), &["Received: Hello, server!", "Connection closed"])
            }
            End::ClientDies => {
                drop(client);
                server.wait_for_line("Connection closed").context("the server")?;
                expect(&server.printed(), &["Received: Hello, server!", "Error: ", "Connection closed"])
            }
            End::ServerDies => {
                drop(server);
                let status = client.wait(LIMIT)?;
                ensure!(!status.success(), "the client took the end of the stream for a success");
                expect(&client.printed(), &["Received: Hello, client!", "Error: ", "Connection closed"])
            }
        }
    }

    fn server(&self) -> Command {
        match self.server {
            Program::Ours => {
                let mut command = example(SERVER);
                command.arg("ws://127.0.0.1:0/ws");
                command
            }
            Program::Python(script) => {
                let mut command = peers::python_script(script);
                command.arg("server");
                command
            }
        }
    }

    fn client(&self, address: &str) -> Command {
        let url = format!("ws://{address}/ws");
        match self.client {
            Program::Ours => {
                let mut command = example(CLIENT);
                command.arg(url);
                command
            }
            Program::Python(script) => {
                let mut command = peers::python_script(script);
                command.args(["client", &url]);
                command
            }
        }
    }
}

fn example(name: &str) -> Command {
    peers::on_loopback(workspace::target_dir().join("debug/examples").join(name))
}

/// Each line has to start as wanted, and there is no other line.
fn expect(printed: &str, wanted: &[&str]) -> anyhow::Result<()> {
    let lines: Vec<&str> = printed.lines().filter(|line| !line.starts_with(LISTENING)).collect();
    let fits =
        lines.len() == wanted.len() && lines.iter().zip(wanted).all(|(line, start)| line.starts_with(start));
    ensure!(fits, "printed {lines:?}, expected {wanted:?}");
    Ok(())
}

const CLIENT: &str = "callback_client";
const SERVER: &str = "callback_server";

/// What a server prints in front of its address.
const LISTENING: &str = "Listening on ";

/// How long a client may take to see the end of its connection.
const LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_more_or_less_is_a_failure() {
        let printed = "Listening on 127.0.0.1:9\nReceived: Hello, server!\nConnection closed\n";
        assert!(expect(printed, &["Received: Hello, server!", "Connection closed"]).is_ok());
        assert!(expect(printed, &["Received: Hello, server!"]).is_err());
        assert!(expect(printed, &["Received: Hello, server!", "Error: ", "Connection closed"]).is_err());
    }
}
