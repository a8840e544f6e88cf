//! Why a server refuses a request, one variant per refusal, and the answer it sends.

use std::{fmt, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Version,
    header::{
        ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
        X_CONTENT_TYPE_OPTIONS,
    },
};

use super::{
    header_values::{ListError, excerpt},
    origin::Origin,
};

/// Why a server does not open the WebSocket it was asked for (RFC 6455 §4.2).
///
/// Each variant knows the status of the answer ([`Rejection::status`]), the section of the RFC behind it
/// ([`Rejection::section`]), and a sentence that says what to do (its `Display`).
///
/// ```
/// use carrick::protocol::Rejection;
/// use http::{StatusCode, Version};
///
/// let rejection = Rejection::VersionUnsupported { version: "8".into() };
/// let response = rejection.response(Version::HTTP_11);
/// assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
/// assert_eq!(response.headers()["sec-websocket-version"], "13");
/// assert_eq!(response.body(), "sec-websocket-version is \"8\", must be 13\n");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// The bytes are no HTTP/1.1 request head.
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
    /// The head did not arrive in time.
    HeadTimeout {
        /// How long it was given.
        waited: Duration,
    },
    /// The request speaks a version of HTTP that cannot be read here: HTTP/2 without TLS, or one that does not exist.
    HttpVersionUnsupported,
    /// The request speaks HTTP/1.0.
    HttpVersionTooOld,
    /// The method is not GET.
    MethodNotGet {
        /// The method.
        method: Method,
    },
    /// Over HTTP/2 or HTTP/3 the request is not an extended CONNECT (RFC 8441 §4).
    ConnectNotExtended,
    /// The `:protocol` of an extended CONNECT is not `websocket`.
    ProtocolUnknown {
        /// What it is, shortened.
        protocol: String,
    },
    /// The request target has no path: it is `*`, or a host and port.
    TargetWithoutPath,
    /// The request names no host.
    HostMissing,
    /// There is more than one Host header.
    HostRepeated,
    /// The host is not a name or an address with an optional port.
    HostMalformed {
        /// What it is, shortened.
        value: String,
    },
    /// The request announces a body.
    BodyNotAllowed,
    /// There is no Upgrade header with the token `websocket`.
    UpgradeMissing,
    /// There is no Connection header with the token `Upgrade`.
    ConnectionUpgradeMissing,
    /// There is no Sec-WebSocket-Version.
    VersionMissing,
    /// There is more than one Sec-WebSocket-Version.
    VersionRepeated,
    /// Sec-WebSocket-Version is not 13.
    VersionUnsupported {
        /// What it is, shortened.
        version: String,
    },
    /// There is no Sec-WebSocket-Key.
    KeyMissing,
    /// There is more than one Sec-WebSocket-Key.
    KeyRepeated,
    /// Sec-WebSocket-Key is not 16 bytes in base64.
    KeyInvalid {
        /// What it is, shortened.
        key: String,
    },
    /// Sec-WebSocket-Extensions does not follow its grammar.
    ExtensionsMalformed(ListError),
    /// Sec-WebSocket-Protocol does not follow its grammar.
    SubprotocolsMalformed(ListError),
    /// A subprotocol is offered twice.
    SubprotocolRepeated {
        /// Its name, shortened.
        name: String,
    },
    /// The server insists on a subprotocol and the client offers none of those it speaks.
    SubprotocolRequired {
        /// The subprotocols that the server speaks.
        supported: Vec<String>,
    },
    /// The Origin header is not an origin.
    OriginMalformed {
        /// What it is, shortened.
        value: String,
    },
    /// There is more than one Origin header.
    OriginRepeated,
    /// The server insists on an Origin header and there is none.
    OriginMissing,
    /// Pages from this origin may not connect.
    OriginRefused {
        /// The origin.
        origin: Origin,
    },
    /// No WebSocket is served at this path.
    NotFound {
        /// The path, shortened for the sentence.
        path: String,
    },
    /// The application refused.
    Refused(Box<Refusal>),
    /// The server is stopping.
    Draining,
}

