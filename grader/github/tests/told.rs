//! What is told of a run: within GitHub's limits, harmless, and nothing that is hidden.

mod support;
#[path = "support/view.rs"]
mod view;

use grader_github::action::{annotation_lines, step_summary};
use grader_github::limits::{ANNOTATIONS, STEP_SUMMARY, TEXT};
use grader_github::told::{Conclusion, Told};
use grader_model::{Outcome, Visibility};
use grader_report::CandidateView;
use url::Url;
use view::{report, view};

#[test]
fn every_text_is_within_its_limit() {
    let link = Url::parse("https://grader.test/runs/1").expect("an address");
    let told = Told::of(&view(3000), Some(&link));
    for text in [&told.summary, &told.text, &told.comment] {
        assert!(text.chars().count() <= TEXT, "{}", text.chars().count());
    }
    assert_eq!(told.annotations.len(), ANNOTATIONS);
    assert!(
        told.annotations.iter().all(|it| it.title.chars().count() <= 255 && it.message.len() <= 64_000 && it.line > 0)
    );
    assert!(step_summary(&view(3000), Some(&link)).len() <= STEP_SUMMARY);
    assert!(
        told.comment.ends_with("(https://grader.test/runs/1)\n")
            || told.comment.contains("(https://grader.test/runs/1).")
    );
}

#[test]
fn hostile_words_stay_words() {
    let told = Told::of(&view(3), None);
    for text in [&told.comment, &told.text, &told.summary] {
        for part in ["<!--", "@acme", "<b> @", "::error"] {
            assert!(!text.contains(part), "{part} is in {text}");
        }
    }
    for line in annotation_lines(&told.annotations) {
        assert!(line.starts_with("::") && !line.contains('\n'), "{line}");
    }
}

#[test]
fn annotations_are_of_public_findings_alone() {
    let mut report = report(4);
    let probes = &mut report.criteria[0].probes;
    let last = probes.len() - 1;
    probes[last].visibility = Visibility::Hidden;
    let hidden = probes[last].id.clone();
    let told = Told::of(&CandidateView::of(&report).expect("a view"), None);
    assert!(told.annotations.iter().any(|it| it.title == "org.extra-0"));
    assert!(told.annotations.iter().all(|it| it.title != hidden));
    assert!(![&told.comment, &told.text, &told.summary].iter().any(|text| text.contains(&hidden)));
}

#[test]
fn paths_stay_within_the_repository() {
    let mut report = report(3);
    report.submission.subdir = "backend".to_owned();
    let probes = &mut report.criteria[0].probes;
    let last = probes.len() - 1;
    probes[last].evidence = vec![grader_model::Evidence::file("../../etc/passwd", Some(1), "x")];
    let told = Told::of(&CandidateView::of(&report).expect("a view"), None);
    assert!(told.annotations.iter().any(|it| it.path == "backend/src/file0.py"));
    assert!(told.annotations.iter().all(|it| !it.path.contains("..")));
}

#[test]
fn the_graders_own_trouble_is_nobodys_failure() {
    let mut report = report(0);
    for (outcome, passed, conclusion) in [
        (Outcome::Graded, None, Conclusion::Success),
        (Outcome::Graded, Some(true), Conclusion::Success),
        (Outcome::Graded, Some(false), Conclusion::Failure),
        (Outcome::DoesNotStart, None, Conclusion::Failure),
        (Outcome::Refused, None, Conclusion::Failure),
        (Outcome::NotGraded, None, Conclusion::Neutral),
    ] {
        report.outcome = outcome;
        report.score.passed = passed;
        assert_eq!(Conclusion::of(&report), conclusion, "{outcome:?}");
    }
}
