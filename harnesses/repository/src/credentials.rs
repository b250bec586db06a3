//! Logins with more rights that a submission documents or seeds, most likely first.
//!
//! What compose really sets comes first, then settings files, the README, seeds and defaults of the code.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use grader_model::Snapshot;
use harness_kit::Credentials;
use regex::Regex;

use crate::code::Code;
use crate::{env_text, tree};

/// Logins that are handed on.
const MOST: usize = 20;

type Environment = BTreeMap<String, BTreeMap<String, String>>;

/// Words that say that an account has more rights.
const RIGHTS: &[&str] =
    &["admin", "superuser", "super_user", "staff", "seed", "owner", "manager", "librarian", "root_user"];

/// Words of accounts that are of other programs, not of the API.
const FOREIGN: &[&str] = &[
    "postgres",
    "mysql",
    "maria",
    "mongo",
    "redis",
    "rabbit",
    "pgadmin",
    "gf_",
    "grafana",
    "minio",
    "keycloak",
    "database",
    "db_",
    "_db",
    "smtp",
    "mail_",
    "elastic",
    "kafka",
    "adminer",
    "me_config",
    "phpmyadmin",
];

const IDENTITY_ENDINGS: &[&str] =
    &["_email", "_mail", "_username", "_user_name", "_login", "_user", "_name", "_email_address"];
const PASSWORD_ENDINGS: &[&str] = &["_password", "_pass", "_pwd", "_plain_password"];

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,80}").ok());
static PASSWORD_IN_PROSE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:password|passwort|pass|pwd|contraseña|senha|пароль)\b["'`*]{0,4}\s{0,3}[:=|]\s{0,3}["'`*]{0,4}([^\s"'`|,)]{3,60})"#).ok()
});

/// Every login that the tree and the environment name.
pub(crate) fn read(snapshot: &Snapshot, environment: &Environment) -> Vec<Credentials> {
    let mut found: Vec<Credentials> = Vec::new();
    for (service, variables) in environment {
        let pairs = variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        found.extend(pair_up(pairs.collect(), &format!("environment of {service}")));
    }
    let texts = tree::texts(snapshot);
    let settings = |example: bool| {
        texts.iter().filter(move |(path, _)| env_text::is_settings(path) && tree::is_example(path) == example)
    };
    for (path, text) in settings(false).chain(settings(true)) {
        let pairs = env_text::read(text).into_iter().map(|assignment| (assignment.name, assignment.value));
        found.extend(pair_up(pairs.collect(), path));
    }
    if let Some((path, text)) = tree::readme(snapshot) {
        found.extend(from_prose(path, text));
    }
    let mut seeds = Vec::new();
    for (path, text, language) in tree::sources(snapshot) {
        let lower = text.to_ascii_lowercase();
        if lower.contains("password") && RIGHTS.iter().any(|word| lower.contains(word)) {
            seeds.extend(from_code(path, &Code::read(text, language)));
        }
    }
    seeds.sort_by_key(|(seed, _)| !*seed);
    found.extend(seeds.into_iter().map(|(_, login)| login));
    found.retain(|login| !["$2", "$argon", "$scrypt", "pbkdf2"].iter().any(|hash| login.password.starts_with(hash)));
    let mut unique: Vec<Credentials> = Vec::new();
    for login in found {
        if !unique.iter().any(|known| known.identity == login.identity && known.password == login.password) {
            unique.push(login);
        }
    }
    unique.truncate(MOST);
    unique
}

/// Identities and passwords whose names share what stands before `_EMAIL` and `_PASSWORD`.
fn pair_up(variables: Vec<(String, String)>, place: &str) -> Vec<Credentials> {
    let lower: Vec<(String, String)> = variables
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), env_text::fallback(&value).unwrap_or("").to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let mut found = Vec::new();
    for (name, password) in &lower {
        let Some(stem) = PASSWORD_ENDINGS.iter().find_map(|end| name.strip_suffix(end)) else { continue };
        if !is_privileged(stem) {
            continue;
        }
        let identities = IDENTITY_ENDINGS.iter().map(|end| format!("{stem}{end}")).chain([stem.to_owned()]);
        for wanted in identities {
            if let Some((_, identity)) = lower.iter().find(|(name, _)| *name == wanted) {
                found.push(Credentials {
                    identity: identity.clone(),
                    password: password.clone(),
                    place: place.to_owned(),
                });
            }
        }
    }
    found
}

fn is_privileged(name: &str) -> bool {
    RIGHTS.iter().any(|word| name.contains(word)) && !FOREIGN.iter().any(|word| name.contains(word))
}

/// Logins of a README: an address or `admin`, with a password on the same line or within the next few.
fn from_prose(path: &str, text: &str) -> Vec<Credentials> {
    let (Some(email), Some(password)) = (EMAIL.as_ref(), PASSWORD_IN_PROSE.as_ref()) else { return Vec::new() };
    let lines: Vec<&str> = text.lines().filter(|line| line.len() < 2_000).take(5_000).collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        for identity in email.find_iter(line).map(|found| found.as_str().trim_end_matches('.')).take(4) {
            let from = number.saturating_sub(4);
            let near =
                lines.get(from..(number + 5).min(lines.len())).unwrap_or_default().join("\n").to_ascii_lowercase();
            if !RIGHTS.iter().any(|word| near.contains(word)) || found.len() > MOST {
                continue;
            }
            let place = format!("{path}:{}", number + 1);
            let mut add = |password: &str| {
                found.push(Credentials {
                    identity: identity.to_owned(),
                    password: password.to_owned(),
                    place: place.clone(),
                });
            };
            let after = lines.get(number..(number + 4).min(lines.len())).unwrap_or_default().join("\n");
            if let Some(named) = password.captures(&after).and_then(|found| found.get(1)) {
                add(named.as_str());
            }
            // `| admin@x | secret |`, `admin@x / secret`, `admin@x` and `secret`.
            let rest = line.split_once(identity).map_or("", |(_, rest)| rest);
            let rest = rest.trim_start_matches(['`', '"', '\'', '*', ' ', ')']);
            let rest =
                ["|", "/", ":", ",", "and", "with"].iter().find_map(|mark| rest.strip_prefix(mark)).unwrap_or("");
            let next = rest
                .trim_start_matches(['`', '"', '\'', '*', ' '])
                .split(['`', '"', '\'', '*', ' ', '|', ')', ','])
                .next();
            if let Some(next) = next.filter(|next| next.len() >= 4 && !next.contains('@')) {
                add(next);
            }
        }
    }
    found
}

