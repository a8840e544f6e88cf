//! The page, `/echo`, and who may open it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use carrick::{
    ClientBuilder, Error,
    protocol::{CloseCode, Message, ResponseError},
};

use crate::support::Serve;

#[test]
fn the_urls_are_printed_and_the_page_is_there() {
    let serve = Serve::start(&[]);
    let address = &serve.address;
    assert_eq!(serve.printed[0], format!("page  http://{address}/"));
    assert_eq!(serve.printed[1], format!("chat  ws://{address}/chat"));
    assert_eq!(serve.printed[2], format!("echo  ws://{address}/echo"));
    let page = serve.get("/");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-security-policy: default-src 'none'"));
    assert!(page.contains("<title>"));
    assert!(serve.get("/app.js").contains("content-type: text/javascript"));
    assert!(serve.get("/style.css").contains("content-type: text/css"));
    let missing = serve.get("/missing");
    assert!(missing.starts_with("HTTP/1.1 404 ") && missing.contains("/chat"), "{missing}");
    for path in ["/echo", "/chat"] {
        let upgrade = serve.get(path);
        assert!(upgrade.starts_with("HTTP/1.1 426 ") && upgrade.contains("upgrade: websocket"), "{upgrade}");
    }
}

#[test]
fn echo_returns_every_message_as_it_was() {
    let serve = Serve::start(&[]);
    let mut websocket = serve.connect("/echo");
    let large = vec![7; 3_000_000];
    for message in [Message::text("Grüße, 世界"), Message::binary(large), Message::text("")] {
        websocket.send(message.clone()).unwrap();
        assert_eq!(websocket.recv().unwrap().unwrap(), message);
    }
    let closed = websocket.close(CloseCode::NORMAL, "done").unwrap();
    assert_eq!(closed.code(), CloseCode::NORMAL);
}

#[test]
fn a_peer_that_sends_all_of_a_large_message_before_it_reads_gets_its_echo() {
    let serve = Serve::start(&[]);
    let mut stream = TcpStream::connect(&serve.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    open_raw(&mut stream, &serve.address, "/echo");
    let length: usize = 16 << 20;
    let mut frame = vec![0x82, 0xff];
    frame.extend((length as u64).to_be_bytes());
    // A mask of zeros leaves the payload as it is.
    frame.extend([0; 4]);
    frame.resize(frame.len() + length, b'x');
    stream.write_all(&frame).unwrap();
    let mut received = 0;
    while received < length {
        let (header, payload) = read_frame(&mut stream);
        assert!(payload.iter().all(|byte| *byte == b'x'));
        received += payload.len();
        assert_eq!(header & 0x80 != 0, received == length, "after {received} bytes");
    }
}

#[test]
fn a_page_of_another_origin_is_refused_unless_it_is_allowed() {
    let other = "https://elsewhere.example";
    let open = |flags: &[&str]| {
        let serve = Serve::start(flags);
        serve.client("/echo").origin(other).unwrap().connect_blocking().map(drop)
    };
    match open(&[]) {
        Err(Error::Response(error)) => match *error {
            ResponseError::Status { .. } => {}
            error => panic!("another error: {error}"),
        },
        other => panic!("was not refused: {other:?}"),
    }
    assert!(open(&["--origin", other]).is_ok());
    assert!(open(&["--origin", "any"]).is_ok());
    assert!(open(&["--origin", "https://third.example"]).is_err());
}

#[test]
fn a_page_of_an_origin_that_is_allowed_may_read_what_is_served() {
    let named = |flags: &[&str], origin: &str| {
        let page = Serve::start(flags).get_with("/", &format!("Origin: {origin}\r\n"));
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        let line = page.lines().find_map(|line| line.strip_prefix("access-control-allow-origin: "));
        line.map(str::to_owned)
    };
    let (friend, other) = ("https://friend.example", "https://other.example");
    assert_eq!(named(&[], friend), None);
    assert_eq!(named(&["--origin", friend], friend).as_deref(), Some(friend));
    assert_eq!(named(&["--origin", friend], other), None);
    assert_eq!(named(&["--origin", "any"], other).as_deref(), Some("*"));
}

#[test]
fn the_page_keeps_its_own_origin_beside_those_that_are_allowed() {
    let serve = Serve::start(&["--origin", "https://elsewhere.example"]);
    let own = format!("http://{}", serve.address);
    assert!(serve.client("/chat").origin(&own).unwrap().connect_blocking().is_ok());
}

#[test]
fn a_name_that_the_server_does_not_know_is_its_own_too() {
    // As when it listens at all addresses of a machine, or behind a proxy.
    let serve = Serve::start(&["--origin", "https://elsewhere.example"]);
    let builder = |origin| {
        let url = format!("ws://machine.example:{}/echo", serve.address.rsplit(':').next().unwrap());
        ClientBuilder::new(&url).unwrap().origin(origin).unwrap()
    };
    let port = serve.address.rsplit(':').next().unwrap();
    let own = format!("http://machine.example:{port}");
    for (origin, opens) in
        [(&*own, true), ("https://elsewhere.example", true), ("http://third.example", false)]
    {
        let opened =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let stream = tokio::net::TcpStream::connect(&serve.address).await.unwrap();
                builder(origin).connect_over(stream).await.is_ok()
            });
        assert_eq!(opened, opens, "{origin}");
    }
}

#[test]
fn ctrl_c_closes_open_connections_with_1001_and_succeeds() {
    let mut serve = Serve::start(&[]);
    let mut websocket = serve.connect("/echo");
    websocket.send("still here").unwrap();
    websocket.recv().unwrap().unwrap();
    serve.interrupt();
    assert!(websocket.recv().is_none());
    assert_eq!(websocket.closed().unwrap().code(), CloseCode::GOING_AWAY);
    assert!(serve.wait().success());
}

#[test]
fn a_self_signed_certificate_makes_it_wss() {
    let serve = Serve::start(&["--self-signed"]);
    assert!(serve.printed[0].starts_with("page  https://"), "{:?}", serve.printed);
    let url = format!("wss://{}/echo", serve.address);
    let builder = carrick::ClientBuilder::new(&url).unwrap();
    assert!(matches!(builder.clone().connect_blocking(), Err(Error::Tls(_) | Error::Io(_))));
    let mut websocket = builder.danger_accept_invalid_certs(true).connect_blocking().unwrap();
    websocket.send("hidden").unwrap();
    assert_eq!(websocket.recv().unwrap().unwrap(), Message::text("hidden"));
}

/// Opens a WebSocket by hand.
fn open_raw(stream: &mut TcpStream, host: &str, path: &str) {
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
}

/// The first byte and the payload of a frame from the server.
fn read_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut start = [0; 2];
    stream.read_exact(&mut start).unwrap();
    let mut length = [0; 8];
    let announced = match start[1] {
        126 => &mut length[6..],
        127 => &mut length[..],
        short => {
            length[7] = short;
            &mut []
        }
    };
    stream.read_exact(announced).unwrap();
    let mut payload = vec![0; u64::from_be_bytes(length) as usize];
    stream.read_exact(&mut payload).unwrap();
    (start[0], payload)
}
