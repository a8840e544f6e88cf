//! Connecting to the server, with and without TLS.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
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
    /// How many were dialled.
    count: usize,
}

impl Dialer {
    pub(crate) fn new(args: &Args) -> anyhow::Result<Dialer> {
        let tls = args.tls.as_deref().map(client_config).transpose()?.map(Arc::new);
        Ok(Dialer { server: (Ipv4Addr::LOCALHOST, args.port).into(), tls, count: 0 })
    }

    /// Begins to connect. A port in TIME_WAIT is not to be had again at once, so there are several attempts.
    pub(crate) fn dial(&mut self) -> anyhow::Result<Link> {
        let mut outcome = self.begin();
        for _ in 0..ATTEMPTS {
            match &outcome {
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => outcome = self.begin(),
                _ => break,
            }
        }
        let tcp = outcome.with_context(|| format!("cannot connect to {}", self.server))?;
        let tls = self.tls.clone().map(|config| {
            ClientConnection::new(config, ServerName::try_from("localhost").expect("it is a name"))
        });
        Ok(Link::new(mio::net::TcpStream::from_std(tcp), tls.transpose()?))
    }

    /// From 127.0.0.2 to 127.0.0.9 in turn, for each address has only so many ports.
    fn begin(&mut self) -> io::Result<TcpStream> {
        let source = Ipv4Addr::new(127, 0, 0, 2 + (self.count % SOURCES) as u8);
        self.count += 1;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::from((source, 0)).into())?;
        match socket.connect(&self.server.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                Err(error)
            }
            _ => Ok(socket.into()),
        }
    }
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

const SOURCES: usize = 8;
const ATTEMPTS: usize = 100;
