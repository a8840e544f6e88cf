//! Proxies in between, played here byte by byte; `cargo xtask proxies` runs the client through real ones.

mod environment;
mod http;
mod socks;
#[cfg(feature = "tls")]
mod tls;

use std::error::Error as _;

use ::http::Request;
use carrick::{ClientBuilder, Error, Proxy};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional},
    net::TcpStream,
};

use crate::support::{Scripted, read_request, switching};

/// A builder for the server on `port`, reached through the proxy with this URL.
fn through(proxy: &str, scheme: &str, port: u16) -> ClientBuilder {
    ClientBuilder::new(&format!("{scheme}://localhost:{port}/")).unwrap().proxy(Proxy::parse(proxy).unwrap())
}

/// A server that opens one WebSocket; gives the request.
async fn server() -> Scripted<Request<()>> {
    Scripted::start(async |mut stream| switching(&mut stream, "", b"").await).await
}

/// An error with its causes, as a program prints it.
fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Reads CONNECT, says `answer`, and leads to where the client wanted to go if that is a success; gives the request.
async fn play_http(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str) -> Request<()> {
    let request = read_request(stream).await;
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    if answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.0 2") {
        let mut onward = TcpStream::connect(request.uri().to_string()).await.unwrap();
        let _ = copy_bidirectional(stream, &mut onward).await;
    }
    request
}

/// Speaks SOCKS 5 with a client that has this user, and leads to where it wants to go; gives the request's address.
async fn play_socks(stream: &mut TcpStream, user: Option<(&str, &str)>) -> Vec<u8> {
    let mut greeting = vec![0; if user.is_some() { 4 } else { 3 }];
    stream.read_exact(&mut greeting).await.unwrap();
    if let Some((name, password)) = user {
        assert_eq!(greeting, [5, 2, 0, 2]);
        stream.write_all(&[5, 2]).await.unwrap();
        let mut expected = vec![1, name.len() as u8];
        expected.extend(name.bytes());
        expected.push(password.len() as u8);
        expected.extend(password.bytes());
        let mut said = vec![0; expected.len()];
        stream.read_exact(&mut said).await.unwrap();
        let right = said == expected;
        stream.write_all(&[1, u8::from(!right)]).await.unwrap();
        if !right {
            return Vec::new();
        }
    } else {
        assert_eq!(greeting, [5, 1, 0]);
        stream.write_all(&[5, 0]).await.unwrap();
    }
    let mut start = [0; 4];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(start[..3], [5, 1, 0]);
    let length = match start[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await.unwrap()),
    };
    let mut address = vec![0; length];
    stream.read_exact(&mut address).await.unwrap();
    let port = stream.read_u16().await.unwrap();
    let Ok(mut onward) = TcpStream::connect(("127.0.0.1", port)).await else {
        stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
        return address;
    };
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]).await.unwrap();
    let _ = copy_bidirectional(stream, &mut onward).await;
    address
}
