//! Holding an answer against what a step expects: pure, and the same words for the same answer.

use jsonschema::Validator;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::{BodyExpect, Expect};

/// An answer as expectations look at it.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    pub status: u16,
    /// As a person reads it, such as `403 Forbidden`, or why nothing came.
    pub status_line: String,
    pub headers: &'a [(String, String)],
    pub body: Option<&'a Value>,
    pub millis: u64,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    pub expected: String,
    pub actual: String,
}

/// Characters of a value that a miss shows.
const SHOWN: usize = 120;

impl Expect {
    /// What of it does not hold for one answer.
    pub fn misses(&self, seen: &Seen<'_>) -> Vec<Miss> {
        let mut misses = Vec::new();
        if !self.status.is_empty() && !self.status.contains(&seen.status) {
            let wanted: Vec<String> = self.status.iter().map(u16::to_string).collect();
            misses.push(Miss {
                expected: format!("status {}", wanted.join(" or ")),
                actual: format!("status {}", seen.status_line),
            });
        }
        for (name, part) in &self.headers {
            let values: Vec<&str> = seen
                .headers
                .iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.as_str())
                .collect();
            if !values.iter().any(|value| value.to_lowercase().contains(&part.to_lowercase())) {
                let actual = if values.is_empty() { "no such header".to_owned() } else { values.join(", ") };
                misses
                    .push(Miss { expected: format!("{name}: {part}"), actual: format!("{name}: {}", short(&actual)) });
            }
        }
        misses.extend(self.body.iter().filter_map(|wanted| wanted.miss(seen.body)));
        if let Some(schema) = &self.schema {
            misses.extend(schema_miss(schema, seen.body));
        }
        if let Some(most) = self.within_millis
            && seen.millis > most
        {
            misses.push(Miss { expected: format!("an answer within {most} ms"), actual: "a later answer".to_owned() });
        }
        misses
    }

    /// What of the numbers of statuses does not hold over several answers.
    pub fn count_misses(&self, statuses: &[u16]) -> Vec<Miss> {
        let count = |status: &str| statuses.iter().filter(|seen| seen.to_string() == status).count();
        self.statuses
            .iter()
            .filter(|(status, wanted)| count(status) != **wanted as usize)
            .map(|(status, wanted)| Miss {
                expected: format!("{wanted} of {} answers are {status}", statuses.len()),
                actual: format!("{} of {} answers are {status}", count(status), statuses.len()),
            })
            .collect()
    }

    /// What of the rows does not hold: columns that are not named are not looked at.
    pub fn row_misses(&self, columns: &[String], rows: &[Vec<Option<String>>]) -> Vec<Miss> {
        let Some(wanted) = &self.rows else { return Vec::new() };
        let cell = |row: &[Option<String>], name: &str| -> String {
            let at = columns.iter().position(|column| column.eq_ignore_ascii_case(name));
            match at.and_then(|at| row.get(at)) {
                Some(Some(text)) => text.clone(),
                Some(None) => "NULL".to_owned(),
                None => "no such column".to_owned(),
            }
        };
        let mut misses = Vec::new();
        if wanted.len() != rows.len() {
            misses.push(Miss { expected: format!("{} rows", wanted.len()), actual: format!("{} rows", rows.len()) });
        }
        for (number, (wanted, row)) in wanted.iter().zip(rows).enumerate() {
            for (column, value) in wanted {
                let got = cell(row, column);
                if got != *value {
                    let place = format!("row {} {column}", number + 1);
                    misses.push(Miss {
                        expected: format!("{place}: {}", short(value)),
                        actual: format!("{place}: {}", short(&got)),
                    });
                }
            }
        }
        misses
    }
}

impl BodyExpect {
    fn miss(&self, body: Option<&Value>) -> Option<Miss> {
        // Specs are checked before they run; an unchecked one finds nothing.
        let path = JsonPath::parse(&self.path).ok()?;
        let found: Vec<&Value> = body.map(|body| path.query(body).all()).unwrap_or_default();
        let miss = |expected: String, actual: String| {
            Some(Miss { expected: format!("{} {expected}", self.path), actual: format!("{} {actual}", self.path) })
        };
        let first = || found.first().map_or_else(|| "finds nothing".to_owned(), |value| format!("is {}", shown(value)));
        if let Some(wanted) = &self.equals
            && !found.first().is_some_and(|value| same(value, wanted))
        {
            return miss(format!("is {}", shown(wanted)), first());
        }
        if let Some(unwanted) = &self.not
            && found.iter().any(|value| same(value, unwanted))
        {
            return miss(format!("is not {}", shown(unwanted)), format!("is {}", shown(unwanted)));
        }
        if let Some(wanted) = self.exists
            && wanted == found.is_empty()
        {
            let words = |exists: bool| if exists { "is there" } else { "is not there" };
            return miss(words(wanted).to_owned(), words(!wanted).to_owned());
        }
        if let Some(wanted) = self.count
            && wanted != found.len()
        {
            return miss(format!("finds {wanted}"), format!("finds {}", found.len()));
        }
        None
    }
}

