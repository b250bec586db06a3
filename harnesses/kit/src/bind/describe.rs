//! Reading an API description: OpenAPI 3.0 and 3.1, Swagger 2.0. Only what binding needs is taken: operations, the
//! members of their bodies, their query parameters. References are followed inside the document alone.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::Encoding;

/// Operations of one description that are read; a hostile document may list millions.
const MOST_OPERATIONS: usize = 500;

/// A description that was read: once for the whole run.
#[derive(Debug, Clone)]
pub struct Description {
    /// The path at which it is served, or its place in the tree.
    pub place: String,
    pub document: Value,
    /// Its operations, in its order.
    pub operations: Vec<Described>,
}

impl Description {
    pub fn new(place: String, document: Value) -> Self {
        let operations = operations(&document);
        Description { place, document, operations }
    }
}

/// One operation of a description.
#[derive(Debug, Clone)]
pub struct Described {
    /// Upper case.
    pub method: String,
    /// Path with the base path of the server in front, parameters as `{name}`.
    pub path: String,
    pub encoding: Encoding,
    /// Members of the request body, by name; empty where the body is unknown or there is none.
    pub members: IndexMap<String, Member>,
    pub query: Vec<String>,
    /// Whether the description says that credentials are needed.
    pub secured: Option<bool>,
    /// Whether it tells what a success answers: a schema, or that there is no body.
    pub answer: bool,
    /// Whether it tells any client error.
    pub errors: bool,
    /// Whether an example stands in it or in a schema that it names.
    pub example: bool,
    /// JSON pointer (RFC 6901) to the operation in the document.
    pub pointer: String,
}

/// A member of a request body.
#[derive(Debug, Clone, Default)]
pub struct Member {
    pub required: bool,
    /// JSON types that are taken; empty when the description does not say.
    pub types: Vec<String>,
    pub format: String,
    pub choices: Vec<Value>,
    pub example: Option<Value>,
    /// Members of an array's items, where the member is an array of objects.
    pub items: IndexMap<String, Member>,
}

impl Member {
    /// As the source declares it.
    pub(super) fn of(hint: &crate::MemberHint) -> Self {
        let types = Some(hint.kind.clone()).filter(|kind| !kind.is_empty()).into_iter().collect();
        let choices = hint.choices.iter().cloned().map(Value::String).collect();
        Member { required: hint.required, types, format: hint.format.clone(), choices, ..Member::default() }
    }
}

/// Whether a document is an API description.
fn is_description(document: &Value) -> bool {
    document.get("paths").is_some_and(Value::is_object)
        && (document.get("openapi").is_some_and(Value::is_string)
            || document.get("swagger").is_some_and(Value::is_string))
}

/// Bytes of a description that are read.
const MOST_BYTES: usize = 4 << 20;
/// Brackets inside brackets; descriptions in the field have fewer than 30.
const DEEPEST: usize = 100;

/// Reads a description in JSON or YAML; `None` for anything else. The text is hostile: YAML scanners take time that grows
/// with the square of the nesting, so deep nesting is refused before any of them looks at it.
pub(super) fn parse(text: &[u8]) -> Option<Value> {
    if text.len() > MOST_BYTES || nesting(text) > DEEPEST {
        return None;
    }
    let parsed: Option<Value> = match text.iter().find(|byte| !byte.is_ascii_whitespace())? {
        b'{' => serde_json::from_slice(text).ok().or_else(|| serde_yaml::from_slice(text).ok()),
        // A page, or a list: no description begins so.
        b'<' | b'[' => None,
        _ => serde_yaml::from_slice(text).ok(),
    };
    parsed.filter(is_description)
}

