//! The report as a page of text: the score, a bar per criterion, what needs a person, and the findings by points lost.
//!
//! Knows nothing of terminals: the caller says how wide the page is and whether to colour it.

pub(crate) mod paint;

use grader_model::{FaultSide, MatrixCell, Outcome, Report, RowState, Verdict};

use self::paint::{Page, Style};
use crate::digest::{Digest, Ranked, View, override_change, word_state};
use crate::number::{count, decimal, duration};
use crate::options::RenderOptions;
use crate::text::sentence;

const BAR: usize = 24;

pub(crate) fn render(view: &View<'_>, options: &RenderOptions) -> String {
    let report: &Report = &view.report;
    let digest = view.digest();
    let mut page = Page::new(options.width, options.color);
    headline(&mut page, report);
    criteria(&mut page, report);
    attention(&mut page, report, &digest, options);
    overrides(&mut page, report);
    findings(&mut page, &digest);
    blocked(&mut page, &digest);
    skills(&mut page, report);
    interview(&mut page, report);
    rest(&mut page, report, &digest);
    page.finish()
}

fn headline(page: &mut Page, report: &Report) {
    let (spec, submission, score) = (&report.spec, &report.submission, &report.score);
    page.line(Style::Bold, &format!("{} {} · {} level", spec.title, spec.version, spec.level));
    let mut place = submission.source.clone();
    if !submission.subdir.is_empty() {
        place = format!("{place} in {}", submission.subdir);
    }
    if !submission.commit.is_empty() {
        place = format!("{place} at {}", short(&submission.commit));
    }
    page.line(Style::Dim, &place);
    page.blank();
    let outcome = outcome_words(report.outcome);
    if !is_scored(report.outcome) {
        page.line(Style::Bold, &format!("Not scored: {outcome}"));
        return;
    }
    page.line(
        Style::Bold,
        &format!(
            "{} % · {} of {} points · {outcome}",
            decimal(score.percent),
            decimal(score.earned),
            decimal(score.possible)
        ),
    );
    if let (Some(bound), Some(passed)) = (score.fail_under, score.passed) {
        let (style, word) = if passed { (Style::Good, "reached") } else { (Style::Bad, "not reached") };
        page.line(style, &format!("The threshold of {} % is {word}.", decimal(bound)));
    }
    if score.if_unblocked > score.percent {
        page.line(Style::Plain, &format!("{} % if what is blocked passed.", decimal(score.if_unblocked)));
    }
}

fn criteria(page: &mut Page, report: &Report) {
    if report.criteria.is_empty() || !is_scored(report.outcome) {
        return;
    }
    page.blank();
    let titles: Vec<String> = report.criteria.iter().map(|criterion| sentence(&criterion.title)).collect();
    let column = titles.iter().map(|title| textwrap::core::display_width(title)).max().unwrap_or(0).min(32);
    for (criterion, title) in report.criteria.iter().zip(&titles) {
        let share = if criterion.possible > 0.0 { criterion.earned / criterion.possible } else { 0.0 };
        // Bars are drawn from 0 to 1 whatever a report says.
        let filled = (share.clamp(0.0, 1.0) * BAR as f64).round() as usize;
        let figures = if criterion.possible > 0.0 {
            format!("{} / {}", decimal(criterion.earned), decimal(criterion.possible))
        } else {
            "nothing measured".to_owned()
        };
        page.bar(title, column, filled, BAR - filled, &figures);
    }
}

fn overrides(page: &mut Page, report: &Report) {
    if report.overrides.is_empty() {
        return;
    }
    page.heading("Overrides");
    for word in &report.overrides {
        let words = format!("{} {} ({})", word.probe, override_change(word), word_state(word.state));
        page.item(Style::Bold, "•", &words);
        page.continued(&format!("{} – {}", word.reason, word.author));
    }
}

fn attention(page: &mut Page, report: &Report, digest: &Digest<'_>, options: &RenderOptions) {
    let asks: Vec<_> = report.notes.iter().filter(|note| !note.ask.is_empty()).collect();
    if report.fault.is_some() || (options.reviewer() && !(asks.is_empty() && digest.undecided.is_empty())) {
        page.heading("Needs a person first");
    }
    if let Some(fault) = &report.fault {
        for fault in std::iter::once(fault).chain(&fault.also) {
            page.item(Style::Bad, "!", &format!("{fault} ({})", side_words(fault.side)));
            if !fault.hint.is_empty() {
                page.continued(&fault.hint);
            }
        }
        let from = fault.log.len().saturating_sub(10);
        fault.log[from..].iter().for_each(|line| page.quote(line));
    }
    if options.reviewer() {
        for ranked in &digest.undecided {
            page.item(Style::Warn, "?", &format!("{}: {}", ranked.probe.id, ranked.probe.summary));
        }
        for note in asks {
            page.item(Style::Warn, "?", &note.text);
            page.quote(&note.ask);
        }
    }
    if !report.red_flags.is_empty() {
        page.heading("Red flags");
        for flag in &report.red_flags {
            page.item(Style::Bad, "!", &format!("{}: {}", flag.title, flag.summary));
        }
    }
}

