//! The table of a cohort: what of it is wanted, in which order, and how a row reads. Pure.

use std::cmp::Ordering;

use grader_store::{Cohort, CohortFilter};

use super::attempts::{Cell, cell, flags};
use super::cohort::Asked;
use super::rows::Row;
use crate::web::Problem;

/// A column's head.
pub(super) struct Head {
    pub(super) text: String,
    /// Where a click sorts by it; empty where it cannot.
    pub(super) href: String,
    /// As `aria-sort` says it; empty for a column that the rows are not sorted by.
    pub(super) sorted: &'static str,
}

/// A submission.
pub(super) struct TableRow {
    pub(super) row: Row,
    pub(super) percentile: String,
    pub(super) cells: Vec<Cell>,
    pub(super) flags: Vec<String>,
}

impl Asked {
    /// What the store filters and sorts.
    ///
    /// # Errors
    /// A 422 problem for a bound that is no percentage.
    pub(super) fn filter(&self, spec: &str) -> Result<CohortFilter, Problem> {
        let bound = |name: &str, text: &str| match text.trim().replace(',', ".").as_str() {
            "" => Ok(None),
            text => match text.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Some(percent)),
                _ => Err(Problem::invalid_field(name, "must be a number from 0 to 100")),
            },
        };
        Ok(CohortFilter {
            spec: spec.to_owned(),
            lowest: bound("from", &self.least)?,
            highest: bound("to", &self.most)?,
            ascending: self.by() == "score" && self.ascending(),
        })
    }

    fn by(&self) -> &str {
        if self.sort.is_empty() { "score" } else { &self.sort }
    }

    /// Scores begin with the best, names with A.
    fn ascending(&self) -> bool {
        match self.order.as_str() {
            "asc" => true,
            "desc" => false,
            _ => self.by() == "name",
        }
    }

    /// The page with some of what was asked for in another way.
    pub(super) fn link(&self, spec: &str, other: &[(&str, &str)]) -> String {
        let page = format!("/cohort/{spec}?");
        let asked_from = page.len();
        let mut link = url::form_urlencoded::Serializer::for_suffix(page, asked_from);
        let present = [
            ("sort", &self.sort),
            ("order", &self.order),
            ("least", &self.least),
            ("most", &self.most),
            ("flag", &self.flag),
            ("search", &self.search),
        ];
        for (name, value) in present {
            if !value.is_empty() && other.iter().all(|(changed, _)| *changed != name) {
                link.append_pair(name, value);
            }
        }
        for (name, value) in other {
            link.append_pair(name, value);
        }
        link.finish()
    }
}

/// Whether a row of a whole cohort is asked for; the bounds were the store's.
pub(super) fn wanted(row: &Row, query: &Asked) -> bool {
    let has_flag = || row.run.summary.iter().flat_map(|summary| &summary.flags).any(|flag| *flag == query.flag);
    let named = || row.name.to_lowercase().contains(&query.search.trim().to_lowercase());
    (query.flag.is_empty() || has_flag()) && named()
}

/// Sorts the rows of a whole cohort.
pub(super) fn sorted(rows: &mut [Row], query: &Asked) {
    let by = query.by();
    let order = |one: &Row, other: &Row| match by {
        "score" => number(one.run.percent, other.run.percent),
        "name" => one.name.to_lowercase().cmp(&other.name.to_lowercase()),
        criterion => number(cell(&one.run, criterion).share, cell(&other.run, criterion).share),
    };
    rows.sort_by(|one, other| if query.ascending() { order(one, other) } else { order(other, one) });
}

/// What was not measured is less than nothing.
fn number(one: Option<f64>, other: Option<f64>) -> Ordering {
    one.unwrap_or(-1.0).total_cmp(&other.unwrap_or(-1.0))
}

/// The criteria of the rows, by id, in the order in which they are met.
fn criteria(rows: &[Row]) -> Vec<(String, String)> {
    let mut known: Vec<(String, String)> = Vec::new();
    for criterion in rows.iter().flat_map(|row| &row.run.summary).flat_map(|summary| &summary.criteria) {
        if known.iter().all(|(id, _)| *id != criterion.id) {
            known.push((criterion.id.clone(), criterion.title.clone()));
        }
    }
    known
}