/// Logins of code: an identity literal and, within a few lines, what is given to a password. Those of seeds are marked.
fn from_code(path: &str, code: &Code<'_>) -> Vec<(bool, Credentials)> {
    let is_seed = ["seed", "fixture", "bootstrap", "init", "create_admin", "createadmin", "superuser", "migration"]
        .iter()
        .any(|word| path.to_ascii_lowercase().contains(word));
    let mut found = Vec::new();
    for at in 0..code.len() {
        if found.len() >= MOST {
            break;
        }
        let Some(identity) = code.literal(at).filter(|text| is_identity(text)) else { continue };
        let from = at.saturating_sub(60);
        let until = (at + 60).min(code.len());
        let password = (at + 1..until).chain((from..at).rev()).find_map(|at| password_at(code, at));
        let privileged = identity_says(identity)
            || (from..until).any(|at| code.tokens[at].text.to_ascii_lowercase().contains("admin"));
        if let Some(password) = password.filter(|_| privileged) {
            let place = format!("{path}:{}", code.line(at));
            found.push((is_seed, Credentials { identity: identity.to_owned(), password: password.to_owned(), place }));
        }
    }
    found
}

fn is_identity(text: &str) -> bool {
    let address = EMAIL.as_ref().is_some_and(|email| email.find(text).is_some_and(|found| found.as_str() == text));
    address || matches!(text, "admin" | "superuser" | "administrator")
}

