//! Our client through real proxies, which run already: `cargo xtask proxies` starts them. Prints a line for each case and
//! `N passed, N failed`, and exits 0 when nothing failed.
#![expect(clippy::print_stdout, reason = "what it prints is its result")]

mod case;
mod server;

use std::{fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Parser;

use self::{case::Case, server::Servers};

/// Where the proxies are, and who may use those that ask.
#[derive(Debug, Parser)]
struct Args {
    /// An HTTP proxy for everybody.
    #[arg(long)]
    http: SocketAddr,
    /// An HTTP proxy that asks for the user.
    #[arg(long)]
    http_auth: SocketAddr,
    /// An HTTP proxy that leads to port 443 only.
    #[arg(long)]
    http_strict: SocketAddr,
    /// An HTTP proxy for everybody that is spoken to over TLS.
    #[arg(long)]
    https: SocketAddr,
    /// The certificate that its clients have to trust (PEM).
    #[arg(long)]
    https_certificate: PathBuf,
    /// An HTTP proxy over TLS that asks for the user.
    #[arg(long)]
    https_auth: SocketAddr,
    /// The certificate that its clients have to trust (PEM).
    #[arg(long)]
    https_auth_certificate: PathBuf,
    /// A SOCKS proxy for everybody.
    #[arg(long)]
    socks: SocketAddr,
    /// A SOCKS proxy that asks for the user.
    #[arg(long)]
    socks_auth: SocketAddr,
    /// The user.
    #[arg(long)]
    user: String,
    /// The password.
    #[arg(long)]
    password: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let mut servers = Servers::start().await?;
    servers.trusted.push(fs::read_to_string(&args.https_certificate)?);
    servers.trusted.push(fs::read_to_string(&args.https_auth_certificate)?);
    let (mut passed, mut failed) = (0, 0);
    for case in cases(&args) {
        match case.run(&servers).await {
            Ok(()) => {
                passed += 1;
                println!("passed {case}");
            }
            Err(error) => {
                failed += 1;
                println!("failed {case}: {error:#}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn cases(args: &Args) -> Vec<Case> {
    let (user, password) = (args.user.as_str(), args.password.as_str());
    let mut cases = Vec::new();
    for (scheme, open, asking) in [
        ("http", args.http, args.http_auth),
        ("https", args.https, args.https_auth),
        ("socks5", args.socks, args.socks_auth),
        ("socks5h", args.socks, args.socks_auth),
    ] {
        for secure in [false, true] {
            let case = |proxy, credentials: Option<(&str, &str)>| {
                Case::new(
                    scheme,
                    proxy,
                    credentials.map(|(user, password)| format!("{user}:{password}")),
                    secure,
                )
            };
            cases.extend([
                case(open, None).echoes(),
                // A proxy that does not ask is not told.
                case(open, Some((user, password))).echoes(),
                case(asking, Some((user, password))).echoes(),
                case(asking, Some((user, "wrong-word"))).fails("refused the user or the password"),
                case(asking, Some(("nobody", password))).fails("refused the user or the password"),
                case(asking, None).fails("wants a user and a password"),
            ]);
        }
        let nobody = if scheme.starts_with("http") {
            "proxy answered 50"
        } else {
            "does not take the connection (reply 5)"
        };
        cases.push(Case::new(scheme, open, None, false).without_server().fails(nobody));
    }
    cases.push(Case::new("http", args.http_strict, None, false).fails("proxy answered 403 Forbidden"));
    cases
}
