//! Paths and environment variables that a README names.

use std::collections::BTreeSet;

use harness_kit::{Claim, ClaimKind};

use super::{Known, Line, claim, words_of};
use crate::tree;

/// Extensions of files that people write.
const WRITTEN: &[&str] = &[
    "py", "ts", "tsx", "js", "mjs", "cjs", "go", "rs", "java", "kt", "rb", "php", "cs", "sql", "yml", "yaml", "toml",
    "json", "sh", "md", "ini", "cfg", "prisma", "gradle", "xml", "http",
];

/// Paths in code spans, links and maps of the code that can be checked.
pub(super) fn paths(known: &Known<'_>, lines: &[Line<'_>]) -> Vec<Claim> {
    let mut found = Vec::new();
    for line in lines {
        let mut add = |path: &str| {
            if !known.is_made(path) {
                let wrong = (!known.has(path)).then(|| "it is not in the tree".to_owned());
                found.push(claim(ClaimKind::Path, path, line.number, wrong));
            }
        };
        if line.block.is_some() {
            // A map of the code: the first word of a line that is plainly a path.
            let word = line.text.split_whitespace().next().unwrap_or("");
            if matches!(line.block, Some("" | "text" | "txt" | "plaintext"))
                && line.text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && line.text.split_whitespace().count() > 1
                && word.contains('/')
                && begins_in_tree(known, word)
                && is_plain(word)
            {
                add(word);
            }
            continue;
        }
        let lower = line.text.to_lowercase();
        // What somebody is told to make, or a tool makes, need not be there.
        let made = ["creat", "generat", "writes", "written", "save", "download", "output", "produce", "export", "copy"]
            .iter()
            .any(|word| lower.contains(word));
        if !made {
            line.spans().filter(|span| is_path(known, span)).for_each(&mut add);
        }
        for target in line.text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let target = target.split(['#', '?']).next().unwrap_or("");
            if !target.is_empty() && !target.contains(':') && !target.starts_with('/') && is_plain(target) {
                add(target);
            }
        }
    }
    found
}

fn is_plain(word: &str) -> bool {
    word.len() <= 150 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
}

fn begins_in_tree(known: &Known<'_>, path: &str) -> bool {
    let first = path.trim_start_matches("./").split('/').next().unwrap_or("");
    !first.is_empty() && known.paths.contains(first)
}

fn is_path(known: &Known<'_>, span: &str) -> bool {
    if !is_plain(span) || span.starts_with(['/', '-']) || span.contains("..") || span.starts_with("www.") {
        return false;
    }
    let name = tree::file_name(span.trim_end_matches('/'));
    let written = WRITTEN.contains(&tree::extension(name)) && name.len() > tree::extension(name).len() + 1;
    let served = ["openapi", "swagger", "api-docs"].iter().any(|word| name.contains(word));
    if span.contains('/') {
        // `application/json`, `feature/x`, `owner/image`: not of this tree.
        return begins_in_tree(known, span)
            && (written || span.ends_with('/') || known.has(span) || is_module_folder(known, span))
            || written
                && !served
                && span.matches('/').count() >= 1
                && !span.contains("://")
                && begins_in_tree(known, span);
    }
    // A name alone: of a script only where it cannot be the name of a library.
    let library = matches!(tree::extension(name), "js" | "md") || name.starts_with(|c: char| c.is_ascii_uppercase());
    (written && !library && !served) || matches!(name, "Dockerfile" | "Makefile" | "Procfile" | "justfile")
}

/// `app/models`: a folder that would lie beside others of the same kind.
fn is_module_folder(known: &Known<'_>, span: &str) -> bool {
    let above = span.trim_end_matches('/').rsplit_once('/').map_or("", |(above, _)| above);
    known.paths.contains(above) && !tree::file_name(span).contains('.')
}

