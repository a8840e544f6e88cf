//! `carrick serve`: the page, `/chat` and `/echo` on one port.

use carrick::{
    Server,
    protocol::{DeflateConfig, TrustedProxies},
};

use super::echo::echo;
use crate::{
    args::Serve,
    chat::{self, Room},
    exit::Exit,
    failure::Failure,
    hosting::{bind_failure, bracketed, origin_policy, reached_at, tls},
    output, page, signals,
};

/// Serves until Ctrl-C, then lets the open connections close.
pub(crate) async fn serve(args: Serve) -> Result<Exit, Failure> {
    let Serve { bind, hosting, limits, trusted_proxies } = args;
    let tls = tls(&hosting, bind.ip())?;
    let is_tls = tls.is_some();
    let server = Server::bind(bind).await.map_err(|error| {
        bind_failure(&bind.to_string(), &format!("--bind {}:0", bracketed(bind.ip())), error)
    })?;
    let page = reached_at(if is_tls { "https" } else { "http" }, server.local_addr());
    let room = Room::new();
    let mut server = server
        .route("/echo", |websocket, _request| echo(websocket))
        .config(limits.config())
        .deflate((!limits.no_deflate).then(DeflateConfig::default))
        .origins(origin_policy(&hosting.origins))
        .trusted_proxies(TrustedProxies::new(trusted_proxies))
        .max_connections(hosting.max_connections)
        .drain_timeout(hosting.drain_timeout)
        .route("/chat", move |websocket, _request| chat::join(room.clone(), websocket, is_tls))
        .fallback(tower::service_fn(page::answer));
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    print_urls(&page);
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

/// Where the server can be reached.
fn print_urls(page: &str) {
    let websocket = page.replacen("http", "ws", 1);
    output::line(&format!("page  {page}/"));
    output::line(&format!("chat  {websocket}/chat"));
    output::line(&format!("echo  {websocket}/echo"));
    output::note("Ctrl-C stops.");
}
