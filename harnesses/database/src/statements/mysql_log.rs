//! Watching a MySQL or MariaDB server by its general query log, which goes into a table for as long as the watch lasts.
//!
//! Both servers change the settings at once, for the connections that the API holds as well. That takes an account with
//! more rights than an API needs: the root account whose password the stack says, or the one that the image made up and
//! wrote to its log. What was changed is put back by [`Watch::end`] or, where a probe is given up before, when the watch is
//! dropped.

use harness_kit::protocol::{Control, ControlReply};
use harness_kit::{Context, DatabaseHint, DatabaseKind, Stop};

use super::{Statement, Window};
use crate::connection::Connection;
use crate::engine::{Dialect, Target};
use crate::sql::{ROWS, Rows, SqlError};
use crate::store::{Found, Source};

/// Lines of each service's log in which the root account's password is looked for.
const LINES: u32 = 5_000;
/// Characters of one statement.
const CHARACTERS: usize = 20_000;

pub(crate) struct Watch {
    connection: Connection,
    /// Taken when it is put back.
    changed: Option<Changed>,
    own: String,
    marks: usize,
}

/// What the settings were, and who may put them back.
struct Changed {
    hint: DatabaseHint,
    general_log: String,
    log_output: String,
    /// Whether the table was empty, so that nobody misses what the watch has filled it with.
    is_ours: bool,
}

impl Watch {
    pub(super) async fn begin(ctx: &Context, found: &Found) -> Result<Self, Stop> {
        let Source::Server { hint, .. } = &found.source else {
            return Err(Stop::inconclusive("a file has no server whose log could be read"));
        };
        let mut why = SqlError::connect("no account of the server's is known");
        for hint in accounts(ctx, hint).await {
            match Self::by(hint).await {
                Ok(watch) => return Ok(watch),
                Err(error) => why = error,
            }
        }
        Err(Stop::inconclusive(format!("the server's statements cannot be logged: {why}")))
    }

    async fn by(hint: DatabaseHint) -> Result<Self, SqlError> {
        let connection = open(&hint).await?;
        let settings = connection
            .query(
                "SELECT CONNECTION_ID() AS own, @@GLOBAL.general_log AS general_log, @@GLOBAL.log_output AS log_output, \
                 (SELECT COUNT(*) FROM (SELECT 1 FROM mysql.general_log LIMIT 1) AS held) AS held",
            )
            .await?;
        let cell =
            |name: &str| settings.rows.first().map(|row| settings.cell(row, name).to_owned()).unwrap_or_default();
        let changed = Changed {
            hint,
            general_log: cell("general_log"),
            log_output: cell("log_output"),
            is_ours: cell("held") == "0",
        };
        // From here on whatever stops the watch puts the settings back.
        let watch = Watch { own: cell("own"), connection, changed: Some(changed), marks: 0 };
        watch.connection.query("SET GLOBAL log_output = 'TABLE'").await?;
        watch.connection.query("SET GLOBAL general_log = 1").await?;
        Ok(watch)
    }

    pub(super) async fn mark(&mut self) -> Result<(), Stop> {
        self.marks += 1;
        let sql = format!("SELECT '{} {}'", self.text(), self.marks);
        self.connection.query(&sql).await.map(drop).map_err(unread)
    }

    pub(super) async fn end(mut self) -> Result<Vec<Window>, Stop> {
        // The table keeps the order in which statements came; what is read is bounded by what a result may have.
        let read = self
            .connection
            .query(&format!(
                "SELECT thread_id, command_type, LEFT(CONVERT(argument USING utf8mb4), {CHARACTERS}) AS argument \
                 FROM mysql.general_log WHERE command_type IN ('Query', 'Execute') LIMIT {ROWS}"
            ))
            .await;
        if let Some(changed) = self.changed.take() {
            // Seen through even where the probe is given up meanwhile.
            let _ = tokio::spawn(put_back(changed)).await;
        }
        let windows = windows(&read.map_err(unread)?, &self.own, &self.text());
        if windows.len() + 1 == self.marks {
            return Ok(windows);
        }
        let seen = windows.len();
        Err(Stop::inconclusive(format!("the server's log shows {seen} of the windows between {} marks", self.marks)))
    }

    fn text(&self) -> String {
        format!("grader mark {}", self.own)
    }
}

impl Drop for Watch {
    /// Where the watch was given up, its settings are put back all the same, as long as the harness runs.
    fn drop(&mut self) {
        if let Some(changed) = self.changed.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(put_back(changed));
        }
    }
}

