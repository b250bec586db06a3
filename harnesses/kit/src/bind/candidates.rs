//! Which routes may be behind an operation, from every source, likeliest first.

use std::sync::Arc;

use grader_model::BindingSource;
use grader_spec::{Action, Field, OperationSpec, Resource};
use indexmap::IndexMap;

use super::describe::{self, Described, Description, Member};
use super::draft::Draft;
use super::nesting::{self, Ancestor, Place};
use super::overrides::Overrides;
use crate::wire;
use crate::{Context, Encoding, Values};

/// Candidates of one operation that are tried; live trials are requests.
const MOST: usize = 80;

/// Candidates for reading the own account that are tried.
const OWN: usize = 12;

/// A route that may be the operation.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) method: String,
    /// `{id}` stands for the record's key; keys of records above are filled in.
    pub(super) path: String,
    /// The path with `{RESOURCE}` for the keys of records above.
    pub(super) template: String,
    pub(super) source: BindingSource,
    pub(super) encoding: Encoding,
    /// Members of the body; empty where unknown.
    pub(super) members: IndexMap<String, Member>,
    /// Whether there may be more of them.
    pub(super) is_partial: bool,
    pub(super) query: Vec<String>,
}

impl Candidate {
    /// A draft of the body, by its members as far as they are known.
    pub(super) fn draft(
        &self,
        fields: &IndexMap<String, Field>,
        names: &[(String, Vec<String>)],
        values: &mut Values,
    ) -> Draft {
        let mut draft = Draft::begin(&self.members, fields, names, values);
        if self.is_partial {
            draft.add_customary(fields);
        }
        draft
    }
}

/// Every route that is known before the first trial.
pub(super) struct Sources {
    known: Vec<Candidate>,
    pub(super) overrides: Overrides,
}

impl Sources {
    pub(super) fn gather(ctx: &Context, overrides: &Overrides) -> Self {
        let mut known = Vec::new();
        let bound = ctx.bound();
        if let Some(description) = &bound.description {
            known.extend(description.operations.iter().cloned().map(described));
        }
        for document in &ctx.facts().documents {
            if let Some(parsed) = describe::parse(document.text.as_bytes()) {
                let kept = Description::new(document.place.clone(), parsed);
                known.extend(kept.operations.iter().cloned().map(described));
                ctx.with_bound(|bound| {
                    bound.description.get_or_insert_with(|| Arc::new(kept));
                });
            }
        }
        for route in &ctx.facts().routes {
            let methods = match route.method.as_str() {
                "" => vec!["GET", "POST", "PUT", "PATCH", "DELETE"],
                method => vec![method],
            };
            for method in methods {
                let untold = Candidate {
                    method: method.to_owned(),
                    path: one_parameter(&route.path),
                    template: one_parameter(&route.path),
                    source: route.source,
                    encoding: Encoding::Json,
                    members: IndexMap::new(),
                    is_partial: false,
                    query: Vec::new(),
                };
                // What the source tells goes first, and customary names after it: it may have been read wrongly.
                if !route.members.is_empty() {
                    let members = route.members.iter().map(|hint| (hint.name.clone(), Member::of(hint))).collect();
                    known.push(Candidate { members, is_partial: route.partial, ..untold.clone() });
                }
                known.push(untold);
            }
        }
        Sources { known, overrides: overrides.clone() }
    }

    /// The reviewer's word for an operation, which leaves no room for other candidates.
    fn given(&self, operation: &str) -> Option<Candidate> {
        let given = self.overrides.operations.get(operation)?;
        Some(Candidate {
            method: given.method.to_uppercase(),
            path: given.path.clone(),
            template: given.path.clone(),
            source: BindingSource::Reviewer,
            encoding: if given.encoding.as_deref() == Some("form") { Encoding::Form } else { Encoding::Json },
            members: IndexMap::new(),
            is_partial: false,
            query: Vec::new(),
        })
    }

