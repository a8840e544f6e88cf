//! `carrick serve`: the page, `/chat` and `/echo` on one port.

use std::net::{SocketAddr, UdpSocket};

use carrick::{
    Cors, ReloadableTls, Server,
    protocol::{DeflateConfig, TrustedProxies},
};
use http::Request;

use super::echo::echo;
use crate::{
    args::{Serve, TrustedProxy},
    bind::Bind,
    chat::{self, Room},
    exit::Exit,
    failure::Failure,
    hosting::{origin_policy, tls},
    output, page, signals,
};

/// Serves until Ctrl-C, then lets the open connections close.
pub(crate) async fn serve(args: Serve) -> Result<Exit, Failure> {
    let Serve { bind, hosting, limits, trusted_proxies, log } = args;
    let tls = tls(&hosting, &bind)?;
    let is_tls = tls.is_some();
    let (server, bound) = bind.listen("--bind ").await?;
    let room = Room::new();
    let mut server = server
        .route("/echo", move |websocket, request| {
            note_opened(log, &request);
            echo(websocket)
        })
        .config(limits.config())
        .deflate((!limits.no_deflate).then(DeflateConfig::default))
        .origins(origin_policy(&hosting.origins))
        .cors(Cors::new(origin_policy(&hosting.origins)))
        .trusted_proxies(believed(&trusted_proxies))
        .max_connections(hosting.max_connections as usize)
        .drain_timeout(hosting.drain_timeout)
        .route("/chat", move |websocket, request| {
            note_opened(log, &request);
            chat::join(room.clone(), websocket, is_tls)
        })
        .fallback(tower::service_fn(page::answer));
    if let Some(tls) = tls {
        server = with_http3(server, tls)?;
    }
    print_urls(&bound, is_tls);
    let stop = async {
        signals::stop().await;
        output::note("Closing connections; Ctrl-C again stops at once.");
    };
    let cut =
        server.serve_until(stop).await.map_err(|error| Failure::new("the server failed").because(error))?;
    match cut {
        0 => {}
        1 => output::note("1 connection did not close in time and was cut"),
        _ => output::note(&format!("{cut} connections did not close in time and were cut")),
    }
    Ok(Exit::Fine)
}

/// With TLS on its TCP port, and HTTP/3 on the UDP port of the same number if that is free.
fn with_http3(server: Server, tls: ReloadableTls) -> Result<Server, Failure> {
    let address = server.local_addr().expect("it listens on TCP where it has TLS");
    if let Err(error) = UdpSocket::bind(address) {
        output::note(&format!("No HTTP/3: cannot listen on UDP port {}: {error}", address.port()));
        return Ok(server.tls(tls));
    }
    let server = server.on_http3_failure(|error| output::note(&format!("No HTTP/3 any more: {error}")));
    server.http3(tls).map_err(|error| Failure::new("cannot serve HTTP/3").because(error))
}

fn note_opened(log: bool, request: &Request<()>) {
    if log {
        let peer = request.extensions().get::<SocketAddr>();
        let peer = peer.map_or_else(|| "unix".to_owned(), SocketAddr::to_string);
        let http = chat::http_name(request.version());
        output::note(&format!("{peer} opens {} over {http}", request.uri().path()));
    }
}

fn believed(trusted: &[TrustedProxy]) -> TrustedProxies {
    let network = |proxy: &TrustedProxy| match proxy {
        TrustedProxy::Network(network) => Some(*network),
        TrustedProxy::Unix => None,
    };
    TrustedProxies::new(trusted.iter().filter_map(network).collect())
        .with_unix_sockets(trusted.contains(&TrustedProxy::Unix))
}

fn print_urls(bind: &Bind, tls: bool) {
    if let Some(page) = bind.page(tls) {
        output::line(&format!("page  {page}"));
    }
    output::line(&format!("chat  {}", bind.websocket("/chat", tls)));
    output::line(&format!("echo  {}", bind.websocket("/echo", tls)));
    if let Some(page) = bind.page_from_elsewhere(tls) {
        output::note(&format!("From other machines: {page}"));
    }
    output::note("Ctrl-C stops.");
}