/// Whether a text is a JSONPath.
///
/// # Errors
/// What is wrong with it.
pub(super) fn path(text: &str) -> Result<(), String> {
    JsonPath::parse(text).map(drop).map_err(|error| error.to_string())
}

/// The first value that a JSONPath finds in a document; `None` where it finds nothing or is no path.
pub fn first<'v>(path: &str, body: &'v Value) -> Option<&'v Value> {
    JsonPath::parse(path).ok()?.query(body).first()
}

/// A validator that fetches nothing: references outside the schema are an error.
pub(super) fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::draft202012::options().build(schema).map_err(|error| error.to_string())
}

fn schema_miss(schema: &Value, body: Option<&Value>) -> Option<Miss> {
    let expected = "a body that fits the schema".to_owned();
    let Some(body) = body else { return Some(Miss { expected, actual: "no JSON body".to_owned() }) };
    let validator = validator(schema).ok()?;
    let error = validator.iter_errors(body).next()?;
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "the body".to_owned() } else { place };
    Some(Miss { expected, actual: format!("{place}: {}", short(&error.to_string())) })
}

/// Equal as values: a number and a text that read alike are.
fn same(a: &Value, b: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    a == b || text(a).is_some() && text(a) == text(b)
}

fn shown(value: &Value) -> String {
    short(&value.to_string())
}

fn short(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn expect(value: Value) -> Expect {
        serde_json::from_value(value).expect("an expectation")
    }

    fn misses(wanted: Value, status: u16, body: &Value) -> Vec<(String, String)> {
        let headers = [("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        let seen = Seen { status, status_line: status.to_string(), headers: &headers, body: Some(body), millis: 20 };
        expect(wanted).misses(&seen).into_iter().map(|miss| (miss.expected, miss.actual)).collect()
    }

    #[test]
    fn what_holds_is_silent() {
        let body = json!({"id": 7, "items": [{"n": 1}, {"n": 2}]});
        let wanted = json!({
            "status": [200, 201], "headers": {"Content-Type": "JSON"}, "within_millis": 100,
            "body": [
                {"path": "$.id", "equals": "7"}, {"path": "$.items[*]", "count": 2},
                {"path": "$.secret", "exists": false}, {"path": "$.items[*].n", "not": 3}
            ],
            "schema": {"type": "object", "required": ["id"]}
        });
        assert_eq!(misses(wanted, 201, &body), []);
    }

    #[test]
    fn each_thing_that_does_not_hold_is_told() {
        let body = json!({"id": 7, "items": []});
        let wanted = json!({
            "status": [403], "headers": {"etag": ""}, "within_millis": 10,
            "body": [
                {"path": "$.id", "equals": 8}, {"path": "$.items[*]", "count": 1},
                {"path": "$.id", "exists": false}, {"path": "$.id", "not": 7}
            ],
            "schema": {"type": "array"}
        });
        let told = misses(wanted, 200, &body);
        assert_eq!(told[0], ("status 403".into(), "status 200".into()));
        assert_eq!(told[1], ("etag: ".into(), "etag: no such header".into()));
        assert_eq!(told[2], ("$.id is 8".into(), "$.id is 7".into()));
        assert_eq!(told.len(), 8, "{told:?}");
    }

    #[test]
    fn answers_and_rows_are_counted() {
        let wanted = expect(json!({"statuses": {"201": 1, "409": 2}}));
        assert_eq!(wanted.count_misses(&[201, 409, 409]), []);
        assert_eq!(wanted.count_misses(&[201, 201, 409]).len(), 2);
        let wanted = expect(json!({"rows": [{"n": "1"}]}));
        let row = |text: &str| vec![vec![Some(text.to_owned())]];
        assert_eq!(wanted.row_misses(&["N".to_owned()], &row("1")), []);
        assert_eq!(wanted.row_misses(&["n".to_owned()], &row("2")).len(), 1);
        assert_eq!(wanted.row_misses(&["n".to_owned()], &[]).len(), 1);
    }

    #[test]
    fn schemas_fetch_nothing() {
        assert!(validator(&json!({"$ref": "https://example.com/schema.json"})).is_err());
        assert!(validator(&json!({"type": "nothing"})).is_err());
    }
}
