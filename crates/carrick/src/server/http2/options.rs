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

    /// Sets how many streams a client may have open at a time on one HTTP/2 connection, WebSockets and pages together, and
    /// speaks HTTP/2. Default: 1,000; zero counts as one, and 8,192 are the most. A client that has reached it makes
    /// another connection.
    ///
    /// Each stream may have 128 KiB on its way to a handler that does not read: so much times this is what one connection
    /// can cost. The WebSockets among them count towards [`max_connections`](Server::max_connections) one by one.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.max_concurrent_streams(100);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn max_concurrent_streams(mut self, most: u32) -> Server {
        self.http2 = Some(Http2Settings::new(most));
        self
    }
}
