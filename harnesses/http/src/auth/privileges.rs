//! The members that an attacker adds to a body in the hope that they are taken over, and how to tell that one was.

use harness_kit::wire;
use serde_json::{Map, Value, json};

/// Names under which a record refers to the account that owns it.
pub(super) const OWNERS: &[&str] =
    &["user_id", "userId", "owner_id", "ownerId", "customer_id", "customerId", "account_id", "user"];

/// Words in a member's name that only the server may set.
const WORDS: &[&str] = &[
    "role",
    "roles",
    "admin",
    "superuser",
    "staff",
    "permission",
    "permissions",
    "scope",
    "scopes",
    "privilege",
    "balance",
    "credit",
    "credits",
    "wallet",
    "points",
    "verified",
    "tier",
];

/// A member with the value that is hoped for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Privilege {
    pub(super) name: String,
    pub(super) value: Value,
}

impl Privilege {
    fn new(name: &str, value: Value) -> Self {
        Privilege { name: name.to_owned(), value }
    }

    /// Whether `record` has the value that was sent, and `usual`, of an account that asked for nothing, has not.
    pub(super) fn is_in(&self, record: &Map<String, Value>, usual: &Map<String, Value>) -> bool {
        let of = |record: &Map<String, Value>| {
            let name = wire::plain(&self.name);
            record.iter().find(|(key, _)| wire::plain(key) == name).map(|(_, value)| value.clone())
        };
        of(record).is_some_and(|got| same(&self.value, &got)) && !of(usual).is_some_and(|got| same(&self.value, &got))
    }
}

fn same(sent: &Value, got: &Value) -> bool {
    match (sent, got) {
        (Value::String(sent), Value::String(got)) => sent.eq_ignore_ascii_case(got),
        (Value::Number(_), _) => wire::number(sent).is_some() && wire::number(sent) == wire::number(got),
        _ => sent == got,
    }
}

/// What to send, given the record of an ordinary account: its own privileged members first, then the customary ones.
pub(super) fn table(known: &Map<String, Value>) -> Vec<Privilege> {
    let mut table: Vec<Privilege> = Vec::new();
    for (name, value) in known {
        if wire::plain(name) == "id" || wire::plain(name) == "uuid" {
            table.push(Privilege::new(name, another_key(value)));
        } else if wire::words(name).iter().any(|word| WORDS.contains(&word.as_str()))
            && let Some(value) = raised(value)
        {
            table.push(Privilege::new(name, value));
        }
    }
    for (name, value) in [
        ("role", json!("admin")),
        ("is_admin", json!(true)),
        ("isAdmin", json!(true)),
        ("admin", json!(true)),
        ("is_superuser", json!(true)),
        ("is_staff", json!(true)),
        ("balance", json!(1_000_000)),
    ] {
        if !table.iter().any(|known| known.name == name) {
            table.push(Privilege::new(name, value));
        }
    }
    table
}

/// The table in kinds, to be sent one after the other where all at once are refused.
pub(super) fn batches(table: &[Privilege]) -> Vec<Vec<Privilege>> {
    let of = |keep: &dyn Fn(&Privilege) -> bool| table.iter().filter(|p| keep(p)).cloned().collect::<Vec<_>>();
    let is_key = |p: &Privilege| matches!(wire::plain(&p.name).as_str(), "id" | "uuid");
    vec![
        of(&|p| wire::words(&p.name).iter().any(|word| word.starts_with("role"))),
        of(&|p| p.value == json!(true)),
        of(&is_key),
    ]
}

/// The value that more rights or more money would have.
fn raised(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(now) => Some(json!(!now)),
        Value::Number(_) => Some(json!(1_000_000)),
        Value::String(role) if role.starts_with("ROLE_") => Some(json!("ROLE_ADMIN")),
        Value::String(role) if wire::number(value).is_none() && !role.is_empty() => {
            Some(json!(if role.chars().all(|c| !c.is_lowercase()) { "ADMIN" } else { "admin" }))
        }
        Value::String(_) => Some(json!("1000000")),
        Value::Array(items) if items.iter().all(Value::is_string) => Some(json!(["admin"])),
        _ => None,
    }
}

/// A key of the same form that no record has.
fn another_key(key: &Value) -> Value {
    match key {
        Value::Number(_) => json!(987_654_321),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => json!("987654321"),
        Value::String(text) => {
            // Turning the last twelve digits keeps a UUID's version and variant, and an object id's form.
            let from = text.len().saturating_sub(12);
            let turned = text.char_indices().map(|(at, c)| match c {
                '0'..='9' if at >= from => char::from(b'0' + (c as u8 - b'0' + 5) % 10),
                _ => c,
            });
            json!(turned.collect::<String>())
        }
        other => other.clone(),
    }
}

/// The object in an answer that belongs to the account, wherever it is wrapped.
pub(super) fn holder(body: &Value, identity: &str) -> Option<Map<String, Value>> {
    let object = body.as_object()?;
    let is_it = object.values().any(|value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(identity)));
    if is_it {
        return Some(object.clone());
    }
    object.values().find_map(|value| holder(value, identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn only_a_change_counts_as_taken_over() {
        let role = Privilege::new("role", json!("admin"));
        let usual = object(json!({"role": "customer"}));
        assert!(role.is_in(&object(json!({"role": "Admin"})), &usual));
        assert!(!role.is_in(&object(json!({"role": "customer"})), &usual));
        assert!(!role.is_in(&object(json!({"role": "admin"})), &object(json!({"role": "admin"}))));
        let flag = Privilege::new("is_admin", json!(true));
        assert!(flag.is_in(&object(json!({"isAdmin": true})), &Map::new()));
        assert!(!flag.is_in(&object(json!({"isAdmin": false})), &Map::new()));
    }

    #[test]
    fn another_key_has_the_form_of_the_first() {
        let uuid = json!("8e1b3c52-6f1a-4a52-9d7e-0d3b2f6a7c11");
        assert_eq!(another_key(&uuid), json!("8e1b3c52-6f1a-4a52-9d7e-5d8b7f1a2c66"));
        assert_eq!(another_key(&json!(3)), json!(987_654_321));
    }

    #[test]
    fn the_holder_is_found_in_its_envelope() {
        let body = json!({"data": {"user": {"email": "A@x.example", "role": "admin"}}});
        assert_eq!(holder(&body, "a@x.example").and_then(|record| record.get("role").cloned()), Some(json!("admin")));
        assert_eq!(holder(&body, "b@x.example"), None);
    }
}
