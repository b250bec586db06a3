//! Every format of every kind of outcome, as it was last read and accepted.

mod support;

use grader_report::{Format, RenderOptions, Visibility, render};
use support::{REPORTS, assert_accepted, candidate, crate_dir, report};

fn check(name: &str, format: Format, view: &str, options: &RenderOptions) {
    let text = render(&report(name), format, options).expect("the report renders");
    assert_eq!(text, render(&report(name), format, options).expect("the report renders"), "not the same twice");
    let file = format!("{name}.{view}.{}", format.file_name().trim_start_matches("report."));
    assert_accepted(crate_dir().join("tests/golden").join(file), &text);
}

#[test]
fn the_rich_report_in_every_format_for_reviewers_and_candidates() {
    for format in Format::ALL {
        check("rich", format, "reviewer", &RenderOptions::default());
        check("rich", format, "candidate", &candidate());
    }
}

#[test]
fn the_rich_report_with_public_probes_only() {
    let options = RenderOptions { visibility: Visibility::Public, ..RenderOptions::default() };
    check("rich", Format::Markdown, "public", &options);
}

#[test]
fn a_coloured_narrow_terminal() {
    check("rich", Format::Terminal, "narrow", &RenderOptions { color: true, width: 60, ..RenderOptions::default() });
}

#[test]
fn every_other_outcome_where_people_read_it() {
    for name in REPORTS.into_iter().filter(|name| *name != "rich") {
        for format in [Format::Html, Format::Markdown, Format::Terminal, Format::Junit, Format::Sarif] {
            check(name, format, "reviewer", &RenderOptions::default());
        }
    }
}

#[test]
fn json_is_exactly_the_report() {
    for name in REPORTS {
        let text = render(&report(name), Format::Json, &RenderOptions::default()).expect("JSON");
        assert_eq!(serde_json::from_str::<grader_model::Report>(&text).expect("a report"), report(name));
    }
}

#[test]
fn the_rich_report_has_every_verdict_and_every_kind_of_evidence() {
    let text = serde_json::to_string(&report("rich")).expect("JSON");
    for verdict in ["pass", "partial", "fail", "not_applicable", "inconclusive", "blocked", "not_measured"] {
        assert!(text.contains(&format!("\"verdict\":\"{verdict}\"")), "no probe is {verdict}");
    }
    for kind in ["exchange", "sql", "file", "log", "note"] {
        assert!(text.contains(&format!("\"kind\":\"{kind}\"")), "no evidence is {kind}");
    }
}

#[test]
fn no_line_of_a_terminal_page_is_wider_than_asked() {
    for name in REPORTS {
        for width in [40, 60, 100] {
            let options = RenderOptions { width, ..RenderOptions::default() };
            let page = render(&report(name), Format::Terminal, &options).expect("text");
            for line in page.lines() {
                let columns = textwrap::core::display_width(line);
                // A bar line is as wide as its title and never wrapped.
                assert!(columns <= width.max(75), "{columns} columns: {line}");
            }
        }
    }
}
