//! What a connection that is open costs while nothing happens.

use bench::measurement::Measurement;

use crate::{args::Args, fleet::Fleet, server::Server};

/// Each connection exchanges one message, so what a server puts off until then counts too. What it takes once, for the
/// first connection, does not count.
pub(crate) fn run(args: &Args) -> anyhow::Result<Measurement> {
    let server = Server(args.server);
    let mut fleet = Fleet::new(args)?;
    fleet.open(1, "/", true)?;
    server.settle()?;
    let before = server.anonymous_bytes()?;
    fleet.open(args.connections, "/", true)?;
    server.settle()?;
    let after = server.anonymous_bytes()?;
    drop(fleet);
    server.settle()?;
    let idle_bytes = after.saturating_sub(before) as f64 / args.connections as f64;
    Ok(Measurement { idle_bytes, ..Measurement::default() })
}
