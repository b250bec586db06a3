//! Watching a PostgreSQL server by its log: every statement is logged for as long as the watch lasts.
//!
//! The settings are changed with `ALTER SYSTEM` and a reload, which reaches the connections that the API holds already.
//! They are put back as they were, by [`Watch::end`] or, where a probe is given up before, when the watch is dropped. The
//! log is the container's, read by the host; where the server collects its log into files, it is read through SQL.

use std::time::Duration;

use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{Context, Stop};
use tokio::time::Instant;

use super::Window;
use super::log::Reading;
use crate::engine::Dialect;
use crate::sql::SqlError;
use crate::store::{Found, Source};

/// A string as an SQL literal.
fn literal(text: &str) -> String {
    Dialect::Postgres.literal(text)
}

/// What stands before each line of the log: who logs, and for which database.
const LEAD: &str = "[grader ";
/// Settings under which the log says what is asked of it.
const WANTED: &[(&str, &str)] = &[
    ("log_statement", "all"),
    ("log_line_prefix", "[grader %p %d] "),
    ("log_destination", "stderr"),
    ("log_parameter_max_length", "-1"),
    ("log_error_verbosity", "default"),
    ("log_min_messages", "warning"),
    ("lc_messages", "C"),
];
/// Longest time for a reload to be seen, and for a line to come through the log.
const RELOAD: Duration = Duration::from_secs(3);
const LOG: Duration = Duration::from_secs(6);
/// Lines of the container's log that are asked for, and bytes of a log file.
const LINES: u32 = 20_000;
const BYTES: u64 = 4 * 1024 * 1024;

pub(crate) struct Watch<'a> {
    ctx: &'a Context,
    found: &'a Found,
    /// Taken when it is put back.
    changed: Option<Changed>,
    service: String,
    database: String,
    own: String,
    marks: usize,
    log: Log,
}

/// Where the log is read, and from which point.
enum Log {
    /// A file that the server collects it in, from that byte.
    File { path: String, from: u64 },
    /// The container's, from that mark of the host's.
    Container { mark: String },
}

/// Settings that were changed, each with what `ALTER SYSTEM` had made of it before, and its effect.
struct Changed {
    source: Source,
    settings: Vec<Setting>,
}

#[derive(Debug, Clone)]
struct Setting {
    name: String,
    /// What was in effect, by whatever source.
    effect: String,
    /// The value in the server's own settings file, where it had one.
    before: Option<String>,
}