/// The answer of an application that refuses a request.
///
/// ```
/// use carrick::protocol::{Refusal, Rejection};
/// use http::{HeaderValue, StatusCode, Version, header::WWW_AUTHENTICATE};
///
/// let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "send a token")
///     .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
/// let response = Rejection::from(refusal).response(Version::HTTP_11);
/// assert_eq!(response.headers()["www-authenticate"], "Bearer");
/// assert_eq!(response.body(), "send a token\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `status.is_redirection() || status.is_client_error() || status.is_server_error()`, or 600 and above.
    status: StatusCode,
    sentence: String,
    /// In a box, so that the result of a hook is small.
    headers: Box<HeaderMap>,
}

impl Refusal {
    /// Refuses with `status` and one sentence for a human, which becomes the body of the answer.
    ///
    /// A status below 300 would tell the client that it was accepted; it is replaced by 500.
    pub fn new(status: StatusCode, sentence: impl Into<String>) -> Refusal {
        let refuses = status >= StatusCode::MULTIPLE_CHOICES;
        Refusal {
            status: if refuses { status } else { StatusCode::INTERNAL_SERVER_ERROR },
            sentence: sentence.into(),
            headers: Box::default(),
        }
    }

    /// Adds a header to the answer, for example `Location` or `Retry-After`.
    ///
    /// Those that frame the answer (`Connection`, `Content-Length`, `Content-Type`) are written by the library and
    /// replace what is given here; a `Transfer-Encoding` would contradict them and is left out.
    #[must_use]
    pub fn with_header(mut self, name: http::HeaderName, value: HeaderValue) -> Refusal {
        self.headers.append(name, value);
        self
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Rejection {
        Rejection::Refused(Box::new(refusal))
    }
}

impl Rejection {
    /// The status of the answer.
    ///
    /// HTTP/1.0 is answered 426 rather than 505: RFC 9110 §7.8 has a server ignore the Upgrade of such a request, and
    /// without one the request needs an upgrade; 505 speaks of the major version, which is the right one.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Rejection::HeadMalformed { .. }
            | Rejection::ConnectNotExtended
            | Rejection::TargetWithoutPath
            | Rejection::HostMissing
            | Rejection::HostRepeated
            | Rejection::HostMalformed { .. }
            | Rejection::BodyNotAllowed
            | Rejection::ConnectionUpgradeMissing
            | Rejection::VersionRepeated
            | Rejection::KeyMissing
            | Rejection::KeyRepeated
            | Rejection::KeyInvalid { .. }
            | Rejection::ExtensionsMalformed(_)
            | Rejection::SubprotocolsMalformed(_)
            | Rejection::SubprotocolRepeated { .. }
            | Rejection::SubprotocolRequired { .. }
            | Rejection::OriginMalformed { .. }
            | Rejection::OriginRepeated => StatusCode::BAD_REQUEST,
            Rejection::HeadTooLarge { .. } | Rejection::TooManyHeaders { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
            Rejection::HeadTimeout { .. } => StatusCode::REQUEST_TIMEOUT,
            Rejection::HttpVersionUnsupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Rejection::MethodNotGet { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Rejection::ProtocolUnknown { .. } => StatusCode::NOT_IMPLEMENTED,
            Rejection::HttpVersionTooOld
            | Rejection::UpgradeMissing
            | Rejection::VersionMissing
            | Rejection::VersionUnsupported { .. } => StatusCode::UPGRADE_REQUIRED,
            Rejection::OriginMissing | Rejection::OriginRefused { .. } => StatusCode::FORBIDDEN,
            Rejection::NotFound { .. } => StatusCode::NOT_FOUND,
            Rejection::Refused(refusal) => refusal.status,
            Rejection::Draining => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The section of the RFC that states the rule, or that allows the refusal.
    #[must_use]
    pub fn section(&self) -> &'static str {
        match self {
            Rejection::HeadMalformed { .. } => "RFC 9112 §2.2",
            Rejection::HeadTooLarge { .. } | Rejection::TooManyHeaders { .. } => "RFC 6585 §5",
            Rejection::HeadTimeout { .. } => "RFC 9110 §15.5.9",
            Rejection::HttpVersionUnsupported => "RFC 9110 §15.6.6",
            Rejection::ConnectNotExtended => "RFC 8441 §4",
            Rejection::ProtocolUnknown { .. } => "RFC 9220 §3",
            Rejection::HostRepeated | Rejection::HostMalformed { .. } => "RFC 9112 §3.2",
            Rejection::BodyNotAllowed => "RFC 9110 §9.3.1",
            Rejection::HttpVersionTooOld
            | Rejection::MethodNotGet { .. }
            | Rejection::TargetWithoutPath
            | Rejection::HostMissing
            | Rejection::UpgradeMissing
            | Rejection::ConnectionUpgradeMissing
            | Rejection::VersionMissing
            | Rejection::KeyMissing
            | Rejection::KeyInvalid { .. } => "RFC 6455 §4.2.1",
            Rejection::VersionUnsupported { .. } => "RFC 6455 §4.4",
            Rejection::VersionRepeated => "RFC 6455 §11.3.5",
            Rejection::KeyRepeated => "RFC 6455 §11.3.1",
            Rejection::ExtensionsMalformed(_) => "RFC 6455 §9.1",
            Rejection::SubprotocolsMalformed(_) | Rejection::SubprotocolRepeated { .. } => "RFC 6455 §4.1",
            Rejection::OriginMalformed { .. } | Rejection::OriginRepeated => "RFC 6454 §7",
            Rejection::OriginMissing | Rejection::OriginRefused { .. } => "RFC 6455 §10.2",
            Rejection::SubprotocolRequired { .. }
            | Rejection::NotFound { .. }
            | Rejection::Refused(_)
            | Rejection::Draining => "RFC 6455 §4.2.2",
        }
    }

    /// The answer to a request of `version`, its body the sentence and a line feed.
    ///
    /// It ends an HTTP/1.1 connection (`Connection: close`): what the client sent behind its request was meant for the
    /// WebSocket and must never be read as another request (draft-ietf-httpbis-optimistic-upgrade). HTTP/2 and HTTP/3
    /// know neither Connection nor Upgrade, and the answer then has none.
    #[must_use]
    pub fn response(&self, version: Version) -> Response<String> {
        let body = format!("{self}\n");
        let mut response = Response::new(String::new());
        *response.status_mut() = self.status();
        *response.version_mut() = version;
        let headers = response.headers_mut();
        *headers = self.headers();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_LENGTH, body.len().into());
        headers.remove(TRANSFER_ENCODING);
        if version > Version::HTTP_11 {
            headers.remove(UPGRADE);
            headers.remove(CONNECTION);
        } else {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
            if headers.contains_key(UPGRADE) {
                // RFC 9110 §7.8: "A sender of Upgrade MUST also send an 'Upgrade' connection option".
                headers.insert(CONNECTION, HeaderValue::from_static("Upgrade, close"));
            }
        }
        *response.body_mut() = body;
        response
    }

