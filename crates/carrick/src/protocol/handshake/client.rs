//! The client's half of the opening handshake: the request to send and the check of its answer. RFC 6455 §4.1.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        CONNECTION, HOST, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    uri::{PathAndQuery, Scheme},
};
use rand_core::CryptoRng;

use super::{
    agreement::Agreement,
    config_error::HandshakeConfigError,
    deflate_params::{self, DeflateConfig, DeflateParams},
    header_values::{contains_token, excerpt, extensions, is_token},
    host::Host,
    key,
    origin::Origin,
    response_error::ResponseError,
    server::{ConnectProtocol, WEBSOCKET, checked_subprotocols, is_reserved},
};

/// The client's side of the opening handshake: where to connect and what to offer.
///
/// One of these makes any number of requests, each with its own key. Each `with_*` method changes one setting.
///
/// ```
/// use carrick::protocol::ClientHandshake;
/// use rand::{SeedableRng, rngs::StdRng};
///
/// let handshake = ClientHandshake::new("wss://example.com/chat?room=1")?.with_subprotocols(["chat"])?;
/// let (request, pending) = handshake.request(&mut StdRng::seed_from_u64(1));
/// assert_eq!(request.uri(), "/chat?room=1");
/// assert_eq!(request.headers()["host"], "example.com");
///
/// let refused = http::Response::builder().status(403).body(())?;
/// assert!(pending.check(&refused).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientHandshake {
    target: PathAndQuery,
    /// Whether the scheme is `wss`.
    secure: bool,
    /// Without the default port of the scheme.
    host: Host,
    origin: Option<Origin>,
    /// Tokens, each at most once.
    subprotocols: Vec<String>,
    deflate: Option<DeflateConfig>,
    /// None of those that the handshake writes.
    pub(super) headers: HeaderMap,
}

impl ClientHandshake {
    /// A handshake with the server at `url`, for example `wss://example.com/chat` (RFC 6455 §3).
    ///
    /// It sends no Origin, and offers no subprotocol and no compression.
    ///
    /// # Errors
    ///
    /// As [`ClientHandshake::for_uri`], and [`HandshakeConfigError::Fragment`] and [`HandshakeConfigError::UrlInvalid`].
    pub fn new(url: &str) -> Result<ClientHandshake, HandshakeConfigError> {
        // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used".
        if url.contains('#') {
            return Err(HandshakeConfigError::Fragment);
        }
        ClientHandshake::for_uri(&url.parse().map_err(|_| HandshakeConfigError::UrlInvalid)?)
    }

