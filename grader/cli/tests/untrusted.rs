//! Whatever a submission's text is, reading it answers: no panic, no hang, no allocation past the budget.
//!
//! Five readers, each fed with text that is nearly right: files of the conformance cases and of the bundled submissions
//! with pieces cut, doubled, swapped and put in. Some hundred cases in an ordinary test run; `GRADER_FUZZ_SECONDS` says
//! how long each reader is tried (`cargo xtask fuzz` sets it), and then figures are printed.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

use std::alloc::System;
use std::cell::RefCell;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use cap::Cap;
use grader_compose::{LoadOptions, MemoryFiles, RelPath, load, normalized};
use grader_model::{Commit, FileEntry, FileKind, HistoricBlob, Snapshot};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What one document may cost: processor time of the thread, so that a busy machine is not taken for a slow reader.
const DOCUMENT: Cost = Cost { time: Duration::from_secs(2), bytes: 100 << 20 };

/// And one small tree with everything that is looked for in it.
const TREE: Cost = Cost { time: Duration::from_secs(20), bytes: 256 << 20 };

/// A case that takes so long by the clock hangs.
const HANGS: Duration = Duration::from_secs(180);

/// Cases of an ordinary test run.
const FEW: u32 = 150;

struct Cost {
    time: Duration,
    bytes: usize,
}

#[test]
fn compose_documents() {
    let strategy = (mutated(&COMPOSE), mutated(&COMPOSE), mutated(&ENVIRONMENTS));
    hold("compose documents", strategy, &DOCUMENT, |(compose, other, env)| {
        let files =
            tree([("compose.yaml", compose), ("other.yaml", other), (".env", env), ("Dockerfile", &Vec::new())]);
        answers(&files, &LoadOptions::default());
        let both = LoadOptions {
            files: ["compose.yaml", "other.yaml"].map(|path| RelPath::parse(path).unwrap()).to_vec(),
            profiles: vec!["*".to_owned()],
            ..LoadOptions::default()
        };
        answers(&files, &both);
    });
}

#[test]
fn interpolated_texts() {
    let pieces = [
        "${",
        "}",
        "$",
        "$$",
        "A",
        "B",
        "_",
        "1",
        ":-",
        "-",
        ":+",
        "+",
        ":?",
        "?",
        ":",
        " ",
        "é",
        "{",
        "\\",
        "${A",
        "${B:-${A}}",
    ];
    let text = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|pieces| pieces.concat());
    let value = prop::option::of("[ -~é$]{0,24}");
    hold("interpolated texts", (text, value.clone(), value), &DOCUMENT, |(text, a, b)| {
        let quoted = serde_json::to_string(text).unwrap();
        let compose = format!("services: {{a: {{image: x, command: {quoted}, environment: {{K: {quoted}}}}}}}");
        let files = tree([("compose.yaml", &compose.into_bytes())]);
        let set = [("A", a), ("B", b)].into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        answers(&files, &LoadOptions { environment: set.collect(), ..LoadOptions::default() });
    });
}

#[test]
fn environment_files() {
    let pieces = [
        "A",
        "B=",
        "=",
        ": ",
        "\n",
        "\r\n",
        "#",
        " #x",
        "'",
        "\"",
        "\\",
        "\\n",
        "$A",
        "${A:-b}",
        "${",
        "export ",
        " ",
        "\t",
        "\u{feff}",
        "\0",
        "é",
        "A=1\n",
        "B='x\ny'\n",
        "C=\"$A\\\"\"\n",
    ];
    let near = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..80)
        .prop_map(|pieces| pieces.concat().into_bytes());
    let text = prop_oneof![near, mutated(&ENVIRONMENTS)];
    hold("environment files", (text.clone(), text), &DOCUMENT, |(project, service)| {
        let compose = b"services: {a: {image: '${A}', env_file: [b.env, {path: b.env, format: raw}]}}".to_vec();
        answers(&tree([("compose.yaml", &compose), (".env", project), ("b.env", service)]), &LoadOptions::default());
    });
}

