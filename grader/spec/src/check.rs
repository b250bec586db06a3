//! What is wrong with a spec that parses: unknown probes, weights, references between its parts.

use std::collections::HashMap;

use grader_model::{CATALOGUE, catalogue_entry};

use crate::custom;
use crate::{Action, Field, FieldKind, Place, Spec, locate::locate};

/// One mistake, with its place and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub place: Place,
    /// Dotted path in the document; empty when the document did not parse.
    pub path: String,
    pub message: String,
    /// Empty when there is nothing better to say.
    pub hint: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: ", self.place.line, self.place.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.message)?;
        if !self.hint.is_empty() {
            write!(f, " (hint: {})", self.hint)?;
        }
        Ok(())
    }
}

/// Every mistake of `spec`, whose text is `text`, in the order of the file.
pub fn check(spec: &Spec, text: &str) -> Vec<Mistake> {
    let mut checker = Checker { text, mistakes: Vec::new() };
    checker.head(spec);
    checker.criteria(spec);
    checker.domain(spec);
    checker.limits(spec);
    checker.mistakes.sort_by_key(|mistake| (mistake.place.line, mistake.place.column));
    checker.mistakes
}

struct Checker<'t> {
    text: &'t str,
    mistakes: Vec<Mistake>,
}

impl Checker<'_> {
    fn report(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        self.mistakes.push(Mistake {
            place: locate(self.text, path),
            path: path.join("."),
            message: message.into(),
            hint: hint.into(),
        });
    }

    fn head(&mut self, spec: &Spec) {
        if spec.schema != crate::SCHEMA {
            self.report(&["schema"], format!("unknown schema `{}`", spec.schema), format!("write `{}`", crate::SCHEMA));
        }
        if spec.id.is_empty() || !spec.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
            self.report(&["id"], "an id is lower-case letters, digits and hyphens", "");
        }
        let version_is_sound =
            spec.version.split('.').count() == 3 && spec.version.split('.').all(|part| part.parse::<u32>().is_ok());
        if !version_is_sound {
            self.report(&["version"], format!("`{}` is no version", spec.version), "write MAJOR.MINOR.PATCH");
        }
        if let Some(percent) = spec.thresholds.fail_under
            && !(0.0..=100.0).contains(&percent)
        {
            self.report(&["thresholds", "fail_under"], "a threshold is a percentage from 0 to 100", "");
        }
    }

    fn criteria(&mut self, spec: &Spec) {
        if spec.criteria.is_empty() {
            self.report(&["criteria"], "a spec needs at least one criterion", "");
        }
        let mut criteria = HashMap::new();
        let mut probes = HashMap::new();
        for (index, criterion) in spec.criteria.iter().enumerate() {
            let index = index.to_string();
            if criteria.insert(criterion.id.as_str(), ()).is_some() {
                let message = format!("criterion `{}` stands twice", criterion.id);
                self.report(&["criteria", &index, "id"], message, "");
            }
            if !(criterion.weight > 0.0 && criterion.weight.is_finite()) {
                self.report(&["criteria", &index, "weight"], "a weight is above 0", "");
            }
            if criterion.probes.is_empty() {
                self.report(&["criteria", &index, "probes"], "a criterion needs at least one probe", "");
            }
            for (number, probe) in criterion.probes.iter().enumerate() {
                let number = number.to_string();
                let at = |key| ["criteria", index.as_str(), "probes", number.as_str(), key].map(str::to_owned);
                let at_custom = at("custom");
                let path = at("id");
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                if let Some(custom) = &probe.custom {
                    if !probe.id.starts_with(custom::PREFIX) {
                        let hint = format!("write `{}{}`", custom::PREFIX, probe.id);
                        self.report(&path, "the id of a custom probe begins with `custom.`", hint);
                    }
                    for (below, message, hint) in custom::check(spec, custom) {
                        let mut at: Vec<&str> = at_custom.iter().map(String::as_str).collect();
                        at.extend(below.iter().map(String::as_str));
                        self.report(&at, message, hint);
                    }
                } else if probe.id.starts_with(custom::PREFIX) {
                    self.report(
                        &path,
                        format!("`{}` is not written", probe.id),
                        "give it `custom` with title and steps",
                    );
                } else if catalogue_entry(&probe.id).is_none() {
                    let hint = nearest(&probe.id).map(|id| format!("did you mean `{id}`?")).unwrap_or_default();
                    self.report(&path, format!("the catalogue has no probe `{}`", probe.id), hint);
                }
                if let Some(other) = probes.insert(probe.id.as_str(), criterion.id.as_str()) {
                    let message = format!("probe `{}` already counts under `{other}`", probe.id);
                    self.report(&path, message, "one cause is charged once: keep it under one criterion");
                }
                if !(probe.points > 0.0 && probe.points.is_finite()) {
                    let path = at("points");
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    self.report(&path, "points are above 0", "leave the probe out where it should not count");
                }
            }
        }
    }

    fn domain(&mut self, spec: &Spec) {
        let domain = &spec.domain;
        for (key, id) in [("identity", &domain.accounts.identity), ("secret", &domain.accounts.secret)] {
            if !domain.accounts.fields.contains_key(id) {
                self.report(&["domain", "accounts", key], format!("`{id}` is no field of the accounts"), "");
            }
        }
        for (id, field) in &domain.accounts.fields {
            self.field(spec, &["domain", "accounts", "fields", id], field);
        }
        match domain.resources.get(&domain.main) {
            None => self.report(&["domain", "main"], format!("there is no resource `{}`", domain.main), ""),
            Some(main) => {
                for action in Action::ALL {
                    if !main.operations.contains_key(&action) {
                        let message = format!("the main resource needs the operation `{}`", action.as_str());
                        self.report(&["domain", "resources", &domain.main, "operations"], message, "");
                    }
                }
            }
        }
        if let Some(id) = &domain.transaction {
            match domain.resources.get(id) {
                None => self.report(&["domain", "transaction"], format!("there is no resource `{id}`"), ""),
                Some(resource) if resource.lines.is_none() => {
                    self.report(&["domain", "resources", id], "a transaction needs `lines`", "");
                }
                Some(_) => {}
            }
        }
        for (position, (id, resource)) in domain.resources.iter().enumerate() {
            let path = ["domain", "resources", id];
            if let Some(parent) = &resource.parent {
                let message = match domain.resources.get_index_of(parent) {
                    None => Some(format!("there is no resource `{parent}`")),
                    Some(above) if above >= position => Some(format!("`{parent}` has to stand before `{id}`")),
                    Some(_) => None,
                };
                if let Some(message) = message {
                    let hint = "records are made in the order of the resources, parents first";
                    self.report(&[&path[..], &["parent"]].concat(), message, hint);
                }
            }
            if resource.names.is_empty() {
                self.report(&[&path[..], &["names"]].concat(), "a resource needs a name to try", "");
            }
            for (name, field) in &resource.fields {
                self.field(spec, &[&path[..], &["fields", name]].concat(), field);
            }
            for (action, operation) in &resource.operations {
                if operation.weight < 0.0 || !operation.weight.is_finite() {
                    let path = [&path[..], &["operations", action.as_str(), "weight"]].concat();
                    self.report(&path, "a weight is 0 or more", "");
                }
            }
            if let Some(lines) = &resource.lines {
                let lines_path = [&path[..], &["lines"]].concat();
                match domain.resources.get(&lines.of) {
                    None => {
                        let message = format!("there is no resource `{}`", lines.of);
                        self.report(&[&lines_path[..], &["of"]].concat(), message, "");
                    }
                    Some(of) => {
                        for (key, field) in [("stock", &lines.stock), ("price", &lines.price)] {
                            if !of.fields.contains_key(field) {
                                let message = format!("`{}` has no field `{field}`", lines.of);
                                self.report(&[&lines_path[..], &[key]].concat(), message, "");
                            }
                        }
                    }
                }
            }
        }
    }

    fn field(&mut self, spec: &Spec, path: &[&str], field: &Field) {
        if field.names.is_empty() {
            self.report(path, "a field needs a name to try", "");
        }
        match (field.kind, &field.of) {
            (FieldKind::Reference, None) => self.report(path, "a reference needs `of`", "name the resource"),
            (FieldKind::Reference, Some(of)) if !spec.domain.resources.contains_key(of) => {
                self.report(path, format!("there is no resource `{of}`"), "");
            }
            _ => {}
        }
        if field.kind == FieldKind::Choice && field.choices.is_empty() {
            self.report(path, "a choice needs `choices`", "");
        }
        if let Some(prefix) = &field.prefix
            && (prefix.len() > 9 || !prefix.chars().all(|c| c.is_ascii_digit()))
        {
            self.report(path, "a prefix is at most nine digits", "");
        }
    }

    fn limits(&mut self, spec: &Spec) {
        let limits = &spec.limits;
        let ranges = [
            ("run_seconds", limits.run_seconds, 30, 7200),
            ("tests_seconds", limits.tests_seconds, 10, 1800),
            ("ready_seconds", limits.ready_seconds, 5, 1800),
            ("request_seconds", limits.request_seconds, 1, 120),
            ("memory_mib", limits.memory_mib, 128, 65536),
            ("disk_mib", limits.disk_mib, 64, 65536),
        ];
        for (key, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                self.report(&["limits", key], format!("{value} is not between {low} and {high}"), "");
            }
        }
        if !(0.1..=64.0).contains(&limits.cpus) {
            self.report(&["limits", "cpus"], format!("{} is not between 0.1 and 64", limits.cpus), "");
        }
    }
}

/// The catalogue's id nearest to a misspelt one, if any is near.
fn nearest(id: &str) -> Option<&'static str> {
    CATALOGUE
        .iter()
        .map(|entry| (strsim::damerau_levenshtein(id, entry.id), entry.id))
        .filter(|(distance, _)| *distance <= 4)
        .min()
        .map(|(_, id)| id)
}
