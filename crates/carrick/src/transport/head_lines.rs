//! The head of a request or a response, for people.

use std::fmt;

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Version,
    header::{SEC_WEBSOCKET_KEY, USER_AGENT},
};

use crate::protocol::{ConnectProtocol, write_request, write_response};

/// A head line by line, without the values that may be credentials. Its `Display` ends no last line.
#[derive(Debug)]
pub(crate) struct HeadLines {
    /// What stands before each line.
    lead: &'static str,
    head: Vec<u8>,
}

impl HeadLines {
    pub(crate) fn of_request(lead: &'static str, request: &Request<()>) -> HeadLines {
        if request.version() > Version::HTTP_11 {
            return HeadLines { lead, head: fields_of_request(request) };
        }
        let mut shown = Request::new(());
        *shown.method_mut() = request.method().clone();
        *shown.uri_mut() = request.uri().clone();
        *shown.headers_mut() = without_credentials(request.headers());
        let mut head = Vec::new();
        write_request(&shown, &mut head);
        HeadLines { lead, head }
    }

    pub(crate) fn of_response<B>(lead: &'static str, response: &Response<B>) -> HeadLines {
        if response.version() > Version::HTTP_11 {
            let mut head = format!(":status: {}\n", response.status().as_str()).into_bytes();
            write_fields(&without_credentials(response.headers()), &mut head);
            return HeadLines { lead, head };
        }
        let mut shown = Response::new(());
        *shown.status_mut() = response.status();
        *shown.headers_mut() = without_credentials(response.headers());
        let mut head = Vec::new();
        write_response(&shown, &mut head);
        HeadLines { lead, head }
    }
}

/// What a terminal would obey is escaped.
impl fmt::Display for HeadLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = String::from_utf8_lossy(&self.head);
        for (i, line) in head.lines().filter(|line| !line.is_empty()).enumerate() {
            f.write_str(if i == 0 { "" } else { "\n" })?;
            f.write_str(self.lead)?;
            for character in line.chars() {
                if character.is_control() && character != '\t' {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
        }
        Ok(())
    }
}

/// The fields of HTTP/2 and HTTP/3, those that start with a colon first (RFC 9113 §8.3.1).
fn fields_of_request(request: &Request<()>) -> Vec<u8> {
    let uri = request.uri();
    let pseudo = [
        (":method", Some(request.method().as_str())),
        (":protocol", request.extensions().get().map(ConnectProtocol::as_str)),
        (":scheme", uri.scheme_str()),
        (":authority", uri.authority().map(|authority| authority.as_str())),
        (":path", uri.path_and_query().map(|target| target.as_str())),
    ];
    let mut head = Vec::new();
    for (name, value) in pseudo {
        if let Some(value) = value {
            head.extend_from_slice(format!("{name}: {value}\n").as_bytes());
        }
    }
    write_fields(&without_credentials(request.headers()), &mut head);
    head
}

fn write_fields(headers: &HeaderMap, head: &mut Vec<u8>) {
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.push(b'\n');
    }
}

/// Whether a header that was added to a request says nothing about who asks: it may be shown, and may follow a redirect
/// to another origin.
pub(crate) fn is_harmless(name: &HeaderName) -> bool {
    *name == USER_AGENT
}

fn without_credentials(headers: &HeaderMap) -> HeaderMap {
    let mut shown = headers.clone();
    for (name, value) in &mut shown {
        let was_added = value.is_sensitive();
        if names_a_secret(name) || was_added && !is_harmless(name) {
            *value = HeaderValue::from_bytes("…".as_bytes()).expect("bytes above 127 may stand in a value");
        }
    }
    shown
}

/// Of a head that was received nobody knows which values are secrets, but most say so in their name.
fn names_a_secret(name: &HeaderName) -> bool {
    *name != SEC_WEBSOCKET_KEY && name.as_str().split(['-', '_']).any(|word| SECRETS.contains(&word))
}

const SECRETS: &[&str] =
    &["apikey", "auth", "authorization", "cookie", "key", "password", "secret", "session", "token"];