#[test]
fn dockerfiles() {
    let images = grader_sandbox::ImageAllowList::default();
    hold("Dockerfiles", (mutated(&DOCKERFILES), "[A-Z$:-{}]{0,8}"), &DOCUMENT, |(dockerfile, argument)| {
        let compose = format!("services: {{a: {{build: {{context: ., args: {{A: '{argument}', B: x}}}}}}}}");
        let files = [("compose.yaml", compose.as_bytes()), ("Dockerfile", dockerfile.as_slice())];
        let file = |bytes: &[u8]| FileEntry {
            kind: FileKind::File,
            size: bytes.len() as u64,
            bytes: Some(bytes.into()),
            executable: false,
        };
        let files = files.map(|(path, bytes)| (path.to_owned(), file(bytes)));
        let snapshot = Snapshot { files: files.into_iter().collect(), ..Snapshot::default() };
        if let Ok(plan) = grader_pipeline::plan(&snapshot) {
            // Either answer will do.
            let _ = grader_pipeline::reviewed(&plan, &snapshot, &images);
        }
    });
}

#[test]
fn trees() {
    let spec = grader_spec::load_named("bookstore").unwrap().spec;
    hold("trees", snapshot(), &TREE, |snapshot| {
        let planned = grader_pipeline::plan(snapshot);
        let environment = planned.as_ref().map(grader_pipeline::environment).unwrap_or_default();
        harness_repository::facts(snapshot, &environment);
        harness_repository::findings(&spec, snapshot);
    });
}

fn answers(files: &MemoryFiles, options: &LoadOptions) {
    match load(files, options) {
        // A document that was read can be printed, or it is said why not.
        Ok(loaded) => drop(normalized::render(&loaded.document)),
        Err(errors) => assert!(!errors.as_slice().is_empty() && !errors.to_string().is_empty()),
    }
}

fn tree<'a>(entries: impl IntoIterator<Item = (&'a str, &'a Vec<u8>)>) -> MemoryFiles {
    entries
        .into_iter()
        .fold(MemoryFiles::new(), |files, (path, bytes)| files.with(RelPath::parse(path).unwrap(), bytes.clone()))
}

/// Compose files of the conformance cases, read and refused alike.
static COMPOSE: LazyLock<Corpus> = LazyLock::new(|| corpus("fixtures/compose", &|name| name.ends_with("ml")));

static ENVIRONMENTS: LazyLock<Corpus> = LazyLock::new(|| corpus("fixtures/compose", &|name| name.ends_with("env")));

static DOCKERFILES: LazyLock<Corpus> = LazyLock::new(|| {
    let mut found = corpus("fixtures", &|name| name.contains("Dockerfile"));
    let text = b"# escape=`\nARG A=1\nFROM debian:${A:-x} AS one\nRUN --mount=type=bind,from=one,target=/x <<EOF `\ntrue\nEOF\n\
        ONBUILD ADD [\"a b\", \"/c\"]\nCOPY --from=0 --chown=1:1 /a /b\nHEALTHCHECK --interval=1s CMD [\"x\"]\n";
    found.push(("odd".to_owned(), text.to_vec()));
    found
});

/// Files of the bundled submissions, with where they stand.
static SUBMISSIONS: LazyLock<Corpus> =
    LazyLock::new(|| corpus("fixtures/submissions", &|name| !name.ends_with("patch")));

type Corpus = Vec<(String, Vec<u8>)>;

/// Longer ones cost time and show nothing more.
const LONGEST: usize = 16 << 10;

fn corpus(folder: &str, wanted: &dyn Fn(&str) -> bool) -> Corpus {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let mut open = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if wanted(&path.to_string_lossy()) {
                let mut bytes = std::fs::read(&path).unwrap();
                bytes.truncate(LONGEST);
                let inside = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                // Below NAME/repo/ is where a submission begins.
                found.push((inside.split_once("/repo/").map_or(inside.clone(), |(_, rest)| rest.to_owned()), bytes));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} holds nothing to begin with");
    found
}

