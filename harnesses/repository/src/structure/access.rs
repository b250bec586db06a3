//! Where code touches the database: SQL in literals, and calls of drivers, query builders and mappers.

use std::sync::LazyLock;

use harness_syntax::{Node, Tree, is_function, walk};
use regex::Regex;

use crate::tree;

/// Places of one function that are kept.
const MOST: usize = 100;

/// One place where the database is touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// From 1.
    pub(crate) line: u32,
    /// The statement or the call, cut to a line.
    pub(crate) shown: String,
    /// Whether it is written as SQL.
    pub(crate) sql: bool,
    pub(crate) writes: bool,
}

static SQL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?is)^[a-z]{0,2}["'`(\s\\n]*(?:select\s.{1,600}?\sfrom\s+[\w"'`\[$<{.]|insert\s+into\s+[\w"'`\[$<{.]|update\s+[\w"'`.\[\]$<{}]+\s+set\s|delete\s+from\s+[\w"'`\[$<{.]|with\s+\w+\s+as\s*\()"#,
    )
    .ok()
});

/// Names of what a statement is sent through.
const RECEIVERS: &[&str] = &[
    "db",
    "database",
    "pool",
    "conn",
    "connection",
    "cursor",
    "cur",
    "session",
    "sess",
    "dbsession",
    "em",
    "entitymanager",
    "knex",
    "prisma",
    "sequelize",
    "tx",
    "trx",
    "client",
    "pgclient",
    "transaction",
    "gorm",
    "sql",
    "jdbctemplate",
    "mongo",
    "collection",
];

/// Methods that read or write, on such a receiver.
const METHODS: &[&str] = &[
    "query",
    "queryrow",
    "queryrowcontext",
    "querycontext",
    "queryrowx",
    "execute",
    "executemany",
    "exec",
    "execcontext",
    "scalar",
    "scalars",
    "fetch",
    "fetchrow",
    "fetchval",
    "fetch_one",
    "fetch_all",
    "fetchone",
    "fetchall",
    "add",
    "add_all",
    "delete",
    "merge",
    "insert",
    "update",
    "upsert",
    "select",
    "findmany",
    "findunique",
    "findfirst",
    "finduniqueorthrow",
    "findfirstorthrow",
    "create",
    "createmany",
    "updatemany",
    "deletemany",
    "count",
    "aggregate",
    "first",
    "find",
    "findone",
    "save",
    "where",
    "one",
    "oneornone",
    "any",
    "none",
    "manyornone",
    "insertone",
    "updateone",
    "deleteone",
    "raw",
    "preload",
    "persist",
    "remove",
];

/// Methods of a model's own class.
const MODEL_METHODS: &[&str] = &[
    "find",
    "findone",
    "findbyid",
    "findbypk",
    "findall",
    "findandcountall",
    "findorcreate",
    "create",
    "bulkcreate",
    "insertmany",
    "updateone",
    "updatemany",
    "update",
    "deleteone",
    "deletemany",
    "destroy",
    "findbyidandupdate",
    "findoneandupdate",
    "findbyidanddelete",
    "findoneanddelete",
    "countdocuments",
    "aggregate",
    "where",
    "find_by",
    "exists",
];

const WRITES: &[&str] = &[
    "add",
    "add_all",
    "delete",
    "merge",
    "insert",
    "update",
    "upsert",
    "create",
    "createmany",
    "updatemany",
    "deletemany",
    "save",
    "insertone",
    "insertmany",
    "updateone",
    "deleteone",
    "destroy",
    "bulkcreate",
    "persist",
    "remove",
    "findbyidandupdate",
    "findoneandupdate",
    "findbyidanddelete",
    "findoneanddelete",
    "decrement",
    "increment",
    "bulk_create",
    "get_or_create",
    "update_or_create",
];

