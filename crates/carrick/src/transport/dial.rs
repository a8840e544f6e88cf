//! From an address to a byte stream: resolve, connect, TLS.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use url::Host;

use super::{
    ClientTls,
    address::Address,
    connect_event::{ConnectEvent, Observer, Stopwatch},
    stream::NetStream,
};
use crate::error::Error;

/// How servers are reached.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) tls: ClientTls,
    /// For each address that the name of the server stands for.
    pub(crate) connect_timeout: Duration,
    pub(crate) observer: Observer,
}

impl Default for Dialer {
    fn default() -> Dialer {
        Dialer {
            tls: ClientTls::default(),
            connect_timeout: Duration::from_secs(5),
            observer: Observer::default(),
        }
    }
}

impl Dialer {
    /// A stream to the server, encrypted if the address asks for it.
    pub(crate) async fn dial(&self, address: &Address) -> Result<NetStream, Error> {
        if address.secure {
            self.tls.check()?;
        }
        let tcp = self.connect(address).await?;
        // A WebSocket writes whole messages; holding them back to fill a packet only delays them.
        tcp.set_nodelay(true)?;
        if address.secure {
            self.tls.connect(tcp, &address.host, &self.observer).await
        } else {
            Ok(NetStream::tcp(tcp))
        }
    }

    /// The first address of the server that answers.
    async fn connect(&self, address: &Address) -> Result<TcpStream, Error> {
        let mut failure = io::Error::new(io::ErrorKind::NotFound, format!("{} has no address", address.host));
        let addresses = self.resolve(address).await?;
        let start = Stopwatch::start();
        for address in addresses {
            self.observer.tell(&ConnectEvent::Connecting { address });
            let attempt = Stopwatch::start();
            let error = match timeout(self.connect_timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    let event = ConnectEvent::Connected { to: &address.to_string(), took: start.took() };
                    self.observer.tell(&event);
                    return Ok(stream);
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    let text = format!("no answer within {:?}", self.connect_timeout);
                    io::Error::new(io::ErrorKind::TimedOut, text)
                }
            };
            self.observer.tell(&ConnectEvent::ConnectFailed { address, error: &error, took: attempt.took() });
            failure = io::Error::new(error.kind(), format!("cannot connect to {address}: {error}"));
        }
        Err(Error::Io(failure))
    }

    async fn resolve(&self, address: &Address) -> Result<Vec<SocketAddr>, Error> {
        let name = match &address.host {
            Host::Ipv4(ip) => return Ok(vec![SocketAddr::from((*ip, address.port))]),
            Host::Ipv6(ip) => return Ok(vec![SocketAddr::from((*ip, address.port))]),
            Host::Domain(name) => name,
        };
        let start = Stopwatch::start();
        match lookup_host((name.as_str(), address.port)).await {
            Ok(addresses) => {
                let addresses: Vec<_> = addresses.collect();
                let took = start.took();
                self.observer.tell(&ConnectEvent::Resolved { host: name, addresses: &addresses, took });
                Ok(addresses)
            }
            Err(error) => {
                Err(Error::Io(io::Error::new(error.kind(), format!("cannot resolve host {name:?}: {error}"))))
            }
        }
    }
}
