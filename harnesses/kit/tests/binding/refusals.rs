//! How the frameworks of the field word a refusal of a body. It must not know what binding makes of it.

use serde_json::{Map, Value, json};

/// How refusals of a body are written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refusals {
    Pydantic,
    Django,
    Laravel,
    Zod,
    Nest,
    /// Names nothing.
    Spring,
}

/// What is wrong with a member.
#[derive(Clone, Copy)]
pub(crate) enum Problem {
    Missing,
    Unknown,
    NotWhole,
    Unequal,
}

impl Refusals {
    /// Status and body of a refusal of members with these problems.
    pub(crate) fn write(self, problems: &[(&str, Problem)]) -> (u16, Value) {
        let say = |words: fn(&str, Problem) -> String| -> Vec<(String, String)> {
            problems.iter().map(|(name, problem)| ((*name).to_owned(), words(name, *problem))).collect()
        };
        match self {
            Refusals::Pydantic => {
                let details: Vec<Value> = say(pydantic)
                    .into_iter()
                    .map(|(name, msg)| json!({"type": "value_error", "loc": ["body", name], "msg": msg, "input": {"x": "y"}}))
                    .collect();
                (422, json!({ "detail": details }))
            }
            Refusals::Django => (400, say(django).into_iter().map(|(name, text)| (name, json!([text]))).collect()),
            Refusals::Laravel => {
                let errors: Vec<(String, String)> = say(laravel)
                    .into_iter()
                    .map(|(name, text)| {
                        (if name == "password_confirmation" { "password".to_owned() } else { name }, text)
                    })
                    .collect();
                let message = format!("{} (and {} more errors)", errors[0].1, errors.len());
                let errors: Map<String, Value> = errors.into_iter().map(|(name, text)| (name, json!([text]))).collect();
                (422, json!({"message": message, "errors": errors}))
            }
            Refusals::Zod => {
                let issues: Vec<Value> = say(zod)
                    .into_iter()
                    .map(|(name, text)| json!({"code": "custom", "path": [name], "message": text}))
                    .collect();
                (400, json!({"success": false, "error": {"name": "ZodError", "issues": issues}}))
            }
            Refusals::Nest => {
                let message: Vec<String> = say(nest).into_iter().map(|(_, text)| text).collect();
                (400, json!({"message": message, "error": "Bad Request", "statusCode": 400}))
            }
            Refusals::Spring => {
                (400, json!({"timestamp": "2026-01-02T03:04:05.000+00:00", "status": 400, "error": "Bad Request"}))
            }
        }
    }
}

fn pydantic(_: &str, problem: Problem) -> String {
    match problem {
        Problem::Missing => "Field required",
        Problem::Unknown => "Extra inputs are not permitted",
        Problem::NotWhole => "Input should be a valid integer, got a number with a fractional part",
        Problem::Unequal => "Value error, passwords do not match",
    }
    .to_owned()
}

fn django(_: &str, problem: Problem) -> String {
    match problem {
        Problem::Missing => "This field is required.",
        Problem::Unknown => "Unknown field.",
        Problem::NotWhole => "A valid integer is required.",
        Problem::Unequal => "Passwords do not match.",
    }
    .to_owned()
}

fn laravel(name: &str, problem: Problem) -> String {
    let name = name.replace('_', " ");
    match problem {
        // The `confirmed` rule names the password and not the member that it misses.
        Problem::Missing if name == "password confirmation" => "The password field confirmation does not match.".into(),
        Problem::Missing => format!("The {name} field is required."),
        Problem::Unknown => format!("The {name} field is not allowed."),
        Problem::NotWhole => format!("The {name} field must be an integer."),
        Problem::Unequal => format!("The {name} field confirmation does not match."),
    }
}

fn zod(name: &str, problem: Problem) -> String {
    match problem {
        Problem::Missing => "Invalid input: expected string, received undefined".to_owned(),
        Problem::Unknown => format!("Unrecognized key: \"{name}\""),
        Problem::NotWhole => "Invalid input: expected int, received number".to_owned(),
        Problem::Unequal => "Passwords don't match".to_owned(),
    }
}

fn nest(name: &str, problem: Problem) -> String {
    match problem {
        Problem::Missing => format!("{name} should not be empty"),
        Problem::Unknown => format!("property {name} should not exist"),
        Problem::NotWhole => format!("{name} must be an integer number"),
        Problem::Unequal => format!("{name} must match"),
    }
}
