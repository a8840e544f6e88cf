//! `carrick connect` in a pipe: what is sent, what is printed.

use carrick::protocol::{CloseCode, Message, OriginPolicy};

use crate::support::{Serve, output, output_in_time, run, serve, server};

#[test]
fn a_line_of_a_pipe_is_a_message_and_the_answer_is_a_line() {
    let serve = Serve::start(&[]);
    let run = run(&["connect", &serve.echo()], "hi\nGrüße, 世界\r\n\nlast without an end");
    assert_eq!(run.out, "hi\nGrüße, 世界\n\nlast without an end\n");
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
}

#[test]
fn a_url_needs_no_scheme() {
    let serve = Serve::start(&[]);
    let run = run(&["connect", &format!("{}/echo", serve.address)], "hi\n");
    assert_eq!((run.code, run.out.as_str()), (Some(0), "hi\n"));
}

#[test]
fn many_lines_keep_their_order_and_none_is_lost() {
    let serve = Serve::start(&[]);
    let lines: String = (0..20_000).map(|n| format!("{n} {}\n", "x".repeat(n % 100))).collect();
    let run = run(&["connect", "--count", "20000", &serve.echo()], &lines);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.out == lines, "{} of {} bytes came back", run.out.len(), lines.len());
}

#[test]
fn lines_go_on_while_the_server_sends_more_than_is_read() {
    // The server answers each line with a hundred of its size: whoever only sends would wait for ever.
    let url = server(|mut websocket| async move {
        while let Some(Ok(message)) = websocket.recv().await {
            for _ in 0..100 {
                if websocket.feed(message.clone()).await.is_err() {
                    return;
                }
            }
        }
    });
    let line = format!("{}\n", "y".repeat(20_000));
    let run = run(&["connect", "--count", "2000", &url], line.repeat(20));
    assert_eq!((run.code, run.out.len()), (Some(0), 2000 * line.len()));
}

#[test]
fn a_line_is_sent_in_its_format() {
    let serve = Serve::start(&[]);
    let echo = serve.echo();
    for (format, line, expected) in [
        ("text", &b"68 69\n"[..], &b"68 69\n"[..]),
        ("binary", b"\xff\x00\n", b"\xff\x00"),
        ("hex", b"00 FF:10\n", b"\x00\xff\x10"),
        ("base64", b"AP8Q\n", b"\x00\xff\x10"),
    ] {
        let output = output(&["connect", "--one", "--format", format, &echo], line);
        assert_eq!(output.stdout, expected, "{format}");
        assert_eq!(output.status.code(), Some(0), "{format}");
    }
}

#[test]
fn input_that_is_not_in_its_format_is_named_by_its_line() {
    let serve = Serve::start(&[]);
    let echo = serve.echo();
    for (format, input, word) in [
        ("hex", &b"00\n0g\n"[..], "'g'"),
        ("base64", b"AP8Q\n$\n", "base64"),
        ("text", b"fine\n\xff\n", "--format binary"),
    ] {
        let output = output(&["connect", "--format", format, &echo], input);
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{format}: {words}");
        assert!(words.contains("error: line 2 of the input") && words.contains(word), "{words}");
    }
}

#[test]
fn json_is_indented_and_everything_else_stays() {
    let serve = Serve::start(&[]);
    let input = "{\"b\":1.0,\"a\":[true]}\nno json\n";
    let run = run(&["connect", "--count", "2", "--output", "json", &serve.echo()], input);
    assert_eq!(run.out, "{\n  \"b\": 1.0,\n  \"a\": [\n    true\n  ]\n}\nno json\n");
}

#[test]
fn a_pipe_gets_what_was_sent_byte_by_byte() {
    let url = server(|mut websocket| async move {
        websocket.send("a\x1b[2Jb").await.unwrap();
        websocket.close(CloseCode::NORMAL, "").await.unwrap();
    });
    assert_eq!(run(&["connect", &url], "").out, "a\x1b[2Jb\n");
}

