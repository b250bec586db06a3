//! Every tool with a migration that makes a table and later ones that hurt it, or that do the same safely.

use super::*;
use crate::migrations;
use crate::testing::snapshot;

const POSTGRES: (&str, &str) = ("compose.yaml", "services:\n  db:\n    image: postgres:16\n");

/// `file:line what` of each hazard, the file by its last part.
fn hazards(files: &[(&str, &str)]) -> Vec<String> {
    let snapshot = snapshot(files);
    let facts = migrations::read(&snapshot);
    assert!(!facts.files.is_empty(), "no tool is recognized in {files:?}");
    let reading = read(&snapshot, &facts);
    assert!(reading.steps > 0, "no step is read in {files:?}");
    let named = |hazard: &Hazard| {
        let name = tree::file_name(&hazard.step.path).chars().take(6).collect::<String>();
        format!("{name}:{} {}", hazard.step.line, hazard.what)
    };
    reading.hazards.iter().map(named).collect()
}

const DROPS_COLUMN: &str = "drops a column in place";
const DROPS_TABLE: &str = "drops a table in place";
const RENAMES: &str = "renames a column in place";
const RETYPES: &str = "changes a column's type in place";
const REQUIRES: &str = "adds a required column without a default";
const LOCKS: &str = "makes a column required while every row is checked under a lock";
const INDEXES: &str = "builds an index while writes wait";

#[test]
fn sql_by_the_linters_rules() {
    let made = "CREATE TABLE IF NOT EXISTS public.\"Books\" (id int, a text, CHECK (a <> ';'));\n\
                CREATE INDEX ON books (a);\nALTER TABLE books ADD COLUMN b int NOT NULL;\nALTER TABLE books DROP b;";
    for (second, expected) in [
        ("ALTER TABLE ONLY public.books\n  ADD e int,\n  DROP COLUMN IF EXISTS a;", Some((3, DROPS_COLUMN))),
        ("DROP TABLE books CASCADE;", Some((1, DROPS_TABLE))),
        ("ALTER TABLE books RENAME TO tomes;", Some((1, "renames a table in place"))),
        ("ALTER TABLE books RENAME COLUMN a TO b;", Some((1, RENAMES))),
        ("ALTER TABLE books ALTER a SET DATA TYPE integer USING a::integer;", Some((1, RETYPES))),
        ("ALTER TABLE books ADD COLUMN isbn text NOT NULL;", Some((1, REQUIRES))),
        ("ALTER TABLE books ALTER COLUMN a SET NOT NULL;", Some((1, LOCKS))),
        ("-- a\nCREATE UNIQUE INDEX IF NOT EXISTS i ON public.books USING btree (a);", Some((2, INDEXES))),
        // The same, safely.
        ("ALTER TABLE books ADD COLUMN isbn text NOT NULL DEFAULT '';", None),
        ("ALTER TABLE books ADD COLUMN isbn text;", None),
        ("ALTER TABLE books ADD COLUMN n bigserial NOT NULL;", None),
        ("ALTER TABLE books ALTER a TYPE text;", None),
        ("ALTER TABLE books ALTER a TYPE varchar(500);", None),
        ("CREATE INDEX CONCURRENTLY i ON books (a);", None),
        ("ALTER TABLE books ADD CONSTRAINT c CHECK (a <> '') NOT VALID;", None),
        ("ALTER TABLE books DROP CONSTRAINT c, ALTER a DROP NOT NULL, ALTER a DROP DEFAULT;", None),
        (
            "ALTER TABLE books ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;\nALTER TABLE books VALIDATE \
          CONSTRAINT c;\nALTER TABLE books ALTER a SET NOT NULL;",
            None,
        ),
        ("CREATE TABLE orders (id int);\nCREATE INDEX o ON orders (id);\nALTER TABLE orders RENAME id TO key;", None),
        ("-- squawk-ignore ban-drop-column\nALTER TABLE books DROP COLUMN a;", None),
        ("INSERT INTO books VALUES (1, 'DROP TABLE books;');\nDO $$ BEGIN DROP TABLE books; END $$;", None),
        ("-- migrate:up\nSELECT 1;\n-- migrate:down\nDROP TABLE books;", None),
    ] {
        let found = hazards(&[POSTGRES, ("migrations/001_books.sql", made), ("migrations/002_b.sql", second)]);
        let expected: Vec<String> = expected.iter().map(|(line, what)| format!("002_b.:{line} {what}")).collect();
        assert_eq!(found, expected, "{second}");
    }
}

