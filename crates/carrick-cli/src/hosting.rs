//! What every server of this command does alike: its certificate, and who may come.

use carrick::{ReloadableTls, ServerTls, protocol::OriginPolicy};

use crate::{
    args::{AllowedOrigin, Hosting},
    bind::Bind,
    certificate::CertificateFiles,
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

/// What TLS is spoken with, if it is.
pub(crate) fn tls(args: &Hosting, bind: &Bind) -> Result<Option<ReloadableTls>, Failure> {
    if let (Bind::Unix(_), true) = (bind, args.cert.is_some() || args.self_signed) {
        let hint = "leave --cert, --key and --self-signed out; a proxy in front of the socket speaks TLS";
        return Err(Failure::new("there is no TLS on a Unix socket").with_hint(hint));
    }
    let made = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => CertificateFiles::read(cert, key).map(|(files, tls)| {
            let tls = ReloadableTls::new(tls);
            tokio::spawn(files.follow(tls.clone()));
            tls
        }),
        _ if args.self_signed => ServerTls::self_signed_for(bind.names()).map(ReloadableTls::new),
        _ => return Ok(None),
    };
    made.map(Some).map_err(|error| {
        Failure::new("there is no certificate to serve with").because(error).with_hint(
            "--cert takes the chain with the server's own certificate first, --key its private key, both in PEM; \
             --self-signed needs no files",
        )
    })
}
