//! `doc.readme`: a README says what this is and how to set it up, run it and test it.
//!
//! Observes the README nearest to the root: four answers, in any order, wording and of the usual languages, by heading or
//! by the command itself. What it is: a sentence before the first section, or a section for it. One command that starts
//! everything (`docker compose up`) is both set-up and run. All four pass; one or none fails; else a partial by share.
//! Planted defect: `doc-readme` of the FastAPI submission.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::Tree;
use super::runners::runs_tests;
use crate::tree;

pub(super) const ID: &str = "doc.readme";

/// Letters that a sentence about the project has at least.
const SENTENCE: usize = 25;

const ABOUT: &[&str] = &[
    "about",
    "overview",
    "introduction",
    "description",
    "what is",
    "what it",
    "features",
    "summary",
    "purpose",
    "background",
    "beschreibung",
    "überblick",
    "über",
    "descripción",
    "descrição",
    "sobre",
    "présentation",
    "aperçu",
    "описание",
    "о проекте",
    "概要",
    "介绍",
    "简介",
];
const SET_UP: &[&str] = &[
    "setup",
    "set up",
    "set-up",
    "setting up",
    "install",
    "getting started",
    "get started",
    "prerequisite",
    "requirements",
    "configur",
    "quick start",
    "quickstart",
    "environment",
    "einrichtung",
    "voraussetzung",
    "instalación",
    "instalação",
    "configuración",
    "configuração",
    "démarrage",
    "prérequis",
    "установка",
    "настройка",
    "安装",
    "セットアップ",
];
const RUN: &[&str] = &[
    "run",
    "usage",
    "start",
    "launch",
    "how to use",
    "deploy",
    "starten",
    "ausführen",
    "ejecu",
    "execu",
    "lancer",
    "démarr",
    "запуск",
    "运行",
    "起動",
    "使い方",
];
const TEST: &[&str] = &["test", "prueba", "teste", "тест", "测试", "テスト", "prüf"];

const SET_UP_COMMANDS: &[&str] = &[
    "npm ci",
    "npm i",
    "npm install",
    "yarn install",
    "pnpm install",
    "pnpm i",
    "bun install",
    "pip install",
    "poetry install",
    "uv sync",
    "pipenv install",
    "bundle install",
    "composer install",
    "go mod",
    "cp .env",
    "copy .env",
    "mvn install",
    "mvnw install",
    "git clone",
    "dotnet restore",
    "mix deps.get",
    "docker compose build",
    "docker-compose build",
    "cargo build",
    "make setup",
    "make install",
    "docker build",
];
const RUN_COMMANDS: &[&str] = &[
    "npm start",
    "npm run start",
    "npm run dev",
    "yarn start",
    "yarn dev",
    "pnpm start",
    "pnpm dev",
    "bun run",
    "uvicorn",
    "gunicorn",
    "flask run",
    "fastapi run",
    "fastapi dev",
    "runserver",
    "go run",
    "cargo run",
    "spring-boot:run",
    "bootrun",
    "java -jar",
    "rails s",
    "bin/dev",
    "artisan serve",
    "dotnet run",
    "mix phx.server",
    "make run",
    "make up",
    "make dev",
    "node dist",
    "node src",
    "node server",
    "node index",
    "node app",
    "docker run",
    "just run",
    "just up",
    "python main.py",
    "python app.py",
    "python run.py",
    "task up",
];
const WHOLE: &[&str] = &[
    "docker compose up",
    "docker-compose up",
    "docker compose -f",
    "docker-compose -f",
    "podman compose up",
    "docker compose --",
];

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let expected = "what it is, how to set it up, how to run it, how to test it";
    let Some((path, text)) = tree::readme(tree.snapshot) else {
        return Finding::fail(ID, "There is no README").expected(expected).actual("no README");
    };
    let answers = [
        ("what it is", says_what(text)),
        ("how to set it up", sets_up(text)),
        ("how to run it", runs(text)),
        ("how to test it", tests(text)),
    ];
    let given: Vec<&str> = answers.iter().filter(|(_, line)| line.is_some()).map(|(name, _)| *name).collect();
    let missing: Vec<&str> = answers.iter().filter(|(_, line)| line.is_none()).map(|(name, _)| *name).collect();
    let evidence = answers
        .iter()
        .filter_map(|(_, line)| *line)
        .map(|line| Evidence::file(path, Some(line), tree::excerpt(text.lines().nth(line as usize - 1).unwrap_or(""))));
    let finding = if missing.is_empty() {
        Finding::pass(ID, format!("{path} answers what a newcomer asks")).actual(given.join(", "))
    } else if given.len() <= 1 {
        Finding::fail(ID, format!("{path} does not say {}", missing.join(", "))).actual(if given.is_empty() {
            "none of it".to_owned()
        } else {
            format!("only {}", given.join(", "))
        })
    } else {
        Finding::partial(ID, given.len() as f64 / 4.0, format!("{path} does not say {}", missing.join(", ")))
            .actual(format!("only {}", given.join(", ")))
    };
    finding.expected(expected).evidences(evidence)
}

/// The text of a heading in Markdown, reStructuredText or AsciiDoc.
fn heading<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let line = lines[at].trim();
    for mark in ['#', '='] {
        if line.starts_with(mark) && line.trim_start_matches(mark).starts_with(' ') {
            return Some(line.trim_matches(mark).trim());
        }
    }
    let under = lines.get(at + 1).map_or("", |line| line.trim());
    let underlined = under.len() >= 3
        && (under.bytes().all(|byte| byte == b'=')
            || under.bytes().all(|byte| byte == b'-')
            || under.bytes().all(|byte| byte == b'~'));
    let bold = line.strip_prefix("**").and_then(|rest| rest.trim_end_matches(':').strip_suffix("**"));
    if underlined && !line.is_empty() && !line.contains('|') { Some(line) } else { bold.filter(|bold| bold.len() < 60) }
}

