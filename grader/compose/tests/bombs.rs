//! Small documents that would grow without end are refused within a second and a hundred megabytes.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use grader_compose::{Blame, LoadOptions, MemoryFiles, RelPath, load};

/// Files of a bomb, the compose file first.
type Files = Vec<(String, String)>;

fn one(text: String) -> Files {
    vec![("compose.yaml".to_owned(), text)]
}

fn bombs() -> Vec<(&'static str, Files)> {
    let conformance = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/compose/conformance/bombs");
    let known = |name: &str| one(fs::read_to_string(conformance.join(name).join("compose.yaml")).unwrap());

    let mut merges = "x-0: &x0 {a: 1, b: 2}\n".to_owned();
    for level in 1..30 {
        let below = level - 1;
        writeln!(merges, "x-{level}: &x{level} {{<<: [*x{below}, *x{below}], k{level}: *x{below}}}").unwrap();
    }
    let mut extends = "services:\n".to_owned();
    for level in (1..2_000).rev() {
        writeln!(extends, "  s{level}: {{extends: s{}}}", level - 1).unwrap();
    }
    extends.push_str("  s0: {image: x}\n");
    let mut wide = "services:\n  base:\n    image: x\n    environment:\n".to_owned();
    for variable in 0..1_500 {
        writeln!(wide, "      V{variable}: x").unwrap();
    }
    for service in 0..1_000 {
        writeln!(wide, "  s{service}: {{extends: base}}").unwrap();
    }
    let ports: Vec<String> = (0..500).map(|_| "'1-65535'".to_owned()).collect();
    let includes = (0..60).map(|level| {
        let next = level + 1;
        let text = format!(
            "include: [f{next}.yaml, ./f{next}.yaml, x/../f{next}.yaml]\nservices: {{s{level}: {{image: x}}}}\n"
        );
        (format!("f{level}.yaml"), text)
    });
    let mut diamonds = one("include: [f0.yaml]\nservices: {a: {image: x}}\n".to_owned());
    diamonds.extend(includes);
    diamonds.push(("f60.yaml".to_owned(), "services: {z: {image: x}}\n".to_owned()));
    let mut doubling = "A0=xxxxxxxxxxxxxxxx\n".to_owned();
    for level in 1..60 {
        writeln!(doubling, "A{level}=$A{0}$A{0}", level - 1).unwrap();
    }
    let mut loud = "services:\n  a:\n    image: x\n    environment:\n".to_owned();
    for variable in 0..4_000 {
        writeln!(loud, "      V{variable}: $LONG$LONG$LONG$LONG").unwrap();
    }
    vec![
        ("aliases in threes", known("branch3")),
        ("aliases in nines", known("branch9")),
        ("merge keys", one(merges)),
        ("a long chain of extends", one(extends)),
        ("a wide service extended often", one(wide)),
        ("ranges of ports", one(format!("services: {{a: {{image: x, ports: [{}]}}}}", ports.join(", ")))),
        ("includes that double", diamonds),
        (
            "variables that double",
            vec![("compose.yaml".to_owned(), "services: {a: {image: $A59}}".to_owned()), (".env".to_owned(), doubling)],
        ),
        (
            "long variables used often",
            vec![("compose.yaml".to_owned(), loud), (".env".to_owned(), format!("LONG={}\n", "x".repeat(200_000)))],
        ),
        ("deep nesting", one(format!("x-a: {}{}", "[".repeat(100_000), "]".repeat(100_000)))),
        ("deep blocks", one((0..500).map(|level| format!("{}a:\n", " ".repeat(level))).collect())),
        (
            "nested variables",
            one(format!("services: {{a: {{image: '{}{}'}}}}", "${A:-".repeat(20_000), "}".repeat(20_000))),
        ),
        ("many nodes", one(format!("x-a: [{}]", "1,".repeat(100_000)))),
        ("a long text", one(format!("x-a: {}", "x".repeat(300_000)))),
    ]
}

#[test]
fn bombs_are_refused_within_a_second_and_a_hundred_megabytes() {
    for (name, files) in bombs() {
        let tree = files
            .into_iter()
            .fold(MemoryFiles::new(), |tree, (path, text)| tree.with(RelPath::parse(&path).unwrap(), text));
        let start = Instant::now();
        let result = load(&tree, &LoadOptions::default());
        let took = start.elapsed();
        assert!(took < Duration::from_secs(1), "{name} took {took:?}");
        let errors = result.map(|loaded| loaded.file).expect_err(name);
        println!("{name}: {took:?}, {errors}");
        // Variables that double are a mistake of the file; the rest is refused for its size.
        if name != "variables that double" {
            assert_eq!(errors.blame(), Blame::PolicyRefuses, "{name}: {errors}");
        }
    }
    assert!(peak_megabytes() < 100, "{} MB at the most", peak_megabytes());
}

/// The most memory that this process had at a time.
fn peak_megabytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}
