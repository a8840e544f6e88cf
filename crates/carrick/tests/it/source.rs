//! Reads Rust sources as tokens, so that comments and strings never count, and the bodies of macros do.

use std::{fs, path::Path, slice};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file, named by its path below the folder that is looked at, with `/` between its parts.
#[derive(Clone, Debug)]
pub(crate) struct SourceFile {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn new(name: &str, text: &str) -> SourceFile {
        SourceFile { name: name.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn tokens(&self) -> Vec<TokenTree> {
        match self.text.parse::<TokenStream>() {
            Ok(tokens) => tokens.into_iter().collect(),
            Err(error) => panic!("{} is no Rust: {error}", self.name),
        }
    }
}

/// Every `.rs` file below a folder, without what was built, fetched or is hidden.
pub(crate) fn rust_files(root: &Path) -> Vec<SourceFile> {
    let mut files = Vec::new();
    collect(root, root, &mut files);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" && name != "node_modules" {
                collect(root, &path, files);
            }
        } else if name.ends_with(".rs") {
            let below = path.strip_prefix(root).expect("it was found below the root");
            let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
            let text = fs::read_to_string(&path).expect("sources are UTF-8");
            files.push(SourceFile { name: parts.join("/"), text });
        }
    }
}

/// What a file says about names. Module paths start at the root of the crate.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Modules written inside the file, with braces.
    pub(crate) inline_modules: Vec<Vec<String>>,
    pub(crate) public_modules: Vec<String>,
    pub(crate) items: Vec<Item>,
    pub(crate) imports: Vec<Import>,
    /// Every path of two or more parts, and every path that is imported.
    pub(crate) paths: Vec<FoundPath>,
    /// Names that are followed by `!`.
    pub(crate) macros: Vec<String>,
    /// The tokens inside the brackets of attributes.
    pub(crate) attributes: Vec<Vec<TokenTree>>,
    /// First and last line of each inline `mod tests`.
    pub(crate) test_modules: Vec<(usize, usize)>,
}

#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) module: Vec<String>,
    pub(crate) name: String,
    /// `pub` without a restriction, and not inside a function or block.
    pub(crate) public: bool,
}

#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) module: Vec<String>,
    /// What it is called here: the last part of the path, or what stands behind `as`.
    pub(crate) name: String,
    pub(crate) path: Vec<String>,
    pub(crate) public: bool,
}

#[derive(Debug)]
pub(crate) struct FoundPath {
    pub(crate) module: Vec<String>,
    pub(crate) parts: Vec<String>,
    pub(crate) line: usize,
}

/// Collects what a file says, which is the module `module`.
pub(crate) fn facts(file: &SourceFile, module: &[String]) -> Facts {
    let mut facts = Facts::default();
    facts.walk(&file.tokens(), module, true);
    facts
}

