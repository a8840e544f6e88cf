//! What `enable_trace` prints, taken by a writer.

use std::{
    env,
    io::{self, Write as _},
    net::Shutdown,
    process::Command,
    sync::{Arc, Mutex},
};

use carrick::{
    Error, WebSocketServer,
    protocol::{CloseCode, Role},
};

use super::{ANY_PORT, Running, logging, rest, scripted};
use crate::support::{accept_blocking, close, frame};

/// A place to write to that can be read meanwhile.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn both_sides_show_the_handshake_and_each_frame() {
    let (near, far) = (Written::default(), Written::default());
    let server = WebSocketServer::new(ANY_PORT)
        .trace_to(far.clone())
        .on_message(|conn, message| conn.send(format!("{message}, client!")));
    let running = Running::start(server);
    let mut app = logging(&running.url())
        .trace_to(near.clone())
        .basic_auth("user", "hidden")
        .header("X-Api-Key", "hidden")
        .header("X-Room", "known")
        .on_open(|conn| conn.send("Hello"))
        .on_message(|conn, _| conn.close(4001, "enough"));
    app.run_forever().unwrap();
    let address = running.address;
    running.stop();

    let near = near.text();
    for line in [
        &*format!("connecting to {address}"),
        "> GET /ws HTTP/1.1",
        "> Authorization: …",
        "> X-Api-Key: …",
        "> X-Room: …",
        "< HTTP/1.1 101 Switching Protocols",
        "> text 5 bytes fin masked \"Hello\"",
        "< text 14 bytes fin \"Hello, client!\"",
        "> close 8 bytes fin masked 4001 \"enough\"",
        "< close 2 bytes fin 4001",
    ] {
        assert_eq!(near.lines().filter(|found| *found == line).count(), 1, "{line} in\n{near}");
    }
    let far = far.text();
    let client = far.split(' ').next().unwrap();
    assert!(client.starts_with("127.0.0.1:"), "{far}");
    let mut position = 0;
    for line in [
        "< GET /ws HTTP/1.1",
        "< Authorization: …",
        "> HTTP/1.1 101 Switching Protocols",
        "< text 5 bytes fin masked \"Hello\"",
        "> text 14 bytes fin \"Hello, client!\"",
        "< close 8 bytes fin masked 4001 \"enough\"",
        "> close 2 bytes fin 4001",
    ] {
        let line = format!("{client} {line}\n");
        let found = far[position..].find(&line).unwrap_or_else(|| panic!("{line} is missing in\n{far}"));
        position += found + line.len();
    }
    let line = |of: &str| format!("{client} < {of}\n");
    assert!(far.contains(&line("X-Api-Key: …")) && far.contains(&line("X-Room: known")), "{far}");
    let both = near + &far;
    assert!(!both.contains("hidden") && !both.contains("aGlkZGVu") && position == far.len(), "{far}");
}

#[test]
fn a_handler_that_sends_many_messages_shows_each() {
    const MESSAGES: usize = 3000;
    let near = Written::default();
    let running = Running::start(WebSocketServer::new(ANY_PORT));
    let mut app = logging(&running.url()).trace_to(near.clone()).on_open(|conn| -> Result<(), Error> {
        for n in 0..MESSAGES {
            conn.send(format!("own {n:04}"))?;
        }
        let handle = conn.handle();
        for n in 0..MESSAGES / 2 {
            handle.send(format!("mail {n:04}"))?;
        }
        handle.stop();
        Ok(())
    });
    app.run_forever().unwrap();
    running.stop();
    let near = near.text();
    let shown: Vec<_> = near.lines().filter(|line| line.starts_with("> text")).collect();
    assert_eq!(shown.len(), MESSAGES + MESSAGES / 2);
    assert!(shown[0].ends_with("\"own 0000\"") && shown[MESSAGES].ends_with("\"mail 0000\""), "{shown:?}");
}

