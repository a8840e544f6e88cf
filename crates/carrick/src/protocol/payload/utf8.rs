//! UTF-8 as RFC 3629 defines it, checked across fragments.

use std::{fmt, str};

/// Checks text that arrives in pieces, without keeping the pieces.
///
/// A code point may be cut by the end of a piece (RFC 6455 §5.6: "a particular text frame might include a partial UTF-8
/// sequence; however, the whole message MUST contain valid UTF-8"). The checker keeps the at most three bytes of it. It
/// fails at the first byte after which no continuation can make the text valid, also when the piece ends with that byte.
///
/// ```
/// use carrick::protocol::Utf8;
///
/// let mut utf8 = Utf8::new();
/// assert!(utf8.check(b"gr\xc3").is_ok());
/// assert!(utf8.check(b"\xbc\xc3\x9fe").is_ok());
/// assert!(utf8.finish().is_ok());
///
/// // A surrogate is seen at its second byte.
/// assert!(utf8.check(b"\xed\xa0").is_err());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8 {
    /// The bytes of a code point that was cut; those from `length` on are meaningless.
    cut: [u8; 4],
    /// 0 <= length <= 3
    length: u8,
}

impl Utf8 {
    /// A checker at the start of a text.
    #[must_use]
    pub fn new() -> Utf8 {
        Utf8::default()
    }

    /// Checks the next piece of the text.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] as soon as no further bytes could make the text valid. The checker is then at the start of a new text.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), NotUtf8> {
        let rest = if self.length == 0 { bytes } else { self.complete(bytes)? };
        let tail = if rest.len() < SIMD_BYTES { check_short(rest)? } else { check_long(rest)? };
        // An empty tail must not forget what `complete` has kept of a piece too short to end the code point.
        if !tail.is_empty() {
            self.keep(tail);
        }
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    ///
    /// [`NotUtf8`] when the text ends inside a code point. In both cases the checker is then at the start of a new text.
    pub fn finish(&mut self) -> Result<(), NotUtf8> {
        let length = std::mem::take(&mut self.length);
        if length == 0 { Ok(()) } else { Err(NotUtf8) }
    }

    /// Adds bytes to the code point that was cut, until it is complete, and returns the bytes after it.
    fn complete<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], NotUtf8> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            let length = usize::from(self.length);
            let mut sequence = self.cut;
            if let Some(next) = sequence.get_mut(length) {
                *next = byte;
            }
            self.length = 0;
            let tail = check_short(sequence.get(..=length).unwrap_or_default())?;
            if tail.is_empty() {
                return Ok(rest);
            }
            self.keep(tail);
        }
        Ok(rest)
    }

    fn keep(&mut self, tail: &[u8]) {
        for (kept, byte) in self.cut.iter_mut().zip(tail) {
            *kept = *byte;
        }
        self.length = tail.len() as u8;
    }
}

/// Checks a text that is there as a whole.
///
/// ```
/// use carrick::protocol::check_utf8;
///
/// assert!(check_utf8("κόσμε".as_bytes()).is_ok());
/// assert!(check_utf8(b"\xc0\x80").is_err());
/// ```
///
/// # Errors
///
/// [`NotUtf8`] when the bytes are no UTF-8, or end inside a code point.
pub fn check_whole(bytes: &[u8]) -> Result<(), NotUtf8> {
    let valid = if bytes.len() < SIMD_BYTES {
        str::from_utf8(bytes).is_ok()
    } else {
        simdutf8::basic::from_utf8(bytes).is_ok()
    };
    if valid { Ok(()) } else { Err(NotUtf8) }
}

/// Bytes that were to be text are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

impl fmt::Display for NotUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text is not UTF-8")
    }
}

impl std::error::Error for NotUtf8 {}

/// Returns the code point that the end of `bytes` cuts, which may still become valid.
fn check_short(bytes: &[u8]) -> Result<&[u8], NotUtf8> {
    match str::from_utf8(bytes) {
        Ok(_) => Ok(&[]),
        Err(error) => cut_code_point(bytes, error.valid_up_to(), error.error_len()),
    }
}

/// As `check_short`, for inputs that are worth the setup of vector code.
fn check_long(bytes: &[u8]) -> Result<&[u8], NotUtf8> {
    match simdutf8::compat::from_utf8(bytes) {
        Ok(_) => Ok(&[]),
        Err(error) => cut_code_point(bytes, error.valid_up_to(), error.error_len()),
    }
}

/// An error without a length is the standard library's word for "the end of the input was reached unexpectedly"; a prefix
/// that can never become valid has a length.
fn cut_code_point(bytes: &[u8], valid: usize, error_length: Option<usize>) -> Result<&[u8], NotUtf8> {
    match error_length {
        None => bytes.get(valid..).ok_or(NotUtf8),
        Some(_) => Err(NotUtf8),
    }
}

/// From this length on vector code is at least as fast as the standard library, whatever the text.
const SIMD_BYTES: usize = 64;

#[cfg(test)]
mod tests;
