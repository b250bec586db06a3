//! What is wrong with a custom probe before it runs: unknown operations and names, paths that do not parse, statements
//! that would change something.

use std::collections::HashSet;

use serde_json::Value;

use super::template::{self, Part};
use super::{Actor, CustomProbe, CustomRequest, Expect, MOST_STEPS, MOST_TIMES, Step, expect};
use crate::{Action, FieldKind, Resource, Spec};

/// A mistake below the probe: where, what, and what to do about it.
pub(crate) type Found = (Vec<String>, String, String);

/// Names that are there before the first step.
const GIVEN: &[&str] = &[
    "random.text",
    "random.word",
    "random.name",
    "random.email",
    "random.number",
    "random.uuid",
    "user.identity",
    "user.password",
    "user.key",
    "other.identity",
    "other.password",
    "other.key",
];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Every mistake of a probe, in the order of its steps.
pub(crate) fn check(spec: &Spec, probe: &CustomProbe) -> Vec<Found> {
    let mut checker = Checker { spec, known: HashSet::new(), found: Vec::new() };
    if probe.title.trim().is_empty() {
        checker.report(&["title"], "a custom probe needs a title", "write the sentence that holds when it passes");
    }
    if probe.steps.is_empty() || probe.steps.len() > MOST_STEPS {
        let message = format!("a custom probe has 1 to {MOST_STEPS} steps");
        checker.report(&["steps"], message, "");
    }
    if !probe.steps.is_empty() && probe.steps.iter().all(|step| step.expect.is_none()) {
        checker.report(
            &["steps"],
            "no step expects anything",
            "a step without `expect` is a control and decides nothing",
        );
    }
    for (name, text) in &probe.let_ {
        checker.texts(&["let", name], [text.as_str()]);
        checker.give(&["let", name], name);
    }
    for (number, step) in probe.steps.iter().enumerate() {
        checker.step(&number.to_string(), step);
    }
    checker.found
}

struct Checker<'s> {
    spec: &'s Spec,
    known: HashSet<&'s str>,
    found: Vec<Found>,
}

impl<'s> Checker<'s> {
    fn report(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.found.push((path.iter().map(|part| (*part).to_owned()).collect(), message.into(), hint.into()));
    }

    fn step<'p: 's>(&mut self, number: &str, step: &'p Step) {
        let at = ["steps", number];
        let kinds = [step.operation.is_some(), step.request.is_some(), step.sql.is_some()];
        if kinds.iter().filter(|kind| **kind).count() != 1 {
            self.report(
                &at,
                "a step has exactly one of `operation`, `request` and `sql`",
                "split it into several steps",
            );
        }
        if let Some(operation) = &step.operation {
            self.operation(&[&at[..], &["operation"]].concat(), operation, step);
        }
        if let Some(request) = &step.request {
            self.request(&[&at[..], &["request"]].concat(), request);
        }
        if let Some(sql) = &step.sql {
            if self.spec.probe("db.reachable").is_none() {
                let hint = "name `db.reachable` under a criterion: it finds the database";
                self.report(&[&at[..], &["sql"]].concat(), "nothing finds the database", hint);
            }
            self.sql(&[&at[..], &["sql"]].concat(), sql);
            if step.save.is_some() || !step.capture.is_empty() {
                self.report(&at, "a statement has no record to save and no body to capture from", "");
            }
        }
        if let Some(times) = step.times
            && !(1..=MOST_TIMES).contains(&times)
        {
            self.report(&[&at[..], &["times"]].concat(), format!("{times} is not between 1 and {MOST_TIMES}"), "");
        }
        if let Some(expect) = &step.expect {
            self.expect(&[&at[..], &["expect"]].concat(), expect, step);
        }
        // What a step gives is known from the next one on.
        for (name, path) in &step.capture {
            let at = [&at[..], &["capture", name]].concat();
            if let Err(why) = expect::path(path) {
                self.report(&at, format!("`{path}` is no JSONPath: {why}"), "such as $.id or $.items[0].id (RFC 9535)");
            }
            self.give(&at, name);
        }
        if let Some(name) = &step.save {
            self.give(&[&at[..], &["save"]].concat(), name);
        }
    }

