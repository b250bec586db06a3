//! Rows of the throw-away databases, counted by their own clients in their own containers, and databases that tests
//! expect to be there.

use grader_model::Snapshot;
use harness_kit::{DatabaseHint, DatabaseKind};
use harness_suite::{Rows, Suite};

use super::project::Made;
use super::workshop::Room;

/// Databases on one server that are looked into.
const MOST_DATABASES: usize = 20;

/// Tables that are counted.
const MOST_TABLES: usize = 2_000;

/// Every table of a database with its exact number of rows, without naming a table beforehand.
const POSTGRES: &str = "SELECT table_schema || '.' || table_name, (xpath('/row/c/text()', query_to_xml(format(\
    'SELECT count(*) AS c FROM %I.%I', table_schema, table_name), false, true, '')))[1]::text \
    FROM information_schema.tables WHERE table_type = 'BASE TABLE' \
    AND table_schema NOT IN ('pg_catalog', 'information_schema')";

/// Rows by table over all databases of the stack, and their number; `None` where none can be asked.
pub(super) async fn count(room: &Room, databases: &[DatabaseHint]) -> Option<Rows> {
    let mut rows = Rows::new();
    let mut any = false;
    for hint in databases {
        let counted = match hint.kind {
            DatabaseKind::Postgres => postgres(room, hint, &mut rows).await,
            DatabaseKind::Mysql => mysql(room, hint, &mut rows).await,
            DatabaseKind::Mongo | DatabaseKind::Sqlite => None,
        };
        any |= counted.is_some();
    }
    any.then_some(rows)
}

async fn psql(room: &Room, hint: &DatabaseHint, database: &str, sql: &str) -> Option<String> {
    let argv = ["psql", "-X", "-A", "-t", "-F", "\t", "-U", &hint.user, "-d", database, "-c", sql];
    room.exec(&hint.service, &argv, &[("PGPASSWORD".to_owned(), hint.password.clone())]).await
}

async fn postgres(room: &Room, hint: &DatabaseHint, rows: &mut Rows) -> Option<()> {
    let names = psql(room, hint, &hint.database, "SELECT datname FROM pg_database WHERE NOT datistemplate").await?;
    let names: Vec<&str> = names.lines().filter(|name| is_plain(name)).collect();
    rows.insert(format!("{} (databases)", hint.service), names.len() as u64);
    for name in names.into_iter().take(MOST_DATABASES) {
        // Somebody may drop it while it is looked at.
        let listed = psql(room, hint, name, POSTGRES).await.unwrap_or_default();
        keep(rows, name, &listed);
    }
    Some(())
}

async fn mysql(room: &Room, hint: &DatabaseHint, rows: &mut Rows) -> Option<()> {
    let ask = async |sql: &str| {
        let user = format!("--user={}", hint.user);
        let environment = [("MYSQL_PWD".to_owned(), hint.password.clone())];
        // MariaDB's client has a name of its own, and MySQL's is not in its newest images.
        for client in ["mysql", "mariadb"] {
            let argv = [client, &user, "--batch", "--skip-column-names", "-e", sql];
            if let Some(said) = room.exec(&hint.service, &argv, &environment).await {
                return Some(said);
            }
        }
        None
    };
    let listed =
        ask("SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND \
         table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')")
        .await?;
    let tables: Vec<(&str, &str)> = listed
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(schema, table)| is_plain(schema) && is_plain(table))
        .take(MOST_TABLES / 10)
        .collect();
    let counts: Vec<String> = tables
        .iter()
        .map(|(schema, table)| format!("SELECT '{schema}.{table}', COUNT(*) FROM `{schema}`.`{table}`"))
        .collect();
    if !counts.is_empty() {
        keep(rows, &hint.service, &ask(&counts.join(" UNION ALL ")).await.unwrap_or_default());
    }
    Some(())
}

fn keep(rows: &mut Rows, database: &str, listed: &str) {
    for line in listed.lines() {
        if let Some((table, count)) = line.split_once('\t')
            && let Ok(count) = count.trim().parse()
            && rows.len() < MOST_TABLES
        {
            let table: String = table.chars().take(120).collect();
            rows.insert(format!("{database}.{table}"), count);
        }
    }
}

/// A name that needs no quoting anywhere.
fn is_plain(name: &str) -> bool {
    (1..=63).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Makes the databases and users that URLs in the tests' settings name: on the author's machine somebody made them.
pub(super) async fn prepare(room: &Room, made: &Made, suite: &Suite, snapshot: &Snapshot) {
    let Some(hint) = made.databases.iter().find(|hint| hint.kind == DatabaseKind::Postgres) else { return };
    let mut wanted: Vec<(String, String)> = Vec::new();
    for (path, text) in snapshot.texts() {
        let settings = suite.files.iter().any(|file| file == path)
            || ["conftest", ".env", "test", "spec", "setup", ".github"].iter().any(|word| path.contains(word));
        if settings && suite.inside(path).is_some() {
            wanted.extend(places(text));
        }
    }
    wanted.sort();
    wanted.dedup();
    for (user, database) in wanted.into_iter().filter(|(_, database)| *database != hint.database).take(8) {
        if user != hint.user {
            let _ = psql(room, hint, &hint.database, &format!("CREATE ROLE \"{user}\" SUPERUSER LOGIN")).await;
        }
        let _ = psql(room, hint, &hint.database, &format!("CREATE DATABASE \"{database}\"")).await;
    }
}

/// User and database of each URL of a PostgreSQL server.
fn places(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for at in text.match_indices("postgres").map(|(at, _)| at).take(50) {
        let rest = &text[at..];
        let end = rest.find(|c: char| c.is_whitespace() || "'\"`<>".contains(c)).unwrap_or(rest.len());
        let Some((_, place)) = rest[..end].split_once("://") else { continue };
        let Some((server, database)) = place.split_once('/') else { continue };
        let user = server.split_once('@').map_or("", |(user, _)| user).split(':').next().unwrap_or_default();
        let database = database.split('?').next().unwrap_or_default();
        if is_plain(user) && is_plain(database) {
            found.push((user.to_owned(), database.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_databases_are_read_from_urls() {
        let text = "URL = os.getenv('X', 'postgresql+psycopg://shop:pw@localhost:5432/shop_test?x=1')\nhttp://a/b";
        assert_eq!(places(text), [("shop".to_owned(), "shop_test".to_owned())]);
        assert_eq!(places("postgres://$USER@db/${NAME}"), []);
        assert_eq!(places("postgres://a@b/c\"; DROP"), [("a".to_owned(), "c".to_owned())]);
    }

    #[test]
    fn what_is_no_number_is_no_row() {
        let mut rows = Rows::new();
        keep(&mut rows, "shop", "public.users\t3\nnonsense\npublic.x\tmany\n");
        assert_eq!(rows, Rows::from([("shop.public.users".to_owned(), 3)]));
    }
}
