//! Text of strangers on a terminal: nothing in it may move the cursor or change the screen.

use std::{borrow::Cow, fmt::Write};

/// The text with its control characters written out. Line ends and tabs stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escape(text, |character| is_dangerous(character) && !matches!(character, '\n' | '\t'))
}

/// The text in one line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_dangerous)
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters of both sets, and those that turn the direction of writing.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_the_screen_is_written_out() {
        assert_eq!(lines("a\x1b[2Jb\u{9b}c\rd"), "a\\u{1b}[2Jb\\u{9b}c\\rd");
        assert_eq!(lines("name\u{202e}gpj.exe"), "name\\u{202e}gpj.exe");
        assert_eq!(lines("two\n\tlines"), "two\n\tlines");
        assert_eq!(line("two\nlines"), "two\\nlines");
        assert!(matches!(lines("Grüße, 世界 👋"), Cow::Borrowed(_)));
    }
}
