//! What holds of any program: renamed and rearranged it is found again, and programs that have nothing to do with each
//! other are not said to be alike.

use std::sync::Arc;

use grader_model::{FileEntry, FileKind, Similarity, Snapshot};
use grader_similarity::{Options, Reading, Submission, compare, compare_readings};
use proptest::prelude::*;

fn tree(files: &[(&str, &str)]) -> Snapshot {
    let mut tree = Snapshot::default();
    for (path, text) in files {
        let bytes: Arc<[u8]> = text.as_bytes().into();
        let size = bytes.len() as u64;
        tree.files.insert(
            (*path).to_owned(),
            FileEntry { kind: FileKind::File, size, bytes: Some(bytes), executable: false },
        );
    }
    tree
}

fn compared(trees: &[&Snapshot], options: &Options<'_>) -> Similarity {
    let submissions: Vec<Submission<'_>> = trees.iter().map(|tree| Submission { name: "s", tree }).collect();
    compare(&submissions, options).expect("few")
}

/// The similarity of a pair of programs.
fn similarity(a: &str, b: &str) -> f64 {
    let result = compared(&[&tree(&[("a.py", a)]), &tree(&[("b.py", b)])], &Options::default());
    result.pairs.first().map_or(0.0, |pair| pair.similarity)
}

/// A statement as a number of shapes; `names` are drawn from a few, so that programs share their words.
fn statement() -> impl Strategy<Value = String> {
    let name = || prop::sample::select(vec!["alpha", "beta", "gamma", "delta", "omega", "sigma"]);
    let value = move || {
        prop_oneof![
            name().prop_map(str::to_owned),
            (0..100_u8).prop_map(|number| number.to_string()),
            (name(), name()).prop_map(|(a, b)| format!("{a}.{b}")),
            (name(), name(), 0..9_u8).prop_map(|(f, a, n)| format!("{f}({a}, {n})")),
            (name(), name()).prop_map(|(a, b)| format!("{a}[{b}]")),
            (name(), name()).prop_map(|(a, b)| format!("not {a} or {b}")),
            (name(), name()).prop_map(|(a, b)| format!("[{a} for {a} in {b}]")),
        ]
    };
    let operator = prop::sample::select(vec!["+", "-", "*", "/", "%", "and", "or", "==", "<", "in"]);
    prop_oneof![
        (name(), value(), operator.clone(), value()).prop_map(|(a, b, o, c)| format!("    {a} = {b} {o} {c}\n")),
        (value(), operator.clone(), value(), name())
            .prop_map(|(a, o, b, c)| format!("    if {a} {o} {b}:\n        raise {c}()\n")),
        (name(), value(), name()).prop_map(|(a, b, c)| format!("    for {a} in {b}:\n        {c} += {a}\n")),
        (value(), name()).prop_map(|(a, b)| format!("    with {a} as {b}:\n        pass\n")),
        (name(), value()).prop_map(|(a, b)| format!("    {a} = {{'k': {b}}}\n")),
        (value(), operator, value()).prop_map(|(a, o, b)| format!("    assert {a} {o} {b}\n")),
        (value(), name(), value()).prop_map(|(a, b, c)| format!("    while {a}:\n        {b} = await {c}\n")),
    ]
}

/// The functions of a program.
fn functions() -> impl Strategy<Value = Vec<String>> {
    let function = (prop::collection::vec(statement(), 12..25), 0..3_usize, any::<bool>()).prop_map(
        |(statements, parameters, asynchronous)| {
            let parameters = ["alpha", "beta", "gamma"][..parameters].join(", ");
            let asynchronous = if asynchronous { "async " } else { "" };
            format!("{asynchronous}def run({parameters}):\n{}    return sigma\n\n\n", statements.concat())
        },
    );
    prop::collection::vec(function, 4..8)
}

