//! Finds the file that defines what a path names.

use std::collections::HashMap;

use crate::source::{Facts, SourceFile, facts};

/// The modules of one crate.
pub(crate) struct Modules {
    pub(crate) files: Vec<(SourceFile, Facts)>,
    /// Module path → index into `files`; inline modules lead to the file they are written in.
    by_path: HashMap<Vec<String>, usize>,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Something of another crate.
    External,
    Module(Vec<String>),
    Item {
        module: Vec<String>,
        name: String,
    },
}

impl Modules {
    /// `files` are named by their path below `src`.
    pub(crate) fn new(files: Vec<SourceFile>) -> Modules {
        let mut modules = Modules { files: Vec::new(), by_path: HashMap::new() };
        for file in files {
            let path = module_path(&file.name);
            let facts = facts(&file, &path);
            for inline in &facts.inline_modules {
                modules.by_path.insert(inline.clone(), modules.files.len());
            }
            modules.by_path.insert(path, modules.files.len());
            modules.files.push((file, facts));
        }
        modules
    }

    /// The file that a module is, or is written in.
    pub(crate) fn file_of(&self, module: &[String]) -> Option<&(SourceFile, Facts)> {
        self.by_path.get(module).and_then(|i| self.files.get(*i))
    }

    /// Follows a path that stands in `module`, through every import on its way.
    pub(crate) fn resolve(&self, module: &[String], parts: &[String]) -> Option<Target> {
        self.follow(module, parts, 0)
    }

    fn follow(&self, module: &[String], parts: &[String], depth: usize) -> Option<Target> {
        if depth > MAX_IMPORTS {
            return None;
        }
        let mut here = module.to_vec();
        for (i, part) in parts.iter().enumerate() {
            match part.as_str() {
                "crate" if i == 0 => here.clear(),
                "self" if i == 0 => {}
                "super" => {
                    here.pop()?;
                }
                "*" => break,
                name => {
                    match self.name_in(&here, name, (i == 0).then_some(parts), i + 1 == parts.len(), depth) {
                        Some(Target::Module(next)) => here = next,
                        Some(found) => return Some(found),
                        None if i == 0 => return Some(Target::External),
                        None => return None,
                    }
                }
            }
        }
        Some(Target::Module(here))
    }

    /// `import` is the path itself where its first name is looked up, which must not lead to itself; `last` is whether
    /// nothing follows the name: then it may be a function that is called as the module it comes from.
    fn name_in(
        &self,
        here: &[String],
        name: &str,
        import: Option<&[String]>,
        last: bool,
        depth: usize,
    ) -> Option<Target> {
        let child = [here, &[name.to_owned()]].concat();
        let is_module = self.by_path.contains_key(&child);
        if is_module && !last {
            return Some(Target::Module(child));
        }
        let (_, facts) = self.file_of(here)?;
        if facts.items.iter().any(|item| item.module == here && item.name == name) {
            return Some(Target::Item { module: here.to_vec(), name: name.to_owned() });
        }
        let found = facts.imports.iter().find(|found| {
            // `use http;` and `use bytes::bytes` do not lead to themselves.
            found.module == here && found.name == name && import != Some(&found.path)
        });
        match found {
            Some(import) => self.follow(here, &import.path, depth + 1),
            None => is_module.then_some(Target::Module(child)),
        }
    }
}

/// `protocol/frame/header.rs` is `protocol::frame::header`.
fn module_path(name: &str) -> Vec<String> {
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    let mut parts: Vec<_> = stem.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] {
        parts.pop();
    }
    parts
}

/// More imports in a row than anybody writes: a circle.
const MAX_IMPORTS: usize = 16;
