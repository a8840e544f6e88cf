//! How `carrick connect` ends: `--one`, `--count`, `--expect`, time, codes, interruptions, `--reconnect`.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use carrick::protocol::CloseCode;

use crate::support::{Serve, canned, carrick, output_in_time, run, server, signal, wait_in_time};

/// Sends these and then waits for the client to close.
fn sends(messages: &'static [&'static str]) -> String {
    server(move |mut websocket| async move {
        for message in messages {
            websocket.send(*message).await.unwrap();
        }
        while websocket.recv().await.is_some() {}
    })
}

/// Closes with this.
fn closes(code: u16, reason: &'static str) -> String {
    server(move |mut websocket| async move {
        let _ = websocket.close(CloseCode::from(code), reason).await;
    })
}

#[test]
fn one_is_enough_and_the_rest_is_not_waited_for() {
    let url = sends(&["a", "b", "c"]);
    let first = run(&["connect", "--one", &url], "");
    assert_eq!((first.code, first.out.as_str()), (Some(0), "a\n"));
    let two = run(&["connect", "--count", "2", &url], "");
    assert_eq!((two.code, two.out.as_str()), (Some(0), "a\nb\n"));
}

#[test]
fn what_is_expected_ends_it_and_what_is_not_there_in_time_is_told() {
    let url = sends(&["starting", "ready 7", "more"]);
    let met = run(&["connect", "--expect", "ready [0-9]+", "--timeout", "20", &url], "");
    assert_eq!((met.code, met.out.as_str()), (Some(0), "starting\nready 7\n"));
    let late = run(&["connect", "--expect", "done", "--timeout", "0.3", &url], "");
    assert_eq!(late.code, Some(3));
    assert!(late.err.contains("no message matched \"done\"; 3 messages received in time"), "{}", late.err);
    let among = run(&["connect", "--expect", "more", "--count", "2", &url], "");
    assert_eq!((among.code, among.out.as_str()), (Some(3), "starting\nready 7\n"));
    let few = run(&["connect", "--count", "4", "--timeout", "0.3", &url], "");
    assert_eq!(few.code, Some(3));
    assert!(few.err.contains("3 of 4 messages received"), "{}", few.err);
}

#[test]
fn a_server_that_closes_before_what_is_expected_is_exit_code_3() {
    let run = run(&["connect", "--one", &closes(1000, "")], "");
    assert_eq!(run.code, Some(3));
    assert!(run.err.contains("0 of 1 message received before the connection was closed"), "{}", run.err);
}

#[test]
fn the_close_code_decides_how_it_ends() {
    for (code, exit) in [(1000, 0), (1001, 0), (1008, 4), (1011, 4), (4321, 4)] {
        let run = run(&["connect", "--linger", "forever", &closes(code, "because\x1b")], "");
        assert_eq!(run.code, Some(exit), "{code}: {}", run.err);
        if exit != 0 {
            assert!(run.err.contains(&code.to_string()) && run.err.contains("because\\u{1b}"), "{}", run.err);
        }
    }
}

#[test]
fn a_connection_that_is_cut_is_exit_code_4() {
    let url = server(|websocket| async move { drop(websocket) });
    let run = run(&["connect", "--linger", "forever", &url], "");
    assert_eq!(run.code, Some(4), "{}", run.err);
    assert!(run.err.contains("error: the connection was lost"), "{}", run.err);
}

