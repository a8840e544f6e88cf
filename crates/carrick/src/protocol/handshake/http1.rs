//! Bytes to HTTP/1.1 heads and back, with limits. RFC 9112.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};

use super::{header_values::is_token_byte, rejection::Rejection, response_error::ResponseError};

/// How large a head may be.
///
/// ```
/// use carrick::protocol::HeadLimits;
///
/// let mut limits = HeadLimits::default();
/// assert_eq!(limits.max_head_bytes, 16 * 1024);
/// limits.max_headers = 20;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeadLimits {
    /// Most bytes from the first line to the blank line, both included. Default: 16 KiB, twice what most servers take,
    /// since cookies and tokens travel in it. Too small a value refuses users who have many cookies.
    pub max_head_bytes: usize,
    /// Most header fields. Default: 100. A browser sends about 20.
    pub max_headers: usize,
}

impl Default for HeadLimits {
    fn default() -> HeadLimits {
        HeadLimits { max_head_bytes: 16 * 1024, max_headers: 100 }
    }
}

/// Finds and parses the head of a request or of a response in bytes that arrive piece by piece.
///
/// Each byte is looked at once while the end of the head is searched, and parsed once it is found. What cannot be HTTP
/// is an error as soon as it is seen, so that a peer which speaks something else need not be waited for. After a head,
/// and after an error, the reader starts anew. It is a few words large.
///
/// The grammar is read strictly: lines end in CR LF, no line is folded, and there are no control bytes.
///
/// ```
/// use carrick::protocol::{HeadLimits, HeadReader};
///
/// let mut reader = HeadReader::new(HeadLimits::default());
/// let received = b"GET /chat HTTP/1.1\r\nHost: a\r\n\r\nfirst frames";
/// assert!(reader.read_request(&received[..20])?.is_none());
///
/// let (request, consumed) = reader.read_request(received)?.unwrap();
/// assert_eq!(request.uri(), "/chat");
/// assert_eq!(&received[consumed..], b"first frames");
/// # Ok::<(), carrick::protocol::Rejection>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeadReader {
    limits: HeadLimits,
    /// `scanned <= limits.max_head_bytes`: bytes that were looked at and found well-formed.
    scanned: usize,
    /// `line_start <= scanned`: where the current line begins.
    line_start: usize,
    /// Lines that ended before `line_start`, blank ones before the first not counted.
    lines: usize,
    /// Whether the byte before `scanned` is a carriage return.
    after_return: bool,
    /// Whether the first line has had a space, which ends its first word.
    first_word_ended: bool,
}

/// A complete head, its bytes well-formed.
#[derive(Debug)]
struct Head {
    bytes: Bytes,
    field_count: usize,
}

/// Which head is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Request,
    Response,
}

impl HeadReader {
    /// A reader that has seen nothing.
    #[must_use]
    pub fn new(limits: HeadLimits) -> HeadReader {
        HeadReader {
            limits,
            scanned: 0,
            line_start: 0,
            lines: 0,
            after_return: false,
            first_word_ended: false,
        }
    }

    /// Reads the head of a request. `received` is everything that has arrived so far, from its first byte on.
    ///
    /// Returns the request and how many bytes its head took, or `None` if the head is not complete yet. HTTP/1.0 is
    /// read too, since requests that are no WebSocket may use it.
    ///
    /// # Errors
    ///
    /// [`Rejection::HeadMalformed`], [`Rejection::HeadTooLarge`], [`Rejection::TooManyHeaders`] and
    /// [`Rejection::HttpVersionUnsupported`]. They do not depend on how the bytes were cut.
    pub fn read_request(&mut self, received: &[u8]) -> Result<Option<(Request<()>, usize)>, Rejection> {
        let Some(head) = self.next_head(received, Kind::Request)? else { return Ok(None) };
        Ok(Some((self.parse_request(&head)?, head.bytes.len())))
    }

    /// Reads the head of a response, in the same way as [`HeadReader::read_request`].
    ///
    /// An informational response (1xx other than 101) is returned like any other: skip its bytes and read on.
    ///
    /// # Errors
    ///
    /// [`ResponseError::HeadMalformed`], [`ResponseError::HeadTooLarge`], [`ResponseError::TooManyHeaders`] and
    /// [`ResponseError::HttpVersionUnsupported`].
    pub fn read_response(&mut self, received: &[u8]) -> Result<Option<(Response<()>, usize)>, ResponseError> {
        let Some(head) = self.next_head(received, Kind::Response)? else { return Ok(None) };
        Ok(Some((self.parse_response(&head)?, head.bytes.len())))
    }

