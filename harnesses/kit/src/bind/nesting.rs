//! Routes below other records: `/things/{thing}/parts/{id}`. The keys of the records above are filled in when a route is
//! bound, so that probes see one collection; the template keeps their places for reports and for other records above.

use grader_spec::{Action, Domain};
use serde_json::Value;

use crate::operation::encode_segment;
use crate::wire;
use crate::{BoundResource, Context, Stop, Values};

/// A record above the ones of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    /// The resource's id in the spec.
    pub resource: String,
    pub key: String,
    /// What a body refers to it by: the key in the JSON type that the submission gave it.
    pub reference: Value,
}

/// A path with the keys above filled in, and as a template with `{RESOURCE}` in their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) template: String,
}

impl Place {
    /// A path below nothing.
    pub(super) fn plain(path: impl Into<String>) -> Self {
        let path = path.into();
        Place { template: path.clone(), path }
    }
}

/// Makes the record under which `id` stands, binding the resource above first where that did not happen yet. Answers the
/// records above, nearest first; none where the resource stands alone.
pub(super) async fn above(ctx: &Context, id: &str, values: &mut Values) -> Result<Vec<Ancestor>, Stop> {
    let domain = &ctx.spec().domain;
    let Some(parent) = domain.resources.get(id).and_then(|resource| resource.parent.as_deref()) else {
        return Ok(Vec::new());
    };
    let parent = ctx.resource(parent)?;
    let record = parent.create(ctx, values, &[]).await?;
    let mut above =
        vec![Ancestor { resource: parent.id.clone(), key: record.key.clone(), reference: record.reference(&parent) }];
    above.extend(parent.above.iter().cloned());
    Ok(above)
}

/// Fills a known route of a resource: its parameters in front of the resource's own name are keys of records above, each
/// behind that record's name. `None` where there are none, or others.
pub(super) fn placed(domain: &Domain, own: &[String], above: &[Ancestor], path: &str) -> Option<Place> {
    let segments: Vec<&str> = path.split('/').collect();
    let is_parameter = |at: usize| segments[at].starts_with('{');
    let named = |segment: &str, names: &[String]| {
        wire::is_named(segment, names) || wire::words(segment).iter().any(|word| wire::is_named(word, names))
    };
    let at = (0..segments.len()).rev().find(|at| !is_parameter(*at) && named(segments[*at], own))?;
    let mut path: Vec<String> = segments.iter().map(|segment| (*segment).to_owned()).collect();
    let mut template = path.clone();
    let mut filled = 0;
    for place in (1..at).filter(|place| is_parameter(*place)) {
        let ancestor = above.iter().find(|ancestor| {
            domain.resources.get(&ancestor.resource).is_some_and(|spec| named(segments[place - 1], &spec.names))
        })?;
        path[place] = encode_segment(&ancestor.key);
        template[place] = format!("{{{}}}", ancestor.resource);
        filled += 1;
    }
    let own_keys: Vec<usize> = (at + 1..segments.len()).filter(|place| is_parameter(*place)).collect();
    if filled == 0 || own_keys.len() > 1 {
        return None;
    }
    for place in own_keys {
        "{id}".clone_into(&mut path[place]);
        "{id}".clone_into(&mut template[place]);
    }
    Some(Place { path: path.join("/"), template: template.join("/") })
}

/// Where records of the nearest resource above stand, for trying customary names below them.
pub(super) fn bases(ctx: &Context, above: &[Ancestor]) -> Vec<Place> {
    let Some((nearest, rest)) = above.split_first() else { return Vec::new() };
    let mut bases = Vec::new();
    if let Ok(parent) = ctx.resource(&nearest.resource)
        && let Some(record) = record_place(&parent)
    {
        let mut place = refilled(&record.template, rest);
        place = place.replace("{id}", &encode_segment(&nearest.key));
        let template = record.template.replace("{id}", &format!("{{{}}}", nearest.resource));
        bases.push(Place { path: place.trim_end_matches('/').to_owned(), template });
    }
    bases
}

/// The path of one record, as reading names it, else below the collection.
fn record_place(resource: &BoundResource) -> Option<Place> {
    let on_record = [Action::Read, Action::Update, Action::Delete];
    if let Some(operation) = on_record.iter().find_map(|action| resource.operations.get(action)) {
        return Some(Place { path: operation.path.clone(), template: operation.template.clone() });
    }
    let create = resource.operations.get(&Action::Create)?;
    let below = |path: &str| format!("{}/{{id}}", path.trim_end_matches('/'));
    Some(Place { path: below(&create.path), template: below(&create.template) })
}

/// A template with these keys in place of its `{RESOURCE}`s.
pub(crate) fn refilled(template: &str, above: &[Ancestor]) -> String {
    above.iter().fold(template.to_owned(), |path, ancestor| {
        path.replace(&format!("{{{}}}", ancestor.resource), &encode_segment(&ancestor.key))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn domain() -> Domain {
        let resource = |names: &[&str], parent: Option<&str>| {
            json!({
                "names": names, "parent": parent, "fields": {}, "operations": {},
                "access": {"read": "member", "write": "member"}
            })
        };
        serde_json::from_value(json!({
            "prefixes": [""], "main": "part",
            "accounts": {
                "identity": "email", "secret": "password", "fields": {},
                "register": {"paths": []}, "login": {"paths": []}
            },
            "resources": {
                "thing": resource(&["things", "thing"], None),
                "part": resource(&["parts", "part"], Some("thing")),
                "note": resource(&["notes"], Some("part")),
            }
        }))
        .expect("a domain")
    }

    fn ancestor(resource: &str, key: &str) -> Ancestor {
        Ancestor { resource: resource.to_owned(), key: key.to_owned(), reference: json!(key) }
    }

    fn place(path: &str, own: &str, above: &[Ancestor]) -> Option<(String, String)> {
        let domain = domain();
        placed(&domain, &domain.resources[own].names, above, path).map(|place| (place.path, place.template))
    }

    #[test]
    fn keys_above_are_filled_in_behind_their_names() {
        let above = [ancestor("part", "p 1"), ancestor("thing", "7")];
        assert_eq!(
            place("/v1/things/{thingId}/parts/{partId}/notes/{noteId}", "note", &above),
            Some(("/v1/things/7/parts/p%201/notes/{id}".into(), "/v1/things/{thing}/parts/{part}/notes/{id}".into()))
        );
        assert_eq!(
            place("/parts/{id}/notes", "note", &above),
            Some(("/parts/p%201/notes".into(), "/parts/{part}/notes".into()))
        );
    }

    #[test]
    fn keys_of_others_are_not() {
        let above = [ancestor("thing", "7")];
        assert_eq!(place("/users/{userId}/parts", "part", &above), None);
        assert_eq!(place("/parts/{id}", "part", &above), None, "stands alone here");
        assert_eq!(place("/things/{t}/parts/{a}/{b}", "part", &above), None);
        assert_eq!(place("/things/{t}", "part", &above), None);
    }

    #[test]
    fn a_template_takes_other_keys() {
        assert_eq!(refilled("/things/{thing}/parts/{id}", &[ancestor("thing", "9")]), "/things/9/parts/{id}");
    }
}
