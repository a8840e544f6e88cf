//! The settings of a client that need TLS.

use super::builder::ClientBuilder;
use crate::error::Error;

/// Only with the feature `tls`.
impl ClientBuilder {
    /// Trusts the certificate authorities in `pem` too, one or more of them. Default: those of the system, or the ones
    /// of Mozilla, which are bundled, if the system has none.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if there is no certificate in `pem`, or one that cannot be read.
    ///
    /// ```
    /// # fn example(pem: &[u8]) -> Result<(), carrick::Error> {
    /// let builder = carrick::ClientBuilder::new("wss://service.internal/")?
    ///     .root_certificates(pem)?
    ///     .system_roots(false);
    /// # Ok(())
    /// # }
    /// ```
    pub fn root_certificates(mut self, pem: impl AsRef<[u8]>) -> Result<ClientBuilder, Error> {
        self.dialer.tls.add_roots(pem.as_ref())?;
        Ok(self)
    }

    /// Sets whether the certificate authorities of the system are trusted. Default: true. With false only those of
    /// [`root_certificates`](ClientBuilder::root_certificates) are; without any of these
    /// [`connect`](ClientBuilder::connect) fails.
    #[must_use]
    pub fn system_roots(mut self, trusted: bool) -> ClientBuilder {
        self.dialer.tls.set_only_own_roots(!trusted);
        self
    }

    /// Shows the server who we are, if it asks: a chain of certificates, our own one first, and its private key in
    /// PKCS #8, PKCS #1 or SEC 1, both as PEM. Default: none.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for what cannot be read. Whether key and certificate belong together shows when
    /// [`connect`](ClientBuilder::connect) fails with [`Error::Tls`].
    pub fn client_certificate(
        mut self,
        chain_pem: impl AsRef<[u8]>,
        key_pem: impl AsRef<[u8]>,
    ) -> Result<ClientBuilder, Error> {
        self.dialer.tls.set_identity(chain_pem.as_ref(), key_pem.as_ref())?;
        Ok(self)
    }

    /// Takes any certificate, whoever shows it and for whatever name. Default: false. With true anybody on the way can
    /// read and change everything; for a test on one machine, and better done with
    /// [`root_certificates`](ClientBuilder::root_certificates) even there.
    #[must_use]
    pub fn danger_accept_invalid_certs(mut self, accept: bool) -> ClientBuilder {
        self.dialer.tls.set_accept_invalid(accept);
        self
    }
}
