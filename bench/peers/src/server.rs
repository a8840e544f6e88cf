//! One thread that listens, and hands each connection to the library.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::unconstrained;
use tokio_rustls::TlsAcceptor;

use crate::{Arguments, Mode};

/// Larger than any number of connections that the generator opens at once.
const BACKLOG: u32 = 16_384;

/// What a library does with a stream.
pub trait Server: Clone + Send + 'static {
    /// Takes the handshake, and answers until the connection ends.
    fn connection<S>(self, stream: S) -> impl Future<Output = anyhow::Result<()>> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static;
}

/// Runs `future` on this thread alone.
///
/// # Errors
///
/// If there can be no runtime, or the error of `future`.
pub fn run<F: Future<Output = anyhow::Result<()>>>(future: F) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// Listens, says so, and serves until the process is killed.
///
/// Connections that break off are how a run ends, so their errors are not told.
///
/// # Errors
///
/// If nothing can listen, or the certificate is not there.
pub async fn serve<P: Server>(arguments: &Arguments, mode: Mode, peer: P) -> anyhow::Result<()> {
    let acceptor = match mode {
        Mode::Tls => Some(acceptor(arguments)?),
        _ => None,
    };
    let listener = listen(arguments.port)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let peer = peer.clone();
        // A connection may take all that is ready before the next one is looked at, as the examples of these libraries
        // have it.
        match acceptor.clone() {
            None => drop(tokio::spawn(unconstrained(peer.connection(stream)))),
            Some(acceptor) => drop(tokio::spawn(unconstrained(async move {
                peer.connection(acceptor.accept(stream).await?).await
            }))),
        }
    }
}

#[expect(clippy::print_stdout, reason = "the runner waits for this line")]
fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let files = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files })?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).with_context(|| format!("port {port}"))?;
    let listener = socket.listen(BACKLOG)?;
    println!("ready");
    Ok(listener)
}

/// Every Rust peer has the same provider, so that the libraries are compared and not the ciphers.
fn acceptor(arguments: &Arguments) -> anyhow::Result<TlsAcceptor> {
    let certificates = CertificateDer::pem_file_iter(file(arguments.cert.as_deref(), "--cert")?)?
        .collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(file(arguments.key.as_deref(), "--key")?)?;
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn file<'a>(path: Option<&'a Path>, name: &str) -> anyhow::Result<&'a Path> {
    path.with_context(|| format!("{name} is missing"))
}
