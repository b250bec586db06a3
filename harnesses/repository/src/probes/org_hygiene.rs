//! `org.hygiene`: the repository holds what was written, and what pins what was fetched; nothing that a tool made.
//!
//! Observes the paths of the tree. Costs, of one whole: committed dependencies 1; build output, caches or compiled files
//! ½; a database file ½; logs, backups, leftovers of a merge or archives of the source ¼; files of an editor or operating
//! system ¼; no ignore file ¼; dependencies without a lock file ¼.
//! At nothing left it is a fail, in between a partial. An `.idea` or `.vscode` folder with shared settings alone is left
//! to taste, Go's `vendor/` is a supported way to work, and Maven and .NET have no lock file to ask for.
//! Planted defect: `org-hygiene` of the FastAPI submission.

use grader_model::{Evidence, FileKind, Finding};
use grader_spec::Params;

use super::Tree;
use crate::tree::{extension, file_name, folders, is_test};

pub(super) const ID: &str = "org.hygiene";

/// Paths shown for each kind.
const SHOWN: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dependencies,
    Output,
    Database,
    Leftover,
    Desktop,
}

const KINDS: &[(Kind, f64, &str)] = &[
    (Kind::Dependencies, 1.0, "installed dependencies"),
    (Kind::Output, 0.5, "build output or caches"),
    (Kind::Database, 0.5, "a database file"),
    (Kind::Leftover, 0.25, "logs, backups or archives"),
    (Kind::Desktop, 0.25, "files of an editor or operating system"),
];

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let files =
        || tree.snapshot.files.iter().filter(|(_, entry)| entry.kind == FileKind::File).map(|(path, _)| path.as_str());
    // What lies in a folder without git was not committed by that.
    let committed = !tree.snapshot.commits.is_empty();
    let mut cost = 0.0;
    let mut troubles: Vec<String> = Vec::new();
    let mut evidence: Vec<Evidence> = Vec::new();
    for (kind, weight, name) in KINDS.iter().filter(|_| committed) {
        let found: Vec<&str> = files().filter(|path| kind_of(tree, path) == Some(*kind)).collect();
        if !found.is_empty() {
            cost += weight;
            troubles.push(format!("{name} committed ({} files)", found.len()).replace("(1 files)", "(1 file)"));
            evidence.extend(found.iter().take(SHOWN).map(|path| Evidence::file(*path, None, *name)));
        }
    }
    let ignored = tree.snapshot.files.keys().any(|path| matches!(file_name(path), ".gitignore" | ".hgignore"));
    if committed && !ignored {
        cost += 0.25;
        troubles.push("no .gitignore".to_owned());
    }
    for (manifest, lock) in unlocked(tree) {
        cost += 0.25;
        troubles.push(format!("{manifest} without {lock}"));
        evidence.push(Evidence::file(manifest, None, format!("no {lock}")));
    }
    let expected = "sources, an ignore file and a lock file; nothing that tools make";
    if troubles.is_empty() {
        return Finding::pass(ID, "The tree holds sources only, with an ignore file and pinned dependencies")
            .expected(expected)
            .actual("nothing that a tool made");
    }
    let summary = format!("The tree is untidy: {}", troubles.join("; "));
    Finding::partial(ID, (1.0 - cost).max(0.0), summary)
        .expected(expected)
        .actual(troubles.join("; "))
        .evidences(evidence)
}

