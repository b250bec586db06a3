//! Reading a plan of MySQL or MariaDB (`EXPLAIN FORMAT=JSON`): which whole tables it goes through, and what has to hold
//! for that to be for the sake of a few rows.
//!
//! The servers guess how many rows a condition keeps, and without a histogram they guess that all do. So a scan with a
//! condition is only suspected here; whether few rows meet it is counted by whoever asks ([`Suspect::condition`]). A
//! table is named in a plan by its alias.

use super::names::{self, Named, Sorting};
use super::tree::Tree;
use crate::plans::{Cause, Scan};
use crate::schema::{Schema, TableName};

/// Parts of one plan that are looked at, and their depth.
const PARTS: usize = 2_000;
const DEPTH: usize = 60;

/// A whole table gone through.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Suspect {
    pub(super) scan: Scan,
    /// As the statement calls the table.
    pub(super) alias: String,
    /// What few rows have to meet for the scan to be wasted; without one it is, as it stands.
    pub(super) condition: Option<String>,
}

/// A table's place in a plan.
struct Place<'p> {
    table: &'p Tree,
    /// The objects and lists above it with the keys that lead down, nearest last.
    above: Vec<(&'p str, &'p Tree)>,
    /// Rows of the tables that come before it in its join, as the server guesses.
    before: f64,
}

/// What is known of a statement beside its plan.
pub(super) struct Given<'a> {
    pub(super) schema: &'a Schema,
    /// The tables that were filled, by what the statement calls them.
    pub(super) names: Vec<Named<'a>>,
    pub(super) sorting: Option<Sorting>,
    /// At most so many rows are few.
    pub(super) few: f64,
}

/// The scans that an index could spare.
pub(super) fn suspects(plan: &Tree, given: &Given<'_>) -> Vec<Suspect> {
    let mut suspects = Vec::new();
    for place in places(plan) {
        if let Some(suspect) = suspected(&place, given)
            && !suspects.contains(&suspect)
        {
            suspects.push(suspect);
        }
    }
    suspects
}

/// The plan as a person reads it, a line for each table, without what differs from run to run.
pub(super) fn told(plan: &Tree) -> Vec<String> {
    let line = |place: &Place<'_>| {
        let part = |lead: &str, text: &str| if text.is_empty() { String::new() } else { format!("{lead}{text}") };
        format!(
            "{}: {}{}{}",
            place.table.text("table_name"),
            place.table.text("access_type"),
            part(" by ", place.table.text("key")),
            part(" where ", condition(place))
        )
    };
    places(plan).iter().map(line).collect()
}

fn suspected(place: &Place<'_>, given: &Given<'_>) -> Option<Suspect> {
    let alias = place.table.text("table_name");
    let table = given.names.iter().find(|named| named.alias == alias)?.table;
    let condition = condition(place);
    let is_whole = match place.table.text("access_type") {
        "ALL" => true,
        // An index walked from end to end, each of its rows tried.
        "index" => !condition.is_empty(),
        _ => false,
    };
    if !is_whole {
        return None;
    }
    let suspect = |cause, columns, condition| {
        Some(Suspect { scan: Scan { table: table.clone(), cause, columns }, alias: alias.to_owned(), condition })
    };
    if condition.is_empty() {
        let sorting = given.sorting.as_ref().filter(|sorting| sorting.is_of(alias, table, given))?;
        return if is_sorted(place) { suspect(Cause::Sort, vec![sorting.column.clone()], None) } else { None };
    }
    if is_search(condition) {
        return None;
    }
    let (mut own, mut others) = (Vec::new(), false);
    for (of, column) in names::references(condition) {
        if of == alias {
            if !own.contains(&column) {
                own.push(column);
            }
        } else {
            others = true;
        }
    }
    if own.is_empty() || serves(place.table, table, &own, given.schema) {
        return None;
    }
    if others {
        let is_met = place.before <= given.few && condition.contains('=');
        return if is_met { suspect(Cause::Join, own, None) } else { None };
    }
    suspect(Cause::Filter, own, Some(condition.to_owned()))
}

/// What rows of a table are tried for: at the table, or where it is joined through a buffer.
fn condition<'p>(place: &Place<'p>) -> &'p str {
    let own = place.table.text("attached_condition");
    if !own.is_empty() {
        return own;
    }
    let joined = place.above.last().filter(|(key, _)| *key == "block-nl-join");
    joined.map_or("", |(_, join)| join.text("attached_condition"))
}

/// Whether the server could have used an index that leads with a column of the condition, and went through the table by
/// its own choice.
fn serves(node: &Tree, table: &TableName, columns: &[String], schema: &Schema) -> bool {
    let possible = node.texts("possible_keys");
    let indexes = schema.tables.get(table).map(|table| table.indexes.as_slice()).unwrap_or_default();
    indexes.iter().any(|index| {
        possible.contains(&index.name.as_str()) && index.keys.first().is_some_and(|key| columns.contains(key))
    })
}

