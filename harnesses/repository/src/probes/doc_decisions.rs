//! `doc.decisions`: the documents say why: which choices were made, against what, at which price.
//!
//! Observes the README, further documents and records of decisions (ADRs) for sections whose heading announces choices,
//! trade-offs, assumptions, limits or the architecture's reasons, and for the words by which reasons are given under
//! them. A pass takes a section with reasons: forty words and three words of reasoning, or two records of decisions.
//! A section that only lists what is used, or reasons in passing without a section, is a partial; nothing is a fail.
//! English, and the headings of the other usual languages. Planted defects: `doc-decisions-*`.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::Tree;
use crate::tree;

pub(super) const ID: &str = "doc.decisions";

/// Words of a section that says why.
const LONG_ENOUGH: usize = 40;
/// Words of reasoning in it.
const REASONS: usize = 3;
/// Documents that are read.
const MOST: usize = 30;

const HEADINGS: &[&str] = &[
    "decision",
    "trade-off",
    "tradeoff",
    "trade off",
    "design",
    "rationale",
    "why ",
    "why?",
    "assumption",
    "limitation",
    "compromise",
    "architecture",
    "choices",
    "considerations",
    "what i would",
    "what we would",
    "future",
    "improvements",
    "left out",
    "out of scope",
    "not included",
    "notes",
    "adr",
    "entscheidung",
    "abwägung",
    "decisiones",
    "décisions",
    "choix",
    "decisões",
    "решени",
    "архитектур",
    "設計",
    "设计",
];

const REASONING: &[&str] = &[
    "because",
    "instead of",
    "rather than",
    "trade-off",
    "tradeoff",
    "so that",
    "in order to",
    "therefore",
    "since ",
    "the price",
    "costs",
    "at the cost",
    "downside",
    "drawback",
    "would need",
    "would have",
    "would be",
    "should it",
    "chose",
    "chosen",
    "decided",
    "prefer",
    "avoid",
    "alternative",
    "simpler",
    "not needed",
    "on purpose",
    "deliberate",
    "could have",
    "if this grew",
    "in production",
    "at scale",
    "enough for",
    "good enough",
    "keeps ",
    "but ",
    "weil ",
    "statt ",
    "porque ",
    "en lugar",
    "parce que",
    "plutôt",
    "потому",
    "вместо",
];

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let expected = "which choices were made, against what, and at which price";
    let documents: Vec<(&str, &str)> = tree
        .texts
        .iter()
        .filter(|(path, _)| tree::is_document(path) && !tree::is_test(path) && !is_of_others(path))
        .take(MOST)
        .copied()
        .collect();
    let records: Vec<&str> = documents.iter().map(|(path, _)| *path).filter(|path| is_record(path)).collect();
    if records.len() >= 2 {
        let evidence = records.iter().take(4).map(|path| Evidence::file(*path, None, "a record of a decision"));
        return Finding::pass(ID, format!("Decisions are kept as records, such as {}", records[0]))
            .expected(expected)
            .actual(format!("{} records of decisions", records.len()))
            .evidences(evidence);
    }
    let mut best: Option<(usize, usize, Evidence)> = None;
    let mut in_passing = 0;
    for (path, text) in &documents {
        in_passing += reasons(text);
        for section in sections(text).into_iter().filter(|section| announces(section.heading)) {
            let (given, words) = (reasons(section.text), section.text.split_whitespace().count());
            if best.as_ref().is_none_or(|(most, length, _)| (given, words) > (*most, *length)) {
                best = Some((given, words, Evidence::file(*path, Some(section.line), section.heading)));
            }
        }
    }
    match best {
        Some((given, words, evidence)) if given >= REASONS && words >= LONG_ENOUGH => {
            Finding::pass(ID, "The documents say why")
                .actual(format!("a section of {words} words with reasons"))
                .evidence(evidence)
        }
        Some((_, words, evidence)) => Finding::partial(ID, 0.5, "The documents name choices and hardly say why")
            .actual(format!("a section of {words} words, without reasons"))
            .evidence(evidence),
        None if in_passing >= 2 * REASONS => {
            Finding::partial(ID, 0.5, "Reasons are given in passing, and no section gathers them")
                .actual("reasons in passing")
        }
        None => Finding::fail(ID, "No document says why anything is as it is").actual("no word on choices"),
    }
    .expected(expected)
}

