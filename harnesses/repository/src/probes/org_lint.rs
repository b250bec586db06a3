//! `org.lint`: a linter or formatter of the stack is configured, and something can run it.
//!
//! Observes configuration files, sections of manifests, dependencies and the commands of CI, hooks and build files. A
//! tool that is configured and also installed or run by something is a **pass**; one that is only configured is a
//! **partial**, since nobody can tell that it ever ran; none is a **fail**. Go and Rust bring a formatter with their
//! toolchain: where nothing runs a linter, sources that look formatted are a partial and others a fail. An
//! `.editorconfig` alone is an editor's setting and no linter. Judged by configuration, and the finding says so; where the
//! submission's tests are run, the tool is as well, and what it says is added there. Planted defects: `org-lint*`.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::Tree;
use crate::structure;
use crate::tree::{self, Language};

pub(super) const ID: &str = "org.lint";

/// A tool: where it is configured, and the words by which it is installed or run.
struct Tool {
    name: &'static str,
    languages: &'static [Language],
    /// Beginnings of file names.
    files: &'static [&'static str],
    /// A file name and what stands in it.
    sections: &'static [(&'static str, &'static str)],
    /// Words in manifests, CI workflows, hooks and build files.
    runs: &'static [&'static str],
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "Ruff",
        languages: &[Language::Python],
        files: &["ruff.toml", ".ruff.toml"],
        sections: &[("pyproject.toml", "[tool.ruff")],
        runs: &["ruff"],
    },
    Tool {
        name: "Flake8",
        languages: &[Language::Python],
        files: &[".flake8"],
        sections: &[("setup.cfg", "[flake8]"), ("tox.ini", "[flake8]")],
        runs: &["flake8"],
    },
    Tool {
        name: "Black",
        languages: &[Language::Python],
        files: &[],
        sections: &[("pyproject.toml", "[tool.black]")],
        runs: &["black"],
    },
    Tool {
        name: "Pylint",
        languages: &[Language::Python],
        files: &[".pylintrc", "pylintrc"],
        sections: &[("pyproject.toml", "[tool.pylint")],
        runs: &["pylint"],
    },
    Tool {
        name: "ESLint",
        languages: &[Language::Script],
        files: &["eslint.config.", ".eslintrc"],
        sections: &[("package.json", "\"eslintConfig\"")],
        runs: &["eslint"],
    },
    Tool {
        name: "Biome",
        languages: &[Language::Script],
        files: &["biome.json"],
        sections: &[],
        runs: &["@biomejs/biome", "biome "],
    },
    Tool {
        name: "Prettier",
        languages: &[Language::Script],
        files: &[".prettierrc", "prettier.config."],
        sections: &[("package.json", "\"prettier\": {")],
        runs: &["prettier"],
    },
    Tool {
        name: "XO or Standard",
        languages: &[Language::Script],
        files: &[".xo-config"],
        sections: &[("package.json", "\"xo\":"), ("package.json", "\"standard\":")],
        runs: &["\"xo\"", "\"standard\"", "xo ", "standard "],
    },
    Tool {
        name: "Oxlint",
        languages: &[Language::Script],
        files: &[".oxlintrc.json"],
        sections: &[],
        runs: &["oxlint"],
    },
    Tool {
        name: "golangci-lint",
        languages: &[Language::Go],
        files: &[".golangci."],
        sections: &[],
        runs: &["golangci-lint", "go vet", "staticcheck", "gofmt", "gofumpt"],
    },
    Tool {
        name: "Clippy or rustfmt",
        languages: &[Language::Rust],
        files: &["rustfmt.toml", ".rustfmt.toml", "clippy.toml"],
        sections: &[("Cargo.toml", "[lints"), ("Cargo.toml", "lints.clippy]")],
        runs: &["cargo clippy", "cargo fmt", "clippy"],
    },
    Tool {
        name: "Checkstyle, PMD or Spotless",
        languages: &[Language::Jvm],
        files: &["checkstyle", "pmd", "detekt", "spotbugs"],
        sections: &[
            ("pom.xml", "spotless"),
            ("pom.xml", "checkstyle"),
            ("build.gradle", "spotless"),
            ("build.gradle", "checkstyle"),
            ("build.gradle.kts", "spotless"),
            ("build.gradle.kts", "ktlint"),
            ("build.gradle.kts", "detekt"),
        ],
        runs: &["spotless", "checkstyle", "pmd", "ktlint", "detekt", "spotbugs"],
    },
    Tool {
        name: "PHP-CS-Fixer, PHP_CodeSniffer, PHPStan or Pint",
        languages: &[Language::Php],
        files: &[".php-cs-fixer", ".php_cs", "phpcs.xml", "phpstan.neon", "pint.json"],
        sections: &[],
        runs: &["php-cs-fixer", "php_codesniffer", "phpcs", "phpstan", "laravel/pint"],
    },
    Tool {
        name: "RuboCop",
        languages: &[Language::Ruby],
        files: &[".rubocop"],
        sections: &[("Gemfile", "standard")],
        runs: &["rubocop", "standardrb"],
    },
    Tool {
        name: ".NET analyzers",
        languages: &[Language::CSharp],
        files: &["stylecop.json", ".globalconfig"],
        sections: &[(".editorconfig", "dotnet_"), ("Directory.Build.props", "Analy")],
        runs: &["dotnet format", "StyleCop", "EnforceCodeStyleInBuild"],
    },
    Tool {
        name: "Credo or the formatter",
        languages: &[Language::Elixir],
        files: &[".formatter.exs", ".credo.exs"],
        sections: &[],
        runs: &["mix format", "mix credo"],
    },
];

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let expected = "a linter or formatter of the stack, configured and run by something";
    let Some(main) = main_language(tree) else {
        return Finding::inconclusive(ID, "The tree has no source in a language that is known here");
    };
    let mut ready: Vec<(String, Evidence)> = Vec::new();
    let mut idle: Vec<(String, Evidence)> = Vec::new();
    for tool in TOOLS.iter().filter(|tool| tool.languages.contains(&main)) {
        let configured = configuration(tree, tool);
        let run_by = runner(tree, tool);
        match (configured, run_by) {
            (Some((path, line)), Some(_)) => {
                ready.push((format!("{} ({path})", tool.name), Evidence::file(path, line, tool.name)));
            }
            // Its defaults are a configuration where a pipeline, a hook or a script runs it.
            (None, Some(Runner { path, line, is_command: true })) => {
                ready.push((format!("{} ({path})", tool.name), Evidence::file(path, Some(line), tool.name)));
            }
            (None, Some(_)) => {}
            (Some((path, line)), None) => {
                idle.push((
                    format!("{} ({path})", tool.name),
                    Evidence::file(path, line, "nothing installs or runs it"),
                ));
            }
            (None, None) => {}
        }
    }
    let names = |list: &[(String, Evidence)]| list.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let evidence =
        |list: Vec<(String, Evidence)>| list.into_iter().map(|(_, evidence)| evidence).take(4).collect::<Vec<_>>();
    let by_configuration = "judged by its configuration, not run";
    let finding = if !ready.is_empty() {
        Finding::pass(ID, "A linter or formatter is set up")
            .actual(format!("{}; {by_configuration}", names(&ready)))
            .evidences(evidence(ready))
    } else if !idle.is_empty() {
        Finding::partial(ID, 0.5, format!("{} is configured, and nothing installs or runs it", names(&idle)))
            .actual(format!("{}, never run", names(&idle)))
            .evidences(evidence(idle))
    } else if let (Language::Go | Language::Rust, None) = (main, unformatted(tree, main)) {
        Finding::partial(ID, 0.5, "The sources look formatted, and nothing runs a linter")
            .actual("the toolchain's formatter alone")
    } else {
        let shown = unformatted(tree, main)
            .map(|(path, line)| Evidence::file(path, Some(line), "not as the toolchain formats it"));
        Finding::fail(ID, "No linter or formatter is configured").actual("none").evidences(shown)
    };
    finding.expected(expected)
}

