//! The report as a comment on a pull request, in GitHub's dialect.
//!
//! Bounded to what GitHub accepts as one comment: the findings that cost most are told in full, the others in a line.

pub(crate) mod escape;
mod interview;

use grader_model::{Evidence, Exchange, Outcome, ProbeReport, Report, Verdict};

use self::escape::{code, fenced, html, prose, shell};
use crate::digest::{Digest, Ranked, View, needs_diff, override_change, word_state};
use crate::number::{count, decimal, duration};
use crate::options::RenderOptions;
use crate::reproduce;
use crate::text::pretty;

/// GitHub refuses comments of more than 65,536 characters; callers add a marker line of their own.
const LIMIT: usize = 60_000;
/// The most characters of one block of evidence in a comment.
const EXCERPT: usize = 1_500;
/// The most findings that are told with their evidence.
const TOLD: usize = 15;

pub(crate) fn render(view: &View<'_>, options: &RenderOptions) -> String {
    let digest = view.digest();
    let mut comment = headline(&view.report);
    let mut tail = String::new();
    attention(&mut comment, &view.report, &digest, options);
    criteria(&mut comment, &view.report);
    overrides(&mut comment, &view.report);
    blocked(&mut tail, &digest);
    interview::skills(&mut tail, &view.report);
    interview::questions(&mut tail, &view.report);
    rest(&mut tail, &view.report, &digest, options);
    findings(&mut comment, &digest, LIMIT.saturating_sub(tail.chars().count()));
    comment.push_str(&tail);
    comment
}

fn headline(report: &Report) -> String {
    let (spec, score) = (&report.spec, &report.score);
    let verdict = match report.outcome {
        Outcome::Graded => format!("{} %", decimal(score.percent)),
        Outcome::DoesNotStart => format!("{} %: the submission does not start", decimal(score.percent)),
        Outcome::Refused => "not scored: refused by the sandbox's policy".to_owned(),
        Outcome::NotGraded => "not graded: the grader or its machine failed".to_owned(),
    };
    let mut text = format!("## {}: {verdict}\n\n", prose(&spec.title));
    let mut facts =
        vec![format!("{} level", spec.level), format!("spec {}", code(&format!("{} {}", spec.id, spec.version)))];
    if !report.submission.commit.is_empty() {
        facts.push(format!("commit {}", code(&report.submission.commit.chars().take(12).collect::<String>())));
    }
    if is_scored(report) {
        facts.push(format!("{} of {} points", decimal(score.earned), decimal(score.possible)));
        if let (Some(bound), Some(passed)) = (score.fail_under, score.passed) {
            facts.push(format!(
                "threshold {} % {}",
                decimal(bound),
                if passed { "reached" } else { "**not reached**" }
            ));
        }
        if score.if_unblocked > score.percent {
            facts.push(format!("{} % if what is blocked passed", decimal(score.if_unblocked)));
        }
    }
    text.push_str(&facts.join(" · "));
    text.push_str("\n\n");
    text
}

fn is_scored(report: &Report) -> bool {
    matches!(report.outcome, Outcome::Graded | Outcome::DoesNotStart)
}

fn overrides(text: &mut String, report: &Report) {
    const TOLD: usize = 30;
    if report.overrides.is_empty() {
        return;
    }
    text.push_str("### Overrides\n\n");
    for word in report.overrides.iter().take(TOLD) {
        text.push_str(&format!(
            "- {} {} ({}): {} – {}\n",
            code(&word.probe),
            prose(&override_change(word)),
            word_state(word.state),
            prose(&word.reason),
            prose(&word.author)
        ));
    }
    if report.overrides.len() > TOLD {
        text.push_str(&format!("- and {} more\n", report.overrides.len() - TOLD));
    }
    text.push('\n');
}

