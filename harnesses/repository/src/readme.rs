//! What the README claims and the tree can confirm or refute: commands, paths, variables, ports; and the endpoints that
//! documents describe.
//!
//! Only claims that are certain to be one are taken: what could be an example, a media type, a name of somebody else's
//! tool or a file that a command makes is left alone. Verdicts are drawn elsewhere, with the running stack at hand.

mod commands;
mod endpoints;
mod names;
mod ports;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use grader_model::Snapshot;
use harness_kit::{Claim, ClaimKind, ReadmeFacts};
use serde_yaml::Value;

use crate::tree;

/// Lines of a README that are read, and claims that are kept.
const MOST_LINES: usize = 5_000;
const MOST_CLAIMS: usize = 400;

/// What the README says that can be checked.
pub(crate) fn read(snapshot: &Snapshot) -> ReadmeFacts {
    let endpoints = endpoints::read(snapshot);
    let Some((path, text)) = tree::readme(snapshot) else {
        return ReadmeFacts { endpoints, ..ReadmeFacts::default() };
    };
    let known = Known::new(snapshot, path);
    let lines = lines(text);
    let mut claims = commands::claims(&known, &lines);
    claims.extend(names::paths(&known, &lines));
    claims.extend(names::variables(&known, &lines));
    claims.extend(ports::claims(&known, &lines));
    let mut seen = HashSet::new();
    claims.retain(|claim| seen.insert((claim.kind as u8, claim.said.clone())));
    claims.sort_by_key(|claim| claim.line);
    claims.truncate(MOST_CLAIMS);
    ReadmeFacts { path: path.to_owned(), claims, endpoints }
}

/// A line of the README and where it stands.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// From 1.
    number: u32,
    text: &'a str,
    /// The language of the code block around it; `None` outside of one, empty for a block that names none.
    block: Option<&'a str>,
    /// The nearest heading above.
    heading: &'a str,
}

impl Line<'_> {
    /// Whether a shell would read it.
    fn is_shell(&self) -> bool {
        matches!(
            self.block,
            Some(
                "" | "sh" | "bash" | "shell" | "console" | "zsh" | "shell-session" | "cmd" | "powershell" | "terminal"
            )
        )
    }

    /// The code spans of a line of prose.
    fn spans(&self) -> impl Iterator<Item = &str> {
        self.text.split('`').skip(1).step_by(2).filter(|span| !span.is_empty() && span.len() <= 200)
    }
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut found = Vec::new();
    let mut block: Option<&str> = None;
    let mut heading = "";
    for (number, text) in (1..).zip(text.lines().take(MOST_LINES)) {
        let plain = text.trim();
        if plain.len() > 2_000 {
            continue;
        }
        if let Some(fence) = plain.strip_prefix("```").or_else(|| plain.strip_prefix("~~~")) {
            block = match block {
                Some(_) => None,
                None => Some(fence.split([' ', '{', ',']).next().unwrap_or("").trim()),
            };
            continue;
        }
        if block.is_none() && plain.starts_with('#') {
            heading = plain.trim_start_matches('#').trim();
        }
        found.push(Line { number, text, block, heading });
    }
    found
}

/// What claims are held against.
struct Known<'a> {
    /// Text files of the submission's own.
    texts: Vec<(&'a str, &'a str)>,
    /// Paths of files and folders.
    paths: BTreeSet<&'a str>,
    /// Last segments of those.
    names: HashSet<&'a str>,
    /// Scripts of every package.json.
    scripts: BTreeSet<String>,
    /// Compose files with their documents.
    compose: Vec<(&'a str, &'a str, Value)>,
    ignored: Vec<&'a str>,
    readme: &'a str,
}

impl<'a> Known<'a> {
    fn new(snapshot: &'a Snapshot, readme: &'a str) -> Self {
        let texts = tree::texts(snapshot);
        let mut paths: BTreeSet<&str> = BTreeSet::new();
        for path in snapshot.files.keys() {
            paths.insert(path);
            paths.extend(path.match_indices('/').map(|(at, _)| &path[..at]));
        }
        let names = paths.iter().map(|path| tree::file_name(path)).collect();
        let mut scripts = BTreeSet::new();
        for (_, text) in texts.iter().filter(|(path, _)| tree::file_name(path) == "package.json") {
            if let Ok(manifest) = serde_json::from_str::<serde_json::Value>(text)
                && let Some(own) = manifest["scripts"].as_object()
            {
                scripts.extend(own.keys().cloned());
            }
        }
        let is_compose = |path: &str| {
            let name = tree::file_name(path).to_ascii_lowercase();
            matches!(tree::extension(&name), "yml" | "yaml")
                && (name.starts_with("compose.") || name.starts_with("docker-compose"))
        };
        let compose = texts
            .iter()
            .filter(|(path, _)| is_compose(path))
            .take(10)
            .filter_map(|(path, text)| Some((*path, *text, serde_yaml::from_str::<Value>(text).ok()?)))
            .collect();
        let ignored = texts
            .iter()
            .filter(|(path, _)| tree::file_name(path) == ".gitignore")
            .flat_map(|(_, text)| text.lines().map(|line| line.trim().trim_matches('/')))
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .take(500)
            .collect();
        Known { texts, paths, names, scripts, compose, ignored, readme }
    }

    /// Whether a path stands in the tree, from its root or from any folder of it.
    fn has(&self, path: &str) -> bool {
        let path = clean(path);
        path.is_empty()
            || self.paths.contains(path)
            || self.names.contains(tree::file_name(path)) && {
                let end = format!("/{path}");
                self.paths.iter().any(|known| known.ends_with(&end))
            }
            || self.joined(path).is_some_and(|joined| self.paths.contains(joined.as_str()))
    }

