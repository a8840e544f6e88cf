//! What a hook lets in, and what it adds to the answer.

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode,
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, SEC_WEBSOCKET_PROTOCOL},
};

use crate::protocol::{Agreement, Refusal, Rejection, is_reserved};

/// A request that a hook of [`Server::on_request`](crate::Server::on_request) lets in, and what the answer to it says
/// beside the handshake. A hook that adds nothing returns the request itself.
///
/// ```
/// # async fn example() -> Result<(), carrick::Error> {
/// use carrick::{Accepted, Server, protocol::{Refusal, offered_subprotocols}};
/// use http::{HeaderValue, StatusCode, header::SET_COOKIE};
///
/// let server = Server::bind("127.0.0.1:0").await?.on_request(|request, _front| async move {
///     let latest = offered_subprotocols(request.headers()).into_iter().filter(|name| name.starts_with("feed.v")).max();
///     let latest = latest.ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "this feed is feed.v1 or later"))?;
///     let latest = latest.to_owned();
///     let session = HeaderValue::from_static("session=1; HttpOnly; Secure; SameSite=Strict");
///     Ok(Accepted::new(request).with_subprotocol(latest).with_header(SET_COOKIE, session))
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Accepted {
    request: Request<()>,
    pub(super) headers: HeaderMap,
    subprotocol: Option<String>,
}

impl Accepted {
    /// Lets the request in.
    #[must_use]
    pub fn new(request: Request<()>) -> Accepted {
        Accepted { request, headers: HeaderMap::new(), subprotocol: None }
    }

    /// Adds a header to the answer. Those that the handshake writes itself are left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Accepted {
        if !is_reserved(&name) {
            self.headers.append(name, value);
        }
        self
    }

    /// Chooses the subprotocol, in place of the choice that [`Server::subprotocols`](crate::Server::subprotocols) makes.
    /// It has to be one of those that the client offers, see
    /// [`offered_subprotocols`](crate::protocol::offered_subprotocols); the client is answered 500 otherwise, because it would
    /// have to take the answer for a violation (RFC 6455 §4.1).
    #[must_use]
    pub fn with_subprotocol(mut self, name: impl Into<String>) -> Accepted {
        self.subprotocol = Some(name.into());
        self
    }

    /// Puts into the answer what was added, and gives the request back. `offered` are the client's subprotocols.
    pub(super) fn apply(
        self,
        offered: &[String],
        response: &mut Response<()>,
        agreement: &mut Agreement,
    ) -> Result<Request<()>, Rejection> {
        if let Some(name) = self.subprotocol {
            let value = HeaderValue::from_str(&name).ok().filter(|_| offered.contains(&name));
            let Some(value) = value else {
                let sentence = format!("the server has chosen subprotocol {name:?}, which was not offered");
                return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, sentence).into());
            };
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
            agreement.subprotocol = Some(name);
        }
        if self.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            // There can be one, and the application's word is the last.
            response.headers_mut().remove(ACCESS_CONTROL_ALLOW_ORIGIN);
        }
        for (name, value) in &self.headers {
            response.headers_mut().append(name, value.clone());
        }
        Ok(self.request)
    }
}

impl From<Request<()>> for Accepted {
    fn from(request: Request<()>) -> Accepted {
        Accepted::new(request)
    }
}
