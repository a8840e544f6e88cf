//! What a server can get wrong in its answer to the opening handshake, one variant per rule.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;

use super::header_values::ListError;

/// Why a client does not take a server's answer for an opened WebSocket (RFC 6455 §4.1).
///
/// ```
/// use carrick::protocol::ResponseError;
///
/// let error = ResponseError::SubprotocolNotOffered { name: "soap".into() };
/// assert_eq!(error.to_string(), "server chose subprotocol \"soap\", which was not offered");
/// assert_eq!(error.section(), "RFC 6455 §4.1");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResponseError {
    /// The bytes are no HTTP/1.1 response head.
    HeadMalformed {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The head is longer than the limit.
    HeadTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The head has more header fields than the limit.
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// The server answered with a version of HTTP other than 1.1.
    HttpVersionUnsupported,
    /// The status is not 101: the server refused, redirects, or asks for credentials.
    ///
    /// Holds the whole head, which says where to go or how to authenticate, and as much of the body as was read: a few
    /// words for a human, perhaps none. `Display` shows the first line of them, unless it is a page for a browser.
    Status(Box<http::Response<Bytes>>),
    /// There is no Upgrade header.
    UpgradeMissing,
    /// The Upgrade header is not `websocket`.
    UpgradeInvalid {
        /// What it is instead, shortened.
        value: String,
    },
    /// There is no Connection header with the token `Upgrade`.
    ConnectionUpgradeMissing,
    /// There is no Sec-WebSocket-Accept.
    AcceptMissing,
    /// There is more than one Sec-WebSocket-Accept.
    AcceptRepeated,
    /// Sec-WebSocket-Accept does not belong to the key that was sent: the answer is an old or a foreign one.
    AcceptInvalid {
        /// What it is, shortened.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// Sec-WebSocket-Extensions does not follow its grammar.
    ExtensionsMalformed(ListError),
    /// The server uses an extension that was not offered.
    ExtensionNotOffered {
        /// Its name.
        name: String,
    },
    /// The server uses permessage-deflate twice.
    ExtensionRepeated {
        /// The name of the extension.
        name: String,
    },
    /// The answer to permessage-deflate has a parameter that the extension does not know.
    DeflateParameterUnknown {
        /// Its name.
        name: String,
    },
    /// The answer to permessage-deflate has a parameter twice.
    DeflateParameterRepeated {
        /// Its name.
        name: String,
    },
    /// The answer to permessage-deflate has a parameter whose value is not allowed.
    DeflateValueInvalid {
        /// The name of the parameter.
        parameter: &'static str,
        /// The value, `None` if there is none.
        value: Option<String>,
    },
    /// The answer to permessage-deflate has a window larger than the one offered.
    DeflateWindowTooLarge {
        /// The name of the parameter.
        parameter: &'static str,
        /// The window in the answer, as the base-2 logarithm of bytes.
        bits: u8,
        /// The largest window that was offered.
        offered: u8,
    },
    /// The answer to permessage-deflate lacks a parameter that was demanded.
    DeflateParameterMissing {
        /// The name of the parameter.
        parameter: &'static str,
    },
    /// Sec-WebSocket-Protocol is not one token.
    SubprotocolMalformed {
        /// What it is, shortened.
        value: String,
    },
    /// There is more than one Sec-WebSocket-Protocol, or more than one name in it.
    SubprotocolRepeated,
    /// The server chose a subprotocol that was not offered.
    SubprotocolNotOffered {
        /// Its name.
        name: String,
    },
}

impl ResponseError {
    /// The section of the RFC that states the rule, or that allows the limit.
    #[must_use]
    pub fn section(&self) -> &'static str {
        match self {
            ResponseError::HeadMalformed { .. } => "RFC 9112 §2.2",
            ResponseError::HeadTooLarge { .. } | ResponseError::TooManyHeaders { .. } => "RFC 9110 §5.4",
            ResponseError::HttpVersionUnsupported
            | ResponseError::Status(_)
            | ResponseError::UpgradeMissing
            | ResponseError::UpgradeInvalid { .. }
            | ResponseError::ConnectionUpgradeMissing
            | ResponseError::AcceptMissing
            | ResponseError::AcceptInvalid { .. }
            | ResponseError::ExtensionNotOffered { .. }
            | ResponseError::SubprotocolNotOffered { .. } => "RFC 6455 §4.1",
            ResponseError::AcceptRepeated => "RFC 6455 §11.3.3",
            ResponseError::ExtensionsMalformed(_) => "RFC 6455 §9.1",
            ResponseError::ExtensionRepeated { .. } => "RFC 7692 §5",
            ResponseError::DeflateParameterUnknown { .. }
            | ResponseError::DeflateParameterRepeated { .. }
            | ResponseError::DeflateValueInvalid { .. } => "RFC 7692 §7.1",
            ResponseError::DeflateWindowTooLarge { .. } => "RFC 7692 §7.1.2",
            ResponseError::DeflateParameterMissing { parameter } if parameter.ends_with("takeover") => {
                "RFC 7692 §7.1.1.1"
            }
            ResponseError::DeflateParameterMissing { .. } => "RFC 7692 §7.1.2.1",
            ResponseError::SubprotocolMalformed { .. } | ResponseError::SubprotocolRepeated => {
                "RFC 6455 §11.3.4"
            }
        }
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseError::HeadMalformed { reason } => write!(f, "answer is not an http response: {reason}"),
            ResponseError::HeadTooLarge { limit } => {
                write!(f, "head of the response is too long, limit is {limit} bytes")
            }
            ResponseError::TooManyHeaders { limit } => {
                write!(f, "response has more than {limit} header fields")
            }
            ResponseError::HttpVersionUnsupported => f.write_str("server did not answer in http/1.1"),
            ResponseError::Status(response) => {
                write!(f, "server answered {}, expected 101", response.status())?;
                sentence(response).map_or(Ok(()), |sentence| write!(f, ": {sentence}"))
            }
            ResponseError::UpgradeMissing => f.write_str("response has no upgrade header"),
            ResponseError::UpgradeInvalid { value } => {
                write!(f, "upgrade header is \"{value}\", expected websocket")
            }
            ResponseError::ConnectionUpgradeMissing => {
                f.write_str("response has no connection header with upgrade")
            }
            ResponseError::AcceptMissing => f.write_str("response has no sec-websocket-accept header"),
            ResponseError::AcceptRepeated => {
                f.write_str("response has more than one sec-websocket-accept header")
            }
            ResponseError::AcceptInvalid { value, expected } => {
                write!(f, "sec-websocket-accept is \"{value}\", expected \"{expected}\"")
            }
            ResponseError::ExtensionsMalformed(error) => {
                write!(f, "sec-websocket-extensions in the response is malformed: {error}")
            }
            ResponseError::ExtensionNotOffered { name } => {
                write!(f, "server uses extension {name:?}, which was not offered")
            }
            ResponseError::ExtensionRepeated { name } => write!(f, "server uses extension {name:?} twice"),
            ResponseError::DeflateParameterUnknown { name } => {
                write!(f, "permessage-deflate has no parameter {name:?}")
            }
            ResponseError::DeflateParameterRepeated { name } => {
                write!(f, "parameter {name:?} of permessage-deflate is there twice")
            }
            ResponseError::DeflateValueInvalid { parameter, value: Some(value) } => {
                write!(f, "parameter {parameter:?} of permessage-deflate must not be {value:?}")
            }
            ResponseError::DeflateValueInvalid { parameter, value: None } => {
                write!(f, "parameter {parameter:?} of permessage-deflate needs a value")
            }
            ResponseError::DeflateWindowTooLarge { parameter, bits, offered } => {
                write!(f, "parameter {parameter:?} of permessage-deflate is {bits}, offered was {offered}")
            }
            ResponseError::DeflateParameterMissing { parameter } => {
                write!(f, "server did not confirm parameter {parameter:?} of permessage-deflate")
            }
            ResponseError::SubprotocolMalformed { value } => {
                write!(f, "subprotocol \"{value}\" in the response is not a token")
            }
            ResponseError::SubprotocolRepeated => f.write_str("server chose more than one subprotocol"),
            ResponseError::SubprotocolNotOffered { name } => {
                write!(f, "server chose subprotocol {name:?}, which was not offered")
            }
        }
    }
}

