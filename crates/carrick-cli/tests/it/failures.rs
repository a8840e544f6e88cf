//! What cannot work says so, and says what to do.

use std::{
    fs,
    net::TcpListener,
    process::{Output, Stdio},
};

use crate::support::carrick;

fn fails(args: &[&str]) -> String {
    let Output { status, stdout, stderr } = carrick().args(args).output().unwrap();
    assert_eq!(status.code(), Some(1), "{args:?}");
    assert!(stdout.is_empty(), "data where there is none: {args:?}");
    String::from_utf8(stderr).unwrap()
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words = fails(&["serve", "--bind", &address]);
    assert!(words.contains(&format!("error: cannot listen on {address}")), "{words}");
    assert!(words.contains("hint: another program listens there"), "{words}");
    assert!(words.contains("--bind 127.0.0.1:0"), "{words}");
}

#[test]
fn a_certificate_that_is_missing_or_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cert.pem");
    let path = file.to_str().unwrap();
    let words = fails(&["serve", "--bind", "127.0.0.1:0", "--cert", path, "--key", path]);
    assert!(words.contains(path) && words.contains("hint: --cert takes the chain"), "{words}");
    fs::write(&file, "no certificate").unwrap();
    let words = fails(&["serve", "--bind", "127.0.0.1:0", "--cert", path, "--key", path]);
    assert!(words.contains(path) && words.contains("hint: --cert takes the chain"), "{words}");
}

#[test]
fn a_wrong_call_is_another_exit_code() {
    for args in
        [&["serve", "--bind", "nowhere"][..], &["serve", "--cert", "x"], &["serve", "--origin", "x/y"], &[]]
    {
        assert_eq!(carrick().args(args).output().unwrap().status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn an_address_that_is_none_says_how_to_write_one() {
    for address in ["nowhere", "127.0.0.1", "localhost:9000", "::1:9000"] {
        let output = carrick().args(["serve", "--bind", address]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains("127.0.0.1:9000") && words.contains("[::1]:9000"), "{words}");
    }
}

#[test]
fn a_limit_of_zero_would_serve_nothing() {
    for limit in ["--max-message-bytes", "--max-fragments", "--max-connections"] {
        let output = carrick().args(["serve", limit, "0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains(limit) && words.contains("0 is not in 1.."), "{words}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn words_that_nobody_can_read_are_no_failure() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let status = carrick().args(["serve", "--bind", &address]).stderr(full).stdout(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(1));
}