fn attention(text: &mut String, report: &Report, digest: &Digest<'_>, options: &RenderOptions) {
    if let Some(fault) = &report.fault {
        for fault in std::iter::once(fault).chain(&fault.also).take(20) {
            let place = if fault.place.is_empty() { String::new() } else { format!(" at {}", code(&fault.place)) };
            text.push_str(&format!("> **{}**{place}: {}", code(&fault.code), prose(&fault.message)));
            if !fault.hint.is_empty() {
                text.push_str(&format!(" {}", prose(&fault.hint)));
            }
            text.push_str("\n>\n");
        }
        text.push('\n');
        if !fault.log.is_empty() {
            details(text, "Log", &fenced("text", &fault.log.join("\n"), 2 * EXCERPT));
        }
    }
    if !report.red_flags.is_empty() {
        text.push_str("### Red flags\n\n");
        for flag in &report.red_flags {
            text.push_str(&format!("- **{}**: {}\n", prose(&flag.title), prose(&flag.summary)));
        }
        text.push('\n');
    }
    if !options.reviewer() {
        return;
    }
    let asks: Vec<_> = report.notes.iter().filter(|note| !note.ask.is_empty()).collect();
    if asks.is_empty() && digest.undecided.is_empty() {
        return;
    }
    text.push_str("### Needs a person\n\n");
    for ranked in &digest.undecided {
        text.push_str(&format!(
            "- {} could not be decided: {}\n",
            code(&ranked.probe.id),
            prose(&ranked.probe.summary)
        ));
    }
    for note in asks {
        text.push_str(&format!("- {} Line for the bindings file: {}\n", prose(&note.text), code(&note.ask)));
    }
    text.push('\n');
}

fn criteria(text: &mut String, report: &Report) {
    if report.criteria.is_empty() || !is_scored(report) {
        return;
    }
    text.push_str("| Criterion | Earned | Of |\n| --- | ---: | ---: |\n");
    for criterion in &report.criteria {
        let (earned, possible) = if criterion.possible > 0.0 {
            (decimal(criterion.earned), decimal(criterion.possible))
        } else {
            ("not measured".to_owned(), decimal(criterion.weight))
        };
        text.push_str(&format!("| {} | {earned} | {possible} |\n", prose(&criterion.title)));
    }
    text.push('\n');
}

fn findings(text: &mut String, digest: &Digest<'_>, limit: usize) {
    let all = digest.findings.len() + digest.uncharged.len();
    if all == 0 {
        return;
    }
    text.push_str("### Findings, by points lost\n\n");
    let mut used = text.chars().count();
    for (index, ranked) in digest.findings.iter().chain(&digest.uncharged).enumerate() {
        let full = finding(ranked);
        let entry = if index < TOLD && used + full.chars().count() < limit { full } else { in_a_line(ranked) };
        let length = entry.chars().count();
        if used + length + 100 > limit {
            text.push_str(&format!("\nAnd {} more.\n\n", count(all - index, "finding")));
            return;
        }
        used += length;
        text.push_str(&entry);
    }
    text.push('\n');
}

fn cost(ranked: &Ranked<'_>) -> String {
    if ranked.lost > 0.0 {
        format!("−{}", decimal(ranked.lost))
    } else {
        format!("{}, not charged", ranked.probe.level)
    }
}

fn finding(ranked: &Ranked<'_>) -> String {
    let probe = ranked.probe;
    let mut body = String::new();
    if needs_diff(probe) {
        body.push_str(&fenced("diff", &probe.diff, EXCERPT));
        body.push('\n');
    } else if !probe.expected.is_empty() || !probe.actual.is_empty() {
        body.push_str(&format!("- expected: {}\n- actual: {}\n\n", prose(&probe.expected), prose(&probe.actual)));
    }
    for piece in probe.evidence.iter().take(3) {
        body.push_str(&evidence(piece));
    }
    let left = probe.evidence.len().saturating_sub(3);
    if left > 0 {
        body.push_str(&format!("The full report has {left} more.\n\n"));
    }
    let mut text = String::new();
    let summary = format!("<b>{}</b> ({}) {}", html(&probe.id), html(&cost(ranked)), html(&title(probe)));
    details_raw(&mut text, &summary, &body);
    text
}

fn title(probe: &ProbeReport) -> String {
    let word = if probe.verdict == Verdict::Partial { "partly: " } else { "" };
    format!("{word}{}", probe.summary)
}

fn in_a_line(ranked: &Ranked<'_>) -> String {
    format!("- **{}** ({}): {}\n", code(&ranked.probe.id), cost(ranked), prose(&ranked.probe.summary))
}

