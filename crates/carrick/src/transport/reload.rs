//! A certificate that is replaced while the server serves.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::server_tls::ServerTls;

/// A [`ServerTls`] that can be replaced while a server serves with it, as certificates that last for months have to be.
///
/// A clone is the same: give one to the server and keep the other. Connections that are open go on with what they have
/// begun with, later ones are shown the new certificate. What is to replace it was checked when it was made, so a file
/// that is damaged leaves everything as it is.
///
/// ```no_run
/// use carrick::{ReloadableTls, Server, ServerTls};
///
/// # async fn example() -> Result<(), carrick::Error> {
/// let files = || ServerTls::from_pem_files("fullchain.pem", "privkey.pem");
/// let tls = ReloadableTls::new(files()?);
/// let server = Server::bind("127.0.0.1:9000").await?.tls(tls.clone());
/// tokio::spawn(server.serve());
///
/// // Each time the files were renewed:
/// match files() {
///     Ok(renewed) => tls.replace(renewed),
///     Err(error) => eprintln!("the certificate stays as it is: {error}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReloadableTls {
    configs: Arc<RwLock<Configs>>,
}

/// What a certificate is served with.
#[derive(Debug)]
pub(super) struct Configs {
    /// For connections that speak HTTP/1.1.
    pub(super) http1: Arc<ServerConfig>,
    /// For those that speak HTTP/2 if the client likes.
    pub(super) http2: Arc<ServerConfig>,
}

impl ReloadableTls {
    /// One that begins with `tls`.
    #[must_use]
    pub fn new(tls: ServerTls) -> ReloadableTls {
        ReloadableTls { configs: Arc::new(RwLock::new(tls.into_configs())) }
    }

    /// Takes `tls` for every connection from now on: its certificate and key, and whether clients have to show one. Clients
    /// that come back cannot resume what they agreed on before, and make a whole handshake.
    pub fn replace(&self, tls: ServerTls) {
        let configs = tls.into_configs();
        *self.configs.write().unwrap_or_else(PoisonError::into_inner) = configs;
    }

    /// As it is now, for one connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config())
    }

    /// As it is now, for one connection that speaks HTTP/1.1.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.configs().http1)
    }

    /// As it is now, for one connection of a client that may prefer HTTP/2.
    pub(crate) fn acceptor_with_http2(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.configs().http2))
    }

    /// As it is now.
    #[cfg(feature = "http3")]
    pub(super) fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.configs().http1)
    }

    fn configs(&self) -> RwLockReadGuard<'_, Configs> {
        self.configs.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<ServerTls> for ReloadableTls {
    fn from(tls: ServerTls) -> ReloadableTls {
        ReloadableTls::new(tls)
    }
}
