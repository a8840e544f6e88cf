//! Connecting to the server, with and without TLS.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use socket2::{Domain, Socket, Type};

use crate::{args::Args, link::Link};

#[derive(Debug)]
pub(crate) struct Dialer {
    server: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    /// Counts through the sources.
    count: usize,
}

impl Dialer {
    pub(crate) fn new(args: &Args) -> anyhow::Result<Dialer> {
        let tls = args.tls.as_deref().map(client_config).transpose()?.map(Arc::new);
        // Somewhere else than the generator before, whose ports are in TIME_WAIT.
        let count = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos() as usize;
        Ok(Dialer { server: (Ipv4Addr::LOCALHOST, args.port).into(), tls, count })
    }

    /// Begins to connect. A port may be somebody's, so there are several attempts.
    pub(crate) fn dial(&mut self) -> anyhow::Result<Link> {
        let mut outcome = self.begin();
        for _ in 0..ATTEMPTS {
            match &outcome {
                Err(error) if is_taken(error) => outcome = self.begin(),
                _ => break,
            }
        }
        let tcp = outcome.with_context(|| format!("cannot connect to {}", self.server))?;
        let tls = self.tls.clone().map(|config| {
            ClientConnection::new(config, ServerName::try_from("localhost").expect("it is a name"))
        });
        Ok(Link::new(mio::net::TcpStream::from_std(tcp), tls.transpose()?))
    }

    /// From one port of 127.0.0.2 to 127.0.0.251 after the other. Handshakes leave tens of thousands of ports in TIME_WAIT,
    /// and the system takes milliseconds to find one that is not, in which the server would have nothing to do.
    fn begin(&mut self) -> io::Result<TcpStream> {
        self.count += 1;
        let host = 2 + (self.count % HOSTS) as u8;
        let port = FIRST_PORT + (self.count / HOSTS % PORTS) as u16;
        let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, host), port));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&source.into())?;
        match socket.connect(&self.server.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                Err(error)
            }
            _ => Ok(socket.into()),
        }
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse)
}

/// TLS 1.3 with AES-128-GCM, as browsers ask for it first: the same cipher for every server. No session is resumed.
pub(crate) fn client_config(trusted: &Path) -> anyhow::Result<ClientConfig> {
    let pem = fs::read(trusted).with_context(|| format!("cannot read {}", trusted.display()))?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&pem)?)?;
    let provider = CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..ring::default_provider()
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

const HOSTS: usize = 250;
const FIRST_PORT: u16 = 10_000;
const PORTS: usize = 50_000;
const ATTEMPTS: usize = 100;