/// A change of a text. Places and lengths are parts of the whole, in 65,536ths.
#[derive(Debug, Clone)]
enum Edit {
    Cut(u16, u16),
    Double(u16, u16, u8),
    Put(u16, &'static str),
    Move(u16, u16, u16),
    Byte(u16, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens = [
        "&a ",
        "*a",
        "<<: *a",
        "!reset ",
        "!override ",
        "!!binary ",
        "---\n",
        "? ",
        "- ",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "|\n",
        ">-\n",
        "\t",
        "\u{0}",
        "${A:?x}",
        "${",
        "$$",
        "null",
        "1e999",
        "0x7fffffffffffffff",
        "-1",
        "99999999999999999999",
        "1-65535:1-65535",
        "../",
        "/",
        "~",
        "\n  ",
        "extends: a\n",
        "include: [other.yaml]\n",
        "env_file: .env\n",
        "build: .\n",
        "x-a: ",
        "'",
        "\"",
        "#",
        "\u{feff}",
        "é",
        "\r\n",
        "FROM ",
        "ARG ",
        "<<EOF\n",
        "\\\n",
        "--mount=type=ssh,",
        "ADD http://x /",
        "services:\n",
        "(((((((((((((((((((",
        "{{{{{{{{{{{{{{{{{{{{",
        "/* ",
        "SELECT ",
        "CREATE TABLE ",
        "-----BEGIN ",
        "@app.get(\"",
        "://",
    ];
    prop_oneof![
        (any::<u16>(), 0_u16..4_000).prop_map(|(at, length)| Edit::Cut(at, length)),
        (any::<u16>(), 0_u16..4_000, 1_u8..20).prop_map(|(at, length, times)| Edit::Double(at, length, times)),
        (any::<u16>(), prop::sample::select(tokens.to_vec())).prop_map(|(at, token)| Edit::Put(at, token)),
        (any::<u16>(), 0_u16..8_000, any::<u16>()).prop_map(|(from, length, to)| Edit::Move(from, length, to)),
        (any::<u16>(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let place = |part: u16| bytes.len() * usize::from(part) / 65_536;
        let range = |at: u16, length: u16| place(at)..(place(at) + place(length)).min(bytes.len());
        match *edit {
            Edit::Cut(at, length) => drop(bytes.drain(range(at, length))),
            Edit::Double(at, length, times) => {
                let piece = bytes[range(at, length)].repeat(usize::from(times));
                let at = place(at);
                bytes.splice(at..at, piece);
            }
            Edit::Put(at, token) => {
                let at = place(at);
                bytes.splice(at..at, token.bytes());
            }
            Edit::Move(from, length, to) => {
                let piece: Vec<u8> = bytes.drain(range(from, length)).collect();
                let to = bytes.len() * usize::from(to) / 65_536;
                bytes.splice(to..to, piece);
            }
            Edit::Byte(at, byte) => {
                let at = place(at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
        }
        bytes.truncate(4 * LONGEST);
    }
    bytes
}

fn mutated(corpus: &'static Corpus) -> impl Strategy<Value = Vec<u8>> + Clone {
    let edits = std::rc::Rc::new(prop::collection::vec(edit(), 0..12));
    (0..corpus.len(), edits).prop_map(|(at, edits)| edited(corpus[at].1.clone(), &edits))
}

/// A tree of files that a submission has, each changed, some of them elsewhere, some of them links.
fn snapshot() -> impl Strategy<Value = Snapshot> {
    let names = [
        "compose.yaml",
        "docker-compose.yml",
        ".env",
        ".env.example",
        "Dockerfile",
        "README.md",
        "package.json",
        "requirements.txt",
        "openapi.yaml",
        "src/app.ts",
        "app/main.py",
        "migrations/001_init.sql",
        "alembic/versions/1_a.py",
        "prisma/schema.prisma",
        "tests/test_a.py",
        "a\nb",
        "é.js",
    ];
    let path = prop_oneof![
        4 => (0..SUBMISSIONS.len()).prop_map(|at| SUBMISSIONS[at].0.clone()),
        2 => prop::sample::select(names.to_vec()).prop_map(str::to_owned),
        1 => "[a-z./ ]{1,30}",
    ];
    let content = prop_oneof![5 => mutated(&SUBMISSIONS), 1 => mutated(&COMPOSE)];
    let entry = prop_oneof![
        12 => content.clone().prop_map(|bytes| FileEntry {
            kind: FileKind::File, size: bytes.len() as u64, bytes: Some(bytes.into()), executable: false,
        }),
        1 => "[a-z./]{0,20}".prop_map(|to| FileEntry { kind: FileKind::Symlink(to), size: 0, bytes: None, executable: false }),
        1 => Just(FileEntry { kind: FileKind::Submodule, size: 0, bytes: None, executable: false }),
        1 => Just(FileEntry { kind: FileKind::File, size: u64::MAX, bytes: None, executable: true }),
    ];
    let files = prop::collection::btree_map(path.clone(), entry, 0..24);
    let history = prop::collection::vec((path, content), 0..3);
    let commits = prop::collection::vec(("(?s).{0,60}", any::<i64>()), 0..6);
    (files, history, commits).prop_map(|(files, history, commits)| Snapshot {
        files: files.into_iter().collect(),
        historic: history
            .into_iter()
            .map(|(path, bytes)| HistoricBlob { path, commit: "0".repeat(40), bytes: Arc::from(bytes) })
            .collect(),
        commits: commits
            .into_iter()
            .enumerate()
            .map(|(at, (message, time))| Commit {
                id: format!("{at:040}"),
                parents: Vec::new(),
                author: message.clone(),
                email: String::new(),
                time,
                message,
                files_changed: 1,
                insertions: u32::MAX,
                deletions: u32::MAX,
            })
            .collect(),
        ..Snapshot::default()
    })
}

/// What was seen of one reader.
#[derive(Default)]
struct Figures {
    cases: u64,
    slowest: Duration,
}

/// Tries `read` with values of the strategy, and holds each against what it may cost. A value that fails is made as
/// small as it can be before it is told.
fn hold<S: Strategy>(name: &str, strategy: S, cost: &Cost, read: impl Fn(&S::Value))
where
    S::Value: Clone + Debug + Send + 'static,
{
    let seconds = std::env::var("GRADER_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).map(Duration::from_secs);
    let figures = RefCell::new(Figures::default());
    let before = MEMORY.allocated();
    let watched = watch(name);
    let began = Instant::now();
    loop {
        let config = Config { cases: FEW, failure_persistence: None, max_shrink_time: 60_000, ..Config::default() };
        let result = TestRunner::new(config).run(&strategy, |value| {
            *watched.lock().unwrap() = Some((Instant::now(), Box::new(value.clone())));
            let spent = processor_time();
            read(&value);
            let spent = processor_time().saturating_sub(spent);
            *watched.lock().unwrap() = None;
            let mut figures = figures.borrow_mut();
            figures.cases += 1;
            figures.slowest = figures.slowest.max(spent);
            prop_assert!(spent <= cost.time, "it took {spent:?} of the processor");
            let most = MEMORY.max_allocated().saturating_sub(before);
            prop_assert!(most <= cost.bytes, "{most} bytes were allocated at a time");
            Ok(())
        });
        if let Err(error) = result {
            panic!("{name}: {error}");
        }
        if seconds.is_none_or(|seconds| began.elapsed() >= seconds) {
            break;
        }
    }
    let figures = figures.into_inner();
    println!(
        "{name}: {} cases in {:.0} s, the slowest {:.0} ms of processor time, at most {:.1} MiB more at a time",
        figures.cases,
        began.elapsed().as_secs_f64(),
        figures.slowest.as_secs_f64() * 1e3,
        MEMORY.max_allocated().saturating_sub(before) as f64 / f64::from(1 << 20),
    );
}

type Watched = Arc<Mutex<Option<(Instant, Box<dyn Debug + Send>)>>>;

/// Ends the process, with the case that it hangs at, where one takes too long.
fn watch(name: &str) -> Watched {
    let watched: Watched = Arc::default();
    let (name, seen) = (name.to_owned(), Arc::downgrade(&watched));
    std::thread::spawn(move || {
        while let Some(watched) = seen.upgrade() {
            if let Some((since, value)) = &*watched.lock().unwrap()
                && since.elapsed() > HANGS
            {
                eprintln!("{name}: no answer within {HANGS:?} for {value:?}");
                std::process::abort();
            }
            drop(watched);
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    watched
}

/// What this thread has had of the processor, by the kernel's count.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}
