//! Commands that a README tells to run: whether the scripts, targets, services and files that they name exist.

use harness_kit::{Claim, ClaimKind};

use super::{Known, Line, claim};
use crate::tree;

/// Commands of the README that can be checked.
pub(super) fn claims(known: &Known<'_>, lines: &[Line<'_>]) -> Vec<Claim> {
    let cloned = lines.iter().any(|line| line.text.contains("git clone") || line.text.contains("unzip "));
    let mut found = Vec::new();
    let mut continued = String::new();
    for line in lines {
        if line.is_shell() {
            let text = line.text.trim();
            if let Some(open) = text.strip_suffix('\\') {
                if continued.len() < 4_000 {
                    continued.push_str(open);
                }
                continue;
            }
            let whole = std::mem::take(&mut continued) + text;
            parts(&whole).for_each(|part| found.extend(check(known, part, line.number, cloned)));
        } else if line.block.is_none() {
            // In prose only what is plainly a command: several words, the first one a tool.
            for span in line.spans().filter(|span| span.contains(' ')) {
                parts(span).for_each(|part| found.extend(check(known, part, line.number, cloned)));
            }
        }
    }
    found
}

/// Single commands of a line, without prompts, comments, assignments and wrappers.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    let line = line.trim().trim_start_matches(['$', '>', '%']).trim();
    let line = if line.starts_with('#') { "" } else { line.split(" #").next().unwrap_or(line) };
    line.split("&&").flat_map(|part| part.split([';', '|'])).map(str::trim).filter(|part| !part.is_empty())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
    })
}

fn check(known: &Known<'_>, command: &str, line: u32, cloned: bool) -> Option<Claim> {
    let words: Vec<&str> = command
        .split_whitespace()
        .skip_while(|word| {
            is_assignment(word)
                || matches!(*word, "sudo" | "time" | "exec" | "env" | "poetry" | "uv" | "run" | "pipenv")
        })
        .take(60)
        .collect();
    let (tool, rest) = words.split_first()?;
    let unclear = |word: &&str| word.contains(['<', '{', '*', '$', '[', '…']) || word.contains("...");
    if rest.iter().any(unclear) && !matches!(*tool, "docker" | "docker-compose") {
        return None;
    }
    let wrong = match *tool {
        "npm" | "pnpm" | "yarn" | "bun" => package(known, tool, rest)?,
        "make" => target(known, rest, &["Makefile", "makefile", "GNUmakefile"], "Makefile")?,
        "just" => target(known, rest, &["justfile", "Justfile", ".justfile"], "justfile")?,
        "docker" if rest.first() == Some(&"compose") => compose(known, &rest[1..])?,
        "docker-compose" => compose(known, rest)?,
        "docker" if rest.first() == Some(&"build") => docker_build(known, rest)?,
        "pip" | "pip3" => pip(known, rest)?,
        "python" | "python3" | "py" => python(known, rest)?,
        "pytest" => pytest(known, rest)?,
        "uvicorn" | "gunicorn" | "hypercorn" => application(known, rest)?,
        "alembic" => needs(known, &["alembic.ini", "pyproject.toml"], "alembic.ini"),
        "node" | "ts-node" | "tsx" | "bash" | "sh" => script(known, rest)?,
        "go" => go(known, rest)?,
        "cargo" => needs(known, &["Cargo.toml"], "Cargo.toml"),
        "mvn" => needs(known, &["pom.xml"], "pom.xml"),
        "gradle" => needs(known, &["build.gradle", "build.gradle.kts"], "build.gradle"),
        "composer" => needs(known, &["composer.json"], "composer.json"),
        "bundle" => needs(known, &["Gemfile"], "Gemfile"),
        "php" if rest.first() == Some(&"artisan") => needs(known, &["artisan"], "artisan"),
        "cp" => copy(known, rest)?,
        "cd" => folder(known, rest, cloned)?,
        own if own.starts_with("./") => file(known, own)?,
        _ => return None,
    };
    Some(claim(ClaimKind::Command, command, line, wrong))
}

/// `Some(None)` when the command is right, `Some(Some(why))` when it cannot work, `None` when nobody can tell.
type Checked = Option<Option<String>>;

fn needs(known: &Known<'_>, names: &[&str], wanted: &str) -> Option<String> {
    (!known.has_file_named(names)).then(|| format!("there is no {wanted}"))
}

