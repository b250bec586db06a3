//! Rows of the throw-away databases, counted by their own clients in their own containers, and databases that tests
//! expect to be there.

use grader_model::Snapshot;
use harness_kit::{DatabaseHint, DatabaseKind};
use harness_suite::{Rows, Suite};

use super::project::{self, Made};
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

/// Asks a server of MySQL's kind by one of its own accounts.
async fn client(room: &Room, service: &str, user: &str, password: &str, sql: &str) -> Option<String> {
    let user = format!("--user={user}");
    let environment = [("MYSQL_PWD".to_owned(), password.to_owned())];
    // MariaDB's client has a name of its own, and MySQL's is not in its newest images.
    for client in ["mysql", "mariadb"] {
        let argv = [client, &user, "--batch", "--skip-column-names", "-e", sql];
        if let Some(said) = room.exec(service, &argv, &environment).await {
            return Some(said);
        }
    }
    None
}

async fn mysql(room: &Room, hint: &DatabaseHint, rows: &mut Rows) -> Option<()> {
    let ask = async |sql: &str| client(room, &hint.service, &hint.user, &hint.password, sql).await;
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

/// Makes the databases and users that URLs in the tests' settings name: on the author's machine somebody made them. Who the
/// application comes as may make databases.
pub(super) async fn prepare(room: &Room, made: &Made, suite: &Suite, snapshot: &Snapshot) {
    for hint in &made.databases {
        match hint.kind {
            DatabaseKind::Postgres => prepare_postgres(room, hint, &wanted(hint, suite, snapshot)).await,
            DatabaseKind::Mysql => prepare_mysql(room, made, hint, &wanted(hint, suite, snapshot)).await,
            DatabaseKind::Mongo | DatabaseKind::Sqlite => {}
        }
    }
}

async fn prepare_postgres(room: &Room, hint: &DatabaseHint, wanted: &[Wanted]) {
    for Wanted { user, database, .. } in wanted {
        if *user != hint.user {
            let _ = psql(room, hint, &hint.database, &format!("CREATE ROLE \"{user}\" SUPERUSER LOGIN")).await;
        }
        let _ = psql(room, hint, &hint.database, &format!("CREATE DATABASE \"{database}\"")).await;
    }
}

async fn prepare_mysql(room: &Room, made: &Made, hint: &DatabaseHint, wanted: &[Wanted]) {
    let Some(server) = made.project.services.get(&hint.service) else { return };
    let Some(password) = project::root_password(server) else { return };
    let mut statements = Vec::new();
    let all = |user: &str| format!("GRANT ALL PRIVILEGES ON *.* TO '{user}'@'%' WITH GRANT OPTION");
    let told = ["MARIADB_USER", "MYSQL_USER"].iter().filter_map(|name| server.environment.get(*name)?.as_deref());
    for user in told.filter(|user| is_plain(user) && *user != ROOT) {
        statements.push(all(user));
    }
    for Wanted { user, password, database } in wanted {
        if user != ROOT {
            statements.push(format!("CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '{password}'"));
            statements.push(all(user));
        }
        statements.push(format!("CREATE DATABASE IF NOT EXISTS `{database}`"));
    }
    for sql in statements {
        let _ = client(room, &hint.service, ROOT, password, &sql).await;
    }
}

/// MySQL's own account.
const ROOT: &str = "root";

/// A database with its user, as a URL names them. Nothing in it needs quoting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    user: String,
    password: String,
    database: String,
}

/// What the tests' settings name beside the application's own database.
fn wanted(hint: &DatabaseHint, suite: &Suite, snapshot: &Snapshot) -> Vec<Wanted> {
    let schemes: &[&str] = if hint.kind == DatabaseKind::Mysql { &["mysql", "mariadb"] } else { &["postgres"] };
    let mut wanted: Vec<Wanted> = Vec::new();
    for (path, text) in snapshot.texts() {
        let settings = suite.files.iter().any(|file| file == path)
            || ["conftest", ".env", "test", "spec", "setup", ".github"].iter().any(|word| path.contains(word));
        if settings && suite.inside(path).is_some() {
            wanted.extend(schemes.iter().flat_map(|scheme| places(text, scheme)));
        }
    }
    wanted.sort();
    wanted.dedup();
    wanted.retain(|wanted| wanted.database != hint.database);
    wanted.truncate(8);
    wanted
}

/// User, password and database of each URL with a scheme that begins like that.
fn places(text: &str, scheme: &str) -> Vec<Wanted> {
    let mut found = Vec::new();
    for at in text.match_indices(scheme).map(|(at, _)| at).take(50) {
        let rest = &text[at..];
        let end = rest.find(|c: char| c.is_whitespace() || "'\"`<>".contains(c)).unwrap_or(rest.len());
        let Some((_, place)) = rest[..end].split_once("://") else { continue };
        let Some((server, database)) = place.split_once('/') else { continue };
        let account = server.split_once('@').map_or("", |(account, _)| account);
        let (user, password) = account.split_once(':').unwrap_or((account, ""));
        let database = database.split('?').next().unwrap_or_default();
        if is_plain(user) && is_plain(database) && (password.is_empty() || is_plain(password)) {
            let [user, password, database] = [user, password, database].map(str::to_owned);
            let wanted = Wanted { user, password, database };
            // A driver that is named after the scheme may begin like it.
            if !found.contains(&wanted) {
                found.push(wanted);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_databases_are_read_from_urls() {
        let wanted = |user: &str, password: &str, database: &str| {
            let [user, password, database] = [user, password, database].map(str::to_owned);
            Wanted { user, password, database }
        };
        let text = "URL = os.getenv('X', 'postgresql+psycopg://shop:pw@localhost:5432/shop_test?x=1')\nhttp://a/b";
        assert_eq!(places(text, "postgres"), [wanted("shop", "pw", "shop_test")]);
        assert_eq!(places(text, "mysql"), []);
        assert_eq!(places("mysql+pymysql://a@db/b", "mysql"), [wanted("a", "", "b")]);
        assert_eq!(places("postgres://$USER@db/${NAME}", "postgres"), []);
        assert_eq!(places("postgres://a@b/c\"; DROP", "postgres"), [wanted("a", "", "c")]);
        assert_eq!(places("mysql://a:x'y@b/c mysql://a:x;y@b/c", "mysql"), []);
    }

    #[test]
    fn what_is_no_number_is_no_row() {
        let mut rows = Rows::new();
        keep(&mut rows, "shop", "public.users\t3\nnonsense\npublic.x\tmany\n");
        assert_eq!(rows, Rows::from([("shop.public.users".to_owned(), 3)]));
    }
}
