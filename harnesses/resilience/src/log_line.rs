//! What a line of a log tells: when, how grave, and in a form that a machine can take apart.
//!
//! Knows the customary formats (JSON, logfmt, and the text that loggers and servers of the field write), not what any
//! line is about. Time and level are looked for where those formats put them; a word somewhere in a message is neither.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// How grave a line says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
}

/// What a line tells besides its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Told {
    pub(crate) time: bool,
    pub(crate) level: Option<Level>,
}

/// Characters at a line's beginning in which text formats put time and level.
const HEAD: usize = 160;
/// Characters of a line that are looked at at all.
const LOOKED_AT: usize = 16 * 1024;

const TIME_KEYS: &[&str] = &[
    "time",
    "timestamp",
    "ts",
    "@timestamp",
    "t",
    "@t",
    "date",
    "datetime",
    "asctime",
    "eventtime",
    "logged_at",
    "when",
];
const LEVEL_KEYS: &[&str] = &[
    "level",
    "severity",
    "lvl",
    "levelname",
    "log.level",
    "loglevel",
    "log_level",
    "@l",
    "level_name",
    "severitytext",
];

/// Reads one line.
pub(crate) fn read(line: &str) -> Told {
    let line = plain(line);
    let line = line.trim();
    // Some runners put a service's name before what it says.
    let json = line.find('{').filter(|at| *at <= HEAD).and_then(|at| serde_json::from_str::<Value>(&line[at..]).ok());
    if let Some(Value::Object(members)) = json {
        let told = of_members(&members, 0);
        // A message in JSON behind a text head has both.
        let head = of_text(&line[..line.find('{').unwrap_or(0)]);
        return Told { time: told.time || head.time, level: told.level.or(head.level) };
    }
    of_text(line)
}

/// A line without the escapes that colour it, and not longer than what is looked at.
fn plain(line: &str) -> String {
    let cut: String = line.chars().take(LOOKED_AT).collect();
    COLOUR.replace_all(&cut, "").into_owned()
}

fn of_members(members: &serde_json::Map<String, Value>, depth: u8) -> Told {
    let mut told = Told::default();
    for (name, value) in members {
        let name = name.to_lowercase();
        if TIME_KEYS.contains(&name.as_str()) {
            told.time |= is_time(value);
        } else if LEVEL_KEYS.contains(&name.as_str()) {
            told.level = told.level.or_else(|| level_of(value));
        } else if let (Value::Object(inner), true) = (value, depth == 0) {
            let inner = of_members(inner, depth + 1);
            told.time |= inner.time;
            told.level = told.level.or(inner.level);
        }
    }
    told
}

fn is_time(value: &Value) -> bool {
    match value {
        // Seconds, milliseconds, micro- or nanoseconds since 1970, from 2001 on.
        Value::Number(number) => number.as_f64().is_some_and(|number| number >= 1e9),
        Value::String(text) => CLOCK.is_match(text) || text.parse::<f64>().is_ok_and(|number| number >= 1e9),
        _ => false,
    }
}

fn level_of(value: &Value) -> Option<Level> {
    match value {
        Value::String(text) => word(text.trim()),
        // Bunyan and pino: 10 to 60.
        Value::Number(number) => match number.as_u64()? {
            10 => Some(Level::Trace),
            20 => Some(Level::Debug),
            30 => Some(Level::Info),
            40 => Some(Level::Warning),
            50..=60 => Some(Level::Error),
            _ => None,
        },
        _ => None,
    }
}

/// A level by any of its customary names.
fn word(text: &str) -> Option<Level> {
    Some(match text.to_lowercase().as_str() {
        "trace" | "verbose" | "vrb" | "trc" | "silly" | "finest" | "finer" => Level::Trace,
        "debug" | "dbg" | "fine" | "config" => Level::Debug,
        "info" | "inf" | "information" | "notice" | "log" | "http" | "success" => Level::Info,
        "warn" | "warning" | "wrn" => Level::Warning,
        "error" | "err" | "eror" | "fatal" | "ftl" | "critical" | "crit" | "severe" | "alert" | "emerg"
        | "emergency" | "panic" | "fail" => Level::Error,
        _ => return None,
    })
}

