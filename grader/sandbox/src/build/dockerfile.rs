//! Reads a Dockerfile before the engine does: which images it stands on, and whether it asks for what builds may not do.
//!
//! Also makes the text that is sent: the frontend of the engine is used whatever `# syntax=` says (another would be
//! a program of somebody's choosing, fetched unasked), and named contexts become stages.

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use parse_dockerfile::{Flag, Instruction, Source};

use super::variables::expand;
use crate::SandboxError;

/// What is known about a Dockerfile before it is read.
pub(super) struct Given<'a> {
    pub(super) service: &'a str,
    /// For messages.
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    pub(super) args: &'a IndexMap<String, String>,
    /// Named contexts and the stage that stands for each.
    pub(super) contexts: &'a IndexMap<String, String>,
    pub(super) target: Option<&'a str>,
}

/// A Dockerfile that may be built.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reviewed {
    pub(super) text: String,
    /// Images that the target needs, with the place that names each.
    pub(super) bases: Vec<(String, String)>,
}

struct Stage<'text, 'parsed> {
    name: Option<String>,
    base: String,
    line: usize,
    needs: Vec<(String, usize)>,
    instructions: &'parsed [Instruction<'text>],
}

pub(super) fn review(given: &Given<'_>) -> Result<Reviewed, SandboxError> {
    let unreadable = |line: usize, detail: String| SandboxError::Dockerfile {
        service: given.service.to_owned(),
        place: format!("{}:{line}", given.path),
        detail,
    };
    let body = without_syntax(given.text);
    let parsed = parse_dockerfile::parse(&body).map_err(|error| unreadable(1, error.to_string()))?;
    let line_of = |offset: usize| body[..offset.min(body.len())].matches('\n').count() + 1;

    let mut known: HashMap<String, String> = HashMap::new();
    for arg in parsed.global_args() {
        for (name, default) in arguments(&arg.arguments.value) {
            let value = given
                .args
                .get(&name)
                .cloned()
                .or_else(|| default.and_then(|text| expand(&text, &|name| known.get(name).cloned())));
            if let Some(value) = value {
                known.insert(name, value);
            }
        }
    }

    let mut stages: Vec<Stage<'_, '_>> = Vec::new();
    let mut first_from = None;
    for stage in parsed.stages() {
        let line = line_of(stage.from.from.span.start);
        first_from.get_or_insert(stage.from.from.span.start);
        let base = expand(&stage.from.image.value, &|name| known.get(name).cloned())
            .filter(|base| !base.is_empty())
            .ok_or_else(|| unreadable(line, format!("the image {:?} names nothing", stage.from.image.value)))?;
        let name = stage.from.as_.as_ref().map(|(_, name)| name.value.to_lowercase());
        stages.push(Stage { name, base, line, needs: Vec::new(), instructions: stage.instructions });
    }
    let Some(first_from) = first_from else {
        return Err(unreadable(1, "there is no FROM".to_owned()));
    };
    for stage in &mut stages {
        for instruction in stage.instructions {
            inspect(given, instruction, &mut stage.needs, &line_of)?;
        }
    }
    let bases = bases(given, &stages)?;
    Ok(Reviewed { text: with_contexts(&body, first_from, given.contexts), bases })
}

