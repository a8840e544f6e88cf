//! The server: echoes, and takes down who came.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use carrick::{Server, ServerTls};
use tokio::sync::oneshot;

/// The addresses that connections came from.
pub(crate) type Peers = Arc<Mutex<BTreeSet<SocketAddr>>>;

/// Serves until the client has gone.
pub(crate) async fn serve(
    address: Ipv4Addr,
    tls: ServerTls,
    peers: Peers,
    gone: oneshot::Receiver<()>,
) -> anyhow::Result<()> {
    let server = Server::bind((address, PORT)).await?.http3(tls)?.deflate(None).drain_timeout(DRAIN);
    let server = server.route("/", move |mut websocket, _request| {
        let mut peers = peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.extend(websocket.stream().peer_addr());
        async move {
            while let Some(Ok(message)) = websocket.recv().await {
                if websocket.feed(message).await.is_err() {
                    return;
                }
            }
        }
    });
    server
        .serve_until(async {
            let _ = gone.await;
        })
        .await?;
    Ok(())
}

/// The namespace is ours alone.
const PORT: u16 = 443;
const DRAIN: Duration = Duration::from_secs(1);
