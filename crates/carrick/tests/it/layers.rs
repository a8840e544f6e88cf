//! Folders are floors: a file imports from its own folder and from lower floors only.

mod modules;
#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use self::modules::{Modules, Target};
use crate::source::{FoundPath, SourceFile, ident, rust_files};

/// The floors of `src`, lowest first. What stands on one line is one folder to itself; a line sees the lines above it.
const FLOORS: &[&[&[&str]]] = &[
    /* F0 */ &[&["protocol/role.rs", "protocol/close_code.rs", "protocol/violation.rs"]],
    /* F1 */ &[&["protocol/payload/"]],
    /* F2 */ &[&["protocol/frame/"]],
    /* F3 */ &[&["protocol/handshake/"]],
    /* F4 */ &[&["protocol/connection/"]],
    /* F5 */ &[&["proxy_error.rs", "system.rs"]],
    /* F5 */ &[&["error.rs"]],
    /* F5 */ &[&["flow.rs"]],
    /* F5 */ &[&["transport/"]],
    /* F6 */ &[&["websocket/"], &["reactor/"]],
    /* F7 */ &[&["callback/"]],
    /* F7 */ &[&["client/"], &["server/"]],
];

/// Only lists of public names. They may import everything, and nobody may import a module through its list and get away
/// with it: a name counts for the file that defines it.
pub(crate) const LISTS: &[&str] = &["lib.rs", "guides.rs", "protocol/mod.rs"];

/// What the pure core must not touch, as the start of a path.
const IMPURE: &[&[&str]] = &[
    &["std", "net"],
    &["std", "thread"],
    &["std", "env"],
    &["std", "fs"],
    &["std", "process"],
    &["std", "time", "SystemTime"],
    &["std", "*"],
    &["std", "time", "*"],
    &["tokio"],
];

/// What is only a value, although it stands in a module that the core must not touch.
const PURE: &[&[&str]] = &[
    &["std", "net", "IpAddr"],
    &["std", "net", "Ipv4Addr"],
    &["std", "net", "Ipv6Addr"],
    &["std", "net", "SocketAddr"],
];

const PRINTING: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

#[test]
fn every_file_imports_from_its_own_folder_and_from_lower_floors_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert_eq!(complaints(rust_files(&root)), Vec::<String>::new());
}

fn complaints(files: Vec<SourceFile>) -> Vec<String> {
    let modules = Modules::new(files);
    let mut complaints = Vec::new();
    for (file, facts) in &modules.files {
        let mut complain =
            |line: usize, text: String| complaints.push(format!("{}:{line}: {text}", file.name));
        for attribute in &facts.attributes {
            if ident(attribute.first()).as_deref() == Some("path") {
                complain(0, "#[path] hides which file a module is".to_owned());
            }
        }
        if facts.macros.iter().any(|name| name == "include") {
            complain(0, "include! hides which file a name is from".to_owned());
        }
        if file.name.starts_with("protocol/") {
            for name in facts.macros.iter().filter(|name| PRINTING.contains(&name.as_str())) {
                complain(0, format!("{name}! in the pure core"));
            }
            for path in facts.paths.iter().filter(|path| is_impure(path)) {
                complain(path.line, format!("{} in the pure core", path.parts.join("::")));
            }
        }
        if file.name.starts_with("reactor/") {
            for path in
                facts.paths.iter().filter(|path| path.parts.first().is_some_and(|first| first == "tokio"))
            {
                complain(path.line, "tokio in the reactor".to_owned());
            }
        }
        if LISTS.contains(&file.name.as_str()) {
            continue;
        }
        let Some(place) = place(&file.name) else {
            complain(0, "not in the table of floors".to_owned());
            continue;
        };
        for path in &facts.paths {
            if let Err(text) = check(&modules, place, path) {
                complain(path.line, format!("{} {text}", path.parts.join("::")));
            }
        }
    }
    complaints
}

fn check(modules: &Modules, from: Place, path: &FoundPath) -> Result<(), String> {
    if path.parts.first().is_some_and(|first| first == "carrick") {
        return Err("names the crate from outside".to_owned());
    }
    if !path.parts.first().is_some_and(|first| matches!(first.as_str(), "crate" | "self" | "super")) {
        return Ok(());
    }
    let module = match modules.resolve(&path.module, &path.parts) {
        None => return Err("leads nowhere that can be told".to_owned()),
        Some(Target::External) => return Ok(()),
        Some(Target::Module(module) | Target::Item { module, .. }) => module,
    };
    let Some((file, _)) = modules.file_of(&module) else {
        return Err("leads to no file".to_owned());
    };
    if LISTS.contains(&file.name.as_str()) {
        return Err(format!("imports the list {}, import the file instead", file.name));
    }
    let Some(to) = place(&file.name) else {
        return Err(format!("leads to {}, which is not in the table of floors", file.name));
    };
    if to.floor < from.floor || to == from {
        Ok(())
    } else {
        Err(format!("leads to {}, which is not below", file.name))
    }
}

/// Which line of the table, and which folder on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    floor: usize,
    folder: usize,
}

fn place(name: &str) -> Option<Place> {
    // The tests of `x.rs` may be in `x/tests.rs`.
    let tested = name.strip_suffix("/tests.rs").map(|stem| format!("{stem}.rs"));
    let stands_in = |entry: &str| match entry.strip_suffix('/') {
        Some(_) => name.starts_with(entry),
        None => name == entry || tested.as_deref() == Some(entry),
    };
    FLOORS.iter().enumerate().find_map(|(floor, folders)| {
        let folder = folders.iter().position(|entries| entries.iter().any(|entry| stands_in(entry)))?;
        Some(Place { floor, folder })
    })
}

fn is_impure(path: &FoundPath) -> bool {
    // Whatever the clock is called here. A test may ask it once and count from there.
    let in_tests = path.module.last().is_some_and(|last| last == "tests");
    let asks_the_clock = path.parts.len() > 1 && path.parts.last().is_some_and(|last| last == "now");
    let parts: Vec<_> = path.parts.iter().map(String::as_str).collect();
    let is_impure = parts == ["std"] || IMPURE.iter().any(|start| parts.starts_with(start));
    (asks_the_clock && !in_tests) || (is_impure && !PURE.contains(&&parts[..]))
}
