//! `carrick listen`: printing, `--echo`, `--broadcast`, `--dir`, and what is typed at it.

use std::{fs, io::Write};

use carrick::{
    ClientBuilder,
    blocking::WebSocket,
    protocol::{CloseCode, Message},
};
use serde_json::{Value, json};

use crate::support::{Listen, run};

fn text(websocket: &mut WebSocket) -> String {
    websocket.recv().unwrap().unwrap().as_text().unwrap().to_owned()
}

#[test]
fn what_comes_is_printed_and_who_comes_is_said() {
    let mut listen = Listen::start(&[]);
    let mut websocket = listen.connect("any/path");
    assert!(listen.says("client 1").contains("connected from 127.0.0.1:"));
    websocket.send("first").unwrap();
    websocket.send("second").unwrap();
    assert_eq!(listen.printed.next().unwrap().unwrap(), "first");
    assert_eq!(listen.printed.next().unwrap().unwrap(), "second");
    websocket.close(CloseCode::from(4000), "enough").unwrap();
    let words = listen.says("client 1: closed");
    assert!(words.contains("4000") && words.contains("enough"), "{words}");
}

#[test]
fn everything_that_happens_is_a_line_of_json() {
    let mut listen = Listen::start(&["--output", "ndjson", "--echo"]);
    let mut websocket = listen.connect("");
    websocket.send("hi").unwrap();
    assert_eq!(text(&mut websocket), "hi");
    websocket.ping("x").unwrap();
    websocket.close(CloseCode::NORMAL, "").unwrap();
    let mut events: Vec<Value> = Vec::new();
    while events.last().is_none_or(|event| event["event"] != "close") {
        events.push(serde_json::from_str(&listen.printed.next().unwrap().unwrap()).unwrap());
    }
    assert_eq!((&events[0]["event"], &events[0]["url"]), (&json!("listening"), &json!(listen.url)));
    let names: Vec<_> = events[1..].iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!((names[0], names.last()), ("open", Some(&"close")));
    for (name, direction) in [("message", "in"), ("message", "out"), ("ping", "in")] {
        assert!(
            events.iter().any(|event| event["event"] == name
                && event["direction"] == direction
                && event["client"] == 1),
            "{name} {direction} in {events:?}"
        );
    }
}

#[test]
fn echo_returns_every_message_as_it_was() {
    let mut listen = Listen::start(&["--echo"]);
    // What it prints has to be read by somebody.
    let printed = std::mem::replace(&mut listen.printed, Listen::nothing());
    std::thread::spawn(move || printed.count());
    let mut websocket = listen.connect("");
    for message in [Message::text("Grüße"), Message::binary(vec![0; 1_000_000]), Message::text("")] {
        websocket.send(message.clone()).unwrap();
        assert_eq!(websocket.recv().unwrap().unwrap(), message);
    }
}

#[test]
fn broadcast_sends_to_all_others() {
    let mut listen = Listen::start(&["--broadcast"]);
    let (mut ada, mut grace, mut edsger) = (listen.connect(""), listen.connect(""), listen.connect(""));
    // All of them are there once they are said to be.
    listen.says("client 3: connected");
    ada.send("from ada").unwrap();
    assert_eq!(text(&mut grace), "from ada");
    assert_eq!(text(&mut edsger), "from ada");
    grace.send("from grace").unwrap();
    assert_eq!(text(&mut ada), "from grace");
    assert_eq!(text(&mut edsger), "from grace");
    assert_eq!(listen.printed.next().unwrap().unwrap(), "from ada");
}

#[test]
fn a_client_that_takes_nothing_is_closed_once_it_is_too_many_bytes_behind() {
    let mut listen = Listen::start(&["--broadcast", "--no-deflate", "--max-message-bytes", "1048576"]);
    let mut slow = listen.connect("");
    listen.says("client 1: connected");
    let printed = std::mem::replace(&mut listen.printed, Listen::nothing());
    std::thread::spawn(move || printed.count());
    let mut ada = listen.connect("");
    // Far fewer than could be counted, and more bytes than the network and the server keep.
    for _ in 0..60 {
        ada.send(Message::binary(vec![0; 1 << 20])).unwrap();
    }
    let mut count = 0;
    while let Some(Ok(_)) = slow.recv() {
        count += 1;
    }
    assert!(count < 60, "{count}");
    assert_eq!(slow.closed().unwrap().code(), CloseCode::TRY_AGAIN_LATER);
}

