//! From what was typed to a connection, and why there is none.

use std::{fs, io, path::Path, time::Duration};

use carrick::{
    ClientBuilder, Error, Http, Proxy, ProxyError,
    protocol::{Config, DeflateConfig, ResponseError},
};

use super::refusal;
use crate::{
    args::{Opening, Way},
    exit::Exit,
    failure::Failure,
};

/// Where to connect to: a URL without a scheme is `ws://`.
pub(crate) fn url(typed: &str) -> String {
    if typed.contains("://") { typed.to_owned() } else { format!("ws://{typed}") }
}

/// Everything that the flags say about the connection.
pub(crate) fn builder(args: &Opening, mut config: Config, deflate: bool) -> Result<ClientBuilder, Failure> {
    config.close_timeout = CLOSE_TIMEOUT;
    // A server may have nothing to say for hours. Whether it is there is what pings are for, as long as they are wanted.
    config.idle_timeout = None;
    let mut builder = ClientBuilder::new(&url(&args.url))
        .map_err(|error| unusable("URL", "write it as ws://host:port/path or wss://host/path", error))?
        .config(config)
        .deflate(deflate.then(DeflateConfig::default))
        .handshake_timeout(args.connect_timeout);
    if !args.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        builder =
            builder.header("user-agent", USER_AGENT).map_err(|error| unusable_header("user-agent", error))?;
    }
    for (name, value) in &args.headers {
        builder =
            builder.header(name.as_str(), value.as_str()).map_err(|error| unusable_header(name, error))?;
    }
    if let Some((user, password)) = &args.auth {
        builder = builder
            .basic_auth(user, password)
            .map_err(|error| unusable("--auth", "write it as user:password", error))?;
    }
    if let Some(token) = &args.bearer {
        let hint = "a token has no line ends and no other control characters";
        builder = builder.bearer_token(token).map_err(|error| unusable("--bearer", hint, error))?;
    }
    if let Some(origin) = &args.origin {
        let hint = "write it as https://host or https://host:port";
        builder = builder.origin(origin).map_err(|error| unusable("--origin", hint, error))?;
    }
    if !args.subprotocols.is_empty() {
        let hint = "each is one word, and stands there once";
        builder = builder
            .subprotocols(args.subprotocols.clone())
            .map_err(|error| unusable("--subprotocol", hint, error))?;
    }
    with_tls(on_way(builder, &args.way)?, args)
}

fn on_way(mut builder: ClientBuilder, way: &Way) -> Result<ClientBuilder, Failure> {
    if let Some(proxy) = &way.proxy {
        let hint = "write it as http://host:port, https://host:port, socks5://host:port or socks5h://host:port, with \
                    USER:PASS@ before the host if it wants that";
        builder = builder.proxy(Proxy::parse(proxy).map_err(|error| unusable("--proxy", hint, error))?);
    }
    if way.no_proxy {
        builder = builder.no_proxy();
    }
    if let Some(path) = &way.unix {
        builder = on_socket(builder, path)?;
    }
    let http = match (way.http1, way.http2, way.http3) {
        (true, ..) => Http::Http1,
        (false, true, _) => Http::Http2,
        (false, false, true) => Http::Http3,
        (false, false, false) => Http::Auto,
    };
    Ok(builder.http(http).max_redirects(way.max_redirects))
}

#[cfg(unix)]
fn on_socket(builder: ClientBuilder, path: &Path) -> Result<ClientBuilder, Failure> {
    Ok(builder.unix_socket(path))
}

#[cfg(not(unix))]
fn on_socket(_: ClientBuilder, _: &Path) -> Result<ClientBuilder, Failure> {
    Err(Failure::new("there are no Unix sockets on this system").with_exit(Exit::Usage))
}

fn with_tls(mut builder: ClientBuilder, args: &Opening) -> Result<ClientBuilder, Failure> {
    if let Some(path) = &args.trust.ca {
        builder = builder
            .root_certificates(read(path)?)
            .map_err(|error| unreadable(path, "--ca takes one or more certificates in PEM", error))?;
    }
    if let (Some(cert), Some(key)) = (&args.trust.cert, &args.trust.key) {
        builder = builder.client_certificate(read(cert)?, read(key)?).map_err(|error| {
            unreadable(
                cert,
                "--cert takes a chain with the own certificate first, --key its private key, both in PEM",
                error,
            )
        })?;
    }
    Ok(builder.danger_accept_invalid_certs(args.trust.danger_accept_invalid_certs))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        Failure::new(format!("{} cannot be read", path.display()))
            .because(error)
            .with_hint("check the path, and whether you may read it")
    })
}

