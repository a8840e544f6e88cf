use tokio::io::{DuplexStream, duplex};

use super::*;

fn host(text: &str) -> Host<String> {
    Host::parse(text).unwrap()
}

fn user() -> Option<(String, String)> {
    Some(("user".to_owned(), "secret".to_owned()))
}

/// Asks a proxy that says `answers` and then ends the stream; gives what is left of the answers, and what was sent.
async fn asked(
    host: &Host<String>,
    user: Option<&(String, String)>,
    answers: &[u8],
    pipe: usize,
) -> (Result<Vec<u8>, ProxyError>, Vec<u8>) {
    let (mut near, far): (DuplexStream, DuplexStream) = duplex(pipe);
    let (mut reader, mut writer) = tokio::io::split(far);
    let client = async {
        let result = connect(&mut near, host, 443, user).await;
        let mut rest = Vec::new();
        if result.is_ok() {
            near.read_to_end(&mut rest).await.unwrap();
        }
        drop(near);
        result.map(|()| rest)
    };
    let proxy_writes = async {
        // Whoever does not listen to the end has his reasons.
        let _ = writer.write_all(answers).await;
        let _ = writer.shutdown().await;
    };
    let proxy_reads = async {
        let mut sent = Vec::new();
        reader.read_to_end(&mut sent).await.unwrap();
        sent
    };
    let (result, (), sent) = tokio::join!(client, proxy_writes, proxy_reads);
    (result, sent)
}

const CONNECTED: &[u8] = &[5, 0, 0, 1, 10, 0, 0, 1, 0x1f, 0x90];

#[tokio::test]
async fn every_kind_of_host_is_asked_for_and_not_a_byte_too_much_is_read() {
    for (text, asked_for) in [
        ("192.0.2.7", &[1, 192, 0, 2, 7][..]),
        ("[2001:db8::1]", &[4, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ("a.example", b"\x03\x09a.example"),
        ("a.example.", b"\x03\x09a.example"),
    ] {
        for pipe in [1, 64] {
            let answers = [&[5, 0], CONNECTED, b"server first"].concat();
            let (result, sent) = asked(&host(text), None, &answers, pipe).await;
            assert_eq!(result.unwrap(), b"server first", "{text}");
            let expected = [&[5, 1, 0, 5, 1, 0], asked_for, &443u16.to_be_bytes()].concat();
            assert_eq!(sent, expected, "{text}");
        }
    }
}

#[tokio::test]
async fn a_user_is_offered_and_named_if_the_proxy_asks() {
    let user = user();
    for (answers, expected) in [
        ([&[5, 2, 1, 0], CONNECTED].concat(), &b"\x05\x02\x00\x02\x01\x04user\x06secret\x05\x01\x00"[..]),
        // Some answer with the version of SOCKS.
        ([&[5, 2, 5, 0], CONNECTED].concat(), b"\x05\x02\x00\x02\x01\x04user\x06secret\x05\x01\x00"),
        ([&[5, 0], CONNECTED].concat(), b"\x05\x02\x00\x02\x05\x01\x00"),
    ] {
        let (result, sent) = asked(&host("10.0.0.1"), user.as_ref(), &answers, 64).await;
        result.unwrap();
        assert!(sent.starts_with(expected), "{sent:?}");
    }
    let longest = Some(("u".repeat(255), "p".repeat(255)));
    let answers = [&[5, 2, 1, 0], CONNECTED].concat();
    let (result, sent) = asked(&host("10.0.0.1"), longest.as_ref(), &answers, 1).await;
    result.unwrap();
    assert_eq!(sent.len(), 4 + 1 + 1 + 255 + 1 + 255 + 10);
}

#[tokio::test]
async fn the_longest_name_is_asked_for_and_a_longer_one_is_not() {
    for (length, fits) in [(254, true), (255, true), (256, false)] {
        let name = Host::Domain("n".repeat(length));
        let (result, sent) = asked(&name, None, &[&[5, 0], CONNECTED].concat(), 64).await;
        assert_eq!(result.is_ok(), fits, "{length}");
        assert_eq!(sent.is_empty(), !fits, "nothing is said to the proxy first");
        if let Err(error) = result {
            assert!(matches!(error, ProxyError::HostUnusable { .. }), "{error}");
        }
    }
}

#[tokio::test]
async fn every_address_that_the_proxy_binds_is_skipped() {
    let name = [&[3, 255][..], &[b'x'; 255]].concat();
    for bound in
        [&[1, 1, 2, 3, 4][..], &[4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16], &[3, 0], &name]
    {
        let answers = [&[5, 0, 5, 0, 0], bound, &[0, 80], b"behind"].concat();
        let (result, _) = asked(&host("a.example"), None, &answers, 64).await;
        assert_eq!(result.unwrap(), b"behind");
    }
}

#[tokio::test]
async fn every_refusal_is_put_into_words() {
    let mut seen = std::collections::HashSet::new();
    for code in 1..=9 {
        let (result, _) = asked(&host("a.example"), None, &[5, 0, 5, code], 64).await;
        let error = result.unwrap_err();
        assert!(matches!(error, ProxyError::SocksReply { code: told } if told == code), "{error}");
        assert!(error.to_string().ends_with(&format!("(reply {code})")), "{error}");
        assert!(seen.insert(error.to_string().replace(char::is_numeric, "")), "{error}");
    }
    for (user, answers, expected) in [
        (None, &[5, 0xff][..], "wants a user and a password"),
        (user(), &[5, 0xff], "authentication other than by a password"),
        (user(), &[5, 2, 1, 1], "refused the user or the password"),
        (None, &[5, 2], "method that was not offered is 2"),
        (user(), &[5, 1], "method that was not offered is 1"),
        (None, &[4, 0], "version is 4"),
        (None, b"HTTP/1.1 400", "version is 72"),
        (None, &[5, 0, 4, 0], "version is 4"),
        (None, &[5, 0, 5, 0, 0, 2], "address type is 2"),
    ] {
        let (result, sent) = asked(&host("a.example"), user.as_ref(), answers, 64).await;
        let error = result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("secret") && !sent.is_empty());
    }
}

#[tokio::test]
async fn a_stream_that_ends_anywhere_is_told_apart() {
    let user = user();
    let answers = [&[5, 2, 1, 0], CONNECTED].concat();
    for cut in 0..answers.len() {
        let (result, _) = asked(&host("a.example"), user.as_ref(), &answers[..cut], 64).await;
        match result {
            Err(ProxyError::Ended) => {}
            // The proxy no longer takes what we say.
            Err(ProxyError::Stream(_)) => {}
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    let (result, _) = asked(&host("a.example"), user.as_ref(), &answers, 1).await;
    result.unwrap();
}
