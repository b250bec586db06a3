//! Submissions of `fixtures/` as snapshots, read with the real git.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use grader_model::{Commit, FileEntry, FileKind, HistoricBlob, Snapshot};
use tempfile::TempDir;

/// Verdicts by probe id.
pub type Verdicts = BTreeMap<String, String>;

pub struct Submission {
    pub name: String,
    home: PathBuf,
    work: TempDir,
    /// The verdicts of the good tree.
    pub expect: Verdicts,
    /// Defect to the verdicts that it changes.
    pub defects: BTreeMap<String, Verdicts>,
}

pub fn all() -> Vec<Submission> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/submissions");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| folder.join(name).join("truth.yaml").exists())
        .collect();
    names.sort();
    names.iter().map(|name| Submission::new(name, folder.join(name))).collect()
}

impl Submission {
    fn new(name: &str, home: PathBuf) -> Self {
        let truth: serde_yaml::Value =
            serde_yaml::from_str(&std::fs::read_to_string(home.join("truth.yaml")).unwrap()).unwrap();
        let verdicts = |value: &serde_yaml::Value| -> Verdicts { serde_yaml::from_value(value.clone()).unwrap() };
        let expect = verdicts(&truth["expect"]);
        // What shows only where the submission's own tools are run changes nothing that is read.
        let run: Vec<String> =
            truth.get("run").map_or_else(Vec::new, |run| serde_yaml::from_value(run.clone()).unwrap());
        let changes =
            |name: &str, value| if run.iter().any(|one| one == name) { Verdicts::new() } else { verdicts(value) };
        let defects = truth["defects"].as_mapping().unwrap();
        let defects = defects.iter().map(|(name, value)| (name.as_str().unwrap(), value));
        let defects = defects.map(|(name, value)| (name.to_owned(), changes(name, value))).collect();
        let submission =
            Submission { name: name.to_owned(), home, work: tempfile::tempdir().unwrap(), expect, defects };
        submission.rebuild();
        submission
    }

    fn repository(&self) -> PathBuf {
        self.work.path().join("repository")
    }

    fn rebuild(&self) {
        let _ = std::fs::remove_dir_all(self.repository());
        run(Command::new("bash").arg(self.home.join("history.sh")).arg(self.repository()), b"");
    }

    fn git(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.repository()).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null");
        run(&mut command, input)
    }

    /// The good tree.
    pub fn good(&self) -> Snapshot {
        self.snapshot()
    }

    /// The tree and history with one defect.
    pub fn with(&self, defect: &str) -> Snapshot {
        let script = self.home.join(format!("defects/{defect}.sh"));
        if script.exists() {
            run(Command::new("bash").arg(script).arg(self.repository()), b"");
            let snapshot = self.snapshot();
            self.rebuild();
            return snapshot;
        }
        let patch = self.home.join(format!("defects/{defect}.patch"));
        self.git(&["apply", "--index", patch.to_str().unwrap()], b"");
        let snapshot = self.snapshot();
        self.git(&["reset", "--quiet", "--hard"], b"");
        snapshot
    }

    /// The tree of the index under the history of HEAD.
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let listed = text(self.git(&["ls-files", "--stage", "-z"], b""));
        let mut ids = Vec::new();
        for line in listed.split('\0').filter(|line| !line.is_empty()) {
            let (meta, path) = line.split_once('\t').unwrap();
            let mut meta = meta.split(' ');
            let executable = meta.next() == Some("100755");
            ids.push((path.to_owned(), meta.next().unwrap().to_owned(), executable));
        }
        let blobs = self.blobs(&ids.iter().map(|(_, id, _)| id.clone()).collect::<Vec<_>>());
        let current: HashSet<String> = ids.iter().map(|(_, id, _)| id.clone()).collect();
        for ((path, _, executable), bytes) in ids.into_iter().zip(blobs) {
            let entry = FileEntry { kind: FileKind::File, size: bytes.len() as u64, bytes: Some(bytes), executable };
            snapshot.files.insert(path, entry);
        }
        snapshot.files.sort_keys();
        self.history(&mut snapshot, &current);
        snapshot
    }

    fn history(&self, snapshot: &mut Snapshot, current: &HashSet<String>) {
        let format = "--format=%x01%H%x02%P%x02%an%x02%ae%x02%at%x02%B%x02";
        let log = text(self.git(&["log", "--raw", "--no-abbrev", "--numstat", "--no-renames", format], b""));
        let mut historic: Vec<(String, String, String)> = Vec::new();
        for entry in log.split('\u{1}').filter(|entry| !entry.trim().is_empty()) {
            let parts: Vec<&str> = entry.split('\u{2}').collect();
            let (mut files, mut insertions, mut deletions) = (0, 0, 0);
            for line in parts[6].lines().filter(|line| !line.is_empty()) {
                if let Some(raw) = line.strip_prefix(':') {
                    let (meta, path) = raw.split_once('\t').unwrap();
                    let id = meta.split(' ').nth(3).unwrap();
                    if !current.contains(id) && id.bytes().any(|byte| byte != b'0') {
                        historic.push((path.to_owned(), parts[0].to_owned(), id.to_owned()));
                    }
                } else {
                    let mut numbers = line.split('\t');
                    files += 1;
                    insertions += numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
                    deletions += numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
                }
            }
            snapshot.commits.push(Commit {
                id: parts[0].to_owned(),
                parents: parts[1].split_whitespace().map(str::to_owned).collect(),
                author: parts[2].to_owned(),
                email: parts[3].to_owned(),
                time: parts[4].parse().unwrap(),
                message: parts[5].trim_end().to_owned(),
                files_changed: files,
                insertions,
                deletions,
            });
        }
        let blobs = self.blobs(&historic.iter().map(|(_, _, id)| id.clone()).collect::<Vec<_>>());
        snapshot.historic = historic
            .into_iter()
            .zip(blobs)
            .map(|((path, commit, _), bytes)| HistoricBlob { path, commit, bytes })
            .collect();
        snapshot.branches = vec!["main".to_owned()];
    }

    fn blobs(&self, ids: &[String]) -> Vec<Arc<[u8]>> {
        let out = self.git(&["cat-file", "--batch"], format!("{}\n", ids.join("\n")).as_bytes());
        let mut rest = &out[..];
        ids.iter()
            .map(|_| {
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
                let header = String::from_utf8(rest[..end].to_vec()).unwrap();
                let size: usize = header.rsplit(' ').next().unwrap().parse().unwrap();
                let bytes = Arc::from(&rest[end + 1..end + 1 + size]);
                rest = &rest[end + 2 + size..];
                bytes
            })
            .collect()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
