//! Header values that hold lists: tokens, quoted strings, extensions with parameters.
//!
//! The grammar is that of RFC 6455 §9.1 on the tokens of RFC 9110 §5.6. Parsers take bytes and borrow from them.

use std::{borrow::Cow, fmt};

use http::{HeaderMap, HeaderName};

/// Why a header that holds a list was not understood.
///
/// ```
/// use carrick::protocol::ListError;
///
/// let error = ListError::TooManyElements { limit: 64 };
/// assert_eq!(error.to_string(), "it has more than 64 elements");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// A byte stands where the grammar allows none like it.
    Syntax,
    /// The header is there but holds no element.
    Empty,
    /// More elements than the limit, empty ones included.
    TooManyElements {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::Syntax => f.write_str("it does not follow the grammar of the header"),
            ListError::Empty => f.write_str("it has no element"),
            ListError::TooManyElements { limit } => write!(f, "it has more than {limit} elements"),
        }
    }
}

impl std::error::Error for ListError {}

/// One member of Sec-WebSocket-Extensions.
#[derive(Debug, PartialEq)]
pub(super) struct Extension<'a> {
    pub(super) name: &'a str,
    pub(super) parameters: Vec<Parameter<'a>>,
}

/// A parameter of an extension. A value that was quoted is already unquoted.
#[derive(Debug, PartialEq)]
pub(super) struct Parameter<'a> {
    pub(super) name: &'a str,
    pub(super) value: Option<Cow<'a, str>>,
}

/// The members of every Sec-WebSocket-Extensions header, in order.
pub(super) fn extensions<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Vec<Extension<'a>>, ListError> {
    list(headers, name, extension)
}

/// The members of a header that is a list of tokens, repeated headers joined in order.
pub(super) fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Vec<&'a str>, ListError> {
    list(headers, name, Scanner::token)
}

/// Whether one member of a comma-separated header is `token`, in any case.
///
/// RFC 6455 §4.2.1 looks for one keyword in Upgrade and Connection and gives the other members no meaning, so they
/// are not judged either.
pub(super) fn contains_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    for value in headers.get_all(name) {
        let mut rest = value.as_bytes();
        loop {
            let comma = rest.iter().position(|byte| *byte == b',');
            let (member, behind) = rest.split_at(comma.unwrap_or(rest.len()));
            if member.trim_ascii().eq_ignore_ascii_case(token.as_bytes()) {
                return true;
            }
            let Some((_, behind)) = behind.split_first() else { break };
            rest = behind;
        }
    }
    false
}

/// Whether `bytes` are a token of RFC 9110 §5.6.2.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| is_token_byte(*byte))
}

pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `bytes` as text for a sentence that a human reads: printable, and never long whatever a peer sent.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let shown = bytes.get(..MAX_EXCERPT_BYTES).unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(shown).escape_debug().to_string();
    if shown.len() < bytes.len() {
        text.push('…');
    }
    text
}

/// Reads one header value from left to right.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(super) fn new(value: &'a [u8]) -> Scanner<'a> {
        Scanner { rest: value }
    }

    /// Skips optional whitespace: spaces and tabs.
    pub(super) fn skip_whitespace(&mut self) {
        while let Some((b' ' | b'\t', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Skips whitespace and then `byte`; tells whether `byte` was there.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Skips whitespace and reads a token.
    pub(super) fn token(&mut self) -> Option<&'a str> {
        self.skip_whitespace();
        let length = self.rest.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        if token.is_empty() {
            return None;
        }
        std::str::from_utf8(token).ok()
    }

    /// Skips whitespace and reads a token or a quoted string.
    pub(super) fn word(&mut self) -> Option<Cow<'a, str>> {
        if self.eat(b'"') { self.rest_of_quoted_string() } else { self.token().map(Cow::Borrowed) }
    }

    /// Reads up to the closing quote. Bytes above ASCII are refused: no value used here has any.
    fn rest_of_quoted_string(&mut self) -> Option<Cow<'a, str>> {
        let end = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (plain, mut rest) = self.rest.split_at_checked(end)?;
        let mut text = Cow::Borrowed(printable(plain)?);
        loop {
            let (first, after) = rest.split_first()?;
            let mut byte = *first;
            rest = after;
            if byte == b'"' {
                self.rest = rest;
                return Some(text);
            }
            if byte == b'\\' {
                let (escaped, after) = rest.split_first()?;
                byte = *escaped;
                rest = after;
            }
            text.to_mut().push_str(printable(&[byte])?);
        }
    }
}

