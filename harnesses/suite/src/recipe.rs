//! The image that tests run in: the submission's own Dockerfile up to the stage that fits, and a build step of ours.
//!
//! Only text is made here. What comes of it is read and built by the sandbox like any Dockerfile of a submission.

use regex::Regex;

use crate::lint;
use crate::stack::Stack;

/// The name of the build context that holds the project's root as it is in the tree, whatever `.dockerignore` says.
pub const TREE: &str = "grader-tree";

/// The name of the stage of ours.
const STAGE: &str = "grader-suite";

/// Where the project goes in an image of ours.
const HOME: &str = "/srv/project";

/// A Dockerfile for the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    pub dockerfile: String,
    pub target: String,
    /// Whether it stands on the submission's own Dockerfile.
    pub own: bool,
}

struct Stage {
    name: Option<String>,
    base: String,
    /// Where its `FROM` line ends in the text.
    end: usize,
    has_home: bool,
}

/// The recipe for a stack. `dockerfile` is the submission's, with the stage that its compose file builds.
pub fn recipe(stack: &Stack, dockerfile: Option<(&str, Option<&str>)>) -> Recipe {
    let own = dockerfile.and_then(|(text, target)| {
        let stages = stages(text);
        let at = choose(stack, &stages, target)?;
        Some((text, stages, at))
    });
    let mut made = match &own {
        Some((text, stages, at)) => {
            let (name, text) = match &stages[*at].name {
                Some(name) => (name.clone(), (*text).to_owned()),
                // A stage without a name gets one of ours.
                None => {
                    let (before, after) = text.split_at(stages[*at].end);
                    (format!("{STAGE}-base"), format!("{before} AS {STAGE}-base{after}"))
                }
            };
            let home = if has_home(stages, *at) { String::new() } else { format!("WORKDIR {HOME}\n") };
            format!("{}\n\nFROM {name} AS {STAGE}\nUSER root\n{home}", text.trim_end())
        }
        None => format!("FROM {} AS {STAGE}\nUSER root\nWORKDIR {HOME}\n", stack.image.otherwise),
    };
    made.push_str(&format!("COPY --from={TREE} / ./\n"));
    let linters: Vec<&str> = lint::installs(stack.family).collect();
    for line in stack.install.iter().map(String::as_str).chain(linters) {
        // A list of words: neither the builder nor another shell of the submission's choice reads the line.
        let words = serde_json::to_string(&["sh", "-c", line]).unwrap_or_default();
        made.push_str(&format!("RUN {words}\n"));
    }
    Recipe { dockerfile: made, target: STAGE.to_owned(), own: own.is_some() }
}

fn stages(text: &str) -> Vec<Stage> {
    // The literals are well formed.
    let Ok(from) = Regex::new(r"(?mi)^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?") else {
        return Vec::new();
    };
    let Ok(home) = Regex::new(r"(?mi)^[ \t]*WORKDIR[ \t]+\S") else { return Vec::new() };
    let starts: Vec<usize> = from.find_iter(text).map(|found| found.start()).chain([text.len()]).collect();
    from.captures_iter(text)
        .enumerate()
        .map(|(at, found)| Stage {
            base: found[1].to_lowercase(),
            name: found.get(2).map(|name| name.as_str().to_lowercase()),
            end: found.get(0).map_or(0, |whole| whole.end()),
            has_home: text.get(starts[at]..starts[at + 1]).is_some_and(|body| home.is_match(body)),
        })
        .collect()
}

/// The earlier stage that a stage stands on.
fn parent(stages: &[Stage], at: usize) -> Option<usize> {
    stages[..at].iter().rposition(|stage| stage.name.as_ref() == Some(&stages[at].base))
}

fn has_home(stages: &[Stage], at: usize) -> bool {
    stages[at].has_home || parent(stages, at).is_some_and(|below| has_home(stages, below))
}

