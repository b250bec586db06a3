//! Flat routes of what stands below other records: `/parts` instead of `/things/{thing}/parts`. The record above is named
//! in the body of a create or in the query, in a spelling that a description, a refusal or custom gives.
//!
//! It knows how a record above may be named, not whether an API takes it so: that is for a call to prove.

use grader_model::BindingSource;
use grader_spec::Action;
use serde_json::{Value, json};

use super::candidates::Candidate;
use super::complaint::Complaint;
use super::draft::{Draft, Missing};
use super::lines::camel;
use super::nesting::Ancestor;
use crate::operation::Scope;
use crate::{Answer, BoundResource, Context, Operation, Record, wire};

/// Spellings of one record above that are tried where nothing tells its name.
const SPELLINGS: usize = 6;
/// Names of a query parameter that are tried on one route.
const PARAMETERS: usize = 6;
/// Ends of names that refer to a record.
const ENDS: &[&str] = &["uuid", "ids", "id", "key"];

/// In which form a body names a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Its key.
    Key,
    /// Its key, alone in a list.
    List,
    /// An object with its key: `{"id": 7}`.
    Object,
}

/// A member of a body that names a record above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The resource's id in the spec.
    pub resource: String,
    pub form: Form,
}

impl Reference {
    /// The member's value for a record.
    pub fn to(&self, ancestor: &Ancestor) -> Value {
        let key = ancestor.reference.clone();
        match self.form {
            Form::Key => key,
            Form::List => json!([key]),
            Form::Object => json!({ "id": key }),
        }
    }
}

/// A way to name the nearest record above, to be tried.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Body(String, Form),
    Query(String),
}

/// A record above with the names that it may go by.
#[derive(Debug)]
pub(super) struct Above {
    pub(super) ancestor: Ancestor,
    /// In snake case and in the singular, as the submission's route says it first.
    stems: Vec<String>,
    /// All that references to it may begin with, without case and separators.
    known: Vec<String>,
}

/// The records above a resource, nearest first.
pub(super) fn above(ctx: &Context, resource: &BoundResource) -> Vec<Above> {
    resource.above.iter().map(|ancestor| Above::of(ctx, ancestor)).collect()
}

impl Above {
    fn of(ctx: &Context, ancestor: &Ancestor) -> Self {
        let parent = ctx.resource(&ancestor.resource).ok();
        let collection = parent.as_ref().and_then(|parent| parent.collection()).unwrap_or_default();
        let said = collection.split('/').rfind(|segment| !segment.is_empty() && !segment.starts_with('{'));
        Self::named(ancestor, said, parent.as_ref().map(|parent| parent.spec.names.as_slice()).unwrap_or_default())
    }

    fn named(ancestor: &Ancestor, said: Option<&str>, names: &[String]) -> Self {
        let mut stems: Vec<String> = Vec::new();
        for name in said.into_iter().chain([ancestor.resource.as_str()]) {
            let stem = singular(&wire::words(name).join("_"));
            if !stem.is_empty() && !stems.contains(&stem) {
                stems.push(stem);
            }
        }
        let mut known: Vec<String> = stems.iter().map(|stem| wire::plain(stem)).collect();
        known.extend(names.iter().flat_map(|name| [wire::plain(name), wire::plain(&singular(name))]));
        known.retain(|name| !name.is_empty());
        Above { ancestor: ancestor.clone(), stems, known }
    }

    /// Whether a member or a parameter of that name refers to it: `thing_id`, `thingId`, `thing`.
    pub(super) fn is_meant(&self, name: &str) -> bool {
        let plain = wire::plain(name);
        let bare = self.stems.iter().any(|stem| wire::plain(stem) == plain);
        bare || ENDS.iter().filter_map(|end| plain.strip_suffix(end)).any(|stem| self.known.iter().any(|k| k == stem))
    }

    /// Whether a text is about it: a 404 that says so is no missing route.
    pub(super) fn is_told_of(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        text.len() < 2_000
            && wire::words(&text).iter().any(|word| self.stems.iter().any(|stem| wire::plain(stem) == *word))
    }

    /// Customary names of a member, likeliest first.
    fn spellings(&self) -> Vec<String> {
        let all = self.stems.iter().flat_map(|stem| [format!("{stem}_id"), camel(&format!("{stem}_id")), stem.clone()]);
        all.take(SPELLINGS).collect()
    }

    /// Ways to name it where nothing tells one: in the body, then in the query.
    pub(super) fn ways(&self) -> Vec<Way> {
        let names = self.spellings();
        let objects = self.stems.iter().take(1).map(|stem| Way::Body(stem.clone(), Form::Object));
        let bodies = names.iter().map(|name| Way::Body(name.clone(), Form::Key)).chain(objects);
        let queries = names.iter().filter(|name| !self.stems.contains(name)).map(|name| Way::Query(name.clone()));
        bodies.chain(queries.take(2)).collect()
    }