fn of_text(line: &str) -> Told {
    let head: String = line.chars().take(HEAD).collect();
    let time = CLOCK.is_match(&head) || GLOG.is_match(&head) || EPOCH.is_match(&head);
    let level = LEVELS.iter().find_map(|pattern| {
        let found = pattern.captures(&head)?;
        word(found.get(1)?.as_str())
    });
    let level = level.or_else(|| match GLOG.captures(&head)?.get(1)?.as_str() {
        "I" => Some(Level::Info),
        "W" => Some(Level::Warning),
        "E" | "F" => Some(Level::Error),
        _ => Some(Level::Debug),
    });
    Told { time, level }
}

static COLOUR: LazyLock<Regex> = LazyLock::new(|| regex(r"\x1b\[[0-9;]*[A-Za-z]"));
/// A time of day in a date or by itself, to the second: ISO 8601, the common log format, Go, log4j, syslog, a locale's.
static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?:^|[^\d:.])(?:\d{4}:)?(?:[01]?\d|2[0-3]):[0-5]\d:[0-5]\d(?:$|[^\d:])|\b\d{4}-\d\d-\d\dT\d{4,6}")
});
/// `I0102 15:04:05.000000`, as glog and klog write.
static GLOG: LazyLock<Regex> = LazyLock::new(|| regex(r"^([IWEFDV])\d{4} \d\d:\d\d:\d\d"));
/// Seconds or milliseconds since 1970 in brackets, or as logfmt's time.
static EPOCH: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:^\[?|\b(?:ts|time|timestamp)=)1\d{9}(?:\d{3})?(?:\.\d+)?\b"));

/// Where text formats put a level, most exact first.
static LEVELS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // logfmt
        r#"(?i)\b(?:level|lvl|severity|loglevel)=["']?([a-z]+)\b"#,
        // [info], [core:error], [12:00:00 INF], (INFO), <warn>
        r"(?i)[\[(<](?:[\w.-]+:|[\d:.,TZ+ -]+ )?\s*(trace|verbose|debug|info|information|notice|log|warn|warning|error|err|fatal|critical|crit|alert|emerg|panic|VRB|DBG|INF|WRN|ERR|FTL|TRC)\s*[\])>]",
        // INFO: message, info: message, local.ERROR: message, at a line's beginning or after the time
        r"(?i)^(?:\[?[\d:.,TZ+/ -]+\]?\s*)?(?:[\w-]+\.)?(trace|verbose|debug|info|notice|http|warn|warning|error|err|fatal|critical|severe|fail|crit):(?:\s|$)",
        // upper case, as loggers align it between time and name
        r"(?:^|[\s|\[\-])(TRACE|VERBOSE|DEBUG|INFO|NOTICE|LOG|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE|PANIC|SUCCESS)(?:[\s|\]:\-,]|$)",
    ]
    .map(regex)
    .into()
});