/// Variables that a README documents and nothing of the tree reads.
pub(super) fn variables(known: &Known<'_>, lines: &[Line<'_>]) -> Vec<Claim> {
    let mut documented: Vec<(&str, u32)> = Vec::new();
    for line in lines {
        let heading = line.heading.to_lowercase();
        let settings =
            ["config", "environment", "variable", "setting", "env", ".env"].iter().any(|word| heading.contains(word));
        let row = line.block.is_none() && line.text.trim_start().starts_with('|');
        if row && (settings || table_of_variables(lines, line.number)) {
            let cell = line.text.trim_start().trim_start_matches('|').split('|').next().unwrap_or("");
            documented.extend(
                cell.split('`').skip(1).step_by(2).filter(|name| is_variable(name)).map(|name| (name, line.number)),
            );
        } else if line.block.is_none() && settings && line.text.trim_start().starts_with(['-', '*']) {
            let first = line.spans().next().filter(|name| is_variable(name)).map(str::len);
            // The span again, with the line's own lifetime.
            let span = first.and_then(|_| line.text.split('`').nth(1));
            documented.extend(span.map(|name| (name, line.number)));
        } else if matches!(line.block, Some("env" | "dotenv" | "ini" | "properties")) {
            let name = line.text.trim().split('=').next().unwrap_or("");
            documented.extend(is_variable(name).then_some((name, line.number)));
        }
    }
    if documented.is_empty() {
        return Vec::new();
    }
    let mut words: BTreeSet<String> = BTreeSet::new();
    let mut prefixes: Vec<String> = Vec::new();
    for (path, text) in known.texts.iter().filter(|(path, _)| !tree::is_document(path) || tree::is_example(path)) {
        words.extend(words_of(text).into_keys());
        if tree::language(path).is_some() {
            prefixes.extend(prefix_of(text));
        }
    }
    documented
        .into_iter()
        .map(|(name, line)| {
            let lower = name.to_ascii_lowercase();
            let short = prefixes.iter().find_map(|prefix| lower.strip_prefix(prefix.as_str()));
            // `app.jwt.secret` and `JWT:Secret` are read from APP_JWT_SECRET and JWT__SECRET.
            let parts: Vec<&str> = lower.split('_').filter(|part| !part.is_empty()).collect();
            let spelled = words.contains(&lower)
                || words.contains(&lower.replace('_', ""))
                || short.is_some_and(|short| words.contains(short))
                || (is_bound_by_parts(known) && parts.iter().all(|part| words.contains(*part)));
            let wrong = (!spelled).then(|| "nothing in the tree reads it".to_owned());
            claim(ClaimKind::Variable, name, line, wrong)
        })
        .collect()
}

/// Frameworks that bind variables by the parts of their names.
fn is_bound_by_parts(known: &Known<'_>) -> bool {
    known.has_file_named(&["application.properties", "application.yml", "application.yaml", "appsettings.json"])
        || known.texts.iter().any(|(_, text)| text.contains("env_nested_delimiter") || text.contains("AutomaticEnv"))
}

/// `env_prefix="APP_"` of settings classes.
fn prefix_of(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("env_prefix")?;
    let quoted = rest.split(['"', '\'']).nth(1)?;
    (!quoted.is_empty() && quoted.len() < 40).then(|| quoted.to_ascii_lowercase())
}

fn is_variable(name: &str) -> bool {
    name.len() >= 4
        && name.contains('_')
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether the table around a line says in its head that it lists variables.
fn table_of_variables(lines: &[Line<'_>], number: u32) -> bool {
    let Some(at) = lines.iter().position(|line| line.number == number) else { return false };
    let head = lines[..at].iter().rev().take(200).take_while(|line| line.text.trim_start().starts_with('|')).last();
    head.is_some_and(|head| {
        let first = head.text.trim_start().trim_start_matches('|').split('|').next().unwrap_or("").to_lowercase();
        ["variable", "setting", "env", "name", "option", "key"].iter().any(|word| first.contains(word))
    })
}