    /// As [`ClientHandshake::new`], for a URI that is parsed already. `http::Uri` drops a fragment while parsing.
    ///
    /// # Errors
    ///
    /// - [`HandshakeConfigError::SchemeUnsupported`] unless it is `ws`, `wss`, `http` or `https`
    /// - [`HandshakeConfigError::UserInformation`] for `user:password@`, which belong into an Authorization header
    /// - [`HandshakeConfigError::HostInvalid`] for a host that no server could have
    pub fn for_uri(uri: &Uri) -> Result<ClientHandshake, HandshakeConfigError> {
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "ws" | "http" => 80,
            "wss" | "https" => 443,
            _ => return Err(HandshakeConfigError::SchemeUnsupported { scheme }),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err(HandshakeConfigError::UserInformation);
        }
        // RFC 6455 §4.1: the request-target is the resource name of §3, and "/" if the path is empty.
        let target = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(ClientHandshake {
            target,
            secure: default_port == 443,
            host: authority.parse::<Host>()?.without_port(Some(default_port)),
            origin: None,
            subprotocols: Vec::new(),
            deflate: None,
            headers: HeaderMap::new(),
        })
    }

    /// The same handshake with the server at `uri`, for a client that follows a redirect. Whether the headers may go along
    /// is the caller's to decide, see [`ClientHandshake::with_headers_where`].
    ///
    /// # Errors
    ///
    /// As [`ClientHandshake::for_uri`].
    ///
    /// ```
    /// use carrick::protocol::ClientHandshake;
    ///
    /// let handshake = ClientHandshake::new("wss://example.com/old")?.with_subprotocols(["chat"])?;
    /// let redirected = handshake.for_other_uri(&"wss://example.org/new".parse()?)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_other_uri(self, uri: &Uri) -> Result<ClientHandshake, HandshakeConfigError> {
        let ClientHandshake { target, secure, host, .. } = ClientHandshake::for_uri(uri)?;
        Ok(ClientHandshake { target, secure, host, ..self })
    }

    /// Drops the headers that were added, but for those that `keep` says yes to: credentials must not follow a redirect
    /// to another origin.
    #[must_use]
    pub fn with_headers_where(mut self, keep: impl Fn(&HeaderName) -> bool) -> ClientHandshake {
        let names: Vec<_> = self.headers.keys().filter(|name| !keep(name)).cloned().collect();
        for name in names {
            self.headers.remove(name);
        }
        self
    }

    /// Sets the Origin header. Default: `None`, as is right for a program that is no browser (RFC 6455 §4.1 item 8).
    #[must_use]
    pub fn with_origin(mut self, origin: Option<Origin>) -> ClientHandshake {
        self.origin = origin;
        self
    }

    /// Sets the subprotocols to offer, the preferred one first (RFC 6455 §4.1 item 10). Default: none.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::SubprotocolInvalid`] and [`HandshakeConfigError::SubprotocolRepeated`].
    pub fn with_subprotocols<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Result<ClientHandshake, HandshakeConfigError> {
        self.subprotocols = checked_subprotocols(names)?;
        Ok(self)
    }

    /// Sets what is offered as permessage-deflate (RFC 7692). Default: `None`, nothing is offered.
    #[must_use]
    pub fn with_deflate(mut self, config: Option<DeflateConfig>) -> ClientHandshake {
        self.deflate = config;
        self
    }

    /// Adds a header to the request, for example `Authorization` or `Cookie`.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::HeaderReserved`] for those that the handshake writes, `Origin` among them, and for those
    /// that frame a body.
    pub fn with_header(
        mut self,
        name: HeaderName,
        value: HeaderValue,
    ) -> Result<ClientHandshake, HandshakeConfigError> {
        if is_reserved(&name) || name == ORIGIN {
            return Err(HandshakeConfigError::HeaderReserved { name });
        }
        self.headers.append(name, value);
        Ok(self)
    }

    /// A new HTTP/1.1 request, its key drawn from `random`, and what its answer has to be checked against.
    ///
    /// RFC 6455 §4.1 item 7: "The nonce MUST be selected randomly for each connection."
    pub fn request(&self, random: &mut dyn CryptoRng) -> (Request<()>, PendingHandshake) {
        let key = key::generate(random);
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from(self.target.clone());
        let own = [
            (HOST, self.host.to_string()),
            (UPGRADE, WEBSOCKET.to_owned()),
            (CONNECTION, "Upgrade".to_owned()),
            (SEC_WEBSOCKET_KEY, key.clone()),
        ];
        let own = own.into_iter().map(|(name, value)| (name, Some(value)));
        self.write_fields(own, request.headers_mut());
        (request, self.pending(Some(key::accept(key.as_bytes()))))
    }

    /// A new extended CONNECT for HTTP/2 (RFC 8441 §4), and what its answer has to be checked against. It has a
    /// [`ConnectProtocol`] in its extensions, which whoever writes it sends as `:protocol`.
    ///
    /// There is no key: the connection is known to be one of HTTP/2, so no answer can be mistaken for another.
    ///
    /// ```
    /// use carrick::protocol::{ClientHandshake, ConnectProtocol};
    ///
    /// let (request, pending) = ClientHandshake::new("wss://example.com/chat")?.connect_request();
    /// assert_eq!(request.uri(), "https://example.com/chat");
    /// assert!(request.extensions().get::<ConnectProtocol>().is_some());
    ///
    /// let opened = http::Response::builder().version(http::Version::HTTP_2).status(200).body(())?;
    /// assert!(pending.check(&opened).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn connect_request(&self) -> (Request<()>, PendingHandshake) {
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.version_mut() = Version::HTTP_2;
        // RFC 8441 §5: "The scheme of the target URI MUST be https for wss-schemed WebSockets and http for ws-schemed".
        let uri = Uri::builder()
            .scheme(if self.secure { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(self.host.to_string())
            .path_and_query(self.target.clone());
        *request.uri_mut() = uri.build().expect("a host and a target that were parsed make a uri");
        request.extensions_mut().insert(ConnectProtocol::new(WEBSOCKET));
        self.write_fields([], request.headers_mut());
        (request, self.pending(None))
    }

    /// Writes the fields that every version of HTTP has behind `own`.
    fn write_fields(
        &self,
        own: impl IntoIterator<Item = (HeaderName, Option<String>)>,
        headers: &mut HeaderMap,
    ) {
        let subprotocols = self.subprotocols.join(", ");
        let shared = [
            (SEC_WEBSOCKET_VERSION, Some("13".to_owned())),
            (ORIGIN, self.origin.as_ref().map(ToString::to_string)),
            (SEC_WEBSOCKET_PROTOCOL, Some(subprotocols).filter(|names| !names.is_empty())),
            (SEC_WEBSOCKET_EXTENSIONS, self.deflate.as_ref().map(deflate_params::offer)),
        ];
        for (name, value) in own.into_iter().chain(shared) {
            if let Some(value) = value {
                let value = HeaderValue::try_from(value)
                    .expect("hosts, origins, tokens and base64 are visible ASCII");
                headers.insert(name, value);
            }
        }
        headers.extend(self.headers.clone());
    }

    fn pending(&self, accept: Option<String>) -> PendingHandshake {
        PendingHandshake { accept, subprotocols: self.subprotocols.clone(), deflate: self.deflate.clone() }
    }
}

