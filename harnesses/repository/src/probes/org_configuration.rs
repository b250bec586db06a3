//! `org.configuration`: what differs between deployments comes from the environment.
//!
//! Observes literals of the source that tests, examples and migrations are not part of: addresses of databases and
//! brokers, the parts of a connection, signing secrets. A literal that is only the default of something read from the
//! environment is right, and so is a default in a settings class or in a framework's settings file, which the
//! environment overrides by itself (Spring, ASP.NET, pydantic). A fixed address of the database fails; only a fixed
//! secret is a partial, since `auth.token.secret` charges for it; so is a debug mode that stands switched on in settings
//! or where the server is started, because nothing turns it off in production. Planted defects: `org-configuration*`.

use std::ops::Range;
use std::sync::LazyLock;

use grader_model::{Evidence, Finding};
use grader_spec::Params;
use regex::Regex;

use super::Tree;
use crate::code::{Code, Kind};
use crate::signing::names_secret;
use crate::tree::{self, Language};

pub(super) const ID: &str = "org.configuration";

/// Places that are shown.
const SHOWN: usize = 6;

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:jdbc:)?(?:postgres|postgresql|mysql|mariadb|mongodb|redis|amqp|mssql|sqlserver)(?:\+\w+)?://[^\s/]{1,200}").ok()
});

const SECRET: &str = "signing secret";
const DEBUG: &str = "debug mode";

/// A setting that stands in the source.
struct Fixed {
    path: String,
    line: u32,
    what: &'static str,
    shown: String,
}

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let mut fixed = Vec::new();
    let mut reads = 0;
    for (path, text, language) in &tree.sources {
        let code = Code::read(text, *language);
        reads += (0..code.len()).filter(|at| reads_environment(&code, *at)).take(100).count();
        if !tree::is_example(path) && !is_aside(path) && fixed.len() < 50 {
            addresses(path, &code, *language, &mut fixed);
            parts_of_connection(path, &code, &mut fixed);
            secrets(path, &code, *language, &mut fixed);
            debug(path, &code, *language, &mut fixed);
        }
    }
    let expected = "addresses, credentials and secrets from the environment";
    let database = fixed.iter().any(|fixed| !matches!(fixed.what, SECRET | DEBUG));
    let evidence: Vec<Evidence> = fixed
        .iter()
        .take(SHOWN)
        .map(|fixed| Evidence::file(fixed.path.clone(), Some(fixed.line), format!("{}: {}", fixed.what, fixed.shown)))
        .collect();
    let mut kinds: Vec<&str> = fixed.iter().map(|fixed| fixed.what).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let finding = if fixed.is_empty() {
        let actual = if reads > 0 { "read from the environment" } else { "none stands in the source" };
        Finding::pass(ID, "Settings are not fixed in the source").actual(actual)
    } else {
        let summary = format!("Fixed in the source: {}", kinds.join(", "));
        let finding = if database { Finding::fail(ID, summary) } else { Finding::partial(ID, 0.5, summary) };
        let first = &fixed[0];
        finding.actual(format!("{} in {}:{}", first.what, first.path, first.line))
    };
    finding.expected(expected).evidences(evidence)
}

/// Scripts for one's own machine, migrations and seeds are not the service.
fn is_aside(path: &str) -> bool {
    tree::folders(path).any(|folder| {
        matches!(
            folder,
            "migrations"
                | "migration"
                | "migrate"
                | "alembic"
                | "scripts"
                | "script"
                | "seeds"
                | "seeders"
                | "bench"
                | "docs"
        )
    }) || ["config.test", "knexfile", "seed", "loadtest", "locustfile", "drizzle.config", "ormconfig"]
        .iter()
        .any(|word| tree::file_name(path).to_ascii_lowercase().contains(word))
}

fn reads_environment(code: &Code<'_>, at: usize) -> bool {
    matches!(
        code.word(at),
        Some(
            "environ"
                | "getenv"
                | "Getenv"
                | "LookupEnv"
                | "viper"
                | "BaseSettings"
                | "ENV"
                | "env"
                | "env_or"
                | "envconfig"
                | "configService"
                | "config_service"
                | "decouple"
                | "IConfiguration"
                | "GetEnvironmentVariable"
                | "GetConnectionString"
                | "dotenv"
                | "dotenvy"
                | "Value"
                | "ConfigurationProperties"
                | "environment"
                | "getEnvOrDefault"
                | "getEnv"
                | "GetEnv"
                | "get_env"
                | "envOr"
                | "envOrDefault"
                | "Env"
                | "z"
                | "envalid"
                | "Joi"
        )
    ) || code.literal(at).is_some_and(|text| text.contains("${"))
}