/// Every place under `node` where the database is touched; `nested` says whether the functions inside it are part of it.
pub(super) fn of(tree: &Tree<'_>, node: Node<'_>, nested: bool) -> Vec<Access> {
    let mut found: Vec<Access> = Vec::new();
    let mut walk = walk(node);
    while let Some(visited) = walk.next() {
        if found.len() >= MOST {
            break;
        }
        let node = visited.node;
        if !nested && visited.depth > 0 && is_function(tree.language(), node.kind()) {
            walk.skip_children();
            continue;
        }
        let line = u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX);
        if is_literal(node.kind()) {
            let text = tree.text(node);
            if is_sql(text) {
                let lower = text.to_ascii_lowercase();
                let writes = ["insert ", "update ", "delete "].iter().any(|word| lower.contains(word));
                found.push(Access { line, shown: tree::excerpt(&one_line(text)), sql: true, writes });
            }
            walk.skip_children();
        } else if let Some((call, writes)) = called(tree, node) {
            found.push(Access { line, shown: tree::excerpt(&one_line(&call)), sql: false, writes });
        }
    }
    found
}

/// Lines where tables are defined: models of a mapper, schemas of a document store, `CREATE TABLE` in a literal.
pub(super) fn tables(tree: &Tree<'_>) -> Vec<u32> {
    let line = |node: Node<'_>| u32::try_from(node.start_position().row + 1).unwrap_or(u32::MAX);
    let mut found = Vec::new();
    for visited in tree.walk() {
        let node = visited.node;
        let defines = match node.kind() {
            "class_definition" => {
                let bases = node.child_by_field_name("superclasses").map_or("", |bases| tree.text(bases));
                let mapped = ["Base)", "models.Model", "db.Model", "DeclarativeBase", "Base,", "table=True"];
                let fields = || tree.text(node);
                mapped.iter().any(|base| bases.contains(base))
                    && ["Column(", "mapped_column(", "models.", "Field("].iter().any(|field| fields().contains(field))
            }
            "call_expression" => {
                let callee = node.child_by_field_name("function").map_or("", |callee| tree.text(callee));
                callee.ends_with("sequelize.define") || matches!(callee, "mongoose.model" | "pgTable" | "mysqlTable")
            }
            kind if is_literal(kind) => tree.text(node).to_ascii_lowercase().contains("create table"),
            _ => false,
        };
        if defines && found.last() != Some(&line(node)) && found.len() < MOST {
            found.push(line(node));
        }
    }
    found
}

fn is_literal(kind: &str) -> bool {
    matches!(
        kind,
        "string"
            | "template_string"
            | "string_literal"
            | "interpreted_string_literal"
            | "raw_string_literal"
            | "concatenated_string"
            | "encapsed_string"
            | "heredoc"
            | "heredoc_body"
            | "text_block"
    )
}