/// Reads the members of a list with `member`, over every header of that name.
///
/// RFC 9110 §5.6.1: "A recipient MUST parse and ignore a reasonable number of empty list elements". The limit counts
/// them too, so a value of commas alone is cheap.
pub(super) fn list<'a, T>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    mut member: impl FnMut(&mut Scanner<'a>) -> Option<T>,
) -> Result<Vec<T>, ListError> {
    let mut members = Vec::new();
    let mut seen = 0;
    for value in headers.get_all(name) {
        let mut scanner = Scanner::new(value.as_bytes());
        loop {
            seen += 1;
            if seen > MAX_ELEMENTS {
                return Err(ListError::TooManyElements { limit: MAX_ELEMENTS });
            }
            if scanner.eat(b',') {
                continue;
            }
            if scanner.is_at_end() {
                break;
            }
            members.push(member(&mut scanner).ok_or(ListError::Syntax)?);
            if !scanner.eat(b',') {
                if scanner.is_at_end() {
                    break;
                }
                return Err(ListError::Syntax);
            }
        }
    }
    if members.is_empty() && seen > 0 {
        return Err(ListError::Empty);
    }
    Ok(members)
}

fn extension<'a>(scanner: &mut Scanner<'a>) -> Option<Extension<'a>> {
    let name = scanner.token()?;
    let mut parameters = Vec::new();
    while scanner.eat(b';') {
        if parameters.len() == MAX_ELEMENTS {
            return None;
        }
        let name = scanner.token()?;
        let value = if scanner.eat(b'=') { Some(scanner.word()?) } else { None };
        // RFC 6455 §9.1: "the value after quoted-string unescaping MUST conform to the 'token' ABNF."
        if value.as_ref().is_some_and(|value| !is_token(value.as_bytes())) {
            return None;
        }
        parameters.push(Parameter { name, value });
    }
    Some(Extension { name, parameters })
}

fn printable(bytes: &[u8]) -> Option<&str> {
    let allowed = bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if allowed { std::str::from_utf8(bytes).ok() } else { None }
}

/// Most elements in one list; an element with more parameters than that is a syntax error. A browser sends one
/// extension.
const MAX_ELEMENTS: usize = 64;

/// Most bytes of a peer's value that are repeated in a sentence.
const MAX_EXCERPT_BYTES: usize = 80;

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS as NAME};

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (NAME, HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_repeated_header_is_joined_and_empty_elements_are_skipped() {
        assert_eq!(tokens(&headers(&[", a,,b ,", "c"]), &NAME), Ok(vec!["a", "b", "c"]));
        assert_eq!(tokens(&headers(&[]), &NAME), Ok(vec![]));
        assert_eq!(tokens(&headers(&[" , "]), &NAME), Err(ListError::Empty));
    }

    #[test]
    fn what_is_no_token_is_a_syntax_error() {
        for value in ["a b", "a;b", "\"a\"", "a/b", "a,(b)"] {
            assert_eq!(tokens(&headers(&[value]), &NAME), Err(ListError::Syntax), "{value}");
        }
    }

    #[test]
    fn a_list_may_have_64_elements_and_not_65() {
        assert_eq!(tokens(&headers(&[&["x"; 63].join(",")]), &NAME).unwrap().len(), 63);
        assert_eq!(tokens(&headers(&[&["x"; 64].join(",")]), &NAME).unwrap().len(), 64);
        let too_many = Err(ListError::TooManyElements { limit: 64 });
        assert_eq!(tokens(&headers(&[&["x"; 65].join(",")]), &NAME), too_many);
        assert_eq!(tokens(&headers(&[&",".repeat(8000)]), &NAME), too_many);
    }

    #[test]
    fn a_quoted_value_equals_the_same_token_unquoted() {
        for value in ["e;p=10", "e; p = 10", r#"e;p="10""#, r#"e ; p="1\0""#] {
            let headers = headers(&[value]);
            let parsed = extensions(&headers, &NAME).unwrap();
            let parameters = vec![Parameter { name: "p", value: Some("10".into()) }];
            assert_eq!(parsed, [Extension { name: "e", parameters }], "{value}");
        }
    }

    #[test]
    fn a_value_that_is_no_token_after_unquoting_is_a_syntax_error() {
        for value in [r#"e;p="1 0""#, r#"e;p="""#, r#"e;p="1"#, r#"e;p="1\"#, "e;p=", "e;", "e;p=\"é\"", "=1"]
        {
            assert_eq!(extensions(&headers(&[value]), &NAME), Err(ListError::Syntax), "{value}");
        }
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(excerpt(b"a\r\nb"), "a\\r\\nb");
        assert!(excerpt(&[b'x'; 9000]).len() < 100);
    }
}