    /// The headers that belong to this refusal alone.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Rejection::Refused(refusal) = self {
            headers.clone_from(&refusal.headers);
        }
        if let Rejection::MethodNotGet { .. } = self {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        // RFC 6455 §4.4: "If the server doesn't support the requested version, it MUST respond with a
        // |Sec-WebSocket-Version| header field … containing all versions it is willing to use."
        if let Rejection::VersionMissing | Rejection::VersionUnsupported { .. } | Rejection::VersionRepeated =
            self
        {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        // RFC 9110 §15.5.22: "The server MUST send an Upgrade header field in a 426 response".
        if self.status() == StatusCode::UPGRADE_REQUIRED && !headers.contains_key(UPGRADE) {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        headers
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejection::HeadMalformed { reason } => write!(f, "this is not an http/1.1 request: {reason}"),
            Rejection::HeadTooLarge { limit } => {
                write!(f, "head of the request is too long, limit is {limit} bytes")
            }
            Rejection::TooManyHeaders { limit } => write!(f, "request has more than {limit} header fields"),
            Rejection::HeadTimeout { waited } => write!(f, "request did not arrive within {waited:?}"),
            Rejection::HttpVersionUnsupported => {
                f.write_str("this version of http is not supported here, use http/1.1")
            }
            Rejection::HttpVersionTooOld => {
                f.write_str("a websocket needs http/1.1, this request is http/1.0")
            }
            Rejection::MethodNotGet { method } => {
                write!(f, "method is {:.20}, a websocket is opened with GET", method.as_str())
            }
            Rejection::ConnectNotExtended => f.write_str(
                "a websocket over http/2 or http/3 is opened with CONNECT and :protocol websocket",
            ),
            Rejection::ProtocolUnknown { protocol } => {
                write!(f, ":protocol is \"{protocol}\", must be websocket")
            }
            Rejection::TargetWithoutPath => f.write_str("request target has no path"),
            Rejection::HostMissing => f.write_str("request names no host"),
            Rejection::HostRepeated => f.write_str("request has more than one host header"),
            Rejection::HostMalformed { value } => {
                write!(f, "host \"{value}\" is not a name or an address with an optional port")
            }
            Rejection::BodyNotAllowed => f.write_str("a request for a websocket must not have a body"),
            Rejection::UpgradeMissing => f.write_str("this is a websocket endpoint, send upgrade: websocket"),
            Rejection::ConnectionUpgradeMissing => {
                f.write_str("connection header has no upgrade, send connection: Upgrade")
            }
            Rejection::VersionMissing => f.write_str("sec-websocket-version is missing, must be 13"),
            Rejection::VersionRepeated => f.write_str("sec-websocket-version is there more than once"),
            Rejection::VersionUnsupported { version } => {
                write!(f, "sec-websocket-version is \"{version}\", must be 13")
            }
            Rejection::KeyMissing => f.write_str("sec-websocket-key is missing"),
            Rejection::KeyRepeated => f.write_str("sec-websocket-key is there more than once"),
            Rejection::KeyInvalid { key } => {
                write!(f, "sec-websocket-key \"{key}\" is not 16 bytes in base64")
            }
            Rejection::ExtensionsMalformed(error) => {
                write!(f, "sec-websocket-extensions is malformed: {error}")
            }
            Rejection::SubprotocolsMalformed(error) => {
                write!(f, "sec-websocket-protocol is malformed: {error}")
            }
            Rejection::SubprotocolRepeated { name } => write!(f, "subprotocol \"{name}\" is offered twice"),
            Rejection::SubprotocolRequired { supported } => {
                write!(f, "no subprotocol in common, this server speaks {}", supported.join(", "))
            }
            Rejection::OriginMalformed { value } => {
                write!(f, "origin \"{value}\" is not scheme://host, nor null")
            }
            Rejection::OriginRepeated => f.write_str("request has more than one origin header"),
            Rejection::OriginMissing => f.write_str("request has no origin header, this server requires one"),
            Rejection::OriginRefused { origin } => {
                write!(f, "pages from {origin} may not connect to this server")
            }
            Rejection::NotFound { path } => write!(f, "no websocket at \"{}\"", excerpt(path.as_bytes())),
            Rejection::Refused(refusal) => f.write_str(&refusal.sentence),
            Rejection::Draining => f.write_str("server is stopping, connect again later"),
        }
    }
}

impl std::error::Error for Rejection {}