    /// Whether a record says that it stands below it.
    pub(super) fn is_shown_by(&self, record: &Record) -> bool {
        let key = Some(self.ancestor.key.clone());
        record.body.iter().filter(|(name, _)| self.is_meant(name)).any(|(_, value)| {
            wire::text(value) == key
                || value.as_object().is_some_and(|object| object.values().any(|v| wire::text(v) == key))
        })
    }

    /// Names of query parameters that may hold its key, the surest first: documented, asked for by a refusal, as creating
    /// spells it, customary.
    pub(super) fn parameters(
        &self,
        resource: &BoundResource,
        documented: &[String],
        complaints: &[Complaint],
    ) -> Vec<String> {
        let meant = |names: &mut dyn Iterator<Item = &String>| -> Vec<String> {
            names.filter(|name| self.is_meant(name)).cloned().collect()
        };
        let mut names = meant(&mut documented.iter());
        names.extend(meant(&mut complaints.iter().map(|complaint| &complaint.name)));
        let scopes = resource.operations.get(&Action::Create).map(|create| create.scope.as_slice()).unwrap_or_default();
        names.extend(meant(&mut scopes.iter().map(|scope| &scope.name)));
        names.extend(meant(&mut resource.references.keys()));
        names.extend(self.spellings());
        let mut unique: Vec<String> = Vec::new();
        for name in names {
            if !unique.contains(&name) && unique.len() < PARAMETERS {
                unique.push(name);
            }
        }
        unique
    }

    /// The query parameter of that name with its key.
    pub(super) fn scope(&self, name: &str) -> Scope {
        Scope { name: name.to_owned(), resource: self.ancestor.resource.clone(), key: self.ancestor.key.clone() }
    }
}

impl Way {
    /// Whether it is a member of that name and form.
    pub(super) fn is_member(&self, called: &str, in_form: Form) -> bool {
        matches!(self, Way::Body(name, form) if name == called && *form == in_form)
    }

    pub(super) fn apply(&self, above: &Above, resource: &mut BoundResource, operation: &mut Operation) {
        match self {
            Way::Body(name, form) => refer(resource, name, &above.ancestor, *form),
            Way::Query(name) => operation.scope.push(above.scope(name)),
        }
    }
}

/// Whether the path of an operation says nothing of the nearest record above, where there is one.
pub(super) fn is_flat(resource: &BoundResource, operation: &Operation) -> bool {
    resource.above.first().is_some_and(|nearest| !operation.template.contains(&format!("{{{}}}", nearest.resource)))
}

/// Whether neither path nor query say anything of the nearest record above, so far.
pub(super) fn is_untold(resource: &BoundResource, operation: &Operation) -> bool {
    let Some(nearest) = resource.above.first() else { return false };
    is_flat(resource, operation) && operation.scope.iter().all(|scope| scope.resource != nearest.resource)
}

/// Whether a request names the nearest record above, in its path, its query or its body.
pub(super) fn is_told(resource: &BoundResource, operation: &Operation) -> bool {
    let nearest = resource.above.first().map(|nearest| nearest.resource.as_str());
    !is_untold(resource, operation)
        || resource.references.values().any(|reference| Some(reference.resource.as_str()) == nearest)
}

/// Names a record above in the body.
pub(super) fn refer(resource: &mut BoundResource, name: &str, ancestor: &Ancestor, form: Form) {
    let reference = Reference { resource: ancestor.resource.clone(), form };
    resource.prerequisites.insert(name.to_owned(), reference.to(ancestor));
    resource.references.insert(name.to_owned(), reference);
}

/// Names the record above that a member stands for; `false` where it stands for none of them.
pub(super) fn supply(resource: &mut BoundResource, missing: &Missing) -> bool {
    let Some(ancestor) = resource.above.iter().find(|ancestor| ancestor.resource == missing.resource).cloned() else {
        return false;
    };
    let form = if missing.list { Form::List } else { Form::Key };
    refer(resource, &missing.name, &ancestor, form);
    true
}

/// Whether a flat route that answers 404 misses the record above, and is there itself.
pub(super) fn is_about_above(
    resource: &BoundResource,
    operation: &Operation,
    above: &[Above],
    answer: &Answer,
) -> bool {
    answer.status() == 404
        && is_flat(resource, operation)
        && above.first().is_some_and(|nearest| nearest.is_told_of(&answer.text()))
}

/// Forgets how another route names the records above.
pub(super) fn forget(resource: &mut BoundResource) {
    for (name, _) in resource.references.drain(..) {
        resource.prerequisites.shift_remove(&name);
    }
}

/// Takes what a description says of a flat route: the member or the parameter that names the nearest record above, also
/// where it is documented as optional.
pub(super) fn described(
    candidate: &Candidate,
    above: &[Above],
    resource: &mut BoundResource,
    operation: &mut Operation,
) {
    let Some(nearest) = above.first() else { return };
    let mut members: Vec<_> = candidate.members.iter().filter(|(name, _)| nearest.is_meant(name)).collect();
    members.sort_by_key(|(name, _)| !ENDS.iter().any(|end| wire::plain(name).ends_with(end)));
    if let Some((name, member)) = members.first() {
        let takes = |kind: &str| member.types.iter().any(|known| known == kind);
        let form = match (takes("array"), takes("object")) {
            (true, _) => Form::List,
            (_, true) => Form::Object,
            _ => Form::Key,
        };
        refer(resource, name, &nearest.ancestor, form);
    } else if let Some(name) = candidate.query.iter().find(|name| nearest.is_meant(name)) {
        operation.scope.push(nearest.scope(name));
    }
}

