//! A hostile submission as its file tells it, laid out and held against what it must end with.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::bombs;
use crate::host::{Canary, Listener, assert_unread};
use crate::support::{Bench, Ended, Running, fill, root};

/// The folder of cases that need an engine.
const ON_THE_ENGINE: &str = "neighbours";

/// Which cases.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Family {
    /// Those that end before anything starts.
    Read,
    /// Those that run.
    Engine,
}

/// What a file says. Words in `@…@` stand for addresses and folders of the test.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// What it tries, for people.
    #[expect(dead_code, reason = "said in the file")]
    about: String,
    pub(crate) exit: i32,
    /// The code that one of the faults must have.
    pub(crate) code: Option<String>,
    /// What that fault's place holds.
    place: Option<String>,
    /// What a note holds.
    note: Option<String>,
    /// What the program says somewhere.
    pub(crate) says: Option<String>,
    /// What it says nowhere.
    lacks: Option<String>,
    /// Paths of the document that must be done differently.
    #[serde(default)]
    rewrites: Vec<String>,
    /// What is graded in place of the files.
    source: Option<String>,
    /// What makes the files, or some of them.
    make: Option<String>,
    #[serde(default)]
    links: BTreeMap<String, String>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// On the engine: what a service's log must hold.
    #[serde(default)]
    pub(crate) logs: BTreeMap<String, String>,
    /// On the engine: probe to verdict.
    #[serde(default)]
    pub(crate) verdicts: BTreeMap<String, String>,
}

pub(crate) struct Case {
    pub(crate) name: String,
    text: String,
}

/// Every case of a family, by name.
pub(crate) fn all(family: Family) -> Vec<Case> {
    let folder = root().join("fixtures/hostile");
    let mut cases = Vec::new();
    for group in std::fs::read_dir(&folder).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        if (group.file_name() == ON_THE_ENGINE) != (family == Family::Engine) {
            continue;
        }
        for file in std::fs::read_dir(group.path()).unwrap().flatten() {
            let name = file.path().strip_prefix(&folder).unwrap().with_extension("").display().to_string();
            cases.push(Case { name, text: std::fs::read_to_string(file.path()).unwrap() });
        }
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

/// A case laid out in folders of its own.
pub(crate) struct Laid {
    pub(crate) bench: Bench,
    pub(crate) told: Told,
    pub(crate) canary: Canary,
    pub(crate) source: String,
}

impl Case {
    /// Lays it out; `more` are further words for its text.
    pub(crate) fn lay(&self, more: &[(&str, String)]) -> Laid {
        let bench = Bench::new();
        let canary = Canary::sits_in(bench.path("canary"));
        let mut words = vec![
            ("@CANARY@", canary.folder().display().to_string()),
            ("@PORT@", Listener::get().port.to_string()),
            ("@TEMP@", bench.temp().display().to_string()),
        ];
        words.extend_from_slice(more);
        let told: Told = serde_yaml::from_str(&fill(&self.text, &words)).unwrap_or_else(|error| panic!("{error}"));
        for (path, text) in &told.files {
            bench.write(&format!("submission/{path}"), text);
        }
        for (path, target) in &told.links {
            std::os::unix::fs::symlink(target, bench.submission().join(path)).unwrap();
        }
        if let Some(make) = &told.make {
            bombs::make(make, &bench.submission(), canary.folder());
        }
        let source = told.source.clone().unwrap_or_else(|| bench.submission().display().to_string());
        Laid { bench, told, canary, source }
    }

    /// Has it read by `grader inspect`, for people and for programs, where there is no engine.
    pub(crate) fn read(&self) {
        let laid = self.lay(&[]);
        let reached = Listener::get().reached();
        let inspect = |json: bool| {
            let mut command = laid.bench.grader(["inspect"]);
            command.args(json.then_some("--json")).arg("--").arg(&laid.source);
            command.env("DOCKER_HOST", format!("unix://{}", laid.bench.path("no-engine.sock").display()));
            Running::start(command).end()
        };
        let ended = inspect(true).expect(laid.told.exit);
        laid.hold(&ended);
        laid.check(&ended);
        // What a person reads holds nothing that a terminal obeys.
        if self.name.starts_with("identity/") {
            let shown = inspect(false).expect(laid.told.exit);
            laid.hold(&shown);
        }
        assert_eq!(Listener::get().reached(), reached, "the listener on the host was reached");
    }
}

impl Laid {
    /// What holds for every case: nothing was touched, read or left behind.
    pub(crate) fn hold(&self, ended: &Ended) {
        self.canary.assert_untouched();
        for (what, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
            assert_unread(what, text);
            let obeyed = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
            assert_eq!(obeyed, None, "{what} holds control characters: {text:?}");
        }
        assert_eq!((self.bench.journals(), self.bench.scratch(), self.bench.processes()), Default::default());
    }

    fn check(&self, ended: &Ended) {
        let told = &self.told;
        let both = format!("{}{}", ended.stdout, ended.stderr);
        // A source that could not be taken has no plan to show.
        let plan: Value = serde_json::from_str(&ended.stdout).unwrap_or_default();
        check_fault(told, &plan["fault"]);
        if let Some(wanted) = &told.note {
            let notes = plan["notes"].as_array().cloned().unwrap_or_default();
            let said = |note: &Value| note["text"].as_str().is_some_and(|text| text.contains(wanted));
            assert!(notes.iter().any(said), "{wanted:?} is in no note: {notes:?}");
        }
        let rewritten: Vec<&str> =
            plan["rewrites"].as_array().into_iter().flatten().filter_map(|rewrite| rewrite["path"].as_str()).collect();
        for path in &told.rewrites {
            assert!(rewritten.contains(&path.as_str()), "{path} is not among {rewritten:?}");
        }
        if let Some(wanted) = &told.says {
            assert!(both.contains(wanted), "{wanted:?} is not said:\n{both}");
        }
        if let Some(unwanted) = &told.lacks {
            assert!(!both.contains(unwanted), "{unwanted:?} is said:\n{both}");
        }
    }
}

/// Holds the fault of a plan or report, with those found beside it, against what is told.
pub(crate) fn check_fault(told: &Told, fault: &Value) {
    let faults: Vec<&Value> =
        [fault].into_iter().chain(fault["also"].as_array().into_iter().flatten()).filter(|f| f.is_object()).collect();
    let codes: Vec<&str> = faults.iter().filter_map(|fault| fault["code"].as_str()).collect();
    if let Some(code) = &told.code {
        let of_code: Vec<&&Value> = faults.iter().filter(|fault| fault["code"] == code.as_str()).collect();
        assert!(!of_code.is_empty(), "{code} is not among {codes:?}: {fault:#}");
        if let Some(place) = told.place.as_deref() {
            let placed = |fault: &&&Value| fault["place"].as_str().is_some_and(|said| said.contains(place));
            assert!(of_code.iter().any(placed), "{place:?} is no place in {fault:#}");
        }
    }
    if told.exit == 4 {
        assert!(faults.iter().all(|fault| fault["side"] == "policy"), "{fault:#}");
    }
    if told.exit == 0 {
        assert_eq!(codes, Vec::<&str>::new(), "{fault:#}");
    }
}

/// The files of a folder and below, as text.
pub(crate) fn texts_below(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(texts_below(&path)),
            path => found.push((
                path.display().to_string(),
                String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
            )),
        }
    }
    found
}