fn kind_of(tree: &Tree<'_>, path: &str) -> Option<Kind> {
    let name = file_name(path);
    let lower = name.to_ascii_lowercase();
    let has = |wanted: &str| folders(path).any(|folder| folder == wanted);
    if ["node_modules", "bower_components", "site-packages", ".venv"].iter().any(|folder| has(folder))
        || lower == "pyvenv.cfg"
    {
        return Some(Kind::Dependencies);
    }
    if path.ends_with("vendor/autoload.php") || path.contains("vendor/bundle/ruby/") {
        return Some(Kind::Dependencies);
    }
    let cache = [
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".next",
        ".gradle",
        "htmlcov",
        ".nyc_output",
        ".tox",
    ];
    let compiled = matches!(
        extension(&lower),
        "pyc" | "pyo" | "class" | "o" | "obj" | "dll" | "exe" | "tsbuildinfo" | "beam" | "pdb"
    );
    let report =
        matches!(lower.as_str(), ".coverage" | "coverage.xml" | "lcov.info" | "npm-debug.log" | "yarn-error.log");
    let egg = folders(path).any(|folder| folder.ends_with(".egg-info"));
    if cache.iter().any(|folder| has(folder)) || compiled || report || egg || built(tree, path) {
        return Some(Kind::Output);
    }
    let database = matches!(extension(&lower), "sqlite" | "sqlite3" | "mdb" | "rdb")
        || extension(&lower) == "db" && lower != "thumbs.db"
        || name == "PG_VERSION";
    if database && !is_test(path) {
        return Some(Kind::Database);
    }
    let leftover =
        matches!(extension(&lower), "log" | "orig" | "rej" | "bak" | "old" | "dump" | "pid" | "tar" | "tgz" | "rar")
            || extension(&lower) == "zip" && !has("wrapper")
            || lower.ends_with(".tar.gz")
            || ["copy of ", " copy.", " (1)."].iter().any(|mark| lower.contains(mark));
    if leftover && !is_test(path) && !has("fixtures") {
        return Some(Kind::Leftover);
    }
    let desktop = matches!(
        lower.as_str(),
        ".ds_store" | "thumbs.db" | "desktop.ini" | "workspace.xml" | ".project" | ".classpath"
    ) || matches!(extension(&lower), "swp" | "swo")
        || name.ends_with('~');
    desktop.then_some(Kind::Desktop)
}

/// Compiled JavaScript beside its sources (`dist/`, `build/`), a Maven or Cargo `target/`, archives of a build.
fn built(tree: &Tree<'_>, path: &str) -> bool {
    let Some(at) =
        folders(path).position(|folder| matches!(folder, "dist" | "build" | "target" | "out" | "bin" | "coverage"))
    else {
        return false;
    };
    let above: Vec<&str> = folders(path).take(at).collect();
    let folder = folders(path).nth(at).unwrap_or("");
    let sibling = |name: &str| {
        let path = if above.is_empty() { name.to_owned() } else { format!("{}/{name}", above.join("/")) };
        tree.snapshot.files.contains_key(&path)
    };
    match folder {
        "dist" | "build" | "out" => {
            sibling("package.json")
                && matches!(extension(path), "js" | "map" | "cjs" | "mjs")
                && sibling("tsconfig.json")
        }
        "target" => (sibling("pom.xml") || sibling("Cargo.toml")) && !above.contains(&"src"),
        "coverage" => matches!(extension(path), "html" | "info" | "json") && sibling("package.json"),
        // .NET: beside a project file.
        _ => extension(path) == "dll" || extension(path) == "jar" && sibling("pom.xml"),
    }
}

/// Manifests with dependencies and no lock file beside or above them, and the file that is missing.
fn unlocked<'a>(tree: &Tree<'a>) -> Vec<(&'a str, &'static str)> {
    let near = |manifest: &str, names: &[&str]| {
        let mut folder = manifest.rsplit_once('/').map_or("", |(folder, _)| folder);
        loop {
            let found = names.iter().any(|name| {
                let path = if folder.is_empty() { (*name).to_owned() } else { format!("{folder}/{name}") };
                tree.snapshot.files.contains_key(&path)
            });
            if found {
                return true;
            }
            match folder.rsplit_once('/') {
                Some((above, _)) => folder = above,
                None if folder.is_empty() => return false,
                None => folder = "",
            }
        }
    };
    let mut found: Vec<(&str, &str)> = Vec::new();
    for (path, text) in &tree.texts {
        if is_test(path) || found.len() >= 2 {
            continue;
        }
        let missing = match file_name(path) {
            "package.json" if text.contains("ependencies\"") => (!near(
                path,
                &[
                    "package-lock.json",
                    "yarn.lock",
                    "pnpm-lock.yaml",
                    "bun.lock",
                    "bun.lockb",
                    "npm-shrinkwrap.json",
                    "deno.lock",
                ],
            ))
            .then_some("package-lock.json"),
            "go.mod" if text.contains("require") => (!near(path, &["go.sum", "go.work.sum"])).then_some("go.sum"),
            "Cargo.toml" if text.contains("dependencies]") => (!near(path, &["Cargo.lock"])).then_some("Cargo.lock"),
            "composer.json" => (!near(path, &["composer.lock"])).then_some("composer.lock"),
            "Gemfile" => (!near(path, &["Gemfile.lock"])).then_some("Gemfile.lock"),
            "mix.exs" => (!near(path, &["mix.lock"])).then_some("mix.lock"),
            "Pipfile" => (!near(path, &["Pipfile.lock"])).then_some("Pipfile.lock"),
            "pyproject.toml" if python_dependencies(text) => {
                (!near(path, &["poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock", "pylock.toml"])
                    && !pinned_requirements(tree))
                .then_some("a lock file or pinned requirements")
            }
            "requirements.txt" => (!near(path, &["poetry.lock", "uv.lock", "pdm.lock", "Pipfile.lock"])
                && !pinned_requirements(tree))
            .then_some("pinned versions"),
            _ => None,
        };
        found.extend(missing.map(|lock| (*path, lock)));
    }
    found
}