/// A request that was sent, until its answer is checked.
///
/// See [`ClientHandshake`] for an example.
#[derive(Clone, Debug)]
pub struct PendingHandshake {
    /// What Sec-WebSocket-Accept has to be; `None` behind an extended CONNECT.
    accept: Option<String>,
    subprotocols: Vec<String>,
    deflate: Option<DeflateConfig>,
}

impl PendingHandshake {
    /// Whether `response` opens the WebSocket, and on which terms (RFC 6455 §4.1).
    ///
    /// # Errors
    ///
    /// The [`ResponseError`] for the first rule that the server broke. A status other than 101, or 2xx behind an extended
    /// CONNECT, comes first, since redirects and demands for credentials are for the caller to follow.
    pub fn check(&self, response: &Response<()>) -> Result<Agreement, ResponseError> {
        let opens = match self.accept {
            Some(_) => response.status() == StatusCode::SWITCHING_PROTOCOLS,
            // RFC 9110 §9.3.6: "Any 2xx (Successful) response indicates that the sender … will switch to tunnel mode".
            None => response.status().is_success(),
        };
        if !opens {
            return Err(ResponseError::Status(Box::new(response.clone().map(|()| Bytes::new()))));
        }
        let headers = response.headers();
        if let Some(expected) = &self.accept {
            if response.version() != Version::HTTP_11 {
                return Err(ResponseError::HttpVersionUnsupported);
            }
            check_upgrade(headers)?;
            check_accept(headers, expected)?;
        }
        let deflate = self.check_extensions(headers)?;
        let subprotocol = self.check_subprotocol(headers)?;
        Ok(Agreement { subprotocol, deflate })
    }

    /// Item 5: "If the response includes a |Sec-WebSocket-Extensions| header field and this header field indicates the
    /// use of an extension that was not present in the client's handshake … the client MUST _Fail" it.
    fn check_extensions(&self, headers: &HeaderMap) -> Result<Option<DeflateParams>, ResponseError> {
        let answers =
            extensions(headers, &SEC_WEBSOCKET_EXTENSIONS).map_err(ResponseError::ExtensionsMalformed)?;
        let mut agreed = None;
        for answer in &answers {
            let Some(config) = &self.deflate else {
                return Err(ResponseError::ExtensionNotOffered { name: excerpt(answer.name.as_bytes()) });
            };
            let params = deflate_params::check_answer(config, answer)?;
            if agreed.replace(params).is_some() {
                return Err(ResponseError::ExtensionRepeated { name: answer.name.to_owned() });
            }
        }
        Ok(agreed)
    }

    /// Item 6: "If the response includes a |Sec-WebSocket-Protocol| header field and this header field indicates the use
    /// of a subprotocol that was not present in the client's handshake … the client MUST _Fail" it.
    fn check_subprotocol(&self, headers: &HeaderMap) -> Result<Option<String>, ResponseError> {
        let mut values = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let value = value.as_bytes().trim_ascii();
        if values.next().is_some() || value.contains(&b',') {
            return Err(ResponseError::SubprotocolRepeated);
        }
        if !is_token(value) {
            return Err(ResponseError::SubprotocolMalformed { value: excerpt(value) });
        }
        match self.subprotocols.iter().find(|name| name.as_bytes() == value) {
            Some(name) => Ok(Some(name.clone())),
            None => Err(ResponseError::SubprotocolNotOffered { name: excerpt(value) }),
        }
    }
}

/// Item 4: "If the response lacks a |Sec-WebSocket-Accept| header field or the |Sec-WebSocket-Accept| contains a
/// value other than [the expected one] … ignoring any leading and trailing whitespace, the client MUST _Fail" it.
fn check_accept(headers: &HeaderMap, expected: &str) -> Result<(), ResponseError> {
    let mut values = headers.get_all(SEC_WEBSOCKET_ACCEPT).iter();
    let value = values.next().ok_or(ResponseError::AcceptMissing)?.as_bytes().trim_ascii();
    if values.next().is_some() {
        return Err(ResponseError::AcceptRepeated);
    }
    if value != expected.as_bytes() {
        return Err(ResponseError::AcceptInvalid { value: excerpt(value), expected: expected.to_owned() });
    }
    Ok(())
}

/// Items 2 and 3: Upgrade is `websocket` in any case and nothing else, Connection has the token `Upgrade`.
fn check_upgrade(headers: &HeaderMap) -> Result<(), ResponseError> {
    let mut upgrades = headers.get_all(UPGRADE).iter();
    let upgrade = upgrades.next().ok_or(ResponseError::UpgradeMissing)?.as_bytes().trim_ascii();
    if !upgrade.eq_ignore_ascii_case(WEBSOCKET.as_bytes()) {
        return Err(ResponseError::UpgradeInvalid { value: excerpt(upgrade) });
    }
    if let Some(second) = upgrades.next() {
        return Err(ResponseError::UpgradeInvalid { value: excerpt(second.as_bytes()) });
    }
    if !contains_token(headers, &CONNECTION, "upgrade") {
        return Err(ResponseError::ConnectionUpgradeMissing);
    }
    Ok(())
}
