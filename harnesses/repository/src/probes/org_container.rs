//! `org.container`: the image is built as one that runs in production is.
//!
//! Observes Dockerfiles and compose files, five rules with their share: the process is not root (0.35), every image has a
//! tag other than `latest` (0.25), no secret gets into a layer (0.15), a health check stands in the Dockerfile or compose
//! (0.15), and what is copied as a whole folder has a `.dockerignore` (0.10). Everything is a pass, under 0.35 or a
//! secret in a layer is a fail, in between a partial. An image whose entry point steps down (`gosu`, `su-exec`), a `user:`
//! in compose and base images that are not root count as not root. Beside these, each of hadolint's errors costs 0.10 and
//! each of its warnings 0.05, a quarter at the most; which of them count stands in `org_container/rules.rs`. Planted
//! defects: `org-container*`.

mod rules;

use grader_model::{Evidence, Finding};
use grader_spec::Params;
use serde_yaml::Value;

use super::Tree;
use crate::signing::names_secret;
use crate::tree::{self, file_name, folders};

pub(super) const ID: &str = "org.container";

/// What is left when the image is not fit to run: root together with anything more than unpinned.
const FAILS_UNDER: f64 = 0.35;

/// Dockerfiles that are read.
const MOST: usize = 10;

/// What hadolint's rules cost: an error, a warning, and all together at the most.
const ERROR: f64 = 0.10;
const WARNING: f64 = 0.05;
const ALL_RULES: f64 = 0.25;

#[derive(Default)]
struct Broken {
    /// What hadolint's rules cost so far.
    by_rules: f64,
    rules: Vec<(f64, &'static str)>,
    evidence: Vec<Evidence>,
    secret: bool,
}

impl Broken {
    fn add(&mut self, share: f64, rule: &'static str, evidence: Evidence) {
        if !self.rules.iter().any(|(_, known)| *known == rule) {
            self.rules.push((share, rule));
        }
        if self.evidence.len() < 12 {
            self.evidence.push(evidence);
        }
    }
}

/// A line of a Dockerfile with what continues it.
struct Instruction {
    word: String,
    rest: String,
    line: u32,
}

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let expected = "pinned images, a user other than root, a .dockerignore, a health check, no secret in a layer";
    let compose: Vec<(&str, &str, Value)> = tree
        .compose_files()
        .into_iter()
        .filter_map(|(path, text)| Some((path, text, serde_yaml::from_str::<Value>(text).ok()?)))
        .collect();
    let files = dockerfiles(tree, &compose);
    if files.is_empty() {
        return Finding::fail(ID, "Nothing in the tree builds an image").expected(expected).actual("no Dockerfile");
    }
    let mut broken = Broken::default();
    let mut health = compose.iter().any(|(_, _, document)| {
        services(document).any(|(_, service)| service.get("build").is_some() && service.get("healthcheck").is_some())
    });
    for (path, text) in &files {
        let instructions = instructions(text);
        health |= instructions
            .iter()
            .any(|instruction| instruction.word == "HEALTHCHECK" && !instruction.rest.eq_ignore_ascii_case("none"));
        pinned(path, &instructions, &mut broken);
        user(tree, path, &instructions, &compose, &mut broken);
        layers(tree, path, &instructions, &mut broken);
        for breach in rules::breaches(&instructions) {
            let cost = if breach.is_error { ERROR } else { WARNING };
            // Each rule once for all files, and no more than their share.
            let cost = if broken.rules.iter().any(|(_, known)| *known == breach.says) { 0.0 } else { cost };
            let cost = cost.min(ALL_RULES - broken.by_rules).max(0.0);
            broken.by_rules += cost;
            let shown = format!("{} {}", breach.rule, breach.says);
            broken.add(cost, breach.says, Evidence::file(*path, Some(breach.line), shown));
        }
    }
    for (path, text, document) in &compose {
        for (name, service) in services(document) {
            let image = service.get("image").and_then(Value::as_str).unwrap_or("");
            if service.get("build").is_none() && !image.is_empty() && !has_tag(image) {
                let line =
                    text.lines().position(|line| line.contains(image)).and_then(|line| u32::try_from(line + 1).ok());
                broken.add(
                    0.25,
                    "an image without a fixed tag",
                    Evidence::file(*path, line, format!("{name}: {image}")),
                );
            }
        }
    }
    if !health {
        let (path, _) = files[0];
        broken.add(
            0.15,
            "no health check",
            Evidence::file(path, None, "no HEALTHCHECK, and no healthcheck in compose"),
        );
    }
    verdict(broken).expected(expected)
}

