//! The server's half of the opening handshake: a request in, an answer or a refusal out. RFC 6455 §4.2.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{
        ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_LENGTH, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT,
        SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
        TRANSFER_ENCODING, UPGRADE, VARY,
    },
};

use super::{
    agreement::Agreement,
    config_error::HandshakeConfigError,
    deflate_params::{self, DeflateConfig, DeflateParams},
    forwarded::{TrustedProxies, named_host},
    header_values::{contains_token, excerpt, extensions, is_token, tokens},
    host::Host,
    key,
    origin::{Origin, OriginPolicy},
    peer::Peer,
    rejection::Rejection,
};

/// The `:protocol` of an extended CONNECT (RFC 8441 §4).
///
/// Whoever reads HTTP/2 or HTTP/3 puts it into the extensions of the request, where [`Acceptor::answer`] and
/// [`is_websocket_request`] look for it.
///
/// ```
/// use carrick::protocol::{ConnectProtocol, is_websocket_request};
/// use http::{Method, Request, Version};
///
/// let mut request = Request::builder()
///     .version(Version::HTTP_2)
///     .method(Method::CONNECT)
///     .uri("https://example.com/chat")
///     .body(())?;
/// assert!(!is_websocket_request(&request));
/// request.extensions_mut().insert(ConnectProtocol::new("websocket"));
/// assert!(is_websocket_request(&request));
/// # Ok::<(), http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectProtocol(String);

impl ConnectProtocol {
    /// Holds the value of `:protocol` as it was received.
    pub fn new(protocol: impl Into<String>) -> ConnectProtocol {
        ConnectProtocol(protocol.into())
    }

    /// The value of `:protocol`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a request asks for a WebSocket at all, well or badly: the question that routes it to [`Acceptor::answer`]
/// rather than to plain HTTP.
///
/// True if an Upgrade header has the token `websocket`, or if it is an extended CONNECT for it. The version of HTTP and
/// the method are not looked at: whoever asks for a WebSocket the wrong way is better told so than sent a page.
///
/// ```
/// use carrick::protocol::is_websocket_request;
///
/// let request = http::Request::builder().header("upgrade", "WebSocket").body(())?;
/// assert!(is_websocket_request(&request));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn is_websocket_request(request: &Request<()>) -> bool {
    let extended = request.extensions().get::<ConnectProtocol>();
    let extended = extended.is_some_and(|protocol| protocol.as_str() == WEBSOCKET);
    extended || contains_token(request.headers(), &UPGRADE, WEBSOCKET)
}

/// The subprotocols that a client offers, its preferred one first (RFC 6455 §4.1); none if the header is malformed, for
/// which [`Acceptor::answer`] refuses the request.
///
/// ```
/// use carrick::protocol::offered_subprotocols;
///
/// let request = http::Request::builder().header("sec-websocket-protocol", "chat.v2, chat").body(())?;
/// assert_eq!(offered_subprotocols(request.headers()), ["chat.v2", "chat"]);
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn offered_subprotocols(headers: &HeaderMap) -> Vec<&str> {
    tokens(headers, &SEC_WEBSOCKET_PROTOCOL).unwrap_or_default()
}

/// The server's side of the opening handshake: what it accepts, and how it answers.
///
/// The default accepts pages of the same origin and clients without Origin, trusts no proxy, speaks no subprotocol and
/// does not compress. Each `with_*` method changes one setting. An acceptor is shared by all connections.
///
/// ```
/// use carrick::protocol::{Acceptor, Peer};
///
/// let acceptor = Acceptor::default().with_subprotocols(["chat.v2", "chat"])?;
/// let request = http::Request::builder()
///     .uri("/chat")
///     .header("host", "example.com")
///     .header("upgrade", "websocket")
///     .header("connection", "Upgrade")
///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("sec-websocket-version", "13")
///     .header("sec-websocket-protocol", "chat, chat.v2")
///     .body(())?;
///
/// let (response, agreement) = acceptor.answer(&request, &Peer::default())?;
/// assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert_eq!(agreement.subprotocol.as_deref(), Some("chat.v2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Acceptor {
    origins: OriginPolicy,
    origin_required: bool,
    trusted_proxies: TrustedProxies,
    /// Tokens, each at most once, in order of preference.
    subprotocols: Vec<String>,
    subprotocol_required: bool,
    deflate: Option<DeflateConfig>,
    /// None of those that `is_reserved` names.
    headers: HeaderMap,
}

