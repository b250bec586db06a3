//! A health test, run by us as the engine would run it.

use std::time::Duration;

use grader_compose::project::{HealthTest, Service};

use crate::BuiltImage;
use crate::control::ExecOptions;
use crate::stack::Shared;

/// Lines of a test's output that are kept.
const OUTPUT_LINES: usize = 10;

/// What a declaration leaves out, the engine's way.
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const RETRIES: u64 = 3;

/// A declared health test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    argv: Vec<String>,
    timeout: Duration,
    patience: Duration,
}

impl Test {
    /// The document's test, or the image's; `None` when there is none.
    pub(super) fn of(service: &Service, image: &BuiltImage) -> Option<Self> {
        let declared = service.healthcheck.as_ref();
        let by_image = image.config.healthcheck.as_ref();
        let shell = |line: &str| {
            let shell = image.config.shell.clone().filter(|words| !words.is_empty());
            let mut argv = shell.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
            argv.push(line.to_owned());
            argv
        };
        let argv = match declared.map(|check| &check.test) {
            Some(HealthTest::Disabled) => return None,
            Some(HealthTest::Exec(argv)) => argv.clone(),
            Some(HealthTest::Shell(line)) => shell(line),
            Some(HealthTest::Inherit) | None => match by_image?.test.as_deref()? {
                [kind, rest @ ..] if kind == "CMD" => rest.to_vec(),
                [kind, line] if kind == "CMD-SHELL" => shell(line),
                _ => return None,
            },
        };
        if argv.is_empty() {
            return None;
        }
        let nanos = |pick: fn(&bollard::models::HealthConfig) -> Option<i64>| {
            by_image.and_then(pick).and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0).map(Duration::from_nanos)
        };
        let interval = declared.and_then(|check| check.interval).or_else(|| nanos(|check| check.interval));
        let timeout = declared.and_then(|check| check.timeout).or_else(|| nanos(|check| check.timeout));
        let start = declared.and_then(|check| check.start_period).or_else(|| nanos(|check| check.start_period));
        let by_image_retries =
            by_image.and_then(|check| check.retries).and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        let retries = declared.and_then(|check| check.retries).or(by_image_retries).unwrap_or(RETRIES);
        let (interval, timeout) = (interval.unwrap_or(INTERVAL), timeout.unwrap_or(TIMEOUT));
        let rounds = u32::try_from(retries).unwrap_or(u32::MAX);
        let patience =
            start.unwrap_or_default().saturating_add((interval.saturating_add(timeout)).saturating_mul(rounds));
        Some(Test { argv, timeout: timeout.max(Duration::from_millis(1)), patience })
    }

    /// How long the declaration itself lets the service be unhealthy at most.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Runs the test once. `output` becomes the last lines that it printed.
    pub(super) async fn run(&self, stack: &Shared, name: &str, output: &mut Vec<String>) -> bool {
        let options = ExecOptions { timeout: self.timeout, output_bytes: 4 << 10, ..ExecOptions::default() };
        match stack.exec(name, &self.argv, &options).await {
            Ok(done) => {
                let text = [done.stdout.as_slice(), done.stderr.as_slice()].concat();
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<&str> = text.lines().collect();
                let from = lines.len().saturating_sub(OUTPUT_LINES);
                *output = lines[from..].iter().map(|line| (*line).to_owned()).collect();
                if done.exit_code.is_none() {
                    output.push(format!("(gave no answer within {} s)", self.timeout.as_secs_f32()));
                }
                done.exit_code == Some(0)
            }
            Err(error) => {
                // The container may have ended just now; the next look tells.
                *output = vec![error.to_string()];
                false
            }
        }
    }
}

impl std::fmt::Display for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.argv.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use grader_compose::project::Healthcheck;

    use super::*;

    fn image(test: &[&str]) -> BuiltImage {
        let check = bollard::models::HealthConfig {
            test: Some(test.iter().map(|word| (*word).to_owned()).collect()),
            ..bollard::models::HealthConfig::default()
        };
        BuiltImage {
            reference: String::new(),
            built: false,
            reused: false,
            bases: Vec::new(),
            base_labels: indexmap::IndexMap::new(),
            config: bollard::models::ImageConfig {
                healthcheck: Some(check),
                ..bollard::models::ImageConfig::default()
            },
        }
    }

    fn service(test: HealthTest) -> Service {
        Service { healthcheck: Some(Healthcheck { test, ..Healthcheck::default() }), ..Service::default() }
    }

    #[test]
    fn a_test_comes_from_the_document_and_then_from_the_image() {
        let image = image(&["CMD-SHELL", "true"]);
        let argv = |service: &Service| Test::of(service, &image).map(|test| test.argv.join(" "));
        assert_eq!(argv(&Service::default()).as_deref(), Some("/bin/sh -c true"));
        assert_eq!(argv(&service(HealthTest::Inherit)).as_deref(), Some("/bin/sh -c true"));
        assert_eq!(argv(&service(HealthTest::Exec(vec!["x".into(), "y".into()]))).as_deref(), Some("x y"));
        assert_eq!(argv(&service(HealthTest::Disabled)), None);
    }

    #[test]
    fn patience_is_what_the_declaration_grants() {
        let mut declared = service(HealthTest::Shell("true".to_owned()));
        let test = |service: &Service| Test::of(service, &image(&["NONE"])).unwrap();
        assert_eq!(test(&declared).patience(), Duration::from_secs(180));
        let check = declared.healthcheck.as_mut().unwrap();
        check.interval = Some(Duration::from_secs(5));
        check.timeout = Some(Duration::from_secs(1));
        check.retries = Some(10);
        check.start_period = Some(Duration::from_secs(40));
        assert_eq!(test(&declared).patience(), Duration::from_secs(100));
    }
}
