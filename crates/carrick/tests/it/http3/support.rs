//! What the tests of HTTP/3 share.

/// A service that reads a request to its end before it answers.
pub(crate) fn reads() -> axum::Router {
    axum::Router::new().fallback(|body: axum::body::Bytes| async move { body.len().to_string() })
}
