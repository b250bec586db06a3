//! `grader probe URL`.

use grader_pipeline::{ProbeRequest, ProbeTrouble};
use harness_kit::{DatabaseHint, DatabaseKind};
use tokio::sync::mpsc;
use url::Url;

use super::setup;
use crate::args::{ProbeArgs, Visibility};
use crate::exit::Exit;
use crate::families;
use crate::output::{complain, deliver};
use crate::progress::{self, Shown};

pub(crate) async fn run(args: ProbeArgs) -> Exit {
    let common = args.common;
    let (Some(spec), Some(bindings)) = (setup::spec(&common.spec), setup::bindings(common.bindings.as_deref())) else {
        return Exit::Usage;
    };
    let database = match args.database.as_ref().map(database) {
        Some(Err(reason)) => {
            eprintln!("grader: --database: {reason}");
            return Exit::Usage;
        }
        Some(Ok(hint)) => Some(hint),
        None => None,
    };
    let (events, received) = mpsc::unbounded_channel();
    let shown = tokio::spawn(progress::show(received, Shown::default()));
    let request = ProbeRequest {
        url: args.url,
        database,
        level: common.level.map_or(spec.spec.level, Into::into),
        fail_under: common.fail_under.or(spec.spec.thresholds.fail_under),
        spec,
        bindings,
        public_only: common.visibility == Visibility::Public,
        seed: common.seed.unwrap_or_else(fresh_seed),
        probes: families::live,
    };
    let outcome = grader_pipeline::probe(request, events).await;
    // The view ends with its events; whether it ended well changes nothing.
    let _ = shown.await;
    match outcome {
        Ok(report) => match deliver(&report, &common, common.out.as_deref()) {
            Ok(()) => Exit::of(&report),
            Err(error) => {
                complain(&error, "");
                Exit::NotGraded
            }
        },
        Err(error) => {
            let hint = match &error {
                ProbeTrouble::NoAddress(_) => "write http://HOST:PORT",
                _ => "is the API running, and does it listen there?",
            };
            complain(&error, hint);
            if matches!(error, ProbeTrouble::NoAddress(_)) { Exit::Usage } else { Exit::NotGraded }
        }
    }
}

/// A seed that no earlier probing of the same database used; the report names it.
fn fresh_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    now.as_secs()
}

/// The database behind `postgres://user:password@host:port/name`, `mysql://…` or `sqlite:PATH`.
fn database(url: &Url) -> Result<DatabaseHint, String> {
    let (kind, port) = match url.scheme() {
        "postgres" | "postgresql" => (DatabaseKind::Postgres, 5432),
        "mysql" | "mariadb" => (DatabaseKind::Mysql, 3306),
        "sqlite" => {
            return Ok(DatabaseHint {
                kind: DatabaseKind::Sqlite,
                service: "database".to_owned(),
                host: String::new(),
                port: 0,
                user: String::new(),
                password: String::new(),
                database: percent_decode(url.path()),
            });
        }
        other => {
            return Err(format!(
                "`{other}` databases cannot be read; write postgres://user:password@host:port/name, mysql://… or \
                 sqlite:PATH"
            ));
        }
    };
    let text = |part: &str| percent_decode(part);
    Ok(DatabaseHint {
        kind,
        service: "database".to_owned(),
        host: url.host_str().ok_or("the address has no host")?.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(port),
        user: text(url.username()),
        password: text(url.password().unwrap_or("")),
        database: text(url.path().trim_start_matches('/')),
    })
}

fn percent_decode(part: &str) -> String {
    url::form_urlencoded::parse(format!("x={}", part.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