#[test]
fn lines_of_a_pipe_go_to_all_clients() {
    let mut listen = Listen::start(&[]);
    let (mut ada, mut grace) = (listen.connect(""), listen.connect(""));
    // Both have subscribed once what they said was printed.
    for websocket in [&mut ada, &mut grace] {
        websocket.send("here").unwrap();
        listen.printed.next().unwrap().unwrap();
    }
    listen.stdin.as_mut().unwrap().write_all(b"to all\n/ping is text\n").unwrap();
    for websocket in [&mut ada, &mut grace] {
        assert_eq!(text(websocket), "to all");
        assert_eq!(text(websocket), "/ping is text");
    }
    // The end of the input is not the end of the server.
    listen.stdin = None;
    ada.send("still there").unwrap();
    assert_eq!(listen.printed.next().unwrap().unwrap(), "still there");
}

#[cfg(unix)]
#[test]
fn what_is_typed_at_a_terminal_goes_to_all_clients() {
    use crate::terminal::Terminal;

    let mut terminal = Terminal::start(&["listen", "127.0.0.1:0"], &[]);
    let lines = terminal.shows("where it listens", |lines| {
        lines.iter().any(|line| line.starts_with("listening on ws://127.0.0.1:") && line.ends_with('/'))
    });
    terminal.prompts();
    let url = lines.iter().find_map(|line| line.strip_prefix("listening on ")).unwrap();
    let mut websocket = carrick::blocking::connect(url).unwrap();
    websocket.send("from a client").unwrap();
    terminal.shows_line("1 < from a client");
    terminal.types("to the client\r/binary 00ff\r/close 4009 go\r");
    assert_eq!(text(&mut websocket), "to the client");
    assert_eq!(websocket.recv().unwrap().unwrap(), Message::binary(vec![0, 255]));
    assert!(websocket.recv().is_none());
    assert_eq!(websocket.closed().unwrap().code(), CloseCode::from(4009));
    terminal.types("\x03");
    assert_eq!(terminal.ends().0.code(), Some(0));
    assert!(terminal.is_as_before());
}

#[test]
fn files_are_served_beside_it_and_none_outside() {
    let folder = tempfile::tempdir().unwrap();
    let public = folder.path().join("public");
    fs::create_dir_all(public.join("sub/.git")).unwrap();
    for (name, content) in [
        ("secret.txt", "secret"),
        ("public/index.html", "<h1>start</h1>"),
        ("public/app.js", "let x;"),
        ("public/.env", "secret"),
        ("public/sub/index.html", "sub"),
        ("public/sub/.git/config", "secret"),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let listen = Listen::start(&["--echo", "--dir", public.to_str().unwrap()]);
    let start = listen.get("/");
    assert!(start.starts_with("HTTP/1.1 200 ") && start.ends_with("<h1>start</h1>"), "{start}");
    assert!(start.contains("content-type: text/html") && start.contains("nosniff"), "{start}");
    assert!(listen.get("/app.js").contains("javascript"));
    assert!(listen.get("/sub/").ends_with("sub"));
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/sub/../../secret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/.env",
        "/%2eenv",
        "/sub/.git/config",
        "/sub%2f.git/config",
        "/missing",
    ] {
        let answer = listen.get(path);
        assert!(
            answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "),
            "{path}: {answer}"
        );
        assert!(!answer.contains("secret\n") && !answer.ends_with("secret"), "{path}: {answer}");
    }
    let mut websocket = listen.connect("");
    websocket.send("beside the files").unwrap();
    assert_eq!(text(&mut websocket), "beside the files");
}

#[test]
fn without_a_folder_a_page_is_told_what_this_is() {
    let listen = Listen::start(&[]);
    let answer = listen.get("/");
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
}

#[test]
fn origins_and_subprotocols_are_those_that_are_allowed() {
    let listen = Listen::start(&["--origin", "https://example.org", "--subprotocol", "chat.v2", "--echo"]);
    let builder = || ClientBuilder::new(&listen.url).unwrap();
    assert!(builder().origin("https://other.example").unwrap().connect_blocking().is_err());
    let allowed =
        builder().origin("https://example.org").unwrap().subprotocols(["chat.v1", "chat.v2"]).unwrap();
    assert_eq!(allowed.connect_blocking().unwrap().subprotocol(), Some("chat.v2"));
}

#[test]
fn ctrl_c_closes_with_1001_and_succeeds() {
    let mut listen = Listen::start(&["--echo"]);
    let mut websocket = listen.connect("");
    websocket.send("here").unwrap();
    text(&mut websocket);
    listen.interrupt();
    assert!(websocket.recv().is_none());
    assert_eq!(websocket.closed().unwrap().code(), CloseCode::GOING_AWAY);
    assert!(listen.wait().success());
}

