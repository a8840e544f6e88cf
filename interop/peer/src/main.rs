//! Our side of the interop cases: `interop-peer client URL CASE…`, `interop-peer server`, and `interop-peer relay ADDRESS`
//! in front of whichever server. What client and server have to do in each case stands in `interop/README.md`; the
//! programs of the other libraries do the same.
#![expect(clippy::print_stdout, reason = "cargo xtask interop reads what is printed")]

mod client;
mod content;
mod parameters;
mod relay;
mod server;

use std::process::ExitCode;

use carrick::Http;
use clap::Parser;

/// Our side of the interop cases.
#[derive(Debug, Parser)]
enum Part {
    /// Run cases against a server.
    Client {
        /// Speak HTTP/2.
        #[arg(long)]
        http2: bool,
        /// Where the server is, without a path: `ws://127.0.0.1:9000`.
        url: String,
        /// The cases, in this order.
        cases: Vec<String>,
    },
    /// Serve the cases on a free port of loopback.
    Server {
        /// Let both sides keep their windows from message to message.
        #[arg(long)]
        takeover: bool,
        /// Speak TLS, with a certificate that nobody has signed.
        #[arg(long)]
        self_signed: bool,
    },
    /// Echo messages with every combination of the parameters of permessage-deflate.
    Parameters {
        /// Where a server echoes.
        url: String,
    },
    /// Relay to a server, and print each frame that passes.
    Relay {
        /// Where the server is.
        target: std::net::SocketAddr,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    match Part::parse() {
        Part::Client { http2, url, cases } => {
            let http = if http2 { Http::Http2 } else { Http::Auto };
            Ok(client::run(&url, http, &cases).await)
        }
        Part::Server { takeover, self_signed } => {
            server::run(takeover, self_signed).await?;
            Ok(ExitCode::SUCCESS)
        }
        Part::Parameters { url } => {
            parameters::run(&url).await?;
            Ok(ExitCode::SUCCESS)
        }
        Part::Relay { target } => {
            relay::run(target).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
