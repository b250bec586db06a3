//! Rules over the instructions of a Dockerfile, by the names under which hadolint keeps them.
//!
//! Taken are hadolint's errors and those of its warnings that say something of the image. Left out are pinned versions of
//! a distribution's packages (DL3008, DL3018): distributions take old versions away, so that pins break builds; and what
//! hadolint itself only remarks on (`info`, `style`).

use super::Instruction;

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    /// As hadolint names it.
    pub(super) rule: &'static str,
    pub(super) says: &'static str,
    /// Whether hadolint calls it an error rather than a warning.
    pub(super) is_error: bool,
    pub(super) line: u32,
}

/// Every rule that a Dockerfile breaks, each at its first place.
pub(super) fn breaches(instructions: &[Instruction]) -> Vec<Breach> {
    let mut found: Vec<Breach> = Vec::new();
    let mut add = |rule: &'static str, says: &'static str, is_error: bool, line: u32| {
        if !found.iter().any(|known| known.rule == rule) {
            found.push(Breach { rule, says, is_error, line });
        }
    };
    // Named stages, and whether each has a WORKDIR.
    let mut stages: Vec<(String, bool)> = Vec::new();
    let mut current: Option<String> = None;
    let mut workdir = false;
    let mut seen: Vec<&str> = Vec::new();
    for instruction in instructions {
        let (rest, line) = (instruction.rest.as_str(), instruction.line);
        match instruction.word.as_str() {
            "FROM" => {
                seen.clear();
                stages.extend(current.take().map(|name| (name, workdir)));
                // A stage that goes on from another one keeps its folder.
                let base = rest.split_whitespace().find(|word| !word.starts_with("--")).unwrap_or("");
                workdir = stages.iter().any(|(stage, has)| *has && stage == base);
                let mut words = rest.split_whitespace();
                if words.any(|word| word.eq_ignore_ascii_case("as"))
                    && let Some(name) = words.next()
                {
                    if stages.iter().any(|(stage, _)| stage == name) {
                        add("DL3024", "two stages have one name", true, line);
                    }
                    current = Some(name.to_owned());
                }
            }
            "MAINTAINER" => add("DL4000", "MAINTAINER is deprecated", true, line),
            "WORKDIR" => {
                workdir = true;
                let path = rest.trim_matches(['"', '\'']);
                if !path.starts_with(['/', '$']) && !path.contains(':') {
                    add("DL3000", "WORKDIR is not absolute", true, line);
                }
            }
            "EXPOSE" => {
                let ports = rest.split_whitespace().filter_map(|port| port.split('/').next()?.parse::<u64>().ok());
                if ports.into_iter().any(|port| port > 65_535) {
                    add("DL3011", "EXPOSE names no port", true, line);
                }
            }
            "HEALTHCHECK" if seen.contains(&"HEALTHCHECK") => add("DL3012", "several health checks", true, line),
            "CMD" | "ENTRYPOINT" => {
                let again = seen.contains(&instruction.word.as_str());
                if again && instruction.word == "CMD" {
                    add("DL4003", "several CMDs, of which the last one counts", false, line);
                } else if again {
                    add("DL4004", "several ENTRYPOINTs, of which the last one counts", true, line);
                }
                if !rest.starts_with('[') {
                    add("DL3025", "the command runs in a shell, which keeps signals from it", false, line);
                }
            }
            "ADD" => {
                let sources: Vec<&str> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
                let special = |source: &&str| {
                    source.contains("://")
                        || source.starts_with("git@")
                        || [".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".zip"].iter().any(|end| source.contains(end))
                        || source.starts_with("<<")
                };
                if sources.split_last().is_some_and(|(_, sources)| !sources.iter().any(special)) {
                    add("DL3020", "ADD where COPY does", true, line);
                }
            }
            "COPY" => {
                let words: Vec<&str> = rest.split_whitespace().filter(|word| !word.starts_with("--")).collect();
                if let Some((target, sources)) = words.split_last()
                    && !rest.starts_with('[')
                {
                    let folder = target.ends_with('/') || matches!(*target, "." | "..") || target.contains('$');
                    if sources.len() > 1 && !folder {
                        add("DL3021", "several sources are copied to what is no folder", true, line);
                    }
                    if !workdir && !target.starts_with(['/', '$']) && !target.contains(':') {
                        add("DL3045", "COPY to a relative place without a WORKDIR", false, line);
                    }
                }
            }
            "RUN" => run(rest, line, &mut add),
            _ => {}
        }
        if let Some(word) = ["CMD", "ENTRYPOINT", "HEALTHCHECK"].into_iter().find(|word| instruction.word == *word) {
            seen.push(word);
        }
    }
    found
}

fn run(rest: &str, line: u32, add: &mut impl FnMut(&'static str, &'static str, bool, u32)) {
    // Options of the instruction itself, such as a cache mount.
    let cached = rest.contains("--mount=type=cache");
    for command in rest.split("&&").flat_map(|part| part.split([';', '|'])) {
        let words: Vec<&str> = command
            .split_whitespace()
            .skip_while(|word| {
                word.starts_with("--") || word.contains('=') || matches!(*word, "set" | "-e" | "-x" | "-eux")
            })
            .collect();
        let Some((tool, rest)) = words.split_first() else { continue };
        let has = |wanted: &[&str]| rest.iter().any(|word| wanted.contains(word));
        let named = || rest.iter().skip_while(|word| !matches!(**word, "install" | "add" | "i")).skip(1);
        let plain = || named().filter(|word| !word.starts_with('-') && !word.contains('$'));
        match *tool {
            "sudo" => add("DL3004", "sudo in an image", true, line),
            "cd" => add("DL3003", "cd where WORKDIR does", false, line),
            "apt" => add("DL3027", "apt is for people; scripts use apt-get", false, line),
            "apt-get"
                if has(&["install"]) && !has(&["-y", "--yes", "-qy", "-yq", "-qqy", "-yqq", "--assume-yes", "-qq"]) =>
            {
                add("DL3014", "apt-get install asks back", false, line);
            }
            "pip" | "pip3" if has(&["install"]) => pip(rest, cached, line, add),
            "python" | "python3" if rest.starts_with(&["-m", "pip", "install"]) => pip(&rest[2..], cached, line, add),
            "npm" if has(&["install", "i", "add"]) => {
                let unpinned = |word: &&&str| {
                    !(word.trim_start_matches('@').contains('@')
                        || word.starts_with(['.', '/'])
                        || word.contains("://"))
                };
                if plain().any(|word| unpinned(&word)) {
                    add("DL3016", "npm packages without a version", false, line);
                }
            }
            "gem"
                if has(&["install"])
                    && !rest.iter().any(|word| word.contains(':') || *word == "-v" || *word == "--version") =>
            {
                add("DL3028", "gems without a version", false, line);
            }
            _ => {}
        }
    }
}

fn pip(rest: &[&str], cached: bool, line: u32, add: &mut impl FnMut(&'static str, &'static str, bool, u32)) {
    let from_list = rest.iter().any(|word| {
        matches!(*word, "-r" | "--requirement" | "-c" | "--constraint" | "-e") || word.starts_with("--requirement=")
    });
    let packages = rest.iter().skip(1).filter(|word| !word.starts_with('-') && !word.contains('$'));
    let pinned = |word: &&str| {
        word.contains("==")
            || word.contains('@')
            || word.starts_with(['.', '/'])
            || word.contains(".whl")
            || word.contains("://")
    };
    // Upgrading the installer itself pins nothing of the program.
    let own = |word: &&str| matches!(*word, "pip" | "setuptools" | "wheel" | "install");
    if !from_list && packages.into_iter().any(|word| !pinned(word) && !own(word)) {
        add("DL3013", "pip packages without a version", false, line);
    }
    if !cached && !rest.contains(&"--no-cache-dir") {
        add("DL3042", "pip's cache stays in the image", false, line);
    }
}

#[cfg(test)]
mod tests {
    use super::super::instructions;
    use super::*;

    fn rules(text: &str) -> Vec<&'static str> {
        breaches(&instructions(text)).into_iter().map(|breach| breach.rule).collect()
    }

    /// Each line was given to hadolint 2.15.1, which names the same rule.
    #[test]
    fn broken_rules_have_hadolints_names() {
        for (text, rule) in [
            ("FROM a:1\nWORKDIR app", "DL3000"),
            ("FROM a:1\nRUN cd /x && ls", "DL3003"),
            ("FROM a:1\nRUN sudo ls", "DL3004"),
            ("FROM a:1\nEXPOSE 80000", "DL3011"),
            ("FROM a:1\nHEALTHCHECK CMD a\nHEALTHCHECK CMD b", "DL3012"),
            ("FROM a:1\nRUN pip install --no-cache-dir flask", "DL3013"),
            ("FROM a:1\nRUN apt-get update && apt-get install curl=1", "DL3014"),
            ("FROM a:1\nRUN npm install -g pm2", "DL3016"),
            ("FROM a:1\nADD app /app", "DL3020"),
            ("FROM a:1\nWORKDIR /a\nCOPY a b c", "DL3021"),
            ("FROM a:1 AS x\nFROM b:1 AS x", "DL3024"),
            ("FROM a:1\nCMD npm start", "DL3025"),
            ("FROM a:1\nRUN apt install -y curl=1", "DL3027"),
            ("FROM a:1\nRUN gem install rails", "DL3028"),
            ("FROM a:1\nRUN pip install -r requirements.txt", "DL3042"),
            ("FROM a:1\nCOPY a b", "DL3045"),
            ("FROM a:1\nMAINTAINER x", "DL4000"),
            ("FROM a:1\nCMD [\"a\"]\nCMD [\"b\"]", "DL4003"),
            ("FROM a:1\nENTRYPOINT [\"a\"]\nENTRYPOINT [\"b\"]", "DL4004"),
        ] {
            assert!(rules(text).contains(&rule), "{rule}: {:?}", rules(text));
        }
    }

    #[test]
    fn careful_files_break_none() {
        for text in [
            "FROM a:1 AS base\nWORKDIR /srv\nFROM base AS next\nCOPY a.txt .\nCOPY a b ./\nRUN pip install --no-cache-dir -r a.txt\nCMD [\"a\"]\n",
            "FROM a:1\nADD https://a.example/x.tar.gz /x\nRUN npm ci && npm run build\nRUN --mount=type=cache,target=/c pip install -r a.txt\n",
            "FROM a:1\nRUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*\nWORKDIR $HOME\nENTRYPOINT [\"/e.sh\"]\nCMD [\"b\"]\n",
        ] {
            assert_eq!(rules(text), Vec::<&str>::new(), "{text}");
        }
    }
}