/// The language of most of the service's lines.
fn main_language(tree: &Tree<'_>) -> Option<Language> {
    let mut lines: std::collections::BTreeMap<Language, usize> = std::collections::BTreeMap::new();
    for (path, text, language) in &tree.sources {
        // A configuration written as a script does not make a Python service one of JavaScript.
        if structure::is_service(path) && !tree::file_name(path).contains("config.") {
            *lines.entry(*language).or_default() += text.lines().count();
        }
    }
    lines.into_iter().max_by_key(|(_, lines)| *lines).map(|(language, _)| language)
}

fn configuration<'a>(tree: &Tree<'a>, tool: &Tool) -> Option<(&'a str, Option<u32>)> {
    let by_name =
        tree.texts.iter().map(|(path, _)| *path).find(|path| {
            tool.files.iter().any(|start| tree::file_name(path).starts_with(start)) && !tree::is_test(path)
        });
    if let Some(path) = by_name {
        return Some((path, None));
    }
    tool.sections.iter().find_map(|(file, section)| {
        let (path, text) =
            tree.texts.iter().find(|(path, text)| tree::file_name(path) == *file && text.contains(section))?;
        Some((*path, Some(line_with(text, section))))
    })
}

fn line_with(text: &str, part: &str) -> u32 {
    text.find(part).map_or(1, |offset| tree::line_of(text, offset))
}

