//! A started program: what it says is read as it comes, it can be signalled, and it never outlives its test.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any run of these tests: one that takes so long hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that runs.
pub struct Running {
    child: Option<Child>,
    lines: Receiver<String>,
    said: Vec<String>,
    stdout: Option<JoinHandle<String>>,
}

/// A program that ended.
#[derive(Debug)]
pub struct Ended {
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Running {
    pub fn start(mut command: Command) -> Running {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let mut out = child.stdout.take().unwrap();
        let stdout = std::thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).expect("what is printed is text");
            text
        });
        let (sender, lines) = channel();
        let err = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || err.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Running { child: Some(child), lines, said: Vec::new(), stdout: Some(stdout) }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits until a line on standard error begins so.
    pub fn until_said(&mut self, beginning: &str) {
        let began = Instant::now();
        while !self.said.iter().any(|line| line.starts_with(beginning)) {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(line) => self.said.push(line),
                Err(error) => panic!("{error} before {beginning:?} was said:\n{}", self.said.join("\n")),
            }
        }
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let status = self.wait();
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(1)) {
            self.said.push(line);
        }
        let stdout = self.stdout.take().unwrap().join().unwrap();
        Ended { code: status.code(), stdout, stderr: std::mem::take(&mut self.said).join("\n") }
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        let mut child = self.child.take().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            match self.lines.recv_timeout(Duration::from_millis(20)) {
                Ok(line) => self.said.push(line),
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(20)),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if began.elapsed() > PATIENCE {
                self.child = Some(child);
                panic!("it does not end:\n{}", self.said.join("\n"));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Ended {
    /// Fails unless it ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails unless standard error holds this.
    #[track_caller]
    pub fn says(self, text: &str) -> Ended {
        assert!(self.stderr.contains(text), "{text:?} is not in\n{}", self.stderr);
        self
    }

    /// What was printed, as JSON and nothing else.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in\n{}", self.stdout))
    }
}

/// Sends a signal to a process that a test started.
pub fn signal(pid: u32, name: &str) {
    // The shell's own `kill`: there is no other that every machine has.
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status().unwrap();
    assert!(sent.success(), "process {pid} is gone already");
}

/// The processes that a process started, by their first argument.
pub fn children(parent: u32) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The command stands in parentheses and may hold anything; the parent is the second word after it.
        let Some((_, after)) = stat.rsplit_once(')') else { continue };
        if after.split_whitespace().nth(1).and_then(|ppid| ppid.parse().ok()) != Some(parent) {
            continue;
        }
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let argument = line.split(|byte| *byte == 0).nth(1).unwrap_or_default();
        let pid = entry.file_name().to_string_lossy().parse().unwrap();
        found.push((pid, String::from_utf8_lossy(argument).into_owned()));
    }
    found
}
