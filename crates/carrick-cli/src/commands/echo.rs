//! `/echo`: every message comes back as it was.

use std::time::Duration;

use carrick::{
    Error, WebSocket,
    protocol::{Compression, Config},
};
use tokio::time::timeout;

/// Echoes until the connection is closed.
///
/// A message that came in one read goes back in one frame, together with the others of that read. A larger one goes
/// back in pieces while it is still arriving, so that it never stands in memory as a whole. What came compressed goes
/// back compressed, and what came plain goes back plain.
pub(crate) async fn echo(mut websocket: WebSocket) {
    // A connection that failed is no failure of the server; the peer has its close frame.
    let _ = run(&mut websocket).await;
}

async fn run(websocket: &mut WebSocket) -> Result<(), Error> {
    let mut high_water_bytes = Config::default().high_water_bytes;
    while let Some(piece) = websocket.recv_piece().await {
        let piece = piece?;
        if websocket.buffered_amount() >= high_water_bytes && Box::pin(takes_nothing(websocket)).await {
            high_water_bytes = MOST_UNSENT_BYTES;
            websocket.set_high_water_bytes(high_water_bytes);
        }
        let compression = if piece.compressed { Compression::Always } else { Compression::Never };
        websocket.feed_piece_with(piece.kind, piece.bytes, piece.last, compression).await?;
    }
    Ok(())
}

/// Whether the peer leaves the answer where it is. It may be one that sends its whole message before it reads: unless
/// that is taken from it, both wait for ever.
async fn takes_nothing(websocket: &mut WebSocket) -> bool {
    timeout(PATIENCE, websocket.flush()).await.is_err()
}

/// How long a peer has to take what waits for it, before it counts as one that sends first and reads later.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much waits for such a peer. What it sends beyond that, and beyond the buffers of the network, it has to read.
const MOST_UNSENT_BYTES: usize = 10 << 20;