fn identity_says(identity: &str) -> bool {
    let lower = identity.to_ascii_lowercase();
    RIGHTS.iter().any(|word| lower.contains(word))
}

/// The literal that a name with `password` in it is given at this position, also as the default of a variable.
fn password_at<'a>(code: &Code<'a>, at: usize) -> Option<&'a str> {
    let token = code.tokens.get(at)?;
    let lower = token.text.to_ascii_lowercase();
    if token.text.len() > 40
        || !(lower.contains("password") || lower.ends_with("pass") || lower.ends_with("pwd"))
        || lower.contains("hash") && !code.is(at + 1, "(")
    {
        return None;
    }
    (at + 1..code.len().min(at + 8)).find_map(|next| {
        let text = code.literal(next)?;
        let fits = (4..=72).contains(&text.len())
            && !text.contains(char::is_whitespace)
            && !text.starts_with('$')
            && !text.contains('@');
        let name = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        (fits && !name && !text.eq_ignore_ascii_case("password_hash")).then_some(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snapshot;

    fn read_all(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Vec<(String, String)> {
        let variables = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let environment = BTreeMap::from([("api".to_owned(), variables)]);
        read(&snapshot(files), &environment).into_iter().map(|login| (login.identity, login.password)).collect()
    }

    fn login(identity: &str, password: &str) -> (String, String) {
        (identity.to_owned(), password.to_owned())
    }

    #[test]
    fn the_environment_comes_first_and_other_programs_do_not_count() {
        let found = read_all(
            &[(
                ".env.example",
                "ADMIN_EMAIL=a@b.example\nADMIN_PASSWORD=from-example\nPGADMIN_DEFAULT_EMAIL=x@y.z\nPGADMIN_DEFAULT_PASSWORD=p\n",
            )],
            &[
                ("FIRST_SUPERUSER", "root@b.example"),
                ("FIRST_SUPERUSER_PASSWORD", "pw"),
                ("POSTGRES_USER", "admin"),
                ("POSTGRES_PASSWORD", "x"),
            ],
        );
        assert_eq!(found, [login("root@b.example", "pw"), login("a@b.example", "from-example")]);
    }

    #[test]
    fn a_readme_names_them_in_many_ways() {
        for text in [
            "Default admin: `admin@x.example` / `Secret123`",
            "| Role | Email | Password |\n|---|---|---|\n| admin | admin@x.example | Secret123 |",
            "Admin account\n- email: admin@x.example\n- password: `Secret123`",
            "{\"email\": \"admin@x.example\", \"password\": \"Secret123\"}",
        ] {
            let found = read_all(&[("README.md", text)], &[]);
            assert_eq!(found.first(), Some(&login("admin@x.example", "Secret123")), "{text}");
        }
        assert!(read_all(&[("README.md", "Write to ada@x.example. Password: none")], &[]).is_empty());
    }

    #[test]
    fn seeds_of_several_languages() {
        for (path, text) in [
            (
                "prisma/seed.ts",
                "await prisma.user.upsert({ where: { email: 'admin@x.example' }, create: { email: 'admin@x.example', role: 'ADMIN', password: await bcrypt.hash('Secret123', 10) } });",
            ),
            (
                "app/seed.py",
                "admin = User(email=\"admin@x.example\", role=\"admin\", password=hash_password(\"Secret123\"))",
            ),
            (
                "src/main/java/DataSeeder.java",
                "u.setEmail(\"admin@x.example\"); u.setPassword(encoder.encode(\"Secret123\")); u.setRole(Role.ADMIN);",
            ),
            ("db/seeds.rb", "User.create!(email: 'admin@x.example', password: 'Secret123', admin: true)"),
            (
                "app/config.py",
                "ADMIN_EMAIL = os.getenv('ADMIN_EMAIL', 'admin@x.example')\nADMIN_PASSWORD = os.getenv('ADMIN_PASSWORD', 'Secret123')",
            ),
        ] {
            let found = read_all(&[(path, text)], &[]);
            assert_eq!(found.first(), Some(&login("admin@x.example", "Secret123")), "{path}");
        }
    }
}
