//! An API description as a contract: which answers it promises for an operation, and whether an answer keeps the promise.
//!
//! The description is hostile: references lead nowhere but into the document itself, patterns are matched in linear time,
//! and schemas that refer to themselves without end, or that multiply by reference, are not used at all. It must not know
//! what a broken promise costs.

use std::collections::{HashMap, HashSet};

use harness_kit::bind::{Described, Description};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::routes;

/// Schemas that one check may go through in one place of an answer.
const MOST_STEPS: u64 = 2_000;
/// Parts of schemas that are looked at before a schema is used.
const MOST_PARTS: usize = 20_000;

/// What a description promises for a status.
#[derive(Debug, PartialEq)]
pub(super) enum Promise<'a> {
    /// The status is not among the described ones.
    Unknown,
    /// It is, and nothing is said of a JSON body.
    Status,
    /// It is, with a JSON body of this schema.
    Body(&'a Value),
}

pub(super) struct Contract<'a> {
    description: &'a Description,
    draft: Draft,
    /// Everything that references can lead to, as JSON Schema has it.
    shared: Map<String, Value>,
}

impl<'a> Contract<'a> {
    pub(super) fn of(description: &'a Description) -> Self {
        let document = &description.document;
        let is_new = document.get("openapi").and_then(Value::as_str).is_some_and(|version| version.starts_with("3.1"));
        let mut shared = Map::new();
        for name in ["components", "definitions"] {
            if let Some(part) = document.get(name) {
                shared.insert(name.to_owned(), plain_schema(part, is_new, 0));
            }
        }
        // Up to OpenAPI 3.0, schemas are an extended subset of an early draft of JSON Schema.
        Contract { description, draft: if is_new { Draft::Draft202012 } else { Draft::Draft4 }, shared }
    }

    /// The described operation that a request falls under; a literal path before one with parameters.
    pub(super) fn operation(&self, method: &str, target: &str) -> Option<&'a Described> {
        let path = target.split('?').next().unwrap_or(target);
        self.description
            .operations
            .iter()
            .filter(|operation| operation.method == method && routes::fits(&operation.path, path))
            .min_by_key(|operation| operation.path.matches('{').count())
    }

    /// What is promised for a status.
    pub(super) fn promise(&self, operation: &Described, status: u16) -> Promise<'a> {
        let document = &self.description.document;
        let Some(responses) = document.pointer(&operation.pointer).and_then(|at| at.get("responses")) else {
            return Promise::Unknown;
        };
        let range = format!("{}XX", status / 100);
        let found = [status.to_string(), range.clone(), range.to_lowercase(), "default".to_owned()];
        let Some(response) = found.iter().find_map(|key| responses.get(key)) else { return Promise::Unknown };
        let response = resolve(document, response);
        let media = response.get("content").and_then(Value::as_object).and_then(|content| {
            let is_json = |name: &str| name.contains("json") || name == "*/*";
            content.iter().find(|(name, _)| is_json(name)).map(|(_, media)| media)
        });
        // OpenAPI 3 keeps schemas by media type, Swagger 2 one for all.
        let schema = media.and_then(|media| media.get("schema")).or_else(|| response.get("schema"));
        schema.map_or(Promise::Status, Promise::Body)
    }

    /// Whether an operation promises any success.
    pub(super) fn promises_success(&self, operation: &Described) -> bool {
        let responses = self.description.document.pointer(&operation.pointer).and_then(|at| at.get("responses"));
        responses
            .and_then(Value::as_object)
            .is_some_and(|responses| responses.keys().any(|status| status.starts_with('2') || status == "default"))
    }

    /// A check of bodies against a schema of the description; `None` for one that cannot be used.
    pub(super) fn check(&self, schema: &Value) -> Option<Validator> {
        let mut root = self.shared.clone();
        let is_new = self.draft == Draft::Draft202012;
        root.insert("allOf".to_owned(), json!([plain_schema(schema, is_new, 0)]));
        let root = Value::Object(root);
        if !is_finite(&root) {
            return None;
        }
        jsonschema::options()
            .offline()
            .with_draft(self.draft)
            .with_pattern_options(PatternOptions::regex())
            .should_validate_formats(false)
            .build(&root)
            .ok()
    }
}

