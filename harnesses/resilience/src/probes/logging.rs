//! `error.logging`: requests and errors leave a trace on the log of the API's container: when, how grave, and what.
//!
//! A sound request, one for a record that never was and one for a path that is none are sent, and the log is read from just
//! before them on. A line belongs to a request when it names its path, or at least the resource. A failing request leaves
//! its trace with its own path, or with a line of a warning's or an error's level; so do the failures that were provoked
//! while the database was away. JSON, logfmt and the customary text formats all pass. Half of the points is for both kinds
//! leaving a trace, a quarter each for time and level: a server's default access log that lacks one of them is partial, and
//! so is a log of errors alone. The engine's own time beside a line is not the submission's. No trace at all is a fail.
//! Planted defects: `error-logging` of both submissions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use grader_spec::Action;
use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{BoundResource, Context, Phase, Probe, Request, Stop, placing};
use serde_json::json;

use crate::log_line::{self, Level, Told};
use crate::outage::Outage;
use crate::services::ask;

pub(crate) struct Logging(pub(crate) Arc<Outage>);

/// Lines that are looked at.
const LINES: u32 = 5_000;
/// How long a line may take from the process to the engine.
const ARRIVAL: Duration = Duration::from_millis(1500);
const LOOK: Duration = Duration::from_millis(50);
/// Statuses that stay legible in a line that is shown; any other number may be a time.
const STATUSES: &[&str] = &["200", "400", "401", "403", "404", "422", "500", "503"];
/// Characters of a line that evidence shows.
const SHOWN: usize = 600;

#[async_trait]
impl Probe for Logging {
    fn id(&self) -> &'static str {
        "error.logging"
    }

    fn phase(&self) -> Phase {
        Phase::Observe
    }

    fn needs_host(&self) -> bool {
        true
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        let service = ctx.endpoint().service.clone();
        let Sample { sound, unknown, nowhere, word } = Sample::of(ctx, &main)?;
        let mark = mark(ctx).await?;
        let answered = sound.clone().send_aside(ctx).await;
        if answered.status() == 0 {
            return Err(Stop::inconclusive("The API does not answer any more, so nothing can be seen in its log"));
        }
        let sound_path = path(&sound.target).to_owned();
        let is_ours = move |line: &str| names(line, &sound_path, &word);
        let of_sound = arrived(ctx, &service, &mark, |lines| lines.iter().any(|line| is_ours(line))).await?;
        let mut sound_lines: Vec<String> = of_sound.into_iter().filter(|line| is_ours(line)).collect();
        // What comes first may be about the request before: its line is written after its answer.
        sound_lines.sort_by_key(|line| !is_about(line, &sound.method, answered.status()));

        let failed_at = self::mark(ctx).await?;
        let failing: Vec<Request> = unknown.into_iter().chain([nowhere]).collect();
        let paths: Vec<String> = failing.iter().map(|request| path(&request.target).to_owned()).collect();
        for request in failing {
            request.send_aside(ctx).await;
        }
        let tells = |line: &str| paths.iter().any(|path| line.contains(path.as_str())) || is_grave(line);
        let of_failing = arrived(ctx, &service, &failed_at, |lines| lines.iter().any(|line| tells(line))).await?;
        let mut error_lines: Vec<String> = of_failing.into_iter().filter(|line| tells(line)).collect();
        if error_lines.is_empty()
            && let Some(outage) = self.0.mark()
        {
            let provoked = read(ctx, &service, &outage).await?;
            error_lines.extend(provoked.into_iter().filter(|line| is_grave(line)).take(1));
        }
        Ok(self.finding(ctx, &service, &sound_lines, &error_lines))
    }
}

impl Logging {
    fn finding(&self, ctx: &Context, service: &str, sound: &[String], errors: &[String]) -> Finding {
        let expected = "requests and errors leave lines with time, level and what happened";
        let trace = Trace::of(sound, errors);
        let lines: Vec<String> = sound
            .iter()
            .take(1)
            .chain(errors.iter().take(1))
            .map(|line| timeless(&ctx.recorder().named(line)))
            .collect();
        let shown = (!lines.is_empty()).then(|| Evidence::Log { service: service.to_owned(), lines });
        let missing = trace.missing();
        let finding = match trace.fraction() {
            _ if missing.is_empty() => {
                Finding::pass(self.id(), "Requests and errors leave a structured trace on the container's log")
            }
            fraction if fraction > 0.0 => Finding::partial(
                self.id(),
                fraction,
                format!("The log's trace of requests and errors lacks {}", missing.join(", ")),
            ),
            _ if trace.requests || trace.errors => {
                let summary = format!("What the log tells of requests and errors lacks {}", missing.join(", "));
                Finding::fail(self.id(), summary)
            }
            _ => Finding::fail(self.id(), "Neither requests nor errors leave a trace on the container's log"),
        };
        let actual = if missing.is_empty() { expected.to_owned() } else { format!("missing: {}", missing.join(", ")) };
        finding.expected(expected).actual(actual).evidences(shown)
    }
}