/// Whether the literal at a position is the default of something that the environment may set.
fn is_default(code: &Code<'_>, at: usize, language: Language) -> bool {
    let line = code.line(at);
    let from = at.saturating_sub(24);
    let near = (from..code.len().min(at + 10))
        .any(|near| code.line(near).abs_diff(line) <= 2 && reads_environment(code, near));
    near || language == Language::Python && in_settings_class(code, at) || reads_by_name(code, at)
}

/// `getEnv("DATABASE_URL", "postgres://…")` under any name: an upper-case literal right before it.
fn reads_by_name(code: &Code<'_>, at: usize) -> bool {
    let upper = |text: &str| {
        text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    };
    at >= 2 && code.is(at - 1, ",") && code.literal(at - 2).is_some_and(upper)
}

/// A field of a class that is made from `…Settings` or `…Config`: the environment overrides it.
fn in_settings_class(code: &Code<'_>, at: usize) -> bool {
    let class = (at.saturating_sub(3_000)..at).rev().find(|at| code.is(*at, "class") && code.tokens[*at].first);
    class.is_some_and(|class| {
        (class..code.len().min(class + 8))
            .filter_map(|at| code.word(at))
            .skip(2)
            .any(|base| base.ends_with("Settings") || base.ends_with("EnvConfig"))
    })
}

fn addresses(path: &str, code: &Code<'_>, language: Language, fixed: &mut Vec<Fixed>) {
    let Some(address) = ADDRESS.as_ref() else { return };
    for at in 0..code.len() {
        let token = code.tokens[at];
        if !matches!(token.kind, Kind::Text | Kind::Template) || token.text.len() > 400 || !address.is_match(token.text)
        {
            continue;
        }
        // A template filled from elsewhere is put together from settings; one that names only a scheme is no address.
        let filled = token.kind == Kind::Template && token.text.contains('{')
            || token.text.contains("%s")
            || token.text.contains("{}")
            || token.text.contains("${");
        let rewritten = matches!(
            code.word(at.wrapping_sub(2)),
            Some("startswith" | "replace" | "removeprefix" | "HasPrefix" | "startsWith" | "starts_with" | "split")
        );
        if !filled
            && !rewritten
            && !is_default(code, at, language)
            && token.text.split("://").nth(1).is_some_and(|rest| rest.len() > 3)
        {
            let what = if token.text.contains("redis") || token.text.contains("amqp") {
                "address of a service"
            } else {
                "address of the database"
            };
            fixed.push(Fixed { path: path.to_owned(), line: token.line, what, shown: without_password(token.text) });
        }
    }
}

/// An address with its password hidden.
fn without_password(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{}", tree::excerpt(host)),
        _ => tree::excerpt(address),
    }
}

/// `new Pool({ host: 'db', password: 'x' })`: a literal password beside a literal host, user or database.
fn parts_of_connection(path: &str, code: &Code<'_>, fixed: &mut Vec<Fixed>) {
    for at in 1..code.len() {
        let Some(name) = code.word(at).filter(|_| code.is(at + 1, ":") || code.is(at + 1, "=")) else { continue };
        if !matches!(name, "password" | "PASSWORD" | "passwd" | "Password")
            || code.literal(at + 2).is_none_or(str::is_empty)
            || code.literal(at + 2).is_some_and(|text| text.contains("${"))
        {
            continue;
        }
        let around: Range<usize> = at.saturating_sub(40)..code.len().min(at + 40);
        let mut beside = around.clone().filter(|near| {
            matches!(code.word(*near), Some("host" | "HOST" | "Host" | "server"))
                && (code.is(near + 1, ":") || code.is(near + 1, "="))
                && code.literal(near + 2).is_some_and(|text| !text.is_empty())
        });
        if beside.next().is_some() && !around.into_iter().any(|near| reads_environment(code, near)) {
            fixed.push(Fixed {
                path: path.to_owned(),
                line: code.line(at),
                what: "password of the database",
                shown: "`host` and `password` are literals".to_owned(),
            });
        }
    }
}

fn secrets(path: &str, code: &Code<'_>, language: Language, fixed: &mut Vec<Fixed>) {
    for at in 1..code.len() {
        let Some(name) = code.word(at).filter(|name| names_secret(name)) else { continue };
        let value = if code.is(at + 1, "=") || code.is(at + 1, ":") { at + 2 } else { continue };
        let value = if code.is(value, "str") || code.is(value, "string") || code.is(value, "String") {
            value + 2
        } else {
            value
        };
        let Some(text) = code
            .literal(value)
            .filter(|text| text.len() >= 4 && !text.contains(char::is_whitespace) && !text.contains("${"))
        else {
            continue;
        };
        let naming = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            || name.to_ascii_lowercase().contains("header");
        if !naming && !is_default(code, value, language) && !code.is(value + 1, "|") && !code.is(value + 1, "?") {
            fixed.push(Fixed {
                path: path.to_owned(),
                line: code.line(at),
                what: SECRET,
                shown: format!("`{}` is a literal", tree::excerpt(name)),
            });
        }
    }
}