impl Acceptor {
    /// Sets which pages may connect. Default: those of the same origin.
    ///
    /// A page of another origin that is let in finds its origin in the `Access-Control-Allow-Origin` of the answer, never a
    /// `*`, and `Vary: Origin` beside it. That is for people and tools who look for it: browsers do not apply CORS to
    /// WebSockets and read the header on no answer of a handshake, so what protects is the refusal of the others.
    #[must_use]
    pub fn with_origins(mut self, policy: OriginPolicy) -> Acceptor {
        self.origins = policy;
        self
    }

    /// Sets whether a request without an Origin header is refused. Default: false.
    ///
    /// Browsers always send the header, other programs rarely do, so true keeps those out that do not try.
    #[must_use]
    pub fn with_origin_required(mut self, required: bool) -> Acceptor {
        self.origin_required = required;
        self
    }

    /// Sets the proxies that are believed about the client's scheme, host and address. Default: none.
    ///
    /// Behind a proxy that ends TLS this must name it, or [`OriginPolicy::SameOrigin`] refuses every browser.
    #[must_use]
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Acceptor {
        self.trusted_proxies = proxies;
        self
    }

    /// Sets the subprotocols this server speaks, the preferred one first (RFC 6455 §1.9). Default: none.
    ///
    /// The first that the client offers too is chosen.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::SubprotocolInvalid`] and [`HandshakeConfigError::SubprotocolRepeated`].
    pub fn with_subprotocols<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<Acceptor, HandshakeConfigError> {
        self.subprotocols = checked_subprotocols(names)?;
        Ok(self)
    }

    /// Sets whether a client that offers none of the subprotocols is refused. Default: false, it is then accepted
    /// without one.
    #[must_use]
    pub fn with_subprotocol_required(mut self, required: bool) -> Acceptor {
        self.subprotocol_required = required;
        self
    }

    /// Sets how messages are compressed if the client offers permessage-deflate. Default: `None`, every offer is
    /// declined.
    #[must_use]
    pub fn with_deflate(mut self, config: Option<DeflateConfig>) -> Acceptor {
        self.deflate = config;
        self
    }

    /// Adds a header to every answer that opens a WebSocket.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::HeaderReserved`] for those that the handshake writes, and for those that frame a body.
    pub fn with_header(
        mut self,
        name: HeaderName,
        value: HeaderValue,
    ) -> Result<Acceptor, HandshakeConfigError> {
        if is_reserved(&name) {
            return Err(HandshakeConfigError::HeaderReserved { name });
        }
        self.headers.append(name, value);
        Ok(self)
    }

    /// How messages are compressed, if they are.
    #[must_use]
    pub fn deflate(&self) -> Option<&DeflateConfig> {
        self.deflate.as_ref()
    }

    /// The proxies that are believed about the client.
    #[must_use]
    pub fn trusted_proxies(&self) -> &TrustedProxies {
        &self.trusted_proxies
    }

    /// Answers a request for a WebSocket that came from `peer` (RFC 6455 §4.2).
    ///
    /// Over HTTP/1.1 the answer is 101; over HTTP/2 and HTTP/3 it is 200 (RFC 8441 §5, RFC 9220 §3), and the request
    /// has to carry a [`ConnectProtocol`]. The path is not looked at.
    ///
    /// # Errors
    ///
    /// The [`Rejection`] for the first rule that is broken; its `response` is the answer to send.
    pub fn answer(&self, request: &Request<()>, peer: &Peer) -> Result<(Response<()>, Agreement), Rejection> {
        let extended = request.version() > Version::HTTP_11;
        if extended {
            check_extended_connect(request)?;
        } else {
            check_method(request)?;
        }
        check_host(request)?;
        check_no_body(request.headers())?;
        if !extended {
            check_upgrade(request.headers())?;
        }
        check_version(request.headers())?;
        let accept =
            if extended { accept_if_asked(request.headers()) } else { Some(accept(request.headers())?) };
        let stranger = self.check_origin(request, peer)?;
        let subprotocol = self.choose_subprotocol(request.headers())?;
        let deflate = self.choose_deflate(request.headers())?;

        let (deflate, extensions) = deflate.unzip();
        let answers = [
            (SEC_WEBSOCKET_ACCEPT, accept),
            (SEC_WEBSOCKET_PROTOCOL, subprotocol.map(str::to_owned)),
            (SEC_WEBSOCKET_EXTENSIONS, extensions),
        ];
        let mut response = self.accepted(request.version(), answers);
        if let Some(origin) = stranger {
            welcome(origin, response.headers_mut());
        }
        let agreement = Agreement { subprotocol: subprotocol.map(str::to_owned), deflate };
        Ok((response, agreement))
    }