/// The deepest nesting of brackets, over-counted where strings hold some that never close.
fn nesting(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The operations of a description, in its order.
pub(super) fn operations(document: &Value) -> Vec<Described> {
    let base = base_path(document);
    let globally_secured = document.get("security").and_then(Value::as_array).map(|list| !list.is_empty());
    let mut found = Vec::new();
    let Some(paths) = document.get("paths").and_then(Value::as_object) else { return found };
    for (path, item) in paths {
        let item = resolve(document, item);
        for method in ["get", "post", "put", "patch", "delete"] {
            let Some(operation) = item.get(method) else { continue };
            if found.len() >= MOST_OPERATIONS {
                return found;
            }
            let (encoding, members) = body(document, operation);
            found.push(Described {
                method: method.to_uppercase(),
                path: join(&base, path),
                encoding,
                members,
                query: query(document, item, operation),
                secured: operation
                    .get("security")
                    .and_then(Value::as_array)
                    .map(|list| !list.is_empty())
                    .or(globally_secured),
                answer: tells_answer(document, operation),
                errors: responses(operation).any(|(status, _)| status.starts_with('4') || status == "default"),
                example: shows_example(document, operation),
                pointer: format!("/paths/{}/{method}", path.replace('~', "~0").replace('/', "~1")),
            });
        }
    }
    found
}

fn responses(operation: &Value) -> impl Iterator<Item = (&String, &Value)> {
    operation.get("responses").and_then(Value::as_object).into_iter().flatten()
}

fn tells_answer(document: &Value, operation: &Value) -> bool {
    responses(operation).filter(|(status, _)| status.starts_with('2')).any(|(status, response)| {
        let response = resolve(document, response);
        let filled = |schema: &Value| schema.as_object().is_some_and(|schema| !schema.is_empty());
        let content = response.get("content").and_then(Value::as_object);
        let schema = content.into_iter().flatten().any(|(_, media)| media.get("schema").is_some_and(filled));
        status == "204" || schema || response.get("schema").is_some_and(filled)
    })
}

/// Values that are looked through for an example of one operation.
const MOST_LOOKED_AT: usize = 3_000;

fn shows_example(document: &Value, operation: &Value) -> bool {
    let mut left = vec![operation];
    for _ in 0..MOST_LOOKED_AT {
        let Some(value) = left.pop() else { return false };
        match resolve(document, value) {
            Value::Object(members) => {
                if members.contains_key("example") || members.contains_key("examples") {
                    return true;
                }
                left.extend(members.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    false
}

fn base_path(document: &Value) -> String {
    if let Some(base) = document.get("basePath").and_then(Value::as_str) {
        return base.trim_end_matches('/').to_owned();
    }
    let url = document.pointer("/servers/0/url").and_then(Value::as_str).unwrap_or("");
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => url,
    };
    if path.contains('{') { String::new() } else { path.trim_end_matches('/').to_owned() }
}

fn join(base: &str, path: &str) -> String {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    // Some generators put the base path into the paths as well.
    if base.is_empty() || path.starts_with(&format!("{base}/")) { path } else { format!("{base}{path}") }
}

/// Follows `$ref` inside the document, a few steps at the most.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let mut value = value;
    for _ in 0..8 {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { break };
        let Some(pointer) = reference.strip_prefix('#') else { break };
        match document.pointer(pointer) {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

fn body(document: &Value, operation: &Value) -> (Encoding, IndexMap<String, Member>) {
    // OpenAPI 3
    if let Some(request) = operation.get("requestBody") {
        let request = resolve(document, request);
        if let Some(content) = request.get("content").and_then(Value::as_object) {
            let json = content.iter().find(|(name, _)| name.contains("json"));
            let form = content.iter().find(|(name, _)| name.contains("x-www-form-urlencoded"));
            let (encoding, media) = match (json, form) {
                (Some((_, media)), _) => (Encoding::Json, media),
                (None, Some((_, media))) => (Encoding::Form, media),
                (None, None) => return (Encoding::Json, IndexMap::new()),
            };
            let members = media.get("schema").map(|schema| members(document, schema, 0)).unwrap_or_default();
            return (encoding, members);
        }
    }
    // Swagger 2
    let mut members_found = IndexMap::new();
    let mut encoding = Encoding::Json;
    for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
        let parameter = resolve(document, parameter);
        match parameter.get("in").and_then(Value::as_str) {
            Some("body") => {
                if let Some(schema) = parameter.get("schema") {
                    members_found = members(document, schema, 0);
                }
            }
            Some("formData") => {
                encoding = Encoding::Form;
                if let Some(name) = parameter.get("name").and_then(Value::as_str) {
                    let required = parameter.get("required").and_then(Value::as_bool).unwrap_or(false);
                    members_found.insert(name.to_owned(), member(document, parameter, required, 0));
                }
            }
            _ => {}
        }
    }
    (encoding, members_found)
}

/// The members of an object schema, through `allOf` and the first object of `anyOf` and `oneOf`.
fn members(document: &Value, schema: &Value, depth: u8) -> IndexMap<String, Member> {
    let schema = resolve(document, schema);
    let mut found = IndexMap::new();
    if depth > 4 {
        return found;
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        found.extend(members(document, part, depth + 1));
    }
    for choice in ["anyOf", "oneOf"] {
        for part in schema.get(choice).and_then(Value::as_array).into_iter().flatten() {
            let inner = members(document, part, depth + 1);
            if !inner.is_empty() && found.is_empty() {
                found = inner;
            }
        }
    }
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties.iter().take(100) {
            if property.get("readOnly").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            found.insert(name.clone(), member(document, property, required.contains(&name.as_str()), depth));
        }
    }
    for name in required {
        if let Some(member) = found.get_mut(name) {
            member.required = true;
        }
    }
    found
}

fn member(document: &Value, property: &Value, required: bool, depth: u8) -> Member {
    let property = resolve(document, property);
    let mut types = Vec::new();
    collect_types(document, property, &mut types, 0);
    let items = property
        .get("items")
        .filter(|_| depth <= 3)
        .map(|items| members(document, items, depth + 1))
        .unwrap_or_default();
    let text = |key: &str| property.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    Member {
        required,
        types,
        format: text("format"),
        choices: property.get("enum").and_then(Value::as_array).cloned().unwrap_or_default(),
        example: property
            .get("example")
            .or_else(|| property.pointer("/examples/0"))
            .or_else(|| property.get("default"))
            .filter(|value| !value.is_null())
            .cloned(),
        items,
    }
}

fn collect_types(document: &Value, schema: &Value, types: &mut Vec<String>, depth: u8) {
    if depth > 4 {
        return;
    }
    let schema = resolve(document, schema);
    match schema.get("type") {
        Some(Value::String(one)) => types.push(one.clone()),
        Some(Value::Array(many)) => types.extend(many.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        for part in schema.get(choice).and_then(Value::as_array).into_iter().flatten() {
            collect_types(document, part, types, depth + 1);
        }
    }
    types.retain(|name| name != "null");
}

fn query(document: &Value, item: &Value, operation: &Value) -> Vec<String> {
    let of = |holder: &Value| -> Vec<Map<String, Value>> {
        holder
            .get("parameters")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|parameter| resolve(document, parameter).as_object().cloned())
            .collect()
    };
    of(item)
        .into_iter()
        .chain(of(operation))
        .filter(|parameter| parameter.get("in").and_then(Value::as_str) == Some("query"))
        .filter_map(|parameter| parameter.get("name").and_then(Value::as_str).map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_three_generations() {
        let three = json!({
            "openapi": "3.1.0", "servers": [{"url": "https://x.example/api"}],
            "paths": {"/things": {"post": {"requestBody": {"content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Thing"}}}}}}},
            "components": {"schemas": {"Thing": {"required": ["name"], "properties": {
                "name": {"type": "string"}, "price": {"anyOf": [{"type": "number"}, {"type": "null"}]}}}}}
        });
        let found = operations(&three);
        assert_eq!((found[0].method.as_str(), found[0].path.as_str()), ("POST", "/api/things"));
        assert!(found[0].members["name"].required);
        assert_eq!(found[0].members["price"].types, ["number"]);

        let two = json!({
            "swagger": "2.0", "basePath": "/v1",
            "paths": {"/login": {"post": {"parameters": [
                {"in": "formData", "name": "username", "required": true, "type": "string"},
                {"in": "query", "name": "next", "type": "string"}]}}}
        });
        let found = operations(&two);
        assert_eq!(found[0].path, "/v1/login");
        assert_eq!(found[0].encoding, Encoding::Form);
        assert_eq!(found[0].query, ["next"]);
    }

    #[test]
    fn a_circle_of_references_ends() {
        let document = json!({
            "openapi": "3.0.0",
            "paths": {"/a": {"post": {"requestBody": {"content": {"application/json": {"schema": {"$ref": "#/x"}}}}}}},
            "x": {"$ref": "#/y"}, "y": {"$ref": "#/x"}
        });
        assert!(operations(&document)[0].members.is_empty());
    }
}