    /// The head, if it is complete. Resumes where the last call stopped, or starts anew if that was the end of a head.
    fn next_head(&mut self, received: &[u8], kind: Kind) -> Result<Option<Head>, HeadError> {
        let found = self.scan(received, kind);
        let field_count = self.field_count();
        if !matches!(found, Ok(None)) {
            *self = HeadReader::new(self.limits);
        }
        // One copy of the head, which the target and the values of its fields then share.
        Ok(found?.map(|bytes| Head { bytes: Bytes::copy_from_slice(bytes), field_count }))
    }

    /// The bytes of the head with its blank line, if it is complete.
    fn scan<'a>(&mut self, received: &'a [u8], kind: Kind) -> Result<Option<&'a [u8]>, HeadError> {
        let allowed = received.get(..self.limits.max_head_bytes).unwrap_or(received);
        while let Some(byte) = allowed.get(self.scanned) {
            if self.is_inside_line(kind) {
                let plain = plain_bytes(allowed.get(self.scanned..).unwrap_or_default());
                if plain > 0 {
                    self.scanned += plain;
                    continue;
                }
            }
            self.check_byte(*byte, kind)?;
            self.scanned += 1;
            self.after_return = *byte == b'\r';
            if *byte == b'\n' {
                let line = allowed.get(self.line_start..self.scanned - 2).unwrap_or_default();
                self.line_start = self.scanned;
                if self.ends_head(line, kind)? {
                    return Ok(allowed.get(..self.scanned));
                }
            }
        }
        if self.scanned == self.limits.max_head_bytes {
            return Err(HeadError::TooLarge { limit: self.limits.max_head_bytes });
        }
        Ok(None)
    }

    /// Whether any byte may stand at `scanned` that is no control byte.
    fn is_inside_line(&self, kind: Kind) -> bool {
        let at_line_start = self.scanned == self.line_start;
        let is_known = self.lines > 0 || (kind == Kind::Request && self.first_word_ended);
        is_known && !at_line_start && !self.after_return
    }

    /// Whether `byte` may stand at `scanned`.
    fn check_byte(&mut self, byte: u8, kind: Kind) -> Result<(), HeadError> {
        let at_line_start = self.scanned == self.line_start;
        match byte {
            b'\n' if self.after_return => Ok(()),
            // RFC 9112 §2.2: "a recipient MAY recognize a single LF as a line terminator". Proxies differ in whether
            // they do, and where two readers see different lines there is something to smuggle.
            b'\n' => Err(HeadError::Malformed("line feed without carriage return")),
            _ if self.after_return => Err(HeadError::Malformed("carriage return without line feed")),
            b'\r' => Ok(()),
            b' ' | b'\t' if at_line_start => Err(HeadError::Malformed("line starts with whitespace")),
            b'\t' => Ok(()),
            0..b' ' | 0x7f => Err(HeadError::Malformed("control byte")),
            _ if self.lines == 0 => self.check_first_line_byte(byte, kind),
            _ => Ok(()),
        }
    }

    /// Finds out early that the peer speaks no HTTP: by the method of a request, by the version of a response.
    fn check_first_line_byte(&mut self, byte: u8, kind: Kind) -> Result<(), HeadError> {
        let position = self.scanned - self.line_start;
        match kind {
            Kind::Request if self.first_word_ended => Ok(()),
            Kind::Request if byte == b' ' => {
                self.first_word_ended = true;
                Ok(())
            }
            Kind::Request if position < MAX_METHOD_BYTES && is_token_byte(byte) => Ok(()),
            Kind::Request => Err(HeadError::Malformed("first line has no method")),
            Kind::Response => match RESPONSE_START.get(position) {
                Some(expected) if *expected == byte => Ok(()),
                None => Ok(()),
                // The major version stands behind "HTTP/".
                Some(_) if position >= "HTTP/".len() => Err(HeadError::Version),
                Some(_) => Err(HeadError::Malformed("first line does not start with HTTP/1.1")),
            },
        }
    }

    /// Takes note of a line that ended; tells whether it was the blank one behind the head.
    fn ends_head(&mut self, line: &[u8], kind: Kind) -> Result<bool, HeadError> {
        if line.is_empty() {
            // RFC 9112 §2.2: a server "SHOULD ignore at least one empty line (CRLF) received prior to the
            // request-line."
            return if self.lines > 0 || kind == Kind::Request {
                Ok(self.lines > 0)
            } else {
                Err(HeadError::Malformed("blank line before the first"))
            };
        }
        if self.lines == 0 && kind == Kind::Request {
            check_request_version(line)?;
        }
        self.lines += 1;
        if self.field_count() > self.limits.max_headers {
            return Err(HeadError::TooManyHeaders { limit: self.limits.max_headers });
        }
        Ok(false)
    }

    fn field_count(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    fn parse_request(&self, head: &Head) -> Result<Request<()>, HeadError> {
        let (mut few, mut many) = ([MaybeUninit::uninit(); FEW_FIELDS], Vec::new());
        let storage = storage(head.field_count, &mut few, &mut many);
        let mut parsed = httparse::Request::new(&mut []);
        let status = parsed.parse_with_uninit_headers(&head.bytes, storage)?;
        let (httparse::Status::Complete(_), Some(method), Some(target)) =
            (status, parsed.method, parsed.path)
        else {
            return Err(HeadError::Malformed("head ends too early"));
        };
        // RFC 9112 §3.2 has no form of a target with a fragment, and `Uri` would drop it in silence.
        if target.contains('#') {
            return Err(HeadError::Malformed("request target has a fragment"));
        }
        let mut request = Request::new(());
        *request.method_mut() = Method::from_bytes(method.as_bytes())
            .map_err(|_| HeadError::Malformed("method is not a token"))?;
        *request.uri_mut() = Uri::from_maybe_shared(head.bytes.slice_ref(target.as_bytes()))
            .map_err(|_| HeadError::Malformed("request target is not a uri"))?;
        *request.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        *request.headers_mut() = self.header_map(head, parsed.headers)?;
        Ok(request)
    }

    fn parse_response(&self, head: &Head) -> Result<Response<()>, HeadError> {
        let (mut few, mut many) = ([MaybeUninit::uninit(); FEW_FIELDS], Vec::new());
        let storage = storage(head.field_count, &mut few, &mut many);
        let mut parsed = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let status = config.parse_response_with_uninit_headers(&mut parsed, &head.bytes, storage)?;
        let (httparse::Status::Complete(_), Some(code)) = (status, parsed.code) else {
            return Err(HeadError::Malformed("head ends too early"));
        };
        let mut response = Response::new(());
        *response.status_mut() =
            StatusCode::from_u16(code).map_err(|_| HeadError::Malformed("status is below 100"))?;
        *response.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        *response.headers_mut() = self.header_map(head, parsed.headers)?;
        Ok(response)
    }

    /// `headers` are those that were parsed from `head`, whose bytes their values go on using.
    fn header_map(&self, head: &Head, headers: &[httparse::Header<'_>]) -> Result<HeaderMap, HeadError> {
        let mut map = HeaderMap::with_capacity(headers.len());
        for header in headers {
            let name = HeaderName::from_bytes(header.name.as_bytes())
                .map_err(|_| HeadError::Malformed("header name is not a token"))?;
            let value = HeaderValue::from_maybe_shared(head.bytes.slice_ref(header.value))
                .map_err(|_| HeadError::Malformed("header value has a control byte"))?;
            // The map has a bound of its own, above any limit that makes sense.
            let appended = map.try_append(name, value);
            appended.map_err(|_| HeadError::TooManyHeaders { limit: self.limits.max_headers })?;
        }
        Ok(map)
    }
}

/// Appends a request line and header fields, up to and with the blank line.
///
/// Field names are written the way browsers write them, since some servers compare them with case.
///
/// ```
/// let request = http::Request::builder().uri("/chat").header("host", "example.com").body(())?;
/// let mut output = Vec::new();
/// carrick::protocol::write_request(&request, &mut output);
/// assert_eq!(output, b"GET /chat HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// # Ok::<(), http::Error>(())
/// ```
pub fn write_request<T>(request: &Request<T>, output: &mut Vec<u8>) {
    let uri = request.uri();
    output.extend_from_slice(request.method().as_str().as_bytes());
    output.push(b' ');
    // RFC 9112 §3.2.3: CONNECT asks for an authority, which has no path.
    if *request.method() == Method::CONNECT
        && let Some(authority) = uri.authority()
    {
        output.extend_from_slice(authority.as_str().as_bytes());
    }
    output.extend_from_slice(uri.path().as_bytes());
    if let Some(query) = uri.query() {
        output.push(b'?');
        output.extend_from_slice(query.as_bytes());
    }
    output.extend_from_slice(b" HTTP/1.1\r\n");
    write_headers(request.headers(), output);
}

/// Appends a status line and header fields, up to and with the blank line. The body is the caller's to append.
///
/// ```
/// use carrick::protocol::{Rejection, write_response};
///
/// let response = Rejection::Draining.response(http::Version::HTTP_11);
/// let mut output = Vec::new();
/// write_response(&response, &mut output);
/// output.extend_from_slice(response.body().as_bytes());
/// assert!(output.starts_with(b"HTTP/1.1 503 Service Unavailable\r\n"));
/// ```
pub fn write_response<T>(response: &Response<T>, output: &mut Vec<u8>) {
    let status = response.status();
    output.extend_from_slice(b"HTTP/1.1 ");
    output.extend_from_slice(status.as_str().as_bytes());
    output.push(b' ');
    output.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    output.extend_from_slice(b"\r\n");
    write_headers(response.headers(), output);
}

fn write_headers(headers: &HeaderMap, output: &mut Vec<u8>) {
    for (name, value) in headers {
        write_name(name.as_str(), output);
        output.extend_from_slice(b": ");
        output.extend_from_slice(value.as_bytes());
        output.extend_from_slice(b"\r\n");
    }
    output.extend_from_slice(b"\r\n");
}

/// Writes each word of the name with a capital, and WebSocket with two.
fn write_name(name: &str, output: &mut Vec<u8>) {
    let start = output.len();
    output.extend_from_slice(name.as_bytes());
    let mut rest = output.get_mut(start..).unwrap_or_default();
    let mut at_word_start = true;
    while let Some((byte, behind)) = rest.split_first_mut() {
        if at_word_start {
            byte.make_ascii_uppercase();
            if *byte == b'W'
                && let Some((b"ebsocket", b"" | [b'-', ..])) = behind.split_at_checked("ebsocket".len())
                && let Some(second_word) = behind.get_mut(2)
            {
                *second_word = b'S';
            }
        }
        at_word_start = *byte == b'-';
        rest = behind;
    }
}

/// Room for as many fields, in `few` if they fit there.
fn storage<'a, T: Copy>(
    count: usize,
    few: &'a mut [MaybeUninit<T>],
    many: &'a mut Vec<MaybeUninit<T>>,
) -> &'a mut [MaybeUninit<T>] {
    match few.get_mut(..count) {
        Some(few) => few,
        None => {
            many.resize(count, MaybeUninit::uninit());
            many
        }
    }
}