/// The line of a section with one of the words in its heading and something under it.
fn section(text: &str, words: &[&str]) -> Option<u32> {
    let lines: Vec<&str> = text.lines().take(5_000).collect();
    (0..lines.len()).find_map(|at| {
        let title = heading(&lines, at)?.to_lowercase();
        let fits = words.iter().any(|word| {
            title.split(|c: char| !c.is_alphanumeric() && c != '-').any(|part| part.starts_with(word))
                || word.contains([' ', '-']) && title.contains(word)
                || !word.is_ascii() && title.contains(word)
        });
        let filled = (at + 1..lines.len().min(at + 6)).any(|next| {
            lines[next].chars().filter(|c| c.is_alphanumeric()).count() > 3 && heading(&lines, next).is_none()
        });
        (fits && filled).then(|| u32::try_from(at + 1).unwrap_or(u32::MAX))
    })
}

fn command(text: &str, commands: &[&str]) -> Option<u32> {
    text.lines()
        .zip(1..)
        .take(5_000)
        .find(|(line, _)| {
            let lower = line.to_ascii_lowercase();
            line.len() < 2_000 && commands.iter().any(|command| lower.contains(command))
        })
        .map(|(_, number)| number)
}

/// A sentence before the first section, or a section about the project.
fn says_what(text: &str) -> Option<u32> {
    let lines: Vec<&str> = text.lines().take(5_000).collect();
    let mut titles = 0;
    let mut in_code = false;
    for at in 0..lines.len() {
        let line = lines[at].trim();
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if heading(&lines, at).is_some() {
            titles += 1;
            if titles > 1 {
                break;
            }
            continue;
        }
        let prose = !in_code && !line.starts_with(['|', '-', '*', '[', '!', '<', '`', '=']);
        let letters = line.chars().filter(|c| c.is_alphabetic()).count();
        // Scripts without spaces say as much in fewer characters.
        let dense = line.chars().any(|c| !c.is_ascii() && c.len_utf8() >= 3);
        if prose && letters >= if dense { SENTENCE / 3 } else { SENTENCE } {
            return u32::try_from(at + 1).ok();
        }
    }
    section(text, ABOUT)
}

fn sets_up(text: &str) -> Option<u32> {
    section(text, SET_UP).or_else(|| command(text, SET_UP_COMMANDS)).or_else(|| command(text, WHOLE))
}

fn runs(text: &str) -> Option<u32> {
    command(text, WHOLE).or_else(|| command(text, RUN_COMMANDS)).or_else(|| section(text, RUN))
}

fn tests(text: &str) -> Option<u32> {
    let by_command = text.lines().zip(1..).take(5_000).find(|(line, _)| {
        let plain = line.trim().trim_start_matches(['-', '*', '$', '>', '`', ' ']);
        !plain.starts_with('|')
            && plain.len() < 300
            && runs_tests(plain).is_some()
            && (line.contains('`') || plain == line.trim() || line.trim().starts_with('$'))
            && !plain.contains("https://")
    });
    section(text, TEST).or_else(|| by_command.filter(|(line, _)| looks_like_command(line)).map(|(_, number)| number))
}

/// Whether a line is a command or names one in backticks, as opposed to prose that speaks of a runner.
fn looks_like_command(line: &str) -> bool {
    let plain = line.trim().trim_start_matches(['$', '>', ' ']);
    let quoted = line.split('`').skip(1).step_by(2).any(|code| runs_tests(code).is_some());
    let words = plain.split_whitespace().count();
    quoted
        || words <= 9
            && !plain.ends_with('.')
            && plain.starts_with(|first: char| first.is_ascii_lowercase() || matches!(first, '.' | '/'))
        || plain.contains("docker compose")
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn verdict(text: &str) -> (Verdict, String) {
        let finding = over(&[("README.md", text)], run);
        (finding.verdict, finding.actual)
    }

    #[test]
    fn readmes_in_many_shapes_pass() {
        for text in [
            "# Shop\n\nAn API to sell books, with accounts and orders.\n\n```\ndocker compose up\nnpm test\n```\n",
            "Shop\n====\n\nThis is the backend of a small bookstore.\n\nSetup\n-----\n\nCopy the file.\n\nRunning\n-------\n\nUse make.\n\nTesting\n-------\n\nUse make too.\n",
            "# Магазин\n\nСервис для продажи книг с заказами и оплатой.\n\n## Установка\npip install -r requirements.txt\n## Запуск\nuvicorn app:app\n## Тесты\npytest\n",
            "# 書店\n\n本を売るためのシンプルなバックエンドAPIです。\n\n## セットアップ\nnpm ci をする\n## 起動\nnpm start\n## テスト\nnpm test\n",
            "# Tienda\n## Descripción\nUna API.\n## Instalación\ncomposer install\n## Ejecución\nphp artisan serve\n## Pruebas\nphp artisan test\n",
        ] {
            assert_eq!(verdict(text).0, Verdict::Pass, "{text} {}", verdict(text).1);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            verdict("# Shop\n\nAn API to sell books, with accounts and orders.\n\n`docker compose up`\n"),
            (Verdict::Partial, "only what it is, how to set it up, how to run it".to_owned())
        );
        assert_eq!(verdict("# Notes\n\n## API\n\n| `POST /books` | adds |\n").0, Verdict::Fail);
        assert_eq!(over(&[("src/a.py", "")], run).verdict, Verdict::Fail);
    }
}
