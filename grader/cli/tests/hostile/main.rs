//! Submissions that try to get out or to hurt, each with the refusal, fault or verdict that it must end with.
//!
//! `fixtures/hostile/FAMILY/NAME.yaml` holds the submission and what is expected; see the README there. Every case runs
//! through the real program beside a canary that no submission may touch or read, and a listener that none may reach.
//! Those of `neighbours` run on the engine, next to a stack that must not notice.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod bombs;
mod canary;
mod case;
mod docker;
mod engine_cases;
mod host;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Mutex;

use case::{Case, Family};

/// Cases at a time: reading is bound by the processor.
const AT_ONCE: usize = 2;

#[test]
fn nothing_gets_past_reading() {
    let cases = case::all(Family::Read);
    assert!(cases.len() >= 80, "{} cases", cases.len());
    let wrong = each(&cases, AT_ONCE, Case::read);
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Runs every case, some at a time, and tells those that failed.
fn each(cases: &[Case], at_once: usize, run: impl Fn(&Case) + Sync) -> Vec<String> {
    let open = Mutex::new(cases.iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let Some(case) = open.lock().unwrap().next() else { return };
                    let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(case)));
                    if let Err(panic) = tried {
                        let text = panic.downcast_ref::<String>().cloned();
                        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                        wrong.lock().unwrap().push(format!("{}: {}", case.name, short(&text.unwrap_or_default())));
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

/// Both ends of a long text: what failed stands at either.
fn short(text: &str) -> String {
    const END: usize = 700;
    let chars: Vec<char> = text.chars().collect();
    if chars.len() <= 2 * END {
        return text.to_owned();
    }
    let part = |chars: &[char]| chars.iter().collect::<String>();
    format!("{} […] {}", part(&chars[..END]), part(&chars[chars.len() - END..]))
}
