//! Two runs compared, in every form, as it was last read and accepted; and that no form tells a candidate of hidden
//! probes.

mod support;

use grader_model::{Evidence, FileEntry, FileKind, Outcome, ProbeReport, Report, Snapshot, Verdict, Visibility};
use grader_report::{Comparison, ComparisonFormat, Movement, RenderOptions, code_change, compare, render_comparison};
use support::{assert_accepted, candidate, crate_dir, probes, report};

/// The rich report, and a later attempt in which something of every kind has moved.
fn attempts() -> (Report, Report) {
    let before = report("rich");
    let mut after = before.clone();
    after.submission.commit = "9a8b7c6d5e4f30211203f4e5d6c7b8a990817263".to_owned();
    after.submission.tree = "c81e728d9d4c2f636f067f89cc14862c01020304".to_owned();
    after.red_flags.clear();
    let change = |after: &mut Report, id: &str, verdict: Verdict, share: f64, summary: &str| {
        for criterion in &mut after.criteria {
            let lost_before = criterion.earned;
            for probe in criterion.probes.iter_mut().filter(|probe| probe.id == id) {
                probe.verdict = verdict;
                probe.earned = probe.points * share;
                probe.blocked_by = None;
                probe.summary = summary.to_owned();
            }
            let applying = || criterion.probes.iter().filter(|probe| probe.counts && probe.verdict.applies());
            let points: f64 = applying().map(|probe| probe.points).sum();
            let earned: f64 = applying().map(|probe| probe.earned).sum();
            criterion.earned = if points > 0.0 { criterion.weight * earned / points } else { lost_before };
        }
    };
    change(&mut after, "api.order.create", Verdict::Pass, 1.0, "Placing an order answered 201.");
    change(&mut after, "api.order.total", Verdict::Fail, 0.0, "An order of 2 x 12.50 says 12.50.");
    change(&mut after, "db.money-type", Verdict::Pass, 1.0, "books.price is numeric(10,2).");
    change(&mut after, "db.oversell", Verdict::Pass, 1.0, "8 orders for the last 3 copies sold 3.");
    change(&mut after, "auth.required", Verdict::Inconclusive, 0.0, "The API answered nothing for 30 s.");
    change(&mut after, "auth.token.signature", Verdict::Pass, 1.0, "Every forged token was answered 401.");
    change(&mut after, "error.validation", Verdict::Partial, 0.5, "4 of 8 invalid values were refused.");
    change(&mut after, "org.hygiene", Verdict::Fail, 0.0, "node_modules is committed; 4,812 files.");
    for probe in after.criteria.iter_mut().flat_map(|criterion| &mut criterion.probes) {
        if probe.id == "org.history" {
            probe.summary = "2 of 8 commit messages say nothing (\"wip\", \"x\").".to_owned();
        }
    }
    after.score.earned = after.criteria.iter().map(|criterion| criterion.earned).sum();
    after.score.percent = (10_000.0 * after.score.earned / after.score.possible).round() / 100.0;
    (before, after)
}

fn tree(files: &[(&str, &str)]) -> Snapshot {
    let mut tree = Snapshot::default();
    for (path, text) in files {
        let bytes = Some(text.as_bytes().into());
        let entry = FileEntry { kind: FileKind::File, size: text.len() as u64, bytes, executable: false };
        tree.files.insert((*path).to_owned(), entry);
    }
    tree
}

fn compared(options: &RenderOptions) -> Comparison {
    let (before, after) = attempts();
    let mut comparison = compare(&before, &after, options).expect("they compare");
    comparison.code = Some(code_change(
        &tree(&[("app/orders.py", "def total(lines):\n    return lines[0].price\n"), ("old.txt", "kept\n")]),
        &tree(&[
            ("app/orders.py", "def total(lines):\n    return sum(line.price for line in lines)\n"),
            ("docs/old.txt", "kept\n"),
            ("node_modules/x.js", "<script>alert(1)</script>\n"),
        ]),
    ));
    comparison
}

#[test]
fn a_later_attempt_in_every_form() {
    for (view, options) in [("reviewer", RenderOptions::default()), ("candidate", candidate())] {
        let comparison = compared(&options);
        for format in ComparisonFormat::ALL {
            let text = render_comparison(&comparison, format, &options).expect("it renders");
            let extension = match format {
                ComparisonFormat::Terminal => "txt",
                ComparisonFormat::Json => "json",
                ComparisonFormat::Markdown => "md",
                ComparisonFormat::Html => "html",
            };
            assert_accepted(crate_dir().join(format!("tests/golden/comparison.{view}.{extension}")), &text);
        }
    }
}

#[test]
fn points_of_changes_add_up_to_the_change_of_the_criteria() {
    let (before, after) = attempts();
    let comparison = compare(&before, &after, &RenderOptions::default()).expect("they compare");
    let told: f64 = comparison.changes.iter().map(|change| change.points).sum::<f64>() + comparison.shifted;
    let criteria: f64 = comparison.criteria.iter().map(|criterion| criterion.points).sum();
    assert!((told - criteria).abs() < 0.1, "{told} and {criteria}");
    assert!(criteria.abs() > 1.0);
}

