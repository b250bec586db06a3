//! Reading a plan: which whole tables it goes through for the sake of a few rows, and whether an index serves instead.
//!
//! What a plan is, is the server's (`EXPLAIN (FORMAT JSON)`); it is read as text that anybody may have written.

use serde_json::Value;

use crate::plans::rows::few;
use crate::plans::{Cause, SELECTIVE, Scan};
use crate::schema::{Schema, TableName};

/// Nodes of one plan that are read, and their depth.
const NODES: usize = 500;
const DEPTH: usize = 40;
/// A node with those above it, nearest last.
struct Visit<'p> {
    node: &'p Value,
    above: Vec<&'p Value>,
}

/// The scans of `tables` that an index could spare.
pub(super) fn scans(plan: &Value, schema: &Schema, tables: &[&TableName]) -> Vec<Scan> {
    let few = few(SELECTIVE);
    let mut scans = Vec::new();
    for visit in visits(plan) {
        let Some(table) = scanned(visit.node, tables) else { continue };
        if let Some(scan) = wasted(&visit, table, schema, few)
            && !scans.contains(&scan)
        {
            scans.push(scan);
        }
    }
    scans
}

/// Whether a plan reaches a table by an index's condition somewhere, and goes through it nowhere.
pub(super) fn is_served(plan: &Value, table: &TableName) -> bool {
    let visits = visits(plan);
    let of_table: Vec<&Value> = visits.iter().map(|visit| visit.node).filter(|node| is_of(node, table)).collect();
    !of_table.is_empty() && of_table.iter().all(|node| scanned(node, &[table]).is_none())
}

fn wasted(visit: &Visit<'_>, table: &TableName, schema: &Schema, few: f64) -> Option<Scan> {
    let columns = |text: &str| -> Vec<String> {
        let known = schema.tables.get(table).map(|table| table.columns.as_slice()).unwrap_or_default();
        known.iter().map(|column| &column.name).filter(|name| mentions(text, name)).cloned().collect()
    };
    let scan = |cause, columns| Some(Scan { table: table.clone(), cause, columns });
    let filter = text(visit.node, "Filter");
    if !filter.is_empty() {
        if is_search(filter) {
            return None;
        }
        if number(visit.node, "Plan Rows") <= few {
            return scan(Cause::Filter, columns(filter));
        }
    }
    if filter.is_empty()
        && let Some(join) = visit.above.iter().rev().find(|node| !PASSING.contains(&text(node, "Node Type")))
        && text(join, "Node Type").ends_with("Join")
        && number(join, "Plan Rows") <= few
    {
        let condition = ["Hash Cond", "Merge Cond", "Join Filter"].map(|name| text(join, name)).join(" ");
        let columns: Vec<String> = columns(&condition);
        return if columns.is_empty() { None } else { scan(Cause::Join, columns) };
    }
    sorted(visit).and_then(|keys| {
        let columns: Vec<String> = columns(&keys.first()?.to_string());
        if columns.is_empty() { None } else { scan(Cause::Sort, columns) }
    })
}

/// Nodes that hand on the rows below them.
const PASSING: &[&str] = &["Hash", "Sort", "Incremental Sort", "Materialize", "Memoize", "Gather", "Gather Merge"];

/// The keys of a sort that a limit cuts, directly above a scan.
fn sorted<'p>(visit: &Visit<'p>) -> Option<&'p Vec<Value>> {
    let mut above = visit.above.iter().rev().skip_while(|node| text(node, "Node Type") == "LockRows");
    let sort = above.next().filter(|node| text(node, "Node Type") == "Sort")?;
    above
        .find(|node| !["LockRows", "Result", "Subquery Scan", "WindowAgg"].contains(&text(node, "Node Type")))
        .filter(|node| text(node, "Node Type") == "Limit")?;
    let keys = sort.get("Sort Key")?.as_array()?;
    // What is computed, no ordinary index holds in order.
    keys.iter().all(|key| key.as_str().is_some_and(|key| !key.contains('('))).then_some(keys)
}

/// The table that a node goes through from end to end: a sequential scan, or an index walked without a condition.
fn scanned<'t>(node: &Value, tables: &[&'t TableName]) -> Option<&'t TableName> {
    let whole = match text(node, "Node Type") {
        "Seq Scan" => true,
        "Index Scan" | "Index Only Scan" => node.get("Index Cond").is_none() && node.get("Filter").is_some(),
        _ => false,
    };
    tables.iter().find(|table| whole && is_of(node, table)).copied()
}

fn is_of(node: &Value, table: &TableName) -> bool {
    text(node, "Relation Name") == table.name
}

/// Whether a condition searches in text, or for what no ordinary index answers: a pattern that may begin with anything, a
/// regular expression, a full-text match, an inequality alone, a subquery.
fn is_search(filter: &str) -> bool {
    const SEARCHES: &[&str] = &[
        "~~",
        " ~ ",
        " ~* ",
        " @@ ",
        "strpos(",
        "\"position\"(",
        "SubPlan",
        "<->",
        " % ",
        "similarity(",
        " @> ",
        " ? ",
    ];
    SEARCHES.iter().any(|search| filter.contains(search))
}

fn mentions(text: &str, column: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == column)
}

