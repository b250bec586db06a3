//! The text of statements: what is the same from call to call, which tables it names, and the same over other tables.

use sqlparser::dialect::{MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::tokenizer::{Token, Tokenizer, Word};

use super::Statement;
use crate::engine::Dialect;
use crate::schema::{Schema, TableName};

/// Characters of a shape.
const SHOWN: usize = 400;

/// A statement without comments, with literals and placeholders as `?`, lists of them as one, and single spaces.
pub(crate) fn shape(sql: &str, dialect: Dialect) -> String {
    let Some(tokens) = tokens(sql, dialect) else {
        return sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect();
    };
    let mut parts: Vec<String> = Vec::new();
    for token in &tokens {
        let part = match token {
            Token::Whitespace(_) | Token::SemiColon => continue,
            token if is_value(token) => "?".to_owned(),
            token => token.to_string(),
        };
        // `?, ?, ?` is as long as the list that it came from.
        if part == "?" && parts.ends_with(&["?".to_owned(), ",".to_owned()]) {
            parts.pop();
            continue;
        }
        parts.push(part);
    }
    // `(?), (?)` as well: rows of one insert.
    let mut shape = parts.join(" ");
    while shape.contains("( ? ) , ( ? )") {
        shape = shape.replace("( ? ) , ( ? )", "( ? )");
    }
    shape.chars().take(SHOWN).collect()
}

/// The tables of the schema whose names stand in the statement.
pub(crate) fn tables<'a>(statement: &Statement, schema: &'a Schema) -> Vec<&'a TableName> {
    let dialect = statement.dialect;
    let tokens = tokens(&statement.text, dialect).unwrap_or_default();
    let is_name = |word: &Word, name: &str| is(word, name) || dialect == Dialect::Mysql && word.value == name;
    let named =
        |table: &TableName| tokens.iter().any(|token| matches!(token, Token::Word(word) if is_name(word, &table.name)));
    schema.own().map(|(name, _)| name).filter(|name| named(name)).collect()
}

/// The same statement where `tables` stand in the schema `other`: qualified names are rewritten, bare ones stay.
/// `None` for what is not exactly one statement that reads or changes records.
pub(crate) fn within(statement: &Statement, tables: &[&TableName], other: &str) -> Option<String> {
    let tokens = tokens(&statement.text, statement.dialect)?;
    let mut out = String::new();
    let mut ended = false;
    let mut first: Option<String> = None;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Whitespace(_) => {
                out.push(' ');
                continue;
            }
            Token::SemiColon => {
                ended = true;
                continue;
            }
            _ if ended => return None,
            _ => {}
        }
        if let Token::Word(word) = token {
            first.get_or_insert_with(|| word.value.to_lowercase());
            let qualifies = matches!(tokens.get(at + 1), Some(Token::Period))
                && matches!(tokens.get(at + 2), Some(Token::Word(name))
                    if tables.iter().any(|table| is(word, &table.schema) && is(name, &table.name)));
            if qualifies {
                out.push_str(other);
                continue;
            }
        } else if first.is_none() && !matches!(token, Token::LParen) {
            return None;
        }
        out.push_str(&token.to_string());
    }
    matches!(first.as_deref(), Some("select" | "with" | "update" | "delete")).then_some(out)
}

/// `None` for text that is no SQL.
fn tokens(sql: &str, dialect: Dialect) -> Option<Vec<Token>> {
    let dialect: &dyn sqlparser::dialect::Dialect = match dialect {
        Dialect::Postgres => &PostgreSqlDialect {},
        Dialect::Mysql => &MySqlDialect {},
        Dialect::Sqlite => &SQLiteDialect {},
    };
    let tokens = Tokenizer::new(dialect, sql).with_unescape(false).tokenize().ok()?;
    Some(tokens.into_iter().filter(|token| !matches!(token, Token::EOF)).map(uncommented).collect())
}

fn uncommented(token: Token) -> Token {
    use sqlparser::tokenizer::Whitespace;
    match token {
        Token::Whitespace(_) => Token::Whitespace(Whitespace::Space),
        token => token,
    }
}

/// Whether an identifier names it, folded to lower case unless it is quoted.
fn is(word: &Word, name: &str) -> bool {
    if word.quote_style.is_some() { word.value == name } else { word.value.to_lowercase() == name }
}