#[test]
fn every_probe_moves_as_it_should() {
    let (before, after) = attempts();
    let comparison = compare(&before, &after, &RenderOptions::default()).expect("they compare");
    let moved = |id: &str| comparison.changes.iter().find(|change| change.probe == id).map(|change| change.movement);
    for (id, movement) in [
        ("api.order.create", Some(Movement::Gone)),
        ("api.order.total", Some(Movement::Appeared)),
        ("db.oversell", Some(Movement::Shown)),
        ("auth.required", Some(Movement::Obscured)),
        ("error.validation", Some(Movement::Worse)),
        ("org.history", Some(Movement::Altered)),
        ("org.hygiene", Some(Movement::Appeared)),
        ("api.roundtrip", None),
    ] {
        assert_eq!(moved(id), movement, "{id}");
    }
    let back = compare(&after, &before, &RenderOptions::default()).expect("they compare");
    assert!(back.changes.iter().any(|change| change.movement == Movement::Better));
    assert_eq!(back.percent, -comparison.percent);
    assert_eq!(comparison.changes.len() + comparison.unchanged, probes(&before).count());
    let same = compare(&before, &before, &RenderOptions::default()).expect("they compare");
    assert!(same.changes.is_empty() && same.unlike.is_empty() && same.percent == 0.0 && same.shifted == 0.0);
}

#[test]
fn what_was_graded_otherwise_is_said() {
    let (before, mut after) = attempts();
    after.spec.digest = "sha256:00".to_owned();
    after.spec.version = "1.1.0".to_owned();
    after.spec.level = grader_model::Level::Senior;
    after.outcome = Outcome::NotGraded;
    let comparison = compare(&before, &after, &RenderOptions::default()).expect("they compare");
    assert_eq!(comparison.unlike.len(), 3, "{:?}", comparison.unlike);
    assert_eq!((comparison.percent, comparison.after.percent), (0.0, None));
}

#[test]
fn no_form_tells_a_candidate_of_a_hidden_probe() {
    let (before, mut after) = attempts();
    for probe in after.criteria.iter_mut().flat_map(|criterion| &mut criterion.probes) {
        if probe.id == "error.validation" {
            probe.summary = "Seen with auth.token.signature.".to_owned();
            probe.evidence.push(Evidence::note("x"));
        }
    }
    let hidden: Vec<&ProbeReport> =
        probes(&before).chain(probes(&after)).filter(|probe| probe.visibility == Visibility::Hidden).collect();
    let options = candidate();
    let comparison = compare(&before, &after, &options).expect("they compare");
    let reviewers = compare(&before, &after, &RenderOptions::default()).expect("they compare");
    let everything = render_comparison(&reviewers, ComparisonFormat::Json, &options).expect("JSON");
    assert!(everything.contains("org.hygiene") && everything.contains("4,812 files"));
    for format in ComparisonFormat::ALL {
        let text =
            render_comparison(&comparison, format, &options).expect("it renders").replace(['\\', '\u{200b}'], "");
        for probe in &hidden {
            for secret in [&probe.id, &probe.summary, &probe.title, &probe.actual] {
                assert!(secret.len() < 9 || !text.contains(secret.as_str()), "{format} tells a candidate: {secret}");
            }
        }
        assert!(text.contains("error.validation"), "{format} hides a public change");
    }
}

#[test]
fn hostile_text_stays_text() {
    let (before, mut after) = attempts();
    let hostile = "<img src=x onerror=alert(1)>\u{1b}[31m\n::error::x @team";
    for probe in after.criteria.iter_mut().flat_map(|criterion| &mut criterion.probes) {
        if probe.id == "org.history" || probe.id == "error.validation" {
            (probe.summary, probe.actual, probe.expected) =
                (hostile.to_owned(), hostile.to_owned(), hostile.to_owned());
        }
    }
    after.submission.source = hostile.to_owned();
    let comparison = compare(&before, &after, &RenderOptions::default()).expect("they compare");
    for format in ComparisonFormat::ALL {
        let text = render_comparison(&comparison, format, &RenderOptions::default()).expect("it renders");
        assert!(!text.contains('\u{1b}'), "{format}");
        // A page is never printed to a log.
        let printed = format != ComparisonFormat::Html;
        assert!(!(printed && text.lines().any(|line| line.trim_start().starts_with("::"))), "{format}");
        if matches!(format, ComparisonFormat::Html | ComparisonFormat::Markdown) {
            // A fence shows what is in it.
            let mut fenced = false;
            let mut outside = |line: &&str| {
                let fence = line.trim_start().starts_with("```");
                fenced ^= fence;
                !fence && !fenced
            };
            assert!(!text.lines().filter(|line| outside(line)).any(|line| line.contains("<img")), "{format}");
        }
    }
}
