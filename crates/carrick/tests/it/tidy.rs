//! What holds for every Rust file of the repository and no lint checks.

use std::path::Path;

use proc_macro2::TokenTree;

use crate::source::{FoundPath, SourceFile, facts, ident, rust_files};

const MAX_LINES: usize = 600;
const MAX_LINES_OF_INLINE_TESTS: usize = 150;

/// The files that may switch the lint for `unsafe` off, as ARCHITECTURE.md has them.
const MAY_BE_UNSAFE: &[&str] =
    &["crates/carrick/src/protocol/connection/message.rs", "crates/carrick/src/protocol/payload/mask.rs"];

/// Folders that only exist on somebody's machine. Each is in two parts, for this file is checked too.
const MACHINE_FOLDERS: &[(&str, &str)] =
    &[("/ho", "me/"), ("/Us", "ers/"), ("/ro", "ot/"), ("/wo", "rk/"), ("C:", "\\")];

#[test]
fn every_file_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = rust_files(&root);
    assert!(files.iter().any(|file| file.name == "crates/carrick/src/lib.rs"), "this is the repository");
    assert_eq!(files.iter().flat_map(complaints).collect::<Vec<_>>(), Vec::<String>::new());
}

fn complaints(file: &SourceFile) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut complain = |line: usize, text: String| complaints.push(format!("{}:{line}: {text}", file.name));

    let lines = file.text.lines().count();
    if lines > MAX_LINES {
        complain(lines, format!("the file has {lines} lines, limit is {MAX_LINES}"));
    }
    for (i, line) in file.text.lines().enumerate() {
        if has_open_end(line) {
            complain(i + 1, "something is left to do without the number of an issue".to_owned());
        }
        if has_machine_folder(line) {
            complain(i + 1, "a folder of one machine".to_owned());
        }
    }

    let facts = facts(file, &[]);
    for (first, last) in &facts.test_modules {
        let lines = last - first + 1;
        if lines > MAX_LINES_OF_INLINE_TESTS {
            complain(
                *first,
                format!("inline tests have {lines} lines, limit is {MAX_LINES_OF_INLINE_TESTS}: move them"),
            );
        }
    }
    for attribute in &facts.attributes {
        let line = attribute.first().map_or(0, |token| token.span().start().line);
        let words = words(attribute);
        let lint =
            words.first().is_some_and(|first| matches!(first.as_str(), "expect" | "allow" | "cfg_attr"));
        if words.first().is_some_and(|first| first == "ignore" || first == "cfg_attr")
            && words.iter().any(|word| word == "ignore")
        {
            complain(line, "a test that does not run".to_owned());
        }
        if lint
            && words.iter().any(|word| word == "unsafe_code")
            && !MAY_BE_UNSAFE.contains(&file.name.as_str())
        {
            complain(line, "unsafe code in a file that is not on the list".to_owned());
        }
    }
    for path in facts.paths.iter().filter(|path| is_sleep(&path.parts) && is_test(file, path)) {
        complain(path.line, "a test that sleeps".to_owned());
    }
    complaints
}

/// Every word of an attribute, also those in its parentheses.
fn words(tokens: &[TokenTree]) -> Vec<String> {
    tokens
        .iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) => words(&group.stream().into_iter().collect::<Vec<_>>()),
            _ => ident(Some(token)).into_iter().collect(),
        })
        .collect()
}

fn is_sleep(parts: &[String]) -> bool {
    let mut parts = parts.iter().rev().map(String::as_str);
    parts.next() == Some("sleep") && matches!(parts.next(), Some("thread" | "time"))
}

fn is_test(file: &SourceFile, path: &FoundPath) -> bool {
    let in_folder = file.name.split('/').any(|part| part == "tests" || part == "tests.rs");
    in_folder || path.module.iter().any(|module| module == "tests")
}

/// Whether the line has the word that must be followed by the number of an issue, as in `TODO #12`.
fn has_open_end(line: &str) -> bool {
    let Some((_, rest)) = line.split_once(concat!("TO", "DO")) else { return false };
    let number = rest.trim_start_matches([' ', '(', ':']).strip_prefix('#');
    !number.is_some_and(|number| number.starts_with(|digit: char| digit.is_ascii_digit()))
}

