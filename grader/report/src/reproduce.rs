//! The command that repeats a run.

use grader_model::Report;

use crate::text;

/// A shell line that grades the same tree by the same spec, level and seed.
pub(crate) fn command(report: &Report) -> String {
    let submission = &report.submission;
    let mut words = vec!["grader".to_owned(), "grade".to_owned(), submission.source.clone()];
    let mut option = |name: &str, value: &str| {
        if !value.is_empty() {
            words.extend([name.to_owned(), value.to_owned()]);
        }
    };
    option("--ref", &submission.commit);
    option("--subdir", &submission.subdir);
    option("--spec", &report.spec.id);
    option("--level", report.spec.level.as_str());
    option("--seed", &submission.seed.to_string());
    let words: Vec<_> = words.iter().map(|word| text::sentence(word)).collect();
    // The only word that cannot be quoted holds a NUL, and the cleaned ones hold none.
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_default()
}