/// Where a tool is installed or run.
struct Runner<'a> {
    path: &'a str,
    line: u32,
    /// Whether something runs it, rather than only lists it among what is installed.
    is_command: bool,
}

/// Where a tool is run, else where it is installed: manifests, requirement lists, workflows, hooks, build files.
fn runner<'a>(tree: &Tree<'a>, tool: &Tool) -> Option<Runner<'a>> {
    let mut listed = None;
    for (path, text) in tree.texts.iter().filter(|(path, _)| may_run(path)) {
        for (line, number) in text.lines().zip(1..).take(5_000) {
            let plain = line.trim();
            if plain.len() > 1_000 || plain.starts_with(['#', '[']) || plain.starts_with("//") {
                continue;
            }
            let (_, value) = plain.split_once("\":").unwrap_or(("", plain));
            if !tool.runs.iter().any(|word| stands_in(plain, word)) {
                continue;
            }
            let name = tree::file_name(path);
            let lists = name.starts_with("requirements")
                || path.contains("requirements/")
                || matches!(name, "pyproject.toml" | "Pipfile" | "setup.cfg" | "composer.json" | "Gemfile" | "mix.exs");
            // In package.json what is installed is a key, and what is run a value.
            let value_runs = tool.runs.iter().any(|word| stands_in(value, word));
            let is_command = if name == "package.json" { value_runs } else { !lists };
            if is_command {
                return Some(Runner { path, line: number, is_command });
            }
            listed.get_or_insert(Runner { path, line: number, is_command });
        }
    }
    listed
}

/// Whether a word stands in a line as a whole: `eslint-config-prettier` runs neither ESLint nor Prettier.
fn stands_in(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        !joins(line[..at].chars().next_back())
            && (word.ends_with(' ') || !joins(line[at + word.len()..].chars().next()))
    })
}

fn may_run(path: &str) -> bool {
    let name = tree::file_name(path);
    let build = [
        "package.json",
        "pyproject.toml",
        "Pipfile",
        "tox.ini",
        "noxfile.py",
        "setup.cfg",
        "Makefile",
        "makefile",
        "justfile",
        "Justfile",
        "Taskfile.yml",
        "pom.xml",
        "build.gradle",
        "build.gradle.kts",
        "composer.json",
        "Gemfile",
        "mix.exs",
        ".pre-commit-config.yaml",
        "lefthook.yml",
        ".lintstagedrc",
        ".gitlab-ci.yml",
        "Jenkinsfile",
        "azure-pipelines.yml",
        "Directory.Build.props",
    ];
    build.contains(&name)
        || name.starts_with("requirements")
        || path.contains("requirements/")
        || path.starts_with(".github/workflows/")
        || path.starts_with(".husky/")
        || path.starts_with(".circleci/")
        || name.ends_with(".csproj")
}

