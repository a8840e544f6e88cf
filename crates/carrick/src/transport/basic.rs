//! Basic authentication (RFC 7617), to a server or to a proxy.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderValue;

/// The value of `Authorization` or `Proxy-Authorization` for a name and a password.
///
/// # Errors
///
/// Why this name cannot be sent.
pub(crate) fn basic_authorization(name: &str, password: &str) -> Result<HeaderValue, &'static str> {
    // RFC 7617 §2: "a user-id containing a colon character is invalid", since the first colon ends it.
    if name.contains(':') {
        return Err("user name of basic authentication has a colon");
    }
    let credentials = format!("Basic {}", STANDARD.encode(format!("{name}:{password}")));
    let mut value = HeaderValue::try_from(credentials).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_joined_by_the_first_colon() {
        // The example of RFC 7617 §2.
        let value = basic_authorization("Aladdin", "open sesame").unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
        assert_eq!(basic_authorization("a", "b:c").unwrap(), "Basic YTpiOmM=");
        assert!(basic_authorization("a:b", "c").is_err());
    }
}