/// As a browser sends them, and some more.
const FEW_FIELDS: usize = 32;

/// What is wrong with a head of either kind.
#[derive(Debug)]
enum HeadError {
    Malformed(&'static str),
    Version,
    TooLarge { limit: usize },
    TooManyHeaders { limit: usize },
}

impl From<HeadError> for Rejection {
    fn from(error: HeadError) -> Rejection {
        match error {
            HeadError::Malformed(reason) => Rejection::HeadMalformed { reason },
            HeadError::Version => Rejection::HttpVersionUnsupported,
            HeadError::TooLarge { limit } => Rejection::HeadTooLarge { limit },
            HeadError::TooManyHeaders { limit } => Rejection::TooManyHeaders { limit },
        }
    }
}

impl From<HeadError> for ResponseError {
    fn from(error: HeadError) -> ResponseError {
        match error {
            HeadError::Malformed(reason) => ResponseError::HeadMalformed { reason },
            HeadError::Version => ResponseError::HttpVersionUnsupported,
            HeadError::TooLarge { limit } => ResponseError::HeadTooLarge { limit },
            HeadError::TooManyHeaders { limit } => ResponseError::TooManyHeaders { limit },
        }
    }
}

impl From<httparse::Error> for HeadError {
    fn from(error: httparse::Error) -> HeadError {
        HeadError::Malformed(match error {
            httparse::Error::HeaderName => "header name is not a token followed by a colon",
            httparse::Error::HeaderValue => "header value has a control byte",
            httparse::Error::NewLine => "line does not end where it should",
            httparse::Error::Status => "status is not three digits",
            httparse::Error::Token => "first line is not made of three words",
            // The storage has room for every line.
            httparse::Error::TooManyHeaders => "more header fields than lines",
            httparse::Error::Version => return HeadError::Version,
        })
    }
}

/// A request line ends in a version that can be read here, ` HTTP/1.0` or ` HTTP/1.1`.
fn check_request_version(line: &[u8]) -> Result<(), HeadError> {
    let version = line.iter().rposition(|byte| *byte == b' ').and_then(|space| line.get(space..));
    match version {
        Some(b" HTTP/1.0" | b" HTTP/1.1") => Ok(()),
        Some(other) if other.starts_with(b" HTTP/") => Err(HeadError::Version),
        _ => Err(HeadError::Malformed("first line does not end in a version of http")),
    }
}

/// How many bytes at the front are no control bytes, apart from tabs.
fn plain_bytes(bytes: &[u8]) -> usize {
    let is_plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
    // Looked at side by side, as the compiler does where there is no way out in between.
    let chunks = bytes.chunks_exact(CHUNK_BYTES);
    let are_plain = |chunk: &&[u8]| chunk.iter().fold(true, |all, byte| all & is_plain(byte));
    let whole = chunks.take_while(are_plain).count() * CHUNK_BYTES;
    whole + bytes.iter().skip(whole).take_while(|byte| is_plain(byte)).count()
}

const CHUNK_BYTES: usize = 16;

const RESPONSE_START: &[u8] = b"HTTP/1.";

/// The longest method in the IANA registry has 17 bytes.
const MAX_METHOD_BYTES: usize = 32;