/// Where and how a body breaks a schema, in words without the body's own values.
pub(super) fn breach(check: &Validator, body: &Value) -> Option<String> {
    let error = check.iter_errors(body).next()?;
    let place = error.instance_path().to_string();
    let place = if place.is_empty() { "the body".to_owned() } else { format!("`{place}`") };
    let rule = error.schema_path().to_string();
    let rule = rule.rsplit('/').next().unwrap_or_default();
    Some(format!("{place} is not as described (`{rule}`)"))
}

/// Follows a reference inside the document.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let mut value = value;
    for _ in 0..8 {
        let Some(pointer) = value.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#')) else {
            break;
        };
        match document.pointer(pointer) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

/// A schema of a description as JSON Schema has it: `nullable` becomes a type, and members that answers never carry are
/// not required of them.
fn plain_schema(schema: &Value, is_new: bool, depth: u8) -> Value {
    if depth > 100 {
        return json!({});
    }
    let members = match schema {
        Value::Object(members) => members,
        Value::Array(items) => return items.iter().map(|item| plain_schema(item, is_new, depth + 1)).collect(),
        other => return other.clone(),
    };
    let hidden: Vec<&String> = members
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(_, property)| property.get("writeOnly") == Some(&Value::Bool(true)))
        .map(|(name, _)| name)
        .collect();
    let mut plain = Map::new();
    for (name, value) in members {
        match name.as_str() {
            // Values of the API's own, in which nothing is a schema.
            "example" | "examples" | "default" | "discriminator" | "xml" => {}
            "enum" | "const" => {
                plain.insert(name.clone(), value.clone());
            }
            "required" if value.is_array() => {
                let kept = value.as_array().into_iter().flatten().filter(|wanted| {
                    !wanted.as_str().is_some_and(|wanted| hidden.iter().any(|hidden| *hidden == wanted))
                });
                let kept: Vec<Value> = kept.cloned().collect();
                // The early drafts want at least one.
                if !kept.is_empty() {
                    plain.insert(name.clone(), Value::Array(kept));
                }
            }
            // Names of the API's own, whatever they are.
            "properties" | "schemas" | "definitions" | "patternProperties" if value.is_object() => {
                let named = value.as_object().into_iter().flatten();
                let named = named.map(|(name, schema)| (name.clone(), plain_schema(schema, is_new, depth + 1)));
                plain.insert(name.clone(), Value::Object(named.collect()));
            }
            // OpenAPI 3.0 has it beside `$ref` and means nothing by it there.
            "nullable" if value.is_boolean() => {}
            _ => {
                plain.insert(name.clone(), plain_schema(value, is_new, depth + 1));
            }
        }
    }
    let may_be_null =
        !is_new && ["nullable", "x-nullable"].iter().any(|name| members.get(*name) == Some(&Value::Bool(true)));
    if may_be_null && !members.contains_key("$ref") {
        return json!({"anyOf": [{"type": "null"}, Value::Object(plain)]});
    }
    Value::Object(plain)
}