fn is_sql(text: &str) -> bool {
    let start: String = text.chars().take(2_000).collect();
    SQL.as_ref().is_some_and(|sql| sql.is_match(&start))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A call that reaches the database: its callee, and whether it writes.
fn called(tree: &Tree<'_>, node: Node<'_>) -> Option<(String, bool)> {
    let callee = match node.kind() {
        "call_expression" | "call" if node.child_by_field_name("function").is_some() => {
            tree.text(node.child_by_field_name("function")?).to_owned()
        }
        "method_invocation" | "call" | "member_call_expression" | "scoped_call_expression" => {
            let object = ["object", "receiver", "scope"].iter().find_map(|field| node.child_by_field_name(field));
            let name = node.child_by_field_name("name").or_else(|| node.child_by_field_name("method"))?;
            format!("{}.{}", object.map_or("", |object| tree.text(object)), tree.text(name))
        }
        _ => return None,
    };
    // What is called on the result of another call is that call's business.
    if callee.len() > 200 || callee.contains('(') && !callee.starts_with('(') {
        return None;
    }
    let words: Vec<&str> =
        callee.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let (method, receivers) = words.split_last()?;
    let plain = |word: &str| word.trim_matches('_').to_ascii_lowercase();
    let method = plain(method);
    // The session of a browser is no database.
    if receivers
        .iter()
        .any(|word| matches!(plain(word).as_str(), "req" | "request" | "http" | "axios" | "redis" | "cache"))
    {
        return None;
    }
    let writes = WRITES.contains(&method.as_str());
    let through = receivers.iter().any(|word| RECEIVERS.contains(&plain(word).trim_end_matches("async")));
    if through && METHODS.contains(&method.as_str()) {
        return Some((callee, writes));
    }
    let first = receivers.first()?;
    let is_class = first.starts_with(|c: char| c.is_ascii_uppercase()) && first.chars().any(|c| c.is_ascii_lowercase());
    let manager = receivers.iter().any(|word| matches!(*word, "objects" | "query"));
    let of_model = is_class
        && (manager || MODEL_METHODS.contains(&method.as_str()))
        && !["Service", "Repository", "Controller", "Object", "Array", "Map", "Set", "Date", "Math", "Promise"]
            .iter()
            .any(|end| first.ends_with(end));
    of_model.then_some((callee, writes))
}

#[cfg(test)]
mod tests {
    use harness_syntax::{Language, Limits, parse};

    use super::*;

    fn found(language: Language, text: &str) -> Vec<(bool, bool)> {
        let tree = parse(language, text, Limits::default()).unwrap();
        of(&tree, tree.root(), true).into_iter().map(|access| (access.sql, access.writes)).collect()
    }

    #[test]
    fn statements_and_calls_are_seen() {
        for (language, text, expected) in [
            (
                Language::Python,
                "cur.execute('SELECT id FROM books WHERE id = %s', (id,))",
                vec![(false, false), (true, false)],
            ),
            (Language::Python, "session.add(book)\nBook.objects.filter(id=1)\n", vec![(false, true), (false, false)]),
            (Language::Python, "sql = f\"\"\"\n  UPDATE books SET stock = {n}\n\"\"\"", vec![(true, true)]),
            (
                Language::JavaScript,
                "await pool.query(`INSERT INTO books (a) VALUES ($1)`, [a]);",
                vec![(false, false), (true, true)],
            ),
            (
                Language::TypeScript,
                "await prisma.book.create({ data });\nawait Book.findByPk(1);",
                vec![(false, true), (false, false)],
            ),
            (
                Language::Go,
                "package a\nfunc f() { h.db.QueryRow(\"SELECT a FROM b WHERE c = $1\", c) }",
                vec![(false, false), (true, false)],
            ),
            (
                Language::Php,
                "<?php $this->db->query('DELETE FROM books WHERE id = 1');",
                vec![(false, false), (true, true)],
            ),
        ] {
            assert_eq!(found(language, text), expected, "{text}");
        }
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for (language, text) in [
            (
                Language::Python,
                "x = 'Select a book from the list'\nself.books.find(id)\nseen.add(1)\nitems.update(a=1)",
            ),
            (
                Language::JavaScript,
                "req.session.destroy(); cache.delete(k); books.find((b) => b.id); Object.create(null); new Map().delete(1);",
            ),
            (Language::TypeScript, "await this.bookRepository.findOne(id); orderService.create(dto); Promise.any([]);"),
            (Language::Go, "package a\nfunc f() { r.URL.Query(); m.Find(1) }"),
        ] {
            let calls: Vec<(bool, bool)> = found(language, text).into_iter().filter(|(sql, _)| !sql).collect();
            assert_eq!(calls, [], "{text}");
        }
    }

    #[test]
    fn definitions_of_tables() {
        let tables = |language, text| {
            let tree = parse(language, text, Limits::default()).unwrap();
            super::tables(&tree)
        };
        assert_eq!(
            tables(Language::Python, "class Book(Base):\n    id = Column(Integer)\nclass A(BaseModel):\n    b: int\n"),
            [1]
        );
        assert_eq!(tables(Language::JavaScript, "const a = 1;\nconst B = sequelize.define('b', {});"), [2]);
        assert_eq!(tables(Language::Go, "package a\nconst schema = `CREATE TABLE b (id int)`"), [2]);
    }
}
