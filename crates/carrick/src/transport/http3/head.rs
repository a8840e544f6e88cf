//! Fields ↔ heads of requests and answers (RFC 9114 §4.2, §4.3; RFC 9220 §3).

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{
        AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
        UPGRADE,
    },
    uri::{Authority, PathAndQuery, Scheme},
};

use super::{
    error_code::{Breach, ErrorCode},
    qpack::{self, Field},
};

/// The head of a request, and what a CONNECT asks for in `:protocol`.
#[derive(Debug)]
pub(crate) struct RequestHead {
    pub(crate) request: Request<()>,
    pub(crate) protocol: Option<String>,
}

/// Makes a request of its fields. An error is a malformed message, which ends its stream (RFC 9114 §4.1.2).
pub(crate) fn read_request(fields: Vec<Field>) -> Result<RequestHead, Breach> {
    let (pseudo, headers) = split(fields)?;
    let [method, scheme, authority, path, protocol] =
        pseudo.exactly([":method", ":scheme", ":authority", ":path", ":protocol"])?;
    let method = method.ok_or(malformed("a request has no :method"))?;
    let method = Method::from_bytes(&method).map_err(|_| malformed(":method is no method"))?;
    let is_connect = method == Method::CONNECT;
    let mut uri = Uri::builder();
    match (is_connect, protocol.is_some(), scheme, path) {
        (false, true, ..) => return Err(malformed(":protocol came without a CONNECT")),
        (true, false, None, None) => {}
        (true, false, ..) => return Err(malformed("a CONNECT without :protocol has :scheme or :path")),
        (_, _, Some(scheme), Some(path)) => {
            let scheme = Scheme::try_from(&scheme[..]).map_err(|_| malformed(":scheme is no scheme"))?;
            let begins = path.first() == Some(&b'/') || (method == Method::OPTIONS && path == b"*");
            // What follows a "#" would be passed over without a word.
            if !begins || path.contains(&b'#') {
                return Err(malformed(":path is no path"));
            }
            let path = PathAndQuery::try_from(&path[..]).map_err(|_| malformed(":path is no path"))?;
            uri = uri.scheme(scheme).path_and_query(path);
        }
        _ => return Err(malformed("a request has no :scheme or no :path")),
    }
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    match (&authority, host) {
        (Some(authority), Some(host)) if &authority[..] != host => {
            return Err(malformed(":authority and Host are not the same"));
        }
        (None, None) => return Err(malformed("a request has neither :authority nor Host")),
        (None, Some(_)) if is_connect => return Err(malformed("a CONNECT has no :authority")),
        _ => {}
    }
    let authority = authority.as_deref().or(host).unwrap_or_default();
    // "The authority MUST NOT include the deprecated userinfo subcomponent" (RFC 9114 §4.3.1).
    if authority.contains(&b'@') {
        return Err(malformed("the authority has a user"));
    }
    let authority = Authority::try_from(authority).map_err(|_| malformed("the authority is none"))?;
    let uri =
        uri.authority(authority).build().map_err(|_| malformed("the parts of a URI are none together"))?;
    let protocol = match protocol.map(String::from_utf8) {
        Some(Ok(protocol)) => Some(protocol),
        Some(Err(_)) => return Err(malformed(":protocol is no text")),
        None => None,
    };

    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_3;
    *request.headers_mut() = headers;
    Ok(RequestHead { request, protocol })
}

/// Makes an answer of its fields. An error is a malformed message, which ends its stream.
pub(crate) fn read_response(fields: Vec<Field>) -> Result<Response<()>, Breach> {
    let (pseudo, headers) = split(fields)?;
    let [status] = pseudo.exactly([":status"])?;
    let status = status.and_then(|status| StatusCode::from_bytes(&status).ok());
    // "HTTP/3 does not support the 101 (Switching Protocols) informational status code" (RFC 9114 §4.5).
    let status = status.filter(|status| *status != StatusCode::SWITCHING_PROTOCOLS);
    let mut response = Response::new(());
    *response.status_mut() = status.ok_or(malformed("an answer has no :status that there is"))?;
    *response.version_mut() = Version::HTTP_3;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Checks the fields of trailers, which are of no use here.
pub(crate) fn read_trailers(fields: Vec<Field>) -> Result<HeaderMap, Breach> {
    let (pseudo, headers) = split(fields)?;
    let [] = pseudo.exactly([])?;
    Ok(headers)
}

/// Appends the field section of a request. Its URI is absolute; only that of a plain CONNECT has no scheme and no path.
pub(crate) fn write_request(request: &Request<()>, protocol: Option<&str>, into: &mut Vec<u8>) {
    qpack::encode(request_fields(request, protocol), into);
}

/// How large the field section of a request is.
pub(crate) fn request_bytes(request: &Request<()>, protocol: Option<&str>) -> u64 {
    bytes(request_fields(request, protocol))
}

/// How large the field section of an answer is.
pub(crate) fn response_bytes<B>(response: &Response<B>) -> u64 {
    bytes(response_fields(&response.status(), response.headers()))
}

/// As RFC 9114 §4.2.2 counts: 32 bytes more for each field.
fn bytes<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8], bool)>) -> u64 {
    fields.map(|(name, value, _)| (name.len() + value.len() + 32) as u64).sum()
}

