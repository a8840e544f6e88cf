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

/// JSON that stays the same JSON: what is dangerous stands inside of strings there, apart from blanks.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    let is_escaped = |character| is_dangerous(character) && !character.is_ascii_whitespace();
    escape_as(json, is_escaped, |escaped, character| {
        // All of them are in the first plane.
        let _ = write!(escaped, "\\u{:04x}", u32::from(character));
    })
}

fn escape(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    escape_as(text, is_escaped, |escaped, character| escaped.extend(character.escape_default()))
}

fn escape_as(
    text: &str,
    is_escaped: impl Fn(char) -> bool,
    write: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            write(&mut escaped, character);
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
        assert_eq!(json("[\"a\u{9b}\u{202e}\",\n1]"), "[\"a\\u009b\\u202e\",\n1]");
        assert!(matches!(lines("Grüße, 世界 👋"), Cow::Borrowed(_)));
    }
}