/// Whether a folder of a machine starts in the line; `https://example.com/home/` does not start there.
fn has_machine_folder(line: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|(first, second)| {
        let folder = format!("{first}{second}");
        line.match_indices(&folder).any(|(i, _)| {
            let before = line.get(..i).and_then(|text| text.chars().next_back());
            !before.is_some_and(|before| before.is_alphanumeric() || "-._~/*".contains(before))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints_about(name: &str, text: &str) -> Vec<String> {
        complaints(&SourceFile::new(name, text))
    }

    const NAME: &str = "crates/carrick/src/tested.rs";

    #[test]
    fn long_files_and_long_inline_tests_are_found() {
        let lines = |n: usize| "\n".repeat(n);
        assert_eq!(complaints_about(NAME, &lines(MAX_LINES)).len(), 0);
        assert_eq!(complaints_about(NAME, &lines(MAX_LINES + 1)).len(), 1);

        let tests = |n: usize| format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{{}}}\n", lines(n));
        assert_eq!(complaints_about(NAME, &tests(MAX_LINES_OF_INLINE_TESTS - 1)).len(), 0);
        assert_eq!(complaints_about(NAME, &tests(MAX_LINES_OF_INLINE_TESTS)).len(), 1);
    }

    #[test]
    fn what_is_left_to_do_needs_a_number() {
        let word = concat!("TO", "DO");
        for (rest, expected) in [(" #12: x", 0), ("(#12)", 0), (": x", 1), ("", 1), (" see #", 1)] {
            assert_eq!(complaints_about(NAME, &format!("// {word}{rest}")).len(), expected, "{rest}");
        }
    }

    #[test]
    fn tests_that_do_not_run_are_found() {
        for attribute in ["ignore", "ignore = \"slow\"", "cfg_attr(windows, ignore)"] {
            let text = format!("#[test]\n#[{attribute}]\nfn t() {{}}");
            assert_eq!(complaints_about(NAME, &text), [format!("{NAME}:2: a test that does not run")]);
        }
        assert_eq!(complaints_about(NAME, "/// ```ignore\nfn ignore() { ignore() }").len(), 0);
    }

    #[test]
    fn tests_that_sleep_are_found() {
        for (name, text, expected) in [
            ("crates/carrick/tests/it/t.rs", "fn t() { std::thread::sleep(d) }", 1),
            ("crates/carrick/tests/it/t.rs", "use tokio::time::{self, sleep};", 1),
            ("crates/carrick/tests/it/t.rs", "fn t() { time::sleep(d).await }", 1),
            ("crates/carrick/src/a/tests.rs", "fn t() { thread::sleep(d) }", 1),
            (NAME, "mod tests { fn t() { thread::sleep(d) } }", 1),
            (NAME, "async fn wait() { tokio::time::sleep(d).await } mod tests { fn t() {} }", 0),
            ("crates/carrick/tests/it/t.rs", "// thread::sleep\nfn t() { \"thread::sleep\"; }", 0),
        ] {
            assert_eq!(complaints_about(name, text).len(), expected, "{name}: {text}");
        }
    }

    #[test]
    fn unsafe_code_stays_in_the_files_on_the_list() {
        for attribute in [
            "#[expect(unsafe_code, reason = \"\")]",
            "#![allow(unsafe_code)]",
            "#[expect(dead_code, unsafe_code)]",
        ] {
            let text = format!("{attribute}\nfn f() {{}}");
            assert_eq!(complaints_about(NAME, &text).len(), 1, "{attribute}");
            assert_eq!(complaints_about(MAY_BE_UNSAFE[0], &text).len(), 0, "{attribute}");
        }
    }

    #[test]
    fn folders_of_one_machine_are_found() {
        for (first, second) in MACHINE_FOLDERS {
            let text = format!("const A: &str = \"{first}{second}x\";");
            assert_eq!(complaints_about(NAME, &text.replace('\\', "\\\\")).len(), 1, "{text}");
            assert_eq!(complaints_about(NAME, &format!("// https://example.com{first}{second}x")).len(), 0);
        }
    }
}