fn renamed(program: &str) -> String {
    let mut program = program.to_owned();
    for (old, new) in [
        ("alpha", "first_of_them"),
        ("beta", "b"),
        ("gamma", "omega_"),
        ("delta", "Δ"),
        ("sigma", "total"),
        ("run", "execute"),
    ] {
        program = program.replace(old, new);
    }
    program
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn new_names_hide_nothing(functions in functions()) {
        let program = functions.concat();
        prop_assert!(similarity(&program, &renamed(&program)) > 0.95);
    }

    #[test]
    fn a_new_order_hides_little(functions in functions().prop_shuffle()) {
        let mut other = functions.clone();
        other.reverse();
        let (one, other) = (functions.concat(), renamed(&other.concat()));
        let similarity = similarity(&one, &other);
        prop_assert!(similarity > 0.8, "{similarity}");
    }

    #[test]
    fn other_values_comments_and_layout_hide_nothing(functions in functions()) {
        let program = functions.concat();
        let other = program.replace("    assert", "    # Checked.\n\n    assert").replace("'k'", "'another key'");
        prop_assert!(similarity(&program, &other) > 0.95);
    }

    #[test]
    fn what_two_people_wrote_is_not_alike(one in functions(), other in functions()) {
        let similarity = similarity(&one.concat(), &other.concat());
        prop_assert!(similarity < 0.25, "{similarity}");
    }

    #[test]
    fn code_among_more_code_is_found(stolen in functions(), own in functions()) {
        let both = format!("{}{}", own.concat(), renamed(&stolen.concat()));
        prop_assert!(similarity(&stolen.concat(), &both) > 0.9);
    }

    #[test]
    fn the_starter_template_is_nobodys(template in functions(), one in functions(), other in functions()) {
        let given = template.concat();
        let a = tree(&[("a.py", &format!("{given}{}", one.concat()))]);
        let b = tree(&[("a.py", &format!("{given}{}", other.concat()))]);
        let template = tree(&[("template.py", &given)]);
        let with = |template| {
            let result = compared(&[&a, &b], &Options { template, ..Options::default() });
            result.pairs.first().map_or(0, |pair| pair.tokens)
        };
        prop_assert!(with(Some(&template)) * 4 < with(None), "{} of {}", with(Some(&template)), with(None));
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,400}") {
        similarity(&text, &text);
    }
}

/// A program with a passage that every one has, and one with more.
const IDIOM: &str = "def connect(settings):\n    engine = create(settings.url, pool=settings.pool or 5)\n    if not engine.ready:\n        raise Unavailable('down', engine)\n    with engine.begin() as session:\n        yield session\n    return [row for row in session if row]\n";

#[test]
fn what_much_of_a_cohort_has_is_left_out() {
    let trees: Vec<Snapshot> = (0..8).map(|_| tree(&[("db.py", IDIOM)])).collect();
    let few = compared(&trees.iter().take(4).collect::<Vec<_>>(), &Options::default());
    assert_eq!((few.pairs.len(), few.pairs[0].similarity, few.usual), (6, 1.0, 1.0));
    let many = compared(&trees.iter().collect::<Vec<_>>(), &Options::default());
    assert!(many.pairs.is_empty() && many.submissions.iter().all(|submission| submission.own() < 10), "{many:?}");
}

#[test]
fn places_name_their_lines_and_whether_names_were_changed() {
    let renamed = IDIOM.replace("engine", "motor").replace("session", "s");
    let a = tree(&[("db.py", &format!("import os\n\n{IDIOM}"))]);
    let b = tree(&[("node_modules/x.js", "f()"), ("lib/store.py", &renamed)]);
    let result = compared(&[&a, &b], &Options::default());
    let place = &result.pairs[0].places[0];
    assert_eq!((place.a.path.as_str(), place.a.first_line, place.a.last_line), ("db.py", 3, 9));
    assert_eq!((place.b.path.as_str(), place.b.first_line, place.b.last_line), ("lib/store.py", 1, 7));
    assert!(place.a.excerpt.starts_with("def connect") && place.b.excerpt.ends_with("if row]"));
    assert!(place.same_names > 0.3 && place.same_names < 0.8, "{}", place.same_names);
    assert_eq!(result.submissions[1].files, 1);
}

#[test]
fn the_same_cohort_gives_the_same_result() {
    let a = tree(&[("a.py", IDIOM), ("b.py", &IDIOM.replace("connect", "open"))]);
    let b = tree(&[("c.py", IDIOM)]);
    let once = compared(&[&a, &b, &a], &Options::default());
    assert_eq!(once, compared(&[&a, &b, &a], &Options::default()));
    assert_eq!(once.pairs.len(), 3);
}

#[test]
fn what_was_kept_is_compared_as_the_tree_itself() {
    let total = "def total(lines):\n    result = 0\n    for line in lines:\n        if line.open and not line.void:\n            \
                 result = result + line.price * line.count\n        else:\n            log(line, 'left out')\n    return round(result, 2)\n";
    let (one, other) = (tree(&[("a.py", total), ("README.md", "words")]), tree(&[("src/b.py", total)]));
    let of_trees = compared(&[&one, &other], &Options::default());
    assert_eq!(of_trees.pairs.len(), 1);
    let kept: Vec<Reading> = [&one, &other]
        .map(|tree| Reading::parse(Reading::of(tree).to_json().as_bytes()).expect("what was kept is read"))
        .into();
    let named: Vec<(&str, &Reading)> = kept.iter().map(|reading| ("s", reading)).collect();
    assert_eq!(compare_readings(&named, &Options::default()), Ok(of_trees));
    // What was read by other rules, or is none of ours, is not compared.
    let json = Reading::of(&one).to_json();
    for wrong in
        [json.replace("grader.reading/1", "grader.reading/0"), json.replacen("\"words\":[", "\"words\":[1,", 1)]
    {
        assert_eq!(Reading::parse(wrong.as_bytes()), None);
    }
}
