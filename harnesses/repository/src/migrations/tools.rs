//! How each migration tool lays out its files, and what its table holds for them.

use std::collections::HashMap;
use std::fmt::Write as _;

use grader_model::Snapshot;
use harness_kit::MigrationFacts;
use harness_kit::facts::MigrationFile;
use sha2::{Digest, Sha256};

use crate::tree::{self, extension, file_name, folders};

/// Files of one tool.
const MOST: usize = 1_000;

/// Path and text of each file.
type Texts<'a> = [(&'a str, &'a str)];

/// What each tool finds of its own; empty ones left out.
pub(super) fn all(snapshot: &Snapshot) -> Vec<MigrationFacts> {
    let texts: Vec<(&str, &str)> = tree::texts(snapshot).into_iter().filter(|(path, _)| !tree::is_test(path)).collect();
    let manifest: String = texts
        .iter()
        .filter(|(path, _)| matches!(file_name(path), "package.json" | "Cargo.toml" | "go.mod"))
        .map(|(_, text)| *text)
        .collect();
    let readers: [fn(&Texts<'_>, &str) -> MigrationFacts; 18] = [
        alembic,
        django,
        flyway,
        liquibase,
        prisma,
        drizzle,
        typeorm,
        knex,
        sequelize,
        node_pg_migrate,
        goose,
        golang_migrate,
        sqlx,
        diesel,
        sea_orm,
        rails,
        laravel,
        entity_framework,
    ];
    let mut found: Vec<MigrationFacts> =
        readers.iter().map(|reader| reader(&texts, &manifest)).filter(|facts| !facts.files.is_empty()).collect();
    if found.is_empty() {
        let own = plain_sql(&texts);
        found.extend((!own.files.is_empty()).then_some(own));
    }
    found
}

fn facts(tool: &str, table: &str, mut files: Vec<MigrationFile>) -> MigrationFacts {
    files.truncate(MOST);
    MigrationFacts { tool: tool.to_owned(), table: table.to_owned(), files, created_at_start: Vec::new() }
}

fn file(path: &str, version: impl Into<String>) -> MigrationFile {
    MigrationFile { path: path.to_owned(), version: version.into() }
}

fn stem(path: &str) -> &str {
    let name = file_name(path);
    name.split('.').next().unwrap_or(name)
}

/// The digits that a name begins with.
fn digits(name: &str) -> &str {
    let end = name.bytes().take_while(u8::is_ascii_digit).count();
    &name[..end]
}

/// A number without leading zeros.
fn number(digits: &str) -> Option<String> {
    let trimmed = digits.trim_start_matches('0');
    (!digits.is_empty()).then(|| if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() })
}

fn in_folder(path: &str, names: &[&str]) -> bool {
    folders(path).any(|folder| names.contains(&folder.to_ascii_lowercase().as_str()))
}

/// By number, then by path.
fn by_number(files: &mut [MigrationFile]) {
    files.sort_by_cached_key(|file| {
        let number = number(digits(file_name(&file.path))).map_or(0, |number| number.parse().unwrap_or(u128::MAX));
        (number, file.path.clone())
    });
}

fn by_version(tool: &str, table: &str, mut files: Vec<MigrationFile>) -> MigrationFacts {
    files.sort_by(|a, b| a.version.cmp(&b.version).then_with(|| a.path.cmp(&b.path)));
    facts(tool, table, files)
}