fn verdict(broken: Broken) -> Finding {
    let share = 1.0 - broken.rules.iter().map(|(share, _)| share).sum::<f64>();
    let rules: Vec<&str> = broken.rules.iter().map(|(_, rule)| *rule).collect();
    let actual = if rules.is_empty() { "all of it".to_owned() } else { rules.join(", ") };
    let finding = if rules.is_empty() {
        Finding::pass(ID, "The image is pinned, not root, checked and small")
    } else if share < FAILS_UNDER || broken.secret {
        Finding::fail(ID, format!("The image is not fit to run: {actual}"))
    } else {
        Finding::partial(ID, share, format!("The image lacks care: {actual}"))
    };
    finding.actual(actual).evidences(broken.evidence)
}

/// The Dockerfiles that compose builds from where it says so, else all of the tree.
fn dockerfiles<'a>(tree: &Tree<'a>, compose: &[(&str, &str, Value)]) -> Vec<(&'a str, &'a str)> {
    let is_file = |path: &str| {
        let name = file_name(path);
        (name.starts_with("Dockerfile")
            || name.ends_with(".Dockerfile")
            || name.ends_with(".dockerfile")
            || name == "Containerfile")
            && !name.ends_with(".dockerignore")
            && !tree::is_test(path)
            && !folders(path).any(|folder| folder == ".devcontainer")
    };
    let all: Vec<(&str, &str)> = tree.texts.iter().filter(|(path, _)| is_file(path)).take(MOST).copied().collect();
    let mut named: Vec<String> = Vec::new();
    for (path, _, document) in compose {
        let home = path.rsplit_once('/').map_or("", |(home, _)| home);
        for (_, service) in services(document) {
            let Some(build) = service.get("build") else { continue };
            let context = build.as_str().or_else(|| build.get("context").and_then(Value::as_str)).unwrap_or(".");
            let file = build.get("dockerfile").and_then(Value::as_str).unwrap_or("Dockerfile");
            named.push(joined(&[home, context, file]));
        }
    }
    let used: Vec<(&str, &str)> =
        all.iter().filter(|(path, _)| named.iter().any(|named| named == path)).copied().collect();
    if used.is_empty() { all } else { used }
}

/// Parts of a path without `.`, with `..` resolved.
fn joined(parts: &[&str]) -> String {
    let mut path: Vec<&str> = Vec::new();
    for segment in parts.iter().flat_map(|part| part.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            segment => path.push(segment),
        }
    }
    path.join("/")
}

fn services(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let services = document.get("services").and_then(Value::as_mapping);
    services.into_iter().flatten().take(100).filter_map(|(name, service)| Some((name.as_str()?, service)))
}