    fn give<'p: 's>(&mut self, at: &[&str], name: &'p str) {
        if GIVEN.contains(&name) || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            self.report(at, format!("`{name}` is no name of your own"), "letters, digits and _");
        }
        self.known.insert(name);
    }

    fn operation<'p: 's>(&mut self, at: &[&str], operation: &str, step: &'p Step) {
        let step_at = &at[..at.len() - 1];
        let spec = self.spec;
        let found = operation.split_once('.').and_then(|(id, action)| {
            let action = Action::ALL.into_iter().find(|known| known.as_str() == action)?;
            let resource = spec.domain.resources.get(id)?;
            resource.operations.contains_key(&action).then_some((id, resource, action))
        });
        let Some((id, resource, action)) = found else {
            let known: Vec<String> =
                spec.domain.resources.iter().flat_map(|(id, resource)| all(id, resource)).collect();
            let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(known, operation));
            let hint = match nearest {
                Some(nearest) if strsim::damerau_levenshtein(nearest, operation) <= 4 => {
                    format!("did you mean `{nearest}`?")
                }
                _ => format!("there are {}", known.join(", ")),
            };
            self.report(at, format!("the domain has no operation `{operation}`"), hint);
            return;
        };
        let on_record = matches!(action, Action::Read | Action::Update | Action::Delete);
        match (&step.record, on_record) {
            (None, true) => {
                self.report(step_at, format!("`{operation}` needs `record`"), "the record that a step saved")
            }
            (Some(_), false) => {
                self.report(&[step_at, &["record"]].concat(), format!("`{operation}` is about no record"), "");
            }
            (Some(record), true) => self.texts(&[step_at, &["record"]].concat(), [record.as_str()]),
            (None, false) => {}
        }
        let above: Vec<&str> = spec.domain.ancestors(id).into_iter().map(|(id, _)| id).collect();
        for (name, key) in &step.under {
            let at = [step_at, &["under", name]].concat();
            if !above.contains(&name.as_str()) {
                let hint = if above.is_empty() { format!("`{id}` stands alone") } else { above.join(", ") };
                self.report(&at, format!("`{name}` does not stand above `{id}`"), hint);
            }
            self.texts(&at, [key.as_str()]);
        }
        for (field, value) in &step.with {
            let at = [step_at, &["with", field]].concat();
            match resource.fields.get(field) {
                None => {
                    let fields: Vec<&str> = resource.fields.keys().map(String::as_str).collect();
                    self.report(&at, format!("`{id}` has no field `{field}`"), format!("it has {}", fields.join(", ")));
                }
                Some(known)
                    if known.kind == FieldKind::Account && !matches!(value.as_str(), Some("user" | "other")) =>
                {
                    self.report(&at, "an account is `user` or `other`", "");
                }
                Some(_) => self.texts(&at, template::texts(value)),
            }
        }
        for (member, value) in &step.extra {
            self.texts(&[step_at, &["extra", member]].concat(), template::texts(value));
        }
        if step.save.is_some() && action != Action::Create {
            self.report(&[step_at, &["save"]].concat(), "only a create makes a record to save", "use `capture`");
        }
    }

    fn request(&mut self, at: &[&str], request: &CustomRequest) {
        if !METHODS.contains(&request.method.as_str()) {
            let hint = format!("one of {}", METHODS.join(", "));
            self.report(&[at, &["method"]].concat(), format!("`{}` is no method", request.method), hint);
        }
        if !request.path.starts_with('/') {
            let hint = "requests go to the submission's API and nowhere else";
            self.report(&[at, &["path"]].concat(), "a path starts with `/`", hint);
        }
        self.texts(&[at, &["path"]].concat(), [request.path.as_str()]);
        for (name, value) in &request.headers {
            self.texts(&[at, &["headers", name]].concat(), [value.as_str()]);
        }
        self.texts(&[at, &["body"]].concat(), request.body.iter().flat_map(template::texts).collect::<Vec<_>>());
    }

    fn sql(&mut self, at: &[&str], sql: &str) {
        let verb = sql.split_whitespace().next().unwrap_or("").to_ascii_uppercase();
        if !matches!(verb.as_str(), "SELECT" | "WITH") {
            self.report(at, format!("a statement only reads: `{verb}` is not taken"), "begin with SELECT or WITH");
        }
        if sql.trim_end().trim_end_matches(';').contains(';') {
            self.report(at, "one statement a step", "split it into several steps");
        }
        let words: Vec<String> =
            sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').map(str::to_ascii_uppercase).collect();
        let changing = ["INSERT", "UPDATE", "DELETE", "DROP", "ALTER", "TRUNCATE", "CREATE", "GRANT", "INTO"];
        if let Some(word) = words.iter().find(|word| changing.contains(&word.as_str())) {
            self.report(at, format!("a statement only reads: it holds `{word}`"), "look at what requests have changed");
        }
        self.texts(at, [sql]);
    }

    fn expect(&mut self, at: &[&str], expect: &Expect, step: &Step) {
        let is_sql = step.sql.is_some();
        if is_sql != expect.rows.is_some() {
            let message = if is_sql { "a statement expects `rows`" } else { "only a statement has `rows`" };
            self.report(at, message, "");
        }
        for status in expect.status.iter().filter(|status| !(100..=599).contains(*status)) {
            self.report(&[at, &["status"]].concat(), format!("{status} is no status"), "100 to 599");
        }
        if !expect.statuses.is_empty() && step.times.unwrap_or(1) < 2 {
            self.report(&[at, &["statuses"]].concat(), "there is one answer to count", "say `times`, or use `status`");
        }
        for status in expect.statuses.keys().filter(|status| status.parse::<u16>().is_err()) {
            self.report(&[at, &["statuses", status]].concat(), format!("`{status}` is no status"), "such as \"201\"");
        }
        for (number, body) in expect.body.iter().enumerate() {
            let number = number.to_string();
            let at = [at, &["body", &number]].concat();
            if let Err(why) = expect::path(&body.path) {
                let message = format!("`{}` is no JSONPath: {why}", body.path);
                self.report(&[&at[..], &["path"]].concat(), message, "such as $.id or $.items[0].id (RFC 9535)");
            }
            let said = [body.equals.is_some(), body.not.is_some(), body.exists.is_some(), body.count.is_some()];
            if said.iter().filter(|said| **said).count() != 1 {
                self.report(&at, "say exactly one of `equals`, `not`, `exists` and `count`", "");
            }
            let values: Vec<&Value> = body.equals.iter().chain(&body.not).collect();
            self.texts(&at, values.into_iter().flat_map(template::texts).collect::<Vec<_>>());
        }
        if let Some(schema) = &expect.schema
            && let Err(why) = expect::validator(schema)
        {
            let hint = "JSON Schema 2020-12; references outside it are not followed";
            self.report(&[at, &["schema"]].concat(), format!("this is no JSON Schema: {why}"), hint);
        }
        if let Some(most) = expect.within_millis
            && !(1..=60_000).contains(&most)
        {
            self.report(&[at, &["within_millis"]].concat(), format!("{most} is not between 1 and 60000"), "");
        }
        for row in expect.rows.iter().flatten() {
            self.texts(&[at, &["rows"]].concat(), row.values().map(String::as_str).collect::<Vec<_>>());
        }
    }

    fn texts<'t>(&mut self, at: &[&str], texts: impl IntoIterator<Item = &'t str>) {
        for text in texts {
            match template::parts(text) {
                Err(why) => self.report(at, why.to_string(), "write {{ name }}"),
                Ok(parts) => {
                    for part in parts {
                        if let Part::Name(name) = part
                            && !GIVEN.contains(&name)
                            && !self.known.contains(name)
                        {
                            let hint = if name.contains('.') {
                                format!("there are {}", GIVEN.join(", "))
                            } else {
                                "`let` or an earlier step has to give it".to_owned()
                            };
                            self.report(at, format!("`{name}` is used before it is set"), hint);
                        }
                    }
                }
            }
        }
    }
}

/// The operations of a resource, by name.
fn all(id: &str, resource: &Resource) -> Vec<String> {
    resource.operations.keys().map(|action| format!("{id}.{}", action.as_str())).collect()
}

impl Actor {
    pub fn as_str(self) -> &'static str {
        match self {
            Actor::User => "user",
            Actor::Other => "other",
            Actor::Anonymous => "anonymous",
            Actor::Privileged => "privileged",
        }
    }
}