fn visits(plan: &Value) -> Vec<Visit<'_>> {
    let mut visits = Vec::new();
    let root = plan.get(0).unwrap_or(plan).get("Plan");
    let mut waiting: Vec<Visit<'_>> = root.map(|node| Visit { node, above: Vec::new() }).into_iter().collect();
    while let Some(visit) = waiting.pop() {
        if visits.len() >= NODES || visit.above.len() >= DEPTH {
            break;
        }
        for node in visit.node.get("Plans").and_then(Value::as_array).into_iter().flatten() {
            let above = visit.above.iter().copied().chain([visit.node]).collect();
            waiting.push(Visit { node, above });
        }
        visits.push(visit);
    }
    visits
}

fn text<'v>(node: &'v Value, name: &str) -> &'v str {
    node.get(name).and_then(Value::as_str).unwrap_or("")
}

fn number(node: &Value, name: &str) -> f64 {
    node.get(name).and_then(Value::as_f64).unwrap_or(f64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::{Class, Column, Table};

    fn name() -> TableName {
        TableName { schema: "public".to_owned(), name: "things".to_owned() }
    }

    fn scans_of(plan: Value) -> Vec<Scan> {
        let column =
            |name: &str| Column { name: name.to_owned(), kind: "text".to_owned(), class: Class::Text, nullable: false };
        let table = Table { columns: ["id", "owner_id", "title", "made"].map(column).to_vec(), ..Table::default() };
        let schema = Schema { tables: [(name(), table)].into() };
        scans(&json!([{"Plan": plan}]), &schema, &[&name()])
    }

    fn scan(rows: u32, filter: Option<&str>) -> Value {
        let mut node = json!({"Node Type": "Seq Scan", "Relation Name": "things", "Plan Rows": rows});
        if let Some(filter) = filter {
            node["Filter"] = json!(filter);
        }
        node
    }

    #[test]
    fn a_whole_table_for_a_few_rows_is_told() {
        let found = scans_of(scan(20, Some("(owner_id = '7'::uuid)")));
        assert_eq!(found, [Scan { table: name(), cause: Cause::Filter, columns: vec!["owner_id".to_owned()] }]);
        let walked = json!({"Node Type": "Limit", "Plans": [
            {"Node Type": "Index Scan", "Relation Name": "things", "Plan Rows": 20, "Filter": "(owner_id = 7)"}]});
        assert_eq!(scans_of(walked).len(), 1);
    }

    #[test]
    fn a_join_that_meets_few_rows_is_told() {
        let join = |rows: u32| {
            json!({"Node Type": "Hash Join", "Plan Rows": rows, "Hash Cond": "(things.owner_id = people.id)", "Plans": [
                scan(8_000, None), {"Node Type": "Hash", "Plans": [{"Node Type": "Index Scan", "Relation Name": "people"}]}]})
        };
        assert_eq!(scans_of(join(20))[0].cause, Cause::Join);
        assert!(scans_of(join(8_000)).is_empty());
    }

    #[test]
    fn a_page_of_a_sorted_table_is_told_apart() {
        let page = |key: &str, below: Value| json!({"Node Type": "Limit", "Plans": [{"Node Type": "Sort", "Sort Key": [key], "Plans": [below]}]});
        assert_eq!(scans_of(page("made DESC", scan(8_000, None)))[0].cause, Cause::Sort);
        assert!(scans_of(page("lower(title)", scan(8_000, None))).is_empty());
        let bounded = json!({"Node Type": "Limit", "Plans": [
            {"Node Type": "Index Scan", "Relation Name": "things", "Plan Rows": 8000}]});
        assert!(scans_of(bounded).is_empty());
    }

    #[test]
    fn what_no_index_spares_is_right() {
        assert!(scans_of(scan(8_000, None)).is_empty());
        assert!(scans_of(scan(7_000, Some("(deleted IS NULL)"))).is_empty());
        assert!(scans_of(scan(8, Some("((title)::text ~~* '%x%'::text)"))).is_empty());
        assert!(scans_of(json!({"Node Type": "Aggregate", "Plans": [scan(8_000, None)]})).is_empty());
        let served = json!({"Node Type": "Bitmap Heap Scan", "Relation Name": "things", "Plan Rows": 20,
            "Recheck Cond": "(owner_id = 7)"});
        assert!(scans_of(served).is_empty());
    }

    #[test]
    fn an_index_serves_where_the_server_has_nothing_else() {
        let plan = |node: Value| json!([{"Plan": {"Node Type": "Limit", "Plans": [node]}}]);
        assert!(is_served(&plan(json!({"Node Type": "Bitmap Heap Scan", "Relation Name": "things"})), &name()));
        assert!(!is_served(&plan(scan(20, Some("(owner_id = 7)"))), &name()));
        assert!(!is_served(&plan(json!({"Node Type": "Result"})), &name()));
    }

    #[test]
    fn nonsense_is_no_plan() {
        for plan in [json!(null), json!([]), json!([{"Plan": 7}]), json!({"Plan": {"Plans": [[], 7, {"Plans": {}}]}})] {
            assert!(scans(&plan, &Schema::default(), &[&name()]).is_empty());
        }
    }
}
