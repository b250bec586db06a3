//! For tests and benches: a PostgreSQL server of their own, on loopback, in a temporary folder, gone with the test; and a
//! store full of runs.
//!
//! PostgreSQL refuses to run as root, so that it runs as `nobody` where the test is root.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use crate::pool::{transaction, writing};
use crate::{CriterionShare, Store, StoreError, StoredSpec, Summary, Timestamp};

/// A running server. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
    /// `on` or `off`: whether a commit has reached the disk when it is answered.
    fsync: &'static str,
    server: Option<Child>,
}

impl PostgresServer {
    /// Makes a cluster and starts its server, which does not wait for the disk: what a test writes need not outlive a
    /// power cut.
    ///
    /// # Panics
    /// When PostgreSQL is not installed (`cargo xtask setup` does it) or does not start: the test cannot run.
    pub fn start() -> Self {
        Self::begin("off")
    }

    /// As [`PostgresServer::start`], with every commit on the disk before it is answered: for figures of the field.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    pub fn durable() -> Self {
        Self::begin("on")
    }

    fn begin(fsync: &'static str) -> Self {
        let programs = programs().expect("PostgreSQL's server programs; `cargo xtask setup` installs them");
        let folder = tempfile::Builder::new().prefix("grader-pg-").tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder for the data");
        for path in [folder.path(), &data] {
            give_away(path);
        }
        let made = as_nobody(&programs.join("initdb"))
            .args(["--username=grader", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .current_dir(folder.path())
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        // A port that is free now. Should another take it first, the start below says so.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let mut server = PostgresServer { folder, programs, port, fsync, server: None };
        server.up();
        server
    }

    /// A new and empty database on it, as a URL.
    ///
    /// # Panics
    /// When the server does not make one.
    pub fn database(&self, name: &str) -> String {
        let made = Command::new(self.programs.join("createdb"))
            .args(["--host=127.0.0.1", "--username=grader", "--port"])
            .args([&self.port.to_string(), name])
            .output()
            .expect("createdb starts");
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://grader@127.0.0.1:{}/{name}", self.port)
    }

    /// The server's processes: the first one, and those that it started for connections and chores.
    pub fn processes(&self) -> Vec<u32> {
        let Some(first) = self.server.as_ref().map(Child::id) else { return Vec::new() };
        let parent = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The command stands in parentheses and may hold anything; the parent is the second word after it.
            stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
        };
        let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid == first || parent(*pid) == Some(first)).collect()
    }

    /// Ends the server as a crash would, and starts it again.
    ///
    /// # Panics
    /// When it does not come back.
    pub fn restart(&mut self) {
        self.down("immediate");
        self.up();
    }

    fn up(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a log");
        let server = as_nobody(&self.programs.join("postgres"))
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .args(["-p", &self.port.to_string()])
            .args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="])
            .args(["-c", &format!("fsync={}", self.fsync), "-c", "shared_buffers=64MB", "-c", "max_connections=60"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("postgres starts");
        self.server = Some(server);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let ready = Command::new(self.programs.join("pg_isready"))
                .args(["--quiet", "--host=127.0.0.1", "--username=grader", "--port", &self.port.to_string()])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "postgres is not ready after a minute:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn down(&mut self, mode: &str) {
        let stopped = as_nobody(&self.programs.join("pg_ctl"))
            .args(["stop", "--wait", "--silent", "--mode", mode, "-D"])
            .arg(self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if let Some(mut server) = self.server.take() {
            if !stopped.is_ok_and(|status| status.success()) {
                let _ = server.kill();
            }
            let _ = server.wait();
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.down("immediate");
    }
}

/// The newest installed version's programs: Debian keeps them out of the path.
fn programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, programs)| programs.join("postgres").is_file())
        .collect();
    versions.sort();
    if let Some((_, programs)) = versions.pop() {
        return Some(programs);
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).find(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// `nobody` on Debian and elsewhere.
const NOBODY: u32 = 65534;

fn give_away(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).expect("root may give a folder away");
    }
}

fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        use std::os::unix::process::CommandExt as _;
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Fills a new store with `number` finished runs, each of a submission of its own by one of a thousand candidates, all
/// graded by that assessment. Faster than grading them by far.
///
/// # Errors
/// [`StoreError::Database`].
pub async fn fill(store: &Store, number: i64, spec: &StoredSpec) -> Result<(), StoreError> {
    const NUMBERS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)";
    const ID: &str = "'01900000-0000-7000-8000-' || CAST(100000000000 + i AS TEXT)";
    const CANDIDATE: &str = "'01900000-0000-7000-8000-' || CAST(200000000000 + i % 1000 AS TEXT)";
    const PERCENT: &str = "CAST((i * 7919) % 1001 AS DOUBLE PRECISION) / 10";
    let now = Timestamp::now();
    let shares = (0..7).map(|number| CriterionShare {
        id: format!("criterion-{number}"),
        title: "A criterion of an assessment".to_owned(),
        earned: 7.5,
        possible: 15.0,
    });
    let summary = Summary { criteria: shares.collect(), ..Summary::default() };
    let summary = serde_json::to_string(&summary).unwrap_or_default();
    let candidates = format!(
        "{NUMBERS} INSERT INTO candidates (id, name, notes, version, created_at, updated_at) \
         SELECT {CANDIDATE}, 'Candidate ' || CAST(i AS TEXT), '', 1, $2, $2 FROM n WHERE i <= 1000"
    );
    let submissions = format!(
        "{NUMBERS} INSERT INTO submissions (id, candidate_id, source, spec, runs, created_by, created_at) \
         SELECT {ID}, {CANDIDATE}, 'https://git.example/' || CAST(i AS TEXT), $3, 1, 'bench', $2 FROM n"
    );
    let runs = format!(
        "{NUMBERS} INSERT INTO runs (id, submission_id, candidate_id, number, spec, spec_digest, seed, origin, priority, \
         requested_by, state, attempt, losses, cancel_requested, queued_at, started_at, finished_at, outcome, \
         commit_id, tree, graded_percent, percent, summary, announced, counted, version) \
         SELECT {ID}, {ID}, {CANDIDATE}, 1, $7, $3, 1, '{{}}', 0, 'bench', 'finished', 1, 0, $4, $2, $2, $2, \
         'graded', 'c0ffee', '7ee', {PERCENT}, {PERCENT}, $5, '', $6, 2 FROM n"
    );
    let counts = "INSERT INTO cohort_counts (spec, kind, item, runs, total) \
         SELECT spec, 'bin', CAST(CAST(round(percent * 10) AS BIGINT) AS TEXT), count(*), sum(percent) \
         FROM runs WHERE counted GROUP BY spec, round(percent * 10)";
    transaction!(store, |tx| {
        sqlx::query(AssertSqlSafe(candidates)).bind(number).bind(now).execute(&mut *tx).await?;
        sqlx::query(AssertSqlSafe(submissions)).bind(number).bind(now).bind(&spec.name).execute(&mut *tx).await?;
        sqlx::query(AssertSqlSafe(runs))
            .bind(number)
            .bind(now)
            .bind(&spec.digest)
            .bind(false)
            .bind(&summary)
            .bind(true)
            .bind(&spec.name)
            .execute(&mut *tx)
            .await?;
        sqlx::query(counts).execute(&mut *tx).await?;
    });
    // As their own housekeeping would, by and by.
    writing!(store, |db| {
        sqlx::query("ANALYZE").execute(db).await?;
    });
    Ok(())
}