/// Refuses what builds may not do, and notes what else an instruction takes from.
fn inspect(
    given: &Given<'_>,
    instruction: &Instruction<'_>,
    needs: &mut Vec<(String, usize)>,
    line_of: &dyn Fn(usize) -> usize,
) -> Result<(), SandboxError> {
    let refused = |offset: usize, what: String| SandboxError::BuildRefused {
        service: given.service.to_owned(),
        place: format!("{}:{}", given.path, line_of(offset)),
        what,
    };
    match instruction {
        Instruction::Add(add) => {
            for source in &add.src {
                let Source::Path(path) = source else { continue };
                let text = path.value.as_ref();
                if text.contains("://") || names_a_host(text) {
                    return Err(refused(path.span.start, format!("ADD fetches {text} from the network")));
                }
                if text.contains('$') {
                    return Err(refused(
                        path.span.start,
                        format!("ADD takes {text}, which could be any place; use COPY"),
                    ));
                }
            }
            take_from(&add.options, needs, line_of);
        }
        Instruction::Copy(copy) => take_from(&copy.options, needs, line_of),
        Instruction::Run(run) => {
            for option in &run.options {
                let value = option.value.as_ref().map_or("", |value| value.value.as_ref());
                match option.name.value.as_ref() {
                    "security" if value != "sandbox" => {
                        return Err(refused(
                            option.span().start,
                            "RUN asks for more rights than builds have".to_owned(),
                        ));
                    }
                    "network" if value == "host" => {
                        return Err(refused(option.span().start, "RUN asks for the host's network".to_owned()));
                    }
                    "device" => return Err(refused(option.span().start, "RUN asks for a device".to_owned())),
                    "mount" => {
                        // The builder reads this as CSV, where any field may be quoted, and keys in any case.
                        let fields = value.split(',').filter_map(|field| {
                            let (key, value) = field.trim_matches('"').split_once('=')?;
                            Some((key.trim().to_lowercase(), value.trim().trim_matches('"')))
                        });
                        for (key, value) in fields {
                            match key.as_str() {
                                "type" if value.eq_ignore_ascii_case("ssh") => {
                                    return Err(refused(option.span().start, "RUN asks for an SSH agent".to_owned()));
                                }
                                "from" => needs.push((value.to_owned(), line_of(option.span().start))),
                                _ => {}
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        Instruction::Onbuild(onbuild) => inspect(given, &onbuild.instruction, needs, line_of)?,
        _ => {}
    }
    Ok(())
}

/// `USER@HOST:PATH`, which the builder clones by ssh.
fn names_a_host(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, rest)| !user.contains('/') && rest.contains(':'))
}

fn take_from(options: &[Flag<'_>], needs: &mut Vec<(String, usize)>, line_of: &dyn Fn(usize) -> usize) {
    for option in options.iter().filter(|option| option.name.value == "from") {
        if let Some(value) = &option.value {
            needs.push((value.value.to_string(), line_of(option.span().start)));
        }
    }
}

/// The images that the target stands on or takes from, without stages and contexts.
fn bases(given: &Given<'_>, stages: &[Stage<'_, '_>]) -> Result<Vec<(String, String)>, SandboxError> {
    // A stage knows those before it, by name or number.
    let stage_of = |name: &str, before: usize| {
        let lower = name.to_lowercase();
        let by_name = stages[..before].iter().rposition(|stage| stage.name.as_ref() == Some(&lower));
        by_name.or_else(|| name.parse().ok().filter(|number| *number < before))
    };
    let target = match given.target {
        None => stages.len() - 1,
        Some(target) => stage_of(target, stages.len()).ok_or_else(|| SandboxError::Dockerfile {
            service: given.service.to_owned(),
            place: given.path.to_owned(),
            detail: format!("there is no stage named {target}"),
        })?,
    };
    let mut images: IndexMap<String, String> = IndexMap::new();
    let mut open = vec![target];
    let mut seen = BTreeSet::new();
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        let stage = &stages[at];
        let from_base = std::iter::once((stage.base.clone(), stage.line, false));
        let from_needs = stage.needs.iter().map(|(name, line)| (name.clone(), *line, true));
        for (name, line, by_number) in from_base.chain(from_needs) {
            let number = name.parse::<usize>().is_ok();
            if number && by_number && !given.contexts.is_empty() {
                // Contexts become stages before the first, which would count them.
                return Err(SandboxError::Unsupported {
                    service: given.service.to_owned(),
                    what: "a stage named by its number beside additional contexts".to_owned(),
                });
            }
            match stage_of(&name, at).filter(|_| by_number || !number) {
                Some(other) => open.push(other),
                None if given.contexts.contains_key(&name) || name == "scratch" || name == "context" => {}
                None => {
                    images.entry(name).or_insert_with(|| format!("{}:{line}", given.path));
                }
            }
        }
    }
    Ok(images.into_iter().collect())
}

/// `NAME=default NAME` of an ARG.
fn arguments(text: &str) -> Vec<(String, Option<String>)> {
    let unquoted = |text: &str| text.trim_matches(|c| c == '"' || c == '\'').to_owned();
    text.split_whitespace()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(unquoted(value))),
            None => (word.to_owned(), None),
        })
        .collect()
}

/// The text with no say in which frontend reads it, and with as many lines as before.
fn without_syntax(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Other spellings of the directive stand in what is no Dockerfile to the engine's own frontend.
    if text.trim_start().starts_with(['/', '{']) {
        return format!("#\n{text}");
    }
    // Directives end at the first line that is none, so a dropped one is made up for after the last.
    let mut kept = String::new();
    let mut dropped = 0;
    let mut rest = text;
    while let Some(end) = rest.find('\n') {
        let line = &rest[..end];
        let Some((name, _)) = line.trim().strip_prefix('#').and_then(|directive| directive.split_once('=')) else {
            break;
        };
        if !name.trim().bytes().all(|b| b.is_ascii_alphanumeric()) || name.trim().is_empty() {
            break;
        }
        if name.trim().eq_ignore_ascii_case("syntax") {
            dropped += 1;
        } else {
            kept.push_str(&rest[..=end]);
        }
        rest = &rest[end + 1..];
    }
    format!("{kept}{}{rest}", "#\n".repeat(dropped))
}

fn with_contexts(body: &str, first_from: usize, contexts: &IndexMap<String, String>) -> String {
    let stages: String = contexts.values().map(|stage| format!("{stage}\n")).collect();
    format!("{}{stages}{}", &body[..first_from], &body[first_from..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, target: Option<&str>) -> Result<Reviewed, SandboxError> {
        let args = IndexMap::from([("VERSION".to_owned(), "3.12".to_owned())]);
        let contexts = IndexMap::from([("shared".to_owned(), "FROM scratch AS shared".to_owned())]);
        review(&Given { service: "api", path: "Dockerfile", text, args: &args, contexts: &contexts, target })
    }

    fn names(text: &str, target: Option<&str>) -> Vec<String> {
        read(text, target).unwrap().bases.into_iter().map(|(image, _)| image).collect()
    }

    #[test]
    fn bases_are_those_that_the_target_needs() {
        let text = "ARG VERSION=3.11\nARG NODE=20\nFROM node:${NODE} AS web\nRUN true\n\
                    FROM golang:1.22 AS unused\nFROM python:$VERSION-slim\nCOPY --from=web /a /b\n\
                    COPY --from=shared / /s\nRUN --mount=type=bind,from=busybox:1,target=/x true\n";
        assert_eq!(names(text, None), ["python:3.12-slim", "busybox:1", "node:20"]);
        assert_eq!(names(text, Some("web")), ["node:20"]);
        assert!(matches!(read(text, Some("nothing")), Err(SandboxError::Dockerfile { .. })));
    }

    #[test]
    fn a_mount_s_image_is_found_however_it_is_spelt() {
        for mount in [
            "type=bind,from=evil/image",
            "type=bind,\"from=evil/image\"",
            "FROM=evil/image,type=bind",
            "type=bind,from=\"evil/image\"",
        ] {
            let text = format!("FROM debian\nRUN --mount={mount},target=/x true\n");
            assert_eq!(names(&text, None), ["debian", "evil/image"], "{mount}");
        }
    }

    #[test]
    fn a_frontend_of_the_submissions_choice_is_not_used() {
        let read = |text| read(text, None).unwrap().text;
        let sent = read("# syntax=evil/frontend\n# escape=`\nFROM debian\n");
        assert!(!sent.contains("evil"), "{sent}");
        assert!(sent.starts_with("# escape=`\n#\n"), "{sent}");
        assert_eq!(read("# a comment\nFROM debian\n").lines().next(), Some("# a comment"));
    }

    #[test]
    fn what_builds_may_not_do_is_refused_with_its_line() {
        for (line, word) in [
            ("ADD https://example.org/x /x", "network"),
            ("ADD git@example.org:a/b /x", "network"),
            ("ADD someone@example.org:a/b /x", "network"),
            ("ADD [\"https://example.org/x\", \"/x\"]", "network"),
            ("ADD --checksum=sha256:00 HTTPS://example.org/x /x", "network"),
            ("ADD $PLACE /x", "any place"),
            ("RUN --network=host true", "host"),
            ("RUN --security=insecure true", "rights"),
            ("RUN --mount=type=ssh true", "SSH"),
            ("RUN --mount=\"Type=SSH\",id=default true", "SSH"),
            ("ONBUILD ADD https://example.org/x /x", "network"),
        ] {
            match read(&format!("FROM debian\n{line}\n"), None) {
                Err(SandboxError::BuildRefused { place, what, .. }) => {
                    assert_eq!(place, "Dockerfile:2");
                    assert!(what.contains(word), "{what}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
        assert!(read("FROM debian\nADD app.tar.gz /x\nRUN --mount=type=cache,target=/c true\n", None).is_ok());
    }

    #[test]
    fn what_is_no_dockerfile_is_the_candidates_fault() {
        for text in ["", "RUN true\n", "FROM\n", "FROM ${NOTHING}\n", "FROM debian\nNONSENSE x\n"] {
            assert!(matches!(read(text, None), Err(SandboxError::Dockerfile { .. })), "{text:?}");
        }
    }
}
