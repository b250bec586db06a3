//! What the tests of the binary share: the program with folders of its own, servers on loopback, and an inventory of
//! what a run leaves on the engine, on the disk and among the processes.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod engine;
pub mod git;
pub mod running;
pub mod servers;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use running::{Ended, Running};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Folders of one test: nothing that the program writes lands elsewhere, so that whatever is left can be seen.
pub struct Bench {
    home: TempDir,
}

impl Bench {
    pub fn new() -> Bench {
        let bench = Bench { home: tempfile::Builder::new().prefix("grader-test-").tempdir().unwrap() };
        for folder in [bench.temp(), bench.state(), bench.submission()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        bench
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Where the program's temporary files go.
    pub fn temp(&self) -> PathBuf {
        self.path("temp")
    }

    /// Where its journals go.
    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// What is graded.
    pub fn submission(&self) -> PathBuf {
        self.path("submission")
    }

    pub fn out(&self) -> PathBuf {
        self.path("out")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The bookstore spec for a machine in a hurry: a service gets five seconds to become ready.
    pub fn hasty_spec(&self) -> String {
        let text = std::fs::read_to_string(root().join("specs/bookstore.yaml")).unwrap();
        let hasty = text.replace("ready_seconds: 120", "ready_seconds: 5");
        assert_ne!(text, hasty, "the spec says how long a service may take");
        self.write("hasty.yaml", &hasty).display().to_string()
    }

    /// The program with arguments.
    pub fn grader<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_grader"));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.state())
            .env("TMPDIR", self.temp())
            .env_remove("GRADER_LOG")
            .env_remove("COLUMNS");
        command
    }

    /// Runs the program to its end.
    pub fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ended {
        Running::start(self.grader(arguments)).end()
    }

    /// Journals that were not finished.
    pub fn journals(&self) -> Vec<String> {
        listed(&self.state().join("grader/journal"))
    }

    /// Temporary files that were not removed.
    pub fn scratch(&self) -> Vec<String> {
        listed(&self.temp())
    }

    /// Processes that were started for this bench and still run, by their environment, each as its command line.
    pub fn processes(&self) -> Vec<String> {
        let mine = format!("TMPDIR={}", self.temp().display());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            // Processes come and go while they are listed, and others' cannot be read.
            let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
            if environment.split(|byte| *byte == 0).any(|variable| variable == mine.as_bytes()) {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&line).replace('\0', " ").trim().to_owned());
            }
        }
        found
    }
}

fn listed(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Copies a folder's files, with each of `replaced` put in the place of its name.
pub fn copy(from: &Path, to: &Path, replaced: &[(&str, String)]) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, replaced);
        } else {
            std::fs::write(target, fill(&std::fs::read_to_string(entry.path()).unwrap(), replaced)).unwrap();
        }
    }
}

/// `text` with each of `replaced` put in the place of its name.
pub fn fill(text: &str, replaced: &[(&str, String)]) -> String {
    replaced.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// Waits until something holds, or fails with what is there instead.
pub fn until<T: std::fmt::Debug>(what: &str, seconds: u64, mut look: impl FnMut() -> Result<(), T>) {
    let began = Instant::now();
    loop {
        match look() {
            Ok(()) => return,
            Err(seen) if began.elapsed() > Duration::from_secs(seconds) => panic!("{what}: {seen:?}"),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// `Ok` for an empty list, and the list otherwise: for [`until`].
pub fn none_of(list: Vec<String>) -> Result<(), Vec<String>> {
    if list.is_empty() { Ok(()) } else { Err(list) }
}
