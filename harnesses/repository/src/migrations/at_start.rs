//! Places where the application, its settings or its containers make the schema without a migration.

use grader_model::Snapshot;

use crate::code::Code;
use crate::tree;

/// Places that are named.
const MOST: usize = 20;

/// `path:line` and what stands there, for each place.
pub(super) fn read(snapshot: &Snapshot) -> Vec<String> {
    let mut places = Vec::new();
    for (path, text, language) in tree::sources(snapshot) {
        if is_migration(path) || !mentions(text) {
            continue;
        }
        let code = Code::read(text, language);
        for at in 0..code.len() {
            if let Some(what) = in_code(&code, at) {
                places.push(format!("{path}:{} {what}", code.line(at)));
            }
        }
    }
    for (path, text) in tree::texts(snapshot) {
        if tree::is_test(path) || tree::is_example(path) || tree::is_document(path) {
            continue;
        }
        let name = tree::file_name(path).to_ascii_lowercase();
        let settings = name.starts_with("application") || name.starts_with("persistence");
        let starts = name.starts_with("dockerfile")
            || ["compose", "entrypoint", "procfile"].iter().any(|word| name.contains(word))
            || tree::extension(&name) == "sh";
        if !settings && !starts || tree::language(path).is_some() {
            continue;
        }
        for (number, line) in text.lines().enumerate().take(5_000) {
            let plain = line.split('#').next().unwrap_or(line).trim();
            let found = if settings { in_settings(plain) } else { in_start(plain) };
            if let Some(what) = found {
                places.push(format!("{path}:{} {what}", number + 1));
            }
        }
    }
    places.truncate(MOST);
    places
}

fn is_migration(path: &str) -> bool {
    tree::folders(path).any(|folder| matches!(folder, "migrations" | "migration" | "migrate" | "alembic" | "versions"))
}

fn mentions(text: &str) -> bool {
    let words = [
        "create_all",
        "synchronize",
        "sync(",
        "AutoMigrate",
        "EnsureCreated",
        "create_tables",
        "generate_schemas",
        "updateSchema",
    ];
    words.iter().any(|word| text.contains(word)) || text.to_ascii_lowercase().contains("create table")
}

fn in_code(code: &Code<'_>, at: usize) -> Option<&'static str> {
    if let Some(text) = code.literal(at) {
        let lower = text.trim_start().to_ascii_lowercase();
        let table = lower.find("create table").map(|at| &lower[at..])?;
        let named: String = table.chars().take(90).collect();
        let bookkeeping = ["migration", "schema_version", "changelog"].iter().any(|word| named.contains(word));
        return (!bookkeeping).then_some("CREATE TABLE");
    }
    let member = code.is(at.wrapping_sub(1), ".");
    let called = code.is(at + 1, "(");
    match code.word(at)? {
        "create_all" if member => Some("create_all"),
        "generate_schemas" if called || code.is(at + 1, "=") && code.is(at + 2, "True") => Some("generate_schemas"),
        "AutoMigrate" if member => Some("AutoMigrate"),
        "EnsureCreated" | "EnsureCreatedAsync" => Some("EnsureCreated"),
        "updateSchema" if called => Some("updateSchema"),
        "create_tables" if member && called && code.is(at + 2, "[") => Some("create_tables"),
        "synchronize" if code.is(at + 1, ":") && code.is(at + 2, "true") => Some("synchronize: true"),
        "synchronize" if called && member => Some("synchronize()"),
        "sync" if called && member => {
            let receiver = code.word(at.checked_sub(2)?)?.to_ascii_lowercase();
            let options = ["force", "alter"].iter().any(|option| (at..at + 6).any(|at| code.is(at, option)));
            (receiver.contains("sequelize") || options).then_some("sequelize.sync")
        }
        _ => None,
    }
}

fn in_settings(line: &str) -> Option<&'static str> {
    let (key, value) = line.split_once(['=', ':'])?;
    let made = matches!(value.trim().trim_matches(['"', '\'']), "update" | "create" | "create-drop" | "create-only");
    let key = key.trim();
    (made && (key.ends_with("ddl-auto") || key.ends_with("hbm2ddl.auto"))).then_some("ddl-auto")
}

fn in_start(line: &str) -> Option<&'static str> {
    if line.contains("docker-entrypoint-initdb.d") {
        let folder = line.trim_end_matches([':', 'r', 'o', 'w', '/', '"', '\'']).ends_with("initdb.d");
        let lower = line.to_ascii_lowercase();
        // What only makes extensions, databases or accounts is no schema; other SQL or a folder of it may be one.
        let harmless = ["extension", "create-db", "create_db", "database", "users", "roles", "test-db", "test_db"]
            .iter()
            .any(|word| lower.contains(word));
        return (!harmless && (folder || line.contains(".sql"))).then_some("SQL at the database's first start");
    }
    ["prisma db push", "drizzle-kit push"].into_iter().find(|command| line.contains(command))
}
