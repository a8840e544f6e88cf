//! A bridge between WebSockets over HTTP/1.1 and over newer versions of HTTP. The runner of the Autobahn cases speaks HTTP/1.1
//! only; this stands between it and a peer that speaks another. It takes no part in the WebSocket: the offers and the answer
//! of the opening handshake go through as they are, then bytes are copied, and every end of a direction and every cut is
//! handed on as it comes. Both sides are carrick's own transports.

use std::net::SocketAddr;
use std::path::PathBuf;

use carrick::{ClientBuilder, Error, Http, Server, ServerTls};
use clap::{Parser, ValueEnum};
use http::{Request, Version};
use http_bridge::{Far, bridge};

/// Bridge WebSockets to another address, with HTTP/1.1 on one side and TLS with a newer version of HTTP on the other.
#[derive(Debug, Parser)]
enum Side {
    /// Accept the newer version and connect over HTTP/1.1: for a client under test.
    Terminate {
        /// The newer version.
        newer: Newer,
        /// Where to connect to.
        connect: SocketAddr,
        /// Where to write the certificate that a client has to trust (PEM).
        certificate: PathBuf,
    },
    /// Accept HTTP/1.1 and connect over the newer version, trusting any certificate: for a server under test.
    Originate {
        /// The newer version.
        newer: Newer,
        /// Where to connect to, whatever is asked for: wss://ADDRESS/PATH.
        connect: String,
    },
}

/// A version of HTTP in which a WebSocket is a stream among others.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Newer {
    Http2,
    Http3,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let server = Server::bind("127.0.0.1:0").await?;
    let server = match Side::parse() {
        Side::Terminate { newer, connect, certificate } => {
            let tls = ServerTls::self_signed()?;
            std::fs::write(certificate, tls.certificates_pem())?;
            let far = move |request: &Request<()>| {
                let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
                Ok(ClientBuilder::new(&format!("ws://{connect}{path}"))?.http(Http::Http1))
            };
            bridge(newer.accepted_by(server, tls)?, newer.version(), Far::new(far))
        }
        Side::Originate { newer, connect } => {
            // One builder, so all WebSockets share a connection.
            let builder = ClientBuilder::new(&connect)?.http(newer.http()).danger_accept_invalid_certs(true);
            bridge(server.http2(false), Version::HTTP_11, Far::new(move |_| Ok(builder.clone())))
        }
    };
    listening(&server);
    server.serve().await?;
    Ok(())
}

impl Newer {
    fn version(self) -> Version {
        match self {
            Newer::Http2 => Version::HTTP_2,
            Newer::Http3 => Version::HTTP_3,
        }
    }

    fn http(self) -> Http {
        match self {
            Newer::Http2 => Http::Http2,
            Newer::Http3 => Http::Http3,
        }
    }

    /// Makes the server accept it, with this certificate.
    fn accepted_by(self, server: Server, tls: ServerTls) -> Result<Server, Error> {
        match self {
            Newer::Http2 => Ok(server.tls(tls).http2(true)),
            Newer::Http3 => server.http3(tls),
        }
    }
}

/// Says which port of loopback is listened on.
#[expect(clippy::print_stdout, reason = "whoever started the bridge reads the port there")]
fn listening(server: &Server) {
    if let Some(address) = server.local_addr() {
        println!("listening on {address}");
    }
}
