//! PostgreSQL's own log, as `log_statement` fills it: entries by prefix, continuation lines, parameters.
//!
//! Follows the server's `elog.c` and `postgres.c`: a line of an entry after its first begins with a tab, parameters come
//! as a `DETAIL` of the statement before it in the same process.

use std::collections::HashMap;

use super::{Statement, Window};

/// Statements that are kept of one log, and characters of one.
const STATEMENTS: usize = 5_000;
const CHARACTERS: usize = 20_000;
/// Parameters that are kept of one statement.
const PARAMETERS: usize = 2_000;

/// Who writes the entries: the prefix that a watch gives them, and the watch's own process.
pub(super) struct Reading<'a> {
    /// What stands before the process id in every line.
    pub(super) lead: &'a str,
    pub(super) database: &'a str,
    pub(super) own: &'a str,
    /// The text that every mark holds, before its number.
    pub(super) mark: &'a str,
}

/// An entry of the log.
struct Entry {
    process: String,
    /// `LOG`, `DETAIL`, `ERROR` and so on.
    kind: String,
    text: String,
}

impl Reading<'_> {
    /// The statements between marks, in order: as many windows as there are marks but one. Statements of other databases
    /// and of the watch itself are left out.
    pub(super) fn windows(&self, lines: &[String]) -> Vec<Window> {
        let mut windows: Vec<Window> = Vec::new();
        // The statement that a DETAIL belongs to, by process: window and position.
        let mut latest: HashMap<String, (usize, usize)> = HashMap::new();
        let mut kept = 0;
        for entry in self.entries(lines) {
            if entry.process == self.own {
                if entry.kind == "LOG" && entry.text.contains(self.mark) {
                    windows.push(Vec::new());
                    latest.clear();
                }
                continue;
            }
            let Some(current) = windows.len().checked_sub(1) else { continue };
            match entry.kind.as_str() {
                "LOG" => {
                    let Some(text) = statement(&entry.text) else { continue };
                    if kept < STATEMENTS {
                        kept += 1;
                        latest.insert(entry.process, (current, windows[current].len()));
                        windows[current].push(Statement { text: text.to_owned(), ..Statement::default() });
                    }
                }
                "DETAIL" => {
                    let parameters =
                        entry.text.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("parameters"));
                    if let Some((_, list)) = parameters
                        && let Some((window, at)) = latest.get(&entry.process)
                    {
                        windows[*window][*at].parameters = read_parameters(list);
                    }
                }
                _ => {}
            }
        }
        // What follows the last mark belongs to nobody.
        windows.pop();
        windows
    }

    /// How many marks the log holds.
    pub(super) fn marks(&self, lines: &[String]) -> usize {
        self.entries(lines).filter(|entry| entry.process == self.own && entry.text.contains(self.mark)).count()
    }

    fn entries<'l>(&'l self, lines: &'l [String]) -> impl Iterator<Item = Entry> + 'l {
        let mut at = 0;
        std::iter::from_fn(move || {
            loop {
                let line = lines.get(at)?;
                at += 1;
                let Some((process, kind, text)) = self.first_line(line) else { continue };
                let mut entry = Entry { process: process.to_owned(), kind: kind.to_owned(), text: text.to_owned() };
                while let Some(more) = lines.get(at).and_then(|line| line.strip_prefix('\t')) {
                    at += 1;
                    if entry.text.len() < CHARACTERS {
                        entry.text.push('\n');
                        entry.text.push_str(more);
                    }
                }
                return Some(entry);
            }
        })
    }

    /// Process, kind and text of an entry's first line.
    fn first_line<'l>(&self, line: &'l str) -> Option<(&'l str, &'l str, &'l str)> {
        let (process, rest) = line.strip_prefix(self.lead)?.split_once(' ')?;
        let rest = rest.strip_prefix(self.database)?.strip_prefix("] ")?;
        let (kind, text) = rest.split_once(':')?;
        Some((process, kind, text.trim_start()))
    }
}

