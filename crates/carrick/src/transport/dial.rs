//! From an address to a byte stream: resolve, connect, TLS.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use url::Host;

use super::{ClientTls, address::Address, stream::NetStream};
use crate::error::Error;

/// A stream to the server, encrypted if the address asks for it. `connect_timeout` is for each address that the name
/// of the server stands for.
pub(crate) async fn dial(
    address: &Address,
    tls: &ClientTls,
    connect_timeout: Duration,
) -> Result<NetStream, Error> {
    let tcp = connect(address, connect_timeout).await?;
    // A WebSocket writes whole messages; holding them back to fill a packet only delays them.
    tcp.set_nodelay(true)?;
    if address.secure { tls.connect(tcp, &address.host).await } else { Ok(NetStream::tcp(tcp)) }
}

/// The first address of the server that answers.
async fn connect(address: &Address, connect_timeout: Duration) -> Result<TcpStream, Error> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, format!("{} has no address", address.host));
    for address in resolve(address).await? {
        match timeout(connect_timeout, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => {
                failure = io::Error::new(error.kind(), format!("cannot connect to {address}: {error}"));
            }
            Err(_) => {
                let text = format!("cannot connect to {address}: no answer within {connect_timeout:?}");
                failure = io::Error::new(io::ErrorKind::TimedOut, text);
            }
        }
    }
    Err(Error::Io(failure))
}

async fn resolve(address: &Address) -> Result<Vec<SocketAddr>, Error> {
    let name = match &address.host {
        Host::Ipv4(ip) => return Ok(vec![SocketAddr::from((*ip, address.port))]),
        Host::Ipv6(ip) => return Ok(vec![SocketAddr::from((*ip, address.port))]),
        Host::Domain(name) => name,
    };
    match lookup_host((name.as_str(), address.port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        Err(error) => {
            Err(Error::Io(io::Error::new(error.kind(), format!("cannot resolve host {name:?}: {error}"))))
        }
    }
}
