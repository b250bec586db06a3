//! Rules over the text of files.
//!
//! What a rule looks for is put together from pieces, so that this file does not break it itself.

use super::Breach;
use super::tree::{File, Tree};

/// More lines than this need a reason.
const LONG: usize = 600;
const LONG_BECAUSE: &str = "// tidy: long because ";

/// **header**: a Rust file begins with `//!`, saying what it is for and what it must not know. A
/// file whose purpose needs no sentence is in the wrong place.
pub(crate) fn header(tree: &Tree) -> Vec<Breach> {
    tree.rust()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| Breach::new(&file.path, "begins without a `//!` header"))
        .collect()
}

/// **length**: a file is one idea. One of more than 600 lines says in a line of its own why it is
/// one: `// tidy: long because …`.
pub(crate) fn length(tree: &Tree) -> Vec<Breach> {
    tree.rust()
        .filter(|file| file.text.lines().count() > LONG)
        .filter(|file| {
            !file
                .text
                .lines()
                .any(|line| line.trim().strip_prefix(LONG_BECAUSE).is_some_and(|reason| reason.len() >= 10))
        })
        .map(|file| {
            let lines = file.text.lines().count();
            Breach::new(&file.path, format!("{lines} lines; split it, or say `{LONG_BECAUSE}…`"))
        })
        .collect()
}

/// **unfinished**: nothing is left for later and no test is switched off. A test that cannot run
/// everywhere sets up what it needs.
pub(crate) fn unfinished(tree: &Tree) -> Vec<Breach> {
    let words = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut breaches = Vec::new();
    for file in tree.rust() {
        for (number, line) in numbered(file) {
            // A role that another test plays in a process of its own runs, and so does what a command of its own soaks.
            if ["role: ", "soak: "].iter().any(|reason| line.contains(&format!("#[ig{}{reason}", "nore = \""))) {
                continue;
            }
            for word in words.iter().filter(|word| line.contains(**word)) {
                breaches.push(Breach::new(place(file, number), format!("holds `{word}`")));
            }
        }
    }
    breaches
}

/// **allow**: a lint that is switched off says why, by `reason = "…"` inside the attribute.
pub(crate) fn allow(tree: &Tree) -> Vec<Breach> {
    let starts = [concat!("#[al", "low("), concat!("#![al", "low(")];
    let mut breaches = Vec::new();
    for file in tree.rust() {
        for start in starts {
            for (at, _) in file.text.match_indices(start) {
                let rest = &file.text[at..];
                let attribute = rest.split_once(")]").map_or(rest, |(attribute, _)| attribute);
                if !attribute.contains("reason = \"") {
                    let number = file.text[..at].matches('\n').count() + 1;
                    breaches.push(Breach::new(place(file, number), "switches a lint off without `reason = \"…\"`"));
                }
            }
        }
    }
    breaches
}

/// **places**: no file names a package registry's host or a folder of the machine it was written
/// on: the one belongs to the clients' settings, the other works nowhere else.
pub(crate) fn places(tree: &Tree) -> Vec<Breach> {
    let hosts = [
        ["registry", "npmjs", "org"].join("."),
        ["registry", "yarnpkg", "com"].join("."),
        ["pypi", "org"].join("."),
        ["files", "pythonhosted", "org"].join("."),
        ["static", "crates", "io"].join("."),
        ["index", "crates", "io"].join("."),
        ["deb", "debian", "org"].join("."),
        ["registry-1", "docker", "io"].join("."),
        ["proxy", "golang", "org"].join("."),
    ];
    let folders: Vec<String> = tree.machine.iter().map(|folder| folder.to_string_lossy().into_owned()).collect();
    let mut breaches = Vec::new();
    for file in &tree.files {
        for (number, line) in numbered(file) {
            for host in hosts.iter().filter(|host| line.contains(host.as_str())) {
                breaches.push(Breach::new(place(file, number), format!("names the registry host {host}")));
            }
            for folder in folders.iter().filter(|folder| holds_path(line, folder)) {
                breaches.push(Breach::new(place(file, number), format!("names {folder}, a folder of this machine")));
            }
        }
    }
    breaches
}

/// Whether the path stands in the line as a whole: `/src` is not in `/app/src` nor in `/srcs`.
fn holds_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let before = line[..at].chars().next_back();
        let after = line[at + path.len()..].chars().next();
        !before.is_some_and(|c| joins(c) || c == '/') && !after.is_some_and(joins)
    })
}

fn numbered(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

fn place(file: &File, line: usize) -> String {
    format!("{}:{line}", file.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(path: &str, text: &str) -> Tree {
        Tree {
            files: vec![File { path: path.into(), text: text.into() }],
            machine: vec!["/srv/checkout".into()],
            crates: Vec::new(),
        }
    }

    #[test]
    fn a_file_without_header_is_found() {
        assert_eq!(header(&tree("a.rs", "//! What for.\n")), []);
        assert_eq!(header(&tree("a.rs", "use std::fs;\n")).len(), 1);
        assert_eq!(header(&tree("a.py", "import os\n")), []);
        assert_eq!(header(&tree("fixtures/submissions/x/a.rs", "fn main() {}\n")), []);
    }

    #[test]
    fn a_long_file_says_why() {
        let long = "x\n".repeat(LONG + 1);
        assert_eq!(length(&tree("a.rs", &long)).len(), 1);
        assert_eq!(length(&tree("a.rs", &"x\n".repeat(LONG))), []);
        let reason = format!("{LONG_BECAUSE}the table of the standard is one\n{long}");
        assert_eq!(length(&tree("a.rs", &reason)), []);
        assert_eq!(length(&tree("a.rs", &format!("{LONG_BECAUSE}\n{long}"))).len(), 1);
    }

    #[test]
    fn what_is_left_for_later_is_found() {
        for text in [
            concat!("to", "do!()"),
            concat!("    #[ig", "nore = \"slow\"]"),
            concat!("// TO", "DO: later"),
            concat!("unimple", "mented!()"),
        ] {
            assert_eq!(unfinished(&tree("a.rs", text)).len(), 1, "{text}");
        }
        assert_eq!(unfinished(&tree("a.rs", "let methodology = 1;")), []);
    }

    #[test]
    fn a_lint_is_switched_off_with_a_reason() {
        let start = concat!("#[al", "low(");
        let bare = format!("fn a() {{}}\n{start}dead_code)]\n");
        assert_eq!(
            allow(&tree("a.rs", &bare)),
            [Breach::new("a.rs:2", "switches a lint off without `reason = \"…\"`")]
        );
        let spread = format!("{start}\n    dead_code,\n    reason = \"used by tests of others\"\n)]\n");
        assert_eq!(allow(&tree("a.rs", &spread)), []);
    }

    #[test]
    fn places_of_one_machine_are_found() {
        let host = ["pypi", "org"].join(".");
        assert_eq!(places(&tree("a.md", &format!("see https://{host}/simple"))).len(), 1);
        assert_eq!(places(&tree("a.md", "cd /srv/checkout/x")).len(), 1);
        assert_eq!(places(&tree("a.md", "cd /srv/checkouts; ls /app/srv/checkout")), []);
    }
}