impl<'a> Watch<'a> {
    pub(super) async fn begin(ctx: &'a Context, found: &'a Found) -> Result<Self, Stop> {
        let own = found.query("SELECT pg_backend_pid() AS pid").await?;
        let own = own.rows.first().map(|row| own.cell(row, "pid").to_owned()).unwrap_or_default();
        let Source::Server { hint, database } = &found.source else {
            return Err(Stop::inconclusive("a file has no server whose log could be read"));
        };
        let (service, database) = (hint.service.clone(), database.clone());
        let log = Log::find(ctx, found).await?;
        let settings = different(found).await?;
        let changed = Changed { source: found.source.clone(), settings: settings.clone() };
        // From here on whatever stops the watch puts the settings back.
        let watch = Watch { ctx, found, changed: Some(changed), service, database, own, marks: 0, log };
        for setting in &settings {
            let wanted = WANTED.iter().find(|(name, _)| *name == setting.name).map_or("", |(_, value)| value);
            let sql = format!("ALTER SYSTEM SET {} = {}", setting.name, literal(wanted));
            let refused = |error| Stop::inconclusive(format!("the server's statements cannot be logged: {error}"));
            found.try_query(&sql).await.map_err(refused)?;
        }
        if !settings.is_empty() {
            found.query("SELECT pg_reload_conf()").await?;
            let until = Instant::now() + RELOAD;
            while !different(found).await?.is_empty() {
                if Instant::now() > until {
                    let why = "the server's statements cannot be logged: its command line says otherwise";
                    return Err(Stop::inconclusive(why));
                }
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        }
        Ok(watch)
    }

    pub(super) async fn mark(&mut self) -> Result<(), Stop> {
        self.marks += 1;
        let sql = format!("SELECT {}", literal(&format!("{} {}", self.text(), self.marks)));
        self.found.query(&sql).await.map(|_| ())
    }

    pub(super) async fn end(mut self) -> Result<Vec<Window>, Stop> {
        if let Some(changed) = self.changed.take() {
            // Seen through even where the probe is given up meanwhile.
            let _ = tokio::spawn(put_back(changed)).await;
        }
        let text = self.text();
        let reading = Reading { lead: LEAD, database: &self.database, own: &self.own, mark: &text };
        let until = Instant::now() + LOG;
        loop {
            let lines = self.lines().await?;
            let seen = reading.marks(&lines);
            if seen == self.marks {
                return Ok(reading.windows(&lines));
            }
            if Instant::now() > until {
                let why = format!("the server's log shows {seen} of {} marks that were written to it", self.marks);
                return Err(Stop::inconclusive(why));
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    fn text(&self) -> String {
        format!("grader mark {}", self.own)
    }

    async fn lines(&self) -> Result<Vec<String>, Stop> {
        let unread = |why: String| Stop::inconclusive(format!("the database's log could not be read: {why}"));
        match &self.log {
            Log::File { path, from } => {
                let sql = format!("SELECT pg_read_file({}, {from}, {BYTES}) AS text", literal(path));
                let rows = self.found.query(&sql).await?;
                let text = rows.rows.first().map(|row| rows.cell(row, "text")).unwrap_or_default();
                Ok(text.lines().map(str::to_owned).collect())
            }
            Log::Container { mark } => {
                let service = self.service.clone();
                let request = Control::LogsSince { service, mark: mark.clone(), lines: LINES };
                match self.ctx.control(request).await.map_err(unread)? {
                    ControlReply::Logs { services } => Ok(services.into_iter().flat_map(|(_, lines)| lines).collect()),
                    _ => Err(unread("the host answered something else".to_owned())),
                }
            }
        }
    }
}

impl Log {
    async fn find(ctx: &Context, found: &Found) -> Result<Self, Stop> {
        let sql = "SELECT pg_current_logfile('stderr') AS path, \
                   (pg_stat_file(pg_current_logfile('stderr'))).size AS size \
                   WHERE current_setting('logging_collector') = 'on'";
        if let Ok(rows) = found.try_query(sql).await
            && let Some(row) = rows.rows.first()
            && let Ok(from) = rows.cell(row, "size").parse()
        {
            return Ok(Log::File { path: rows.cell(row, "path").to_owned(), from });
        }
        match ctx.control(Control::Mark).await {
            Ok(ControlReply::Mark { at }) => Ok(Log::Container { mark: at }),
            Ok(_) => Err(Stop::inconclusive("the database's log could not be read")),
            Err(error) => Err(Stop::inconclusive(format!("the database's log could not be read: {error}"))),
        }
    }
}

/// Settings that are in effect with another value than the watch needs.
async fn different(found: &Found) -> Result<Vec<Setting>, Stop> {
    let names: Vec<String> = WANTED.iter().map(|(name, _)| literal(name)).collect();
    let sql = format!(
        "SELECT s.name, s.setting AS effect, f.setting AS before FROM pg_settings s \
         LEFT JOIN (SELECT DISTINCT ON (name) name, setting FROM pg_file_settings \
         WHERE sourcefile LIKE '%/postgresql.auto.conf' ORDER BY name, seqno DESC) f ON f.name = s.name \
         WHERE s.name IN ({}) ORDER BY 1",
        names.join(", ")
    );
    let refused = |error: SqlError| Stop::inconclusive(format!("the server's settings cannot be read: {error}"));
    let rows = found.try_query(&sql).await.map_err(refused)?;
    let settings = rows.rows.iter().map(|row| Setting {
        name: rows.cell(row, "name").to_owned(),
        effect: rows.cell(row, "effect").to_owned(),
        before: row.get(2).cloned().flatten(),
    });
    Ok(settings.filter(|setting| !WANTED.contains(&(&setting.name, &setting.effect))).collect())
}

impl Changed {
    /// Puts every setting back, over a connection of its own, and waits until that is in effect.
    async fn put_back(self) -> Result<(), SqlError> {
        if self.settings.is_empty() {
            return Ok(());
        }
        let connection = self.source.open_server().await?;
        for setting in &self.settings {
            let sql = match &setting.before {
                Some(value) => format!("ALTER SYSTEM SET {} = {}", setting.name, literal(value)),
                None => format!("ALTER SYSTEM RESET {}", setting.name),
            };
            connection.query(&sql).await?;
        }
        connection.query("SELECT pg_reload_conf()").await?;
        let effects: Vec<String> = self
            .settings
            .iter()
            .map(|setting| format!("current_setting({}) = {}", literal(&setting.name), literal(&setting.effect)))
            .collect();
        let sql = format!("SELECT ({}) AS back", effects.join(" AND "));
        let until = Instant::now() + RELOAD;
        while Instant::now() < until {
            let rows = connection.query(&sql).await?;
            if rows.rows.first().is_some_and(|row| rows.cell(row, "back") == "t") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        Ok(())
    }
}

impl Drop for Watch<'_> {
    /// Where the watch was given up, its settings are put back all the same, as long as the harness runs.
    fn drop(&mut self) {
        if let Some(changed) = self.changed.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(put_back(changed));
        }
    }
}

async fn put_back(changed: Changed) {
    if let Err(error) = changed.put_back().await {
        tracing::warn!(%error, "the server's log settings could not be put back");
    }
}