/// Whether every schema under `root` can be checked in a bounded number of steps in one place of a body.
fn is_finite(root: &Value) -> bool {
    let mut known: HashMap<usize, Option<u64>> = HashMap::new();
    let mut seen: HashSet<usize> = HashSet::new();
    let mut open = vec![root];
    while let Some(part) = open.pop() {
        if !seen.insert(std::ptr::from_ref(part).addr()) {
            continue;
        }
        if seen.len() > MOST_PARTS {
            return false;
        }
        match part {
            Value::Object(members) => {
                // Other ways of referring could lead around what is counted here.
                if ["$id", "id", "$dynamicRef", "$recursiveRef"]
                    .iter()
                    .any(|name| members.get(*name).is_some_and(Value::is_string))
                    || steps(root, part, &mut known, 0).is_none()
                {
                    return false;
                }
                open.extend(members.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    true
}

/// Schemas that apply to the same place as this one does, itself among them; `None` where there is no end to them.
fn steps<'a>(root: &'a Value, schema: &'a Value, known: &mut HashMap<usize, Option<u64>>, depth: u8) -> Option<u64> {
    let at = std::ptr::from_ref(schema).addr();
    if let Some(steps) = known.get(&at) {
        return *steps;
    }
    if depth > 200 {
        return None;
    }
    // Met again before it is counted, it refers to itself.
    known.insert(at, None);
    let mut applied: Vec<&Value> = Vec::new();
    if let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#')) {
        applied.extend(root.pointer(pointer));
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        applied.extend(schema.get(name).and_then(Value::as_array).into_iter().flatten());
    }
    applied.extend(["not", "if", "then", "else"].iter().filter_map(|name| schema.get(name)));
    let mut total = 1_u64;
    for part in applied {
        total = total.saturating_add(steps(root, part, known, depth + 1)?);
    }
    let counted = (total <= MOST_STEPS).then_some(total);
    known.insert(at, counted);
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaches(document: Value, status: u16, body: &Value) -> Option<String> {
        let description = Description::new("here".to_owned(), document);
        let contract = Contract::of(&description);
        let operation = contract.operation("GET", "/things/7?x=1").expect("described");
        let Promise::Body(schema) = contract.promise(operation, status) else { panic!("a schema is described") };
        let check = contract.check(schema).expect("a usable schema");
        breach(&check, body)
    }

    fn three(version: &str, schema: &Value) -> Value {
        json!({"openapi": version, "paths": {"/things/{id}": {"get": {"responses": {
            "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "4XX": {"description": "refused"}}}}},
            "components": {"schemas": {"Thing": schema}}})
    }

    #[test]
    fn three_generations_are_kept_to() {
        let old = json!({"type": "object", "required": ["name", "secret"], "properties": {
            "name": {"type": "string", "nullable": true}, "secret": {"type": "string", "writeOnly": true},
            "rate": {"type": "number", "minimum": 0, "exclusiveMinimum": true}}});
        assert_eq!(breaches(three("3.0.3", &old), 200, &json!({"name": null})), None);
        let broken = breaches(three("3.0.3", &old), 200, &json!({"name": "x", "rate": 0}));
        assert!(broken.is_some_and(|how| how.starts_with("`/rate` is not as described")));
        assert!(breaches(three("3.0.3", &old), 200, &json!({})).is_some());

        let new = json!({"type": "object", "properties": {"name": {"type": ["string", "null"]}}});
        assert_eq!(breaches(three("3.1.0", &new), 200, &json!({"name": null})), None);
        let broken = breaches(three("3.1.0", &new), 200, &json!({"name": 5}));
        assert_eq!(broken.as_deref(), Some("`/name` is not as described (`type`)"));

        let two = json!({"swagger": "2.0", "basePath": "/", "paths": {"/things/{id}": {"get": {"responses": {
            "200": {"schema": {"$ref": "#/definitions/Thing"}}}}}},
            "definitions": {"Thing": {"type": "object", "required": ["name"]}}});
        assert_eq!(breaches(two.clone(), 200, &json!({"name": 1})), None);
        assert!(breaches(two, 200, &json!({})).is_some());
    }

    #[test]
    fn promises_are_found_by_status_range_and_default() {
        let description = Description::new("here".to_owned(), three("3.1.0", &json!({})));
        let contract = Contract::of(&description);
        let operation = contract.operation("GET", "/things/7").expect("described");
        assert!(matches!(contract.promise(operation, 200), Promise::Body(_)));
        assert_eq!(contract.promise(operation, 404), Promise::Status);
        assert_eq!(contract.promise(operation, 201), Promise::Unknown);
        assert!(contract.operation("POST", "/things/7").is_none());
    }

    #[test]
    fn schemas_without_end_are_not_used() {
        let unusable = |thing: &Value| {
            let description = Description::new("here".to_owned(), three("3.1.0", thing));
            Contract::of(&description).check(&json!({"$ref": "#/components/schemas/Thing"})).is_none()
        };
        assert!(unusable(&json!({"allOf": [{"$ref": "#/components/schemas/Thing"}]})));
        assert!(unusable(&json!({"not": {"$ref": "#/components/schemas/Thing"}})));
        assert!(unusable(&json!({"$ref": "https://elsewhere.example/thing.json"})));
        assert!(!unusable(&json!({"properties": {"part": {"$ref": "#/components/schemas/Thing"}}})));
        // Each level doubles the work below it.
        let mut schemas = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/components/schemas/L{}", level + 1)});
            schemas.insert(format!("L{level}"), json!({"allOf": [next.clone(), next]}));
        }
        schemas.insert("L40".to_owned(), json!({}));
        let bomb = json!({"openapi": "3.1.0", "paths": {}, "components": {"schemas": schemas}});
        let description = Description::new("here".to_owned(), bomb);
        assert!(Contract::of(&description).check(&json!({"$ref": "#/components/schemas/L0"})).is_none());
    }
}
