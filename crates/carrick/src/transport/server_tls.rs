//! The server's side of TLS: its certificate, and whose certificates it asks for.

use std::{fmt::Write, fs, path::Path, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::WebPkiClientVerifier,
};

use super::{reload::Configs, tls::provider};
use crate::error::Error;

/// The certificate of a server, its key, and whether clients have to show one too.
///
/// TLS 1.3 and 1.2 by rustls; by ALPN a [`Server`](crate::Server) speaks `h2` and `http/1.1`. Everything is checked here, so that nothing is left
/// to fail once clients come. [`ReloadableTls`](crate::ReloadableTls) replaces it while a server serves.
///
/// ```no_run
/// use carrick::ServerTls;
///
/// let tls = ServerTls::from_pem_files("fullchain.pem", "privkey.pem")?;
/// # Ok::<(), carrick::Error>(())
/// ```
#[derive(Debug)]
pub struct ServerTls {
    /// The server's own first. Not empty.
    certificates: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Made of the other two.
    config: Arc<ServerConfig>,
}

/// Whether a client has to show a certificate, see [`ServerTls::with_client_authorities`].
///
/// ```
/// assert_ne!(carrick::ClientCertificates::Required, carrick::ClientCertificates::Optional);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// A client without one is refused.
    Required,
    /// A client may show none; one that is shown has to be valid.
    Optional,
}

impl ServerTls {
    /// The certificates in one PEM file, the server's own first and the ones that sign it behind it, and the key in
    /// another: what ACME clients write as `fullchain.pem` and `privkey.pem`. Reads the files at once, and blocks for
    /// as long as that takes.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] says which file is wrong and in what way.
    pub fn from_pem_files(certificates: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<ServerTls, Error> {
        let certificates = Pem::read("certificate", certificates.as_ref())?;
        ServerTls::from_pems(&certificates, &Pem::read("key", key.as_ref())?)
    }

    /// The certificates and the key in PEM that is in memory already, as
    /// [`from_pem_files`](ServerTls::from_pem_files) has them in files.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] says which of them is wrong and in what way.
    ///
    /// ```
    /// let error = carrick::ServerTls::from_pem(b"", b"").unwrap_err();
    /// assert_eq!(
    ///     std::error::Error::source(&error).unwrap().to_string(),
    ///     "certificate has no -----BEGIN CERTIFICATE----- block",
    /// );
    /// ```
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<ServerTls, Error> {
        let memory = |what: &str, bytes: &[u8]| Pem { name: what.to_owned(), bytes: bytes.to_owned() };
        ServerTls::from_pems(&memory("certificate", certificates), &memory("key", key))
    }

    /// A certificate that is made now and signed by itself, for `localhost`, `127.0.0.1` and `::1`. For tests: whoever
    /// connects has to trust [`certificates_pem`](ServerTls::certificates_pem), and it is another one each time.
    ///
    /// # Errors
    ///
    /// As [`self_signed_for`](ServerTls::self_signed_for).
    pub fn self_signed() -> Result<ServerTls, Error> {
        ServerTls::self_signed_for(["localhost", "127.0.0.1", "::1"])
    }

    /// A certificate that is made now and signed by itself, for these names and addresses.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for what is no name.
    pub fn self_signed_for<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<ServerTls, Error> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(names.clone()).map_err(|error| {
                wrong(format!("no certificate can be made for {}: {error}", names.join(", ")))
            })?;
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(wrong)?;
        ServerTls::new(vec![cert.der().clone()], key, None).map_err(|error| wrong(error.to_string()))
    }

    /// Asks clients for a certificate that one of these authorities has signed, given as PEM. A handler finds what the
    /// client showed as `PeerCertificates` in the extensions of its request.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if there is no authority in it, or one that cannot be used.
    pub fn with_client_authorities(
        self,
        pem: &[u8],
        whether: ClientCertificates,
    ) -> Result<ServerTls, Error> {
        let name = "certificate of the client authority".to_owned();
        self.with_client_pem(&Pem { name, bytes: pem.to_owned() }, whether)
    }