fn instructions(text: &str) -> Vec<Instruction> {
    let mut found: Vec<Instruction> = Vec::new();
    let mut open = false;
    for (line, number) in text.lines().zip(1_u32..).take(2_000) {
        let plain = line.trim();
        if plain.is_empty() || plain.starts_with('#') {
            continue;
        }
        let continues = plain.ends_with('\\');
        let part = plain.trim_end_matches('\\').trim();
        match found.last_mut().filter(|_| open) {
            Some(last) if last.rest.len() < 20_000 => {
                last.rest.push(' ');
                last.rest.push_str(part);
            }
            Some(_) => {}
            None => {
                let (word, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
                found.push(Instruction { word: word.to_ascii_uppercase(), rest: rest.trim().to_owned(), line: number });
            }
        }
        open = continues;
    }
    found
}

/// Whether an image names a tag other than `latest`, or a digest. A variable is taken at its word.
fn has_tag(image: &str) -> bool {
    if image.contains('@') {
        return true;
    }
    let image = crate::env_text::fallback(image).unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.split_once(':') {
        Some((_, tag)) => !tag.is_empty() && tag != "latest" && !tag.ends_with(":-latest}"),
        None => image.contains('$'),
    }
}

/// The image of a `FROM`, without its options.
fn image_of(rest: &str) -> &str {
    rest.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or("")
}

fn pinned(path: &str, instructions: &[Instruction], broken: &mut Broken) {
    let mut stages: Vec<String> = Vec::new();
    let arguments: Vec<(&str, &str)> = instructions
        .iter()
        .filter(|instruction| instruction.word == "ARG")
        .filter_map(|instruction| instruction.rest.split_once('='))
        .collect();
    for instruction in instructions.iter().filter(|instruction| instruction.word == "FROM") {
        let mut image = image_of(&instruction.rest).to_owned();
        for (name, value) in &arguments {
            image = image.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
        }
        let known = stages.iter().any(|stage| stage.eq_ignore_ascii_case(&image)) || image == "scratch";
        if !known && !has_tag(&image) {
            broken.add(
                0.25,
                "an image without a fixed tag",
                Evidence::file(path, Some(instruction.line), format!("FROM {image}")),
            );
        }
        let mut words = instruction.rest.split_whitespace();
        if words.any(|word| word.eq_ignore_ascii_case("as")) {
            stages.extend(words.next().map(str::to_owned));
        }
    }
}

/// Follows the last stage down to its base, for the user that it ends with.
fn user(
    tree: &Tree<'_>,
    path: &str,
    instructions: &[Instruction],
    compose: &[(&str, &str, Value)],
    broken: &mut Broken,
) {
    let starts: Vec<usize> = (0..instructions.len()).filter(|at| instructions[*at].word == "FROM").collect();
    let Some(mut stage) = starts.len().checked_sub(1) else { return };
    let line = instructions[starts[stage]].line;
    for _ in 0..starts.len() {
        let end = starts.get(stage + 1).copied().unwrap_or(instructions.len());
        let own = &instructions[starts[stage]..end];
        if let Some(user) = own.iter().rev().find(|instruction| instruction.word == "USER") {
            let name = user.rest.split(':').next().unwrap_or("").trim_matches(['"', '\'']);
            if matches!(name, "root" | "0") {
                broken.add(
                    0.35,
                    "the process runs as root",
                    Evidence::file(path, Some(user.line), format!("USER {name}")),
                );
            }
            return;
        }
        let base = image_of(&own[0].rest);
        let named = (0..stage).find(|other| {
            let mut words = instructions[starts[*other]].rest.split_whitespace();
            words.any(|word| word.eq_ignore_ascii_case("as"))
                && words.next().is_some_and(|name| name.eq_ignore_ascii_case(base))
        });
        match named {
            Some(other) => stage = other,
            None => {
                if base.contains("nonroot")
                    || base.contains("unprivileged")
                    || base.contains("rootless")
                    || base.contains("chainguard")
                    || base.contains("ubi")
                {
                    return;
                }
                break;
            }
        }
    }
    let in_compose = compose.iter().any(|(_, _, document)| {
        services(document).any(|(_, service)| service.get("build").is_some() && service.get("user").is_some())
    });
    let steps_down = ["gosu ", "su-exec ", "setpriv ", "runuser ", "step-down", "chpst "].iter().any(|tool| {
        tree.texts
            .iter()
            .any(|(path, text)| (tree::extension(path) == "sh" || text.starts_with("#!")) && text.contains(tool))
    });
    if !in_compose && !steps_down {
        broken.add(0.35, "the process runs as root", Evidence::file(path, Some(line), "no USER in the last stage"));
    }
}

fn layers(tree: &Tree<'_>, path: &str, instructions: &[Instruction], broken: &mut Broken) {
    let home = path.rsplit_once('/').map_or("", |(home, _)| home);
    let ignore = [joined(&[home, ".dockerignore"]), ".dockerignore".to_owned(), format!("{path}.dockerignore")];
    let ignored = ignore.iter().find_map(|path| tree.text(path));
    for instruction in instructions {
        let copies = matches!(instruction.word.as_str(), "COPY" | "ADD") && !instruction.rest.contains("--from=");
        let sources: Vec<&str> = instruction.rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
        let sources = sources.split_last().map_or(&[][..], |(_, sources)| sources);
        if copies && ignored.is_none() && sources.iter().any(|source| matches!(*source, "." | "./" | "*")) {
            broken.add(
                0.10,
                "no .dockerignore",
                Evidence::file(
                    path,
                    Some(instruction.line),
                    format!("{} {} takes everything", instruction.word, instruction.rest),
                ),
            );
        }
        let secret_file = |source: &&str| {
            let name = file_name(source).to_ascii_lowercase();
            (name == ".env"
                || name.starts_with(".env.")
                || matches!(tree::extension(&name), "pem" | "key")
                || name.starts_with("id_rsa"))
                && !tree::is_example(source)
        };
        if copies && let Some(source) = sources.iter().find(|source| secret_file(source)) {
            broken.secret = true;
            broken.add(
                0.15,
                "a secret gets into a layer",
                Evidence::file(path, Some(instruction.line), format!("{} {source}", instruction.word)),
            );
        }
        if matches!(instruction.word.as_str(), "ENV" | "ARG") {
            for (name, value) in assignments(&instruction.rest) {
                let sensitive = names_secret(&name)
                    || ["PASSWORD", "API_KEY", "TOKEN"].iter().any(|word| name.to_ascii_uppercase().ends_with(word));
                if sensitive && !super::auth_secrets::is_placeholder(&value) && value.len() >= 6 {
                    broken.secret = true;
                    broken.add(
                        0.15,
                        "a secret gets into a layer",
                        Evidence::file(path, Some(instruction.line), format!("{} {name}=…", instruction.word)),
                    );
                }
            }
        }
    }
}

/// `A=b C="d"` and the older `A b`.
fn assignments(rest: &str) -> Vec<(String, String)> {
    let pairs: Vec<(String, String)> = rest
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect();
    if pairs.is_empty() {
        return rest
            .split_once(char::is_whitespace)
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .into_iter()
            .collect();
    }
    pairs
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    const GOOD: &str =
        "FROM python:3.12-slim AS base\nWORKDIR /a\nCOPY app app\nFROM base\nUSER app\nHEALTHCHECK CMD true\n";

    fn verdict(files: &[(&str, &str)]) -> (Verdict, String) {
        let finding = over(files, run);
        (finding.verdict, finding.actual)
    }

    #[test]
    fn careful_images_pass() {
        assert_eq!(verdict(&[("Dockerfile", GOOD)]).0, Verdict::Pass);
        let stepping = [
            ("Dockerfile", "ARG V=3\nFROM alpine:${V}\nENTRYPOINT [\"/e.sh\"]\nHEALTHCHECK CMD true"),
            ("e.sh", "exec su-exec app \"$@\""),
        ];
        assert_eq!(verdict(&stepping).0, Verdict::Pass);
        let composed = [
            (
                "Dockerfile",
                "FROM golang:1.23 AS build\nWORKDIR /src\nCOPY . .\nFROM gcr.io/distroless/static:nonroot\nCOPY --from=build /a /a\n",
            ),
            (".dockerignore", ".git"),
            (
                "compose.yaml",
                "services:\n  a:\n    build: .\n    healthcheck: {test: [CMD, /a]}\n  db:\n    image: postgres:16\n",
            ),
        ];
        assert_eq!(verdict(&composed), (Verdict::Pass, "all of it".to_owned()));
    }

    #[test]
    fn each_rule_alone_is_a_partial() {
        for (from, to, what) in [
            ("python:3.12-slim", "python", "an image without a fixed tag"),
            ("python:3.12-slim", "python:latest", "an image without a fixed tag"),
            ("USER app", "USER root", "the process runs as root"),
            ("USER app\n", "", "the process runs as root"),
            ("HEALTHCHECK CMD true\n", "", "no health check"),
            ("COPY app app", "COPY . .", "no .dockerignore"),
        ] {
            assert_eq!(
                verdict(&[("Dockerfile", &GOOD.replace(from, to))]),
                (Verdict::Partial, what.to_owned()),
                "{to}"
            );
        }
    }

    #[test]
    fn hadolints_rules_cost_a_quarter_at_the_most() {
        let shell = over(&[("Dockerfile", &format!("{GOOD}CMD python app.py\n"))], run);
        assert_eq!((shell.verdict, shell.fraction), (Verdict::Partial, 1.0 - WARNING));
        let many = "RUN cd /x && sudo apt install y\nADD a /a\nCMD a\nCMD b\nEXPOSE 99999\nMAINTAINER x\n";
        let many = over(&[("Dockerfile", &format!("{GOOD}{many}"))], run);
        assert!((many.fraction - (1.0 - ALL_RULES)).abs() < 1e-9, "{}", many.fraction);
    }

    #[test]
    fn a_secret_in_a_layer_fails() {
        for line in ["ENV JWT_SECRET=9tGc3eWq7Rv0sXyB", "COPY .env ./", "ARG DB_PASSWORD=9tGc3eWq7Rv0sXyB"] {
            assert_eq!(verdict(&[("Dockerfile", &format!("{GOOD}{line}\n"))]).0, Verdict::Fail, "{line}");
        }
        assert_eq!(
            verdict(&[("Dockerfile", &format!("{GOOD}ENV JWT_SECRET=changeme\nCOPY .env.example ./\n"))]).0,
            Verdict::Pass
        );
    }

    #[test]
    fn only_what_compose_builds_counts() {
        let files = [
            ("api/Dockerfile", GOOD),
            ("tools/Dockerfile", "FROM python"),
            ("compose.yaml", "services:\n  a:\n    build: {context: ./api}\n"),
        ];
        assert_eq!(verdict(&files).0, Verdict::Pass);
        assert_eq!(verdict(&[("src/a.py", "")]).0, Verdict::Fail);
    }
}