fn findings(page: &mut Page, digest: &Digest<'_>) {
    if !digest.findings.is_empty() {
        page.heading("Findings, by points lost");
        for ranked in &digest.findings {
            finding(page, ranked, &format!("-{}", decimal(ranked.lost)));
        }
    }
    if !digest.uncharged.is_empty() {
        page.heading("Seen and not charged");
        for ranked in &digest.uncharged {
            finding(page, ranked, ranked.probe.level.as_str());
        }
    }
}

fn finding(page: &mut Page, ranked: &Ranked<'_>, figure: &str) {
    let probe = ranked.probe;
    let style = if probe.verdict == Verdict::Fail { Style::Bad } else { Style::Warn };
    page.columns(style, &format!("{figure:>6}"), &probe.id);
    page.continued(&probe.summary);
}

fn blocked(page: &mut Page, digest: &Digest<'_>) {
    if digest.blocked.is_empty() {
        return;
    }
    page.heading("Blocked");
    for group in &digest.blocked {
        let behind = if group.cause.is_empty() { "a cause that is not shown" } else { group.cause };
        page.columns(
            Style::Warn,
            &format!("{:>6}", decimal(group.lost)),
            &format!("points lie behind {behind} ({})", count(group.probes.len(), "probe")),
        );
    }
}

fn skills(page: &mut Page, report: &Report) {
    let measured: Vec<&MatrixCell> =
        report.matrix.iter().filter(|cell| cell.level.is_some() || cell.stopped_at.is_some()).collect();
    if measured.is_empty() {
        return;
    }
    page.heading("Skills shown");
    for cell in measured {
        let shown = cell.level.map_or("not yet junior", |level| level.as_str());
        let stopped = cell.stopped_at.map(|level| {
            let expects = cell.rows.iter().find(|row| row.state == RowState::Stopped).map_or("", |row| &row.expects);
            let ids: Vec<&str> = cell.decided_by.iter().take(4).map(String::as_str).collect();
            let more = cell.decided_by.len().saturating_sub(ids.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("stopped at {level} ({expects}): {}{more}", ids.join(", "))
        });
        page.columns(Style::Plain, &format!("{:<16}", sentence(&cell.area)), shown);
        if let Some(stopped) = stopped {
            page.continued(&stopped);
        }
    }
}

fn interview(page: &mut Page, report: &Report) {
    if report.questions.is_empty() {
        return;
    }
    page.heading("Questions for the interview");
    for question in &report.questions {
        page.item(Style::Plain, "-", &format!("{}, {}: {}", question.area, question.level, question.question));
        if !question.seen.is_empty() {
            page.continued(&format!("Seen: {}", question.seen));
        }
    }
}

fn rest(page: &mut Page, report: &Report, digest: &Digest<'_>) {
    page.blank();
    let mut counts = Vec::new();
    for (list, word) in [
        (&digest.passed, "passed"),
        (&digest.not_measured, "not measured yet"),
        (&digest.not_applicable, "not asked for"),
        (&digest.undecided, "inconclusive"),
    ] {
        if !list.is_empty() {
            counts.push(format!("{} {word}", list.len()));
        }
    }
    // A run that was refused or not graded has nothing to count.
    if !counts.is_empty() {
        page.line(Style::Dim, &counts.join(" · "));
    }
    let stand_ins = report.stack.services.iter().filter(|service| service.stand_in).count();
    if stand_ins > 0 {
        page.line(Style::Dim, &format!("{} ran on a stand-in base image.", count(stand_ins, "service")));
    }
    let timings = &report.timings;
    page.line(
        Style::Dim,
        &format!(
            "{} in all: clone {}, build {}, start {}, probes {}, teardown {}",
            duration(timings.total),
            duration(timings.clone),
            duration(timings.build),
            duration(timings.up),
            duration(timings.probe),
            duration(timings.down)
        ),
    );
}

/// The commit as people quote it.
fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

/// Whether a run's outcome comes with a score.
fn is_scored(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Graded | Outcome::DoesNotStart)
}

fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Graded => "graded",
        Outcome::DoesNotStart => "the submission does not start",
        Outcome::Refused => "refused by the sandbox's policy",
        Outcome::NotGraded => "the grader or its machine failed",
    }
}

fn side_words(side: FaultSide) -> &'static str {
    match side {
        FaultSide::Candidate => "the submission's own",
        FaultSide::Grader => "the grader's or the machine's, costs nothing",
        FaultSide::Drift => "the world changed since the submission, for a reviewer to judge",
        FaultSide::Policy => "refused by policy, costs nothing",
    }
}