/// `DEBUG = True` in a settings file, `app.run(debug=True)`, `gin.SetMode(gin.DebugMode)`.
fn debug(path: &str, code: &Code<'_>, language: Language, fixed: &mut Vec<Fixed>) {
    let name = tree::file_name(path).to_ascii_lowercase();
    let for_development = ["dev", "local", "debug"].iter().any(|word| name.contains(word));
    for at in 0..code.len() {
        let on = match code.word(at) {
            Some("DEBUG") => {
                language == Language::Python && code.is(at + 1, "=") && code.is(at + 2, "True") && code.tokens[at].first
            }
            Some("debug") => {
                code.is(at + 1, "=")
                    && code.is(at + 2, "True")
                    && (at.saturating_sub(12)..at)
                        .any(|near| matches!(code.word(near), Some("run" | "FastAPI" | "Flask")))
            }
            Some("SetMode") => code.is(at + 2, "gin") && code.is(at + 4, "DebugMode"),
            _ => false,
        };
        let around = at.saturating_sub(12)..code.len().min(at + 6);
        if on && !for_development && !around.into_iter().any(|near| reads_environment(code, near)) {
            fixed.push(Fixed {
                path: path.to_owned(),
                line: code.line(at),
                what: DEBUG,
                shown: "switched on for every environment".to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn verdict(path: &str, text: &str) -> Verdict {
        over(&[(path, text)], run).verdict
    }

    #[test]
    fn defaults_of_the_environment_are_right() {
        for (path, text) in [
            ("a.py", "url = os.getenv('DATABASE_URL', 'postgresql://u:p@localhost/db')"),
            (
                "b.py",
                "class Settings(BaseSettings):\n    database_url: str = 'postgresql://u:p@db/x'\n    secret_key: str = 'development'",
            ),
            ("c.ts", "const url = process.env.DATABASE_URL ?? 'postgres://u:p@db/x';"),
            ("d.ts", "new Pool({ host: process.env.HOST, user: 'a', password: process.env.PASSWORD })"),
            ("e.go", "url := getenvDefault(\"DATABASE_URL\", \"postgres://u:p@db/x\")"),
            (
                "f.py",
                "if url.startswith('postgres://'):\n    url = url.replace('postgres://', 'postgresql+psycopg://', 1)",
            ),
            ("g.py", "url = f'postgresql://{user}:{password}@{host}/{name}'"),
            ("h.java", "@Value(\"${jwt.secret:abc}\") private String secret;"),
            ("tests/a.py", "URL = 'postgresql://u:p@localhost/db'"),
            ("shop/settings.py", "DEBUG = os.environ.get('DEBUG') == '1'"),
            ("shop/settings_dev.py", "DEBUG = True"),
            ("j.py", "logger.log(level, debug=True)"),
            ("i.rs", "let url = std::env::var(\"DATABASE_URL\").unwrap_or_else(|_| \"postgres://u:p@db/x\".into());"),
        ] {
            assert_eq!(verdict(path, text), Verdict::Pass, "{path}");
        }
    }

    #[test]
    fn what_stands_fixed_does_not_pass() {
        assert_eq!(verdict("a.py", "engine = create_engine('postgresql://u:p@db:5432/x')"), Verdict::Fail);
        assert_eq!(
            verdict("b.ts", "export const pool = new Pool({ host: 'db', user: 'u', password: 'p' });"),
            Verdict::Fail
        );
        assert_eq!(verdict("c.go", "dsn := \"postgres://u:p@db:5432/x\""), Verdict::Fail);
        assert_eq!(verdict("d.js", "const JWT_SECRET = 'supersecret';"), Verdict::Partial);
        assert_eq!(verdict("shop/settings.py", "DEBUG = True\nALLOWED_HOSTS = []\n"), Verdict::Partial);
        assert_eq!(
            verdict("run.py", "if __name__ == '__main__':\n    app.run(host='0.0.0.0', debug=True)\n"),
            Verdict::Partial
        );
    }

    #[test]
    fn a_password_is_not_shown() {
        let finding = over(&[("a.py", "engine = create_engine('postgresql://u:hunter2@db:5432/x')")], run);
        assert!(!serde_json::to_string(&finding).unwrap().contains("hunter2"));
    }
}
