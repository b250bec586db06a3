//! JUnit's XML, as pytest, Maven, Gradle, PHPUnit and `node:test` write it.
//!
//! Several documents may follow each other: some runners write one a class.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{BadReport, Found, Outcome, unreadable};

/// Elements inside each other; real reports have five.
const DEEPEST: usize = 64;

#[derive(Default)]
struct Open {
    name: String,
    file: Option<String>,
    seconds: f64,
    outcome: Option<Outcome>,
    message: String,
}

pub(super) fn read(bytes: &[u8], found: &mut Found) -> Result<(), BadReport> {
    let text = String::from_utf8_lossy(bytes);
    if text.trim().is_empty() {
        return Err(BadReport::Unreadable("it is empty".to_owned()));
    }
    let mut reader = Reader::from_str(&text);
    let mut depth = 0_usize;
    let mut open: Option<Open> = None;
    let mut in_failure = false;
    let mut any = false;
    loop {
        let (element, empty) = match reader.read_event().map_err(unreadable)? {
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            Event::End(element) => {
                depth = depth.saturating_sub(1);
                match element.local_name().as_ref() {
                    b"testcase" => close(open.take(), found)?,
                    b"failure" | b"error" => in_failure = false,
                    _ => {}
                }
                continue;
            }
            Event::Text(text) if in_failure => {
                if let (Some(open), Ok(text)) = (&mut open, text.decode()) {
                    extend(&mut open.message, &text);
                }
                continue;
            }
            Event::CData(text) if in_failure => {
                if let (Some(open), Ok(text)) = (&mut open, text.decode()) {
                    extend(&mut open.message, &text);
                }
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        if !empty {
            depth += 1;
            if depth > DEEPEST {
                return Err(BadReport::Unreadable("its elements are nested too deeply".to_owned()));
            }
        }
        match element.local_name().as_ref() {
            b"testsuite" | b"testsuites" => any = true,
            b"testcase" => {
                any = true;
                let case = started(&element)?;
                if empty {
                    close(Some(case), found)?;
                } else {
                    open = Some(case);
                }
            }
            // Nobody else's `failure` counts: a system-out may hold anything.
            kind @ (b"failure" | b"error" | b"skipped") => {
                if let Some(open) = &mut open {
                    let failed = kind != b"skipped";
                    open.outcome = Some(if failed { Outcome::Failed } else { Outcome::Skipped });
                    if let Some(message) = attribute(&element, "message")? {
                        extend(&mut open.message, &message);
                    }
                    in_failure = failed && !empty;
                }
            }
            _ => {}
        }
    }
    if any { Ok(()) } else { Err(BadReport::Unreadable("it has no test suite".to_owned())) }
}

fn started(element: &BytesStart<'_>) -> Result<Open, BadReport> {
    let name = attribute(element, "name")?.unwrap_or_default();
    let owner = attribute(element, "classname")?.or(attribute(element, "class")?).unwrap_or_default();
    let seconds = attribute(element, "time")?.and_then(|time| time.replace(',', "").parse().ok()).unwrap_or(0.0);
    let name = match owner.as_str() {
        // What `node:test` calls every test.
        "" | "test" => name,
        owner => format!("{owner}::{name}"),
    };
    Ok(Open { name, file: attribute(element, "file")?, seconds, outcome: None, message: String::new() })
}

fn close(open: Option<Open>, found: &mut Found) -> Result<(), BadReport> {
    let Some(open) = open else { return Ok(()) };
    let outcome = open.outcome.unwrap_or(Outcome::Passed);
    found.push(&open.name, open.file.as_deref(), outcome, open.seconds, &open.message)
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, BadReport> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(unreadable)?;
        if attribute.key.as_ref() == name.as_bytes() {
            let raw = String::from_utf8_lossy(&attribute.value);
            // Entities that are none are left as they stand.
            return Ok(Some(
                quick_xml::escape::unescape(&raw).map_or_else(|_| raw.to_string(), |text| text.to_string()),
            ));
        }
    }
    Ok(None)
}

fn extend(message: &mut String, text: &str) {
    if message.len() < super::MOST_TEXT * 4 {
        if !message.is_empty() {
            message.push('\n');
        }
        message.extend(text.chars().take(super::MOST_TEXT));
    }
}