/// Whether all of a table is put in order, and nothing but its own rows.
fn is_sorted(place: &Place<'_>) -> bool {
    let mut above = place.above.iter().rev().peekable();
    // In a join only the first table can be put in order on its own.
    if above.peek().is_some_and(|(key, _)| *key == "nested_loop") {
        if place.before > 1.0 {
            return false;
        }
        above.next();
    }
    match above.next() {
        Some((_, node)) if node.is_true("using_filesort") => !node.is_true("using_temporary_table"),
        Some((key, _)) => *key == "filesort",
        None => false,
    }
}

/// Whether a condition searches in text, or for what no ordinary index answers.
fn is_search(condition: &str) -> bool {
    const SEARCHES: &[&str] = &[
        " like ",
        " regexp ",
        " rlike ",
        "regexp_",
        "match ",
        "match(",
        "locate(",
        "instr(",
        "position(",
        "json_",
        "member of",
        "find_in_set(",
        "exists",
        "subquery",
        "select ",
        "st_",
        "mbr",
    ];
    let condition = condition.to_lowercase();
    SEARCHES.iter().any(|search| condition.contains(search))
}

fn places(plan: &Tree) -> Vec<Place<'_>> {
    let mut places = Vec::new();
    let mut parts = 0;
    visit(plan, &mut Vec::new(), 1.0, &mut parts, &mut places);
    places
}

/// Goes through a part and gives the rows that it hands on, as the server guesses.
fn visit<'p>(
    part: &'p Tree,
    above: &mut Vec<(&'p str, &'p Tree)>,
    before: f64,
    parts: &mut usize,
    places: &mut Vec<Place<'p>>,
) -> f64 {
    *parts += 1;
    if *parts > PARTS || above.len() > DEPTH {
        return f64::MAX;
    }
    let mut rows = before;
    match part {
        Tree::List(items) => {
            for item in items {
                rows = visit(item, above, rows, parts, places);
            }
        }
        Tree::Object(pairs) => {
            for (key, value) in pairs {
                if key == "table" && !value.text("table_name").is_empty() {
                    places.push(Place { table: value, above: above.clone(), before: rows });
                    rows = handed_on(value, rows);
                }
                // What stands in a table is a query of its own.
                let is_own = key == "query_block" || key == "table";
                above.push((key, value));
                let inner = visit(value, above, if is_own { 1.0 } else { rows }, parts, places);
                above.pop();
                if !is_own {
                    rows = inner;
                }
            }
        }
        _ => {}
    }
    rows
}

fn handed_on(table: &Tree, before: f64) -> f64 {
    if let Some(rows) = table.number("rows_produced_per_join") {
        return rows;
    }
    let one = matches!(table.text("access_type"), "const" | "system" | "eq_ref");
    let rows = if one { Some(1.0) } else { table.number("rows") };
    let filtered = table.number("filtered").unwrap_or(100.0) / 100.0;
    rows.map_or(f64::MAX, |rows| before * rows * filtered)
}

