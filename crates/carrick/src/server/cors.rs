//! Which pages of other origins may read what is no WebSocket: the CORS protocol of the Fetch standard.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};

use crate::protocol::{Origin, OriginPolicy, Rejection, excerpt};

/// What a [`Server`](crate::Server) tells browsers about its pages: which other origins may read them. Set with
/// [`Server::cors`](crate::Server::cors).
///
/// Without it a server says nothing, and browsers let pages of its own origin read the answers and no others. CORS is a
/// permission to read: it stops nobody from sending, and does not concern WebSockets, for which
/// [`Server::origins`](crate::Server::origins) decides. The same policy serves for both. An axum server has the layer of
/// `tower-http` for it.
///
/// ```
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use carrick::{Cors, Server, protocol::OriginPolicy};
///
/// let friends = OriginPolicy::SameOriginOr(vec!["https://app.example.com".parse()?]);
/// let server = Server::bind("127.0.0.1:0").await?.origins(friends.clone()).cors(Cors::new(friends));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cors {
    origins: OriginPolicy,
    methods: Vec<Method>,
    headers: Vec<HeaderName>,
    exposed: Vec<HeaderName>,
    credentials: bool,
    max_age: Duration,
}

impl Cors {
    /// Lets pages of these origins read the answers. An origin that is listed is named in the answer as it was sent; to
    /// [`OriginPolicy::Any`] the answer is `*`. [`OriginPolicy::SameOrigin`] says nothing, for that needs no permission.
    #[must_use]
    pub fn new(origins: OriginPolicy) -> Cors {
        Cors {
            origins,
            methods: vec![Method::GET, Method::HEAD, Method::POST],
            headers: Vec::new(),
            exposed: Vec::new(),
            credentials: false,
            max_age: MAX_AGE,
        }
    }

    /// Sets the methods that pages may use. Default: GET, HEAD and POST, which they may without being asked.
    #[must_use]
    pub fn with_methods(mut self, methods: impl IntoIterator<Item = Method>) -> Cors {
        self.methods = methods.into_iter().collect();
        self
    }

    /// Sets the headers that pages may send beyond those that need no permission, for example `Authorization`. Default:
    /// none.
    #[must_use]
    pub fn with_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Cors {
        self.headers = headers.into_iter().collect();
        self
    }

    /// Sets the headers of an answer that pages may read beyond those that need no permission. Default: none.
    #[must_use]
    pub fn with_exposed_headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Cors {
        self.exposed = headers.into_iter().collect();
        self
    }

    /// Sets whether pages may read answers to requests that carried cookies. Default: false. Has no effect with
    /// [`OriginPolicy::Any`]: every page of the world could then read what the user may.
    #[must_use]
    pub fn with_credentials(mut self, allowed: bool) -> Cors {
        self.credentials = allowed;
        self
    }

    /// Sets how long a browser may remember the answer to a preflight request. Default: 10 minutes.
    #[must_use]
    pub fn with_max_age(mut self, max_age: Duration) -> Cors {
        self.max_age = max_age;
        self
    }

    /// The answer to a preflight request; `None` if `request` is none.
    pub(super) fn preflight(&self, request: &Request<()>) -> Option<Result<Response<()>, Rejection>> {
        let headers = request.headers();
        let origin = headers.get(ORIGIN)?;
        if request.method() != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        if self.allowed(headers).is_none() {
            return Some(Err(match parsed(origin) {
                Some(origin) => Rejection::OriginRefused { origin },
                None => Rejection::OriginMalformed { value: excerpt(origin.as_bytes()) },
            }));
        }
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::NO_CONTENT;
        self.permit(headers, response.headers_mut());
        let answer = response.headers_mut();
        insert_list(answer, ACCESS_CONTROL_ALLOW_METHODS, self.methods.iter().map(Method::as_str));
        insert_list(answer, ACCESS_CONTROL_ALLOW_HEADERS, self.headers.iter().map(HeaderName::as_str));
        answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.as_secs().into());
        Some(Ok(response))
    }

    /// Puts the permission into the answer to a request with the headers `asked`. An application that has answered the
    /// question itself is left alone.
    pub(super) fn permit(&self, asked: &HeaderMap, answer: &mut HeaderMap) {
        if answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        let names_origins = !self.listed().is_empty();
        if names_origins {
            // A cache must not give the answer of one origin to another.
            answer.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = self.allowed(asked) else { return };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials && names_origins {
            answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        insert_list(answer, ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.iter().map(HeaderName::as_str));
    }

    /// What the answer names as allowed.
    fn allowed(&self, asked: &HeaderMap) -> Option<HeaderValue> {
        let mut origins = asked.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        if self.origins == OriginPolicy::Any {
            return Some(HeaderValue::from_static("*"));
        }
        self.listed().contains(&parsed(origin)?).then(|| origin.clone())
    }

    /// The origins that are named one by one.
    fn listed(&self) -> &[Origin] {
        match &self.origins {
            OriginPolicy::SameOrigin | OriginPolicy::Any => &[],
            OriginPolicy::SameOriginOr(listed) | OriginPolicy::List(listed) => listed,
        }
    }
}

fn parsed(origin: &HeaderValue) -> Option<Origin> {
    origin.to_str().ok()?.parse().ok()
}

fn insert_list<'a>(headers: &mut HeaderMap, name: HeaderName, members: impl Iterator<Item = &'a str>) {
    let list = members.collect::<Vec<_>>().join(", ");
    if !list.is_empty() {
        headers.insert(name, HeaderValue::from_str(&list).expect("tokens are visible ASCII"));
    }
}

const MAX_AGE: Duration = Duration::from_secs(600);