fn image(stages: &[Stage], at: usize) -> &str {
    match parent(stages, at) {
        Some(below) => image(stages, below),
        None => &stages[at].base,
    }
}

/// The stage to run tests in, among those whose image has the runner's language: one that says that it is for tests, one
/// for development, what the compose file builds, and else the last one, which is where the program is built.
fn choose(stack: &Stack, stages: &[Stage], target: Option<&str>) -> Option<usize> {
    let fits = |at: &usize| {
        let image = image(stages, *at);
        let name = image.rsplit('/').next().unwrap_or(image);
        let name = name.split(['@', ':']).next().unwrap_or(name);
        stack.image.words.iter().any(|word| name.contains(word.as_str()))
            // `alpine` and such say nothing, and a Java runtime has no compiler.
            && !(stack.compiled && image.contains("jre"))
    };
    let fitting: Vec<usize> = (0..stages.len()).filter(fits).collect();
    let named = |words: &[&str]| {
        fitting.iter().copied().find(|at| stages[*at].name.as_deref().is_some_and(|name| words.contains(&name)))
    };
    let target = target.map(str::to_lowercase);
    let wanted = match &target {
        Some(target) => stages.iter().position(|stage| stage.name.as_ref() == Some(target)),
        None => stages.len().checked_sub(1),
    };
    named(&["test", "tests", "testing", "ci"])
        .or_else(|| named(&["dev", "development", "develop"]))
        .or_else(|| wanted.filter(|at| fitting.contains(at)))
        .or_else(|| fitting.last().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::stacks;

    fn stack(id: &str) -> Stack {
        stacks().unwrap().into_iter().find(|stack| stack.id == id).unwrap()
    }

    fn stands_on(id: &str, text: &str, target: Option<&str>) -> String {
        let made = recipe(&stack(id), Some((text, target)));
        let line = made.dockerfile.lines().find(|line| line.ends_with("AS grader-suite")).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    }

    #[test]
    fn the_stage_for_tests_is_preferred() {
        let text = "FROM python:3.11-slim AS base\nWORKDIR /srv\nFROM base AS test\nFROM base AS runtime\n";
        assert_eq!(stands_on("pytest", text, None), "test");
        assert_eq!(stands_on("pytest", &text.replace("AS test", "AS deps"), None), "runtime");
    }

    #[test]
    fn a_stage_without_the_language_is_passed_over() {
        let text = "FROM golang:1.22 AS build\nWORKDIR /src\nFROM alpine:3.20\nCOPY --from=build /a /a\n";
        assert_eq!(stands_on("go", text, None), "build");
        assert_eq!(stands_on("go", "FROM scratch\n", None), "golang:1.22");
    }

    #[test]
    fn a_stage_without_a_name_gets_one() {
        let made = recipe(&stack("vitest"), Some(("FROM node:20 AS build\nFROM node:20-slim\nUSER node\n", None)));
        assert!(made.own);
        assert!(made.dockerfile.contains("FROM node:20-slim AS grader-suite-base\nUSER node"), "{}", made.dockerfile);
        assert!(made.dockerfile.contains("FROM grader-suite-base AS grader-suite\nUSER root\nWORKDIR /srv/project\n"));
    }

    #[test]
    fn a_folder_of_the_submissions_is_kept() {
        let made = recipe(&stack("pytest"), Some(("FROM python:3.11\nWORKDIR /code\n", None)));
        assert!(!made.dockerfile.contains(HOME), "{}", made.dockerfile);
        assert!(made.dockerfile.contains("COPY --from=grader-tree / ./\nRUN [\"sh\",\"-c\","));
    }

    #[test]
    fn without_a_dockerfile_the_stacks_own_image_is_taken() {
        let made = recipe(&stack("rspec"), None);
        assert!(made.dockerfile.starts_with("FROM ruby:3.2 AS grader-suite\n"));
        assert!(!made.own);
    }
}