#[test]
fn a_slash_is_text_in_a_pipe_unless_commands_are_wanted() {
    let serve = Serve::start(&[]);
    let echo = serve.echo();
    assert_eq!(run(&["connect", "--one", &echo], "/ping\n").out, "/ping\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("two words.txt");
    std::fs::write(&file, "from a file").unwrap();
    let input = format!("/ping a\n//slash\n/send {}\n/binary 414a\n/close 4001 so long\n", file.display());
    let run = run(&["connect", "--commands", &echo], input);
    // What comes before the answer to a close frame is printed too.
    assert_eq!((run.code, run.out.as_str()), (Some(0), "/slash\nfrom a file\nAJ"));
}

#[test]
fn a_command_that_cannot_be_obeyed_ends_a_script() {
    let serve = Serve::start(&[]);
    for (line, word) in [
        ("/nothing", "/help"),
        ("/send missing.file", "missing.file cannot be read"),
        ("/close 1006", "1006"),
        ("/binary 0", "hexadecimal"),
    ] {
        let run = run(&["connect", "--commands", &serve.echo()], line);
        assert_eq!(run.code, Some(2), "{line}");
        assert!(run.err.contains(word), "{}", run.err);
    }
}

#[test]
fn headers_credentials_origin_and_subprotocols_reach_the_server() {
    let url = serve(|server| {
        let server = server.origins(OriginPolicy::Any).subprotocols(["chat.v2", "chat.v1"]).unwrap();
        server.route("/*", |mut websocket, request| async move {
            let headers = request.headers();
            let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            let names = ["authorization", "origin", "cookie", "x-two", "user-agent"];
            let seen: Vec<_> = names.into_iter().map(|name| value(name).unwrap_or_default()).collect();
            let deflate = websocket.agreement().deflate.is_some();
            let words = format!("{} {:?} {deflate}", seen.join(" "), websocket.subprotocol());
            websocket.send(words).await.unwrap();
            let _ = websocket.recv().await;
        })
    });
    let flags = ["--header", "Cookie: a=b", "-H", "X-Two:2", "--origin", "https://example.org"];
    let more = ["--subprotocol", "chat.v1", "--auth", "ada:a:b", "--one", "--no-deflate", &url];
    let run = run(&[&["connect"], &flags[..], &more[..]].concat(), "");
    let version = env!("CARGO_PKG_VERSION");
    let expected =
        format!("Basic YWRhOmE6Yg== https://example.org a=b 2 carrick/{version} Some(\"chat.v1\") false\n");
    assert_eq!(run.out, expected);
    let run = crate::support::run(&["connect", "-1", "--bearer", "T0ken", "-H", "user-agent: me", &url], "");
    assert_eq!(run.out, "Bearer T0ken    me None true\n");
}

#[test]
fn a_message_above_the_limit_is_refused() {
    let url = server(|mut websocket| async move {
        websocket.send(Message::binary(vec![0; 1001])).await.unwrap();
        let _ = websocket.recv().await;
    });
    let run = run(&["connect", "--max-message-bytes", "1000", &url], "");
    assert_eq!(run.code, Some(4));
    assert!(run.err.contains("1001 bytes") && run.err.contains("limit is 1000"), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::{
        io::{BufRead, BufReader, Write},
        process::Stdio,
    };

    let serve = Serve::start(&[]);
    let mut child = crate::support::carrick()
        .args(["connect", &serve.echo()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"first\n").unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    drop(stdout);
    stdin.write_all(b"second\n").unwrap();
    let output = output_in_time(child);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[cfg(target_os = "linux")]
#[test]
fn data_that_cannot_be_written_is_a_failure() {
    let url = server(|mut websocket| async move {
        websocket.send("lost").await.unwrap();
        let _ = websocket.recv().await;
    });
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = crate::support::carrick().args(["connect", &url]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("standard output cannot be written"));
}
