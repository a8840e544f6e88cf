//! A stream to a server through a proxy.

use url::Host;

use super::{
    super::{
        address::Address,
        connect_event::{ConnectEvent, Stopwatch},
        http::Http,
        proxy::{Protocol, Proxy, http_connect, socks5_connect},
        stream::NetStream,
    },
    Dialer,
    race::interleaved,
    resolve::resolve,
};
use crate::{error::Error, proxy_error::ProxyError};

impl Dialer {
    /// A stream to the server at `address` behind `proxy`, not encrypted to the server yet.
    pub(super) async fn through(&self, proxy: &Proxy, address: &Address) -> Result<NetStream, Error> {
        match (&address.host, proxy.protocol) {
            (Host::Domain(_), Protocol::Socks5) => self.through_resolved(proxy, address).await,
            _ => self.tunnel(proxy, &address.host, address.port).await,
        }
    }

    /// As [`through`](Dialer::through), with the name of the server resolved here: its addresses one after the other
    /// until the proxy reaches one.
    async fn through_resolved(&self, proxy: &Proxy, address: &Address) -> Result<NetStream, Error> {
        let addresses = resolve(&address.host, address.port, &self.observer).await?;
        let mut outcome = Err(Dialer::without_address(&address.host));
        for address in interleaved(addresses) {
            let host = match address.ip() {
                std::net::IpAddr::V4(ip) => Host::Ipv4(ip),
                std::net::IpAddr::V6(ip) => Host::Ipv6(ip),
            };
            outcome = self.tunnel(proxy, &host, address.port()).await;
            let unreachable = matches!(
                &outcome,
                Err(Error::Proxy { error, .. }) if matches!(**error, ProxyError::SocksReply { .. })
            );
            if !unreachable {
                break;
            }
        }
        outcome
    }

    async fn tunnel(&self, proxy: &Proxy, host: &Host<String>, port: u16) -> Result<NetStream, Error> {
        let shown = proxy.to_string();
        let target = format!("{host}:{port}");
        let explain = |error: ProxyError| Error::Proxy {
            proxy: shown.clone(),
            target: target.clone(),
            error: Box::new(error),
        };
        let mut stream = self.to_proxy(proxy).await.map_err(|error| explain(error.into_proxy_error()))?;
        let start = Stopwatch::start();
        let user = proxy.user.as_ref();
        let stream = match proxy.protocol {
            Protocol::Http | Protocol::Https => http_connect(stream, host, port, user).await,
            Protocol::Socks5 | Protocol::Socks5h => {
                socks5_connect(&mut stream, host, port, user).await.map(|()| stream)
            }
        }
        .map_err(explain)?;
        self.observer.tell(&ConnectEvent::Proxied { proxy: &shown, target: &target, took: start.took() });
        Ok(stream)
    }

    async fn to_proxy(&self, proxy: &Proxy) -> Result<NetStream, Error> {
        let stream = self.tcp(&proxy.host, proxy.port).await?;
        match proxy.protocol {
            Protocol::Https => {
                // Our certificate is for the server.
                let tls = self.tls.without_identity();
                tls.prepare().await?;
                let secured = tls.connect(stream, &proxy.host, Http::Http1, &self.observer).await;
                secured.map(|(stream, _)| stream)
            }
            Protocol::Http | Protocol::Socks5 | Protocol::Socks5h => Ok(stream),
        }
    }
}
