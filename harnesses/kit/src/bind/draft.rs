//! A request body in the making: begun from a description or from customary names, mended by what refusals say.

use grader_spec::{Field, FieldKind};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::complaint::Complaint;
use super::describe::Member;
use crate::operation::WireField;
use crate::wire::{self, Shape};
use crate::{Operation, Values};

/// What a draft could not complete by itself: a reference to a record of another resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// The member's name on the wire.
    pub(super) name: String,
    /// The resource in the spec that the name refers to.
    pub(super) resource: String,
    /// Whether a list of references is wanted.
    pub(super) list: bool,
}

/// Parts of names of members that a client does not make up.
const NOT_FILLED: &[&str] =
    &["role", "admin", "staff", "superuser", "permission", "scope", "verified", "createdat", "updatedat", "deletedat"];

/// A body in the making.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    pub(super) fields: IndexMap<String, WireField>,
    pub(super) extras: Map<String, Value>,
    pub(super) missing: Vec<Missing>,
    /// Names that a field had before a refusal asked for another one.
    left: Vec<String>,
    is_filled: bool,
}

impl Draft {
    /// A draft for an operation whose members a description lists, or by customary names where it lists none.
    /// `names` gives the resources of the spec with their names, for references.
    pub(super) fn begin(
        members: &IndexMap<String, Member>,
        fields: &IndexMap<String, Field>,
        names: &[(String, Vec<String>)],
        values: &mut Values,
    ) -> Self {
        let mut draft = Draft::default();
        if members.is_empty() {
            draft.add_customary(fields);
            return draft;
        }
        let mut taken: Vec<&str> = Vec::new();
        // Required fields choose first, so that an optional one does not take their name.
        let mut ordered: Vec<(&String, &Field)> = fields.iter().collect();
        ordered.sort_by_key(|(_, field)| !field.required);
        for (id, field) in ordered {
            let found = field.names.iter().find_map(|name| {
                let name = wire::plain(name);
                members.iter().find(|(member, _)| wire::plain(member) == name && !taken.contains(&member.as_str()))
            });
            if let Some((name, member)) = found {
                taken.push(name);
                if field.required || member.required {
                    draft
                        .fields
                        .insert(id.clone(), WireField { name: name.clone(), shape: shape(field, name, member) });
                }
            }
        }
        for (name, member) in members.iter().filter(|(name, member)| member.required && !taken.contains(&name.as_str()))
        {
            draft.complete(name, Some(member), names, values);
        }
        draft
    }

    /// Adds the fields that the assessment requires, by their most common name.
    pub(super) fn add_customary(&mut self, fields: &IndexMap<String, Field>) {
        for (id, field) in fields.iter().filter(|(_, field)| field.required) {
            if let Some(name) = field.names.first().filter(|_| !self.fields.contains_key(id)) {
                self.fields.insert(id.clone(), WireField { name: name.clone(), shape: Shape::Natural });
            }
        }
    }

    /// Adds a member that no field of the spec stands for.
    fn complete(&mut self, name: &str, member: Option<&Member>, names: &[(String, Vec<String>)], values: &mut Values) {
        let is_list = member.is_some_and(|member| member.types.iter().any(|kind| kind == "array"));
        match referred(name, names) {
            Some(resource) => {
                let missing = Missing { name: name.to_owned(), resource, list: is_list };
                if !self.missing.contains(&missing) {
                    self.missing.push(missing);
                }
            }
            None => {
                self.extras.insert(name.to_owned(), guess(name, member, values));
            }
        }
    }

    /// Mends the draft by what a refusal says. Answers whether anything changed.
    pub(super) fn mend(
        &mut self,
        complaints: &[Complaint],
        fields: &IndexMap<String, Field>,
        names: &[(String, Vec<String>)],
        values: &mut Values,
    ) -> bool {
        let before = (self.fields.clone(), self.extras.clone(), self.missing.clone());
        for complaint in complaints {
            let member = wire::plain(&complaint.name);
            let carried =
                self.fields.iter().find(|(_, field)| wire::plain(&field.name) == member).map(|(id, _)| id.clone());
            if complaint.says_unknown() {
                if let Some(id) = carried {
                    self.fields.shift_remove(&id);
                }
                self.extras.retain(|name, _| wire::plain(name) != member);
                continue;
            }
            if let Some(id) = carried {
                // Laravel's `confirmed` rule names the password and not the member that it misses.
                if complaint.wants(&["confirmation"])
                    && fields.get(&id).is_some_and(|field| field.kind == FieldKind::Password)
                {
                    self.extras.insert(format!("{}_confirmation", complaint.name), json!(CONFIRMATION));
                    continue;
                }
                if let (Some(field), Some(wire_field)) = (fields.get(&id), self.fields.get_mut(&id)) {
                    // The refusal may spell it otherwise than we did: then that is its name.
                    if complaint.says_missing() && wire_field.name != complaint.name {
                        wire_field.name = complaint.name.clone();
                    } else {
                        wire_field.shape = reshaped(field, wire_field.shape, complaint);
                    }
                }
                continue;
            }
            if self.extras.keys().any(|name| wire::plain(name) == member) {
                if complaint.wants(&["one of", "enum", "valid values", "expected", "options"])
                    && let Some(choice) = offered(&complaint.message)
                {
                    self.extras.insert(complaint.name.clone(), json!(choice));
                }
                continue;
            }
            if !complaint.says_missing() {
                continue;
            }
            let known = fields.iter().find(|(_, field)| wire::is_named(&complaint.name, &field.names));
            match known {
                Some((id, _)) => self.rename(id, &complaint.name, fields),
                None if looks_like_a_member(&complaint.name) => self.complete(&complaint.name, None, names, values),
                None => {}
            }
        }
        before != (self.fields.clone(), self.extras.clone(), self.missing.clone())
    }