#[test]
fn frames_that_are_too_many_for_the_trace_are_counted() {
    const FRAGMENTS: usize = 10_000;
    let (url, server) = scripted(|mut stream| {
        accept_blocking(&mut stream);
        let mut frames = frame(Role::Server, 0x01, b"x");
        for _ in 0..FRAGMENTS {
            frames.extend(frame(Role::Server, 0x00, b"x"));
        }
        frames.extend(frame(Role::Server, 0x80, b"x"));
        frames.extend(close(Role::Server, CloseCode::NORMAL, ""));
        stream.write_all(&frames).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(stream);
    });
    let near = Written::default();
    let mut app = logging(&url).trace_to(near.clone());
    app.run_forever().unwrap();
    server.join().unwrap();
    let near = near.text();
    let shown = near.lines().filter(|line| line.starts_with("< continuation") || line.starts_with("< text"));
    let lost = near.lines().filter_map(|line| line.strip_prefix("… ")?.strip_suffix(" frames not shown"));
    let lost: usize = lost.map(|count| count.parse::<usize>().unwrap()).sum();
    assert_eq!(shown.count() + lost, FRAGMENTS + 2);
    assert!(lost > 0, "they came in one read or a few");
}

#[test]
fn a_refused_request_is_shown_with_its_answer() {
    let far = Written::default();
    let running = Running::start(WebSocketServer::new(ANY_PORT).trace_to(far.clone()));
    let elsewhere = format!("ws://{}/elsewhere", running.address);
    assert!(logging(&elsewhere).run_forever().is_err());
    running.stop();
    let far = far.text();
    assert!(
        far.contains(" < GET /elsewhere HTTP/1.1\n") && far.contains(" > HTTP/1.1 404 Not Found\n"),
        "{far}"
    );
}

#[test]
fn a_writer_that_fails_ends_nothing() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let running = Running::start(WebSocketServer::new(ANY_PORT).trace_to(Full));
    logging(&running.url()).trace_to(Full).on_open(|conn| conn.stop()).run_forever().unwrap();
    running.stop();
}

#[test]
fn an_observer_of_the_builder_is_told_too() {
    let (seen, told) = (Written::default(), Written::default());
    let running = Running::start(WebSocketServer::new(ANY_PORT));
    let mut app = logging(&running.url())
        .trace_to(seen.clone())
        .with(|builder| {
            let lines = Mutex::new(told.clone());
            Ok(builder.on_connect_event(move |event| writeln!(lines.lock().unwrap(), "{event}").unwrap()))
        })
        .on_open(|conn| conn.stop());
    app.run_forever().unwrap();
    running.stop();
    assert!(told.text().contains("> GET /ws HTTP/1.1\n"), "{}", told.text());
    assert!(seen.text().starts_with(&told.text()), "{}", seen.text());
}

#[test]
fn enabled_it_goes_to_standard_error() {
    // This test prints, so another process of this binary runs it.
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "callback::trace::a_connection_that_is_traced_and_one_that_is_not"])
        .output()
        .unwrap();
    let printed = String::from_utf8(child.stderr).unwrap();
    assert!(child.status.success(), "{printed}");
    for (line, times) in [
        // Both sides show it.
        ("> GET /traced HTTP/1.1\n", 1),
        ("< GET /traced HTTP/1.1\n", 1),
        ("> text 5 bytes fin masked \"Hello\"\n", 1),
        ("< text 5 bytes fin masked \"Hello\"\n", 1),
        ("GET /quiet", 0),
    ] {
        assert_eq!(printed.matches(line).count(), times, "{line} in\n{printed}");
    }
}

#[test]
fn a_connection_that_is_traced_and_one_that_is_not() {
    for (path, on) in [("traced", true), ("quiet", false)] {
        let server = WebSocketServer::new("ws://127.0.0.1:0/*").enable_trace(on);
        let running = Running::start(server.on_message(|conn, _| conn.close(1000, "")));
        let url = format!("ws://{}/{path}", running.address);
        logging(&url).enable_trace(on).on_open(|conn| conn.send("Hello")).run_forever().unwrap();
        running.stop();
    }
}