fn unreadable(path: &Path, hint: &str, error: Error) -> Failure {
    Failure::new(format!("{} is not what it should be", path.display())).because(error).with_hint(hint)
}

fn unusable(what: &str, hint: &str, error: Error) -> Failure {
    Failure::new(format!("{what} cannot be used")).because(error).with_hint(hint).with_exit(Exit::Usage)
}

fn unusable_header(name: &str, error: Error) -> Failure {
    let hint = "write it as --header 'Name: value'; the handshake writes Host, Upgrade, Connection and Sec-WebSocket-* itself";
    unusable(&format!("header {name:?}"), hint, error)
}

/// Why the connection could not be opened.
pub(crate) fn failure(url: &str, error: Error) -> Failure {
    if let Error::Response(response) = &error
        && let ResponseError::Status(response) = &**response
    {
        return refusal::failure(response);
    }
    let hint = hint(url, &error);
    let failure = Failure::new(format!("cannot open {}", without_secrets(url))).because(error);
    match hint {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// Whether another attempt may end better without a change.
pub(crate) fn may_pass(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Timeout { .. } | Error::Proxy { .. } => true,
        Error::Response(error) => match &**error {
            ResponseError::Status(response) => refusal::may_pass(response.status()),
            _ => false,
        },
        _ => false,
    }
}

fn hint(url: &str, error: &Error) -> Option<&'static str> {
    let secure = url.starts_with("wss:") || url.starts_with("https:");
    match error {
        Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                Some("nothing listens there; check that the server runs, and the port of the URL")
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset if !secure => {
                Some("the server ended the connection without an answer; if it speaks TLS, connect to wss://")
            }
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Some(
                "the server ended the connection without an answer; if it speaks no TLS, connect to ws://",
            ),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                Some("check the network, and whether a proxy or a VPN is needed")
            }
            io::ErrorKind::NotFound => Some("check the name of the host, or the path of the Unix socket"),
            _ => Some("check the name and the port of the URL, and the network"),
        },
        Error::Tls(error) if error.to_string().contains("InvalidContentType") => {
            Some("the server speaks no TLS there; connect to ws://, or check the port")
        }
        Error::Tls(error) if error.to_string().contains("CaUsedAsEndEntity") => Some(
            "the certificate of the server is marked as an authority: make it anew with openssl's \
             -addext basicConstraints=critical,CA:FALSE",
        ),
        Error::Tls(_) if secure => Some(
            "if the certificate is your own, trust its authority with --ca FILE; a server without TLS is reached by ws://; \
             --danger-accept-invalid-certs takes any certificate",
        ),
        Error::Proxy { error, .. } => Some(match &**error {
            ProxyError::CredentialsMissing { .. } | ProxyError::CredentialsRefused => {
                "write them in front of the host: --proxy SCHEME://USER:PASS@HOST:PORT"
            }
            _ => "check the proxy of --proxy or of the environment; --no-proxy goes without it",
        }),
        Error::Redirect { reason, .. } if reason.starts_with("limit is ") => {
            Some("connect to the last address, or follow more of them with --max-redirects")
        }
        Error::Redirect { .. } => Some("if you trust the last address, connect to it directly"),
        Error::Timeout { .. } => {
            Some("check host, port, and the proxy if there is one; --connect-timeout gives it longer")
        }
        Error::Response(error) => match &**error {
            ResponseError::HeadMalformed { .. } if !secure => {
                Some("this is no HTTP; if the server speaks TLS, connect to wss://")
            }
            ResponseError::SubprotocolNotOffered { .. } => Some("offer it with --subprotocol"),
            _ => Some("the server, or a proxy before it, does not follow the protocol of WebSockets"),
        },
        _ => None,
    }
}

/// A URL for people: without a user and a query.
pub(crate) fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("ws", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

/// A server that does not answer the close frame is left after this.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

const USER_AGENT: &str = concat!("carrick/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_lack_its_scheme_and_is_shown_without_secrets() {
        assert_eq!(url("127.0.0.1:9000/echo"), "ws://127.0.0.1:9000/echo");
        assert_eq!(url("wss://example.org"), "wss://example.org");
        assert_eq!(without_secrets("wss://ada:pw@example.org/a?token=x"), "wss://example.org/a");
        assert_eq!(without_secrets("ws://example.org?x#y"), "ws://example.org");
    }
}
