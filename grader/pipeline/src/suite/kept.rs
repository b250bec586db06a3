//! What examining a tree's tests brought, kept for whoever grades the same tree again.
//!
//! Tests run without a network in images that their digests name, so that the same tree, images, seed and plan say the
//! same again. Only what [settled](harness_suite::Examined::settled) is kept: tests that failed once are run again every
//! time. A shelf that cannot be read or written costs time and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use grader_compose::Project;
use grader_sandbox::Images;
use harness_suite::{Examined, Suite};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Raised whenever [`Examined`], or what leads to it, means something else than before.
const FORMAT: u32 = 2;

/// Results that are kept, the newest.
const MOST: usize = 200;

/// Bytes of one result; larger ones are not kept.
const MOST_BYTES: u64 = 16 << 20;

/// A folder of results, one file each.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

/// All that a result depends on.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    /// Hex id of the graded tree.
    pub(super) tree: &'a str,
    pub(super) seed: u64,
    pub(super) faults: usize,
    pub(super) suite: &'a Suite,
    /// The tests' stack.
    pub(super) project: &'a Project,
    /// What it is made from: base images change under the same name.
    pub(super) images: &'a Images,
}

impl Key<'_> {
    /// A file's name.
    fn name(&self) -> String {
        #[derive(Serialize)]
        struct Written<'a> {
            format: u32,
            version: &'a str,
            tree: &'a str,
            seed: u64,
            faults: usize,
            runner: String,
            linters: &'a str,
            services: Vec<(&'a str, &'a grader_compose::project::Service)>,
            images: Vec<(&'a str, &'a str)>,
        }
        let written = Written {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION"),
            tree: self.tree,
            seed: self.seed,
            faults: self.faults,
            // Whatever the stack's description says, and what was recognised.
            runner: format!("{:?}", self.suite),
            linters: harness_suite::LINTERS_TEXT,
            services: self.project.services.iter().map(|(name, service)| (name.as_str(), service)).collect(),
            images: self
                .images
                .services
                .iter()
                .map(|(name, image)| (name.as_str(), image.reference.as_str()))
                .collect(),
        };
        let bytes = serde_json::to_vec(&written).unwrap_or_default();
        format!("{:x}.json", Sha256::digest(bytes))
    }
}

impl Shelf {
    /// A shelf in the grader's own folder.
    pub(crate) fn in_folder(state: &Path) -> Shelf {
        Shelf { folder: state.join("tests") }
    }

    pub(super) fn find(&self, key: &Key<'_>) -> Option<Examined> {
        let path = self.folder.join(key.name());
        if fs::metadata(&path).ok()?.len() > MOST_BYTES {
            return None;
        }
        let kept = serde_json::from_slice(&fs::read(&path).ok()?);
        kept.inspect_err(|error| tracing::debug!(%error, "a kept result cannot be read")).ok()
    }

    pub(super) fn keep(&self, key: &Key<'_>, examined: &Examined) {
        if let Err(error) = self.write(&key.name(), examined) {
            tracing::debug!(%error, "what the tests brought could not be kept");
        }
    }

    fn write(&self, name: &str, examined: &Examined) -> std::io::Result<()> {
        let bytes = serde_json::to_vec(examined)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        // Whole or not at all, whoever else writes it.
        let file = tempfile::NamedTempFile::new_in(&self.folder)?;
        fs::write(file.path(), bytes)?;
        file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        self.clear()
    }

