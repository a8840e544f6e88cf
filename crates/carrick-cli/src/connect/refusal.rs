//! What a server said instead of opening a WebSocket.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};

use crate::failure::Failure;

/// The status, the headers that matter, the start of the body, and what may help.
pub(crate) fn failure(response: &Response<Bytes>) -> Failure {
    let mut details = headers(response.headers());
    details.extend(body(response));
    Failure::new(format!("the server refused the opening handshake: {}", response.status()))
        .with_details(details)
        .with_hint(hint(response))
}

/// Whether another attempt may end better without a change.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

fn headers(headers: &HeaderMap) -> Vec<String> {
    let matters =
        |name: &HeaderName| name.as_str().starts_with("sec-websocket-") || HEADERS_THAT_MATTER.contains(name);
    headers
        .iter()
        .filter(|(name, _)| matters(name))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect()
}

/// The first lines of a body that is text.
fn body(response: &Response<Bytes>) -> Vec<String> {
    let body = response.body();
    if body.is_empty() {
        return Vec::new();
    }
    if body.contains(&0) {
        return vec![format!("| {} bytes that are no text", body.len())];
    }
    let text = String::from_utf8_lossy(body);
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let mut shown: Vec<_> =
        lines.by_ref().take(MAX_BODY_LINES).map(|line| format!("| {}", cut(line))).collect();
    if lines.next().is_some() {
        shown.push("| …".to_owned());
    }
    shown
}

fn cut(line: &str) -> String {
    if line.chars().count() <= MAX_LINE_CHARACTERS {
        return line.to_owned();
    }
    line.chars().take(MAX_LINE_CHARACTERS).chain(std::iter::once('…')).collect()
}

fn hint(response: &Response<Bytes>) -> String {
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    match response.status().as_u16() {
        200..=299 => {
            "that is a web page, no WebSocket; look for the path of the WebSocket in the server's documentation".to_owned()
        }
        300..=399 => match location {
            Some(location) => format!("the server sends you to {location}; connect there, or let --max-redirects follow"),
            None => "the server sends you elsewhere, but does not say where".to_owned(),
        },
        400 => "the server did not understand the request; a proxy that does not pass on Upgrade is often why".to_owned(),
        401 => "give it credentials with --auth USER:PASS, --bearer TOKEN, or the right --header".to_owned(),
        403 => {
            "the server may only serve its own pages; try --origin with its address, for example --origin https://example.org, \
             or give it credentials with --auth"
                .to_owned()
        }
        404 => "there is nothing at this path; check the path of the URL".to_owned(),
        405 | 501 => "this path is no WebSocket; check the path of the URL".to_owned(),
        407 => "the proxy wants credentials; write them as --proxy http://USER:PASS@HOST:PORT".to_owned(),
        408 | 504 => "something on the way was too slow; try again, or give it longer with --connect-timeout".to_owned(),
        426 => {
            "the server wants another protocol; look at its upgrade and sec-websocket-version headers, and at the path of \
             the URL"
                .to_owned()
        }
        429 => "too many requests; wait before you try again".to_owned(),
        502 | 503 => {
            "the server behind this address is down or overloaded; try again later, or let --reconnect do so".to_owned()
        }
        500..=599 => "the server failed; its log says why".to_owned(),
        _ => "the server's documentation may say what it wants".to_owned(),
    }
}

const HEADERS_THAT_MATTER: &[HeaderName] = &[
    header::CONTENT_TYPE,
    header::LOCATION,
    header::PROXY_AUTHENTICATE,
    header::RETRY_AFTER,
    header::SERVER,
    header::UPGRADE,
    header::VIA,
    header::WWW_AUTHENTICATE,
];

const MAX_BODY_LINES: usize = 8;
const MAX_LINE_CHARACTERS: usize = 160;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Failure {
        let response = Response::builder()
            .status(status)
            .header("server", "nginx")
            .header("date", "today")
            .header("location", "wss://other.example/")
            .header("sec-websocket-version", "13");
        failure(&response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
    }

    #[test]
    fn the_headers_that_matter_and_the_start_of_the_body_are_shown() {
        let body = format!("<h1>no</h1>\n\n{}\n{}", "x".repeat(200), "line\n".repeat(20));
        let failure = refusal(403, &body);
        assert_eq!(failure.to_string(), "the server refused the opening handshake: 403 Forbidden");
        let details = failure.details();
        assert_eq!(details[..2], ["server: nginx", "location: wss://other.example/"]);
        assert_eq!(details[2..4], ["sec-websocket-version: 13", "| <h1>no</h1>"]);
        assert_eq!(details[4].chars().count(), 2 + MAX_LINE_CHARACTERS + 1);
        assert_eq!(details.last().unwrap(), "| …");
        assert_eq!(details.len(), 3 + MAX_BODY_LINES + 1);
        assert_eq!(refusal(500, "a\0b").details()[3], "| 3 bytes that are no text");
    }

    #[test]
    fn each_status_has_its_hint() {
        for (status, word) in [
            (200, "web page"),
            (302, "wss://other.example/"),
            (400, "proxy"),
            (401, "--auth"),
            (403, "--origin"),
            (404, "path"),
            (407, "--proxy"),
            (426, "sec-websocket-version"),
            (429, "wait"),
            (503, "--reconnect"),
            (500, "log"),
            (418, "documentation"),
        ] {
            let failure = refusal(status, "");
            assert!(failure.hint().unwrap().contains(word), "{status}: {:?}", failure.hint());
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for (status, passes) in
            [(401, false), (404, false), (301, false), (408, true), (429, true), (503, true)]
        {
            assert_eq!(may_pass(StatusCode::from_u16(status).unwrap()), passes, "{status}");
        }
    }
}
