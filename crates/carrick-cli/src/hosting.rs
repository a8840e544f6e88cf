//! What every server of this command does alike: its certificate, who may come, and where it can be reached.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use carrick::{Error, ServerTls, protocol::OriginPolicy};

use crate::{
    args::{AllowedOrigin, Hosting},
    failure::Failure,
};

/// Pages of the server itself are always let in, by whatever name it was reached.
pub(crate) fn origin_policy(allowed: &[AllowedOrigin]) -> OriginPolicy {
    let mut origins = Vec::new();
    for origin in allowed {
        match origin {
            AllowedOrigin::Any => return OriginPolicy::Any,
            AllowedOrigin::One(origin) => origins.push(origin.clone()),
        }
    }
    OriginPolicy::SameOriginOr(origins)
}

/// What to serve TLS with, if it is wanted.
pub(crate) fn tls(args: &Hosting, address: IpAddr) -> Result<Option<ServerTls>, Failure> {
    let made = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => ServerTls::from_pem_files(cert, key),
        _ if args.self_signed => ServerTls::self_signed_for(names(address)),
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

/// Why nothing can listen at `address`. `free` is how to ask for another port.
pub(crate) fn bind_failure(address: &str, free: &str, error: Error) -> Failure {
    let hint = match &error {
        Error::Io(error) if error.kind() == io::ErrorKind::AddrInUse => {
            format!("another program listens there; stop it, or take a free port with {free}")
        }
        Error::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege; take a higher one".to_owned()
        }
        Error::Io(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; 127.0.0.1 is the machine itself, 0.0.0.0 all its addresses".to_owned()
        }
        _ => format!("try another address, for example {free}"),
    };
    Failure::new(format!("cannot listen on {address}")).because(error).with_hint(hint)
}

/// Where a server at `address` is reached: `scheme://host:port`.
pub(crate) fn reached_at(scheme: &str, address: SocketAddr) -> String {
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bracketed(address.ip()) };
    format!("{scheme}://{host}:{}", address.port())
}

pub(crate) fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}