/// The requests whose traces are looked for.
struct Sample {
    sound: Request,
    unknown: Option<Request>,
    nowhere: Request,
    /// What the resource is called in paths.
    word: String,
}

impl Sample {
    fn of(ctx: &Context, main: &BoundResource) -> Result<Self, Stop> {
        let session = ctx.writer(main)?;
        let sound = main.list_request(&[], session.as_ref()).or_else(|_| main.read_request("1", session.as_ref()))?;
        let collection = main.collection().unwrap_or("/").trim_end_matches('/').to_owned();
        let word = collection.rsplit('/').find(|part| !part.contains('{')).unwrap_or_default().to_lowercase();
        let unknown = main.operations.contains_key(&Action::Read).then(|| {
            let key = unknown_key(main, ctx);
            main.read_request(&key, session.as_ref())
        });
        let nowhere = Request::get(format!("/no-such-path-{}", ctx.values("error.logging").tag()));
        Ok(Sample { sound, unknown: unknown.transpose()?, nowhere, word })
    }
}

/// A key that no record has, in the form of the keys of the run.
fn unknown_key(main: &BoundResource, ctx: &Context) -> String {
    let made = ctx.recorder().exchanges().iter().rev().find_map(|exchange| {
        let body: serde_json::Value = serde_json::from_str(&exchange.body).ok()?;
        let record = harness_kit::resource::at(&body, &main.record_at)?.as_object()?;
        record.get(&main.key).cloned()
    });
    let key = placing::unknown_reference(&made.unwrap_or_else(|| json!(1)));
    harness_kit::wire::text(&key).unwrap_or_default()
}

async fn mark(ctx: &Context) -> Result<String, Stop> {
    match ask(ctx, Control::Mark).await? {
        ControlReply::Mark { at } => Ok(at),
        _ => Err(Stop::inconclusive("The host did not tell the time of the logs")),
    }
}

async fn read(ctx: &Context, service: &str, mark: &str) -> Result<Vec<String>, Stop> {
    let request = Control::LogsSince { service: service.to_owned(), mark: mark.to_owned(), lines: LINES };
    match ask(ctx, request).await? {
        ControlReply::Logs { services } => Ok(services.into_iter().flat_map(|(_, lines)| lines).collect()),
        _ => Err(Stop::inconclusive("The host did not hand over the logs")),
    }
}

/// The lines since the mark, once they are enough or their time is over.
async fn arrived(
    ctx: &Context,
    service: &str,
    mark: &str,
    enough: impl Fn(&[String]) -> bool,
) -> Result<Vec<String>, Stop> {
    let began = Instant::now();
    loop {
        let lines = read(ctx, service, mark).await?;
        if enough(&lines) || began.elapsed() >= ARRIVAL {
            return Ok(lines);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// Whether a line is about a request to that path, or at least about the resource.
fn names(line: &str, path: &str, word: &str) -> bool {
    line.contains(path) || (word.len() > 2 && line.to_lowercase().contains(word))
}

/// Whether a line tells of a request by that method that was answered so.
fn is_about(line: &str, method: &str, status: u16) -> bool {
    let tells =
        |wanted: &str| line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word.eq_ignore_ascii_case(wanted));
    tells(method) && tells(&status.to_string())
}

fn is_grave(line: &str) -> bool {
    log_line::read(line).level.is_some_and(|level| level >= Level::Warning)
}

/// What the lines tell, taken together: some loggers write several lines for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Trace {
    requests: bool,
    errors: bool,
    time: bool,
    level: bool,
}

impl Trace {
    fn of(sound: &[String], errors: &[String]) -> Self {
        let told = |lines: &[String]| {
            let each: Vec<Told> = lines.iter().map(|line| log_line::read(line)).collect();
            (each.iter().any(|told| told.time), each.iter().any(|told| told.level.is_some()))
        };
        let kinds: Vec<(bool, bool)> =
            [sound, errors].into_iter().filter(|lines| !lines.is_empty()).map(told).collect();
        Trace {
            requests: !sound.is_empty(),
            errors: !errors.is_empty(),
            time: !kinds.is_empty() && kinds.iter().all(|(time, _)| *time),
            level: !kinds.is_empty() && kinds.iter().all(|(_, level)| *level),
        }
    }

    fn missing(self) -> Vec<&'static str> {
        if !self.requests && !self.errors {
            return vec!["any trace"];
        }
        let parts =
            [(self.requests, "requests"), (self.errors, "errors"), (self.time, "the time"), (self.level, "the level")];
        parts.into_iter().filter(|(is_there, _)| !is_there).map(|(_, name)| name).collect()
    }

    fn fraction(self) -> f64 {
        if !self.requests && !self.errors {
            return 0.0;
        }
        let lost = |is_there: bool, share: f64| if is_there { 0.0 } else { share };
        1.0 - lost(self.requests && self.errors, 0.5) - lost(self.time, 0.25) - lost(self.level, 0.25)
    }
}

