//! `carrick listen --exec`: one program for each connection.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use carrick::{
    ClientBuilder,
    blocking::WebSocket,
    protocol::{CloseCode, Message},
};

use crate::support::Listen;

fn exec(command: &str) -> Listen {
    Listen::start(&["--exec", command])
}

fn text(websocket: &mut WebSocket) -> String {
    websocket.recv().unwrap().unwrap().as_text().unwrap().to_owned()
}

/// How the connection ends: code and reason.
fn end(websocket: &mut WebSocket) -> (CloseCode, String) {
    while websocket.recv().is_some() {}
    let closed = websocket.closed().unwrap();
    (closed.code(), closed.reason().to_owned())
}

/// Whether the process is gone, reaped and all.
fn is_gone(process: &str) -> bool {
    !Path::new("/proc").join(process.trim()).exists()
}

/// Waits until it is.
fn wait_gone(process: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_gone(process) {
        assert!(Instant::now() < deadline, "process {process} is still there");
        std::thread::yield_now();
    }
}

#[test]
fn messages_are_lines_of_its_input_and_lines_of_its_output_messages() {
    let listen = exec("cat");
    let (mut ada, mut grace) = (listen.connect(""), listen.connect(""));
    ada.send("from ada").unwrap();
    grace.send("from grace").unwrap();
    assert_eq!(text(&mut ada), "from ada");
    assert_eq!(text(&mut grace), "from grace");
    ada.send("two\nlines").unwrap();
    assert_eq!((text(&mut ada), text(&mut ada)), ("two".to_owned(), "lines".to_owned()));
}

#[test]
fn the_end_of_the_program_is_the_end_of_the_connection() {
    let good = exec("echo done; printf 'no line end'");
    let mut websocket = good.connect("");
    assert_eq!((text(&mut websocket), text(&mut websocket)), ("done".to_owned(), "no line end".to_owned()));
    assert_eq!(end(&mut websocket), (CloseCode::NORMAL, String::new()));

    let bad = exec("exit 3");
    let (code, reason) = end(&mut bad.connect(""));
    assert_eq!(code, CloseCode::INTERNAL_ERROR);
    assert!(reason.contains("exit status: 3"), "{reason}");

    let missing = exec("/missing/program 2>/dev/null");
    assert_eq!(end(&mut missing.connect("")).0, CloseCode::INTERNAL_ERROR);
}

#[test]
fn it_learns_of_the_request_by_its_environment() {
    let listen = Listen::start(&[
        "--subprotocol",
        "chat",
        "--exec",
        "echo \"$REMOTE_ADDR $REQUEST_URI $PATH_INFO $QUERY_STRING $HTTP_X_TEST $WEBSOCKET_PROTOCOL ${HTTP_PROXY-none}\"",
    ]);
    let builder = ClientBuilder::new(&format!("{}a/b?c=d", listen.url)).unwrap();
    let builder = builder.header("x-test", "it's; $(a) `test`").unwrap().header("proxy", "evil").unwrap();
    let mut websocket = builder.subprotocols(["chat"]).unwrap().connect_blocking().unwrap();
    assert_eq!(text(&mut websocket), "127.0.0.1 /a/b?c=d /a/b c=d it's; $(a) `test` chat none");
}

#[test]
fn its_errors_go_where_ours_go() {
    let mut listen = exec("echo words >&2; cat");
    let _websocket = listen.connect("");
    listen.says("words");
}

#[test]
fn bytes_pass_as_they_are() {
    let listen = Listen::start(&["--binary", "--exec", "cat"]);
    let mut websocket = listen.connect("");
    let sent: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    websocket.send(Message::binary(sent.clone())).unwrap();
    let mut received = Vec::new();
    while received.len() < sent.len() {
        received.extend_from_slice(websocket.recv().unwrap().unwrap().as_bytes());
    }
    assert!(received == sent);
}

#[test]
fn a_program_that_is_slow_holds_up_its_client_and_loses_nothing() {
    // Each side has far more to say than fits between them.
    let listen = exec("cat");
    let mut websocket = listen.connect("");
    let line = "x".repeat(10_000);
    let (count, expected) = (1000, line.clone());
    let mut other = listen.connect("");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..count {
                websocket.send(line.as_str()).unwrap();
                assert_eq!(text(&mut websocket), expected);
            }
        });
        other.send("meanwhile").unwrap();
        assert_eq!(text(&mut other), "meanwhile");
    });
    let endless = exec("yes 'a line that never ends to come'");
    let mut reader = endless.connect("");
    for _ in 0..1000 {
        assert_eq!(text(&mut reader), "a line that never ends to come");
    }
    assert_eq!(reader.close(CloseCode::NORMAL, "").unwrap().code(), CloseCode::NORMAL);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_ignores_its_input_is_ended_with_the_connection() {
    let listen = exec("echo $$; trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000");
    let mut websocket = listen.connect("");
    let (shell, child) = (text(&mut websocket), text(&mut websocket));
    assert!(!is_gone(&shell) && !is_gone(&child));
    websocket.close(CloseCode::NORMAL, "").unwrap();
    wait_gone(&shell);
    wait_gone(&child);
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_that_vanishes_takes_its_program_with_it() {
    let listen = exec("echo $$; exec cat");
    let mut websocket = listen.connect("");
    let program = text(&mut websocket);
    // Cut without a close frame.
    drop(websocket);
    wait_gone(&program);

    // And while the program takes nothing of what was sent to it.
    let listen = exec("echo $$; exec sleep 1000");
    let mut websocket = listen.connect("");
    let program = text(&mut websocket);
    for _ in 0..20 {
        websocket.send(Message::binary(vec![b'x'; 20_000])).unwrap();
    }
    drop(websocket);
    wait_gone(&program);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_stops_ends_the_programs() {
    let mut listen = exec("echo $$; trap '' TERM; while :; do sleep 1000; done");
    let mut websocket = listen.connect("");
    let program = text(&mut websocket);
    listen.interrupt();
    assert_eq!(end(&mut websocket).0, CloseCode::GOING_AWAY);
    assert!(listen.wait().success());
    wait_gone(&program);
}

#[test]
fn a_line_without_an_end_is_not_kept_for_ever() {
    let listen =
        Listen::start(&["--max-message-bytes", "1000", "--exec", "head -c 100000 /dev/zero; sleep 1000"]);
    let (code, reason) = end(&mut listen.connect(""));
    assert_eq!(code, CloseCode::INTERNAL_ERROR);
    assert!(reason.contains("too long"), "{reason}");
}

#[test]
fn a_program_hears_the_end_of_its_client_as_the_end_of_its_input() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("last");
    let listen = exec(&format!("cat > {0}.part; mv {0}.part {0}", file.display()));
    let mut websocket = listen.connect("");
    websocket.send("kept").unwrap();
    websocket.close(CloseCode::NORMAL, "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !file.exists() {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "kept\n");
}
