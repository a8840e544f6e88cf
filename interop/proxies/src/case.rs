//! One connection through one proxy.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::{Context, bail, ensure};
use carrick::{
    ClientBuilder, ConnectEvent, Proxy,
    protocol::{CloseCode, Message},
};

use crate::server::Servers;

/// What is tried, and what has to come of it.
#[derive(Debug)]
pub(crate) struct Case {
    scheme: &'static str,
    proxy: SocketAddr,
    /// `user:password`.
    credentials: Option<String>,
    secure: bool,
    to_nobody: bool,
    /// What the error has to say; `None` if there must be none.
    failure: Option<&'static str>,
}

impl Case {
    pub(crate) fn new(
        scheme: &'static str,
        proxy: SocketAddr,
        credentials: Option<String>,
        secure: bool,
    ) -> Case {
        Case { scheme, proxy, credentials, secure, to_nobody: false, failure: None }
    }

    /// Messages of all sizes have to come back.
    pub(crate) fn echoes(self) -> Case {
        Case { failure: None, ..self }
    }

    /// The connection has to fail, and the error to say this.
    pub(crate) fn fails(self, failure: &'static str) -> Case {
        Case { failure: Some(failure), ..self }
    }

    /// Nobody listens where the proxy is asked to lead.
    pub(crate) fn without_server(self) -> Case {
        Case { to_nobody: true, ..self }
    }

    pub(crate) async fn run(&self, servers: &Servers) -> anyhow::Result<()> {
        let went_through = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&went_through);
        let builder = self.builder(servers)?.on_connect_event(move |event| {
            if matches!(event, ConnectEvent::Proxied { .. }) {
                seen.store(true, Ordering::Relaxed);
            }
        });
        let result = builder.connect().await;
        let mut websocket = match (result, self.failure) {
            (Ok(websocket), None) => websocket,
            (Ok(_), Some(_)) => bail!("it connected"),
            (Err(error), None) => return Err(error).context("it did not connect"),
            (Err(error), Some(failure)) => return self.check(&error.into(), failure),
        };
        ensure!(went_through.load(Ordering::Relaxed), "it went around the proxy");
        ensure!(websocket.stream().peer_addr() == Some(self.proxy), "the peer is not the proxy");
        for length in [0, 5, 126, 70_000, 1_000_000] {
            let message = Message::text("é".repeat(length / 2));
            websocket.send(message.clone()).await?;
            let echo = websocket.recv().await.context("it was closed")??;
            ensure!(echo == message, "{length} bytes came back as something else");
        }
        let closed = websocket.close(CloseCode::NORMAL, "").await?;
        ensure!(closed.is_clean(), "it ended by {closed}");
        Ok(())
    }

    fn builder(&self, servers: &Servers) -> anyhow::Result<ClientBuilder> {
        let (scheme, server) = if self.secure { ("wss", servers.secure) } else { ("ws", servers.plain) };
        let server = if self.to_nobody { servers.nobody } else { server };
        let credentials = self.credentials.as_ref().map_or_else(String::new, |both| format!("{both}@"));
        let proxy = Proxy::parse(&format!("{}://{credentials}{}", self.scheme, self.proxy))?;
        // A name, so that socks5 and socks5h differ.
        let builder = ClientBuilder::new(&format!("{scheme}://localhost:{}/echo", server.port()))?;
        Ok(builder.root_certificates(servers.trusted.concat())?.proxy(proxy))
    }

    /// Whether the error says what it has to, and no secret.
    fn check(&self, error: &anyhow::Error, failure: &str) -> anyhow::Result<()> {
        let text = format!("{error:#}");
        ensure!(text.contains(failure), "the error is: {text}");
        ensure!(text.contains(&format!("{}://{}", self.scheme, self.proxy)), "no proxy is named: {text}");
        for secret in self.credentials.iter().flat_map(|both| both.split(':')) {
            ensure!(!format!("{text} {error:?}").contains(secret), "{secret:?} is in the error: {text}");
        }
        Ok(())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = if self.secure { "wss" } else { "ws" };
        write!(f, "{target} through {}://{}", self.scheme, self.proxy)?;
        match &self.credentials {
            Some(credentials) => write!(f, " as {credentials}")?,
            None => write!(f, " as nobody")?,
        }
        match self.failure {
            Some(failure) => write!(f, " fails: {failure}"),
            None => write!(f, " echoes"),
        }
    }
}
