//! Steps of migrations that are code: the calls by which each tool's builder changes a schema.
//!
//! One table of calls serves all languages, since the tools borrowed their words from each other. What takes a step back
//! (`down`, `downgrade`) is left out, and statements given as text are read as SQL.

use std::ops::Range;

use super::{Change, Read, plain, sql};
use crate::code::Code;
use crate::tree::Language;

/// What a call does; the table is its first name, an argument of that meaning, or that of the block around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Create,
    Drop,
    RenameTable,
    DropColumn,
    RenameColumn,
    /// The type stands in the call.
    Retype,
    /// Alembic's and others': whatever of a column the call names.
    Alter,
    AddColumn,
    /// A column is required from now on, where the call says so.
    RequireIfFalse,
    Index,
    /// Opens a block about a table.
    About,
    Sql,
    Prepare,
}

/// The words of a call, plain (lower case, without underscores).
const CALLS: &[(&str, Does)] = &[
    ("createtable", Does::Create),
    ("createtableifnotexists", Does::Create),
    ("createmodel", Does::Create),
    ("droptable", Does::Drop),
    ("droptableifexists", Does::Drop),
    ("dropifexists", Does::Drop),
    ("deletemodel", Does::Drop),
    ("renametable", Does::RenameTable),
    ("renamemodel", Does::RenameTable),
    ("dropcolumn", Does::DropColumn),
    ("dropcolumns", Does::DropColumn),
    ("removecolumn", Does::DropColumn),
    ("removecolumns", Does::DropColumn),
    ("removefield", Does::DropColumn),
    ("renamecolumn", Does::RenameColumn),
    ("renamefield", Does::RenameColumn),
    ("changecolumn", Does::Retype),
    ("altercolumn", Does::Alter),
    ("addcolumn", Does::AddColumn),
    ("addcolumns", Does::AddColumn),
    ("addfield", Does::AddColumn),
    ("changecolumnnull", Does::RequireIfFalse),
    ("createindex", Does::Index),
    ("addindex", Does::Index),
    ("addindexconcurrently", Does::Prepare),
    ("batchaltertable", Does::About),
    ("altertable", Does::About),
    ("changetable", Does::About),
    ("exec", Does::Sql),
    ("execcontext", Does::Sql),
    ("execute", Does::Sql),
    ("raw", Does::Sql),
    ("query", Does::Sql),
    ("sql", Does::Sql),
    ("runsql", Does::Sql),
    ("statement", Does::Sql),
    ("unprepared", Does::Sql),
    ("executeunprepared", Does::Sql),
    ("validatecheckconstraint", Does::Prepare),
    ("validateconstraint", Does::Prepare),
];

/// A part of a file that is about one table.
struct Block {
    range: Range<usize>,
    table: String,
    /// Whether it makes the table: what it says of columns and indexes is part of that.
    makes: bool,
}