fn evidence(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Exchange(exchange) => exchange_text(exchange),
        Evidence::Sql { query, columns, rows, truncated } => sql(query, columns, rows, *truncated),
        Evidence::File { path, line, excerpt } => {
            let place = line.map_or_else(|| path.clone(), |line| format!("{path}:{line}"));
            let excerpt = if excerpt.is_empty() { String::new() } else { fenced("", excerpt, EXCERPT) };
            format!("{}\n{excerpt}\n", code(&place))
        }
        Evidence::Log { service, lines } => {
            format!("Log of {}\n{}\n", code(service), fenced("text", &lines.join("\n"), EXCERPT))
        }
        Evidence::Note { text } => format!("{}\n\n", prose(text)),
    }
}

fn exchange_text(exchange: &Exchange) -> String {
    let request = format!("{} {}", exchange.request.method, exchange.request.target);
    let answer = match exchange.response.status {
        0 => "got no answer".to_owned(),
        status => format!("answered {status}"),
    };
    let mut text = format!("{} {answer} (exchange {})\n", code(&request), exchange.number);
    text.push_str(&shell(&exchange.curl));
    if !exchange.response.body.is_empty() {
        text.push_str(&fenced("json", &pretty(&exchange.response.body), EXCERPT));
    }
    text.push('\n');
    text
}

fn sql(query: &str, columns: &[String], rows: &[Vec<String>], truncated: bool) -> String {
    let mut text = fenced("sql", query, EXCERPT);
    if !columns.is_empty() {
        let cells = |cells: &[String]| cells.iter().take(12).map(|cell| prose(cell)).collect::<Vec<_>>().join(" | ");
        text.push_str(&format!("\n| {} |\n|{}\n", cells(columns), " --- |".repeat(columns.len().min(12))));
        for row in rows.iter().take(10) {
            text.push_str(&format!("| {} |\n", cells(row)));
        }
        if truncated || rows.len() > 10 {
            text.push_str("\nThere are more rows.\n");
        }
    }
    text.push('\n');
    text
}

fn blocked(text: &mut String, digest: &Digest<'_>) {
    if digest.blocked.is_empty() {
        return;
    }
    text.push_str("### Blocked\n\n");
    for group in &digest.blocked {
        let cause = if group.cause.is_empty() { "a cause that is not shown".to_owned() } else { code(group.cause) };
        let ids: Vec<_> = group.probes.iter().map(|ranked| code(&ranked.probe.id)).collect();
        text.push_str(&format!("- **{} points** lie behind {cause}: {}\n", decimal(group.lost), ids.join(", ")));
    }
    text.push('\n');
}

fn rest(text: &mut String, report: &Report, digest: &Digest<'_>, options: &RenderOptions) {
    for (list, words) in [
        (&digest.passed, "passed"),
        (&digest.not_measured, "not measured yet, outside of the score"),
        (&digest.not_applicable, "not asked for, outside of the score"),
    ] {
        if !list.is_empty() {
            let lines: String = list
                .iter()
                .map(|ranked| format!("- {}: {}\n", code(&ranked.probe.id), prose(&short(&ranked.probe.summary))))
                .collect();
            details(text, &format!("{} {words}", count(list.len(), "probe")), &lines);
        }
    }
    if options.reviewer() {
        details(text, "How to repeat this run", &shell(&reproduce::command(report)));
    }
    let services = report.stack.services.iter().filter(|service| service.stand_in).count();
    if services > 0 {
        text.push_str(&format!("{} ran on a stand-in base image.\n", count(services, "service")));
    }
    text.push_str(&format!(
        "\ngrader {} · {} in all, {} of it probing\n",
        prose(&report.tool.version),
        duration(report.timings.total),
        duration(report.timings.probe)
    ));
}

/// Long lists of probes must leave room for the findings.
fn short(summary: &str) -> String {
    crate::text::cut(summary, 160).into_owned()
}

pub(crate) fn details(text: &mut String, summary: &str, body: &str) {
    details_raw(text, &html(summary), body);
}

/// `summary` is HTML already. The empty lines end and begin HTML blocks, so that `body` is read as Markdown.
fn details_raw(text: &mut String, summary: &str, body: &str) {
    text.push_str(&format!("<details><summary>{summary}</summary>\n\n{}\n\n</details>\n\n", body.trim_end()));
}
