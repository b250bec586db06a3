//! Steps of Liquibase changelogs in XML, YAML, JSON and formatted SQL. Each change set is a migration of its own.

use super::{Change, Read, plain, sql};
use crate::tree;

/// Lines of one changelog that are read.
const MOST: usize = 20_000;
/// Lines in which a change names its table.
const NEAR: usize = 12;

pub(super) fn is_one(path: &str, text: &str) -> bool {
    let known = matches!(tree::extension(path), "xml" | "yaml" | "yml" | "json");
    known && text.contains("databaseChangeLog") || text.trim_start().starts_with("--liquibase formatted sql")
}

pub(super) fn read(text: &str) -> Vec<Read> {
    if text.trim_start().starts_with("--liquibase") {
        return formatted(text);
    }
    let lines: Vec<&str> = text.lines().take(MOST).collect();
    let xml = text.trim_start().starts_with('<');
    let mut steps = Vec::new();
    let (mut unit, mut back) = (0, None::<usize>);
    for (at, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let word: String = line
            .trim_start_matches(|c: char| !c.is_ascii_alphabetic() && c != '/')
            .chars()
            .take_while(|c| c.is_ascii_alphabetic() || *c == '/')
            .collect();
        // What takes a change set back ends with its element, or where the text is no further in.
        if let Some(of) = back {
            let over = if xml { word == "/rollback" } else { indent <= of && !line.trim().is_empty() };
            if over {
                back = None;
            } else {
                continue;
            }
        }
        let change = match word.as_str() {
            "changeSet" => {
                unit += 1;
                continue;
            }
            "rollback" if !line.contains("</rollback>") => {
                back = Some(indent);
                continue;
            }
            "createTable" => Change::CreateTable,
            "dropTable" => Change::DropTable,
            "renameTable" => Change::RenameTable,
            "dropColumn" => Change::DropColumn,
            "renameColumn" => Change::RenameColumn,
            "modifyDataType" => Change::RetypeColumn(named(&lines[at..], "newDataType").unwrap_or_default()),
            "addNotNullConstraint" => Change::Require,
            "createIndex" => Change::CreateIndex { concurrently: false },
            "addColumn" => {
                let near = lines[at..].iter().take(NEAR);
                let text: String = near.copied().take_while(|line| !line.contains("/addColumn")).collect();
                let plain: String = text.chars().filter(|c| !matches!(c, '"' | '\'' | ' ')).collect();
                let required = plain.contains("nullable=false") || plain.contains("nullable:false");
                if !required || plain.contains("defaultValue") {
                    continue;
                }
                Change::AddRequired
            }
            _ => continue,
        };
        let table =
            named(&lines[at..], "tableName").or_else(|| named(&lines[at..], "oldTableName")).unwrap_or_default();
        steps.push((u32::try_from(at + 1).unwrap_or(u32::MAX), unit, plain(&table), change));
    }
    steps
}

/// The value of the first such attribute or key in the lines near.
fn named(lines: &[&str], name: &str) -> Option<String> {
    lines.iter().take(NEAR).find_map(|line| {
        let (before, rest) = line.split_once(name)?;
        if before.ends_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        let rest = rest.trim_start_matches(['"', '\'']).trim_start().strip_prefix(['=', ':'])?.trim_start();
        let end = |c: char| matches!(c, '"' | '\'' | ',' | '>') || c.is_whitespace();
        let value = rest.trim_start_matches(['"', '\'']).split(end).next()?;
        (!value.is_empty()).then(|| value.to_owned())
    })
}

/// SQL under `--changeset author:id` comments.
fn formatted(text: &str) -> Vec<Read> {
    let mut steps = Vec::new();
    let (mut unit, mut start, mut lines) = (0, 1, Vec::new());
    let mut flush = |unit: usize, start: u32, lines: &mut Vec<&str>| {
        let found = sql::read(&lines.join("\n"), start);
        steps.extend(found.into_iter().map(|(line, _, table, change)| (line, unit, table, change)));
        lines.clear();
    };
    for (at, line) in text.lines().take(MOST).enumerate() {
        if line.trim_start().to_ascii_lowercase().starts_with("--changeset") {
            flush(unit, start, &mut lines);
            unit += 1;
            start = u32::try_from(at + 1).unwrap_or(u32::MAX);
        }
        // A rollback is a comment, which the lexer leaves out.
        lines.push(line);
    }
    flush(unit, start, &mut lines);
    steps
}