/// The steps of one file.
pub(super) fn read(text: &str, language: Language) -> Vec<Read> {
    let code = Code::read(text, language);
    let back = backward(&code, language);
    let mut blocks: Vec<Block> = Vec::new();
    let mut steps: Vec<Read> = Vec::new();
    for at in 0..code.len() {
        if back.iter().any(|range| range.contains(&at)) {
            continue;
        }
        let Some(word) = code.word(at) else { continue };
        let Some(args) = arguments(&code, at, language) else { continue };
        let name = plain_word(word);
        let line = code.line(at);
        let block = blocks.iter().rev().find(|block| block.range.contains(&at));
        let around = || block.map(|block| block.table.clone());
        if let Some(block) = block.filter(|block| !block.makes)
            && adds_required(&code, at, &name)
        {
            steps.push((line, 0, block.table.clone(), Change::AddRequired));
            continue;
        }
        // Laravel's and Knex's plain `create` and `table` are calls of a schema, and of much else.
        let of_schema = at >= 2 && code.word(at - 2).is_some_and(|o| o.eq_ignore_ascii_case("schema"))
            || at >= 3 && code.word(at - 3).is_some_and(|o| o.eq_ignore_ascii_case("schema"));
        let does = CALLS.iter().find(|(known, _)| *known == name).map(|(_, does)| *does).or(match name.as_str() {
            "create" if of_schema => Some(Does::Create),
            "drop" if of_schema => Some(Does::Drop),
            "rename" if of_schema => Some(Does::RenameTable),
            "table" if of_schema => Some(Does::About),
            "index" if block.is_some() && at > 0 && (code.is(at - 1, ".") || code.is(at - 1, ">")) => Some(Does::Index),
            _ => None,
        });
        let Some(does) = does else { continue };
        let says = |words: &[&str]| mentions(&code, &args, words);
        let table = table_of(&code, &args, block.is_some(), does, language).or_else(around).unwrap_or_default();
        let change = match does {
            Does::Create => Change::CreateTable,
            Does::Drop => Change::DropTable,
            Does::RenameTable => Change::RenameTable,
            Does::DropColumn => Change::DropColumn,
            Does::RenameColumn => Change::RenameColumn,
            Does::Retype => Change::RetypeColumn(type_in(&code, &args)),
            Does::Alter => {
                if says(&["new_column_name"]) {
                    Change::RenameColumn
                } else if set_to(&code, &args, &["type_", "type"]) || language == Language::CSharp {
                    Change::RetypeColumn(type_in(&code, &args))
                } else if is_false(&code, &args, &["nullable", "allownull"]) || is_true(&code, &args, &["notnull"]) {
                    Change::Require
                } else {
                    continue;
                }
            }
            Does::AddColumn if is_required(&code, &args) => Change::AddRequired,
            Does::RequireIfFalse if says(&["false"]) => Change::Require,
            Does::Index => Change::CreateIndex { concurrently: is_concurrent(&code, &args) },
            Does::About => {
                if !table.is_empty() {
                    let range = at..block_end(&code, at, &args, language);
                    blocks.push(Block { range, table: table.clone(), makes: false });
                }
                // SeaORM's builder writes the change as calls inside of it, which are seen by themselves.
                continue;
            }
            Does::Sql => {
                for at in args.clone().filter(|at| !back.iter().any(|range| range.contains(at))) {
                    if let Some(text) = code.literal(at) {
                        steps.extend(sql::read(text, code.line(at)));
                    }
                }
                continue;
            }
            Does::Prepare => Change::Prepare,
            Does::AddColumn | Does::RequireIfFalse => continue,
        };
        if does == Does::Create {
            let range = at..block_end(&code, at, &args, language);
            blocks.push(Block { range, table: table.clone(), makes: true });
        }
        steps.push((line, 0, table, change));
    }
    steps
}

/// Whether a column is added to a table that is there, with neither NULL nor a default: Knex says so, Laravel unless it is
/// said otherwise.
fn adds_required(code: &Code<'_>, at: usize, name: &str) -> bool {
    const LARAVEL: &[&str] = &[
        "string",
        "text",
        "integer",
        "biginteger",
        "unsignedbiginteger",
        "unsignedinteger",
        "decimal",
        "boolean",
        "date",
        "datetime",
        "timestamp",
        "foreignid",
        "foreignuuid",
        "uuid",
        "json",
        "jsonb",
        "enum",
        "char",
    ];
    let of_table = at >= 3 && code.word(at - 3) == Some("$table") && code.is(at - 2, "-") && code.is(at - 1, ">");
    if name != "notnullable" && !(of_table && LARAVEL.contains(&name)) {
        return false;
    }
    let ends = |at: &usize| code.is(*at, ";") || code.is(*at, "{") || code.is(*at, "}");
    let from = (at.saturating_sub(40)..at).rev().find(ends).map_or(at.saturating_sub(40), |at| at + 1);
    let to = (at..code.len().min(at + 40)).find(ends).unwrap_or(code.len().min(at + 40));
    (from..to).all(|at| {
        let word = code.word(at).map(plain_word).unwrap_or_default();
        !matches!(word.as_str(), "default" | "defaultto" | "nullable" | "change" | "alter" | "usecurrent")
    })
}