/// A line without what differs between two runs: identifiers, durations, ports and the like.
fn timeless(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.chars().take(SHOWN).peekable();
    let mut previous = ' ';
    while let Some(c) = rest.next() {
        if !c.is_ascii_alphanumeric() || previous.is_ascii_alphanumeric() {
            out.push(c);
            previous = c;
            continue;
        }
        let mut token = String::from(c);
        while let Some(next) = rest.next_if(|next| {
            next.is_ascii_alphanumeric() || (*next == '.' && token.chars().all(|c| c.is_ascii_digit() || c == '.'))
        }) {
            token.push(next);
        }
        let is_number = token.chars().all(|c| c.is_ascii_digit() || c == '.') && token != "1.1";
        let is_status = STATUSES.contains(&token.as_str());
        let is_id = token.len() >= 12 && token.chars().all(|c| c.is_ascii_hexdigit());
        previous = token.chars().last().unwrap_or(c);
        match (is_number && !is_status, is_id) {
            (_, true) => out.push_str("<id>"),
            (true, _) => out.push('#'),
            _ => out.push_str(&token),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(sound: &[&str], errors: &[&str]) -> (Vec<&'static str>, f64) {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let trace = Trace::of(&owned(sound), &owned(errors));
        (trace.missing(), trace.fraction())
    }

    const JSON: &str = r#"{"time":"2026-01-02T03:04:05Z","level":"info","path":"/things","status":200}"#;
    const UVICORN: &str = "INFO:     10.0.0.1:4 - \"GET /things HTTP/1.1\" 200 OK";
    const COMMON: &str = "10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] \"GET /things HTTP/1.1\" 200 12";
    const MORGAN: &str = "GET /things 200 1.234 ms - 12";

    #[test]
    fn what_is_missing_costs_its_part() {
        assert_eq!(trace(&[JSON], &[JSON]), (vec![], 1.0));
        assert_eq!(trace(&[UVICORN], &[UVICORN]), (vec!["the time"], 0.75));
        assert_eq!(trace(&[COMMON], &[COMMON]), (vec!["the level"], 0.75));
        assert_eq!(trace(&[MORGAN], &[MORGAN]), (vec!["the time", "the level"], 0.5));
        assert_eq!(trace(&[], &[JSON]), (vec!["requests"], 0.5));
        assert_eq!(trace(&[JSON], &[]), (vec!["errors"], 0.5));
        assert_eq!(trace(&[MORGAN], &[]), (vec!["errors", "the time", "the level"], 0.0));
        assert_eq!(trace(&[], &[]), (vec!["any trace"], 0.0));
    }

    #[test]
    fn several_lines_speak_for_one_request() {
        let said = "[2026-01-02 03:04:05] INFO started";
        assert_eq!(trace(&[MORGAN, said], &[JSON]), (vec![], 1.0));
        // What the lines about errors lack, those about requests do not mend.
        assert_eq!(trace(&[JSON], &[MORGAN]), (vec!["the time", "the level"], 0.5));
    }

    #[test]
    fn a_line_names_its_request() {
        assert!(names("GET /v1/things 200", "/v1/things", "things"));
        assert!(names("Listing all Things", "/v1/things", "things"));
        assert!(!names("connected", "/v1/things", "things"));
        assert!(!names("a to b", "/v1/a", "a"));
    }

    #[test]
    fn a_line_is_about_one_request() {
        assert!(is_about("10.0.0.1:4 - \"GET /things HTTP/1.1\" 200 OK", "GET", 200));
        assert!(is_about(r#"{"method":"get","path":"/things","status":200}"#, "GET", 200));
        assert!(!is_about("10.0.0.1:4 - \"POST /things HTTP/1.1\" 200 OK", "GET", 200));
        assert!(!is_about("10.0.0.1:4 - \"GET /things HTTP/1.1\" 401 in 200.5 ms", "GET", 20));
    }

    #[test]
    fn shown_lines_are_the_same_in_every_run() {
        let one = r#"{"request_id": "0af7651916cd43dd8448eb211c80319c", "path": "/api/v1/things", "status": 200, "duration_ms": 1.83, "client": "10.210.1.3"}"#;
        let other = r#"{"request_id": "b7ad6b7169203331aabbccdd00112233", "path": "/api/v1/things", "status": 200, "duration_ms": 12.2, "client": "10.210.9.3"}"#;
        assert_eq!(timeless(one), timeless(other));
        assert!(
            timeless(one).contains("\"status\": 200") && timeless(one).contains("/api/v1/things"),
            "{}",
            timeless(one)
        );
        assert_eq!(
            timeless("10.0.0.1:4711 - \"GET /x HTTP/1.1\" 404 in 7 ms"),
            "#:# - \"GET /x HTTP/1.1\" 404 in # ms"
        );
    }
}