    /// A path that is relative to the README's own folder, with `..` resolved.
    fn joined(&self, path: &str) -> Option<String> {
        let home = self.readme.rsplit_once('/').map_or("", |(home, _)| home);
        let mut parts: Vec<&str> = home.split('/').filter(|part| !part.is_empty()).collect();
        for segment in path.split('/').filter(|segment| !matches!(*segment, "" | ".")) {
            if segment == ".." {
                parts.pop()?;
            } else {
                parts.push(segment);
            }
        }
        Some(parts.join("/"))
    }

    fn has_file_named(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.names.contains(name))
    }

    /// Whether a path is made by a tool or on one's own machine, so that nothing of the tree speaks for or against it.
    fn is_made(&self, path: &str) -> bool {
        let path = clean(path);
        let folders = [
            "dist",
            "build",
            "out",
            "target",
            "bin",
            "obj",
            "coverage",
            "htmlcov",
            "node_modules",
            "vendor",
            ".venv",
            "venv",
            "env",
            "tmp",
            "temp",
            "logs",
            "log",
            "uploads",
            "data",
            "backup",
            "backups",
            "generated",
            ".git",
        ];
        let name = tree::file_name(path);
        path.split('/').any(|part| folders.contains(&part))
            || name == ".env"
            || name.starts_with(".env.") && !tree::is_example(name)
            || self.ignored.iter().any(|ignored| *ignored == path || *ignored == name)
    }

    fn services(&self) -> BTreeSet<&str> {
        let all = self.compose.iter().filter_map(|(_, _, document)| document.get("services")?.as_mapping());
        all.flat_map(|services| services.keys().filter_map(Value::as_str)).collect()
    }
}

fn clean(path: &str) -> &str {
    path.trim_start_matches("./").trim_end_matches('/')
}

fn claim(kind: ClaimKind, said: &str, line: u32, wrong: Option<String>) -> Claim {
    Claim { kind, said: tree::excerpt(said), line, wrong: wrong.unwrap_or_default() }
}

/// Environment variables that files of the tree name, by file: used to tell a documented variable from an invented one.
fn words_of(text: &str) -> BTreeMap<String, ()> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.len() >= 3)
        .map(|word| (word.to_ascii_lowercase(), ()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snapshot;

    fn wrong(files: &[(&str, &str)]) -> Vec<String> {
        let facts = read(&snapshot(files));
        facts.claims.into_iter().filter(|claim| !claim.wrong.is_empty()).map(|claim| claim.said).collect()
    }

    const COMPOSE: (&str, &str) =
        ("compose.yaml", "services:\n  api:\n    build: .\n    ports: ['8000:8000']\n  db:\n    image: postgres:16\n");

    #[test]
    fn a_true_readme_has_nothing_wrong() {
        let readme = "# Shop\n\nRuns on <http://localhost:8000>, see `docs/` and [the map](docs/map.md#top).\n\n```sh\n\
            git clone https://git.example/shop.git && cd shop\ncp .env.example .env\ndocker compose up --build -d\n\
            docker compose exec api alembic upgrade head\npython3 -m venv .venv && . .venv/bin/activate\n\
            pip install -r requirements.txt\nDATABASE_URL=postgres://u:p@localhost:5432/x uvicorn app.main:app --port 8000\n\
            pytest tests/unit\nmake check\n```\n\n| Variable | Default |\n|---|---|\n| `JWT_SECRET` | none |\n| `APP_LOG_LEVEL` | info |\n\n\
            Answers `application/json`; on `feature/x` as Node.js does. Written by `make coverage` to `coverage/index.html`.\n\
            ```\napp/main.py     the server\napp/routers/    routes\n```\n";
        let files = [
            ("README.md", readme),
            COMPOSE,
            (".env.example", "JWT_SECRET=\n"),
            ("docs/map.md", ""),
            ("requirements.txt", "pytest==8\nuvicorn==1\n"),
            ("app/main.py", "log_level: str = 'info'\n"),
            ("app/config.py", "model_config = SettingsConfigDict(env_prefix='APP_')\n"),
            ("app/routers/a.py", ""),
            ("alembic.ini", ""),
            ("tests/unit/test_a.py", ""),
            ("Makefile", "check:\n\tpytest\ncoverage:\n\tpytest --cov\n"),
        ];
        assert_eq!(wrong(&files), Vec::<String>::new());
        let facts = read(&snapshot(&files));
        assert!(facts.claims.len() >= 12, "{:?}", facts.claims);
    }

    #[test]
    fn what_does_not_hold_is_named() {
        let readme = "# Shop\n\nSee `app/server.py` and [setup](docs/setup.md). Listens on http://localhost:9000.\n\n```sh\n\
            docker compose run web pytest\nnpm run serve\nmake test\npip install -r requirements/dev.txt\nuvicorn shop.main:app\n```\n\n\
            ## Configuration\n\n| Variable | |\n|---|---|\n| `TOKEN_LIFETIME` | minutes |\n";
        let files = [
            ("README.md", readme),
            COMPOSE,
            ("app/main.py", "x = 1\n"),
            ("package.json", "{\"scripts\": {\"dev\": \"tsx\"}}"),
            ("Makefile", "check:\n\tpytest\n"),
        ];
        let found = wrong(&files);
        for said in [
            "app/server.py",
            "docs/setup.md",
            "port 9000",
            "docker compose run web pytest",
            "npm run serve",
            "make test",
            "pip install -r requirements/dev.txt",
            "uvicorn shop.main:app",
            "TOKEN_LIFETIME",
        ] {
            assert!(found.iter().any(|wrong| wrong == said), "{said} is not among {found:?}");
        }
        assert_eq!(found.len(), 9, "{found:?}");
    }
}
