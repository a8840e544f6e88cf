//! Echoes through a network that loses packets: `cargo xtask loss` builds and starts it.
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports))]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]

mod args;
mod client;
mod fate;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod relay;
mod server;

use std::process::ExitCode;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use carrick::ServerTls;
use clap::{Parser, ValueEnum};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use self::args::{Args, Version};
use self::server::Peers;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn run(_args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("this takes network namespaces and TUN devices, which Linux has")
}

#[cfg(target_os = "linux")]
fn run(args: &Args) -> anyhow::Result<()> {
    args.check()?;
    println!(
        "{} WebSockets, each sends {} bytes every {} ms for {} s; packets take {} ms each way, {} % of them are lost, \
         seed {}\n",
        args.sockets, args.bytes, args.every, args.seconds, args.delay, args.loss, args.seed
    );
    let mut head = Some(HEAD);
    for &version in &args.http {
        let row = row(args, version)?;
        head.take().iter().for_each(|head| println!("{head}"));
        println!("{row}");
    }
    Ok(())
}

/// Measures a version of HTTP on a network of its own.
#[cfg(target_os = "linux")]
fn row(args: &Args, version: Version) -> anyhow::Result<String> {
    let tls = ServerTls::self_signed_for([network::SERVER.to_string()])?;
    let (trusted, url) = (tls.certificates_pem(), format!("wss://{}/", network::SERVER));
    let peers = Peers::default();
    let (there, gone) = oneshot::channel();
    let server = {
        let peers = Peers::clone(&peers);
        || runtime()?.block_on(server::serve(network::SERVER, tls, peers, gone))
    };
    let client = {
        let args = args.clone();
        move || {
            let measured = runtime()?.block_on(client::measure(&args, version, &url, &trusted));
            drop(there);
            measured
        }
    };
    let (latencies, counts) = network::run(args, server, client)?;
    let millis = |quantile: f64| latencies.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(format!(
        "| {} | {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {} | {} |",
        version.to_possible_value().expect("every version has a name").get_name(),
        peers.lock().unwrap_or_else(PoisonError::into_inner).len(),
        latencies.len(),
        millis(0.5),
        millis(0.9),
        millis(0.99),
        millis(0.999),
        millis(1.0),
        counts.sent.load(Ordering::Relaxed),
        counts.lost.load(Ordering::Relaxed),
    ))
}

const HEAD: &str = "\
| | connections | echoes | p50 | p90 | p99 | p99.9 | max | packets | lost |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|";

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    Builder::new_current_thread().enable_all().build()
}
