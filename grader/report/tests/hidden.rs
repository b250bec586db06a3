//! A candidate's rendering says nothing of a hidden probe, in any format.

mod support;

use std::collections::BTreeSet;

use grader_model::{Evidence, Report, Visibility};
use grader_report::testing::{plain, texts};
use grader_report::{Format, RenderOptions, render};
use support::{candidate, probes, report};

/// Every text that only hidden probes have, whole: ids, titles, summaries, values, requests, queries, curl lines, line by line.
fn secrets(report: &Report) -> BTreeSet<String> {
    let mut secret = BTreeSet::new();
    let mut public = String::new();
    for probe in probes(report) {
        let json = serde_json::to_value(probe).expect("JSON");
        if probe.visibility == Visibility::Hidden {
            texts(&json, &mut secret);
        } else {
            public.push_str(&json.to_string());
        }
    }
    for question in &report.questions {
        secret.extend([&question.question, &question.strong, &question.weak].map(Clone::clone));
    }
    for note in &report.notes {
        if !note.ask.is_empty() {
            secret.insert(note.ask.clone());
        }
    }
    // Short words, and what a public probe shows as well, are no secret.
    let told = |text: &str| public.contains(serde_json::to_string(text).expect("JSON").trim_matches('"'));
    secret.retain(|text| text.len() >= 9 && !told(text));
    secret
}

#[test]
fn no_format_tells_a_candidate_of_a_hidden_probe() {
    // A public finding that quotes a hidden id, and one that is blocked by a hidden cause.
    let mut report = report("rich");
    let secrets: Vec<String> = secrets(&report).into_iter().collect();
    let hidden_id = "auth.token.signature";
    for criterion in &mut report.criteria {
        for probe in criterion.probes.iter_mut().filter(|probe| probe.visibility == Visibility::Public) {
            if probe.id == "error.validation" {
                probe.evidence.push(Evidence::note(format!("Seen again by {hidden_id}.")));
            }
            if probe.id == "org.proportion" {
                probe.verdict = grader_model::Verdict::Blocked;
                probe.blocked_by = Some(hidden_id.to_owned());
                probe.summary = "A token with alg none and a changed subject was accepted as user A.".to_owned();
            }
        }
    }
    let word = |probe: &str, reason: &str| grader_model::ReviewerWord {
        probe: probe.to_owned(),
        verdict: grader_model::Verdict::Pass,
        points: None,
        reason: reason.to_owned(),
        author: "reviewer.ida".to_owned(),
        at: "2026-03-01T12:00:00Z".to_owned(),
        state: grader_model::WordState::Applied,
        graded_verdict: grader_model::Verdict::Fail,
        graded_earned: 0.0,
    };
    report.overrides =
        vec![word(hidden_id, "Forging was never in scope."), word("error.validation", "The brief allows it so.")];
    let mut secrets = secrets;
    secrets.extend(["Forging was never in scope.".to_owned(), "reviewer.ida".to_owned()]);
    assert!(secrets.len() > 60, "the report has only {} hidden texts", secrets.len());
    assert!(secrets.iter().any(|text| text == hidden_id));
    let everything = plain(&render(&report, Format::Json, &RenderOptions::default()).expect("JSON"));
    for format in Format::ALL {
        let text = plain(&render(&report, format, &candidate()).expect("it renders"));
        for secret in &secrets {
            let secret = plain(secret);
            assert!(everything.contains(&secret), "the search cannot find {secret}");
            assert!(!text.contains(&secret), "{format} tells a candidate: {secret}");
        }
        assert!(text.contains("error.validation"), "{format} hides a public finding");
        let says = text.contains("the brief allows it so");
        assert!(says, "{format} hides a word on a public finding");
    }
}

#[test]
fn a_candidate_sees_the_scores_of_the_whole_run() {
    let full = report("rich");
    let json = render(&full, Format::Json, &candidate()).expect("JSON");
    let shown: Report = serde_json::from_str(&json).expect("a report");
    assert_eq!(shown.score, full.score);
    for (shown, full) in shown.criteria.iter().zip(&full.criteria) {
        assert_eq!((&shown.id, shown.earned, shown.possible), (&full.id, full.earned, full.possible));
    }
    assert!(shown.submission.seed == 0 && shown.questions.is_empty() && shown.bindings.is_empty());
}

#[test]
fn a_public_finding_costs_a_candidate_what_it_costs_a_reviewer() {
    let page = |options| render(&report("rich"), Format::Terminal, &options).expect("text");
    let line = |page: &str| page.lines().find(|line| line.contains("error.validation")).map(str::to_owned);
    let for_candidate = line(&page(candidate()));
    assert!(for_candidate.is_some());
    assert_eq!(for_candidate, line(&page(RenderOptions::default())));
}

#[test]
fn a_candidate_reads_no_log_that_hidden_requests_are_in() {
    let mut report = report("rich");
    let line = "GET /secret-place-of-a-hidden-probe 200";
    let log = || Evidence::Log { service: "api".to_owned(), lines: vec![line.to_owned()] };
    let public =
        report.criteria.iter_mut().flat_map(|it| &mut it.probes).find(|it| it.visibility == Visibility::Public);
    public.expect("a public probe").evidence.push(log());
    for flag in &mut report.red_flags {
        flag.evidence.push(log());
    }
    let view = grader_report::CandidateView::of(&report).expect("a view");
    for format in [Format::Json, Format::Html, Format::Markdown, Format::Junit, Format::Sarif] {
        assert!(!view.file(format).expect("kept").contains("secret-place"), "{format}");
    }
    assert!(!serde_json::to_string(&view).expect("JSON").contains("secret-place"));
    // Where nothing hidden ran, the log is the candidate's own.
    for probe in report.criteria.iter_mut().flat_map(|it| &mut it.probes) {
        probe.visibility = Visibility::Public;
    }
    let view = grader_report::CandidateView::of(&report).expect("a view");
    assert!(view.file(Format::Json).expect("kept").contains("secret-place"));
}
