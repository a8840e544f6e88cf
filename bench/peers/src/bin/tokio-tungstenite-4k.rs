//! tokio-tungstenite with a read buffer of 4 KiB, as its documentation advises for many connections.

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

fn main() -> anyhow::Result<()> {
    peers::tungstenite::peer(WebSocketConfig::default().read_buffer_size(4096))
}