    /// Adds, once, all that may be left out: where a refusal does not say what it misses, as `All fields are required`.
    /// Left out are what a server gives by itself and what would give rights. Answers whether anything changed.
    pub(super) fn fill(
        &mut self,
        members: &IndexMap<String, Member>,
        fields: &IndexMap<String, Field>,
        names: &[(String, Vec<String>)],
        values: &mut Values,
    ) -> bool {
        if std::mem::replace(&mut self.is_filled, true) {
            return false;
        }
        let before = (self.fields.clone(), self.extras.clone(), self.missing.clone());
        if members.is_empty() {
            for (id, field) in fields {
                if let Some(name) = field.names.first().filter(|_| !self.fields.contains_key(id)) {
                    self.fields.insert(id.clone(), WireField { name: name.clone(), shape: Shape::Natural });
                }
            }
        } else {
            let everything = members
                .iter()
                .filter(|(name, _)| !NOT_FILLED.iter().any(|part| wire::plain(name).contains(part)))
                .filter(|(name, _)| !matches!(wire::plain(name).as_str(), "id" | "uuid"))
                .map(|(name, member)| (name.clone(), Member { required: true, ..member.clone() }))
                .collect();
            let filled = Draft::begin(&everything, fields, names, values);
            for (id, field) in filled.fields {
                self.fields.entry(id).or_insert(field);
            }
            for (name, value) in filled.extras {
                self.extras.entry(name).or_insert(value);
            }
            self.missing.extend(
                filled.missing.into_iter().filter(|missing| !self.missing.contains(missing)).collect::<Vec<_>>(),
            );
        }
        before != (self.fields.clone(), self.extras.clone(), self.missing.clone())
    }

    /// Gives a field the name that a refusal asks for. One that had it before is asked for under both names: then
    /// another field that goes by the present name stands for that one.
    fn rename(&mut self, id: &str, name: &str, fields: &IndexMap<String, Field>) {
        let renamed = WireField { name: name.to_owned(), shape: Shape::Natural };
        let Some(before) = self.fields.insert(id.to_owned(), renamed) else { return };
        if self.left.contains(&wire::plain(name)) {
            let other = fields
                .iter()
                .find(|(other, field)| !self.fields.contains_key(*other) && wire::is_named(&before.name, &field.names));
            if let Some((other, _)) = other {
                self.fields.insert(other.clone(), before);
            }
        } else {
            self.left.push(wire::plain(&before.name));
        }
    }

    /// Puts the draft into an operation.
    pub(super) fn apply(&self, operation: &mut Operation) {
        operation.fields = self.fields.clone();
        operation.extras = self.extras.clone();
    }
}

/// In which shape a description asks for a field.
fn shape(field: &Field, name: &str, member: &Member) -> Shape {
    let takes = |kind: &str| member.types.iter().any(|known| known == kind);
    match field.kind {
        FieldKind::Money if takes("number") && !wire::plain(name).contains("cent") => Shape::Natural,
        FieldKind::Money if takes("integer") || wire::plain(name).contains("cent") => Shape::Cents,
        FieldKind::Money | FieldKind::Count | FieldKind::Integer if takes("string") && !takes("integer") => Shape::Text,
        FieldKind::Name | FieldKind::Text if takes("array") && !takes("string") => {
            if member.items.is_empty() {
                Shape::List
            } else {
                Shape::Object
            }
        }
        _ => Shape::Natural,
    }
}

fn reshaped(field: &Field, now: Shape, complaint: &Complaint) -> Shape {
    let numeric = matches!(field.kind, FieldKind::Money | FieldKind::Count | FieldKind::Integer);
    if numeric && now != Shape::Text && complaint.wants(&["string"]) {
        return Shape::Text;
    }
    if field.kind == FieldKind::Money && now != Shape::Cents && complaint.wants(&["integer", "whole number", "int "]) {
        return Shape::Cents;
    }
    if numeric && now == Shape::Text && complaint.wants(&["number", "numeric"]) {
        return Shape::Natural;
    }
    if !numeric && now == Shape::Natural && complaint.wants(&["array", "list"]) {
        return Shape::List;
    }
    now
}

