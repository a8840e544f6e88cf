//! `/echo`: every message comes back as it was.

use carrick::{Error, WebSocket, protocol::Compression};

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
    while let Some(piece) = websocket.recv_piece().await {
        let piece = piece?;
        let compression = if piece.compressed { Compression::Always } else { Compression::Never };
        websocket.feed_piece_with(piece.kind, piece.bytes, piece.last, compression).await?;
    }
    Ok(())
}
