//! From an address to a byte stream: resolve, connect, perhaps through a proxy, TLS.

mod race;
mod resolve;
mod tunnel;

use std::{io, net::SocketAddr, path::Path, time::Duration};

use tokio::{net::TcpStream, time::timeout};
use url::Host;

use self::{race::Failure, resolve::resolve};
use super::{
    ClientTls,
    address::Address,
    connect_event::{ConnectEvent, Observer, Stopwatch},
    http::Http,
    proxy::{Proxy, ProxyPolicy},
    stream::NetStream,
};
use crate::error::Error;

/// How servers are reached.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    pub(crate) tls: ClientTls,
    pub(crate) proxy: ProxyPolicy,
    /// For each address that the name of the server, or of its proxy, stands for.
    pub(crate) connect_timeout: Duration,
    pub(crate) observer: Observer,
}

impl Default for Dialer {
    fn default() -> Dialer {
        Dialer {
            tls: ClientTls::default(),
            proxy: ProxyPolicy::default(),
            connect_timeout: Duration::from_secs(5),
            observer: Observer::default(),
        }
    }
}

impl Dialer {
    /// A stream to the server, encrypted if the address asks for it, and whether it speaks HTTP/2: as TLS has found out, or
    /// else as `http` demands.
    pub(crate) async fn dial(&self, address: &Address, http: Http) -> Result<(NetStream, bool), Error> {
        if address.secure {
            self.tls.prepare().await?;
        }
        let stream = self.carrier(address).await?;
        if address.secure {
            self.tls.connect(stream, &address.host, http, &self.observer).await
        } else {
            Ok((stream, http == Http::Http2))
        }
    }

    /// The proxy that leads to the server, if one does.
    pub(crate) fn proxy_to(&self, address: &Address) -> Result<Option<Proxy>, Error> {
        if address.socket.is_some() { Ok(None) } else { self.proxy.proxy_to(address) }
    }

    /// A stream to the server, not encrypted yet.
    async fn carrier(&self, address: &Address) -> Result<NetStream, Error> {
        if let Some(path) = &address.socket {
            return self.unix(path).await;
        }
        match self.proxy_to(address)? {
            Some(proxy) => self.through(&proxy, address).await,
            None => self.tcp(&address.host, address.port).await,
        }
    }

    #[cfg(unix)]
    async fn unix(&self, path: &Path) -> Result<NetStream, Error> {
        let start = Stopwatch::start();
        let shown = path.display();
        let stream = tokio::net::UnixStream::connect(path)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot connect to {shown}: {error}")))?;
        self.observer.tell(&ConnectEvent::Connected { to: &shown.to_string(), took: start.took() });
        Ok(NetStream::unix(stream))
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_async, reason = "it stands for a function that waits")]
    async fn unix(&self, _: &Path) -> Result<NetStream, Error> {
        Err(Error::Io(io::ErrorKind::Unsupported.into()))
    }

    /// A stream to the first address of `host` that answers.
    async fn tcp(&self, host: &Host<String>, port: u16) -> Result<NetStream, Error> {
        let tcp = self.first(host, port, TcpStream::connect).await?;
        // A WebSocket writes whole messages; holding them back to fill a packet only delays them.
        tcp.set_nodelay(true)?;
        Ok(NetStream::tcp(tcp))
    }

    /// What `connect` makes with the first address of `host` that answers.
    pub(super) async fn first<T, F: Future<Output = io::Result<T>>>(
        &self,
        host: &Host<String>,
        port: u16,
        connect: impl Fn(SocketAddr) -> F,
    ) -> Result<T, Error> {
        let addresses = resolve(host, port, &self.observer).await?;
        if addresses.is_empty() {
            return Err(Dialer::without_address(host));
        }
        let start = Stopwatch::start();
        let raced = race::race(addresses, |address| self.attempt(address, connect(address))).await;
        let (address, made) = raced.map_err(|failures| failed(host, port, failures))?;
        let event = ConnectEvent::Connected { to: &address.to_string(), took: start.took() };
        self.observer.tell(&event);
        Ok(made)
    }

    fn without_address(host: &Host<String>) -> Error {
        Error::Io(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")))
    }

    async fn attempt<T>(
        &self,
        address: SocketAddr,
        connecting: impl Future<Output = io::Result<T>>,
    ) -> io::Result<(SocketAddr, T)> {
        self.observer.tell(&ConnectEvent::Connecting { address });
        let start = Stopwatch::start();
        let result = match timeout(self.connect_timeout, connecting).await {
            Ok(result) => result.map(|made| (address, made)),
            Err(_) => {
                let text = format!("no answer within {:?}", self.connect_timeout);
                Err(io::Error::new(io::ErrorKind::TimedOut, text))
            }
        };
        if let Err(error) = &result {
            self.observer.tell(&ConnectEvent::ConnectFailed { address, error, took: start.took() });
        }
        result
    }
}

/// What TLS has failed with is not a matter of one address.
fn failed(host: &Host<String>, port: u16, failures: Vec<Failure>) -> Error {
    let told = Error::Io(summary(host, port, &failures));
    let mut explained = failures.into_iter().map(|(_, error)| ClientTls::explained(Error::Io(error)));
    explained.find(|error| matches!(error, Error::Tls(_))).unwrap_or(told)
}

/// One error that names every attempt. Its kind is that of the last one.
fn summary(host: &Host<String>, port: u16, failures: &[Failure]) -> io::Error {
    let kind = failures.last().map_or(io::ErrorKind::NotFound, |(_, error)| error.kind());
    let text = match failures {
        [(address, error)] => format!("cannot connect to {address}: {error}"),
        several => {
            let each: Vec<_> = several.iter().map(|(address, error)| format!("{address}: {error}")).collect();
            format!("cannot connect to {host}:{port}: {}", each.join("; "))
        }
    };
    io::Error::new(kind, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_every_attempt() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let host = Host::Domain("a.example".to_owned());
        let one = summary(&host, 80, &[(address("[::1]:80"), refused())]);
        assert_eq!(one.to_string(), "cannot connect to [::1]:80: connection refused");
        let late = io::Error::new(io::ErrorKind::TimedOut, "no answer within 5s");
        let two = summary(&host, 80, &[(address("[::1]:80"), refused()), (address("10.0.0.1:80"), late)]);
        assert_eq!(two.kind(), io::ErrorKind::TimedOut);
        assert_eq!(
            two.to_string(),
            "cannot connect to a.example:80: [::1]:80: connection refused; 10.0.0.1:80: no answer within 5s"
        );
    }
}
