//! One connection to a database of the submission, on a thread of its own.
//!
//! A candidate's server is hostile input. It may send nothing, drip, never end, or make the client's own cryptography
//! or SQL engine work for hours; none of that may hold up the harness. So a thread owns the connection and the rest
//! waits for its answers, 10 s a statement. Once an answer did not come the connection is dead, and whoever asks hears so
//! at once: the cost of a silent server is bounded, however many statements follow.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::engine::{Dialect, Session, Target};
use crate::schema::Schema;
use crate::sql::{Rows, STATEMENT, SqlError};

/// What the thread is given on top of a statement's time, so that its own words are heard rather than its silence.
const GRACE: Duration = Duration::from_secs(2);

/// An open connection. Statements run one after the other.
pub(crate) struct Connection {
    dialect: Dialect,
    jobs: mpsc::Sender<Job>,
    dead: AtomicBool,
}

enum Job {
    Query(String, oneshot::Sender<Result<Rows, SqlError>>),
    Schema(oneshot::Sender<Result<Schema, SqlError>>),
}

impl Connection {
    /// Connects, 10 s at the most.
    pub(crate) async fn open(target: Target) -> Result<Self, SqlError> {
        let dialect = target.dialect();
        let (jobs, todo) = mpsc::channel(8);
        let (opened, open) = oneshot::channel();
        std::thread::Builder::new()
            .name("database".to_owned())
            .spawn(move || work(target, opened, todo))
            .map_err(SqlError::connect)?;
        match tokio::time::timeout(STATEMENT + GRACE, open).await {
            Ok(Ok(opened)) => opened.map(|()| Connection { dialect, jobs, dead: AtomicBool::new(false) }),
            // The thread broke on what the server sent.
            Ok(Err(_)) => Err(SqlError::connect("the server's greeting is no such protocol")),
            Err(_) => Err(SqlError::Slow),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Runs one statement or several and gives the rows of the last one that has any.
    pub(crate) async fn query(&self, sql: &str) -> Result<Rows, SqlError> {
        let sql = sql.to_owned();
        self.ask(STATEMENT, |reply| Job::Query(sql, reply)).await
    }

    /// Reads the whole schema.
    pub(crate) async fn schema(&self) -> Result<Schema, SqlError> {
        self.ask(STATEMENT * 3, Job::Schema).await
    }

    async fn ask<T>(
        &self,
        time: Duration,
        job: impl FnOnce(oneshot::Sender<Result<T, SqlError>>) -> Job,
    ) -> Result<T, SqlError> {
        if self.dead.load(Ordering::Relaxed) {
            return Err(SqlError::broken("it did not answer before"));
        }
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.jobs.send(job(reply)).await.map_err(|_| SqlError::broken("the client gave up"))?;
            answer.await.unwrap_or_else(|_| Err(SqlError::broken("the client gave up on what the server sent")))
        };
        let outcome = tokio::time::timeout(time + GRACE, asked).await.unwrap_or(Err(SqlError::Slow));
        if matches!(outcome, Err(SqlError::Slow | SqlError::Broken(_))) {
            self.dead.store(true, Ordering::Relaxed);
        }
        outcome
    }
}

/// The thread: ends when the connection is dropped or broken. What it panics on is a server's doing and ends it too.
fn work(target: Target, opened: oneshot::Sender<Result<(), SqlError>>, mut todo: mpsc::Receiver<Job>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        // Whoever waits sees the sender dropped.
        return;
    };
    runtime.block_on(async move {
        let connecting = tokio::time::timeout(STATEMENT, Session::open(target)).await;
        let mut session = match connecting.unwrap_or(Err(SqlError::Slow)) {
            Ok(session) => session,
            Err(error) => {
                let _ = opened.send(Err(error));
                return;
            }
        };
        if opened.send(Ok(())).is_err() {
            return;
        }
        while let Some(job) = todo.recv().await {
            match job {
                Job::Query(sql, reply) => {
                    let ran = tokio::time::timeout(STATEMENT, session.query(&sql)).await;
                    let _ = reply.send(ran.unwrap_or(Err(SqlError::Slow)));
                }
                Job::Schema(reply) => {
                    let read = tokio::time::timeout(STATEMENT * 3, session.schema()).await;
                    let _ = reply.send(read.unwrap_or(Err(SqlError::Slow)));
                }
            }
        }
    });
}

#[cfg(test)]
mod tests;
