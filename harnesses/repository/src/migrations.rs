//! The migrations of a submission: which tool keeps them, its bookkeeping table, the files in their order and what the
//! table holds for each; and where the application makes its schema itself at start.
//!
//! Each tool is known by its files' place and content together, never by a dependency alone.

mod at_start;
mod steps;
mod tools;

use grader_model::Snapshot;
use harness_kit::MigrationFacts;

pub(crate) use steps::{Change, Hazard, read as steps};

/// What the tree says of migrations. With files of several tools, the one with most files is meant.
pub(crate) fn read(snapshot: &Snapshot) -> MigrationFacts {
    let mut best = MigrationFacts::default();
    for found in tools::all(snapshot) {
        if found.files.len() > best.files.len() {
            best = found;
        }
    }
    best.created_at_start = at_start::read(snapshot);
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::snapshot;

    fn facts(files: &[(&str, &str)]) -> (String, String, Vec<String>) {
        let facts = read(&snapshot(files));
        (facts.tool, facts.table, facts.files.into_iter().map(|file| file.version).collect())
    }

    /// Files, tool, table, versions.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str, &'a [&'a str]);

    #[test]
    fn every_tool_with_its_table_and_versions() {
        let cases: &[Case<'_>] = &[
            (
                &[
                    ("alembic.ini", "[alembic]\nscript_location = db\n"),
                    ("db/versions/b_two.py", "revision: str = 'aaa'\ndown_revision: str | None = 'fff'\n"),
                    ("db/versions/z_one.py", "revision = 'fff'\ndown_revision = None\n"),
                ],
                "Alembic",
                "alembic_version",
                &["fff", "aaa"],
            ),
            (
                &[
                    ("shop/migrations/0001_initial.py", "class Migration(migrations.Migration):\n    pass\n"),
                    ("shop/migrations/__init__.py", ""),
                ],
                "Django",
                "django_migrations",
                &["0001_initial"],
            ),
            (
                &[
                    ("src/main/resources/db/migration/V10__b.sql", ""),
                    ("src/main/resources/db/migration/V2_1__a.sql", ""),
                ],
                "Flyway",
                "flyway_schema_history",
                &["2.1", "10"],
            ),
            (
                &[(
                    "src/main/resources/db/changelog/db.changelog-master.yaml",
                    "databaseChangeLog:\n  - changeSet:\n      id: 1-users\n      author: a\n",
                )],
                "Liquibase",
                "databasechangelog",
                &["1-users"],
            ),
            (
                &[(
                    "migrations/20240101_users.js",
                    "exports.up = (knex) => knex.schema.createTable('users', () => {});",
                )],
                "Knex",
                "knex_migrations",
                &["20240101_users.js"],
            ),
            (
                &[(
                    "migrations/20240101-users.js",
                    "module.exports = { up: (queryInterface, Sequelize) => queryInterface.createTable('users') };",
                )],
                "Sequelize",
                "SequelizeMeta",
                &["20240101-users.js"],
            ),
            (
                &[(
                    "src/migrations/1700000000000-Init.ts",
                    "export class Init1700000000000 implements MigrationInterface { async up(q: QueryRunner) {} }",
                )],
                "TypeORM",
                "migrations",
                &["Init1700000000000"],
            ),
            (
                &[("prisma/migrations/20240101000000_init/migration.sql", "CREATE TABLE a();")],
                "Prisma",
                "_prisma_migrations",
                &["20240101000000_init"],
            ),
            (
                &[
                    ("drizzle/meta/_journal.json", "{\"entries\":[{\"idx\":0,\"tag\":\"0000_a\"}]}"),
                    ("drizzle/0000_a.sql", "x"),
                ],
                "Drizzle",
                "__drizzle_migrations",
                &["2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"],
            ),
            (
                &[("migrations/1700000000000_users.js", "exports.up = (pgm) => { pgm.createTable('users', {}); };")],
                "node-pg-migrate",
                "pgmigrations",
                &["1700000000000_users"],
            ),
            (
                &[
                    ("package.json", "{\"dependencies\":{\"node-pg-migrate\":\"1\"}}"),
                    ("migrations/2_b.sql", ""),
                    ("migrations/1_a.sql", ""),
                ],
                "node-pg-migrate",
                "pgmigrations",
                &["1_a", "2_b"],
            ),
            (
                &[("db/000002_b.up.sql", ""), ("db/000002_b.down.sql", ""), ("db/000001_a.up.sql", "")],
                "golang-migrate",
                "schema_migrations",
                &["1", "2"],
            ),
            (&[("migrations/00001_a.sql", "-- +goose Up\nCREATE TABLE a();")], "goose", "goose_db_version", &["1"]),
            (
                &[("Cargo.toml", "[dependencies]\nsqlx = \"0.8\""), ("migrations/20240101000000_a.sql", "")],
                "sqlx",
                "_sqlx_migrations",
                &["20240101000000"],
            ),
            (
                &[
                    ("diesel.toml", ""),
                    ("migrations/2024-01-01-000000_a/up.sql", ""),
                    ("migrations/2024-01-01-000000_a/down.sql", ""),
                ],
                "Diesel",
                "__diesel_schema_migrations",
                &["20240101000000"],
            ),
            (
                &[("migration/src/m20240101_000001_a.rs", "impl MigrationTrait for Migration {}")],
                "SeaORM",
                "seaql_migrations",
                &["m20240101_000001_a"],
            ),
            (
                &[("db/migrate/20240101000000_create_a.rb", "class CreateA < ActiveRecord::Migration[7.1]\nend")],
                "Rails",
                "schema_migrations",
                &["20240101000000"],
            ),
            (
                &[(
                    "database/migrations/2024_01_01_000000_create_a.php",
                    "return new class extends Migration { public function up() { Schema::create('a'); } };",
                )],
                "Laravel",
                "migrations",
                &["2024_01_01_000000_create_a"],
            ),
        ];
        for (files, tool, table, versions) in cases {
            let expected = (
                (*tool).to_owned(),
                (*table).to_owned(),
                versions.iter().map(|version| (*version).to_owned()).collect(),
            );
            assert_eq!(facts(files), expected);
        }
        assert_eq!(
            facts(&[("src/a.py", "x = 1"), ("sql/queries/1_get.sql", "")]),
            (String::new(), String::new(), Vec::new())
        );
    }

    #[test]
    fn schemas_made_at_start() {
        for (path, text) in [
            ("app/main.py", "Base.metadata.create_all(bind=engine)"),
            ("app/db.py", "await conn.run_sync(Base.metadata.create_all)"),
            ("app/__init__.py", "with app.app_context():\n    db.create_all()"),
            ("src/app.module.ts", "TypeOrmModule.forRoot({ synchronize: true })"),
            ("src/index.js", "await sequelize.sync({ alter: true });"),
            ("main.go", "db.AutoMigrate(&Book{})"),
            ("src/db.js", "pool.query(`CREATE TABLE IF NOT EXISTS books (id int)`)"),
            ("src/main/resources/application.properties", "spring.jpa.hibernate.ddl-auto=update"),
            ("src/main/resources/application.yml", "jpa:\n  hibernate:\n    ddl-auto: create-drop"),
            ("compose.yaml", "    - ./schema.sql:/docker-entrypoint-initdb.d/schema.sql"),
            ("Dockerfile", "CMD npx prisma db push && node dist/main.js"),
        ] {
            let found = read(&snapshot(&[(path, text)])).created_at_start;
            assert_eq!(found.len(), 1, "{path}: {found:?}");
        }
    }

    #[test]
    fn tests_migrations_and_comments_make_no_schema_at_start() {
        for (path, text) in [
            ("tests/conftest.py", "Base.metadata.create_all(engine)"),
            ("migrations/001.py", "op.execute('CREATE TABLE a()')"),
            ("app/main.py", "# Base.metadata.create_all(engine)"),
            ("src/data-source.ts", "new DataSource({ synchronize: false })"),
            ("app/fs.py", "os.sync(); pool.sync()"),
            ("src/main/resources/application.yml", "jpa:\n  hibernate:\n    ddl-auto: validate"),
            ("src/migrator.js", "db.query('CREATE TABLE IF NOT EXISTS schema_migrations (version text)')"),
            ("compose.yaml", "    - ./initdb/extensions.sh:/docker-entrypoint-initdb.d/extensions.sh"),
        ] {
            let found = read(&snapshot(&[(path, text)])).created_at_start;
            assert!(found.is_empty(), "{path}: {found:?}");
        }
    }
}