fn plain_word(word: &str) -> String {
    word.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// The tokens of a call's arguments; Ruby's go without brackets to the end of the line.
fn arguments(code: &Code<'_>, at: usize, language: Language) -> Option<Range<usize>> {
    let open = at + 1;
    // `AddColumn<string>(…)`
    let open = if code.is(open, "<") { (open..open + 8).find(|at| code.is(*at, "("))? } else { open };
    if code.is(open, "(") {
        return Some(open + 1..code.close(open));
    }
    if language != Language::Ruby || !code.is(open, ":") && code.literal(open).is_none() {
        return None;
    }
    let mut end = open;
    // A line that ends with a comma goes on.
    while end < code.len()
        && (code.line(end) == code.line(at)
            || code.is(end - 1, ",")
            || end > open && code.line(end) == code.line(end - 1))
    {
        end += 1;
    }
    Some(open..end)
}

/// The parts of a file that take its steps back.
fn backward(code: &Code<'_>, language: Language) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for at in 0..code.len() {
        let Some(word) = code.word(at) else { continue };
        if matches!(word, "reverse_sql" | "reverse_code") {
            found.push(at..(at..code.len()).find(|at| code.is(*at, ",")).unwrap_or(at + 3).min(at + 40));
        }
        if word == "safety_assured" {
            // Somebody who knows the rules has said why they do not matter here.
            let open = at + 1;
            let end = if code.is(open, "{") { code.close(open) } else { block_end(code, at, &(open..open), language) };
            found.push(at..end);
            continue;
        }
        let go = language == Language::Go && word.to_ascii_lowercase().starts_with("down");
        let named = go || matches!(word, "down" | "downgrade" | "Down");
        let defined =
            code.is(at + 1, "(") || code.is(at + 1, "=") || code.is(at + 1, ":") || language == Language::Ruby;
        let before = at.checked_sub(1).and_then(|at| code.word(at)).unwrap_or("");
        let called = code.is(at.wrapping_sub(1), ".") && code.is(at + 1, "(");
        if !named || !defined || called || matches!(before, "await" | "return") {
            continue;
        }
        let end = if matches!(language, Language::Python | Language::Ruby) {
            let column = code.tokens[at].column;
            (at + 1..code.len())
                .find(|next| code.is(*next, "def") && code.tokens[*next].first && code.tokens[*next].column <= column)
                .unwrap_or(code.len())
        } else {
            // The body in braces, or an expression up to the end of its statement.
            let body = (at + 1..code.len()).find(|at| code.is(*at, "{") || code.is(*at, ";"));
            match body {
                Some(at) if code.is(at, "{") => code.close(at) + 1,
                Some(at) => at,
                None => code.len(),
            }
        };
        found.push(at..end);
    }
    found
}

/// Up to where a block is about its table: the call and what follows it in a block of its own.
fn block_end(code: &Code<'_>, at: usize, args: &Range<usize>, language: Language) -> usize {
    match language {
        // `with op.batch_alter_table("t") as b:` up to what stands as far out as it.
        Language::Python | Language::Ruby => {
            let line = code.line(at);
            let column = (0..=at).rev().find(|at| code.tokens[*at].first).map_or(0, |at| code.tokens[at].column);
            (args.end..code.len())
                .find(|next| code.tokens[*next].first && code.line(*next) > line && code.tokens[*next].column <= column)
                .unwrap_or(code.len())
        }
        _ => args.end,
    }
}

/// The table that a call names.
fn table_of(code: &Code<'_>, args: &Range<usize>, in_block: bool, does: Does, language: Language) -> Option<String> {
    let parts = code.split(args.clone());
    for name in ["table", "table_name", "tableName", "model_name"] {
        if let Some(part) = code.named(&parts, name) {
            return code.literals(part).first().map(|text| plain(text));
        }
    }
    // SeaORM: `.table(Books::Table)`.
    let entity = args.clone().find(|at| code.is(*at, "table") && code.is(at + 1, "(")).and_then(|at| code.word(at + 2));
    if let Some(entity) = entity {
        return Some(plain(entity));
    }
    let own = matches!(does, Does::Create | Does::Drop | Does::RenameTable | Does::About);
    if in_block && !own {
        // Inside of a block a first name is a column's or an index's.
        return None;
    }
    if let Some(part) = code.named(&parts, "name").or_else(|| code.named(&parts, "old_name")).filter(|_| own) {
        return code.literals(part).first().map(|text| plain(text));
    }
    let first = parts.first()?;
    // Ruby's `:books`; `new Table({ name: 'books' })`.
    let symbol = code.is(first.start, ":").then(|| code.word(first.start + 1)).flatten();
    let literal = || code.literals(first.clone()).first().copied();
    // Alembic names the index first and the table after it; TypeORM and others the table.
    let second = parts.get(1).filter(|_| does == Does::Index && language == Language::Python);
    let second = second.and_then(|part| code.literal(part.start));
    second.or(symbol).or_else(literal).map(plain)
}