fn alembic(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let mut chain: Vec<(String, Option<String>, &str)> = texts
        .iter()
        .filter(|(path, text)| extension(path) == "py" && text.contains("down_revision"))
        .filter_map(|(path, text)| Some((assigned(text, "revision")??, assigned(text, "down_revision")?, *path)))
        .take(MOST)
        .collect();
    chain.sort_by_key(|(_, _, path)| *path);
    // From each revision without a known parent, along the chain.
    let known: Vec<String> = chain.iter().map(|(revision, ..)| revision.clone()).collect();
    let mut children: HashMap<Option<String>, Vec<usize>> = HashMap::new();
    for (at, (_, down, _)) in chain.iter().enumerate() {
        children.entry(down.clone().filter(|down| known.contains(down))).or_default().push(at);
    }
    let mut order: Vec<usize> = Vec::new();
    let mut next: Vec<usize> = children.get(&None).cloned().unwrap_or_default();
    while let Some(at) = next.pop() {
        if !order.contains(&at) {
            order.push(at);
            next.extend(children.get(&Some(chain[at].0.clone())).into_iter().flatten());
        }
    }
    let files = order.into_iter().map(|at| file(chain[at].2, chain[at].0.clone())).collect();
    facts("Alembic", "alembic_version", files)
}

/// The text that a module's `name = '…'` or `name: type = '…'` gives; `Some(None)` for None.
fn assigned(text: &str, name: &str) -> Option<Option<String>> {
    text.lines().take(200).find_map(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '=', ':']))?;
        // A merge names several; the first one is enough for an order.
        let value = rest.split_once('=')?.1;
        Some(value.split(['"', '\'']).nth(1).map(str::to_owned))
    })
}

fn django(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let files = texts
        .iter()
        .filter(|(path, text)| {
            in_folder(path, &["migrations"]) && extension(path) == "py" && text.contains("migrations.Migration")
        })
        .map(|(path, _)| file(path, stem(path)));
    facts("Django", "django_migrations", files.collect())
}

fn flyway(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let mut files: Vec<(Vec<u64>, &str, String)> = texts
        .iter()
        .filter(|(path, _)| matches!(extension(path), "sql" | "java" | "kt"))
        .filter_map(|(path, _)| {
            let version = file_name(path).strip_prefix('V')?.split_once("__")?.0.replace('_', ".");
            let parts: Option<Vec<u64>> = version.split('.').map(|part| part.parse().ok()).collect();
            Some((parts?, *path, version))
        })
        .collect();
    files.sort();
    let files = files.into_iter().map(|(_, path, version)| file(path, version));
    facts("Flyway", "flyway_schema_history", files.collect())
}

fn liquibase(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let mut files = Vec::new();
    for (path, text) in texts {
        let formatted = text.starts_with("--liquibase formatted") || text.starts_with("-- liquibase formatted");
        let log = formatted || text.contains("databaseChangeLog");
        if !log || !matches!(extension(path), "xml" | "yaml" | "yml" | "json" | "sql") {
            continue;
        }
        let mut in_set = false;
        for line in text.lines().take(20_000) {
            let plain = line.trim().trim_start_matches("- ");
            in_set |= plain.contains("changeSet") || plain.contains("--changeset") || plain.contains("-- changeset");
            if !in_set || files.len() >= MOST {
                continue;
            }
            if let Some(id) = change_set(plain) {
                files.push(file(path, id));
                in_set = false;
            }
        }
    }
    facts("Liquibase", "databasechangelog", files)
}

/// The id of a change set: `--changeset author:id`, `id="…"`, `id: …`, `"id": "…"`.
fn change_set(line: &str) -> Option<&str> {
    if let Some((_, rest)) = line.split_once("changeset ").filter(|_| line.starts_with("--")) {
        return rest.split_whitespace().next()?.split_once(':').map(|(_, id)| id);
    }
    if let Some((_, rest)) = line.split_once(" id=\"").or_else(|| line.split_once("\tid=\"")) {
        return rest.split('"').next();
    }
    let (key, value) = line.split_once(':')?;
    let id = value.trim().trim_end_matches(',').trim_matches(['"', '\'']);
    (key.trim().trim_matches('"') == "id" && !id.is_empty()).then_some(id)
}

fn prisma(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let files = texts
        .iter()
        .filter(|(path, _)| file_name(path) == "migration.sql")
        .filter_map(|(path, _)| Some(file(path, path.rsplit('/').nth(1)?)))
        .filter(|file| !digits(&file.version).is_empty());
    by_version("Prisma", "_prisma_migrations", files.collect())
}

