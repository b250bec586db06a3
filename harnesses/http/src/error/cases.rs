//! Creates with one flaw each, by the kind of the field that has it: what `error.validation` and
//! `error.validation.details` send.
//!
//! It knows kinds of fields, never their names, and decides nothing.

use grader_spec::{Action, Field, FieldKind};
use harness_kit::operation::WireField;
use harness_kit::wire::{self, Shape};
use harness_kit::{Request, Stop, Values};
use serde_json::{Map, Value, json};

use super::support::Sound;

/// Characters that no title or name has, and few enough to stay below customary limits of a body.
pub(super) const ABSURD: usize = 20_000;

/// What is wrong with a body. Each weighs the same, however many fields can have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flaw {
    Missing,
    WrongType,
    Empty,
    NegativeMoney,
    BadCount,
    Long,
    BadAddress,
    BadCode,
}

/// A request with one flaw.
pub(super) struct Case {
    pub(super) flaw: Flaw,
    /// The field's id in the spec.
    pub(super) field: String,
    /// Its name on the wire.
    pub(super) name: String,
    /// Name and flaw, as people would say it.
    pub(super) what: String,
    pub(super) request: Request,
}

/// Every flaw that the fields of the main resource can have, each in an otherwise sound create.
pub(super) fn creates(sound: &Sound, values: &mut Values) -> Result<Vec<Case>, Stop> {
    let create = sound.main.operation(Action::Create)?;
    let mut cases = Vec::new();
    for (id, field) in &sound.main.spec.fields {
        let Some(spelt) = create.fields.get(id) else { continue };
        for (flaw, what, value) in flaws(field, spelt) {
            let mut body = sound.body(values)?;
            put(&mut body, &spelt.name, value);
            cases.push(Case {
                flaw,
                field: id.clone(),
                name: spelt.name.clone(),
                what: format!("{} {what}", spelt.name),
                request: sound.request(body)?,
            });
        }
    }
    Ok(cases)
}

/// Sets a member, or removes it where there is no value.
pub(super) fn put(body: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            body.insert(name.to_owned(), value);
        }
        None => {
            body.shift_remove(name);
        }
    }
}

/// The flaws that a field can have: what people call it, and the value in the submission's own form; no value leaves
/// the member out.
fn flaws(field: &Field, spelt: &WireField) -> Vec<(Flaw, String, Option<Value>)> {
    let written = |value: Value| Some(wire::encode(field.kind, &value, spelt.shape));
    let mut found = Vec::new();
    if field.required {
        found.push((Flaw::Missing, "missing".to_owned(), None));
    }
    match field.kind {
        FieldKind::Text | FieldKind::Name => {
            // An object, since many frameworks rightly read a number as text.
            found.push((Flaw::WrongType, "as an object".to_owned(), Some(json!({"unexpected": true}))));
            if field.required {
                found.push((Flaw::Empty, "empty".to_owned(), written(json!(""))));
            }
            found.push((Flaw::Long, format!("of {ABSURD} characters"), written(json!("x".repeat(ABSURD)))));
        }
        FieldKind::Money => {
            found.push((Flaw::WrongType, "as words".to_owned(), Some(json!("not a number"))));
            let below = field.min.unwrap_or(0.0) - 1.0;
            found.push((Flaw::NegativeMoney, format!("of {below}"), written(json!(below))));
        }
        FieldKind::Count => {
            found.push((Flaw::WrongType, "as words".to_owned(), Some(json!("not a number"))));
            found.push((Flaw::BadCount, "of -1".to_owned(), written(json!(-1))));
            let broken = if spelt.shape == Shape::Text { json!("2.5") } else { json!(2.5) };
            found.push((Flaw::BadCount, "of 2.5".to_owned(), Some(broken)));
        }
        FieldKind::Integer => {
            found.push((Flaw::WrongType, "as words".to_owned(), Some(json!("not a number"))));
        }
        FieldKind::Gtin13 => {
            found.push((Flaw::WrongType, "as an object".to_owned(), Some(json!({"unexpected": true}))));
            found.push((Flaw::BadCode, "of letters".to_owned(), written(json!("ABCDEFGHIJKLM"))));
            found.push((Flaw::BadCode, "of five digits".to_owned(), written(json!("12345"))));
        }
        FieldKind::Email
        | FieldKind::Password
        | FieldKind::Username
        | FieldKind::Boolean
        | FieldKind::Date
        | FieldKind::Choice
        | FieldKind::Reference
        | FieldKind::Account => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: &str, shape: Shape) -> Vec<(Flaw, Option<Value>)> {
        let field: Field =
            serde_json::from_value(json!({"kind": kind, "names": ["x"], "required": true, "min": 0})).expect("a field");
        let spelt = WireField { name: "x".into(), shape };
        flaws(&field, &spelt).into_iter().map(|(flaw, _, value)| (flaw, value)).collect()
    }

    #[test]
    fn flaws_are_written_as_the_submission_writes_values() {
        assert!(said("money", Shape::Cents).contains(&(Flaw::NegativeMoney, Some(json!(-100)))));
        assert!(said("money", Shape::Text).contains(&(Flaw::NegativeMoney, Some(json!("-1.00")))));
        assert!(said("count", Shape::Natural).contains(&(Flaw::BadCount, Some(json!(2.5)))));
        assert!(said("text", Shape::List).contains(&(Flaw::Empty, Some(json!([""])))));
        assert!(said("gtin13", Shape::Natural).contains(&(Flaw::Missing, None)));
    }
}