/// The resource that a member such as `author_id`, `authorId` or `category` refers to.
fn referred(name: &str, names: &[(String, Vec<String>)]) -> Option<String> {
    let plain = wire::plain(name);
    let stem = plain.strip_suffix("ids").or_else(|| plain.strip_suffix("id"))?;
    names
        .iter()
        .find(|(id, names)| wire::plain(id) == stem || names.iter().any(|name| wire::plain(name) == stem))
        .map(|(id, _)| id.clone())
}

/// A value offered by a sentence such as `must be one of: reader, author`.
fn offered(message: &str) -> Option<String> {
    let at = ["one of", "expected", "values", "options", "enum"]
        .iter()
        .find_map(|hint| message.find(hint).map(|at| at + hint.len()))?;
    message[at..]
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .find(|word| word.len() > 1 && !["the", "following", "be", "values", "of", "one", "is", "are"].contains(word))
        .map(str::to_owned)
}

fn looks_like_a_member(name: &str) -> bool {
    name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// A sound value for a member by its description or, failing that, by its name.
fn guess(name: &str, member: Option<&Member>, values: &mut Values) -> Value {
    let guessed = guess_of(name, member, values);
    // A year may be a number or a text.
    if guessed.is_number() && member.is_some_and(|member| member.types == ["string"]) {
        return json!(guessed.to_string());
    }
    guessed
}

fn guess_of(name: &str, member: Option<&Member>, values: &mut Values) -> Value {
    if let Some(member) = member {
        if let Some(choice) = member.choices.first() {
            return choice.clone();
        }
        let one = |kind: &str| member.types.iter().any(|known| known == kind);
        match member.format.as_str() {
            "email" => return json!(values.email()),
            "date" => return json!("1990-05-17"),
            "date-time" => return json!("2024-05-17T10:00:00Z"),
            "uri" | "url" => return json!("https://example.com/a"),
            "uuid" => return json!("6f1c1c36-6a8e-4f5e-8b8e-3f9a2f6f0d11"),
            _ => {}
        }
        if let Some(example) = &member.example {
            return example.clone();
        }
        if one("boolean") {
            return json!(true);
        }
        if one("integer") || one("number") {
            return json!(numeric_guess(name));
        }
        if one("array") {
            return json!([]);
        }
        if one("object") && !one("string") {
            return json!({});
        }
    }
    let plain = wire::plain(name);
    let has = |part: &str| plain.contains(part);
    if has("confirm") || has("repeat") || has("password2") {
        // Filled with the password by the caller: see `CONFIRMATION`.
        return json!(CONFIRMATION);
    }
    if has("mail") {
        json!(values.email())
    } else if has("phone") || has("mobile") || has("tel") {
        json!("+4915123456789")
    } else if has("username") || has("login") || has("nick") {
        json!(values.username())
    } else if has("name") {
        json!(values.given_name())
    } else if has("date") || has("birth") || has("published") && !has("year") {
        json!("1990-05-17")
    } else if has("year") || has("age") || has("pages") || has("count") || has("quantity") {
        json!(numeric_guess(name))
    } else if has("url") || has("image") || has("cover") || has("website") {
        json!("https://example.com/a.png")
    } else if has("role") {
        json!("user")
    } else if has("gender") {
        json!("other")
    } else if has("country") {
        json!("DE")
    } else if has("zip") || has("postal") {
        json!("10115")
    } else if has("language") {
        json!("en")
    } else if has("active") || has("agree") || has("terms") || plain.starts_with("is") {
        json!(true)
    } else {
        json!(values.text())
    }
}

fn numeric_guess(name: &str) -> u32 {
    let plain = wire::plain(name);
    if plain.contains("year") {
        2001
    } else if plain.contains("age") && !plain.contains("page") {
        30
    } else if plain.contains("page") {
        320
    } else {
        5
    }
}

/// Stands in an extra whose value has to repeat the password.
pub(super) const CONFIRMATION: &str = "\u{1}the password again";

/// Replaces [`CONFIRMATION`] in a body.
pub(super) fn confirm(body: &mut Map<String, Value>, password: &str) {
    for value in body.values_mut() {
        if value.as_str() == Some(CONFIRMATION) {
            *value = json!(password);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_is_a_number_or_a_text_as_it_is_declared() {
        let (fields, mut values) = (IndexMap::new(), Values::new(1, "test"));
        let member = |kind: &str| Member { required: true, types: vec![kind.to_owned()], ..Member::default() };
        let members = IndexMap::from([("year".to_owned(), member("string")), ("pages".to_owned(), member("integer"))]);
        let draft = Draft::begin(&members, &fields, &[], &mut values);
        assert_eq!((&draft.extras["year"], &draft.extras["pages"]), (&json!("2001"), &json!(320)));
    }
}
