//! `carrick serve`: the page, `/chat` and `/echo` on one port.

use carrick::{
    Cors, ReloadableTls, ServerTls,
    protocol::{Config, DeflateConfig, OriginPolicy, TrustedProxies},
};

use super::{certificate::CertificateFiles, echo::echo};
use crate::{
    args::{AllowedOrigin, Serve, TrustedProxy},
    bind::Bind,
    chat::{self, Room},
    failure::Failure,
    output, page,
};

/// Serves until Ctrl-C, then lets the open connections close.
pub(crate) async fn serve(args: Serve) -> Result<(), Failure> {
    let tls = tls(&args)?;
    let is_tls = tls.is_some();
    let (server, bound) = args.bind.listen().await?;
    let room = Room::new();
    let config = config(&args);
    let mut server = server
        .route("/echo", |websocket, _request| echo(websocket))
        .config(config)
        .deflate((!args.no_deflate).then(DeflateConfig::default))
        .origins(origin_policy(&args.origins))
        .cors(Cors::new(origin_policy(&args.origins)))
        .trusted_proxies(trusted_proxies(&args.trusted_proxies))
        .max_connections(args.max_connections as usize)
        .drain_timeout(args.drain_timeout)
        .route("/chat", move |websocket, _request| chat::join(room.clone(), websocket, is_tls))
        .fallback(tower::service_fn(page::answer));
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    print_urls(&bound, is_tls);
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

fn trusted_proxies(trusted: &[TrustedProxy]) -> TrustedProxies {
    let network = |proxy: &TrustedProxy| match proxy {
        TrustedProxy::Network(network) => Some(*network),
        TrustedProxy::Unix => None,
    };
    TrustedProxies::new(trusted.iter().filter_map(network).collect())
        .with_unix_sockets(trusted.contains(&TrustedProxy::Unix))
}

/// What TLS is spoken with, if it is.
fn tls(args: &Serve) -> Result<Option<ReloadableTls>, Failure> {
    if let (Bind::Unix(_), true) = (&args.bind, args.cert.is_some() || args.self_signed) {
        let hint = "leave --cert, --key and --self-signed out; a proxy in front of the socket speaks TLS";
        return Err(Failure::new("there is no TLS on a Unix socket").with_hint(hint));
    }
    let made = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => CertificateFiles::read(cert, key).map(|(files, tls)| {
            let tls = ReloadableTls::new(tls);
            tokio::spawn(files.follow(tls.clone()));
            tls
        }),
        _ if args.self_signed => ServerTls::self_signed_for(args.bind.names()).map(ReloadableTls::new),
        _ => return Ok(None),
    };
    made.map(Some).map_err(|error| {
        Failure::new("there is no certificate to serve with").because(error).with_hint(
            "--cert takes the chain with the server's own certificate first, --key its private key, both in PEM; \
             --self-signed needs no files",
        )
    })
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
