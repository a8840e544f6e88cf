//! Which HTTP carries a WebSocket, and who tells.

use crate::support::{Serve, run};

/// The first message of the chat, and what the trace says.
fn welcome(serve: &Serve, scheme: &str, flags: &[&str]) -> (String, String) {
    let url = format!("{scheme}://{}/chat", serve.address);
    let mut args = vec!["connect", "--one", "--trace", "--danger-accept-invalid-certs"];
    args.extend(flags);
    args.push(&url);
    let run = run(&args, "");
    assert_eq!(run.code, Some(0), "{}", run.err);
    (run.out, run.err)
}

#[test]
fn over_tls_both_sides_choose_http_2_and_the_flags_force_a_version() {
    let mut serve = Serve::start_heard(&["--self-signed", "--log"]);
    let flags = [
        (&[][..], "HTTP/2"),
        (&["--http2"], "HTTP/2"),
        (&["--http1"], "HTTP/1.1"),
        (&["--http3", "--no-proxy"], "HTTP/3"),
    ];
    for (flags, http) in flags {
        let (said, trace) = welcome(&serve, "wss", flags);
        assert!(said.contains(&format!("\"http\":\"{http}\",\"tls\":true")), "{said}");
        assert_eq!(trace.contains(":protocol: websocket"), http != "HTTP/1.1", "{trace}");
        let settings = "speaking http/3, settings of the server: ";
        assert_eq!(trace.contains(settings), http == "HTTP/3", "{trace}");
        assert_eq!(trace.contains("< alt-svc: h3=\":"), http == "HTTP/2", "{trace}");
        let heard = serve.hear("opens /chat");
        assert!(heard.ends_with(&format!(" opens /chat over {http}\n")), "{heard}");
    }
}

#[test]
fn without_tls_http_2_is_spoken_where_it_is_asked_for() {
    let serve = Serve::start(&[]);
    for (flags, http) in [(&[][..], "HTTP/1.1"), (&["--http2"], "HTTP/2")] {
        let (said, _) = welcome(&serve, "ws", flags);
        assert!(said.contains(&format!("\"http\":\"{http}\",\"tls\":false")), "{said}");
    }
}
