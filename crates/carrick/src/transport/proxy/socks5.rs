//! A tunnel through a SOCKS proxy of version 5 (RFC 1928), with a user and a password if asked (RFC 1929).

#[cfg(test)]
mod tests;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use url::Host;

use crate::{error::Error, proxy_error::ProxyError};

/// Turns `stream`, which leads to a proxy, into one that leads to `host` and `port`. Not a byte too much is read.
pub(in super::super) async fn connect(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    host: &Host<String>,
    port: u16,
    user: Option<&(String, String)>,
) -> Result<(), ProxyError> {
    let request = request(host, port)?;
    negotiate(stream, user).await?;
    send(stream, &request).await?;
    let [version, code] = receive(stream).await?;
    check_version(version)?;
    // RFC 1928 §6: a proxy that refuses closes the connection soon after, so the rest may be missing.
    if code != 0 {
        return Err(ProxyError::SocksReply { code });
    }
    let [_reserved, address_type] = receive(stream).await?;
    let address_bytes = match address_type {
        IPV4 => 4,
        IPV6 => 16,
        DOMAIN => usize::from(receive::<1>(stream).await?[0]),
        other => return Err(ProxyError::SocksMalformed { what: "address type", value: other }),
    };
    // Where the proxy connects from is of no use here.
    let mut unused = [0; 255 + 2];
    let unused = unused.get_mut(..address_bytes + 2).expect("a byte counts to 255 at most");
    stream.read_exact(unused).await.map_err(failed)?;
    Ok(())
}

/// RFC 1928 §3: the methods that we know, and the one that the proxy chooses.
async fn negotiate(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    user: Option<&(String, String)>,
) -> Result<(), ProxyError> {
    let greeting: &[u8] = match user {
        None => &[VERSION, 1, WITHOUT_AUTHENTICATION],
        Some(_) => &[VERSION, 2, WITHOUT_AUTHENTICATION, USER_AND_PASSWORD],
    };
    send(stream, greeting).await?;
    let [version, method] = receive(stream).await?;
    check_version(version)?;
    match (method, user) {
        (WITHOUT_AUTHENTICATION, _) => Ok(()),
        (USER_AND_PASSWORD, Some((name, password))) => authenticate(stream, name, password).await,
        (NONE_ACCEPTABLE, None) => Err(ProxyError::CredentialsMissing { schemes: String::new() }),
        (NONE_ACCEPTABLE, Some(_)) => Err(ProxyError::SocksMethods),
        (other, _) => Err(ProxyError::SocksMalformed { what: "method that was not offered", value: other }),
    }
}

/// RFC 1929 §2.
async fn authenticate(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    name: &str,
    password: &str,
) -> Result<(), ProxyError> {
    let mut request = vec![AUTHENTICATION_VERSION];
    for text in [name, password] {
        request.push(u8::try_from(text.len()).expect("a proxy's user was checked when it was made"));
        request.extend_from_slice(text.as_bytes());
    }
    send(stream, &request).await?;
    // "A STATUS field of X'00' indicates success." Some proxies send the version of SOCKS in front of it.
    let [_version, status] = receive(stream).await?;
    if status == 0 { Ok(()) } else { Err(ProxyError::CredentialsRefused) }
}

/// RFC 1928 §4: CONNECT.
fn request(host: &Host<String>, port: u16) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host {
        Host::Ipv4(ip) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Host::Ipv6(ip) => {
            request.push(IPV6);
            request.extend_from_slice(&ip.octets());
        }
        Host::Domain(name) => {
            // The root's dot says nothing to a proxy, and some look it up as it stands.
            let name = name.strip_suffix('.').unwrap_or(name);
            let length = u8::try_from(name.len())
                .map_err(|_| ProxyError::HostUnusable { host: name.chars().take(64).collect() })?;
            request.extend_from_slice(&[DOMAIN, length]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

fn check_version(version: u8) -> Result<(), ProxyError> {
    if version == VERSION {
        Ok(())
    } else {
        Err(ProxyError::SocksMalformed { what: "version", value: version })
    }
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> Result<(), ProxyError> {
    stream.write_all(bytes).await.map_err(failed)?;
    stream.flush().await.map_err(failed)
}

async fn receive<const N: usize>(stream: &mut (impl AsyncRead + Unpin)) -> Result<[u8; N], ProxyError> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(failed)?;
    Ok(bytes)
}

fn failed(error: std::io::Error) -> ProxyError {
    Error::Io(error).into_proxy_error()
}

const VERSION: u8 = 5;

const AUTHENTICATION_VERSION: u8 = 1;

const WITHOUT_AUTHENTICATION: u8 = 0;

const USER_AND_PASSWORD: u8 = 2;

const NONE_ACCEPTABLE: u8 = 0xff;

const CONNECT: u8 = 1;

const IPV4: u8 = 1;

const DOMAIN: u8 = 3;

const IPV6: u8 = 4;