impl std::error::Error for ResponseError {}

/// What the server says about its refusal: the first line of the body, unless that is a page for a browser.
fn sentence(response: &http::Response<Bytes>) -> Option<String> {
    let is_page = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().to_ascii_lowercase().windows(4).any(|part| part == b"html"));
    let line = response.body().trim_ascii().split(|byte| *byte == b'\n').next()?.trim_ascii_end();
    let says_something = !is_page && !line.is_empty() && !line.starts_with(b"<");
    says_something.then(|| printable(&String::from_utf8_lossy(line)))
}

/// The text with what a terminal would obey escaped, and not too long.
fn printable(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars().take(MAX_SENTENCE_CHARACTERS) {
        if character.is_control() { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    if text.chars().nth(MAX_SENTENCE_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

const MAX_SENTENCE_CHARACTERS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_shown_with_the_sentence_of_the_server() {
        let long = "x".repeat(300);
        let shortened = format!(": {}…", "x".repeat(200));
        for (content_type, body, expected) in [
            ("text/plain", "origin is not allowed\nmore", ": origin is not allowed"),
            ("text/plain; charset=utf-8", "\r\n zu früh \r\n", ": zu früh"),
            ("application/json", "{\"error\":\"late\"}", ": {\"error\":\"late\"}"),
            ("text/plain", "a\u{1b}[31m", ": a\\u{1b}[31m"),
            ("text/plain", long.as_str(), shortened.as_str()),
            ("text/HTML", "no page", ""),
            ("text/plain", " <html>", ""),
            ("text/plain", "", ""),
        ] {
            let response = http::Response::builder()
                .status(403)
                .header(CONTENT_TYPE, content_type)
                .body(Bytes::copy_from_slice(body.as_bytes()))
                .unwrap();
            let error = ResponseError::Status(Box::new(response));
            assert_eq!(error.to_string(), format!("server answered 403 Forbidden, expected 101{expected}"));
        }
    }
}
