//! `Server::http3`.

use std::{io, sync::Arc};

use super::{super::builder::Server, listener::QuicListener};
use crate::{error::Error, transport::ReloadableTls};

impl Server {
    /// Serves `wss://` as [`tls`](Server::tls) does, and HTTP/3 beside it, on the UDP port with the number of the TCP port.
    /// Handlers, limits and the [fallback](Server::fallback) are the same; answers over TCP say in `Alt-Svc` that there is
    /// HTTP/3 (RFC 7838), by which browsers find it. Default: no HTTP/3.
    ///
    /// A connection takes as many requests at a time as [`max_concurrent_streams`](Server::max_concurrent_streams) says. Data that could be replayed (0-RTT) is not taken. Clients may change their address.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the UDP port is in use or may not be used, and [`Error::Config`] for a server on a Unix socket.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), carrick::Error> {
    /// use carrick::{Server, ServerTls};
    ///
    /// Server::bind("[::]:443")
    ///     .await?
    ///     .http3(ServerTls::from_pem_files("cert.pem", "key.pem")?)?
    ///     .route("/echo", |mut websocket, _request| async move {
    ///         while let Some(Ok(message)) = websocket.recv().await {
    ///             let _ = websocket.send(message).await;
    ///         }
    ///     })
    ///     .serve()
    ///     .await
    /// # }
    /// ```
    pub fn http3(self, tls: impl Into<ReloadableTls>) -> Result<Server, Error> {
        let tls = tls.into();
        let address = self.local_addr().ok_or_else(|| Error::Config("a Unix socket has no HTTP/3".into()))?;
        let mut server = self.tls(tls.clone());
        server.quic = Some(QuicListener::bind(address, tls)?);
        Ok(server)
    }

    /// Sets what is told, once, that the UDP socket has failed: for a log. TCP goes on; its answers say in `Alt-Svc` that there
    /// is no HTTP/3 any more, and the connections that were there are gone. Default: nobody.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.on_http3_failure(|error| eprintln!("{error}"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_http3_failure(mut self, witness: impl Fn(&io::Error) + Send + Sync + 'static) -> Server {
        self.http3_witness = Some(Arc::new(witness));
        self
    }
}