#[test]
fn a_port_that_is_taken_is_told() {
    let listen = Listen::start(&[]);
    let address = listen.url.split('/').nth(2).unwrap();
    let run = run(&["listen", address], "");
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.contains(&format!("cannot listen on {address}"))
            && run.err.contains("carrick listen 127.0.0.1:0"),
        "{}",
        run.err
    );
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_it_without_failure() {
    let mut listen = Listen::start(&[]);
    let mut websocket = listen.connect("");
    websocket.send("first").unwrap();
    assert_eq!(listen.printed.next().unwrap().unwrap(), "first");
    listen.hang_up();
    websocket.send("second").unwrap();
    assert!(websocket.recv().is_none());
    assert!(listen.wait().success());
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_listened_on_and_connected_to() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("carrick.sock");
    let path = socket.to_str().unwrap();
    let mut listen = Listen::start_at(&format!("unix:{path}"), &["--echo"]);
    assert_eq!(listen.url, format!("ws+unix://{path}:/"));
    let by_url = run(&["connect", "--one", &listen.url], "hi\n");
    assert_eq!((by_url.code, by_url.out.as_str()), (Some(0), "hi\n"), "{}", by_url.err);
    let by_flag = run(&["connect", "--one", "--trace", "--unix", path, "ws://name.example/path"], "ho\n");
    assert_eq!((by_flag.code, by_flag.out.as_str()), (Some(0), "ho\n"), "{}", by_flag.err);
    assert!(by_flag.err.contains(&format!("connected to {path}")), "{}", by_flag.err);
    assert!(listen.says("client 2").contains("from a Unix socket to /path"));
}

/// Sends until the server takes no more, from a thread of its own; what it prints is read by nobody.
#[cfg(unix)]
fn flood(listen: &Listen) {
    let mut flooding = listen.connect("flooding");
    std::thread::spawn(move || while flooding.send(vec![b'x'; 1 << 20]).is_ok() {});
}

#[cfg(unix)]
#[test]
fn others_are_served_while_nobody_reads_what_is_printed_and_a_signal_ends_it() {
    let mut listen = Listen::start(&["--broadcast", "--no-deflate", "--drain-timeout", "1"]);
    let (mut ada, mut grace) = (listen.connect(""), listen.connect(""));
    listen.says("client 2: connected");
    flood(&listen);
    let mut sent = 0;
    // A megabyte of the flood comes for each of many times that the queue holds nothing more.
    while sent < 4 {
        if matches!(ada.recv(), Some(Ok(Message::Binary(_)))) {
            sent += 1;
        }
    }
    for _ in 0..20 {
        grace.send("from grace").unwrap();
        while ada.recv().unwrap().unwrap().as_text() != Some("from grace") {}
    }
    listen.interrupt();
    assert!(listen.wait().success());
}

#[cfg(unix)]
#[test]
fn a_second_signal_ends_it_at_once_although_nobody_reads_what_is_printed() {
    let mut listen = Listen::start(&["--no-deflate", "--drain-timeout", "1000"]);
    flood(&listen);
    let mut late = listen.connect("late");
    listen.says("client 2: connected");
    late.send("unread").unwrap();
    listen.interrupt();
    listen.says("closing connections");
    listen.interrupt();
    assert_eq!(listen.wait().code(), Some(130));
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_of_the_folder_and_pipes_are_not_opened() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "content").unwrap();
    fs::write(path(".hidden"), "hidden").unwrap();
    fs::create_dir(path("with space")).unwrap();
    fs::write(path("with space/index.html"), "index").unwrap();
    for (target, link) in [
        (path("file"), "in"),
        (path(".hidden"), "shown"),
        (outside.path().into(), "out"),
        (path("gone"), "broken"),
    ] {
        symlink(target, path(link)).unwrap();
    }
    for name in ["pipe", "as-index"] {
        if name == "as-index" {
            fs::create_dir(path(name)).unwrap();
        }
        let fifo = if name == "pipe" { path(name) } else { path(name).join("index.html") };
        assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    }
    let mut listen = Listen::start(&["--dir", folder.path().to_str().unwrap()]);
    for (found, content) in [("/in", "content"), ("/with%20space/", "index")] {
        let answer = listen.get(found);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(content), "{found}: {answer}");
    }
    for hidden in ["/shown", "/out/secret", "/broken", "/pipe", "/as-index/", "/gone"] {
        assert!(listen.get(hidden).starts_with("HTTP/1.1 404"), "{hidden}");
    }
    listen.interrupt();
    assert!(listen.wait().success());
}
