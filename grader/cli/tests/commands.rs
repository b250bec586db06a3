//! The command line's contract: what goes to which stream, what each mistake is answered with, and the exit codes.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use serde_json::Value;
use support::{Bench, Ended, copy, root, servers};

/// A bench whose submission is a fixture of `fixtures/faults`.
fn fixture(name: &str) -> Bench {
    let bench = Bench::new();
    copy(&root().join("fixtures/faults").join(name).join("repo"), &bench.submission(), &[]);
    bench
}

/// Runs without an engine, whatever the machine has.
fn without_engine(bench: &Bench, arguments: &[&str]) -> Ended {
    let mut command = bench.grader(arguments.iter().copied());
    command.env("DOCKER_HOST", format!("unix://{}", bench.path("no-engine.sock").display()));
    support::Running::start(command).end()
}

#[test]
fn json_on_stdout_is_the_report_alone_and_fits_its_schema() {
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(root().join("specs/report.schema.json")).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    for name in ["no-compose-file", "refused-by-policy", "engine-away"] {
        let bench = fixture(name);
        let ended = without_engine(&bench, &["grade", "submission", "--format", "json"]);
        let report = ended.json();
        let mistakes: Vec<String> = schema.iter_errors(&report).map(|error| error.to_string()).collect();
        assert_eq!(mistakes, Vec::<String>::new(), "{name}");
        assert_eq!(report["schema"], "grader.report/1");
        assert!(!ended.stderr.contains('\u{1b}'), "lines for logs have no colours: {}", ended.stderr);
        assert!(ended.stderr.lines().any(|line| line.starts_with("clone    ")), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!(" failed: {}", report["fault"]["message"].as_str().unwrap())));
        assert!(ended.stderr.lines().all(|line| line == line.trim_end()), "{:?}", ended.stderr);
    }
}