fn is_value(token: &Token) -> bool {
    matches!(
        token,
        Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            // Where double quotes are not a name's, they are a text's.
            | Token::DoubleQuotedString(_)
            | Token::Placeholder(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(sql: &str) -> String {
        super::shape(sql, Dialect::Postgres)
    }

    fn within(sql: &str, tables: &[&TableName], other: &str) -> Option<String> {
        super::within(&Statement { text: sql.to_owned(), ..Statement::default() }, tables, other)
    }

    #[test]
    fn the_words_of_mysql_are_read_as_such() {
        let statement =
            |text: &str| Statement { text: text.to_owned(), dialect: Dialect::Mysql, ..Statement::default() };
        let sql = "select `t`.* from `things` as `t` where `name` = \"it's\" limit 1";
        assert_eq!(super::within(&statement(sql), &[], "").as_deref(), Some(sql));
        assert_eq!(super::within(&statement("SELECT `a` FROM b; DROP TABLE b"), &[], ""), None);
        let name = |name: &str| TableName { schema: String::new(), name: name.to_owned() };
        let schema =
            Schema { tables: ["things", "Odd", "other"].map(|n| (name(n), crate::schema::Table::default())).into() };
        assert_eq!(
            super::tables(&statement("SELECT * FROM `things` JOIN Odd ON 1"), &schema),
            [&name("Odd"), &name("things")]
        );
    }

    #[test]
    fn quotes_are_the_dialects() {
        let sql = r#"SELECT `a` FROM `things` WHERE `name` = "x" AND note = 'it\'s' AND n = ?"#;
        let expected = "SELECT `a` FROM `things` WHERE `name` = ? AND note = ? AND n = ?";
        assert_eq!(super::shape(sql, Dialect::Mysql), expected);
        assert_eq!(shape(r#"SELECT "a" FROM t WHERE b = 'x'"#), r#"SELECT "a" FROM t WHERE b = ?"#);
    }

    #[test]
    fn what_differs_from_call_to_call_is_left_out() {
        let same = "SELECT * FROM things WHERE id IN ( ? )";
        assert_eq!(shape("SELECT * FROM things WHERE id IN ($1, $2, $3)"), same);
        assert_eq!(shape("SELECT *\n\tFROM things /* trace=7 */ WHERE id IN ('it''s', 7); -- end"), same);
        assert_eq!(shape("INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)"), "INSERT INTO t ( a , b ) VALUES ( ? )");
        assert_ne!(shape("SELECT * FROM a WHERE x = 1"), shape("SELECT * FROM b WHERE x = 1"));
        // Even what is no SQL has a shape.
        assert_eq!(shape("SELECT 'open"), "SELECT 'open");
    }

    #[test]
    fn qualified_names_move_and_nothing_else_does() {
        let name = |schema: &str, name: &str| TableName { schema: schema.to_owned(), name: name.to_owned() };
        let (things, odd) = (name("public", "things"), name("public", "Odd"));
        let tables = [&things, &odd];
        assert_eq!(
            within("SELECT public.things.id, 'public.things' FROM Public.Things WHERE a = 'it''s'", &tables, "pg_temp")
                .as_deref(),
            Some("SELECT pg_temp.things.id, 'public.things' FROM pg_temp.Things WHERE a = 'it''s'")
        );
        assert_eq!(
            within(r#"SELECT "public"."Odd"."id" FROM "public"."Odd" WHERE 1=1;"#, &tables, "pg_temp").as_deref(),
            Some(r#"SELECT pg_temp."Odd"."id" FROM pg_temp."Odd" WHERE 1=1"#)
        );
        assert_eq!(
            within("SELECT a FROM public.other", &tables, "pg_temp").as_deref(),
            Some("SELECT a FROM public.other")
        );
    }

    #[test]
    fn only_single_statements_over_records_are_taken() {
        assert_eq!(within("SELECT 1; DROP TABLE things", &[], "pg_temp"), None);
        assert_eq!(within("DROP TABLE things", &[], "pg_temp"), None);
        assert_eq!(within("'SELECT 1'", &[], "pg_temp"), None);
        assert!(within("(SELECT a FROM b) UNION (SELECT c FROM d)", &[], "pg_temp").is_some());
        assert!(within("WITH x AS (SELECT 1) SELECT * FROM x", &[], "pg_temp").is_some());
    }
}