fn request_fields<'a>(
    request: &'a Request<()>,
    protocol: Option<&'a str>,
) -> impl Iterator<Item = (&'a str, &'a [u8], bool)> {
    let uri = request.uri();
    let is_tunnel = request.method() == Method::CONNECT && protocol.is_none();
    let mut pseudo = vec![(":method", request.method().as_str().as_bytes(), false)];
    pseudo.extend(protocol.map(|protocol| (":protocol", protocol.as_bytes(), false)));
    if !is_tunnel {
        pseudo.push((":scheme", uri.scheme_str().unwrap_or("https").as_bytes(), false));
    }
    pseudo.extend(uri.authority().map(|authority| (":authority", authority.as_str().as_bytes(), false)));
    if !is_tunnel {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        pseudo.push((":path", path.as_bytes(), false));
    }
    pseudo.into_iter().chain(regular(request.headers()))
}

/// Appends the field section of an answer.
pub(crate) fn write_response<B>(response: &Response<B>, into: &mut Vec<u8>) {
    qpack::encode(response_fields(&response.status(), response.headers()), into);
}

fn response_fields<'a>(
    status: &'a StatusCode,
    headers: &'a HeaderMap,
) -> impl Iterator<Item = (&'a str, &'a [u8], bool)> {
    [(":status", status.as_str().as_bytes(), false)].into_iter().chain(regular(headers))
}

/// Appends the field section of trailers.
pub(crate) fn write_trailers(trailers: &HeaderMap, into: &mut Vec<u8>) {
    qpack::encode(regular(trailers), into);
}

/// What of the headers goes along: what is about a connection of HTTP/1.1 has no place here (RFC 9114 §4.2).
fn regular(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8], bool)> {
    let fields = headers.iter().filter(|(name, _)| !is_of_connection(name) && **name != HOST);
    fields.map(|(name, value)| {
        let secret = value.is_sensitive() || [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE].contains(name);
        (name.as_str(), value.as_bytes(), secret)
    })
}

/// The pseudo-header fields of a head.
struct Pseudo(Vec<Field>);

impl Pseudo {
    /// The values of these, each of which may come once and beside which there may be none.
    fn exactly<const N: usize>(self, names: [&str; N]) -> Result<[Option<Vec<u8>>; N], Breach> {
        let mut values = [const { None }; N];
        for Field { name, value } in self.0 {
            let at = names.iter().position(|known| known.as_bytes() == name);
            let place = at.and_then(|at| values.get_mut(at));
            let place = place.ok_or(malformed("a pseudo-header field has no place here"))?;
            if place.replace(value).is_some() {
                return Err(malformed("a pseudo-header field came twice"));
            }
        }
        Ok(values)
    }
}

fn split(fields: Vec<Field>) -> Result<(Pseudo, HeaderMap), Breach> {
    let (mut pseudo, mut headers) = (Vec::new(), HeaderMap::new());
    for field in fields {
        if field.name.first() == Some(&b':') {
            // "All pseudo-header fields MUST appear in the header section before regular header fields" (RFC 9114 §4.3).
            if !headers.is_empty() {
                return Err(malformed("a pseudo-header field came behind a header field"));
            }
            pseudo.push(field);
        } else {
            append(&mut headers, &field)?;
        }
    }
    Ok((Pseudo(pseudo), headers))
}

fn append(headers: &mut HeaderMap, field: &Field) -> Result<(), Breach> {
    // "Characters in field names MUST be converted to lowercase prior to their encoding. A request or response
    // containing uppercase characters in field names MUST be treated as malformed." (RFC 9114 §4.2)
    if field.name.iter().any(u8::is_ascii_uppercase) {
        return Err(malformed("the name of a field has a capital letter"));
    }
    let name = HeaderName::from_bytes(&field.name).map_err(|_| malformed("the name of a field is none"))?;
    let value =
        HeaderValue::from_bytes(&field.value).map_err(|_| malformed("the value of a field is none"))?;
    if is_of_connection(&name) || (name == TE && value != "trailers") {
        return Err(malformed("a field is about a connection of HTTP/1.1"));
    }
    if name == CONTENT_LENGTH {
        // "Content-Length = 1*DIGIT" (RFC 9110 §8.6).
        let is_number = !field.value.is_empty() && field.value.iter().all(u8::is_ascii_digit);
        if !is_number || value.to_str().map(str::parse::<u64>).is_ok_and(|length| length.is_err()) {
            return Err(malformed("Content-Length is no length"));
        }
        if headers.contains_key(&name) {
            return Err(malformed("Content-Length came twice"));
        }
    }
    // "these MUST be concatenated into a single byte string using the two-byte delimiter of "; "" (RFC 9114 §4.2.1).
    if name == COOKIE
        && let Some(known) = headers.get_mut(&name)
    {
        let joined = [known.as_bytes(), b"; ", value.as_bytes()].concat();
        *known = HeaderValue::from_bytes(&joined).map_err(|_| malformed("the value of a field is none"))?;
        return Ok(());
    }
    let appended = headers.try_append(name, value);
    appended.map(drop).map_err(|_| ErrorCode::ExcessiveLoad.because("a message has too many fields"))
}

fn is_of_connection(name: &HeaderName) -> bool {
    [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
        || ["keep-alive", "proxy-connection"].contains(&name.as_str())
}

fn malformed(what: &'static str) -> Breach {
    ErrorCode::MessageError.because(what)
}

#[cfg(test)]
mod tests;