#[test]
fn the_folder_of_reports_has_the_documented_names() {
    let bench = fixture("no-compose-file");
    let ended = without_engine(&bench, &["grade", "submission", "--out", "deep/out"]).expect(5);
    let mut names: Vec<String> = std::fs::read_dir(bench.path("deep/out"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["junit.xml", "logs", "report.html", "report.json", "report.md", "report.sarif"]);
    let written = std::fs::read_to_string(bench.path("deep/out/report.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap()["outcome"], "does_not_start");
    assert!(ended.stdout.contains("no compose file was found"), "the terminal page is the default: {}", ended.stdout);
}

#[test]
fn formats_may_be_repeated() {
    let bench = fixture("no-compose-file");
    let ended = without_engine(&bench, &["grade", "submission", "--format", "markdown", "--format", "junit"]).expect(5);
    assert!(ended.stdout.contains("<testsuites"), "{}", ended.stdout);
    assert!(ended.stdout.contains("Bookstore"), "{}", ended.stdout);
}

#[test]
fn wrong_arguments_are_usage_with_a_hint() {
    let bench = fixture("no-compose-file");
    for (arguments, said) in [
        (&["grad", "submission"][..], "similar"),
        (&["grade"], "SOURCE"),
        (&["grade", "submission", "--fail-under", "140"], "0 to 100"),
        (&["grade", "submission", "--fail-under", "most"], "is no number"),
        (&["grade", "submission", "--format", "pdf"], "sarif"),
        (&["grade", "submission", "--level", "guru"], "possible values"),
        (&["grade", "ext::sh -c id"], "hint: "),
        (&["grade", "submission", "--ref", ""], "hint: "),
        (&["grade", "submission", "--subdir", "../.."], "hint: "),
        (&["grade", "submission", "--spec", "bookshop"], "grader spec list"),
        (&["grade", "submission", "--spec", "nowhere.yaml"], "grader spec list"),
        (&["grade", "submission", "--bindings", "nowhere.yaml"], "nowhere.yaml"),
        (&["probe", "not a url"], "URL"),
        (&["probe", "ftp://127.0.0.1/"], "http://HOST:PORT"),
        (&["probe", "http://127.0.0.1:1", "--database", "oracle://x"], "postgres://"),
        (&["inspect", "ext::sh -c id"], "hint: "),
    ] {
        let ended = without_engine(&bench, arguments).expect(2).says(said);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn a_mistaken_spec_is_told_with_its_places() {
    let bench = Bench::new();
    let good = std::fs::read_to_string(root().join("specs/bookstore.yaml")).unwrap();
    let line_of = |text: &str, what: &str| 1 + text.lines().position(|line| line.contains(what)).unwrap();
    let probe = good.replacen("api.methods,", "api.method,", 1).replacen("weight: 15", "weight: -15", 1);
    let (first, second) = (line_of(&probe, "api.method,"), line_of(&probe, "weight: -15"));
    bench.write("mistaken.yaml", &probe);
    for arguments in [&["spec", "check", "mistaken.yaml"][..], &["grade", ".", "--spec", "mistaken.yaml"]] {
        let ended = without_engine(&bench, arguments).expect(2).says("did you mean `api.methods`?");
        assert!(ended.stderr.contains(&format!("mistaken.yaml:{first}:")), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("mistaken.yaml:{second}:")), "{}", ended.stderr);
    }
    bench.write("unread.yaml", "schema: grader.spec/1\nid: [\n");
    without_engine(&bench, &["spec", "check", "unread.yaml"]).expect(2).says("unread.yaml:");
}

#[test]
fn a_mistaken_bindings_file_is_told_before_anything_starts() {
    let bench = fixture("no-compose-file");
    bench.write("bindings.yaml", "operations:\n  book.create: {method: POST, paht: /books}\n");
    let ended = without_engine(&bench, &["grade", "submission", "--bindings", "bindings.yaml"]).expect(2);
    assert!(ended.stderr.contains("bindings.yaml") && ended.stderr.contains("line 2"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("clone"), "nothing was cloned: {}", ended.stderr);
}

#[test]
fn a_missed_threshold_does_not_hide_that_nothing_started() {
    let bench = fixture("no-compose-file");
    let ended = without_engine(&bench, &["grade", "submission", "--fail-under", "50", "--format", "json"]).expect(5);
    assert_eq!(ended.json()["score"]["passed"], false);
}

#[test]
fn a_score_below_the_threshold_exits_1() {
    let bench = Bench::new();
    let port = servers::json();
    let url = format!("http://{port}");
    let low = bench.run(["probe", &url, "--fail-under", "99", "--format", "json"]).expect(1);
    assert_eq!(low.json()["score"]["passed"], false);
    assert_eq!(low.json()["outcome"], "graded");
    bench.run(["probe", &url, "--fail-under", "0", "--format", "json"]).expect(0);
}

#[test]
fn an_api_that_is_not_there_is_not_graded() {
    let bench = Bench::new();
    let url = format!("http://{}", servers::nobody());
    bench.run(["probe", &url]).expect(3).says("is the API running");
}

#[test]
fn doctor_tells_what_is_missing_and_how_to_get_it() {
    let bench = Bench::new();
    let well = bench.run(["doctor"]).expect(0);
    assert!(well.stdout.contains("ok       container engine: "), "{}", well.stdout);
    let ill = without_engine(&bench, &["doctor"]).expect(3);
    assert!(ill.stdout.contains("missing  container engine: "), "{}", ill.stdout);
    assert!(ill.stdout.contains("cargo xtask setup"), "{}", ill.stdout);
}

#[test]
fn sweep_without_an_engine_says_so() {
    let bench = Bench::new();
    without_engine(&bench, &["sweep"]).expect(3).says("no container engine answers");
}

#[test]
fn specs_are_listed_checked_and_described() {
    let bench = Bench::new();
    let list = bench.run(["spec", "list"]).expect(0);
    assert!(list.stdout.lines().any(|line| line.starts_with("bookstore ")), "{}", list.stdout);
    let checked = bench.run(["spec", "check", "bookstore"]).expect(0);
    assert!(checked.stdout.contains("no mistakes"), "{}", checked.stdout);
    let brief = bench.run(["spec", "brief", "bookstore"]).expect(0);
    assert!(brief.stdout.starts_with("# "), "{}", brief.stdout);
    let schema = bench.run(["spec", "schema"]).expect(0).json();
    let text = std::fs::read_to_string(root().join("specs/bookstore.yaml")).unwrap();
    let spec: Value = serde_yaml::from_str(&text).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mistakes: Vec<String> = schema.iter_errors(&spec).map(|error| error.to_string()).collect();
    assert_eq!(mistakes, Vec::<String>::new());
}

#[test]
fn inspect_shows_the_plan_and_starts_nothing() {
    let bench = Bench::new();
    copy(&root().join("fixtures/compose/small"), &bench.submission(), &[]);
    let text = without_engine(&bench, &["inspect", "submission"]).expect(0);
    for line in ["compose   compose.yaml", "service   api: built from the submission", "service   store: debian:"] {
        assert!(text.stdout.contains(line), "{line:?} is not in\n{}", text.stdout);
    }
    let plan = without_engine(&bench, &["inspect", "submission", "--json"]).expect(0).json();
    assert_eq!(plan["compose_file"], "compose.yaml");
    assert_eq!(plan["fault"], Value::Null);
    let refused = fixture("refused-by-policy");
    let ended = without_engine(&refused, &["inspect", "submission"]).expect(4);
    assert_eq!(ended.stdout.lines().filter(|line| line.starts_with("refusal ")).count(), 4, "{}", ended.stdout);
    without_engine(&fixture("no-compose-file"), &["inspect", "submission"]).expect(5);
}

#[test]
fn compose_config_prints_the_normalized_project() {
    let bench = Bench::new();
    copy(&root().join("fixtures/compose/small"), &bench.submission(), &[]);
    let model = without_engine(&bench, &["compose", "config", "submission", "--project-name", "small"]).expect(0);
    let model = model.json();
    assert_eq!(model["name"], "small");
    assert_eq!(model["services"]["api"]["ports"][0]["target"], 8000);
    let refused = fixture("refused-by-policy");
    let ended = without_engine(&refused, &["compose", "config", "submission/compose.yaml"]).expect(4);
    assert!(ended.stderr.contains("compose.yaml:4"), "{}", ended.stderr);
    without_engine(&refused, &["compose", "config", "submission/compose.yaml", "--no-policy"]).expect(0);
    without_engine(&refused, &["compose", "config", "nowhere"]).expect(2).says("nowhere");
    let unreadable = fixture("unreadable-compose-file");
    without_engine(&unreadable, &["compose", "config", "submission"]).expect(5).says("compose.yaml:4");
}

#[test]
fn completions_are_for_the_shell_that_was_asked_for() {
    let bench = Bench::new();
    assert!(bench.run(["completions", "bash"]).expect(0).stdout.contains("complete -F _grader"));
}

#[test]
fn the_limits_of_a_clone_hold_for_inspecting_too() {
    let bench = fixture("clone-too-big");
    without_engine(&bench, &["inspect", "submission", "--clone-bytes", "2000"]).expect(5).says("2000 bytes");
    let slow = format!("http://{}/x.git", servers::drip());
    without_engine(&bench, &["inspect", &slow, "--clone-seconds", "1"]).expect(3).says("did not arrive within 1 s");
}

#[test]
fn two_runs_are_compared_with_their_code() {
    let bench = fixture("no-compose-file");
    without_engine(&bench, &["grade", "submission", "--out", "one"]).expect(5);
    std::fs::write(bench.submission().join("README.md"), "# Later\n").unwrap();
    std::fs::write(bench.submission().join("new.py"), "x = 1\n").unwrap();
    without_engine(&bench, &["grade", "submission", "--out", "two"]).expect(5);
    // Both were graded from one folder, so its present tree stands for both; what matters here is that it was read.
    let ended = without_engine(&bench, &["diff", "one", "two/report.json", "--code", "--format", "json"]).expect(0);
    let comparison = ended.json();
    assert_eq!(comparison["schema"], "grader.comparison/1");
    assert_ne!(comparison["before"]["tree"], comparison["after"]["tree"]);
    assert_eq!(comparison["code"]["files"], serde_json::json!([]));
    assert!(ended.stderr.contains("no longer the tree that was graded"), "{}", ended.stderr);
    for (arguments, said) in [
        (&["diff", "one", "nowhere"][..], "cannot read the report"),
        (&["diff", "one", "submission"], "cannot read the report"),
        (&["diff", "one"], "RUN"),
        (&["diff", "one", "two", "--format", "pdf"], "markdown"),
    ] {
        let ended = without_engine(&bench, arguments).expect(2);
        assert!(ended.stderr.contains(said), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn submissions_are_compared_with_each_other() {
    let bench = Bench::new();
    let code = "def connect(settings):\n    engine = create(settings.url, pool=settings.pool or 5)\n    if not engine.ready:\n        raise Unavailable('down', engine)\n    with engine.begin() as session:\n        yield session\n";
    for (folder, text) in
        [("ada", code.to_owned()), ("ben", code.replace("engine", "motor")), ("cy", "x = 1\n".to_owned())]
    {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
        std::fs::write(bench.path(folder).join("db.py"), text).unwrap();
    }
    let ended = without_engine(&bench, &["similar", "ada", "ben", "cy", "--format", "json"]).expect(0);
    let found = ended.json();
    assert_eq!((found["pairs"][0]["a"].as_u64(), found["pairs"][0]["b"].as_u64()), (Some(0), Some(1)));
    assert_eq!(found["pairs"].as_array().unwrap().len(), 1);
    let ended = without_engine(&bench, &["similar", "ada", "ben", "--template", "ada"]).expect(0);
    assert!(ended.stdout.contains("0 pairs that share code"), "{}", ended.stdout);
    without_engine(&bench, &["similar", "ada"]).expect(2);
    without_engine(&bench, &["similar", "ada", "nowhere"]).expect(3);
}