#[test]
fn mysql_builds_indexes_beside_its_writers() {
    let compose = ("compose.yaml", "services:\n  db:\n    image: mysql:8\n");
    let made = ("migrations/001_a.sql", "CREATE TABLE `books` (`id` int, `a` varchar(9)) ENGINE=InnoDB;");
    let cases = [
        ("ALTER TABLE `books` ADD INDEX `i` (`a`), ADD COLUMN `b` int NOT NULL;", None),
        ("ALTER TABLE `books` MODIFY COLUMN `a` int;", Some(RETYPES)),
        ("ALTER TABLE `books` CHANGE `a` `b` int;", Some(RENAMES)),
        ("RENAME TABLE `books` TO `tomes`;", Some("renames a table in place")),
    ];
    for (second, expected) in cases {
        let found = hazards(&[compose, made, ("migrations/002_b.sql", second)]);
        let expected: Vec<String> = expected.iter().map(|what| format!("002_b.:1 {what}")).collect();
        assert_eq!(found, expected, "{second}");
    }
}

/// A migration that makes `books`, one that hurts it, and what is found.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [(u32, &'a str)]);

#[test]
fn every_tools_own_words() {
    let cases: &[Case<'_>] = &[
        (
            &[
                (
                    "versions/1.py",
                    "revision = 'a'\ndown_revision = None\ndef upgrade():\n    op.create_table('books')\n",
                ),
                (
                    "versions/2.py",
                    "revision = 'b'\ndown_revision = 'a'\n\n\ndef upgrade() -> None:\n    op.drop_column('books', 'a')\n\
                     \x20   op.alter_column('books', 'b', type_=sa.Integer())\n    op.alter_column('books', 'b', nullable=False)\n\
                     \x20   op.add_column('books', sa.Column('c', sa.Text(), nullable=False))\n\
                     \x20   op.create_index('ix', 'books', ['a'])\n    op.create_index('iy', 'books', ['a'], postgresql_concurrently=True)\n\
                     \x20   op.add_column('books', sa.Column('d', sa.Text(), nullable=False, server_default=''))\n\
                     \x20   op.alter_column('books', 'e', type_=sa.Text())\n    op.execute('ALTER TABLE books RENAME a TO b')\n\
                     \n\ndef downgrade() -> None:\n    op.drop_table('books')\n",
                ),
            ],
            &[(6, DROPS_COLUMN), (7, RETYPES), (8, LOCKS), (9, REQUIRES), (10, INDEXES), (14, RENAMES)],
        ),
        (
            &[
                (
                    "shop/migrations/0001_initial.py",
                    "class Migration(migrations.Migration):\n    operations = [migrations.CreateModel(name='Book', fields=[])]\n",
                ),
                (
                    "shop/migrations/0002_b.py",
                    "class Migration(migrations.Migration):\n    operations = [\n        migrations.RemoveField(model_name='book', name='a'),\n\
                     \x20       migrations.AddIndex(model_name='book', index=models.Index(fields=['b'], name='i')),\n\
                     \x20       AddIndexConcurrently(model_name='book', index=models.Index(fields=['b'], name='j')),\n\
                     \x20       migrations.AddField(model_name='book', name='c', field=models.IntegerField(default=0)),\n\
                     \x20       migrations.RunSQL('DROP TABLE book', reverse_sql='DROP TABLE book'),\n    ]\n",
                ),
            ],
            &[(3, DROPS_COLUMN), (4, INDEXES), (7, DROPS_TABLE)],
        ),
        (
            &[
                ("db/migration/V1__a.sql", "CREATE TABLE books (id int);"),
                ("db/migration/V2__b.sql", "ALTER TABLE books DROP COLUMN id;"),
            ],
            &[(1, DROPS_COLUMN)],
        ),
        (
            &[(
                "db/changelog.xml",
                "<databaseChangeLog>\n<changeSet id=\"1\" author=\"a\">\n<createTable tableName=\"books\">\n</createTable>\n\
                 <createIndex tableName=\"books\" indexName=\"i\"/>\n</changeSet>\n<changeSet id=\"2\" author=\"a\">\n\
                 <dropColumn tableName=\"books\" columnName=\"a\"/>\n<rollback>\n<dropTable tableName=\"books\"/>\n</rollback>\n\
                 </changeSet>\n</databaseChangeLog>\n",
            )],
            &[(8, DROPS_COLUMN)],
        ),
        (
            &[(
                "db/changelog.yaml",
                "databaseChangeLog:\n  - changeSet:\n      id: 1\n      changes:\n        - createTable:\n            tableName: books\n\
                 \x20 - changeSet:\n      id: 2\n      changes:\n        - renameColumn:\n            tableName: books\n            oldColumnName: a\n",
            )],
            &[(10, RENAMES)],
        ),
        (
            &[
                (
                    "migrations/1_a.js",
                    "exports.up = (knex) => knex.schema.createTable('books', (t) => { t.string('a').notNullable(); t.index('a'); });\nexports.down = (knex) => knex.schema.dropTable('books');",
                ),
                (
                    "migrations/2_b.js",
                    "exports.up = function (knex) {\n  return knex.schema.alterTable('books', (table) => {\n    table.dropColumn('a');\n\
                     \x20   table.string('b').notNullable();\n    table.string('c').notNullable().defaultTo('');\n    table.index(['b']);\n  });\n};\n\
                     exports.down = function (knex) {\n  return knex.schema.dropTable('books');\n};\n",
                ),
            ],
            &[(3, DROPS_COLUMN), (4, REQUIRES), (6, INDEXES)],
        ),
        (
            &[
                (
                    "migrations/1-a.js",
                    "module.exports = { up: (queryInterface) => queryInterface.createTable('books', {}), down: (queryInterface) => queryInterface.dropTable('books') };",
                ),
                (
                    "migrations/2-b.js",
                    "module.exports = {\n  async up(queryInterface, Sequelize) {\n    await queryInterface.removeColumn('books', 'a');\n\
                     \x20   await queryInterface.changeColumn('books', 'b', { type: Sequelize.INTEGER });\n\
                     \x20   await queryInterface.addColumn('books', 'c', { type: Sequelize.TEXT, allowNull: false });\n\
                     \x20   await queryInterface.addIndex('books', ['b'], { concurrently: true });\n  },\n\
                     \x20 async down(queryInterface) {\n    await queryInterface.dropTable('books');\n  },\n};\n",
                ),
            ],
            &[(3, DROPS_COLUMN), (4, RETYPES), (5, REQUIRES)],
        ),
        (
            &[
                (
                    "src/migrations/1700000000000-A.ts",
                    "export class A1700000000000 implements MigrationInterface {\n  async up(queryRunner: QueryRunner) { await queryRunner.query(`CREATE TABLE \"books\" (\"id\" int)`); }\n  async down(queryRunner: QueryRunner) { await queryRunner.query(`DROP TABLE \"books\"`); }\n}",
                ),
                (
                    "src/migrations/1700000000001-B.ts",
                    "export class B1700000000001 implements MigrationInterface {\n  public async up(queryRunner: QueryRunner): Promise<void> {\n\
                     \x20   await queryRunner.query(`ALTER TABLE \"books\" DROP COLUMN \"a\"`);\n\
                     \x20   await queryRunner.renameColumn('books', 'b', 'c');\n  }\n\
                     \x20 public async down(queryRunner: QueryRunner): Promise<void> {\n    await queryRunner.dropTable('books');\n  }\n}",
                ),
            ],
            &[(3, DROPS_COLUMN), (4, RENAMES)],
        ),
        (
            &[
                ("prisma/migrations/20240101000000_a/migration.sql", "CREATE TABLE \"books\" (\"id\" int);"),
                (
                    "prisma/migrations/20240102000000_b/migration.sql",
                    "-- AlterTable\nALTER TABLE \"books\" ADD COLUMN     \"c\" TEXT NOT NULL;",
                ),
            ],
            &[(2, REQUIRES)],
        ),
        (
            &[
                ("migrations/1_a.js", "export const up = (pgm) => { pgm.createTable('books', {}); };"),
                (
                    "migrations/2_b.js",
                    "export const up = (pgm) => {\n  pgm.createIndex('books', 'a');\n  pgm.createIndex('books', 'a', { concurrently: true });\n\
                     \x20 pgm.addColumns('books', { c: { type: 'text', notNull: true } });\n  pgm.sql('DROP TABLE books');\n};\n\
                     export const down = (pgm) => {\n  pgm.dropTable('books');\n};\n",
                ),
            ],
            &[(2, INDEXES), (4, REQUIRES), (5, DROPS_TABLE)],
        ),
        (
            &[
                ("db/000001_a.up.sql", "CREATE TABLE books (id int);"),
                ("db/000001_a.down.sql", "DROP TABLE books;"),
                ("db/000002_b.up.sql", "DROP TABLE books;"),
            ],
            &[(1, DROPS_TABLE)],
        ),
        (
            &[
                (
                    "migrations/00001_a.sql",
                    "-- +goose Up\nCREATE TABLE books (id int);\n-- +goose Down\nDROP TABLE books;",
                ),
                (
                    "migrations/00002_b.sql",
                    "-- +goose Up\nALTER TABLE books ADD c int NOT NULL;\n-- +goose Down\nALTER TABLE books DROP c;",
                ),
            ],
            &[(2, REQUIRES)],
        ),
        (
            &[
                ("diesel.toml", ""),
                ("migrations/2024-01-01-000000_a/up.sql", "CREATE TABLE books (id int);"),
                ("migrations/2024-01-02-000000_b/up.sql", "ALTER TABLE books DROP id;"),
                ("migrations/2024-01-02-000000_b/down.sql", "DROP TABLE books;"),
            ],
            &[(1, DROPS_COLUMN)],
        ),
        (
            &[
                (
                    "migration/src/m20240101_000001_a.rs",
                    "impl MigrationTrait for Migration {\n async fn up(&self, m: &SchemaManager) { m.create_table(Table::create().table(Books::Table).to_owned()).await }\n}",
                ),
                (
                    "migration/src/m20240102_000001_b.rs",
                    "impl MigrationTrait for Migration {\n  async fn up(&self, m: &SchemaManager) -> Result<(), DbErr> {\n\
                     \x20   m.alter_table(Table::alter().table(Books::Table).drop_column(Books::A).to_owned()).await?;\n\
                     \x20   m.create_index(Index::create().name(\"i\").table(Books::Table).col(Books::B).to_owned()).await\n  }\n\
                     \x20 async fn down(&self, m: &SchemaManager) -> Result<(), DbErr> {\n    m.drop_table(Table::drop().table(Books::Table).to_owned()).await\n  }\n}",
                ),
            ],
            &[(3, DROPS_COLUMN), (4, INDEXES)],
        ),
        (
            &[
                (
                    "db/migrate/20240101000000_a.rb",
                    "class A < ActiveRecord::Migration[7.1]\n  def change\n    create_table :books do |t|\n      t.string :a, null: false\n    end\n    add_index :books, :a\n  end\nend",
                ),
                (
                    "db/migrate/20240102000000_b.rb",
                    "class B < ActiveRecord::Migration[7.1]\n  def up\n    remove_column :books, :a, :string\n    add_index :books, :b\n\
                     \x20   add_index :books, :c, algorithm: :concurrently\n    add_column :books, :d, :integer, null: false\n\
                     \x20   change_column :books, :e, :integer\n    safety_assured { rename_column :books, :f, :g }\n  end\n\
                     \x20 def down\n    drop_table :books\n  end\nend",
                ),
            ],
            &[(3, DROPS_COLUMN), (4, INDEXES), (6, REQUIRES), (7, RETYPES)],
        ),
        (
            &[
                (
                    "database/migrations/2024_01_01_000000_a.php",
                    "<?php\nreturn new class extends Migration {\n public function up() { Schema::create('books', function (Blueprint $table) { $table->string('a'); $table->index('a'); }); }\n public function down() { Schema::dropIfExists('books'); }\n};",
                ),
                (
                    "database/migrations/2024_01_02_000000_b.php",
                    "<?php\nreturn new class extends Migration {\n  public function up() {\n    Schema::table('books', function (Blueprint $table) {\n\
                     \x20     $table->dropColumn('a');\n      $table->string('b');\n      $table->string('c')->nullable();\n      $table->index('b');\n    });\n  }\n\
                     \x20 public function down() {\n    Schema::table('books', function (Blueprint $table) { $table->dropColumn('b'); });\n  }\n};",
                ),
            ],
            &[(5, DROPS_COLUMN), (6, REQUIRES), (8, INDEXES)],
        ),
        (
            &[
                (
                    "Migrations/20240101000000_A.cs",
                    "public partial class A : Migration {\n protected override void Up(MigrationBuilder b) { b.CreateTable(name: \"Books\", columns: t => new { }); }\n protected override void Down(MigrationBuilder b) { b.DropTable(name: \"Books\"); }\n}",
                ),
                (
                    "Migrations/20240102000000_B.cs",
                    "public partial class B : Migration {\n  protected override void Up(MigrationBuilder b) {\n    b.DropColumn(name: \"A\", table: \"Books\");\n\
                     \x20   b.AddColumn<string>(name: \"C\", table: \"Books\", nullable: false);\n\
                     \x20   b.AddColumn<string>(name: \"D\", table: \"Books\", nullable: false, defaultValue: \"\");\n  }\n\
                     \x20 protected override void Down(MigrationBuilder b) { b.DropTable(name: \"Books\"); }\n}",
                ),
            ],
            &[(3, DROPS_COLUMN), (4, REQUIRES)],
        ),
    ];
    let compact = |found: Vec<String>| -> Vec<String> {
        found.into_iter().map(|line| line.split_once(':').map_or("", |(_, rest)| rest).to_owned()).collect()
    };
    for (files, expected) in cases {
        let all: Vec<(&str, &str)> = files.iter().copied().chain([POSTGRES]).collect();
        let expected: Vec<String> = expected.iter().map(|(line, what)| format!("{line} {what}")).collect();
        assert_eq!(compact(hazards(&all)), expected, "{}", files[0].0);
    }
}

#[test]
fn text_that_is_no_migration_costs_nothing() {
    let deep = format!("CREATE TABLE books (id int); ALTER TABLE books {}", "ADD (".repeat(50_000));
    for text in [deep.as_str(), "ALTER TABLE", "CREATE INDEX ON", "$$$$ ' \" -- /*", "DROP TABLE ;;;;"] {
        sql::read(text, 1);
        calls::read(text, tree::Language::Python);
        changelog::read(text);
    }
}
