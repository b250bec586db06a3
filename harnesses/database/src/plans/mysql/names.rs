//! Names in statements and conditions of MySQL: what tables are called, which columns are meant, what a page is sorted by.

use sqlparser::dialect::MySqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, Tokenizer, Word};

use crate::schema::TableName;

/// A table and what a statement calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) alias: String,
    pub(super) table: &'a TableName,
}

/// What the first rows of a statement are the first by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sorting {
    /// The table as the statement says it, where it does.
    pub(super) of: Option<String>,
    pub(super) column: String,
}

/// Every name of each table in a statement: its own, and aliases.
pub(super) fn named<'a>(sql: &str, tables: &[&'a TableName]) -> Vec<Named<'a>> {
    let tokens = tokens(sql);
    let mut names: Vec<Named<'a>> = Vec::new();
    let mut add = |alias: &str, table: &'a TableName| {
        let named = Named { alias: alias.to_owned(), table };
        if !names.contains(&named) {
            names.push(named);
        }
    };
    for (at, token) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let Some(table) = tables.iter().find(|table| word.value.eq_ignore_ascii_case(&table.name)) else { continue };
        add(&table.name, table);
        let next = match tokens.get(at + 1) {
            Some(Token::Word(word)) if word.keyword == Keyword::AS => tokens.get(at + 2),
            other => other,
        };
        if let Some(Token::Word(alias)) = next
            && is_name(alias)
        {
            add(&alias.value, table);
        }
    }
    names
}

/// Columns with what stands before them, such as `t.title` or `` `shop`.`t`.`title` ``.
pub(super) fn references(condition: &str) -> Vec<(String, String)> {
    let tokens = tokens(condition);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let mut run: Vec<&str> = Vec::new();
        while let Some(Token::Word(word)) = tokens.get(at) {
            run.push(&word.value);
            if tokens.get(at + 1) != Some(&Token::Period) {
                break;
            }
            at += 2;
        }
        if let [.., of, column] = run.as_slice() {
            found.push(((*of).to_owned(), (*column).to_owned()));
        }
        at += 1;
    }
    found
}

/// The first column that a statement with a limit is ordered by; `None` without a limit, or where something is computed,
/// which no ordinary index holds in order.
pub(super) fn sorting(sql: &str) -> Option<Sorting> {
    let tokens = tokens(sql);
    let mut depth = 0_i32;
    let mut order: Option<Vec<&Token>> = None;
    let mut limited = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        let is =
            |keyword: Keyword, at: usize| matches!(tokens.get(at), Some(Token::Word(word)) if word.keyword == keyword);
        if depth == 0 && is(Keyword::ORDER, at) && is(Keyword::BY, at + 1) {
            order = Some(Vec::new());
        } else if depth == 0 && is(Keyword::LIMIT, at) {
            limited = true;
        } else if let Some(order) = order.as_mut().filter(|_| !limited) {
            order.push(token);
        }
    }
    let order = order.filter(|_| limited)?;
    if order.iter().any(|token| matches!(token, Token::LParen)) {
        return None;
    }
    // The word `BY` itself comes first.
    let first: Vec<&str> = order
        .iter()
        .skip(1)
        .take_while(|token| !matches!(token, Token::Comma))
        .filter_map(|token| if let Token::Word(word) = token { Some(word) } else { None })
        .filter(|word| !matches!(word.keyword, Keyword::ASC | Keyword::DESC))
        .map(|word| word.value.as_str())
        .collect();
    match first.as_slice() {
        [column] => Some(Sorting { of: None, column: (*column).to_owned() }),
        [.., of, column] => Some(Sorting { of: Some((*of).to_owned()), column: (*column).to_owned() }),
        [] => None,
    }
}

/// Whether a word behind a table's name is a name for it: quoted, or no word of the language's that may follow there.
fn is_name(word: &Word) -> bool {
    word.quote_style.is_some() || word.keyword == Keyword::NoKeyword || word.value.len() == 1
}

fn tokens(sql: &str) -> Vec<Token> {
    let read = Tokenizer::new(&MySqlDialect {}, sql).with_unescape(false).tokenize().unwrap_or_default();
    read.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_known_by_their_aliases() {
        let name = |name: &str| TableName { schema: String::new(), name: name.to_owned() };
        let (things, people) = (name("things"), name("people"));
        let aliases = |sql: &str| -> Vec<String> {
            named(sql, &[&things, &people])
                .into_iter()
                .map(|named| format!("{}={}", named.alias, named.table))
                .collect()
        };
        assert_eq!(
            aliases("select `things`.*, `makers`.`name` from `things` inner join `people` as `makers` on a = b"),
            ["things=things", "people=people", "makers=people"]
        );
        assert_eq!(
            aliases("SELECT * FROM shop.things t, people WHERE t.x = 1"),
            ["things=things", "t=things", "people=people"]
        );
        assert_eq!(aliases("SELECT 'things t'"), [""; 0]);
    }

    #[test]
    fn columns_stand_behind_their_tables() {
        let pair = |of: &str, column: &str| (of.to_owned(), column.to_owned());
        assert_eq!(
            references("lcase(t.title) = 'a.b' and `d`.`t`.`id` > p.`x`"),
            [pair("t", "title"), pair("t", "id"), pair("p", "x")]
        );
        assert!(references("'x' = 1.5").is_empty());
    }

    #[test]
    fn a_page_says_what_it_is_sorted_by() {
        let sorted = |sql: &str| sorting(sql).map(|sorting| (sorting.of.unwrap_or_default(), sorting.column));
        let pair = |of: &str, column: &str| Some((of.to_owned(), column.to_owned()));
        assert_eq!(sorted("select * from t order by `t`.`made` asc, `t`.`id` asc limit 11"), pair("t", "made"));
        assert_eq!(sorted("SELECT * FROM t ORDER BY made DESC LIMIT 5 OFFSET 10"), pair("", "made"));
        assert_eq!(sorted("SELECT * FROM t ORDER BY made"), None);
        assert_eq!(sorted("SELECT * FROM t ORDER BY lower(made) LIMIT 1"), None);
        assert_eq!(sorted("SELECT * FROM (SELECT * FROM t ORDER BY made LIMIT 3) x"), None);
        assert_eq!(sorted("SELECT * FROM t LIMIT 1"), None);
    }
}