fn file(known: &Known<'_>, path: &str) -> Checked {
    if known.is_made(path) || path.starts_with(['/', '~']) || path.contains("://") {
        return None;
    }
    Some((!known.has(path)).then(|| format!("there is no {}", tree::excerpt(path))))
}

fn package(known: &Known<'_>, tool: &str, rest: &[&str]) -> Checked {
    if let Some(missing) = needs(known, &["package.json"], "package.json") {
        return Some(Some(missing));
    }
    // Another folder's package, or a workspace's: any script of the tree will do.
    let mut words = rest.iter().filter(|word| !word.starts_with('-'));
    let first = *words.next()?;
    let script = match (tool, first) {
        (_, "run" | "run-script") => *words.next()?,
        ("npm", "start" | "test" | "t") => {
            if first == "t" {
                "test"
            } else {
                first
            }
        }
        ("npm", "stop" | "restart") => first,
        ("npm", _) => return Some(None),
        // Their own commands come before scripts of the same name.
        (
            _,
            "install" | "i" | "add" | "remove" | "init" | "create" | "dlx" | "exec" | "x" | "why" | "up" | "upgrade",
        ) => {
            return Some(None);
        }
        (_, "dev" | "start" | "test" | "build" | "lint" | "serve" | "migrate" | "seed") if tool != "bun" => first,
        _ => return None,
    };
    let has = known.scripts.contains(script) || script == "start" && known.has_file_named(&["server.js"]);
    Some((!has).then(|| format!("no package.json has a script `{}`", tree::excerpt(script))))
}

fn target(known: &Known<'_>, rest: &[&str], names: &[&str], wanted: &str) -> Checked {
    let files: Vec<&str> =
        known.texts.iter().filter(|(path, _)| names.contains(&tree::file_name(path))).map(|(_, text)| *text).collect();
    if files.is_empty() {
        return Some(Some(format!("there is no {wanted}")));
    }
    let target = rest.iter().find(|word| !word.starts_with('-') && !word.contains('='))?;
    let has = files.iter().any(|text| {
        text.lines().any(|line| {
            let begins = line.trim_start_matches('@').split(':').next().unwrap_or("");
            let words = begins.split_whitespace();
            line.contains(':') && !line.starts_with(['\t', '#']) && words.into_iter().any(|word| word == *target)
        })
    });
    let elsewhere =
        files.iter().any(|text| text.lines().any(|line| line.starts_with("include ") || line.contains('%')));
    match (has, elsewhere) {
        (true, _) => Some(None),
        (false, true) => None,
        (false, false) => Some(Some(format!("the {wanted} has no target `{}`", tree::excerpt(target)))),
    }
}

/// Options of `docker compose` that take a value.
const VALUED: &[&str] = &[
    "-f",
    "--file",
    "-p",
    "--project-name",
    "--profile",
    "--env-file",
    "-e",
    "--env",
    "-u",
    "--user",
    "-w",
    "--workdir",
    "--entrypoint",
    "--name",
    "--publish",
    "-v",
    "--volume",
    "--index",
    "--tail",
    "-n",
    "--since",
    "--scale",
    "-t",
    "--timeout",
];

fn compose(known: &Known<'_>, rest: &[&str]) -> Checked {
    if known.compose.is_empty() {
        return Some(Some("there is no compose file".to_owned()));
    }
    let mut words = rest.iter();
    let mut command = "";
    let mut service = None;
    while let Some(word) = words.next() {
        if VALUED.contains(word) && !(command == "run" && *word == "-t") {
            let value = *words.next()?;
            match *word {
                "-f" | "--file" if command.is_empty() && !value.contains('$') => {
                    if let Some(wrong) = file(known, value)? {
                        return Some(Some(wrong));
                    }
                }
                "--profile" if !known.compose.iter().any(|(_, text, _)| text.contains(value)) => {
                    return Some(Some(format!("no service has the profile `{}`", tree::excerpt(value))));
                }
                _ => {}
            }
        } else if word.starts_with('-') {
            // A flag.
        } else if command.is_empty() {
            command = word;
        } else {
            service = Some(*word);
            break;
        }
    }
    let service = service.filter(|name| {
        matches!(command, "run" | "exec" | "logs" | "up" | "start" | "stop" | "restart" | "build")
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    });
    match service {
        Some(name) if !known.services().contains(name) => {
            Some(Some(format!("the compose file has no service `{}`", tree::excerpt(name))))
        }
        _ => Some(None),
    }
}

