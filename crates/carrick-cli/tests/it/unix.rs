//! `carrick serve` on a Unix socket.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
};

use carrick::{ClientBuilder, protocol::Message};

use crate::support::{carrick, wait_in_time};

#[test]
fn it_listens_prints_the_urls_and_takes_the_path_away_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("carrick.sock");
    let bind = format!("unix:{}", path.display());
    let mut child = carrick()
        .args(["serve", "--bind", &bind, "--trusted-proxy", "unix"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let printed: Vec<String> = lines.take(2).map(Result::unwrap).collect();
    let url = format!("ws+unix://{}:/echo", path.display());
    assert_eq!(printed[1], format!("echo  {url}"));

    let mut websocket = ClientBuilder::new(&url).unwrap().connect_blocking().unwrap();
    websocket.send("by path").unwrap();
    assert_eq!(websocket.recv().unwrap().unwrap(), Message::text("by path"));

    let mut stream = UnixStream::connect(&path).unwrap();
    write!(stream, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");

    // The proxy in front has spoken TLS for a page of its host.
    let mut stream = UnixStream::connect(&path).unwrap();
    write!(
        stream,
        "GET /echo HTTP/1.1\r\nHost: backend\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Origin: https://front.example\r\nForwarded: for=192.0.2.7;proto=https;host=front.example\r\n\r\n"
    )
    .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    drop((stream, websocket));

    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert!(wait_in_time(&mut child).success());
    assert!(!path.exists());
}

#[test]
fn what_cannot_be_listened_on_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "precious").unwrap();
    let missing = folder.path().join("no folder/socket");
    for (path, more, expected) in [
        (&file, None, "hint: another program listens there, or there is a file that is no socket"),
        (&missing, None, "hint: the folder of the socket has to exist"),
        (&missing, Some("--self-signed"), "error: there is no TLS on a Unix socket"),
    ] {
        let bind = format!("unix:{}", path.display());
        let output = carrick().args(["serve", "--bind", &bind]).args(more).output().unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains(expected), "{words}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}