#[test]
fn after_the_end_of_the_input_it_stays_as_long_as_something_comes() {
    // Each answer comes before the silence is long enough; one linger from the end of the input would lose the last.
    let url = server(|mut websocket| async move {
        for n in 0..6 {
            let _ = tokio::time::timeout(std::time::Duration::from_millis(400), websocket.recv()).await;
            if websocket.send(n.to_string()).await.is_err() {
                return;
            }
        }
        while websocket.recv().await.is_some() {}
    });
    let run = run(&["connect", "--linger", "1.5", &url], "");
    assert_eq!((run.code, run.out.as_str()), (Some(0), "0\n1\n2\n3\n4\n5\n"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_closes_with_1000() {
    let url = server(|mut websocket| async move {
        websocket.send("open").await.unwrap();
        while websocket.recv().await.is_some() {}
    });
    let mut child = carrick()
        .args(["connect", "--output", "ndjson", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"data\":\"open\"")));
    signal("INT", child.id());
    let close = lines.find(|line| line.contains("\"event\":\"close\"")).unwrap();
    assert!(close.contains("\"code\":1000") && close.contains("\"by\":\"us\""), "{close}");
    assert_eq!(wait_in_time(&mut child).code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_cuts_a_connection_that_does_not_close() {
    // Says "open" and then never reads: it does not answer the close frame.
    let url = server(|mut websocket| async move {
        websocket.send("open").await.unwrap();
        std::future::pending::<()>().await;
    });
    let mut child = carrick()
        .args(["connect", "--trace", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("< text")));
    signal("INT", child.id());
    assert!(lines.any(|line| line.contains("> close")));
    signal("INT", child.id());
    assert_eq!(wait_in_time(&mut child).code(), Some(130));
}

#[test]
fn a_lost_connection_is_opened_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let url = server(move |mut websocket| {
        let n = count.fetch_add(1, Ordering::SeqCst);
        async move {
            websocket.send(format!("connection {n}")).await.unwrap();
            if n == 2 {
                websocket.close(CloseCode::NORMAL, "").await.unwrap();
            }
        }
    });
    let run = run(&["connect", "--reconnect", "--linger", "forever", &url], "");
    assert_eq!((run.code, run.out.as_str()), (Some(0), "connection 0\nconnection 1\nconnection 2\n"));
    assert_eq!(run.err.matches("connecting again in").count(), 2, "{}", run.err);
}

#[test]
fn what_may_pass_is_tried_again_and_what_may_not_is_told_at_once() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
    let never = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let url = canned(vec![busy.into(), busy.into(), never.into()]);
    let run = run(&["connect", "--reconnect", &url], "");
    assert_eq!(run.code, Some(1));
    assert_eq!(run.err.matches("connecting again in").count(), 2, "{}", run.err);
    assert!(run.err.contains("401 Unauthorized") && run.err.contains("--auth"), "{}", run.err);
}

#[test]
fn a_ping_interval_sends_pings() {
    let serve = Serve::start(&[]);
    let run = run(&["connect", "--trace", "--ping-interval", "0.1", &serve.echo()], "");
    assert_eq!(run.code, Some(0));
    assert!(run.err.contains("> ping 8 bytes") && run.err.contains(", round trip "), "{}", run.err);
}

/// Sends without end, and reads nothing.
fn floods() -> String {
    server(|mut websocket| async move { while websocket.send(vec![b'x'; 1 << 20]).await.is_ok() {} })
}

#[test]
fn a_time_holds_although_nobody_reads_what_is_printed() {
    let url = floods();
    let mut child = carrick()
        .args(["connect", "--expect", "never", "--timeout", "1", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let unread = child.stdout.take();
    let output = output_in_time(child);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    drop(unread);
}

#[test]
fn a_slow_reader_gets_everything() {
    let url = server(|mut websocket| async move {
        for _ in 0..40 {
            websocket.send("x".repeat(1 << 20)).await.unwrap();
        }
        let _ = websocket.close(CloseCode::NORMAL, "").await;
    });
    let mut child = carrick()
        .args(["connect", "--linger", "forever", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut total = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        total += line.unwrap().len();
    }
    assert_eq!((total, wait_in_time(&mut child).code()), (40 << 20, Some(0)));
}

#[test]
fn a_server_that_does_not_answer_our_close_is_told_of_and_costs_no_failure() {
    let url = server(|mut websocket| async move {
        websocket.send("all").await.unwrap();
        std::future::pending::<()>().await;
    });
    let met = run(&["connect", "--one", &url], "");
    assert_eq!((met.code, met.out.as_str()), (Some(0), "all\n"));
    assert_eq!(met.err, "the server did not answer the close frame\n");
}
