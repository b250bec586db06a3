//! Rules over the workspace's crates and what they depend on.

use super::Breach;
use super::tree::Tree;

/// The floors of the house, lowest first. An arrow goes from a floor to a lower one.
const FLOORS: [&[&str]; 5] = [
    &["grader-model"],
    &["grader-spec", "grader-compose", "harness-syntax"],
    &[
        "grader-intake",
        "grader-sandbox",
        "grader-scoring",
        "grader-report",
        "grader-similarity",
        "grader-store",
        "grader-github",
        "harness-kit",
        "harness-custom",
        "harness-http",
        "harness-database",
        "harness-repository",
        "harness-suite",
        "harness-resilience",
    ],
    &["grader-pipeline", "grader-service"],
    &["grader"],
];

/// Arrows on one floor that are meant: probes stand on the kit, the service runs the pipeline, and what is told on a
/// pull request is the report's view for candidates.
fn meant(from: &str, to: &str) -> bool {
    (from.starts_with("harness-") && from != "harness-kit" && to == "harness-kit")
        || (from == "grader-service" && to == "grader-pipeline")
        || (from == "grader-github" && to == "grader-report")
}

/// **arrows**: a crate depends on lower floors only, so that what is pure stays pure and no part
/// has to be built to test another. Dependencies of tests are free.
pub(crate) fn arrows(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for from in tree.crates.iter().filter(|krate| krate.name != "xtask") {
        let Some(floor) = floor(&from.name) else {
            breaches.push(Breach::new(
                &from.name,
                "this crate has no floor; give it one in xtask's tidy rules and in the architecture",
            ));
            continue;
        };
        for to in &from.needs {
            if let Some(other) = self::floor(to)
                && other >= floor
                && !meant(&from.name, to)
            {
                breaches.push(Breach::new(&from.name, format!("depends on {to}, which does not lie below it")));
            }
        }
    }
    // The chores start programs; a chore that links the product could not build it anew.
    for chores in tree.crates.iter().filter(|krate| krate.name == "xtask") {
        for to in chores.needs.iter().filter(|to| floor(to).is_some()) {
            breaches.push(Breach::new("xtask", format!("depends on {to}; start its program")));
        }
    }
    breaches
}

/// **bollard**: only the sandbox speaks to the engine, so that every resource is labelled,
/// journalled and swept. Tests of other crates as well have to go through it.
pub(crate) fn bollard(tree: &Tree) -> Vec<Breach> {
    let strangers = tree.crates.iter().filter(|krate| krate.name != "grader-sandbox");
    strangers
        .filter(|krate| krate.needs.iter().chain(&krate.tests_need).any(|need| need == "bollard"))
        .map(|krate| Breach::new(&krate.name, "names bollard; ask grader-sandbox instead"))
        .collect()
}

/// **one-owner**: a dependency in the block of the workspace's manifest that says so is named by
/// one crate, which hides it from the others; replacing it then touches one crate. Dependencies
/// of tests and of the chores do not count.
pub(crate) fn one_owner(tree: &Tree) -> Vec<Breach> {
    let manifest = tree.files.iter().find(|file| file.path == "Cargo.toml");
    let mut breaches = Vec::new();
    for name in manifest.into_iter().flat_map(|file| owned(&file.text)) {
        let owners: Vec<&str> = tree
            .crates
            .iter()
            .filter(|krate| krate.name != "xtask" && krate.needs.iter().any(|need| need == name))
            .map(|krate| krate.name.as_str())
            .collect();
        if owners.len() > 1 {
            breaches.push(Breach::new(
                "Cargo.toml",
                format!("{name} is named by {}; keep one, or move it to the shared ones", owners.join(" and ")),
            ));
        }
    }
    breaches
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

/// The names in the block that starts with the comment `# Each named by one crate only`.
fn owned(manifest: &str) -> Vec<&str> {
    manifest
        .lines()
        .skip_while(|line| !line.starts_with("# Each named by one crate only"))
        .skip(1)
        .take_while(|line| !line.starts_with(['#', '[']))
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Crate, File};
    use super::*;

    fn tree(crates: &[(&str, &str, &str)]) -> Tree {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        Tree {
            crates: crates
                .iter()
                .map(|(name, needs, tests_need)| Crate {
                    name: (*name).to_owned(),
                    needs: words(needs),
                    tests_need: words(tests_need),
                })
                .collect(),
            files: vec![File {
                path: "Cargo.toml".into(),
                text: "serde = \"1\"\n\n# Each named by one crate only (tidy)\naskama = \"1\"\ntar = \"1\"\n\n# Tests\ninsta = \"1\"\n".into(),
            }],
            machine: Vec::new(),
        }
    }

    #[test]
    fn arrows_point_down() {
        let good = [
            ("grader", "grader-pipeline grader-model serde", ""),
            ("harness-http", "harness-kit grader-spec", ""),
            ("grader-model", "serde", "grader-report"),
        ];
        assert_eq!(arrows(&tree(&good)), []);
        for bad in [
            ("grader-model", "grader-spec", ""),
            ("grader-report", "grader-scoring", ""),
            ("harness-kit", "harness-http", ""),
            ("grader-unheard-of", "", ""),
            ("xtask", "grader-model", ""),
        ] {
            assert_eq!(arrows(&tree(&[bad])).len(), 1, "{bad:?}");
        }
    }

    #[test]
    fn one_crate_speaks_to_the_engine() {
        assert_eq!(bollard(&tree(&[("grader-sandbox", "bollard", "")])), []);
        assert_eq!(bollard(&tree(&[("grader", "bollard", "")])).len(), 1);
        assert_eq!(bollard(&tree(&[("grader", "", "bollard")])).len(), 1);
    }

    #[test]
    fn an_owned_dependency_has_one_owner() {
        let good = [("grader", "tar serde", "askama"), ("grader-report", "askama serde", "")];
        assert_eq!(one_owner(&tree(&good)), []);
        let bad = [("grader", "tar", ""), ("grader-report", "tar", "")];
        assert_eq!(one_owner(&tree(&bad)).len(), 1);
        assert_eq!(one_owner(&tree(&[("grader", "insta", ""), ("xtask", "insta", "")])), []);
    }
}
