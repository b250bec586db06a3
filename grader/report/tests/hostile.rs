//! What a submission wrote stays text in every format.

mod support;

use grader_model::{Evidence, Exchange, Header, Note, NoteKind, Report, RequestPart, ResponsePart, Verdict};
use grader_report::{Format, RenderOptions, render};
use support::{candidate, report};

/// Breaks out of tables, fences, attributes, comments and lines; colours, mentions, commands and reorders.
const NASTY: &str = "\"'></td></table></pre></details><script>alert(1)</script><img src=x onerror=alert(2)>\n\
| a | b |\n```\n````\n::error::boo\n  ::set-output name=a::b\n##[error]boo\n@team #1 [x](javascript:alert(3)) \
https://evil.test www.evil.test <!-- --> ]]> &lt;b&gt; {{7*7}} {0}\u{1b}[31mred\u{1b}]0;title\u{7} a\0b \
\u{202e}evil\u{2066} \u{9b}31m \u{fffe}\u{feff}\r\nlast";

/// The rich report with `text` in every place that a submission can write to.
fn poisoned(text: &str) -> Report {
    let mut report = report("rich");
    let own = || text.to_owned();
    report.submission.source = own();
    report.submission.subdir = own();
    for criterion in &mut report.criteria {
        for probe in &mut criterion.probes {
            probe.summary = own();
            if probe.verdict != Verdict::Pass {
                probe.expected = own();
                probe.actual = own();
            }
            if !probe.diff.is_empty() {
                probe.diff = format!("--- expected\n+++ actual\n-{text}\n+{text}\n");
            }
        }
        criterion.probes[0].evidence = evidence(text);
        if let Some(probe) = criterion.probes.iter_mut().find(|probe| probe.verdict.is_negative()) {
            probe.evidence = evidence(text);
        }
    }
    for binding in &mut report.bindings {
        binding.path = own();
        binding.proof = own();
        binding.fields.insert(own(), own());
    }
    for service in &mut report.stack.services {
        service.name = own();
        service.image = own();
    }
    for rewrite in &mut report.stack.rewrites {
        rewrite.from = own();
        rewrite.path = own();
    }
    let mut note = Note::new(NoteKind::Binding, text);
    note.ask = own();
    report.notes.push(note);
    report.red_flags[0].summary = own();
    let mut fault = support::report("does-not-start").fault.expect("a fault");
    fault.message = own();
    fault.place = own();
    fault.log = vec![own(); 3];
    report.fault = Some(fault);
    report
}

fn evidence(text: &str) -> Vec<Evidence> {
    let own = || text.to_owned();
    let headers = || vec![Header { name: own(), value: own() }];
    vec![
        Evidence::Exchange(Box::new(Exchange {
            number: 1,
            request: RequestPart { method: own(), target: own(), headers: headers(), body: own() },
            response: ResponsePart { status: 200, headers: headers(), body: own(), truncated: false },
            curl: own(),
            millis: 1,
        })),
        Evidence::Sql { query: own(), columns: vec![own()], rows: vec![vec![own()]], truncated: false },
        Evidence::file(text, Some(3), text),
        Evidence::Log { service: own(), lines: vec![own()] },
        Evidence::note(text),
    ]
}

fn rendered(format: Format) -> String {
    render(&poisoned(NASTY), format, &RenderOptions::default()).expect("it renders")
}

/// Characters that act instead of being shown, in any format.
fn assert_inert(format: Format, text: &str) {
    for c in text.chars() {
        let acts = matches!(c, '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{fffe}')
            || (c.is_control() && c != '\n' && c != '\t');
        assert!(!acts, "{format} holds {c:?}");
    }
}

#[test]
fn no_format_holds_an_active_character() {
    for format in Format::ALL {
        assert_inert(format, &rendered(format));
        assert_inert(format, &render(&poisoned(NASTY), format, &candidate()).expect("it renders"));
    }
}

#[test]
fn no_line_of_any_format_is_a_workflow_command() {
    for format in Format::ALL {
        // A page is never printed to a log.
        if format == Format::Html {
            continue;
        }
        for line in rendered(format).lines() {
            assert!(!line.trim_start().starts_with("::"), "{format}: {line}");
            assert!(!line.contains("##["), "{format}: {line}");
        }
    }
}