/// Texts that a tool, a licence or a template brought.
fn is_of_others(path: &str) -> bool {
    let name = tree::file_name(path).to_ascii_lowercase();
    ["license", "licence", "changelog", "code_of_conduct", "requirements", "robots", "pull_request_template", "notice"]
        .iter()
        .any(|word| name.contains(word))
}

fn is_record(path: &str) -> bool {
    let named =
        tree::folders(path).any(|folder| matches!(folder.to_ascii_lowercase().as_str(), "adr" | "adrs" | "decisions"));
    let name = tree::file_name(path);
    named && name.starts_with(|c: char| c.is_ascii_digit()) || name.to_ascii_lowercase().starts_with("adr-")
}

fn announces(heading: &str) -> bool {
    let lower = format!("{} ", heading.to_lowercase());
    HEADINGS.iter().any(|word| lower.contains(word))
}

fn reasons(text: &str) -> usize {
    let lower = text.to_lowercase();
    REASONING.iter().map(|word| lower.matches(word).count()).sum()
}

struct Section<'a> {
    heading: &'a str,
    line: u32,
    /// Up to the next heading of the same or a higher level.
    text: &'a str,
}

fn sections(text: &str) -> Vec<Section<'_>> {
    let mut starts: Vec<(usize, usize, u32, &str)> = Vec::new();
    let mut offset = 0;
    let mut fenced = false;
    for (number, line) in (1..).zip(text.split_inclusive('\n')).take(20_000) {
        let plain = line.trim();
        fenced ^= plain.starts_with("```");
        let level = plain.bytes().take_while(|byte| *byte == b'#').count();
        if !fenced && (1..=6).contains(&level) && plain[level..].starts_with(' ') {
            starts.push((offset, level, number, plain[level..].trim()));
        }
        offset += line.len();
    }
    let end = |at: usize, level: usize| {
        starts[at + 1..].iter().find(|(_, other, _, _)| *other <= level).map_or(text.len(), |(start, ..)| *start)
    };
    starts
        .iter()
        .enumerate()
        // The title of a whole document announces nothing.
        .filter(|(_, (_, level, number, _))| !(*level == 1 && *number < 4))
        .map(|(at, (start, level, line, heading))| Section {
            heading,
            line: *line,
            text: &text[(start + heading.len()).min(text.len())..end(at, *level)],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn verdict(files: &[(&str, &str)]) -> Verdict {
        over(files, run).verdict
    }

    #[test]
    fn sections_with_reasons_pass() {
        let why = "# Shop\n\n## Design decisions\n\n- Plain SQL instead of a mapper: there are a dozen statements, each written once.\n\
            - Totals are computed, because lines keep the price of the day; storing them would be a second truth.\n\
            - Offset pages are simple. The price is that deep pages are slow, which is good enough for a catalogue of this size.\n";
        assert_eq!(verdict(&[("README.md", why)]), Verdict::Pass);
        assert_eq!(verdict(&[("docs/architecture.md", &why.replace("Design decisions", "Trade-offs"))]), Verdict::Pass);
        let records = [("docs/adr/0001-postgres.md", "# Use PostgreSQL\n"), ("docs/adr/0002-jwt.md", "# Use JWT\n")];
        assert_eq!(verdict(&records), Verdict::Pass);
    }

    #[test]
    fn lists_without_reasons_are_half_and_silence_fails() {
        let list = "# Shop\n\n## Architecture\n\n- Express\n- PostgreSQL\n- Docker\n";
        assert_eq!(verdict(&[("README.md", list)]), Verdict::Partial);
        assert_eq!(verdict(&[("README.md", "# Shop\n\n## Run\n\ndocker compose up\n")]), Verdict::Fail);
        assert_eq!(
            verdict(&[("LICENSE.md", "## Limitations\nbecause instead of rather than so that\n")]),
            Verdict::Fail
        );
    }
}