    /// The origin of the page as it was sent, if it is let in although it is another than ours.
    fn check_origin(&self, request: &Request<()>, peer: &Peer) -> Result<Option<HeaderValue>, Rejection> {
        let Some(value) = at_most_one(request.headers(), &ORIGIN, || Rejection::OriginRepeated)? else {
            return if self.origin_required { Err(Rejection::OriginMissing) } else { Ok(None) };
        };
        let Some(origin) = Origin::parse(value) else {
            return Err(Rejection::OriginMalformed { value: excerpt(value) });
        };
        let front = self.trusted_proxies.front(request, peer);
        let host = front.host.ok_or(Rejection::HostMissing)?;
        let own = Origin::new(&front.scheme.to_string(), host);
        if !self.origins.allows(&origin, &own) {
            return Err(Rejection::OriginRefused { origin });
        }
        Ok((origin != own).then(|| HeaderValue::from_bytes(value).ok()).flatten())
    }

    /// The first of our subprotocols that the client offers.
    fn choose_subprotocol(&self, headers: &HeaderMap) -> Result<Option<&str>, Rejection> {
        let offered = tokens(headers, &SEC_WEBSOCKET_PROTOCOL).map_err(Rejection::SubprotocolsMalformed)?;
        // RFC 6455 §4.1: "The elements that comprise this value … MUST all be unique strings."
        for (index, name) in offered.iter().enumerate() {
            if offered.iter().take(index).any(|earlier| earlier == name) {
                return Err(Rejection::SubprotocolRepeated { name: excerpt(name.as_bytes()) });
            }
        }
        let chosen = self.subprotocols.iter().find(|name| offered.contains(&name.as_str()));
        if chosen.is_none() && self.subprotocol_required {
            return Err(Rejection::SubprotocolRequired { supported: self.subprotocols.clone() });
        }
        Ok(chosen.map(String::as_str))
    }

    fn choose_deflate(&self, headers: &HeaderMap) -> Result<Option<(DeflateParams, String)>, Rejection> {
        let offers =
            extensions(headers, &SEC_WEBSOCKET_EXTENSIONS).map_err(Rejection::ExtensionsMalformed)?;
        Ok(self.deflate.as_ref().and_then(|config| deflate_params::accept_first(config, &offers)))
    }

    fn accepted(&self, version: Version, answers: [(HeaderName, Option<String>); 3]) -> Response<()> {
        let mut response = Response::new(());
        *response.version_mut() = version;
        *response.status_mut() = StatusCode::OK;
        let mut headers = HeaderMap::with_capacity(5 + self.headers.len());
        if version <= Version::HTTP_11 {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        }
        for (name, value) in answers {
            if let Some(value) = value {
                headers.insert(name, value.try_into().expect("base64 and tokens are visible ASCII"));
            }
        }
        if !self.headers.is_empty() {
            headers.extend(self.headers.clone());
        }
        *response.headers_mut() = headers;
        response
    }
}

/// Names the origin of a page that is let in, unless the application has its own answer.
fn welcome(origin: HeaderValue, headers: &mut HeaderMap) {
    if !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
}

/// RFC 6455 §4.2.1 item 1: "An HTTP/1.1 or higher GET request, including a 'Request-URI'".
fn check_method(request: &Request<()>) -> Result<(), Rejection> {
    if request.version() < Version::HTTP_11 {
        return Err(Rejection::HttpVersionTooOld);
    }
    if request.method() != Method::GET {
        return Err(Rejection::MethodNotGet { method: request.method().clone() });
    }
    if !request.uri().path().starts_with('/') {
        return Err(Rejection::TargetWithoutPath);
    }
    Ok(())
}

/// RFC 8441 §5: the request is an extended CONNECT whose `:protocol` is `websocket`.
fn check_extended_connect(request: &Request<()>) -> Result<(), Rejection> {
    let Some(protocol) = request.extensions().get::<ConnectProtocol>() else {
        return Err(Rejection::ConnectNotExtended);
    };
    if request.method() != Method::CONNECT {
        return Err(Rejection::ConnectNotExtended);
    }
    if protocol.as_str() != WEBSOCKET {
        return Err(Rejection::ProtocolUnknown { protocol: excerpt(protocol.as_str().as_bytes()) });
    }
    // RFC 8441 §4: "the :scheme and :path pseudo-header fields of the target URI … MUST also be included".
    if !request.uri().path().starts_with('/') {
        return Err(Rejection::TargetWithoutPath);
    }
    Ok(())
}