    /// Candidates for registering or signing in: routes whose last segment says so, then the spec's paths.
    pub(super) fn account(
        &self,
        ctx: &Context,
        operation: &str,
        spec: &OperationSpec,
        verbs: &[&str],
    ) -> Vec<Candidate> {
        if let Some(given) = self.given(operation) {
            return vec![given];
        }
        let mut found: Vec<(usize, Candidate)> = Vec::new();
        for candidate in
            self.known.iter().filter(|candidate| candidate.method == "POST" && !candidate.path.contains("{id}"))
        {
            let last = wire::plain(candidate.path.trim_end_matches('/').rsplit('/').next().unwrap_or(""));
            let rank = match verbs.iter().position(|verb| last == *verb) {
                Some(rank) => rank,
                None => match verbs.iter().position(|verb| verb.len() > 4 && last.contains(verb)) {
                    Some(rank) => 50 + rank,
                    None => match spec.paths.iter().position(|path| candidate.path.ends_with(path.as_str())) {
                        Some(rank) => 100 + rank,
                        None => continue,
                    },
                },
            };
            found.push((rank, candidate.clone()));
        }
        found.sort_by_key(|(rank, candidate)| (candidate.source, *rank));
        let known = found.into_iter().map(|(_, candidate)| candidate).collect();
        self.with_trials(ctx, known, spec, &["POST"], |prefix| {
            spec.paths.iter().map(|path| Place::plain(format!("{prefix}{path}"))).collect()
        })
    }

    /// Candidates for an action on a resource.
    pub(super) fn resource(
        &self,
        ctx: &Context,
        id: &str,
        resource: &Resource,
        action: Action,
        collection: Option<&Place>,
        above: &[Ancestor],
    ) -> Vec<Candidate> {
        let operation = format!("{id}.{}", action.as_str());
        if let Some(mut given) = self.given(&operation) {
            given.path = nesting::refilled(&given.template, above);
            return vec![given];
        }
        let spec = resource.operations.get(&action).cloned().unwrap_or_default();
        let mut found: Vec<(u32, Candidate)> = Vec::new();
        for candidate in &self.known {
            let placed = nesting::placed(&ctx.spec().domain, &resource.names, above, &candidate.path);
            let candidate = match placed {
                Some(Place { path, template }) => Candidate { path, template, ..candidate.clone() },
                None => candidate.clone(),
            };
            if let Some(rank) = fit(&candidate, resource, action, &spec.methods, collection) {
                found.push((rank, candidate));
            }
        }
        found.sort_by_key(|(rank, candidate)| (candidate.source, *rank));
        let known = found.into_iter().map(|(_, candidate)| candidate).collect();
        let methods: &[&str] = match action {
            Action::Create => &["POST"],
            Action::List | Action::Read => &["GET"],
            Action::Update => &["PATCH", "PUT"],
            Action::Delete => &["DELETE"],
        };
        let on_record = matches!(action, Action::Read | Action::Update | Action::Delete);
        let suffix = if on_record { "/{id}" } else { "" };
        if let Some(collection) = collection {
            let below = |end: &str| Place {
                path: format!("{}{suffix}{end}", collection.path.trim_end_matches('/')),
                template: format!("{}{suffix}{end}", collection.template.trim_end_matches('/')),
            };
            let paths = vec![below(""), below("/")];
            return self.with_trials(ctx, known, &spec, methods, |_| paths.clone());
        }
        let nested: Vec<Place> = nesting::bases(ctx, above)
            .iter()
            .flat_map(|base| {
                let names = resource.names.iter().map(|name| format!("/{name}")).chain(spec.paths.iter().cloned());
                names.map(move |name| Place {
                    path: format!("{}{name}{suffix}", base.path),
                    template: format!("{}{name}{suffix}", base.template),
                })
            })
            .collect();
        self.with_trials(ctx, known, &spec, methods, |prefix| {
            let customary = resource.names.iter().map(|name| format!("{prefix}/{name}{suffix}"));
            let plain = customary.chain(spec.paths.iter().map(|path| format!("{prefix}{path}")));
            nested.iter().cloned().chain(plain.map(Place::plain)).collect()
        })
    }

    /// Every known route.
    pub(super) fn known(&self) -> impl Iterator<Item = &Candidate> {
        self.known.iter()
    }