    /// Asks clients for a certificate that one of the authorities in a PEM file has signed.
    ///
    /// # Errors
    ///
    /// As [`with_client_authorities`](ServerTls::with_client_authorities), and if the file cannot be read.
    pub fn with_client_authorities_file(
        self,
        path: impl AsRef<Path>,
        whether: ClientCertificates,
    ) -> Result<ServerTls, Error> {
        let pem = Pem::read("client authority", path.as_ref())?;
        self.with_client_pem(&pem, whether)
    }

    /// The certificates in PEM, the server's own first; what clients of a self-signed one have to trust.
    #[must_use]
    pub fn certificates_pem(&self) -> String {
        let mut pem = String::new();
        for certificate in &self.certificates {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            for line in STANDARD.encode(certificate).as_bytes().chunks(64) {
                let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
            }
            pem.push_str("-----END CERTIFICATE-----\n");
        }
        pem
    }

    pub(super) fn into_configs(self) -> Configs {
        let mut http2 = ServerConfig::clone(&self.config);
        http2.alpn_protocols.insert(0, b"h2".to_vec());
        Configs { http1: self.config, http2: Arc::new(http2) }
    }

    fn from_pems(certificates: &Pem, key: &Pem) -> Result<ServerTls, Error> {
        ServerTls::new(certificates.certificates()?, key.key()?, None).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                wrong(format!("{} does not belong to {}", key.name, certificates.name))
            }
            error => wrong(format!("{} and {} cannot be used: {error}", certificates.name, key.name)),
        })
    }

    fn with_client_pem(self, pem: &Pem, whether: ClientCertificates) -> Result<ServerTls, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in pem.certificates()? {
            roots.add(certificate).map_err(|error| wrong(format!("{} cannot be used: {error}", pem.name)))?;
        }
        ServerTls::new(self.certificates, self.key, Some((roots, whether)))
            .map_err(|error| wrong(format!("{} cannot be used: {error}", pem.name)))
    }

    fn new(
        certificates: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        clients: Option<(RootCertStore, ClientCertificates)>,
    ) -> Result<ServerTls, rustls::Error> {
        let builder =
            ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some((roots, whether)) => {
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                let verifier = match whether {
                    ClientCertificates::Required => verifier,
                    ClientCertificates::Optional => verifier.allow_unauthenticated(),
                };
                let verifier = verifier.build().map_err(|error| rustls::Error::General(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(certificates.clone(), key.clone_key())?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ServerTls { certificates, key, config: Arc::new(config) })
    }
}

/// PEM, and where it is from as an error calls it.
struct Pem {
    name: String,
    bytes: Vec<u8>,
}

impl Pem {
    fn read(what: &str, path: &Path) -> Result<Pem, Error> {
        let name = format!("{what} file {path:?}");
        match fs::read(path) {
            Ok(bytes) => Ok(Pem { name, bytes }),
            Err(error) => Err(wrong(format!("{name} cannot be read: {error}"))),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let name = &self.name;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&self.bytes)
            .collect::<Result<_, _>>()
            .map_err(|error| wrong(format!("{name} is damaged: {}", damage(&error))))?;
        if !certificates.is_empty() {
            return Ok(certificates);
        }
        Err(wrong(if PrivateKeyDer::from_pem_slice(&self.bytes).is_ok() {
            format!("{name} has a private key and no certificate, exchange it for the other file")
        } else {
            format!("{name} has no -----BEGIN CERTIFICATE----- block")
        }))
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let name = &self.name;
        let error = match PrivateKeyDer::from_pem_slice(&self.bytes) {
            Ok(key) => return Ok(key),
            Err(error) => error,
        };
        let text = String::from_utf8_lossy(&self.bytes);
        Err(wrong(if text.contains("ENCRYPTED") {
            format!("{name} is encrypted, decrypt it first: openssl pkey -in OLD -out NEW")
        } else if text.contains("-----BEGIN CERTIFICATE-----") {
            format!("{name} has a certificate and no private key, exchange it for the other file")
        } else if text.contains("PRIVATE KEY-----") {
            format!("{name} is damaged: {}", damage(&error))
        } else {
            format!("{name} has no -----BEGIN PRIVATE KEY----- block")
        }))
    }
}

/// What is wrong with a PEM file; the error itself writes names of sections as numbers.
fn damage(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("its -----END {}----- line is missing", String::from_utf8_lossy(end_marker))
        }
        other => other.to_string(),
    }
}

fn wrong(text: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Config(text.into())
}
