//! `carrick serve`: the page, `/chat` and `/echo` on one port.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use carrick::{
    Error, Server, ServerTls,
    protocol::{Config, DeflateConfig, OriginPolicy, TrustedProxies},
};

use super::echo::echo;
use crate::{
    args::{AllowedOrigin, Serve},
    chat::{self, Room},
    failure::Failure,
    output, page,
};

/// Serves until Ctrl-C, then lets the open connections close.
pub(crate) async fn serve(args: Serve) -> Result<(), Failure> {
    let tls = tls(&args)?;
    let is_tls = tls.is_some();
    let server = Server::bind(args.bind).await.map_err(|error| bind_failure(args.bind, error))?;
    let address = server.local_addr();
    let urls = Urls::new(address, is_tls);
    let room = Room::new();
    let config = config(&args);
    let mut server = server
        .route("/echo", |websocket, _request| echo(websocket))
        .config(config)
        .deflate((!args.no_deflate).then(DeflateConfig::default))
        .origins(origin_policy(&args.origins))
        .trusted_proxies(TrustedProxies::new(args.trusted_proxies.clone()))
        .max_connections(args.max_connections)
        .drain_timeout(args.drain_timeout)
        .route("/chat", move |websocket, _request| chat::join(room.clone(), websocket, is_tls))
        .fallback(tower::service_fn(page::answer));
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    urls.print();
    let cut = server
        .serve_until(stop_signal())
        .await
        .map_err(|error| Failure::new("the server failed").because(error))?;
    match cut {
        0 => {}
        1 => output::note("1 connection did not close in time and was cut"),
        _ => output::note(&format!("{cut} connections did not close in time and were cut")),
    }
    Ok(())
}

fn config(args: &Serve) -> Config {
    let mut config = Config::default();
    config.max_message_bytes = args.max_message_bytes;
    config.max_frame_bytes = args.max_message_bytes;
    config.max_fragments = args.max_fragments;
    config.ping_interval = Some(args.ping_interval).filter(|interval| !interval.is_zero());
    config
}

/// Pages of the server itself are always let in, by whatever name it was reached.
fn origin_policy(allowed: &[AllowedOrigin]) -> OriginPolicy {
    let mut origins = Vec::new();
    for origin in allowed {
        match origin {
            AllowedOrigin::Any => return OriginPolicy::Any,
            AllowedOrigin::One(origin) => origins.push(origin.clone()),
        }
    }
    OriginPolicy::SameOriginOr(origins)
}

fn tls(args: &Serve) -> Result<Option<ServerTls>, Failure> {
    let made = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => ServerTls::from_pem_files(cert, key),
        _ if args.self_signed => ServerTls::self_signed_for(names(args.bind.ip())),
        _ => return Ok(None),
    };
    made.map(Some).map_err(|error| {
        Failure::new("there is no certificate to serve with").because(error).with_hint(
            "--cert takes the chain with the server's own certificate first, --key its private key, both in PEM; \
             --self-signed needs no files",
        )
    })
}

/// What a certificate of our own is good for.
fn names(address: IpAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !address.is_unspecified() && !address.is_loopback() {
        names.push(address.to_string());
    }
    names
}

fn bind_failure(address: SocketAddr, error: Error) -> Failure {
    let hint = match &error {
        Error::Io(error) if error.kind() == io::ErrorKind::AddrInUse => {
            format!("another program listens there; stop it, or take a free port with --bind {}:0", bracketed(address.ip()))
        }
        Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege; take a higher one".to_owned()
        }
        Error::Io(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; 127.0.0.1 is the machine itself, 0.0.0.0 all its addresses".to_owned()
        }
        _ => "try another address with --bind".to_owned(),
    };
    Failure::new(format!("cannot listen on {address}")).because(error).with_hint(hint)
}

/// Where the server can be reached.
struct Urls {
    page: String,
}

impl Urls {
    fn new(address: SocketAddr, tls: bool) -> Urls {
        let scheme = if tls { "https" } else { "http" };
        let host =
            if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bracketed(address.ip()) };
        Urls { page: format!("{scheme}://{host}:{}", address.port()) }
    }

    fn print(&self) {
        let page = &self.page;
        let websocket = page.replacen("http", "ws", 1);
        output::line(&format!("page  {page}/"));
        output::line(&format!("chat  {websocket}/chat"));
        output::line(&format!("echo  {websocket}/echo"));
        output::note("Ctrl-C stops.");
    }
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Ctrl-C, or what a service manager sends.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            output::note("Closing connections; Ctrl-C again stops at once.");
            tokio::spawn(async {
                if tokio::signal::ctrl_c().await.is_ok() {
                    std::process::exit(1);
                }
            });
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