fn drizzle(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let mut files = Vec::new();
    for (path, text) in texts.iter().filter(|(path, _)| path.ends_with("meta/_journal.json")) {
        let journal: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let folder = path.strip_suffix("meta/_journal.json").unwrap_or("");
        let entries = journal["entries"].as_array().into_iter().flatten().take(MOST);
        for tag in entries.filter_map(|entry| entry["tag"].as_str()) {
            let path = format!("{folder}{tag}.sql");
            let Some((path, sql)) = texts.iter().find(|(known, _)| **known == path) else { continue };
            let mut hash = String::new();
            for byte in Sha256::digest(sql.as_bytes()) {
                // Writing to a String cannot fail.
                let _ = write!(hash, "{byte:02x}");
            }
            files.push(file(path, hash));
        }
    }
    facts("Drizzle", "__drizzle_migrations", files)
}

fn is_script(path: &str) -> bool {
    matches!(extension(path), "js" | "ts" | "cjs" | "mjs" | "cts" | "mts")
}

fn typeorm(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let mut files: Vec<MigrationFile> = texts
        .iter()
        .filter(|(path, text)| is_script(path) && (text.contains("MigrationInterface") || text.contains("queryRunner")))
        .filter_map(|(path, text)| {
            let after = text.split("class ").nth(1)?;
            let class = after.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
            // The time that the tool puts behind the name.
            let timed = class.bytes().rev().take_while(u8::is_ascii_digit).count() >= 10;
            timed.then(|| file(path, class))
        })
        .collect();
    files.sort_by(|a, b| file_name(&a.path).cmp(file_name(&b.path)));
    facts("TypeORM", "migrations", files)
}

/// JavaScript migrations of a folder whose text has one of the words.
fn scripts(texts: &Texts<'_>, words: &[&str], without: &[&str]) -> Vec<MigrationFile> {
    let has = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    texts
        .iter()
        .filter(|(path, text)| {
            is_script(path)
                && in_folder(path, &["migrations", "migration"])
                && !digits(file_name(path)).is_empty()
                && has(text, words)
                && !has(text, without)
        })
        .map(|(path, _)| file(path, file_name(path)))
        .collect()
}

fn knex(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    by_version("Knex", "knex_migrations", scripts(texts, &["knex", "Knex"], &["queryInterface", "pgm."]))
}

fn sequelize(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    by_version("Sequelize", "SequelizeMeta", scripts(texts, &["queryInterface", "QueryInterface"], &[]))
}

fn node_pg_migrate(texts: &Texts<'_>, manifest: &str) -> MigrationFacts {
    let mut files = scripts(texts, &["pgm", "node-pg-migrate"], &["queryInterface", "knex"]);
    if manifest.contains("\"node-pg-migrate\"") {
        let sql = texts.iter().filter(|(path, _)| is_numbered_sql(path));
        files.extend(sql.map(|(path, _)| file(path, "")));
    }
    for file in &mut files {
        let name = file_name(&file.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem).clone_into(&mut file.version);
    }
    by_number(&mut files);
    let given = texts.iter().find_map(|(_, text)| text.split("migrationsTable:").nth(1)?.split(['"', '\'']).nth(1));
    facts("node-pg-migrate", given.filter(|table| table.len() < 60).unwrap_or("pgmigrations"), files)
}

fn is_numbered_sql(path: &str) -> bool {
    extension(path) == "sql"
        && in_folder(path, &["migrations", "migration"])
        && !digits(file_name(path)).is_empty()
        && !path.ends_with(".down.sql")
}

/// Files that begin with a number, with that number as version, where the text fits.
fn numbered(texts: &Texts<'_>, fits: impl Fn(&str, &str) -> bool) -> Vec<MigrationFile> {
    let mut files: Vec<MigrationFile> = texts
        .iter()
        .filter(|(path, text)| fits(path, text))
        .filter_map(|(path, _)| Some(file(path, number(digits(file_name(path)))?)))
        .collect();
    by_number(&mut files);
    files
}

