//! What the inside of a server looks like from outside: stack traces, SQL and its engines' words, file paths, debug pages.
//!
//! A pattern must be one that no API says of itself on purpose.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// One kind of leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leak {
    StackTrace,
    Sql,
    Path,
    DebugPage,
}

impl Leak {
    pub fn said(self) -> &'static str {
        match self {
            Leak::StackTrace => "a stack trace",
            Leak::Sql => "the database's own words",
            Leak::Path => "a path of the server's files",
            Leak::DebugPage => "a framework's debug page",
        }
    }
}

const TABLE: &[(Leak, &str)] = &[
    // Python
    (Leak::StackTrace, r"Traceback \(most recent call last\)"),
    (Leak::StackTrace, r#"File "[^"\n]+\.py", line \d+"#),
    // Node, by V8's stack format
    (Leak::StackTrace, r"(?m)^\s*at (?:async )?[^\n]{0,200}\(?(?:file://)?(?:/|[A-Za-z]:\\)[^\n)]+:\d+:\d+\)?"),
    (Leak::StackTrace, r"\(?node:internal/[\w/]+:\d+:\d+\)?"),
    // The same in a page, as Express shows it where it takes itself to be in development
    (Leak::StackTrace, r"&nbsp;at [^<\n]{1,300}:\d+:\d+"),
    // Java and Kotlin
    (Leak::StackTrace, r"(?m)^\s*at [\w$.]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)"),
    (
        Leak::StackTrace,
        r"\b(?:java|javax|jakarta|kotlin|scala|org\.springframework|org\.hibernate|org\.postgresql|org\.apache|com\.fasterxml|com\.mysql|com\.zaxxer|io\.netty|io\.micronaut|io\.quarkus)\.(?:[\w$]+\.)*[\w$]*(?:Exception|Error)\b",
    ),
    // Go
    (Leak::StackTrace, r"(?m)^goroutine \d+ \[|\bruntime error: [a-z]"),
    (Leak::StackTrace, r"(?:^|[\s(])/[\w./@-]+\.go:\d+"),
    // PHP
    (Leak::StackTrace, r"(?m)^#\d+ /?[^\n]*\.php\(\d+\)"),
    (Leak::StackTrace, r"\b(?:Fatal error|Parse error|Warning|Notice): [^\n]{1,300} in \S+\.php"),
    // Ruby
    (Leak::StackTrace, r"[\w./-]+\.rb:\d+:in [`']"),
    // .NET
    (Leak::StackTrace, r"(?m)^\s*at [\w.<>`\[\]]+\([^)\n]*\) in [^\n]+\.cs:line \d+"),
    (Leak::StackTrace, r"\b(?:System|Microsoft|Npgsql)(?:\.\w+)*\.\w*Exception\b"),
    // Rust
    (Leak::StackTrace, r"thread '[^'\n]*' (?:\(\d+\) )?panicked at"),
    // PostgreSQL
    (Leak::Sql, r"syntax error at or near|violates (?:unique|foreign key|check|not-null|exclusion) constraint"),
    (
        Leak::Sql,
        r#"relation "[^"\n]+" does not exist|column (?:"[^"\n]+"|\w+\.\w+)(?: of relation "\w+")? does not exist"#,
    ),
    (Leak::Sql, r"invalid input syntax for type \w+|invalid byte sequence for encoding|value too long for type"),
    (Leak::Sql, r"\bout of range for type (?:integer|bigint|smallint|numeric)|numeric field overflow"),
    // MySQL and MariaDB
    (Leak::Sql, r"You have an error in your SQL syntax|Duplicate entry '[^'\n]*' for key"),
    (Leak::Sql, r"\bER_(?:DUP_ENTRY|PARSE_ERROR|NO_SUCH_TABLE|BAD_FIELD_ERROR|DATA_TOO_LONG|NO_REFERENCED_ROW)"),
    // SQLite, Oracle, SQL Server, ODBC and PDO
    (
        Leak::Sql,
        r#"SQLITE_[A-Z]+|(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed|near "[^"\n]*": syntax error"#,
    ),
    (Leak::Sql, r"\bORA-\d{5}\b|Unclosed quotation mark after|\bSQLSTATE\b"),
    // Drivers and mappers
    (Leak::Sql, r"\b(?:psycopg2?|asyncpg|sqlalchemy|pymysql|sqlite3)\.\w|sqlalche\.me/|\bpq: [a-z]"),
    (Leak::Sql, r"\bQueryFailedError\b|\bSequelize\w+Error\b|\bPrismaClient\w+|\bInvalid `prisma\."),
    (Leak::Sql, r"\bE11000 duplicate key|\bMongoServerError\b|\bActiveRecord::\w+|\bHibernateException\b"),
    // Statements; by case, since people write these words in sentences
    (Leak::Sql, r#"\bSELECT\s[^;]{1,600}?\sFROM\s+["`\w.]+\s[^;]{0,300}?(?:WHERE|LIMIT|JOIN|ORDER BY)\b"#),
    (Leak::Sql, r#"\bINSERT INTO ["`\w.]+\s*\(|\bDELETE FROM ["`\w.]+ WHERE\b|\bUPDATE ["`\w.]+ SET ["`\w.]+\s*="#),
    // Paths of source and of libraries
    (
        Leak::Path,
        r"(?:^|[\s\x22'(=:/])/(?:app|usr|home|var|opt|srv|root|code|workspace|src|build|go|data|www|tmp)/(?:[\w.@+-]+/)*[\w.@+-]+\.(?:py|pyc|[cm]?[jt]sx?|rb|php|go|java|kt|jar|cs|dll|rs|ex|erb)\b",
    ),
    (Leak::Path, r"[\\/](?:site-packages|node_modules|dist-packages|vendor[\\/]bundle)[\\/]\w"),
    (Leak::Path, r"\b[A-Za-z]:\\(?:[\w .-]+\\)+[\w .-]+\.(?:py|js|ts|cs|php|java)\b"),
    // Debug pages
    (Leak::DebugPage, r"Werkzeug Debugger|__debugger__|<code>DEBUG = True</code>|Django Version:"),
    (
        Leak::DebugPage,
        r"Action Controller: Exception caught|Whoops, looks like something went wrong|\bIgnition\b.{0,40}Laravel",
    ),
    (Leak::DebugPage, r"Symfony Exception|An unhandled exception occurred while processing the request"),
];

static PATTERNS: LazyLock<Vec<(Leak, Regex)>> = LazyLock::new(|| {
    TABLE
        .iter()
        // Proved by `patterns_compile_and_find`: the patterns are constants of this file.
        .map(|(leak, pattern)| (*leak, Regex::new(pattern).expect("a constant pattern compiles")))
        .collect()
});

/// Every leak in a text, with the words that show it.
pub fn find(text: &str) -> impl Iterator<Item = (Leak, &str)> {
    PATTERNS.iter().filter_map(move |(leak, pattern)| Some((*leak, pattern.find(text)?.as_str().trim())))
}

/// The words of a body: the texts of a JSON document with their escapes undone, else the body itself.
pub fn words(body: &str) -> String {
    fn texts(value: &Value, out: &mut String) {
        match value {
            Value::String(text) => {
                out.push_str(text);
                out.push('\n');
            }
            Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
            Value::Object(members) => members.values().for_each(|value| texts(value, out)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    match serde_json::from_str::<Value>(body) {
        Ok(document) => {
            let mut out = String::new();
            texts(&document, &mut out);
            out
        }
        Err(_) => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Leak> {
        let mut kinds: Vec<Leak> = find(text).map(|(leak, _)| leak).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    #[test]
    fn patterns_compile_and_find() {
        for (leak, text) in [
            (Leak::StackTrace, "Traceback (most recent call last):\n  File \"main.py\", line 3, in f"),
            (Leak::StackTrace, "AppError: No.\n    at notFound (file:///app/dist/errors.js:27:12)\n    at next"),
            (Leak::StackTrace, "Error\n    at /srv/index.js:3:9"),
            (Leak::StackTrace, "Error\n    at C:\\api\\index.js:3:9"),
            (Leak::StackTrace, "<pre>SyntaxError: x<br> &nbsp; &nbsp;at parse (/app/x.js:92:19)<br>"),
            (Leak::StackTrace, "at com.shop.Api.get(Api.java:33)"),
            (Leak::StackTrace, "org.springframework.dao.DataIntegrityViolationException: x"),
            (Leak::StackTrace, "goroutine 12 [running]:\nmain.main()\n\t/app/main.go:12 +0x1"),
            (Leak::StackTrace, "#0 /var/www/index.php(12): f()"),
            (Leak::StackTrace, "app/models/a.rb:12:in `save'"),
            (Leak::StackTrace, "   at Shop.Api.Get(Int32 id) in /src/Api.cs:line 12"),
            (Leak::StackTrace, "System.NullReferenceException: Object reference"),
            (Leak::StackTrace, "thread 'main' panicked at src/main.rs:2:5"),
            (Leak::Sql, "duplicate key value violates unique constraint \"users_email_key\""),
            (Leak::Sql, "invalid input syntax for type uuid: \"x\""),
            (Leak::Sql, "column \"labell\" does not exist"),
            (Leak::Sql, "(psycopg2.errors.NotNullViolation) null value"),
            (Leak::Sql, "SQLSTATE[23000]: Integrity constraint violation"),
            (Leak::Sql, "UNIQUE constraint failed: users.email"),
            (Leak::Sql, "Duplicate entry 'a@b.c' for key 'email'"),
            (Leak::Sql, "SELECT id, label FROM things WHERE id = $1"),
            (Leak::Sql, "INSERT INTO users (email) VALUES ($1)"),
            (Leak::Sql, "Invalid `prisma.user.create()` invocation"),
            (Leak::Path, "Cannot read /app/routes/things.py"),
            (Leak::Path, "in /usr/lib/python3/dist-packages/flask/app"),
            (Leak::DebugPage, "<title>NameError // Werkzeug Debugger</title>"),
        ] {
            assert!(kinds(text).contains(&leak), "{text}");
        }
    }

    #[test]
    fn ordinary_answers_are_none() {
        for text in [
            "/api/v1/things/8e1b3c52-6f1a-4a52-9d7e-0d3b2f6a7c11",
            "Please select a thing from the list where you can.",
            "at least 8 characters at 10:20:30",
            "The user already exists. Look at https://example.com/app/help.html",
            "urn:example:problem:not-found",
            "Cannot GET /api/v1/app/index",
            "2025-03-10T09:00:00Z",
            "Unexpected token } in JSON at position 12",
            "com.example.shop.ValidationError",
            "A thing of type fantasy does not exist",
            "Update your profile, set a name",
        ] {
            assert_eq!(kinds(text), [], "{text}");
        }
    }
}
