//! The relay as TLS server.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;

/// A configuration with a fresh certificate for loopback, which is written to `file`.
pub(crate) fn config(file: &Path) -> anyhow::Result<ServerConfig> {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names)?;
    std::fs::write(file, cert.pem()).with_context(|| format!("cannot write {}", file.display()))?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    Ok(ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())?)
}