fn goose(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let fits = |path: &str, text: &str| {
        extension(path) == "sql" && text.contains("+goose Up")
            || extension(path) == "go" && text.contains("goose.AddMigration")
    };
    facts("goose", "goose_db_version", numbered(texts, fits))
}

fn golang_migrate(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let rust = texts.iter().any(|(path, _)| file_name(path) == "Cargo.toml");
    let files = if rust { Vec::new() } else { numbered(texts, |path, _| path.ends_with(".up.sql")) };
    facts("golang-migrate", "schema_migrations", files)
}

fn sqlx(texts: &Texts<'_>, manifest: &str) -> MigrationFacts {
    let uses = manifest.contains("sqlx") && texts.iter().any(|(path, _)| file_name(path) == "Cargo.toml");
    facts("sqlx", "_sqlx_migrations", numbered(texts, |path, _| uses && is_numbered_sql(path)))
}

fn diesel(texts: &Texts<'_>, manifest: &str) -> MigrationFacts {
    let uses = manifest.contains("diesel") || texts.iter().any(|(path, _)| file_name(path) == "diesel.toml");
    let files = texts
        .iter()
        .filter(|(path, _)| uses && file_name(path) == "up.sql")
        .filter_map(|(path, _)| Some(file(path, path.rsplit('/').nth(1)?.split('_').next()?.replace('-', ""))));
    by_version("Diesel", "__diesel_schema_migrations", files.collect())
}

fn sea_orm(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let files = texts
        .iter()
        .filter(|(path, text)| {
            extension(path) == "rs" && text.contains("MigrationTrait for") && stem(path).starts_with('m')
        })
        .map(|(path, _)| file(path, stem(path)));
    by_version("SeaORM", "seaql_migrations", files.collect())
}

fn rails(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let fits = |path: &str, text: &str| {
        extension(path) == "rb" && in_folder(path, &["migrate"]) && text.contains("ActiveRecord::Migration")
    };
    facts("Rails", "schema_migrations", numbered(texts, fits))
}

fn laravel(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let files = texts
        .iter()
        .filter(|(path, text)| {
            extension(path) == "php" && in_folder(path, &["migrations"]) && text.contains("extends Migration")
        })
        .map(|(path, _)| file(path, stem(path)));
    by_version("Laravel", "migrations", files.collect())
}

fn entity_framework(texts: &Texts<'_>, _: &str) -> MigrationFacts {
    let files = texts
        .iter()
        .filter(|(path, text)| {
            extension(path) == "cs"
                && !path.ends_with(".Designer.cs")
                && text.contains(": Migration")
                && digits(file_name(path)).len() == 14
        })
        .map(|(path, _)| file(path, stem(path)));
    by_version("Entity Framework", "__EFMigrationsHistory", files.collect())
}

/// Numbered SQL files of a folder named for migrations, run by dbmate or by something of the submission's own.
fn plain_sql(texts: &Texts<'_>) -> MigrationFacts {
    let mut files: Vec<MigrationFile> =
        texts.iter().filter(|(path, _)| is_numbered_sql(path)).map(|(path, _)| file(path, stem(path))).collect();
    by_number(&mut files);
    if texts.iter().any(|(path, text)| is_numbered_sql(path) && text.contains("-- migrate:up")) {
        for file in &mut files {
            file.version = digits(file_name(&file.path)).to_owned();
        }
        return facts("dbmate", "schema_migrations", files);
    }
    let table = texts.iter().find_map(|(path, text)| {
        tree::language(path)?;
        let lower = text.to_ascii_lowercase();
        let (_, rest) = lower.split_once("create table if not exists ")?;
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        (name.contains("migration") || name.contains("version")).then_some(name)
    });
    facts("SQL files", table.as_deref().unwrap_or(""), files)
}
