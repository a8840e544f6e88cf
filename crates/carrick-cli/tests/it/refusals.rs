//! A connection that cannot be opened: what the server said, and what may help.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
};

use crate::support::{Listen, Serve, canned, run};

#[test]
fn a_refusal_shows_the_status_the_headers_that_matter_the_body_and_a_hint() {
    for (status, headers, hint) in [
        ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "--auth USER:PASS"),
        ("403 Forbidden", "Server: nginx\r\n", "--origin"),
        ("404 Not Found", "Content-Type: text/plain\r\n", "path"),
        ("407 Proxy Authentication Required", "Proxy-Authenticate: Basic\r\n", "--proxy"),
        ("426 Upgrade Required", "Sec-WebSocket-Version: 13\r\n", "sec-websocket-version"),
        ("200 OK", "Content-Type: text/html\r\n", "web page"),
        ("503 Service Unavailable", "Retry-After: 7\r\n", "--reconnect"),
    ] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nX-Other: 1\r\n{headers}Content-Length: 17\r\n\r\n<h1>sorry</h1>\n\x1b[2J"
        );
        // Five of its bytes are behind the announced length; whoever shows them reads too far.
        let run = run(&["connect", &canned(vec![answer])], "");
        assert_eq!((run.code, run.out.as_str()), (Some(1), ""), "{status}");
        let words = run.err;
        assert!(
            words.starts_with(&format!("error: the server refused the opening handshake: {status}\n")),
            "{words}"
        );
        let (name, value) = headers.trim_end().split_once(':').unwrap();
        assert!(words.contains(&format!("  {}:{value}\n", name.to_lowercase())), "{words}");
        assert!(words.contains("  | <h1>sorry</h1>\n") && !words.contains("x-other"), "{words}");
        assert!(!words.contains('\x1b'), "{words:?}");
        assert!(words.contains("\nhint: ") && words.contains(hint), "{words}");
    }
}

#[test]
fn a_refused_origin_is_let_in_with_the_right_one() {
    let serve = Serve::start(&["--origin", "https://example.org"]);
    let refused = run(&["connect", "--origin", "https://other.example", &serve.echo()], "");
    assert!(refused.err.contains("403 Forbidden") && refused.err.contains("--origin"), "{}", refused.err);
    let open = run(&["connect", "--one", "--origin", "https://example.org", &serve.echo()], "hi\n");
    assert_eq!((open.code, open.out.as_str()), (Some(0), "hi\n"));
}

#[test]
fn nobody_listening_is_told() {
    let run = run(&["connect", "ws://127.0.0.1:1/"], "");
    assert_eq!(run.code, Some(1));
    assert!(run.err.starts_with("error: cannot open ws://127.0.0.1:1/\n"), "{}", run.err);
    assert!(run.err.contains("hint: nothing listens there"), "{}", run.err);
}

#[test]
fn a_server_of_another_kind_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n");
    });
    let run = run(&["connect", &url], "");
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("this is no HTTP"), "{}", run.err);
}

#[test]
fn plain_and_encrypted_are_told_apart() {
    let secure = Listen::start(&["--self-signed"]);
    let run_plain = run(&["connect", &secure.url.replace("wss", "ws")], "");
    assert_eq!(run_plain.code, Some(1));
    assert!(run_plain.err.contains("wss://"), "{}", run_plain.err);
    let plain = Serve::start(&[]);
    let run_secure = run(&["connect", &plain.echo().replace("ws:", "wss:")], "");
    assert_eq!(run_secure.code, Some(1));
    assert!(run_secure.err.contains("ws://"), "{}", run_secure.err);
}

#[test]
fn a_server_that_says_nothing_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let run = run(&["connect", "--connect-timeout", "0.3", &url], "");
    assert_eq!(run.code, Some(1));
    assert!(run.err.contains("opening handshake took longer than 300ms"), "{}", run.err);
    assert!(run.err.contains("--connect-timeout"), "{}", run.err);
}