fn mentions(code: &Code<'_>, args: &Range<usize>, words: &[&str]) -> bool {
    args.clone().any(|at| code.word(at).is_some_and(|word| words.contains(&word)))
}

/// Whether one of the names is given a value at all.
fn set_to(code: &Code<'_>, args: &Range<usize>, names: &[&str]) -> bool {
    args.clone().any(|at| {
        let named = code.word(at).or_else(|| code.literal(at)).is_some_and(|word| names.contains(&word));
        named && (code.is(at + 1, "=") || code.is(at + 1, ":"))
    })
}

/// The word after `name =`, `name:` or `name =>`.
fn value<'a>(code: &Code<'a>, args: &Range<usize>, names: &[&str]) -> Option<&'a str> {
    args.clone().find_map(|at| {
        let word = code.word(at).or_else(|| code.literal(at))?;
        if !names.contains(&plain_word(word).as_str()) {
            return None;
        }
        (at + 1..at + 4).find_map(|at| code.word(at))
    })
}

fn is_false(code: &Code<'_>, args: &Range<usize>, names: &[&str]) -> bool {
    value(code, args, names).is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

fn is_true(code: &Code<'_>, args: &Range<usize>, names: &[&str]) -> bool {
    value(code, args, names).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Whether a new column takes no NULL and has nothing to be filled with.
fn is_required(code: &Code<'_>, args: &Range<usize>) -> bool {
    let filled = args.clone().any(|at| {
        let word = code.word(at).or_else(|| code.literal(at)).map(plain_word).unwrap_or_default();
        matches!(
            word.as_str(),
            "default" | "serverdefault" | "defaultvalue" | "defaultvaluesql" | "identity" | "computed" | "defaultto"
        )
    });
    let words = |name: &str| args.clone().any(|at| code.word(at).is_some_and(|word| plain_word(word) == name));
    let required = is_false(code, args, &["nullable", "null", "allownull", "isnullable"])
        || is_true(code, args, &["notnull"])
        || words("notnull") && !words("true") && !words("false");
    required && !filled
}

fn is_concurrent(code: &Code<'_>, args: &Range<usize>) -> bool {
    args.clone().any(|at| {
        let word = code.word(at).unwrap_or("").to_ascii_lowercase();
        let off = (at + 1..at + 3).any(|at| code.word(at).is_some_and(|value| value.eq_ignore_ascii_case("false")));
        word.contains("concurrently") && !off
    })
}

/// The new type as far as the call writes it: `type: Sequelize.TEXT`, `type_=sa.Text()`, `:c, :text`.
fn type_in(code: &Code<'_>, args: &Range<usize>) -> String {
    let parts = code.split(args.clone());
    for name in ["type_", "type"] {
        let at = args.clone().find(|at| code.is(*at, name) && (code.is(at + 1, "=") || code.is(at + 1, ":")));
        if let Some(at) = at {
            let words: Vec<&str> =
                (at + 2..at + 5).filter_map(|at| code.word(at).or_else(|| code.literal(at))).collect();
            let wide = words.iter().find(|word| super::is_wider(word));
            return (*wide.or(words.first()).unwrap_or(&"")).to_owned();
        }
    }
    let third = parts.get(2).and_then(|part| part.clone().find_map(|at| code.word(at).or_else(|| code.literal(at))));
    third.unwrap_or("").to_owned()
}