fn python_dependencies(text: &str) -> bool {
    text.contains("[tool.poetry.dependencies]")
        || text
            .split_once("\ndependencies = [")
            .is_some_and(|(_, rest)| rest.split(']').next().is_some_and(|inner| inner.contains('"')))
}

/// Whether most lines of some requirements file name an exact version.
fn pinned_requirements(tree: &Tree<'_>) -> bool {
    tree.texts.iter().any(|(path, text)| {
        let name = file_name(path);
        let named = name.starts_with("requirements") && name.ends_with(".txt");
        if !named && !path.contains("requirements/") {
            return false;
        }
        let lines: Vec<&str> =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '-'])).collect();
        let pinned = lines
            .iter()
            .filter(|line| line.contains("==") || line.contains(" @ ") || line.starts_with("--hash"))
            .count();
        !lines.is_empty() && pinned * 10 >= lines.len() * 8
    })
}

#[cfg(test)]
mod tests {
    use grader_model::{Commit, Verdict};

    use super::*;
    use crate::testing::snapshot;

    fn verdict(paths: &[(&str, &str)]) -> (Verdict, String) {
        let mut snapshot = snapshot(paths);
        snapshot.commits.push(Commit {
            id: "a".into(),
            parents: Vec::new(),
            author: "Ada".into(),
            email: String::new(),
            time: 0,
            message: "Start".into(),
            files_changed: 1,
            insertions: 1,
            deletions: 0,
        });
        let finding = run(&Tree::new(&snapshot, ""), &Params::new());
        (finding.verdict, finding.actual)
    }

    const IGNORE: (&str, &str) = (".gitignore", "x");

    #[test]
    fn honest_trees_pass() {
        for files in [
            vec![
                IGNORE,
                ("package.json", "{\"dependencies\":{}}"),
                ("package-lock.json", "{}"),
                ("packages/a/package.json", "{\"dependencies\":{}}"),
            ],
            vec![
                IGNORE,
                ("requirements.txt", "fastapi==0.1\nuvicorn[standard]==0.2\n"),
                (".vscode/settings.json", "{}"),
            ],
            vec![IGNORE, ("pom.xml", ""), ("src/main/java/a/build/Builder.java", "")],
            vec![IGNORE, ("go.mod", "require x v1"), ("go.sum", ""), ("vendor/github.com/x/x.go", "package x")],
            vec![IGNORE, ("CHANGELOG.md", ""), ("tests/data/server.log", ""), ("src/logs/logger.ts", "")],
            vec![IGNORE, ("build/Dockerfile", "FROM a:1"), ("bin/start.sh", ""), ("src/dist/index.ts", "")],
        ] {
            assert_eq!(verdict(&files).0, Verdict::Pass, "{files:?} {}", verdict(&files).1);
        }
    }

    #[test]
    fn what_tools_made_costs() {
        assert_eq!(verdict(&[IGNORE, ("node_modules/a/index.js", "")]).0, Verdict::Fail);
        assert_eq!(verdict(&[IGNORE, (".DS_Store", "")]).0, Verdict::Partial);
        assert_eq!(verdict(&[("app/__pycache__/a.pyc", ""), (".DS_Store", "")]).0, Verdict::Fail);
        assert_eq!(verdict(&[IGNORE, ("db.sqlite3", "")]).0, Verdict::Partial);
        for path in ["logs/server.log", "src/app.py.bak", "src/app.ts.orig", "backend.zip", "src/index copy.js"] {
            assert_eq!(verdict(&[IGNORE, (path, "")]).0, Verdict::Partial, "{path}");
        }
        assert_eq!(verdict(&[IGNORE, ("requirements.txt", "fastapi\nuvicorn\n")]).0, Verdict::Partial);
        assert_eq!(verdict(&[IGNORE, ("target/a.jar", ""), ("pom.xml", "")]).0, Verdict::Partial);
    }
}
