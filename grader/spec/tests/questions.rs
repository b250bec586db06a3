//! The bank of interview questions that ships, its schema, and a gallery of mistakes: `bank/NAME.yaml` is a bank with
//! something wrong, `bank/NAME.err` what is said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use grader_model::{AREAS, CATALOGUE, Level};
use grader_spec::{Asked, BUILT_IN, SpecError, Words, load_bank, load_named, load_questions, questions_schema};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

#[test]
fn the_schema_file_is_current() {
    let path = folder("../../specs/questions.schema.json");
    let current = questions_schema();
    if std::env::var_os("GRADER_BLESS").is_some() {
        std::fs::write(&path, &current).expect("the schema can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == current, "accept the new schema with: cargo xtask bless -p grader-spec");
}

#[test]
fn the_bank_is_sound_and_large_enough() {
    let bank = load_questions().expect("a sound bank");
    assert!(bank.questions.len() >= 60, "only {} questions", bank.questions.len());
    let mut levels: BTreeMap<&str, BTreeSet<Level>> = BTreeMap::new();
    for question in &bank.questions {
        levels.entry(&question.area).or_default().insert(question.level);
    }
    for area in AREAS {
        assert_eq!(levels[area].len(), 3, "{area} has no question at some level");
        let depth = bank.questions.iter().filter(|q| q.area == area && q.asked == Asked::Pass).count();
        assert!(depth >= 2, "{area} has {depth} questions for those who pass");
    }
}

#[test]
fn every_finding_leads_to_a_question() {
    let bank = load_questions().expect("a sound bank");
    // That the grader cannot reach the database is nothing to ask a candidate about.
    for entry in CATALOGUE.iter().filter(|entry| entry.id != "db.reachable") {
        let asked = bank
            .questions
            .iter()
            .any(|question| question.asked == Asked::Finding && question.probes.iter().any(|id| id == entry.id));
        assert!(asked, "no question follows from {}", entry.id);
    }
}

#[test]
fn the_bank_speaks_of_no_domain() {
    let bank = load_questions().expect("a sound bank");
    for (name, _) in BUILT_IN {
        let spec = load_named(name).expect("a sound spec").spec;
        let main = &spec.domain.resources[&spec.domain.main];
        let own = main.names.iter().chain(main.fields.keys()).chain([&spec.domain.main]);
        // Words that any English text uses.
        let common = ["title", "author", "price", "stock", "name", "status", "items", "item", "type", "state"];
        for word in own.filter(|word| !common.contains(&word.as_str())) {
            for question in &bank.questions {
                let text = [&question.question, &question.strong, &question.weak].map(|text| text.to_lowercase());
                let holds = text
                    .iter()
                    .any(|text| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|part| part == word));
                assert!(!holds, "{} speaks of {word}", question.id);
            }
        }
    }
}

#[test]
fn places_are_filled_from_the_assessment() {
    for (name, _) in BUILT_IN {
        let words = Words::of(&load_named(name).expect("a sound spec").spec);
        let filled = words.fill("one {main}, many {mains}").expect("every domain has a main resource");
        assert!(!filled.contains('{') && filled.len() > 10, "{filled}");
        assert_eq!(words.fill("{nonsense}"), None);
    }
    let bookstore = Words::of(&load_named("bookstore").expect("a sound spec").spec);
    assert_eq!(
        bookstore.fill("a {transaction} of {mains} lowers the {stock}").as_deref(),
        Some("an order of books lowers the stock")
    );
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder("tests/bank")).expect("the gallery") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let said = match load_bank("questions.yaml", &std::fs::read_to_string(&path).expect("a bank")) {
            Err(SpecError::Mistaken { mistakes, .. }) => {
                mistakes.iter().map(|mistake| format!("{mistake}\n")).collect::<String>()
            }
            other => panic!("{}: {other:?}", path.display()),
        };
        let expected = path.with_extension("err");
        if std::env::var_os("GRADER_BLESS").is_some() {
            std::fs::write(&expected, &said).expect("the gallery can be written");
        }
        assert_eq!(said, std::fs::read_to_string(&expected).unwrap_or_default(), "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 2, "the gallery is empty");
}
