//! F5: byte streams. Knows no `WebSocket`.

mod stream;

pub use stream::NetStream;
