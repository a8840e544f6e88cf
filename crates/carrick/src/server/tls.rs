//! `wss://` on a server.

use std::sync::Arc;

use super::{
    app::WebSocketServer,
    builder::Server,
    connection::{Secure, Secured},
};
use crate::transport::{NetStream, ReloadableTls};

impl Server {
    /// Serves `wss://` and `https://` instead of `ws://` and `http://`, with a [`ServerTls`](crate::ServerTls) or one that
    /// can be replaced meanwhile. Default: without TLS.
    ///
    /// The TLS handshake counts towards [`handshake_timeout`](Server::handshake_timeout).
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// use carrick::{Server, ServerTls};
    ///
    /// let server = Server::bind("127.0.0.1:0").await?.tls(ServerTls::self_signed()?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: impl Into<ReloadableTls>) -> Server {
        self.secure = Some(secure(tls.into()));
        self
    }
}

impl<S> WebSocketServer<S> {
    /// Sets the certificate of a server whose URL is `wss://`: a [`ServerTls`](crate::ServerTls), or one that can be
    /// replaced meanwhile. Default: none.
    ///
    /// ```no_run
    /// use carrick::{ServerTls, WebSocketServer};
    ///
    /// WebSocketServer::new("wss://127.0.0.1:9000/ws")
    ///     .tls(ServerTls::from_pem_files("fullchain.pem", "privkey.pem")?)
    ///     .run_forever()?;
    /// # Ok::<(), carrick::Error>(())
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: impl Into<ReloadableTls>) -> WebSocketServer<S> {
        self.tls = Some(tls.into());
        self
    }
}

fn secure(tls: ReloadableTls) -> Secure {
    Arc::new(move |stream, http2| {
        let acceptor = if http2 { tls.acceptor_with_http2() } else { tls.acceptor() };
        let handshake = acceptor.accept(stream);
        Box::pin(async move {
            let stream = handshake.await?;
            let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
            let certificates = certificates.iter().map(|certificate| certificate.to_vec()).collect();
            let peer = stream.get_ref().0.peer_addr();
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            Ok(Secured { stream: NetStream::over(stream, peer), certificates, http2 })
        })
    })
}