    /// Routes that may read the account that is signed in: known ones, then the spec's paths below a prefix.
    pub(super) fn own(&self, paths: &[String], prefix: &str) -> Vec<Candidate> {
        let mut all: Vec<Candidate> = Vec::new();
        let known = self.known.iter().filter(|candidate| {
            candidate.method == "GET" && paths.iter().any(|path| candidate.path.trim_end_matches('/').ends_with(path))
        });
        let trials = paths.iter().map(|path| Candidate {
            method: "GET".to_owned(),
            path: format!("{prefix}{path}"),
            template: format!("{prefix}{path}"),
            source: BindingSource::Candidate,
            encoding: Encoding::Json,
            members: IndexMap::new(),
            is_partial: false,
            query: Vec::new(),
        });
        for candidate in known.cloned().chain(trials) {
            if all.len() < OWN && !all.iter().any(|other| other.path == candidate.path) {
                all.push(candidate);
            }
        }
        all
    }

    /// Routes that end in one of `paths` and take a body, known ones first.
    pub(super) fn at_paths(&self, ctx: &Context, operation: &str, paths: &[String]) -> Vec<Candidate> {
        if let Some(given) = self.given(operation) {
            return vec![given];
        }
        let mut found: Vec<(usize, Candidate)> = self
            .known
            .iter()
            .filter(|candidate| matches!(candidate.method.as_str(), "POST" | "PUT"))
            .filter_map(|candidate| {
                let path = candidate.path.trim_end_matches('/').to_ascii_lowercase();
                let rank = paths.iter().position(|known| path.ends_with(known.as_str()))?;
                Some((rank, candidate.clone()))
            })
            .collect();
        found.sort_by_key(|(rank, candidate)| (candidate.source, *rank, candidate.method == "PUT"));
        let known = found.into_iter().map(|(_, candidate)| candidate).collect();
        self.with_trials(ctx, known, &OperationSpec::default(), &["POST"], |prefix| {
            paths.iter().map(|path| Place::plain(format!("{prefix}{path}"))).collect()
        })
    }

    /// Adds the spec's candidates to known ones, without repeating any.
    fn with_trials(
        &self,
        ctx: &Context,
        known: Vec<Candidate>,
        spec: &OperationSpec,
        methods: &[&str],
        paths: impl Fn(&str) -> Vec<Place>,
    ) -> Vec<Candidate> {
        let mut all: Vec<Candidate> = Vec::new();
        let mut add = |candidate: Candidate| {
            // The source's word on a body and the route without it are two tries.
            let is_untold = candidate.source == BindingSource::Source && candidate.members.is_empty();
            let known = all
                .iter()
                .filter(|other| other.method == candidate.method && other.path == candidate.path)
                .any(|other| !is_untold || other.source != candidate.source || other.members.is_empty());
            if !known && all.len() < MOST {
                all.push(candidate);
            }
        };
        known.into_iter().for_each(&mut add);
        let extra = spec.methods.iter().map(String::as_str);
        let methods: Vec<&str> = methods.iter().copied().chain(extra).collect();
        for prefix in &ctx.spec().domain.prefixes {
            for Place { path, template } in paths(prefix) {
                for method in &methods {
                    add(Candidate {
                        method: (*method).to_owned(),
                        path: path.clone(),
                        template: template.clone(),
                        source: BindingSource::Candidate,
                        encoding: Encoding::Json,
                        members: IndexMap::new(),
                        is_partial: false,
                        query: Vec::new(),
                    });
                }
            }
        }
        all
    }
}

fn described(operation: Described) -> Candidate {
    Candidate {
        method: operation.method,
        path: one_parameter(&operation.path),
        template: one_parameter(&operation.path),
        source: BindingSource::Openapi,
        encoding: operation.encoding,
        members: operation.members,
        is_partial: false,
        query: operation.query,
    }
}

/// Renames a path's only parameter to `{id}`; a path with several keeps them, and fits no plain operation.
fn one_parameter(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').collect();
    let parameters = segments.iter().filter(|segment| segment.starts_with('{')).count();
    if parameters != 1 {
        return path.to_owned();
    }
    segments.iter().map(|segment| if segment.starts_with('{') { "{id}" } else { segment }).collect::<Vec<_>>().join("/")
}

