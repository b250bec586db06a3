//! The schema that a probe asks for beside the one that it found, in the words of SQL and a line each: short enough to
//! read, and what the report makes its diff of. Knows no engine and no verdict.

use grader_model::Finding;

/// Lines of either side that are shown at the most.
const MOST: usize = 40;

/// Lines of both schemas, in the order in which they were looked at.
#[derive(Debug, Default)]
pub(crate) struct Difference(Vec<Line>);

#[derive(Debug)]
struct Line {
    wanted: String,
    /// What stands in its place; `None` where nothing does.
    found: Option<String>,
}

impl Line {
    fn differs(&self) -> bool {
        self.found.as_ref() != Some(&self.wanted)
    }
}

impl Difference {
    /// A line that is as it should be.
    pub(crate) fn same(&mut self, line: String) {
        self.0.push(Line { found: Some(line.clone()), wanted: line });
    }

    /// A line that should read otherwise.
    pub(crate) fn other(&mut self, wanted: String, found: String) {
        self.0.push(Line { wanted, found: Some(found) });
    }

    /// A line that should be there.
    pub(crate) fn missing(&mut self, wanted: String) {
        self.0.push(Line { wanted, found: None });
    }

    /// How many lines are not as wanted.
    pub(crate) fn differing(&self) -> usize {
        self.0.iter().filter(|line| line.differs()).count()
    }

    /// How many lines were wanted.
    pub(crate) fn wanted(&self) -> usize {
        self.0.len()
    }

    /// The finding with both schemas as what was expected and what is. Of a large schema only what differs is shown.
    pub(crate) fn tell(mut self, finding: Finding) -> Finding {
        if self.0.len() > MOST {
            self.0.retain(Line::differs);
            self.0.truncate(MOST);
        }
        let wanted: Vec<&str> = self.0.iter().map(|line| line.wanted.as_str()).collect();
        let found: Vec<&str> = self.0.iter().filter_map(|line| line.found.as_deref()).collect();
        let found = if found.is_empty() { "nothing of it".to_owned() } else { found.join("\n") };
        finding.expected(wanted.join("\n")).actual(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemas_are_told_in_the_same_order() {
        let mut schema = Difference::default();
        schema.same("a.x integer NOT NULL".to_owned());
        schema.other("a.y integer NOT NULL".to_owned(), "a.y integer".to_owned());
        schema.missing("INDEX ON a (y)".to_owned());
        assert_eq!((schema.differing(), schema.wanted()), (2, 3));
        let finding = schema.tell(Finding::fail("db.x", "…"));
        assert_eq!(finding.expected, "a.x integer NOT NULL\na.y integer NOT NULL\nINDEX ON a (y)");
        assert_eq!(finding.actual, "a.x integer NOT NULL\na.y integer");
    }

    #[test]
    fn nothing_found_is_said() {
        let mut schema = Difference::default();
        schema.missing("UNIQUE (a.x)".to_owned());
        assert_eq!(schema.tell(Finding::fail("db.x", "…")).actual, "nothing of it");
    }

    #[test]
    fn of_a_large_schema_what_differs_is_shown() {
        let mut schema = Difference::default();
        (0..500).for_each(|number| schema.same(format!("a.c{number} integer NOT NULL")));
        schema.other("a.y integer NOT NULL".to_owned(), "a.y integer".to_owned());
        assert_eq!(schema.wanted(), 501);
        let finding = schema.tell(Finding::fail("db.x", "…"));
        assert_eq!((finding.expected.as_str(), finding.actual.as_str()), ("a.y integer NOT NULL", "a.y integer"));
    }
}