fn docker_build(known: &Known<'_>, rest: &[&str]) -> Checked {
    match rest.windows(2).find(|pair| matches!(pair[0], "-f" | "--file")) {
        Some(pair) => file(known, pair[1]),
        None => Some(needs(known, &["Dockerfile", "Containerfile"], "Dockerfile")),
    }
}

fn pip(known: &Known<'_>, rest: &[&str]) -> Checked {
    if rest.first() != Some(&"install") {
        return None;
    }
    if let Some(pair) = rest.windows(2).find(|pair| matches!(pair[0], "-r" | "--requirement")) {
        return file(known, pair[1]);
    }
    let own = rest.iter().any(|word| word.trim_matches(['"', '\'']).split('[').next() == Some("."));
    own.then(|| needs(known, &["pyproject.toml", "setup.py", "setup.cfg"], "pyproject.toml"))
}

fn python(known: &Known<'_>, rest: &[&str]) -> Checked {
    match rest {
        ["-m", "pip", rest @ ..] => pip(known, rest),
        ["-m", "pytest", rest @ ..] => pytest(known, rest),
        ["-m", "uvicorn" | "gunicorn", rest @ ..] => application(known, rest),
        ["-m", module, ..] => {
            // Only a module of the submission's own can be missing.
            let first = module.split('.').next()?;
            let own = known.paths.contains(first) && module.contains('.');
            if own { Some(lacks_module(known, module)) } else { None }
        }
        [path, ..] if tree::extension(path) == "py" => file(known, path),
        _ => None,
    }
}

fn lacks_module(known: &Known<'_>, module: &str) -> Option<String> {
    let path = module.replace('.', "/");
    let has = known.has(&format!("{path}.py")) || known.has(&path);
    (!has).then(|| format!("there is no module {}", tree::excerpt(module)))
}

fn pytest(known: &Known<'_>, rest: &[&str]) -> Checked {
    let listed = |name: &str| {
        name.starts_with("requirements")
            || matches!(name, "pyproject.toml" | "setup.py" | "setup.cfg" | "Pipfile" | "tox.ini")
    };
    let lists: Vec<&str> = known
        .texts
        .iter()
        .filter(|(path, _)| listed(tree::file_name(path)) || path.contains("requirements/"))
        .map(|(_, text)| *text)
        .collect();
    if !lists.is_empty() && !lists.iter().any(|text| text.contains("pytest")) {
        return Some(Some("pytest is in no list of dependencies".to_owned()));
    }
    let path = rest.iter().find(|word| !word.starts_with('-') && (word.contains('/') || word.ends_with(".py")));
    match path {
        Some(path) => file(known, path.split("::").next().unwrap_or(path)),
        None => Some(None),
    }
}

/// `module:attribute` of a server of Python applications.
fn application(known: &Known<'_>, rest: &[&str]) -> Checked {
    let place = rest.iter().find(|word| !word.starts_with('-') && word.contains(':') && !word.contains('/'))?;
    let module = place.split(':').next()?;
    let sound = module.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
    let numeric = module.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (sound && !numeric).then(|| lacks_module(known, module))
}

fn script(known: &Known<'_>, rest: &[&str]) -> Checked {
    let path = rest.iter().find(|word| !word.starts_with('-'))?;
    matches!(tree::extension(path), "js" | "mjs" | "cjs" | "ts" | "sh").then(|| file(known, path))?
}

fn go(known: &Known<'_>, rest: &[&str]) -> Checked {
    if let Some(missing) = needs(known, &["go.mod"], "go.mod") {
        return Some(Some(missing));
    }
    let path = rest.iter().skip(1).find(|word| word.starts_with("./") || word.ends_with(".go"));
    match (rest.first(), path) {
        (Some(&("run" | "build" | "test")), Some(path)) => file(known, path),
        _ => Some(None),
    }
}

fn copy(known: &Known<'_>, rest: &[&str]) -> Checked {
    let words: Vec<&&str> = rest.iter().filter(|word| !word.starts_with('-')).collect();
    match words[..] {
        [from, _] => file(known, from),
        _ => None,
    }
}

fn folder(known: &Known<'_>, rest: &[&str], cloned: bool) -> Checked {
    let path = *rest.first()?;
    if path.contains("..") || path.starts_with(['/', '~', '-']) || cloned && !path.contains('/') {
        return None;
    }
    file(known, path)
}
