//! The settings of a server that need HTTP/2.

use super::{super::builder::Server, settings::Http2Settings};

/// Only with the feature `http2`.
impl Server {
    /// Sets whether HTTP/2 is spoken: with clients that choose it by ALPN, and without TLS with those that begin with its
    /// preface. Default: true. The routes and the [`fallback`](Server::fallback) serve both versions alike.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.http2(false);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn http2(mut self, on: bool) -> Server {
        self.http2 = if on { Http2Settings::available() } else { None };
        self
    }
}
