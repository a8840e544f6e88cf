//! What TLS has in common on both sides.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

/// The one cryptographic provider, always named and never installed for the whole process: that is the application's
/// choice.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
