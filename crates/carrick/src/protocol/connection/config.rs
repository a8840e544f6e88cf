//! The limits and switches of one connection, all finite by default.

use std::time::Duration;

use crate::protocol::handshake::DeflateConfig;

/// Limits and timeouts of a connection after its opening handshake.
///
/// Every limit on what a peer controls has a finite default (RFC 6455 §10.4). A `u64` limit can be raised as far as
/// memory allows; a peer can never make a connection allocate by a length that it only announced. A time of
/// [`Duration::MAX`] never passes.
///
/// ```
/// use carrick::protocol::Config;
///
/// let mut config = Config::default();
/// config.max_message_bytes = 64 * 1024;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Largest payload of one received frame, in bytes. Default 16 MiB. A larger one is refused with
    /// [`Violation::FrameTooLarge`](crate::protocol::Violation::FrameTooLarge) as soon as its header is there. Smaller than the peer's frames: each of
    /// them ends the connection with 1009.
    pub max_frame_bytes: u64,
    /// Largest received message in bytes, all fragments together and after inflation. Default 16 MiB, which is the
    /// most memory one peer can claim. Counts for messages received in pieces too; [`u64::MAX`] lets those run on.
    pub max_message_bytes: u64,
    /// Most fragments of one received message. Default 16,384. It bounds the work that a peer can cause with bytes
    /// that bring nothing. Zero takes only messages in one frame.
    pub max_fragments: u32,
    /// Most empty fragments in a row in one received message. Default 16. Zero refuses the first.
    pub max_empty_fragments: u32,
    /// From this many unsent bytes on, `send` refuses with
    /// [`SendError::QueueFull`](super::SendError::QueueFull) and answers to pings are merged. Default 256 KiB. One
    /// message may go beyond it: what counts is what waits before. Zero counts as one: a message at a time.
    pub high_water_bytes: usize,
    /// Once the high mark was reached, writers wait until no more than this many bytes are unsent. Default 64 KiB;
    /// a value that is not below `high_water_bytes` counts as one less than that.
    pub low_water_bytes: usize,
    /// How often a ping is sent. Default 20 s; `None` sends none.
    pub ping_interval: Option<Duration>,
    /// How long a ping may stay unanswered. Default 20 s. It starts anew while the payload of a frame keeps arriving,
    /// because a pong cannot overtake it, and while the peer takes bytes for which the stream had no room before.
    pub pong_timeout: Duration,
    /// How long nothing at all may come from the peer, nor be taken by it from a full stream. Default 120 s; `None` waits forever, which is safe only with
    /// `ping_interval`.
    pub idle_timeout: Option<Duration>,
    /// How long the closing handshake may take, and after it the end of the stream. Default 10 s.
    pub close_timeout: Duration,
    /// How messages are compressed where permessage-deflate was agreed on: level, memory level and threshold. What is
    /// agreed on is settled in the opening handshake.
    pub deflate: DeflateConfig,
}

impl Config {
    /// The high-water mark in force, in bytes.
    #[must_use]
    pub fn high_water(&self) -> usize {
        self.high_water_bytes.max(1)
    }

    /// The low-water mark in force, in bytes: at it a message can be queued.
    #[must_use]
    pub fn low_water(&self) -> usize {
        self.low_water_bytes.min(self.high_water() - 1)
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            max_frame_bytes: 16 << 20,
            max_message_bytes: 16 << 20,
            max_fragments: 16_384,
            max_empty_fragments: 16,
            high_water_bytes: 256 << 10,
            low_water_bytes: 64 << 10,
            ping_interval: Some(Duration::from_secs(20)),
            pong_timeout: Duration::from_secs(20),
            idle_timeout: Some(Duration::from_secs(120)),
            close_timeout: Duration::from_secs(10),
            deflate: DeflateConfig::default(),
        }
    }
}
