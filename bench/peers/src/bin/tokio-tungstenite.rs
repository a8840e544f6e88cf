//! tokio-tungstenite as it is by default: a read buffer of 128 KiB for each connection.

use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

fn main() -> anyhow::Result<()> {
    peers::tungstenite::peer(WebSocketConfig::default())
}