/// The statements between marks, in order: as many windows as there are marks but one.
fn windows(log: &Rows, own: &str, mark: &str) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for row in &log.rows {
        let text = log.cell(row, "argument");
        if log.cell(row, "thread_id") == own {
            if text.contains(mark) && !text.contains("general_log") {
                windows.push(Vec::new());
            }
        } else if let Some(window) = windows.last_mut() {
            // A statement that was prepared is logged with its values in it.
            window.push(Statement { text: text.to_owned(), dialect: Dialect::Mysql, ..Statement::default() });
        }
    }
    // What follows the last mark belongs to nobody.
    windows.pop();
    windows
}

/// Connections by each account that may be allowed to, likeliest first; none where a file is read.
pub(super) async fn connections(ctx: &Context, found: &Found) -> Vec<Result<Connection, SqlError>> {
    let Source::Server { hint, .. } = &found.source else { return Vec::new() };
    let mut connections = Vec::new();
    for hint in accounts(ctx, hint).await {
        connections.push(open(&hint).await);
    }
    connections
}

/// Accounts that may be allowed to, likeliest first.
async fn accounts(ctx: &Context, api: &DatabaseHint) -> Vec<DatabaseHint> {
    let known = ctx.facts().databases.iter().filter(|hint| {
        hint.kind == DatabaseKind::Mysql && hint.service == api.service && hint.user == "root" && hint.user != api.user
    });
    let mut accounts: Vec<DatabaseHint> = known.cloned().collect();
    if accounts.is_empty()
        && let Some(password) = made_up(ctx, &api.service).await
    {
        accounts.push(DatabaseHint { user: "root".to_owned(), password, ..api.clone() });
    }
    accounts.push(api.clone());
    accounts
}

/// The root account's password that the image made up when it was asked to, as its entry point tells it.
async fn made_up(ctx: &Context, service: &str) -> Option<String> {
    let Ok(ControlReply::Logs { services }) = ctx.control(Control::Logs { lines: LINES }).await else { return None };
    let (_, lines) = services.into_iter().find(|(name, _)| name == service)?;
    lines.iter().find_map(|line| said(line))
}

fn said(line: &str) -> Option<String> {
    let password = line.split_once("GENERATED ROOT PASSWORD: ")?.1.trim();
    let is_one = (8..=200).contains(&password.len()) && !password.contains(char::is_whitespace);
    is_one.then(|| password.to_owned())
}

async fn open(hint: &DatabaseHint) -> Result<Connection, SqlError> {
    Connection::open(Target::Mysql { hint: hint.clone(), database: hint.database.clone() }).await
}

impl Changed {
    /// Puts the settings back over a connection of its own.
    async fn put_back(self) -> Result<(), SqlError> {
        let connection = open(&self.hint).await?;
        let general_log = if matches!(self.general_log.as_str(), "1" | "ON") { 1 } else { 0 };
        connection.query(&format!("SET GLOBAL general_log = {general_log}")).await?;
        connection.query(&format!("SET GLOBAL log_output = {}", Dialect::Mysql.literal(&self.log_output))).await?;
        if self.is_ours {
            connection.query("TRUNCATE TABLE mysql.general_log").await?;
        }
        Ok(())
    }
}

async fn put_back(changed: Changed) {
    if let Err(error) = changed.put_back().await {
        tracing::warn!(%error, "the server's log settings could not be put back");
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unread(error: SqlError) -> Stop {
    Stop::inconclusive(format!("the database's log could not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_stand_between_their_marks() {
        let row = |thread: &str, text: &str| ["Query", thread, text].map(|cell| Some(cell.to_owned())).to_vec();
        let log = Rows {
            columns: ["command_type", "thread_id", "argument"].map(str::to_owned).to_vec(),
            rows: vec![
                row("7", "SELECT 'before the first mark' FROM things"),
                row("40", "SELECT 'grader mark 40 1'"),
                row("7", "SELECT * FROM `things` WHERE id = 'a'"),
                row("40", "SELECT 'grader mark 40 2'"),
                row("40", "SELECT 'grader mark 40 3'"),
                row("7", "SELECT 'after the last mark'"),
                row("40", "SELECT argument FROM mysql.general_log WHERE argument LIKE 'grader mark 40'"),
            ],
        };
        let windows = windows(&log, "40", "grader mark 40");
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0].len(), 1);
        assert_eq!(windows[0][0].shape(), "SELECT * FROM `things` WHERE id = ?");
        assert!(windows[1].is_empty());
    }

    #[test]
    fn a_made_up_password_is_read() {
        for line in [
            "GENERATED ROOT PASSWORD: aB3$x+/=9Qz",
            "2026-11-22 08:00:00+00:00 [Note] [Entrypoint]: GENERATED ROOT PASSWORD: aB3$x+/=9Qz",
        ] {
            assert_eq!(said(line).as_deref(), Some("aB3$x+/=9Qz"), "{line}");
        }
        assert_eq!(said("a line that says GENERATED ROOT PASSWORD: and no more"), None);
    }
}