/// A line that the toolchain's formatter would have changed: Go is indented by tabs, Rust by four blanks.
fn unformatted<'a>(tree: &Tree<'a>, language: Language) -> Option<(&'a str, u32)> {
    tree.sources.iter().filter(|(_, _, own)| *own == language).find_map(|(path, text, _)| {
        let blanks = text.lines().filter(|line| line.starts_with("    ")).count();
        let tabs = text.lines().filter(|line| line.starts_with('\t')).count();
        let wrong = match language {
            Language::Go => blanks > tabs.max(5),
            Language::Rust => tabs > blanks.max(5),
            _ => true,
        };
        let line = text.lines().position(|line| line.starts_with(if language == Language::Go { "    " } else { "\t" }));
        (wrong && matches!(language, Language::Go | Language::Rust))
            .then(|| (*path, line.and_then(|line| u32::try_from(line + 1).ok()).unwrap_or(1)))
    })
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn verdict(files: &[(&str, &str)]) -> (Verdict, String) {
        let finding = over(files, run);
        (finding.verdict, finding.actual)
    }

    const PY: (&str, &str) = ("app/main.py", "x = 1\ny = 2\n");
    const JS: (&str, &str) = ("src/index.ts", "const x = 1;\nexport default x;\n");
    const GO: (&str, &str) = ("main.go", "package main\n\nfunc main() {\n\tprintln(1)\n}\n");

    #[test]
    fn tools_that_are_set_up_pass() {
        for files in [
            vec![PY, ("pyproject.toml", "[tool.ruff]\nline-length = 100\n"), ("requirements-dev.txt", "ruff==0.6\n")],
            vec![
                PY,
                (".pre-commit-config.yaml", "repos:\n- repo: https://git.example/psf/black\n  hooks:\n  - id: black\n"),
            ],
            vec![
                JS,
                ("eslint.config.js", "export default [];"),
                ("package.json", "{\"devDependencies\": {\"eslint\": \"9\"}}"),
            ],
            vec![JS, ("biome.json", "{}"), ("package.json", "{\"devDependencies\": {\"@biomejs/biome\": \"2\"}}")],
            vec![GO, ("Makefile", "check:\n\tgo vet ./...\n")],
            vec![
                ("src/main.rs", "fn main() {}\n"),
                (".github/workflows/ci.yml", "      - run: cargo clippy -- -D warnings\n"),
            ],
        ] {
            assert_eq!(verdict(&files).0, Verdict::Pass, "{files:?}: {}", verdict(&files).1);
        }
    }

    #[test]
    fn half_a_setup_is_half() {
        assert_eq!(
            verdict(&[JS, (".eslintrc.json", "{}"), ("package.json", "{\"dependencies\": {\"express\": \"5\"}}")]).0,
            Verdict::Partial
        );
        let plugin = "{\"devDependencies\": {\"eslint-config-airbnb\": \"1\", \"eslint-plugin-x\": \"1\"}}";
        assert_eq!(verdict(&[JS, (".eslintrc.json", "{}"), ("package.json", plugin)]).0, Verdict::Partial);
        assert_eq!(verdict(&[GO]).0, Verdict::Partial);
        let listed = [PY, ("requirements-dev.txt", "ruff==0.6\n"), ("ruff.toml", "line-length = 100\n")];
        assert_eq!(verdict(&listed).0, Verdict::Pass);
    }

    #[test]
    fn nothing_fails() {
        assert_eq!(
            verdict(&[PY, ("requirements.txt", "fastapi==1\n"), (".editorconfig", "root = true\n")]).0,
            Verdict::Fail
        );
        assert_eq!(verdict(&[JS, ("package.json", "{\"dependencies\": {\"express\": \"5\"}}")]).0, Verdict::Fail);
        // Installed, without a configuration and never run.
        assert_eq!(verdict(&[JS, ("package.json", "{\"devDependencies\": {\n\"eslint\": \"9\"}}")]).0, Verdict::Fail);
        let blanks = "package main\n\nfunc main() {\n    a()\n    b()\n    c()\n    d()\n    e()\n    f()\n}\n";
        assert_eq!(verdict(&[("main.go", blanks)]).0, Verdict::Fail);
        assert_eq!(verdict(&[]).0, Verdict::Inconclusive);
    }
}