fn regex(pattern: &str) -> Regex {
    // Proved by the tests below, which meet every one: the patterns are constants of this file.
    Regex::new(pattern).expect("a constant pattern compiles")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(line: &str) -> (bool, Option<Level>) {
        let Told { time, level } = read(line);
        (time, level)
    }

    #[test]
    fn complete_lines_of_the_field() {
        for (line, level) in [
            // pino, python-json-logger, zap, slog's JSON, logrus, structlog, ECS, Bunyan
            (
                r#"{"level":30,"time":1700000000000,"pid":1,"req":{"method":"GET","url":"/things"},"msg":"request completed"}"#,
                Level::Info,
            ),
            (
                r#"{"time": "2026-01-02T03:04:05.678+00:00", "level": "error", "logger": "app", "message": "request", "status": 503}"#,
                Level::Error,
            ),
            (r#"{"asctime": "2026-01-02 03:04:05,678", "levelname": "WARNING", "message": "x"}"#, Level::Warning),
            (r#"{"level":"info","ts":1700000000.123,"caller":"main.go:12","msg":"x"}"#, Level::Info),
            (r#"{"time":"2026-01-02T03:04:05.678901234Z","level":"INFO","msg":"x"}"#, Level::Info),
            (r#"{"@timestamp":"2026-01-02T03:04:05.678Z","log.level":"INFO","message":"x"}"#, Level::Info),
            (r#"{"@timestamp":"2026-01-02T03:04:05.678Z","log":{"level":"error"},"message":"x"}"#, Level::Error),
            (r#"{"@t":"2026-01-02T03:04:05.6789012Z","@m":"x","@l":"Warning"}"#, Level::Warning),
            // logfmt
            (r#"time="2026-01-02T03:04:05Z" level=info msg="GET /things" status=200"#, Level::Info),
            (r"time=2026-01-02T03:04:05.678+01:00 level=WARN msg=x", Level::Warning),
            (r"ts=1700000000.123 lvl=eror msg=x", Level::Error),
            // log4j and logback, Spring Boot
            ("2026-01-02 03:04:05,678 [main] INFO  com.shop.Api - GET /things", Level::Info),
            (
                "2026-01-02T03:04:05.678Z ERROR 1 --- [nio-8080-exec-1] o.a.c.c.C.[.[.[/].[dispatcherServlet]    : x",
                Level::Error,
            ),
            // Python's logging, uvicorn with a time, gunicorn, Django, werkzeug's own
            ("2026-01-02 03:04:05,678 - app - INFO - GET /things 200", Level::Info),
            ("2026-01-02 03:04:05 INFO:     10.0.0.1:5 - \"GET /things HTTP/1.1\" 200 OK", Level::Info),
            ("[2026-01-02 03:04:05 +0000] [7] [INFO] GET /things", Level::Info),
            ("INFO 2026-01-02 03:04:05,678 basehttp \"GET /things HTTP/1.1\" 200 12", Level::Info),
            ("2026-01-02 03:04:05.678 | ERROR    | app:f:12 - x", Level::Error),
            ("WARNING:root:2026-01-02 03:04:05 x", Level::Warning),
            // Nest, winston, Rails, Laravel, Serilog, Elixir, glog, tracing, slog's text, zap's console, nginx
            ("[Nest] 1  - 01/02/2026, 3:04:05 AM     LOG [RouterExplorer] Mapped {/things, GET} route", Level::Info),
            ("2026-01-02T03:04:05.678Z [warn]: x", Level::Warning),
            ("2026-01-02 03:04:05 error: x", Level::Error),
            ("I, [2026-01-02T03:04:05.678901 #1]  INFO -- : Started GET \"/things\"", Level::Info),
            ("[2026-01-02 03:04:05] local.ERROR: x {\"exception\":\"y\"}", Level::Error),
            ("[03:04:05 INF] HTTP GET /things responded 200 in 1.2 ms", Level::Info),
            ("03:04:05.678 [info] GET /things", Level::Info),
            ("I0102 03:04:05.678901       1 server.go:12] GET /things", Level::Info),
            (
                "\u{1b}[2m2026-01-02T03:04:05.678901Z\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m tower_http: finished",
                Level::Info,
            ),
            ("2026-01-02T03:04:05.678Z\tINFO\tshop/main.go:12\tGET /things", Level::Info),
            ("2026/01/02 03:04:05 [error] 7#7: *1 connect() failed", Level::Error),
            ("[Fri Jan 02 03:04:05.678 2026] [core:error] [pid 7] x", Level::Error),
        ] {
            assert_eq!(told(line), (true, Some(level)), "{line}");
        }
    }

    #[test]
    fn what_servers_write_by_default_lacks_something() {
        for (line, expected) in [
            // uvicorn: no time
            ("INFO:     10.0.0.1:47882 - \"GET /things HTTP/1.1\" 200 OK", (false, Some(Level::Info))),
            // .NET's console: no time
            ("info: Microsoft.Hosting.Lifetime[14]", (false, Some(Level::Info))),
            ("info: x", (false, Some(Level::Info))),
            // The common log format, morgan's combined, Go's log, gin, Flask's server: no level
            ("10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] \"GET /things HTTP/1.1\" 200 12 \"-\" \"-\"", (true, None)),
            ("2026/01/02 03:04:05 GET /things 200", (true, None)),
            ("[GIN] 2026/01/02 - 03:04:05 | 200 |     123.4µs |      10.0.0.1 | GET      \"/things\"", (true, None)),
            // morgan's dev and tiny, a bare console.log, a word in a message
            ("GET /things 200 1.234 ms - 12", (false, None)),
            ("\u{1b}[0mGET /things \u{1b}[32m200\u{1b}[0m 1.234 ms - 12\u{1b}[0m", (false, None)),
            ("listening on port 3000", (false, None)),
            ("there was an error somewhere", (false, None)),
            ("GET /things/info 200", (false, None)),
            ("at f (/app/dist/errors.js:27:12)", (false, None)),
            ("connect to fe80::1:22:33", (false, None)),
            (r#"{"method":"GET","path":"/things","status":200,"level_of_detail":3}"#, (false, None)),
            (r#"{"level":"thirty","time":12}"#, (false, None)),
            ("", (false, None)),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in ".*") {
            read(&line);
        }
    }
}