impl Sorting {
    /// Whether the statement is ordered by a column of that table.
    fn is_of(&self, alias: &str, table: &TableName, given: &Given<'_>) -> bool {
        let known = given.schema.tables.get(table).is_some_and(|table| table.column(&self.column).is_some());
        known && self.of.as_deref().is_none_or(|of| of == alias || of == table.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Class, Column, Index, Table};

    fn schema() -> (Schema, TableName) {
        let column =
            |name: &str| Column { name: name.to_owned(), kind: "text".to_owned(), class: Class::Text, nullable: false };
        let index = |name: &str, keys: &[&str]| Index {
            name: name.to_owned(),
            unique: false,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            partial: false,
        };
        let table = Table {
            columns: ["id", "owner_id", "title", "made"].map(column).to_vec(),
            indexes: vec![index("PRIMARY", &["id"]), index("things_owner", &["owner_id", "made"])],
            ..Table::default()
        };
        let name = TableName { schema: String::new(), name: "things".to_owned() };
        (Schema { tables: [(name.clone(), table)].into() }, name)
    }

    fn seen(sql: &str, plan: &str) -> Vec<(Cause, String, Option<String>)> {
        let (schema, name) = schema();
        let names = names::named(sql, &[&name]);
        let given = Given { schema: &schema, names, sorting: names::sorting(sql), few: 800.0 };
        let found = suspects(&Tree::read(plan), &given);
        found.into_iter().map(|s| (s.scan.cause, s.scan.columns.join(","), s.condition)).collect()
    }

    /// A query block of one table, as MariaDB 10.11 prints it.
    fn one(inner: &str) -> String {
        format!(r#"{{"query_block": {{"select_id": 1, "nested_loop": [{inner}]}}}}"#)
    }

    #[test]
    fn a_condition_that_no_index_answers_is_suspected() {
        let plan = one(
            r#"{"table": {"table_name": "t", "access_type": "ALL", "possible_keys": ["things_owner"], "rows": 8190,
                "filtered": 100, "attached_condition": "lcase(t.title) = 'x'"}}"#,
        );
        let found = seen("SELECT * FROM things AS t WHERE LOWER(t.title) = 'x'", &plan);
        assert_eq!(found, [(Cause::Filter, "title".to_owned(), Some("lcase(t.title) = 'x'".to_owned()))]);
        // MySQL 8 names the database as well, and prints no list around a single table.
        let plan = r#"{"query_block": {"select_id": 1, "cost_info": {"query_cost": "9"}, "table": {"table_name": "things",
            "access_type": "ALL", "rows_examined_per_scan": 8000, "rows_produced_per_join": 800, "filtered": "10.00",
            "attached_condition": "(`shop`.`things`.`title` = 'x')"}}}"#;
        assert_eq!(seen("SELECT * FROM things WHERE title = 'x'", plan).len(), 1);
    }

    #[test]
    fn what_an_index_answers_or_none_can_is_not() {
        let scan = |rest: &str| one(&format!(r#"{{"table": {{"table_name": "things", "rows": 8190, {rest}}}}}"#));
        for rest in [
            r#""access_type": "ref", "key": "things_owner", "attached_condition": "things.owner_id = 'x'""#,
            r#""access_type": "ALL", "possible_keys": ["things_owner"], "attached_condition": "things.owner_id <> 'x'""#,
            r#""access_type": "ALL", "attached_condition": "things.title like '%x%'""#,
            r#""access_type": "ALL", "attached_condition": "'a' = 'b'""#,
            r#""access_type": "ALL""#,
            r#""access_type": "index", "key": "PRIMARY""#,
        ] {
            assert!(seen("SELECT * FROM things", &scan(rest)).is_empty(), "{rest}");
        }
        // The index is there, and what is asked of its column keeps it from being used.
        let plan = scan(r#""access_type": "ALL", "attached_condition": "concat(things.`id`,'') = 'x'""#);
        assert_eq!(seen("SELECT * FROM things", &plan)[0].1, "id");
    }

    #[test]
    fn a_page_of_a_sorted_table_is_told_apart() {
        let table = r#""table": {"table_name": "things", "access_type": "ALL", "rows": 8190}"#;
        let maria =
            one(&format!(r#"{{"read_sorted_file": {{"filesort": {{"sort_key": "things.made desc", {table}}}}}}}"#));
        let mysql = format!(r#"{{"query_block": {{"ordering_operation": {{"using_filesort": true, {table}}}}}}}"#);
        for plan in [maria.as_str(), mysql.as_str()] {
            let page = "SELECT * FROM things ORDER BY things.made DESC, id LIMIT 10";
            assert_eq!(seen(page, plan), [(Cause::Sort, "made".to_owned(), None)]);
            assert!(seen("SELECT * FROM things ORDER BY made", plan).is_empty(), "all of it is wanted");
            assert!(seen("SELECT * FROM things ORDER BY lower(title) LIMIT 3", plan).is_empty(), "computed");
        }
        let second = format!(
            r#"{{"query_block": {{"ordering_operation": {{"using_filesort": true, "nested_loop": [
                {{"table": {{"table_name": "p", "access_type": "ALL", "rows": 8000}}}}, {{{table}}}]}}}}}}"#
        );
        assert!(
            seen("SELECT * FROM people p, things ORDER BY things.made LIMIT 3", &second).is_empty(),
            "joined first"
        );
        let grouped = one(&format!(r#"{{"filesort": {{"temporary_table": {{{table}}}}}}}"#));
        assert!(seen("SELECT made FROM things GROUP BY made ORDER BY made LIMIT 3", &grouped).is_empty());
    }

    #[test]
    fn a_join_without_an_index_counts_where_few_rows_come_to_it() {
        let join = |rows: u32| {
            one(&format!(
                r#"{{"table": {{"table_name": "p", "access_type": "ref", "rows": {rows}, "filtered": 100}}}},
                   {{"block-nl-join": {{"table": {{"table_name": "t", "access_type": "ALL", "rows": 8190}},
                     "attached_condition": "t.title = p.`name`"}}}}"#
            ))
        };
        let sql = "SELECT * FROM people p JOIN things t ON t.title = p.name";
        assert_eq!(seen(sql, &join(20)), [(Cause::Join, "title".to_owned(), None)]);
        assert!(seen(sql, &join(8_000)).is_empty());
    }

    #[test]
    fn a_plan_is_told_without_numbers() {
        let plan = one(
            r#"{"table": {"table_name": "t", "access_type": "ref", "key": "k", "rows": 7, "attached_condition": "t.a = 1"}}"#,
        );
        assert_eq!(told(&Tree::read(&plan)), ["t: ref by k where t.a = 1"]);
    }

    #[test]
    fn nonsense_shows_no_scan() {
        for plan in ["", "[]", "7", r#"{"table": 7}"#, r#"{"table": {"table_name": 7}}"#] {
            assert!(seen("SELECT * FROM things", plan).is_empty());
        }
    }
}