/// The SQL in the message of a statement that is about to run; `None` for every other message. Further fetches from an
/// open portal are no statements.
fn statement(message: &str) -> Option<&str> {
    if let Some(sql) = message.strip_prefix("statement: ") {
        return Some(sql);
    }
    let rest = message.strip_prefix("execute ")?;
    if rest.starts_with("fetch from ") {
        return None;
    }
    rest.split_once(": ").map(|(_, sql)| sql)
}

/// `$1 = 'it''s', $2 = NULL`.
fn read_parameters(list: &str) -> Vec<Option<String>> {
    let mut parameters = Vec::new();
    let mut rest = list;
    while parameters.len() < PARAMETERS {
        let Some((_, value)) = rest.split_once(" = ") else { break };
        if let Some(after) = value.strip_prefix("NULL") {
            parameters.push(None);
            rest = after;
            continue;
        }
        let Some(quoted) = value.strip_prefix('\'') else { break };
        let mut text = String::new();
        let mut characters = quoted.char_indices().peekable();
        let mut end = quoted.len();
        while let Some((at, c)) = characters.next() {
            if c != '\'' {
                text.push(c);
            } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
                text.push('\'');
            } else {
                end = at + 1;
                break;
            }
        }
        parameters.push(Some(text));
        rest = &quoted[end..];
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    const READING: Reading<'static> = Reading { lead: "[grader ", database: "shop", own: "40", mark: "grader mark x" };

    /// As PostgreSQL 15 writes it.
    const LOG: &str = "\
2026-11-22 08:00:00.000 UTC [1] LOG:  database system is ready to accept connections
[grader 41 shop] LOG:  execute <unnamed>: SELECT 'before the first mark'
[grader 40 shop] LOG:  statement: SELECT 'grader mark x 1'
[grader 41 shop] LOG:  statement: BEGIN
[grader 41 shop] LOG:  execute _pg3_0: SELECT a
\tFROM things
\tWHERE id = $1 AND note = $2 AND x = $3
[grader 42 other] LOG:  statement: SELECT 'of another database'
[grader 43 shop] LOG:  execute <unnamed>: SELECT b FROM things
[grader 41 shop] DETAIL:  parameters: $1 = '7', $2 = 'it''s, $9 = ''no''', $3 = NULL
[grader 43 shop] LOG:  execute fetch from <unnamed>: SELECT b FROM things
[grader 43 shop] ERROR:  canceling statement due to user request
[grader 40 shop] LOG:  statement: SELECT 'grader mark x 2'
[grader 41 shop] DETAIL:  Parameters: $1 = 'of nobody'
[grader 40 shop] LOG:  statement: SELECT 'grader mark x 3'
[grader 41 shop] LOG:  statement: SELECT 'after the last mark'";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn statements_stand_between_their_marks_with_their_parameters() {
        let windows = READING.windows(&lines(LOG));
        assert_eq!(windows.len(), 2);
        let texts: Vec<&str> = windows[0].iter().map(|statement| statement.text.as_str()).collect();
        let multiline = "SELECT a\nFROM things\nWHERE id = $1 AND note = $2 AND x = $3";
        assert_eq!(texts, ["BEGIN", multiline, "SELECT b FROM things"]);
        let parameters = [Some("7".to_owned()), Some("it's, $9 = 'no'".to_owned()), None];
        assert_eq!(windows[0][1].parameters, parameters);
        assert!(windows[1].is_empty());
        assert_eq!(READING.marks(&lines(LOG)), 3);
    }

    #[test]
    fn a_log_of_nonsense_is_no_statement() {
        let odd = "[grader \n[grader 41\n[grader 41 shop] \n[grader 41 shop] LOG\n\t\n[grader 40 shop] LOG:  grader mark x 1\n\
                   [grader 41 shop] LOG:  execute \n[grader 41 shop] DETAIL:  parameters: $1 = 'open\n\
                   [grader 41 shop] LOG:  execute a: b\n[grader 41 shop] DETAIL:  parameters: $1 = 'open\n\
                   [grader 40 shop] LOG:  grader mark x 2";
        let windows = READING.windows(&lines(odd));
        assert_eq!(windows.len(), 1);
        assert_eq!(
            windows[0],
            [Statement { text: "b".to_owned(), parameters: vec![Some("open".to_owned())], ..Statement::default() }]
        );
        assert!(READING.windows(&[]).is_empty());
    }
}