    /// Removes what is beyond the bound, the oldest first.
    fn clear(&self) -> std::io::Result<()> {
        let mut all: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let written = entry.metadata().and_then(|about| about.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            all.push((written, entry.path()));
        }
        all.sort();
        for (_, path) in all.iter().rev().skip(MOST) {
            // Somebody else may have been faster.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn suite(snapshot: &grader_model::Snapshot) -> Suite {
        harness_suite::recognise(snapshot, &harness_suite::stacks().unwrap()).unwrap()
    }

    fn snapshot() -> grader_model::Snapshot {
        let text = |text: &str| grader_model::FileEntry {
            kind: grader_model::FileKind::File,
            size: 1,
            bytes: Some(text.as_bytes().into()),
            executable: false,
        };
        let files = [("requirements.txt", "pytest\n"), ("tests/test_a.py", "def test_a():\n    assert 1 == 1\n")];
        let files: IndexMap<String, _> = files.into_iter().map(|(path, of)| (path.to_owned(), text(of))).collect();
        grader_model::Snapshot { files, ..Default::default() }
    }

    fn examined() -> Examined {
        let case = harness_suite::Case {
            name: "test_a".to_owned(),
            file: None,
            outcome: harness_suite::Outcome::Passed,
            millis: 2,
            message: String::new(),
        };
        let run = harness_suite::Run {
            results: Some(harness_suite::Results { cases: vec![case] }),
            exit: Some(0),
            ..Default::default()
        };
        Examined {
            first: run.clone(),
            again: Some(run),
            shuffled: true,
            third: None,
            canary: harness_suite::Canary::Failed,
            no_runner: false,
            coverage: Some(harness_suite::Coverage::default()),
            rows: vec![[("db.book".to_owned(), 3)].into()],
            challenge: Some(harness_suite::Challenge::default()),
            linted: None,
            trouble: None,
            out_of_time: false,
        }
    }

    #[test]
    fn what_is_kept_is_found_by_the_same_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::in_folder(folder.path());
        let (snapshot, project) = (snapshot(), Project::default());
        let (suite, images) = (suite(&snapshot), Images::default());
        let key = Key { tree: "ab", seed: 1, faults: 20, suite: &suite, project: &project, images: &images };
        assert!(shelf.find(&key).is_none());
        shelf.keep(&key, &examined());
        assert_eq!(format!("{:?}", shelf.find(&key).unwrap()), format!("{:?}", examined()));
        assert!(shelf.find(&Key { tree: "ac", ..key }).is_none());
        assert!(shelf.find(&Key { seed: 2, ..key }).is_none());
        assert!(shelf.find(&Key { faults: 21, ..key }).is_none());
        let mut image = grader_sandbox::BuiltImage::default();
        image.reference = "sha256:1".to_owned();
        let others = Images { services: [("db".to_owned(), image)].into_iter().collect() };
        assert!(shelf.find(&Key { images: &others, ..key }).is_none());
    }

    #[test]
    fn what_is_spoilt_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::in_folder(folder.path());
        let (snapshot, project, images) = (snapshot(), Project::default(), Images::default());
        let suite = suite(&snapshot);
        let key = Key { tree: "ab", seed: 1, faults: 20, suite: &suite, project: &project, images: &images };
        shelf.keep(&key, &examined());
        let path = folder.path().join("tests").join(key.name());
        fs::write(&path, "{\"first\": 3").unwrap();
        assert!(shelf.find(&key).is_none());
        let large = fs::File::create(&path).unwrap();
        large.set_len(MOST_BYTES + 1).unwrap();
        assert!(shelf.find(&key).is_none());
    }

    #[test]
    fn the_oldest_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::in_folder(folder.path());
        let (snapshot, project, images) = (snapshot(), Project::default(), Images::default());
        let suite = suite(&snapshot);
        let key = |seed| Key { tree: "ab", seed, faults: 20, suite: &suite, project: &project, images: &images };
        fs::create_dir_all(folder.path().join("tests")).unwrap();
        let old = SystemTime::UNIX_EPOCH;
        for number in 0..=MOST {
            let file = fs::File::create(folder.path().join(format!("tests/{number:03}.json"))).unwrap();
            file.set_modified(old + std::time::Duration::from_secs(u64::try_from(number).unwrap())).unwrap();
        }
        shelf.keep(&key(1), &examined());
        assert!(shelf.find(&key(1)).is_some());
        assert_eq!(fs::read_dir(folder.path().join("tests")).unwrap().count(), MOST);
        assert!(!folder.path().join("tests/001.json").exists());
        assert!(folder.path().join("tests/002.json").exists());
    }

    #[test]
    fn only_what_passed_every_time_is_settled() {
        assert!(examined().settled(60));
        let late = Examined { out_of_time: true, ..examined() };
        let once = Examined { again: None, ..examined() };
        let failing = Examined { first: harness_suite::Run { results: None, ..examined().first }, ..examined() };
        let forged = Examined { canary: harness_suite::Canary::Passed, ..examined() };
        let hurried = harness_suite::Challenge { out_of_time: true, ..Default::default() };
        let hurried = Examined { out_of_time: true, challenge: Some(hurried), ..examined() };
        for unsettled in [late, once, failing, forged, hurried] {
            assert!(!unsettled.settled(60), "{unsettled:?}");
        }
    }
}