#[test]
fn html_has_the_elements_of_the_templates_only() {
    let tags = |text: &str| {
        let mut tags: Vec<String> = text
            .split('<')
            .skip(1)
            .map(|part| {
                part.split(|c: char| !(c.is_alphanumeric() || c == '/' || c == '!')).next().unwrap_or("").to_owned()
            })
            .collect();
        tags.sort();
        tags.dedup();
        tags
    };
    let clean = tags(&render(&poisoned("two\nlines"), Format::Html, &RenderOptions::default()).expect("HTML"));
    let html = rendered(Format::Html);
    assert_eq!(tags(&html), clean);
    assert!(!html.contains("onerror=alert(2)>"), "an attribute got through");
    for count in ["<table", "<pre", "<details", "<article"] {
        let close = count.replace('<', "</");
        assert_eq!(html.matches(count).count(), html.matches(&close).count(), "{count} is not balanced");
    }
}

#[test]
fn markdown_stays_in_its_cells_spans_and_fences() {
    let markdown = rendered(Format::Markdown);
    let outside = outside_of_code(&markdown);
    for part in ["<script", "<img", "@team", "#1", "](javascript", "https://", "www.evil", "<!--"] {
        assert!(!outside.contains(part), "{part} got through");
    }
    let rows: Vec<_> = markdown.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows.iter().any(|row| row.contains("API design")));
    assert!(!rows.contains(&"| a | b |") || !outside.contains("| a | b |"), "a table row got through");
    assert_eq!(outside.matches("<details>").count(), outside.matches("</details>").count());
    assert!(markdown.chars().count() < 65_000);
}

/// The Markdown without fenced blocks and code spans, by the rules of CommonMark: a fence ends at one that is at least
/// as long, a span at a run of the same length.
fn outside_of_code(markdown: &str) -> String {
    let mut outside = String::new();
    let mut fence: Option<usize> = None;
    for line in markdown.lines() {
        let run = line.len() - line.trim_start_matches('`').len();
        match fence {
            Some(open) if run >= open && line.trim_matches('`').trim().is_empty() => fence = None,
            Some(_) => {}
            None if run >= 3 && !line[run..].contains('`') => fence = Some(run),
            None => outside.push_str(&format!("{}\n", without_spans(line))),
        }
    }
    assert_eq!(fence, None, "a fence is open at the end");
    outside
}

fn without_spans(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        let escaped = rest[..at].ends_with('\\');
        let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        let after = &rest[at + run..];
        text.push_str(&rest[..at]);
        let close = after
            .match_indices(&"`".repeat(run))
            .map(|(close, _)| close)
            .find(|close| !after[..*close].ends_with('`') && !after[close + run..].starts_with('`'));
        rest = match close {
            Some(close) if !escaped => &after[close + run..],
            _ => after,
        };
    }
    text + rest
}

#[test]
fn junit_stays_well_formed() {
    let xml = rendered(Format::Junit);
    let read = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit XML");
    assert_eq!(read.test_suites.len(), report("rich").criteria.len() + 2, "the run and the interview");
    assert!(!xml.contains("<script"));
}

#[test]
fn sarif_stays_valid() {
    let schema = support::sarif_schema();
    let sarif = serde_json::from_str(&rendered(Format::Sarif)).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<_> = validator.iter_errors(&sarif).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn json_keeps_every_byte_of_it() {
    let report = poisoned(NASTY);
    let json = render(&report, Format::Json, &RenderOptions::default()).expect("JSON");
    assert_eq!(serde_json::from_str::<Report>(&json).expect("a report"), report);
}

#[test]
fn huge_texts_are_cut_where_people_read() {
    let mut report = poisoned(&"x\n".repeat(32 << 10));
    report.criteria[1].probes[1].evidence = evidence(&"x\n".repeat(5 << 19));
    for format in [Format::Html, Format::Markdown, Format::Junit, Format::Sarif, Format::Terminal] {
        let text = render(&report, format, &RenderOptions::default()).expect("it renders");
        assert!(text.len() < 3 << 20, "{format} has {} bytes", text.len());
        assert!(text.contains("more characters") || format == Format::Markdown, "{format} does not say that it cut");
    }
}

#[test]
fn a_report_that_blocks_in_a_circle_renders() {
    let mut report = report("rich");
    for criterion in &mut report.criteria {
        for probe in &mut criterion.probes {
            probe.verdict = Verdict::Blocked;
            probe.blocked_by =
                Some(if probe.id == "auth.required" { "auth.register" } else { "auth.required" }.to_owned());
        }
    }
    for format in Format::ALL {
        assert!(!render(&report, format, &RenderOptions::default()).expect("it renders").is_empty());
    }
}
