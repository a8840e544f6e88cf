//! Copying between two streams, each direction for itself.

use std::io;

use bytes::BytesMut;
use carrick::NetStream;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};

/// Copies until both directions have ended. The end of one is handed on at once and leaves the other open, because who
/// ends a stream first is part of what is tested; a stream that is cut cuts the other. What was read from either before
/// stands beside it.
pub(crate) async fn both_ways(left: (NetStream, BytesMut), right: (NetStream, BytesMut)) {
    let ((left, of_left), (right, of_right)) = (left, right);
    let (mut left_reader, mut left_writer) = split(left);
    let (mut right_reader, mut right_writer) = split(right);
    let copied = tokio::try_join!(
        one_way(&of_left, &mut left_reader, &mut right_writer),
        one_way(&of_right, &mut right_reader, &mut left_writer)
    );
    if copied.is_err() {
        left_reader.unsplit(left_writer).abort();
        right_reader.unsplit(right_writer).abort();
    }
}

async fn one_way(
    first: &[u8],
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
) -> io::Result<()> {
    to.write_all(first).await?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
    }
}

/// Bytes that one direction holds at most.
const BUFFER_BYTES: usize = 64 * 1024;
