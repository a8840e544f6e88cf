//! Copying between two streams, each direction for itself.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Copies until both directions have ended. The end of one is handed on at once and leaves the other open, because who
/// ends a connection first is part of what is tested.
pub(crate) async fn both_ways<A, B>(left: A, right: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite,
    B: AsyncRead + AsyncWrite,
{
    let (left_reader, left_writer) = tokio::io::split(left);
    let (right_reader, right_writer) = tokio::io::split(right);
    // An error of one direction drops both streams, which both peers see as the end.
    tokio::try_join!(one_way(left_reader, right_writer), one_way(right_reader, left_writer))?;
    Ok(())
}

async fn one_way(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match from.read(&mut buffer).await {
            // A peer that ends TCP without the close_notify of TLS has ended its direction all the same.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => 0,
            result => result?,
        };
        if count == 0 {
            // Over TLS this sends close_notify and then ends TCP's direction.
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        to.flush().await?;
    }
}

/// Bytes that one direction holds at most.
const BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test]
    async fn bytes_pass_in_both_directions() {
        let (mut client, left) = duplex(64);
        let (right, mut server) = duplex(64);
        tokio::spawn(both_ways(left, right));
        client.write_all(b"ping").await.unwrap();
        let mut received = [0; 4];
        server.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"ping");
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"pong");
    }

    #[tokio::test]
    async fn the_end_of_one_direction_leaves_the_other_open() {
        let (mut client, left) = duplex(64);
        let (right, mut server) = duplex(64);
        let relay = tokio::spawn(both_ways(left, right));
        client.shutdown().await.unwrap();
        assert_eq!(server.read(&mut [0; 4]).await.unwrap(), 0);
        server.write_all(b"still open").await.unwrap();
        server.shutdown().await.unwrap();
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"still open");
        relay.await.unwrap().unwrap();
    }
}
