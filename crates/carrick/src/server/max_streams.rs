//! How many streams a connection of HTTP/2 or HTTP/3 may have.

use super::builder::Server;

/// Only with the feature `http2` or `http3`.
impl Server {
    /// Sets how many streams a client may have open at a time on one connection of HTTP/2 or HTTP/3, WebSockets and pages
    /// together. Default: 1,000; zero counts as one, and 8,192 are the most. A client that has reached it makes another
    /// connection.
    ///
    /// Each stream may have 128 KiB on its way to a handler that does not read, 256 KiB over HTTP/3: so much times this is
    /// what one connection can cost. The WebSockets among them count towards
    /// [`max_connections`](Server::max_connections) one by one. Pages count nowhere else: this times that is the most of them
    /// that there can be at a time, so a server whose pages are dear sets one of the two lower.
    ///
    /// ```
    /// # async fn example() -> Result<(), carrick::Error> {
    /// let server = carrick::Server::bind("127.0.0.1:0").await?.max_concurrent_streams(100);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn max_concurrent_streams(mut self, most: u32) -> Server {
        self.max_streams = most.clamp(1, MOST_STREAMS);
        self
    }
}

/// Their windows together are the window of a connection of HTTP/2, which has to stay below 2^31.
const MOST_STREAMS: u32 = 8192;
