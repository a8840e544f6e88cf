//! `carrick man`.

use std::{fs, io, path::Path};

use clap::CommandFactory;
use clap_mangen::{
    Man as Page,
    roff::{Roff, roman},
};

use crate::{
    args::{Args, Man},
    exit::Exit,
    failure::Failure,
    output,
};

/// Prints one page, or writes all of them.
pub(crate) fn man(args: &Man) -> Result<Exit, Failure> {
    let mut all = Args::command().name("carrick");
    all.build();
    if let Some(folder) = &args.dir {
        return write_all(&all, folder).map(|()| Exit::Fine).map_err(|error| {
            Failure::new(format!("the pages cannot be written to {}", folder.display())).because(error)
        });
    }
    let command = match &args.command {
        None => all,
        Some(name) => match all.find_subcommand(name) {
            Some(command) => command.clone(),
            None => return Err(unknown(&all, name)),
        },
    };
    // A reader that went away is no failure.
    let _ = output::whole(&page(command).map_err(Failure::from)?);
    Ok(Exit::Fine)
}

fn unknown(all: &clap::Command, name: &str) -> Failure {
    let names: Vec<_> = all.get_subcommands().map(clap::Command::get_name).collect();
    Failure::new(format!("there is no command {name:?}"))
        .with_hint(format!("the commands are {}", names.join(", ")))
        .with_exit(Exit::Usage)
}

fn write_all(all: &clap::Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let commands = all.get_subcommands().filter(|command| command.get_name() != "help");
    for command in std::iter::once(all).chain(commands) {
        fs::write(folder.join(Page::new(command.clone()).get_filename()), page(command.clone())?)?;
    }
    Ok(())
}

/// The page in roff. What stands behind the options in `--help` is set line by line here: examples and exit codes are
/// tables.
fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let notes = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.after_help(None::<&str>).after_long_help(None::<&str>);
    let has_subcommands = command.get_subcommands().any(|command| command.get_name() != "help");
    let page = Page::new(command).manual("carrick");
    let mut roff = Vec::new();
    page.render_title(&mut roff)?;
    page.render_name_section(&mut roff)?;
    page.render_synopsis_section(&mut roff)?;
    page.render_description_section(&mut roff)?;
    page.render_options_section(&mut roff)?;
    if has_subcommands {
        page.render_subcommands_section(&mut roff)?;
    }
    for section in sections(&notes) {
        let mut text = Roff::new();
        text.control("SH", [section.title.as_str()]).control("nf", []);
        for line in section.lines {
            text.text([roman(line)]);
        }
        text.control("fi", []).to_writer(&mut roff)?;
    }
    Ok(roff)
}

struct Section<'a> {
    title: String,
    lines: Vec<&'a str>,
}

/// A line that ends with a colon and starts at the margin is a title; what comes before the first one are notes.
fn sections(notes: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for line in notes.lines() {
        match line.strip_suffix(':') {
            Some(title) if !line.starts_with(' ') => {
                sections.push(Section { title: title.to_uppercase(), lines: Vec::new() });
            }
            _ => match sections.last_mut() {
                Some(section) => section.lines.push(line.trim_end()),
                None => sections.push(Section { title: "NOTES".to_owned(), lines: vec![line.trim_end()] }),
            },
        }
    }
    for section in &mut sections {
        while section.lines.last().is_some_and(|line| line.is_empty()) {
            section.lines.pop();
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_part_the_notes() {
        let sections = sections("Word.\n\nExamples:\n  a b\n\nExit codes:\n  0  fine");
        let titles: Vec<_> = sections.iter().map(|section| section.title.as_str()).collect();
        assert_eq!(titles, ["NOTES", "EXAMPLES", "EXIT CODES"]);
        assert_eq!(sections[1].lines, ["  a b"]);
    }
}
