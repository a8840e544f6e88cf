//! `carrick bench` against servers that echo, and against those that do not.

use std::{
    fs,
    net::TcpListener,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
};

use carrick::{
    WebSocket,
    protocol::{CloseCode, Message, Refusal},
};
use http::StatusCode;
use serde_json::Value;
use tokio::sync::Notify;

use crate::support::{Run, Serve, carrick, run, serve, server, signal};
#[cfg(unix)]
use crate::terminal::Terminal;

/// Runs `bench` with these arguments and `--output json`; what it printed.
fn bench(args: &[&str]) -> (Run, Value) {
    let run = run(&[&["bench", "--output", "json"], args].concat(), "");
    let report = serde_json::from_str(&run.out).unwrap_or(Value::Null);
    (run, report)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn each_size_is_measured_with_as_many_messages_as_are_wanted() {
    let serve = Serve::start(&[]);
    let flags =
        ["--count", "300", "--warm-up", "0", "--connections", "7", "--threads", "2", "--size", "0,20,1K"];
    let (run, report) = bench(&[&flags[..], &[&serve.echo()]].concat());
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{report}");
    assert_eq!(
        (&report["connections"], &report["threads"], &report["kind"]),
        (&7.into(), &2.into(), &"binary".into())
    );
    assert_eq!(report["url"], serve.echo());
    assert_eq!((&report["deflate"], &report["interrupted"]), (&true.into(), &false.into()));
    assert_eq!(report["opening"]["opened"], 7);
    assert!(number(&report["opening"]["handshake_us"]["p50"]) > 0.0);
    let rounds = report["rounds"].as_array().unwrap();
    assert_eq!(rounds.iter().map(|round| &round["bytes"]).collect::<Vec<_>>(), [0, 20, 1024]);
    for round in rounds {
        assert_eq!(
            (&round["messages"], &round["unanswered"], &round["unsent"]),
            (&300.into(), &0.into(), &0.into())
        );
        let latency = |name: &str| number(&round["latency_us"][name]);
        let names = ["min", "p50", "p90", "p99", "p99.9", "max"];
        assert!(latency("min") > 0.0 && names.is_sorted_by_key(|name| latency(name)), "{round}");
        assert!(number(&round["messages_per_second"]) > 0.0 && round.get("sent_late_us").is_none());
    }
    assert_eq!(report["errors"], Value::Array(Vec::new()));
}

#[test]
fn a_duration_ends_it_and_the_table_has_a_line_for_each_size() {
    let serve = Serve::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let run = run(
        &[
            "bench",
            "--duration",
            "0.5",
            "--warm-up",
            "0.1",
            "-c",
            "3",
            "--pipeline",
            "4",
            "--text",
            "--no-deflate",
            "--size",
            "125,16K",
            "--html",
            path.to_str().unwrap(),
            &serve.echo(),
        ],
        "",
    );
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{}", run.out);
    let lines: Vec<_> = run.out.lines().collect();
    let headline = format!("3 connections to {}, closed loop, 4 outstanding on each, text, ", serve.echo());
    assert!(lines[0].starts_with(&headline), "{}", lines[0]);
    let words: Vec<_> = lines[2].split_whitespace().collect();
    assert_eq!(words, ["messages", "per", "s", "MB/s", "p50", "p90", "p99", "p99.9", "max"]);
    for (line, start) in lines[3..].iter().zip(["125 B ", "16 KiB ", "handshake "]) {
        assert!(line.starts_with(start), "{}", run.out);
    }
    assert_eq!(lines.len(), 6, "{}", run.out);
    let page = fs::read_to_string(path).unwrap();
    assert_eq!(page.matches("<svg").count(), 4, "{page}");
    assert!(page.contains(&headline) && page.contains("<h2>16 KiB</h2>") && page.contains("No errors."));
}

#[test]
fn the_flags_of_a_connection_are_those_of_connect() {
    let serve = Serve::start(&["--self-signed"]);
    let url = format!("wss://{}/echo", serve.address);
    let flags = ["--count", "10", "--warm-up", "0", "-c", "2"];
    let (trusting, report) = bench(&[&flags[..], &["--danger-accept-invalid-certs", &url]].concat());
    assert_eq!((trusting.code, &report["rounds"][0]["messages"]), (Some(0), &10.into()), "{}", trusting.err);
    let (other, _) = bench(&[&flags[..], &[&url]].concat());
    assert_eq!(other.code, Some(1));
    assert!(other.err.contains("--ca FILE"), "{}", other.err);
    let (origin, _) = bench(
        &[&flags[..], &["--origin", "https://other.example", "--danger-accept-invalid-certs", &url]].concat(),
    );
    assert_eq!(origin.code, Some(1));
    assert!(origin.err.contains("403 Forbidden"), "{}", origin.err);
}

#[test]
fn a_fixed_rate_sends_its_messages_at_their_times() {
    let serve = Serve::start(&[]);
    let flags = ["--rate", "400", "--count", "200", "--warm-up", "0.1", "-c", "3"];
    let (run, report) = bench(&[&flags[..], &[&serve.echo()]].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    let round = &report["rounds"][0];
    assert_eq!((&report["rate"], &round["messages"]), (&400.0.into(), &200.into()));
    // The last of them is due after 199 of 400 parts of a second, however slow the machine is.
    assert!(number(&round["seconds"]) > 0.49, "{round}");
    assert!(number(&round["sent_late_us"]["p50"]) >= 0.0, "{round}");
}

#[test]
fn a_pause_of_the_server_shows_in_all_messages_that_were_due_in_it() {
    // The first connection gets no reply until the second one has sent a hundred messages more, a second's worth.
    let (number_of, others) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let go_on = Arc::new(Notify::new());
    let url = server(move |mut websocket| {
        let (number_of, others, go_on) = (Arc::clone(&number_of), Arc::clone(&others), Arc::clone(&go_on));
        async move {
            let is_first = number_of.fetch_add(1, Ordering::SeqCst) == 0;
            let mut received = 0;
            while let Some(Ok(message)) = websocket.recv().await {
                received += 1;
                if is_first && received == 20 {
                    go_on.notified().await;
                }
                if !is_first && others.fetch_add(1, Ordering::SeqCst) == 120 {
                    go_on.notify_one();
                }
                websocket.send(message).await.unwrap();
            }
        }
    });
    let (run, report) = bench(&["--rate", "200", "--count", "400", "--warm-up", "0", "-c", "2", &url]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let round = &report["rounds"][0];
    assert_eq!(round["messages"], 400);
    // Of 400 messages 75 were due in the first three quarters of the pause, and waited for at least the last one.
    assert!(number(&round["latency_us"]["p90"]) > 250_000.0, "{round}");
    assert!(number(&round["latency_us"]["max"]) > 900_000.0, "{round}");
    // What had to wait for a reply was not sent late by this machine.
    assert!(number(&round["sent_late_us"]["p50"]) < 250_000.0, "{round}");
}

#[test]
fn a_server_that_answers_something_else_is_told_from_one_that_echoes() {
    let url = server(|mut websocket| async move {
        while let Some(Ok(message)) = websocket.recv().await {
            websocket.send(Message::binary(vec![0; message.len()])).await.unwrap();
        }
    });
    let flags = ["--count", "100", "--warm-up", "0", "-c", "3"];
    let (checked, report) = bench(&[&flags[..], &[&url]].concat());
    assert_eq!(checked.code, Some(3));
    assert_eq!(report["errors"][0]["error"], "a reply is not what was sent");
    assert_eq!((&report["errors"][0]["count"], &report["rounds"][0]["messages"]), (&3.into(), &0.into()));
    assert!(checked.err.contains("hint: the server has to send every message back"), "{}", checked.err);
    let (unchecked, report) = bench(&[&flags[..], &["--no-check", &url]].concat());
    assert_eq!(
        (unchecked.code, &report["rounds"][0]["messages"]),
        (Some(0), &100.into()),
        "{}",
        unchecked.err
    );
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for_without_end() {
    let url = server(|mut websocket| async move { while let Some(Ok(_)) = websocket.recv().await {} });
    let (run, report) =
        bench(&["--reply-timeout", "0.2", "--warm-up", "0", "-c", "2", "--pipeline", "3", &url]);
    assert_eq!(run.code, Some(3));
    assert_eq!(
        (&report["rounds"][0]["messages"], &report["rounds"][0]["unanswered"]),
        (&0.into(), &6.into())
    );
    let errors = report["errors"].as_array().unwrap();
    let count = |what: &str| errors.iter().find(|error| error["error"] == what).map(|error| &error["count"]);
    assert_eq!(count("no reply in 0.2 s"), Some(&2.into()), "{report}");
    assert_eq!(count("messages of 20 B without a reply"), Some(&6.into()), "{report}");
    assert_eq!(report["rounds"][0]["latency_us"]["p50"], Value::Null);
}

#[test]
fn what_a_stuck_connection_leaves_of_a_fixed_rate_is_counted() {
    let url = server(|mut websocket| async move {
        let first = websocket.recv().await.unwrap().unwrap();
        websocket.send(first).await.unwrap();
        while let Some(Ok(_)) = websocket.recv().await {}
    });
    let flags = ["--rate", "100", "--duration", "0.5", "--warm-up", "0", "-c", "1", "--reply-timeout", "1"];
    let (run, report) = bench(&[&flags[..], &[&url]].concat());
    assert_eq!(run.code, Some(3), "{report}");
    let round = &report["rounds"][0];
    assert_eq!(
        (&round["messages"], &round["unanswered"], &round["unsent"]),
        (&1.into(), &1.into(), &48.into()),
        "of the fifty that were due"
    );
    assert!(run.err.contains("--reply-timeout"), "{}", run.err);
}

#[test]
fn a_server_that_does_not_keep_up_with_a_rate_leaves_messages_that_were_not_sent() {
    // It needs 100 ms for each message, and four times as many are due.
    let url = server(|mut websocket| async move {
        let mut ticks = tokio::time::interval(std::time::Duration::from_millis(100));
        while let Some(Ok(message)) = websocket.recv().await {
            ticks.tick().await;
            if websocket.send(message).await.is_err() {
                return;
            }
        }
    });
    let flags = ["--rate", "40", "--duration", "1", "--warm-up", "0", "-c", "1", "--reply-timeout", "1"];
    let (run, report) = bench(&[&flags[..], &[&url]].concat());
    assert_eq!(run.code, Some(3), "{report}");
    let round = &report["rounds"][0];
    let [messages, unsent] = ["messages", "unsent"].map(|name| round[name].as_u64().unwrap());
    assert!(messages + unsent == 40 && unsent > 10, "{round}");
    assert!(run.err.contains("hint: the server does not keep up with --rate"), "{}", run.err);
}

#[test]
fn connections_that_end_are_counted_with_what_the_server_said() {
    let url = server(|mut websocket| async move {
        for _ in 0..5 {
            let Some(Ok(message)) = websocket.recv().await else { return };
            websocket.send(message).await.unwrap();
        }
        let _ = websocket.close(CloseCode::from(4001), "enough").await;
    });
    let (run, report) = bench(&["--count", "100", "--warm-up", "0", "-c", "3", "--size", "20,1K", &url]);
    assert_eq!(run.code, Some(4), "{}", run.err);
    assert_eq!(report["rounds"].as_array().unwrap().len(), 1, "nobody is left for the second size");
    assert_eq!(report["rounds"][0]["messages"], 15);
    let error = report["errors"][0]["error"].as_str().unwrap();
    assert!(error.contains("4001") && error.contains("enough"), "{error}");
}

#[test]
fn connections_that_are_refused_are_counted_and_the_others_go_on() {
    let allowed = AtomicUsize::new(2);
    let url = serve(move |server| {
        server.route("/*", |websocket, _| echo(websocket)).on_request(move |request, _| {
            let take = |left: usize| left.checked_sub(1);
            let is_allowed = allowed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok();
            async move {
                let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "full");
                if is_allowed { Ok(request) } else { Err(refusal) }
            }
        })
    });
    let (run, report) = bench(&["--count", "100", "--warm-up", "0", "-c", "5", "--ramp", "1000", &url]);
    assert_eq!(run.code, Some(1), "{}", run.err);
    assert_eq!((&report["opening"]["opened"], &report["rounds"][0]["messages"]), (&2.into(), &100.into()));
    let error = &report["errors"][0];
    assert!(error["error"].as_str().unwrap().contains("503") && error["count"] == 3, "{report}");

    let (all, _) = bench(&["--count", "100", "-c", "2", &url]);
    assert_eq!((all.code, all.out.as_str()), (Some(1), ""));
    assert!(all.err.contains("503 Service Unavailable"), "{}", all.err);
}

#[test]
fn nobody_there_says_so_and_what_to_do() {
    let (run, _) = bench(&["ws://127.0.0.1:1/"]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(
        run.err.contains("Connection refused") && run.err.contains("hint: nothing listens there"),
        "{}",
        run.err
    );
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_and_prints_what_was_measured() {
    for flags in [&["--duration", "3600"][..], &["--rate", "1000", "--duration", "3600"]] {
        let (sender, hundred) = mpsc::channel();
        let received = Arc::new(AtomicUsize::new(0));
        let url = server(move |mut websocket| {
            let (sender, received) = (sender.clone(), Arc::clone(&received));
            async move {
                while let Some(Ok(message)) = websocket.recv().await {
                    if received.fetch_add(1, Ordering::SeqCst) == 100 {
                        sender.send(()).unwrap();
                    }
                    websocket.send(message).await.unwrap();
                }
            }
        });
        let child = carrick()
            .args(["bench", "-O", "json", "-c", "2", "--warm-up", "0", "--size", "20,1K", &url])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        hundred.recv().unwrap();
        signal("INT", child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["interrupted"], &report["errors"]), (&true.into(), &Value::Array(Vec::new())));
        assert_eq!(report["rounds"].as_array().unwrap().len(), 1, "{report}");
        assert!(number(&report["rounds"][0]["messages"]) > 50.0, "{report}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_before_all_connections_are_open_measures_nothing() {
    // It takes connections and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let child = carrick()
        .args(["bench", "-c", "1", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _stream = listener.accept().unwrap();
    signal("INT", child.id());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(130), 0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "interrupted before anything was measured\n");
}

#[cfg(unix)]
#[test]
fn more_connections_than_open_files_are_refused_with_a_hint() {
    let command =
        format!("ulimit -n 100 && exec {} bench -c 200 ws://127.0.0.1:1/", env!("CARGO_BIN_EXE_carrick"));
    let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("200 connections need ") && words.contains("limit is 100"), "{words}");
    assert!(words.contains("hint: raise it with `ulimit -n "), "{words}");
}

#[test]
fn what_cannot_be_measured_or_written_is_told_before_anything_is_opened() {
    for args in [
        &["--size", "1.5K"][..],
        &["--size", "20,,30"],
        &["--connections", "0"],
        &["--rate", "0"],
        &["--pipeline", "0"],
        &["--count", "0"],
        &["--duration", "0"],
        &["--output", "ndjson"],
    ] {
        let run = run(&[&["bench"], args, &["ws://127.0.0.1:1/"]].concat(), "");
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.err);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/report.html");
    let run = run(&["bench", "--html", path.to_str().unwrap(), "ws://127.0.0.1:1/"], "");
    assert_eq!(run.code, Some(1));
    assert!(
        run.err.contains("report.html cannot be written") && run.err.contains("hint: --html"),
        "{}",
        run.err
    );
}

async fn echo(mut websocket: WebSocket) {
    while let Some(Ok(message)) = websocket.recv().await {
        if websocket.send(message).await.is_err() {
            return;
        }
    }
}

#[cfg(unix)]
#[test]
fn a_terminal_shows_how_far_it_is_and_the_table_in_the_end() {
    let serve = Serve::start(&[]);
    let mut terminal =
        Terminal::start(&["bench", "--duration", "3600", "-c", "2", "--warm-up", "0", &serve.echo()], &[]);
    terminal.shows("the progress", |lines| {
        lines.iter().any(|line| line.contains("20 B, ") && line.contains("/s"))
    });
    terminal.types("\x03");
    let (status, lines) = terminal.ends();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("handshake ")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains("messages, ")), "{lines:?}");
}