/// The heads of the columns.
pub(super) fn heads(spec: &str, rows: &[Row], query: &Asked, whole: bool) -> Vec<Head> {
    let head = |by: &str, text: &str, sortable: bool| {
        let present = query.by() == by;
        // A second click turns the order round.
        let turned = if present { !query.ascending() } else { by == "name" };
        Head {
            text: text.to_owned(),
            href: match sortable {
                true => query.link(spec, &[("sort", by), ("order", if turned { "asc" } else { "desc" })]),
                false => String::new(),
            },
            sorted: match (present, query.ascending()) {
                (false, _) => "",
                (true, true) => "ascending",
                (true, false) => "descending",
            },
        }
    };
    let mut heads =
        vec![head("name", "Submission", whole), head("score", "Score", true), head("", "Percentile", false)];
    heads.extend(criteria(rows).iter().map(|(id, title)| head(id, title, whole)));
    heads.extend([head("", "Red flags", false), head("", "Compare", false)]);
    heads
}

/// The rows as they are shown.
pub(super) fn table(rows: Vec<Row>, cohort: &Cohort) -> Vec<TableRow> {
    let criteria = criteria(&rows);
    rows.into_iter()
        .map(|row| TableRow {
            percentile: row
                .run
                .percent
                .map_or(String::new(), |percent| format!("{:.0}", cohort.standing(percent).percentile)),
            cells: criteria
                .iter()
                .map(|(id, _)| {
                    let cell = cell(&row.run, id);
                    Cell { text: cell.share.map_or(cell.text, |share| format!("{share:.0} %")), share: cell.share }
                })
                .collect(),
            flags: flags(&row.run),
            row,
        })
        .collect()
}

/// The skill matrix of the rows: the areas, and for each row the levels shown.
pub(super) fn matrix(rows: &[Row]) -> (Vec<String>, Vec<(String, Vec<&'static str>)>) {
    let mut areas: Vec<String> = Vec::new();
    for (area, _) in rows.iter().flat_map(|row| &row.run.summary).flat_map(|summary| &summary.matrix) {
        if !areas.contains(area) {
            areas.push(area.clone());
        }
    }
    if areas.is_empty() {
        return (areas, Vec::new());
    }
    let levels = |row: &Row| {
        let shown = |area: &String| {
            let found = row.run.summary.iter().flat_map(|summary| &summary.matrix).find(|(name, _)| name == area);
            found.and_then(|(_, level)| *level).map_or("none", |level| level.as_str())
        };
        areas.iter().map(shown).collect()
    };
    let rows = rows.iter().map(|row| (row.name.clone(), levels(row))).collect();
    (areas, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(sort: &str, order: &str) -> Asked {
        Asked { sort: sort.to_owned(), order: order.to_owned(), ..Asked::default() }
    }

    #[test]
    fn a_click_sorts_and_a_second_one_turns_it_round() {
        let heads = heads("x", &[], &asked("", ""), true);
        assert_eq!((heads[1].sorted, heads[1].href.as_str()), ("descending", "/cohort/x?sort=score&order=asc"));
        assert_eq!((heads[0].sorted, heads[0].href.as_str()), ("", "/cohort/x?sort=name&order=asc"));
    }

    #[test]
    fn a_large_cohort_is_sorted_by_score_alone() {
        let heads = heads("x", &[], &asked("", ""), false);
        assert!(heads[0].href.is_empty() && !heads[1].href.is_empty());
    }

    #[test]
    fn bounds_are_percentages() {
        let with = |least: &str| Asked { least: least.to_owned(), ..Asked::default() }.filter("x");
        assert_eq!(with("12,5").expect("a bound").lowest, Some(12.5));
        assert_eq!(with(" ").expect("none").lowest, None);
        assert!(with("-1").is_err() && with("many").is_err());
    }

    #[test]
    fn links_keep_what_else_was_asked_for() {
        let query = Asked { flag: "a&b".to_owned(), ..asked("name", "asc") };
        assert_eq!(query.link("x", &[("order", "desc")]), "/cohort/x?sort=name&flag=a%26b&order=desc");
    }
}
