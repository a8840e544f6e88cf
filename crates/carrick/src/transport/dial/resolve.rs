//! From a host to its addresses.

use std::{io, net::SocketAddr};

use tokio::net::lookup_host;
use url::Host;

use super::super::connect_event::{ConnectEvent, Observer, Stopwatch};
use crate::error::Error;

/// The addresses of `host` in the order of the system's resolver, each with `port`.
pub(super) async fn resolve(
    host: &Host<String>,
    port: u16,
    observer: &Observer,
) -> Result<Vec<SocketAddr>, Error> {
    let name = match host {
        Host::Ipv4(ip) => return Ok(vec![SocketAddr::from((*ip, port))]),
        Host::Ipv6(ip) => return Ok(vec![SocketAddr::from((*ip, port))]),
        Host::Domain(name) => name,
    };
    let start = Stopwatch::start();
    let found = lookup_host((name.as_str(), port)).await;
    let addresses: Vec<_> = found
        .map_err(|error| io::Error::new(error.kind(), format!("cannot resolve host {name:?}: {error}")))?
        .collect();
    observer.tell(&ConnectEvent::Resolved { host: name, addresses: &addresses, took: start.took() });
    Ok(addresses)
}
