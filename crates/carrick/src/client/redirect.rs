//! Where a server sends a client, and what goes along.

use std::borrow::Cow;

use http::{Response, StatusCode, header::LOCATION};

use super::builder::{Answer, ClientBuilder};
use crate::{
    error::Error,
    transport::{Address, ConnectEvent, NetStream, is_harmless},
};

impl ClientBuilder {
    /// A stream to the server, or to the one that it redirects to, and what that one answered.
    pub(super) async fn reach(&self) -> Result<(NetStream, Answer), Error> {
        let mut trail = Trail { max_redirects: self.max_redirects, behind: Vec::new() };
        let mut hop = Cow::Borrowed(self);
        loop {
            let (stream, answer) = hop.ask().await?;
            let location = location(&answer.response).filter(|_| self.max_redirects > 0);
            let Some(location) = location else { return Ok((stream, answer)) };
            let next = trail.next(&hop.address, location)?;
            hop = Cow::Owned(hop.redirected(next)?);
        }
    }

    /// What opens the WebSocket at `address`, where a redirect of our server leads.
    ///
    /// To another origin no credentials go along: not those of the URL, no header that was added, since any may be a
    /// secret, and no certificate.
    fn redirected(&self, address: Address) -> Result<ClientBuilder, Error> {
        let (from, to) = (format!("{:?}", self.address), format!("{address:?}"));
        self.dialer.observer.tell(&ConnectEvent::Redirected { from: &from, to: &to });
        let mut next = self.clone();
        next.handshake = next
            .handshake
            .for_other_uri(&address.uri)
            .map_err(|error| Error::Url { url: to, reason: error.to_string() })?;
        if !self.address.has_origin_of(&address) {
            next.handshake = next.handshake.with_headers_where(is_harmless);
            next.header_names.retain(is_harmless);
            next.authorization = None;
            next.dialer.tls = next.dialer.tls.without_identity();
        }
        next.address = address;
        Ok(next)
    }
}

/// The way that redirects have led so far.
struct Trail {
    max_redirects: usize,
    /// The addresses that redirected, as errors show them.
    behind: Vec<String>,
}

impl Trail {
    /// The address that `location` means, which the server at `from` named.
    fn next(&mut self, from: &Address, location: &str) -> Result<Address, Error> {
        self.behind.push(format!("{from:?}"));
        let next = from.redirected(location).map_err(|reason| self.refusal(None, reason))?;
        if self.behind.len() > self.max_redirects {
            return Err(self.refusal(Some(&next), format!("limit is {} in a row", self.max_redirects)));
        }
        Ok(next)
    }

    fn refusal(&self, next: Option<&Address>, reason: String) -> Error {
        let mut chain = self.behind.clone();
        chain.extend(next.map(|next| format!("{next:?}")));
        Error::Redirect { chain, reason }
    }
}

/// Where the answer leads, if it is a redirect that keeps the method, which is GET here (RFC 9110 §15.4).
fn location(response: &Response<()>) -> Option<&str> {
    let status = response.status();
    let redirects = matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    response.headers().get(LOCATION).filter(|_| redirects)?.to_str().ok()
}
