//! TLS of a client.

use std::{
    error, io,
    panic::resume_unwind,
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use url::Host;

use super::{
    connect_event::{ConnectEvent, Observer, Stopwatch},
    http::Http,
    stream::NetStream,
    tls::provider,
};
use crate::error::Error;

/// The settings of TLS and what is made of them, which clones share until they change a setting.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientTls {
    settings: Settings,
    built: Arc<OnceLock<Arc<ClientConfig>>>,
}

#[derive(Clone, Debug, Default)]
struct Settings {
    own_roots: Vec<CertificateDer<'static>>,
    only_own_roots: bool,
    accept_invalid: bool,
    identity: Option<Arc<Identity>>,
}

/// What a client shows a server that asks who it is.
#[derive(Debug)]
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    /// rustls does not print it.
    key: PrivateKeyDer<'static>,
}

impl ClientTls {
    pub(crate) fn add_roots(&mut self, pem: &[u8]) -> Result<(), Error> {
        let roots = certificates(pem)?;
        self.change().own_roots.extend(roots);
        Ok(())
    }

    pub(crate) fn set_only_own_roots(&mut self, only: bool) {
        self.change().only_own_roots = only;
    }

    pub(crate) fn set_accept_invalid(&mut self, accept: bool) {
        self.change().accept_invalid = accept;
    }

    pub(crate) fn set_identity(&mut self, chain: &[u8], key: &[u8]) -> Result<(), Error> {
        let chain = certificates(chain)?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| Error::Config(format!("private key cannot be read: {error}").into()))?;
        self.change().identity = Some(Arc::new(Identity { chain, key }));
        Ok(())
    }

    fn change(&mut self) -> &mut Settings {
        self.built = Arc::default();
        &mut self.settings
    }

    /// TLS over `carrier` with the server that has to be `host`, and whether that has chosen HTTP/2, which it may unless
    /// `http` forbids it.
    pub(crate) async fn connect(
        &self,
        carrier: NetStream,
        host: &Host<String>,
        http: Http,
        observer: &Observer,
    ) -> Result<(NetStream, bool), Error> {
        let name = match host {
            Host::Domain(name) => {
                let name = ServerName::try_from(name.clone());
                name.map_err(|error| {
                    Error::Config(format!("host {host} has no name for TLS: {error}").into())
                })?
            }
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
        };
        let connector = TlsConnector::from(self.config()?);
        let peer = carrier.peer_addr();
        let start = Stopwatch::start();
        let alpn: &[&[u8]] = match http {
            Http::Http1 => &[HTTP1],
            // What is left out by the caller is offered too: its choice is told better than a handshake that fails.
            Http::Auto | Http::Http2 | Http::Http3 => &[HTTP2, HTTP1],
        };
        let connector = connector.with_alpn(alpn.iter().map(|name| name.to_vec()).collect());
        let stream =
            connector.connect(name, carrier).await.map_err(|error| ClientTls::explained(error.into()))?;
        tell(observer, stream.get_ref().1, start);
        let http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        Ok((NetStream::over(stream, peer), http2))
    }

    /// Fails at once what would fail after the connection is made. The first time this reads the certificates of the
    /// system, on a thread that may block.
    pub(crate) async fn prepare(&self) -> Result<(), Error> {
        if self.built.get().is_some() {
            return Ok(());
        }
        let tls = self.clone();
        match spawn_blocking(move || tls.config().map(drop)).await {
            Ok(built) => built,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(Error::Io(io::Error::other("runtime is shutting down"))),
            },
        }
    }

    /// The same settings, for a server that must not see our certificate.
    pub(crate) fn without_identity(&self) -> ClientTls {
        let mut tls = self.clone();
        if tls.settings.identity.is_some() {
            tls.change().identity = None;
        }
        tls
    }

    /// An error as TLS explains it: rustls hides its own in those of the stream.
    pub(crate) fn explained(error: Error) -> Error {
        match error {
            Error::Io(error) if matches!(error.get_ref(), Some(inner) if inner.is::<rustls::Error>()) => {
                Error::Tls(error.into_inner().unwrap_or_else(|| "unknown".into()))
            }
            other => other,
        }
    }

    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        if let Some(config) = self.built.get() {
            return Ok(Arc::clone(config));
        }
        let config = self.settings.build().map_err(Error::Tls)?;
        Ok(Arc::clone(self.built.get_or_init(|| Arc::new(config))))
    }
}