/// Takes members that a draft made up for references to records above; what a reviewer gave stays.
pub(super) fn adopt(draft: &mut Draft, above: &[Above], source: BindingSource, resource: &mut BoundResource) {
    if source == BindingSource::Reviewer {
        return;
    }
    for above in above {
        let meant: Vec<String> = draft.extras.keys().filter(|name| above.is_meant(name)).cloned().collect();
        for name in meant {
            let form = match draft.extras.shift_remove(&name) {
                Some(Value::Array(_)) => Form::List,
                Some(Value::Object(_)) => Form::Object,
                _ => Form::Key,
            };
            refer(resource, &name, &above.ancestor, form);
        }
    }
}

/// Moves into the query what a refusal misses although the body holds it. Answers whether anything moved.
pub(super) fn move_to_query(
    complaints: &mut Vec<Complaint>,
    resource: &mut BoundResource,
    operation: &mut Operation,
) -> bool {
    let before = complaints.len();
    let above = resource.above.clone();
    complaints.retain(|complaint| {
        let missed = complaint.says_missing().then(|| resource.references.shift_remove(&complaint.name)).flatten();
        let Some(reference) = missed else { return true };
        resource.prerequisites.shift_remove(&complaint.name);
        if let Some(ancestor) = above.iter().find(|ancestor| ancestor.resource == reference.resource) {
            operation.scope.push(Scope {
                name: complaint.name.clone(),
                resource: reference.resource,
                key: ancestor.key.clone(),
            });
        }
        false
    });
    complaints.len() != before
}

/// Splits a query that names records above, as a reviewer writes it, from the operation's path:
/// `/parts?thing_id={thing}`. Another query stays where it is.
pub(super) fn split(operation: &mut Operation, above: &[Ancestor]) {
    let Some((template, query)) = operation.template.split_once('?') else { return };
    let scope = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let resource = value.strip_prefix('{')?.strip_suffix('}')?;
        let ancestor = above.iter().find(|ancestor| ancestor.resource == resource)?;
        Some(Scope { name: name.to_owned(), resource: resource.to_owned(), key: ancestor.key.clone() })
    };
    let Some(scopes) = query.split('&').map(scope).collect::<Option<Vec<_>>>() else { return };
    let path = operation.path.split('?').next().unwrap_or_default().to_owned();
    (operation.template, operation.path, operation.scope) = (template.to_owned(), path, scopes);
}

fn singular(name: &str) -> String {
    if let Some(stem) = name.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    let hisses = ["sses", "xes", "ches", "shes"].iter().any(|end| name.ends_with(end));
    let end = if hisses { "es" } else { "s" };
    name.strip_suffix(end).filter(|_| !name.ends_with("ss")).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn above(said: &str) -> Above {
        let ancestor = Ancestor { resource: "thing".to_owned(), key: "7".to_owned(), reference: json!(7) };
        Above::named(&ancestor, Some(said), &["things".to_owned(), "work-items".to_owned()])
    }

    #[test]
    fn a_record_above_goes_by_its_names() {
        let above = above("workItems");
        for name in
            ["thing_id", "thingId", "things_id", "work_item_id", "workItemUuid", "thing", "work_item", "ThingID"]
        {
            assert!(above.is_meant(name), "{name}");
        }
        for name in ["id", "things", "other_id", "thing_name", "something_id", "kid"] {
            assert!(!above.is_meant(name), "{name}");
        }
        assert!(above.is_told_of("No such Thing"));
        assert!(!above.is_told_of("Cannot POST /parts"));
        assert_eq!(above.spellings()[..3], ["work_item_id", "workItemId", "work_item"]);
    }

    #[test]
    fn a_reviewers_query_names_records_above() {
        let ancestor = above("things").ancestor;
        let operation = |path: &str| {
            let mut operation = Operation::new("part.list", "GET", path, BindingSource::Reviewer);
            operation.path = super::super::refilled(path, std::slice::from_ref(&ancestor));
            split(&mut operation, std::slice::from_ref(&ancestor));
            operation
        };
        let scoped = operation("/parts?thingId={thing}");
        assert_eq!((scoped.path.as_str(), scoped.template.as_str()), ("/parts", "/parts"));
        assert_eq!(scoped.scope, [Scope { name: "thingId".into(), resource: "thing".into(), key: "7".into() }]);
        assert_eq!(scoped.scoped_template(), "/parts?thingId={thing}");
        assert_eq!(operation("/parts?all=1").path, "/parts?all=1");
    }

    #[test]
    fn plurals_lose_their_end() {
        let names = ["projects", "categories", "classes", "boxes", "boss"].map(singular);
        assert_eq!(names, ["project", "category", "class", "box", "boss"]);
    }
}
