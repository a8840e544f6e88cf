//! A byte-copying TLS relay. The runner of the Autobahn cases speaks plain TCP only; this stands between it and a peer
//! that speaks TLS, and hands every byte and every end of a direction on as it comes.

mod copy;
mod terminate;
mod trust_all;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Relay connections to another address, with TLS on one side.
#[derive(Debug, Parser)]
enum Side {
    /// Accept TLS and connect plainly: for a client under test.
    Terminate {
        /// Where to connect to.
        connect: SocketAddr,
        /// Where to write the certificate that a client has to trust (PEM).
        certificate: PathBuf,
    },
    /// Accept plainly and connect with TLS, trusting any certificate: for a server under test.
    Originate {
        /// Where to connect to.
        connect: SocketAddr,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Side::parse() {
        Side::Terminate { connect, certificate } => {
            let acceptor = TlsAcceptor::from(Arc::new(terminate::config(&certificate)?));
            let listener = listen().await?;
            loop {
                let accepted = accept(&listener).await?;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    copy::both_ways(acceptor.accept(accepted).await?, connected(connect).await?).await
                });
            }
        }
        Side::Originate { connect } => {
            let connector = TlsConnector::from(Arc::new(trust_all::config()?));
            let listener = listen().await?;
            loop {
                let accepted = accept(&listener).await?;
                let connector = connector.clone();
                tokio::spawn(async move {
                    let name = connect.ip().into();
                    copy::both_ways(accepted, connector.connect(name, connected(connect).await?).await?).await
                });
            }
        }
    }
}

/// Listens on a free port of loopback and says which.
#[expect(clippy::print_stdout, reason = "whoever started the relay reads the port there")]
async fn listen() -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(listener)
}

async fn accept(listener: &TcpListener) -> anyhow::Result<TcpStream> {
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn connected(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