impl Settings {
    fn build(&self) -> Result<ClientConfig, Box<dyn error::Error + Send + Sync>> {
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous();
        let builder = builder.with_custom_certificate_verifier(self.verifier(provider)?);
        let mut config = match self.identity.as_deref() {
            Some(identity) => {
                builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP1.to_vec()];
        Ok(config)
    }

    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, Box<dyn error::Error + Send + Sync>> {
        if self.accept_invalid {
            return Ok(Arc::new(AcceptInvalid { provider }));
        }
        let roots = if self.own_roots.is_empty() && !self.only_own_roots {
            Arc::clone(system_roots())
        } else {
            let mut roots =
                if self.only_own_roots { RootCertStore::empty() } else { system_roots().as_ref().clone() };
            for root in &self.own_roots {
                roots.add(root.clone())?;
            }
            Arc::new(roots)
        };
        Ok(WebPkiServerVerifier::builder_with_provider(roots, provider).build()?)
    }
}

/// One is equal to another if a connection of one may carry what is for the other.
impl PartialEq for ClientTls {
    fn eq(&self, other: &ClientTls) -> bool {
        Arc::ptr_eq(&self.built, &other.built)
    }
}

fn tell(observer: &Observer, connection: &ClientConnection, start: Stopwatch) {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "TLS",
    };
    let cipher = connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()));
    let cipher = cipher.as_deref().unwrap_or("an unknown cipher");
    observer.tell(&ConnectEvent::Secured { version, cipher, took: start.took() });
}

/// The certificate authorities of the system, or the bundled ones of Mozilla if the system has none. Read once.
fn system_roots() -> &'static Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // Single certificates that cannot be read are common in such stores, and no reason to trust no other.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Arc::new(roots)
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(Error::Config("there is no certificate in the PEM".into())),
        Err(error) => Err(Error::Config(format!("certificate cannot be read: {error}").into())),
    }
}

/// Takes any certificate of any server. That the server has its key is still checked.
#[derive(Debug)]
struct AcceptInvalid {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptInvalid {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The names of ALPN.
const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_what_was_built_until_they_change_a_setting() {
        let tls = ClientTls::default();
        let first = tls.config().unwrap();
        let mut clone = tls.clone();
        assert!(Arc::ptr_eq(&first, &clone.config().unwrap()));
        clone.set_only_own_roots(true);
        clone.set_accept_invalid(true);
        assert!(!Arc::ptr_eq(&first, &clone.config().unwrap()));
        assert!(Arc::ptr_eq(&first, &tls.config().unwrap()));
        assert_eq!(first.alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn what_is_no_pem_is_refused() {
        let mut tls = ClientTls::default();
        for pem in [&b""[..], b"words", b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(tls.add_roots(pem), Err(Error::Config(_))));
            assert!(matches!(tls.set_identity(pem, pem), Err(Error::Config(_))));
        }
    }

    #[test]
    fn an_error_of_rustls_is_one_of_tls_and_others_stay() {
        let inner = rustls::Error::DecryptError;
        let hidden = Error::Io(io::Error::new(io::ErrorKind::InvalidData, inner));
        assert!(matches!(ClientTls::explained(hidden), Error::Tls(_)));
        let other = Error::Io(io::ErrorKind::ConnectionReset.into());
        assert!(matches!(ClientTls::explained(other), Error::Io(_)));
    }
}