#[test]
fn a_wrong_call_is_exit_code_2() {
    for args in [
        &["connect"][..],
        &["connect", "ftp://x/"],
        &["connect", "ws://x/#fragment"],
        &["connect", "--header", "nocolon", "ws://x/"],
        &["connect", "--header", "Upgrade: x", "ws://x/"],
        &["connect", "--origin", "nowhere", "ws://x/"],
        &["connect", "--subprotocol", "a b", "ws://x/"],
        &["connect", "--auth", "nocolon", "ws://x/"],
        &["connect", "--one", "--count", "2", "ws://x/"],
        &["connect", "--count", "0", "ws://x/"],
        &["connect", "--timeout", "1", "ws://x/"],
        &["connect", "--expect", "(", "ws://x/"],
        &["connect", "--linger", "soon", "ws://x/"],
        &["connect", "--cert", "x", "ws://x/"],
        &["listen"],
        &["listen", "nowhere"],
        &["listen", "0", "--echo", "--broadcast"],
        &["listen", "0", "--binary"],
        &["listen", "0", "--subprotocol", "a b"],
        &["man", "nothing"],
        &["completions", "nothing"],
    ] {
        let run = run(args, "");
        assert_eq!(run.code, Some(2), "{args:?}: {}", run.err);
        assert!(run.out.is_empty() && !run.err.is_empty(), "{args:?}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let path = file.to_str().unwrap();
    let missing = run(&["connect", "--ca", path, "wss://x/"], "");
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains(path) && missing.err.contains("cannot be read"), "{}", missing.err);
    std::fs::write(&file, "no certificate").unwrap();
    let other = run(&["connect", "--ca", path, "wss://x/"], "");
    assert_eq!(other.code, Some(1));
    assert!(other.err.contains(path) && other.err.contains("in PEM"), "{}", other.err);
    let folder = run(&["listen", "0", "--dir", path], "");
    assert_eq!(folder.code, Some(1));
    assert!(folder.err.contains("hint: --dir takes a folder"), "{}", folder.err);
}

/// A proxy that answers each CONNECT with one of these, and what it was asked.
fn proxy(answers: Vec<&'static str>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<_> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            sender.send(head.join("\n")).unwrap();
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, asked)
}

#[test]
fn a_proxy_is_asked_and_what_it_lacks_is_told() {
    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
    let (address, asked) = proxy(vec![refusal, refusal]);
    let nobody = run(&["connect", "--proxy", &format!("http://{address}"), "ws://server.example/"], "");
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.err.contains("hint: write them in front of the host: --proxy SCHEME://USER:PASS@"),
        "{}",
        nobody.err
    );
    assert!(asked.recv().unwrap().starts_with("CONNECT server.example:80 HTTP/1.1"));
    let wrong = run(&["connect", "--proxy", &format!("http://ada:pw@{address}"), "ws://server.example/"], "");
    assert_eq!(wrong.code, Some(1));
    assert!(!wrong.err.contains("ada") && !wrong.err.contains("pw@"), "{}", wrong.err);
    assert!(asked.recv().unwrap().to_lowercase().contains("proxy-authorization: basic "));
    let unusable = run(&["connect", "--proxy", "ftp://x", "ws://server.example/"], "");
    assert_eq!(unusable.code, Some(2));
    assert!(unusable.err.contains("socks5h://"), "{}", unusable.err);
}

#[test]
fn redirects_are_followed_as_far_as_is_allowed() {
    let serve = Serve::start(&[]);
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", serve.echo());
    let url = canned(vec![answer.clone(), answer]);
    let followed = run(&["connect", "--one", "--trace", &url], "hi\n");
    assert_eq!((followed.code, followed.out.as_str()), (Some(0), "hi\n"), "{}", followed.err);
    assert!(followed.err.contains(&serve.echo()), "{}", followed.err);
    let stayed = run(&["connect", "--max-redirects", "0", &url], "");
    assert_eq!(stayed.code, Some(1));
    assert!(stayed.err.contains("302 Found") && stayed.err.contains("--max-redirects"), "{}", stayed.err);
}