/// Whether a segment is a version such as `v1`, which some APIs put after the resource's name.
fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// How well a known route fits an action on a resource: lower is better, `None` is not at all.
fn fit(
    candidate: &Candidate,
    resource: &Resource,
    action: Action,
    methods: &[String],
    collection: Option<&Place>,
) -> Option<u32> {
    let segments: Vec<&str> = candidate.path.split('/').filter(|segment| !segment.is_empty()).collect();
    let parameters = segments.iter().filter(|segment| segment.starts_with('{')).count();
    if parameters > 1 {
        return None;
    }
    let has_id = candidate.path.contains("{id}");
    let statics: Vec<&str> = segments.iter().copied().filter(|segment| !segment.starts_with('{')).collect();
    // The segment that names the resource, and the words beside the name that say what is done.
    let (at, verbs) = statics.iter().enumerate().rev().find_map(|(at, segment)| {
        let is_name = resource.names.iter().any(|name| wire::plain(name) == wire::plain(segment));
        if is_name {
            return Some((at, Vec::new()));
        }
        let words = wire::words(segment);
        let named = words.iter().any(|word| resource.names.iter().any(|name| wire::plain(name) == *word));
        named.then(|| {
            let rest = words.into_iter().filter(|word| !resource.names.iter().any(|name| wire::plain(name) == *word));
            (at, rest.collect())
        })
    })?;
    let mut verbs: Vec<String> = verbs;
    for segment in statics[at + 1..].iter().filter(|segment| !is_version(segment)) {
        verbs.extend(wire::words(segment));
    }
    let known_verbs: &[&str] = match action {
        Action::Create => &["create", "add", "new", "insert", "save", "register", "place", "make", "store"],
        Action::List => &["list", "all", "get", "fetch", "find", "index"],
        Action::Read => &["get", "read", "show", "find", "fetch", "by", "id", "detail", "details", "view", "one"],
        Action::Update => &["update", "edit", "modify", "change", "put", "patch"],
        Action::Delete => &["delete", "remove", "destroy", "del"],
    };
    if !verbs.iter().all(|verb| known_verbs.contains(&verb.as_str())) {
        return None;
    }
    let says_so = !verbs.is_empty();
    let method = candidate.method.as_str();
    let fits = match action {
        Action::Create => (method == "POST" || methods.iter().any(|known| known == method)) && !has_id,
        Action::List => method == "GET" && !has_id,
        Action::Read => method == "GET" && has_id,
        Action::Update => matches!(method, "PUT" | "PATCH") || (method == "POST" && says_so),
        Action::Delete => method == "DELETE" || (matches!(method, "POST" | "GET") && says_so),
    };
    if !fits {
        return None;
    }
    let mut rank = u32::try_from(at).unwrap_or(9) + u32::from(says_so) * 20;
    if matches!(action, Action::Update | Action::Delete) && !has_id {
        rank += 30;
    }
    if action == Action::Update && method == "PUT" {
        rank += 1;
    }
    if let Some(collection) = collection
        && !candidate.path.starts_with(collection.path.trim_end_matches('/'))
    {
        rank += 40;
    }
    Some(rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource() -> Resource {
        serde_json::from_value(serde_json::json!({
            "names": ["things", "thing"], "fields": {}, "operations": {},
            "access": {"read": "public", "write": "account"}
        }))
        .expect("a resource")
    }

    fn candidate(method: &str, path: &str) -> Candidate {
        Candidate {
            method: method.into(),
            path: one_parameter(path),
            template: one_parameter(path),
            source: BindingSource::Openapi,
            encoding: Encoding::Json,
            members: IndexMap::new(),
            is_partial: false,
            query: Vec::new(),
        }
    }

    #[test]
    fn routes_fit_the_actions_that_they_name() {
        let fits = |method, path, action| fit(&candidate(method, path), &resource(), action, &[], None).is_some();
        assert!(fits("POST", "/api/things", Action::Create));
        assert!(fits("POST", "/things/add_things", Action::Create));
        assert!(fits("POST", "/createThing", Action::Create));
        assert!(!fits("POST", "/things/search", Action::Create));
        assert!(!fits("POST", "/things/{thing_id}/reviews", Action::Create));
        assert!(fits("GET", "/things/{thing_id}", Action::Read));
        assert!(!fits("GET", "/users/{u}/things/{t}", Action::Read));
        assert!(fits("POST", "/things/{id}/delete", Action::Delete));
        assert!(!fits("POST", "/things/{id}", Action::Delete));
        assert!(fits("PUT", "/things/{id}", Action::Update));
        assert!(!fits("GET", "/other", Action::List));
        assert!(fits("POST", "/things/v1", Action::Create));
        assert!(fits("GET", "/things/v1/{name}", Action::Read));
        assert!(!fits("POST", "/things/value", Action::Create));
    }
}