/// RFC 9112 §3.2: "A server MUST respond with a 400 … to any HTTP/1.1 request message that lacks a Host header field
/// and to any request message that contains more than one Host header field line or a Host header field with an
/// invalid field value." Over HTTP/2 and HTTP/3 `:authority` stands for it.
pub(crate) fn check_host(request: &Request<()>) -> Result<(), Rejection> {
    let header = at_most_one(request.headers(), &HOST, || Rejection::HostRepeated)?;
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let required = if request.version() > Version::HTTP_11 { authority.or(header) } else { header };
    let value = required.ok_or(Rejection::HostMissing)?;
    if !named_host(request).is_some_and(Host::is_valid) {
        return Err(Rejection::HostMalformed { value: excerpt(authority.unwrap_or(value)) });
    }
    Ok(())
}

/// A body would stand where the first frames are expected.
fn check_no_body(headers: &HeaderMap) -> Result<(), Rejection> {
    let empty = headers.get_all(CONTENT_LENGTH).iter().all(|length| length.as_bytes() == b"0");
    if empty && !headers.contains_key(TRANSFER_ENCODING) { Ok(()) } else { Err(Rejection::BodyNotAllowed) }
}

/// RFC 6455 §4.2.1 items 3 and 4.
fn check_upgrade(headers: &HeaderMap) -> Result<(), Rejection> {
    if !contains_token(headers, &UPGRADE, WEBSOCKET) {
        return Err(Rejection::UpgradeMissing);
    }
    if !contains_token(headers, &CONNECTION, "upgrade") {
        return Err(Rejection::ConnectionUpgradeMissing);
    }
    Ok(())
}

/// RFC 6455 §4.2.1 item 6: "A |Sec-WebSocket-Version| header field, with a value of 13."
fn check_version(headers: &HeaderMap) -> Result<(), Rejection> {
    let version = at_most_one(headers, &SEC_WEBSOCKET_VERSION, || Rejection::VersionRepeated)?;
    match version.ok_or(Rejection::VersionMissing)? {
        b"13" => Ok(()),
        other => Err(Rejection::VersionUnsupported { version: excerpt(other) }),
    }
}

/// RFC 6455 §4.2.1 item 5: "A |Sec-WebSocket-Key| header field with a base64-encoded … value that, when decoded, is
/// 16 bytes in length."
fn accept(headers: &HeaderMap) -> Result<String, Rejection> {
    let key = at_most_one(headers, &SEC_WEBSOCKET_KEY, || Rejection::KeyRepeated)?;
    let key = key.ok_or(Rejection::KeyMissing)?;
    if key::is_valid(key) { Ok(key::accept(key)) } else { Err(Rejection::KeyInvalid { key: excerpt(key) }) }
}

/// RFC 8441 §5 has no use for the key, but clients exist that send one over HTTP/2 and insist on the answer to it.
fn accept_if_asked(headers: &HeaderMap) -> Option<String> {
    accept(headers).ok()
}

/// The value of a header that may be there once, without the whitespace around it.
fn at_most_one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    repeated: impl FnOnce() -> Rejection,
) -> Result<Option<&'a [u8]>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.as_bytes().trim_ascii());
    if values.next().is_some() { Err(repeated()) } else { Ok(first) }
}

/// Subprotocol names of our own side: tokens, each once.
pub(super) fn checked_subprotocols<S: Into<String>>(
    names: impl IntoIterator<Item = S>,
) -> Result<Vec<String>, HandshakeConfigError> {
    let mut checked = Vec::new();
    for name in names {
        let name = name.into();
        if !is_token(name.as_bytes()) {
            return Err(HandshakeConfigError::SubprotocolInvalid { name });
        }
        if checked.contains(&name) {
            return Err(HandshakeConfigError::SubprotocolRepeated { name });
        }
        checked.push(name);
    }
    Ok(checked)
}

/// Whether a header of the handshake is never the user's to write, in either role.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    [HOST, UPGRADE, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
        || name.as_str().starts_with("sec-websocket-")
}

pub(super) const WEBSOCKET: &str = "websocket";
