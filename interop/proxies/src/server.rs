//! What stands behind the proxies: an echo over `ws` and one over `wss`.

use std::net::{SocketAddr, TcpListener};

use carrick::{Server, ServerTls};

/// Two servers that echo until the program ends.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) plain: SocketAddr,
    pub(crate) secure: SocketAddr,
    /// The certificates that a client has to trust (PEM): of `secure`, and of the proxies that speak TLS.
    pub(crate) trusted: Vec<String>,
    /// Nobody listens there.
    pub(crate) nobody: SocketAddr,
}

impl Servers {
    pub(crate) async fn start() -> anyhow::Result<Servers> {
        let tls = ServerTls::self_signed_for(["localhost"])?;
        let trusted = vec![tls.certificates_pem()];
        let plain = echo(Server::bind("127.0.0.1:0").await?);
        let secure = echo(Server::bind("127.0.0.1:0").await?.tls(tls));
        let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        Ok(Servers { plain, secure, trusted, nobody })
    }
}

fn echo(server: Server) -> SocketAddr {
    let address = server.local_addr().expect("it listens on TCP");
    let server = server.route("/echo", |mut websocket, _request| async move {
        while let Some(Ok(message)) = websocket.recv().await {
            if websocket.feed(message).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(server.serve());
    address
}