impl Facts {
    /// `outermost` is whether the tokens stand directly in a module, not in a block or an item.
    fn walk(&mut self, tokens: &[TokenTree], module: &[String], outermost: bool) {
        let mut i = 0;
        let mut public = false;
        while let Some(token) = tokens.get(i) {
            i += 1;
            match token {
                TokenTree::Ident(raw) => {
                    let word = raw.to_string();
                    if word == "pub" {
                        public = !is_restriction(tokens.get(i));
                        i += usize::from(!public);
                        continue;
                    }
                    i = self.word(&word, tokens, i, Place { module, public: public && outermost });
                    // Words that may stand between `pub` and the word that says what it is.
                    public &= matches!(word.as_str(), "const" | "unsafe" | "async" | "extern");
                }
                TokenTree::Group(group) => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    if group.delimiter() == Delimiter::Bracket && is_attribute(tokens, i - 1) {
                        self.attributes.push(inner.clone());
                    }
                    self.walk(&inner, module, false);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Takes a word and what belongs to it; `i` is behind the word. Returns where to go on.
    fn word(&mut self, word: &str, tokens: &[TokenTree], i: usize, place: Place<'_>) -> usize {
        let next = ident(tokens.get(i));
        match (word, next) {
            ("mod", Some(name)) => {
                if place.public {
                    self.public_modules.push(name.clone());
                }
                if let Some(TokenTree::Group(group)) = tokens.get(i + 1) {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    let module = [place.module, slice::from_ref(&name)].concat();
                    if name == "tests" {
                        let lines = (group.span_open().start().line, group.span_close().end().line);
                        self.test_modules.push(lines);
                    }
                    self.inline_modules.push(module.clone());
                    self.walk(&inner, &module, true);
                    return i + 2;
                }
                i + 1
            }
            ("use", _) => self.tree(tokens, i, Vec::new(), place),
            ("struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static", Some(name))
                if !matches!(name.as_str(), "fn" | "unsafe" | "async" | "extern" | "mut") =>
            {
                self.items.push(Item { module: place.module.to_vec(), name, public: place.public });
                // What was taken for a name may be the start of a path, as in `*const crate::A`.
                i
            }
            ("macro_rules", None) => {
                if let Some(name) = ident(tokens.get(i + 1)) {
                    self.items.push(Item { module: place.module.to_vec(), name, public: false });
                }
                i + 2
            }
            _ => self.path(tokens, i - 1, place.module),
        }
    }

    /// A path outside of `use`.
    fn path(&mut self, tokens: &[TokenTree], start: usize, module: &[String]) -> usize {
        let (parts, end) = chain(tokens, start, Vec::new());
        if is_list(tokens, end) {
            return self.list(tokens, end, &parts, Place { module, public: false });
        }
        if is_punct(tokens.get(end), '!') && !is_punct(tokens.get(end + 1), '=') {
            self.macros.extend(parts.last().cloned());
        }
        if parts.len() > 1 {
            self.found(parts, module, tokens.get(start));
        }
        end
    }

    /// One tree of `use`, up to the `,` or `;` behind it.
    fn tree(&mut self, tokens: &[TokenTree], start: usize, prefix: Vec<String>, place: Place<'_>) -> usize {
        let nested = !prefix.is_empty();
        let mut start = start;
        while is_punct(tokens.get(start), ':') {
            start += 1;
        }
        if matches!(tokens.get(start), Some(TokenTree::Group(_))) {
            return self.list(tokens, start, &prefix, place);
        }
        let (mut parts, mut end) = chain(tokens, start, prefix);
        if is_list(tokens, end) {
            return self.list(tokens, end, &parts, place);
        }
        if nested && parts.last().is_some_and(|last| last == "self") {
            parts.pop();
        }
        let Some(last) = parts.last() else { return end };
        let mut name = last.clone();
        if ident(tokens.get(end)).as_deref() == Some("as") {
            name = ident(tokens.get(end + 1)).unwrap_or_default();
            end += 2;
        }
        let module = place.module.to_vec();
        self.imports.push(Import { module, name, path: parts.clone(), public: place.public });
        self.found(parts, place.module, tokens.get(start));
        end
    }

    /// The trees of `use` in a pair of braces.
    fn list(&mut self, tokens: &[TokenTree], i: usize, prefix: &[String], place: Place<'_>) -> usize {
        if let Some(TokenTree::Group(group)) = tokens.get(i) {
            let inner: Vec<_> = group.stream().into_iter().collect();
            let mut j = 0;
            while j < inner.len() {
                j = self.tree(&inner, j, prefix.to_vec(), place) + 1;
            }
        }
        i + 1
    }

    fn found(&mut self, parts: Vec<String>, module: &[String], token: Option<&TokenTree>) {
        let line = token.map_or(0, |token| token.span().start().line);
        self.paths.push(FoundPath { module: module.to_vec(), parts, line });
    }
}

#[derive(Clone, Copy)]
struct Place<'a> {
    module: &'a [String],
    public: bool,
}

/// `a::b::c` and `a::*` from `start` on, behind `prefix`, and where it ends: behind the last name, or behind a `::` that a
/// list or generic arguments follow.
fn chain(tokens: &[TokenTree], start: usize, prefix: Vec<String>) -> (Vec<String>, usize) {
    let mut parts = prefix;
    let mut i = start;
    loop {
        match ident(tokens.get(i)) {
            Some(name) => parts.push(name),
            None if is_punct(tokens.get(i), '*') && (i > start || !parts.is_empty()) => {
                parts.push("*".to_owned());
                return (parts, i + 1);
            }
            None => return (parts, i.max(start)),
        }
        i += 1;
        if !(is_punct(tokens.get(i), ':') && is_punct(tokens.get(i + 1), ':')) {
            return (parts, i);
        }
        i += 2;
    }
}

/// Whether braces stand at `i`, behind `::`.
fn is_list(tokens: &[TokenTree], i: usize) -> bool {
    matches!(tokens.get(i), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace)
        && is_punct(i.checked_sub(1).and_then(|before| tokens.get(before)), ':')
}

/// The word without `r#`.
pub(crate) fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => {
            let word = ident.to_string();
            Some(word.strip_prefix("r#").map(str::to_owned).unwrap_or(word))
        }
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Whether this is the bracket of `#[…]` or `#![…]`.
fn is_attribute(tokens: &[TokenTree], bracket: usize) -> bool {
    let before = |n| bracket.checked_sub(n).and_then(|i| tokens.get(i));
    is_punct(before(1), '#') || (is_punct(before(1), '!') && is_punct(before(2), '#'))
}

/// Whether this is the parenthesis of `pub(crate)`, `pub(super)`, `pub(in …)`.
fn is_restriction(token: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = token else { return false };
    let inner: Vec<_> = group.stream().into_iter().collect();
    group.delimiter() == Delimiter::Parenthesis
        && match ident(inner.first()).as_deref() {
            Some("in") => true,
            Some("crate" | "super" | "self") => inner.len() == 1,
            _ => false,
        }
}
