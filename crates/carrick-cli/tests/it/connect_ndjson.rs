//! `--output ndjson`, `--trace`, and no colour where none is wanted.

use carrick::protocol::{CloseCode, Compression, Kind, Message};
use serde_json::{Value, json};

use crate::support::{Serve, canned, carrick, run, server};

fn events(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

#[test]
fn everything_that_happens_is_a_line_of_json() {
    let serve = Serve::start(&[]);
    let input = "hi\n/binary 00ff\n/ping why\n/close 4000 enough\n";
    let run = run(&["connect", "--commands", "--output", "ndjson", &serve.echo()], input);
    let events = events(&run.out);
    let open = of(&events, "open")[0];
    assert_eq!((&open["url"], &open["deflate"]), (&json!(serve.echo()), &json!(true)));
    let time = open["time"].as_str().unwrap();
    assert!(time.ends_with('Z') && time.len() == "2026-01-01T00:00:00.000000Z".len(), "{time}");
    let messages = of(&events, "message");
    for direction in ["out", "in"] {
        let text =
            json!({"event": "message", "direction": direction, "kind": "text", "length": 2, "data": "hi"});
        let binary = json!({"event": "message", "direction": direction, "kind": "binary", "length": 2, "base64": "AP8="});
        for expected in [text, binary] {
            let without_time = |event: &Value| {
                let mut event = event.clone();
                event.as_object_mut().unwrap().remove("time");
                event
            };
            assert!(
                messages.iter().any(|event| without_time(event) == expected),
                "{expected} in {messages:?}"
            );
        }
    }
    let ping = of(&events, "ping")[0];
    assert_eq!((&ping["direction"], &ping["data"]), (&json!("out"), &json!("why")));
    let pong = of(&events, "pong")[0];
    assert_eq!((&pong["direction"], &pong["data"]), (&json!("in"), &json!("why")));
    assert!(pong["round_trip_ms"].as_f64().unwrap() > 0.0);
    let close = events.last().unwrap();
    assert_eq!(
        (&close["event"], &close["code"], &close["by"]),
        (&json!("close"), &json!(4000), &json!("us"))
    );
    // The server answers with the code alone.
    assert_eq!((&close["reason"], &close["sent"]), (&json!(""), &json!({"code": 4000, "reason": "enough"})));
    assert_eq!(close["clean"], true);
}

#[test]
fn pings_of_the_server_and_how_it_closes_are_events() {
    let url = server(|mut websocket| async move {
        websocket.ping("are you there").await.unwrap();
        let _ = websocket.close(CloseCode::TRY_AGAIN_LATER, "busy").await;
    });
    let run = run(&["connect", "--output", "ndjson", "--linger", "forever", &url], "");
    assert_eq!(run.code, Some(4));
    let events = events(&run.out);
    assert_eq!(of(&events, "ping")[0]["direction"], "in");
    assert_eq!(of(&events, "ping")[0]["data"], "are you there");
    let close = of(&events, "close")[0];
    assert_eq!((&close["code"], &close["reason"]), (&json!(1013), &json!("busy")));
    assert_eq!((&close["meaning"], &close["by"]), (&json!("try again later"), &json!("peer")));
    assert!(close.get("sent").is_none());
}

#[test]
fn a_refusal_is_an_event() {
    let url = canned(vec!["HTTP/1.1 404 Not Found\r\nServer: x\r\nContent-Length: 4\r\n\r\nnone".into()]);
    let run = run(&["connect", "--output", "ndjson", &url], "");
    assert_eq!(run.code, Some(1));
    let event = &events(&run.out)[0];
    assert_eq!(event["event"], "error");
    assert!(event["error"].as_str().unwrap().contains("404 Not Found"));
    assert_eq!(event["details"], json!(["server: x", "| none"]));
    assert!(event["hint"].as_str().unwrap().contains("path"));
}

#[test]
fn a_trace_shows_every_step_and_every_frame_with_its_times() {
    let url = server(|mut websocket| async move {
        while let Some(Ok(Message::Text(text))) = websocket.recv().await {
            websocket.send(format!("{}!", text.as_str())).await.unwrap();
        }
    });
    let url = url.replace("127.0.0.1", "localhost");
    let input = "hello\n/ping\n";
    let run = run(&["connect", "--trace", "--commands", &url], input);
    assert_eq!((run.code, run.out.as_str()), (Some(0), "hello!\n"));
    let mut rest = run.err.as_str();
    for step in [
        " ms  resolved localhost to ",
        " ms  connecting to ",
        " ms  connected to 127.0.0.1:",
        " ms  > GET / HTTP/1.1\n",
        "> Sec-WebSocket-Version: 13\n",
        " ms  < HTTP/1.1 101 Switching Protocols\n",
        "> text 5 bytes fin masked \"hello\"",
    ] {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} in {}", run.err));
        rest = &rest[at..];
    }
    for step in [
        "< text 6 bytes fin \"hello!\", ",
        " after ours",
        "> ping 0 bytes",
        ", round trip ",
        "> close 2 bytes",
    ] {
        assert!(run.err.contains(step), "{step} in {}", run.err);
    }
    assert!(run.err.trim_end().ends_with("closed by us: 1000 (normal closure)"), "{}", run.err);
}

#[test]
fn a_trace_tells_how_many_frames_came_too_fast_for_it() {
    const FRAGMENTS: usize = 10_000;
    let url = server(|mut websocket| async move {
        for n in 1..=FRAGMENTS {
            websocket.feed_piece_with(Kind::Text, "x", n == FRAGMENTS, Compression::Never).await.unwrap();
        }
        websocket.close(CloseCode::NORMAL, "").await.unwrap();
    });
    let run = run(&["connect", "--trace", "--one", &url], "");
    let shown = run.err.matches("< text 1 bytes").count() + run.err.matches("< continuation 1 bytes").count();
    let lost = run.err.lines().filter_map(|line| line.split_once("… ")?.1.strip_suffix(" frames not shown"));
    let lost: usize = lost.map(|count| count.parse::<usize>().unwrap()).sum();
    assert_eq!((shown + lost, lost > 0), (FRAGMENTS, true), "{}", run.err);
}

#[test]
fn a_trace_shows_tls_and_hides_credentials() {
    let serve = Serve::start(&["--self-signed"]);
    let url = format!("wss://{}/echo", serve.address);
    let flags = ["connect", "--trace", "--danger-accept-invalid-certs", "--auth", "ada:secret", "-1"];
    for (version, hidden) in [("--http1", "> Authorization: …"), ("--http2", "> authorization: …")] {
        let run = run(&[&flags[..], &[version, &url]].concat(), "hi\n");
        assert_eq!((run.code, run.out.as_str()), (Some(0), "hi\n"));
        assert!(
            run.err.contains("encrypted by TLS 1.3 with TLS13_") || run.err.contains("TLS 1.3"),
            "{}",
            run.err
        );
        assert!(run.err.contains(hidden), "{}", run.err);
        assert!(!run.err.contains("YWRh"), "{}", run.err);
    }
}

#[test]
fn there_is_no_colour_in_a_pipe() {
    for flags in [&["connect", "--trace"][..], &["connect"]] {
        let output = carrick().args(flags).arg("ws://127.0.0.1:1/").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!output.stderr.contains(&0x1b), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
