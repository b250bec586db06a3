//! `api.filtering`: a search or filter that the API documents gives the record that matches and leaves out one that does
//! not.
//!
//! Each of two records has a word of its own in every text field, so that matching whole values, parts or words all find
//! the one and none finds the other. Documented is what the API's description lists. Where there is no description the
//! customary parameters are tried, and one that works is a pass. What nothing documents is not held against anybody,
//! unless the spec says that the brief asks for it (`required`).
//! Planted defect: `api-filtering` of the Express submission.

use async_trait::async_trait;
use grader_model::Finding;
use grader_spec::{Action, FieldKind};
use harness_kit::{Answer, BoundResource, Context, Probe, Record, Request, Stop, Values, wire};
use serde_json::{Value, json};

use super::routes;

/// Parameters that search in text, most common first.
const SEARCHES: &[&str] = &["q", "search", "query", "keyword", "keywords", "term", "searchterm", "text", "searchquery"];

pub(crate) struct Filtering;

/// A documented parameter and the value that only the wanted record matches.
struct Filter {
    path: String,
    param: String,
    value: String,
}

#[async_trait]
impl Probe for Filtering {
    fn id(&self) -> &'static str {
        "api.filtering"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let main = ctx.main()?;
        main.operation(Action::List)?;
        let mut values = ctx.values(self.id());
        let wanted = distinct(ctx, &main, &mut values).await?;
        let other = distinct(ctx, &main, &mut values).await?;
        let is_described = ctx.bound().description.is_some();
        let filters = filters(ctx, &main, &wanted, is_described);
        let session = ctx.writer(&main)?;
        let unfiltered = main.list_request(&[], session.as_ref())?.send(ctx).await;
        let unfiltered = main.keys_in(&unfiltered).unwrap_or_default();
        let recorder = ctx.recorder();
        let (mut works, mut ignored): (Vec<(String, Answer)>, Vec<(String, String, Answer)>) = (Vec::new(), Vec::new());
        for filter in filters {
            let query = [(filter.param.as_str(), filter.value.clone())];
            // The list itself is asked as it is bound, below the record that it wants named.
            let request = match main.operation(Action::List)? {
                list if list.path == filter.path => main.list_request(&query, session.as_ref())?,
                _ => Request::get(&filter.path).session(session.as_ref()).query(query),
            };
            let answer = request.send(ctx).await;
            let keys = if answer.is_success() { main.keys_in(&answer) } else { None };
            let got = match keys {
                None => answer.status_line(),
                Some(keys) => match (keys.contains(&wanted.key), keys.contains(&other.key)) {
                    // Searches may find what is only alike; a list that stayed as it was did not search.
                    (true, false) if keys != unfiltered => {
                        works.push((filter.param, answer));
                        continue;
                    }
                    (false, _) if keys.is_empty() => "no record".to_owned(),
                    (false, _) => "other records".to_owned(),
                    (true, _) => "others as well".to_owned(),
                },
            };
            ignored.push((filter.param, got, answer));
        }
        if !is_described && !works.is_empty() {
            ignored.clear();
        }
        if works.is_empty() && (!is_described || ignored.is_empty()) {
            let required = ctx.params(self.id()).get("required").and_then(Value::as_bool).unwrap_or(false);
            if required {
                return Ok(Finding::fail(self.id(), "No parameter that searches or filters the list was found")
                    .expected("a parameter that finds one record by its text")
                    .actual("none, documented or customary")
                    .evidences(ignored.iter().take(1).map(|(_, _, answer)| recorder.evidence(answer))));
            }
            return Err(Stop::not_applicable("nothing documents a search or a filter"));
        }
        let expected = "only the record that matches";
        if ignored.is_empty() {
            let names: Vec<String> = works.iter().map(|(param, _)| format!("`{param}`")).collect();
            return Ok(Finding::pass(self.id(), format!("Filtering by {} gives what matches", names.join(", ")))
                .expected(expected)
                .actual(expected)
                .evidences(works.iter().take(2).map(|(_, answer)| recorder.evidence(answer))));
        }
        #[expect(clippy::cast_precision_loss, reason = "a few parameters")]
        let fraction = works.len() as f64 / (works.len() + ignored.len()) as f64;
        let names: Vec<String> = ignored.iter().map(|(param, _, _)| format!("`{param}`")).collect();
        let lines: Vec<String> = ignored.iter().map(|(param, got, _)| format!("{param}: {got}")).collect();
        Ok(Finding::partial(self.id(), fraction, format!("Documented and without effect: {}", names.join(", ")))
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(ignored.iter().map(|(_, _, answer)| recorder.evidence(answer))))
    }
}

/// A record whose text fields each hold a word that no other record has.
async fn distinct(ctx: &Context, main: &BoundResource, values: &mut Values) -> Result<Record, Stop> {
    let mut own = Vec::new();
    for (id, field) in &main.spec.fields {
        match field.kind {
            FieldKind::Text => own.push((id.as_str(), json!(letters(&values.tag())))),
            FieldKind::Name => {
                own.push((id.as_str(), json!(format!("{} {}", values.given_name(), letters(&values.tag())))));
            }
            _ => {}
        }
    }
    let taken = main.fresh(&mut values.clone());
    own.retain(|(id, _)| taken.contains_key(*id));
    main.create(ctx, values, &own).await
}

/// A tag as a word of letters, which strict validators of names and plain word searches take.
fn letters(tag: &str) -> String {
    let letter = |digit: u32| char::from_u32(u32::from('a') + digit % 26);
    let word: String = tag.chars().filter_map(|c| c.to_digit(36).and_then(letter)).collect();
    format!("Z{word}")
}

fn filters(ctx: &Context, main: &BoundResource, wanted: &Record, is_described: bool) -> Vec<Filter> {
    let Some(list) = main.operations.get(&Action::List) else { return Vec::new() };
    let mut documented: Vec<(String, Vec<String>)> = vec![(list.path.clone(), list.query.clone())];
    if let Some(description) = ctx.bound().description {
        let beside = format!("{}/search", routes::shape(&list.template));
        let searches = description
            .operations
            .iter()
            .filter(|operation| operation.method == "GET" && routes::shape(&operation.path) == beside);
        let search = format!("{}/search", list.path.trim_end_matches('/'));
        documented.extend(searches.map(|operation| (search.clone(), operation.query.clone())));
    }
    if !is_described {
        let fields = main.fields.values().map(|wire| wire.name.clone());
        let customary = SEARCHES.iter().take(4).map(|name| (*name).to_owned()).chain(fields).collect();
        documented = vec![(list.path.clone(), customary)];
    }
    let mut filters = Vec::new();
    for (path, params) in documented {
        for param in params {
            if let Some(value) = value_for(main, wanted, &param) {
                filters.push(Filter { path: path.clone(), param, value });
            }
        }
    }
    filters
}

/// The value by which a parameter must find the record; `None` for parameters that do something else.
fn value_for(main: &BoundResource, wanted: &Record, param: &str) -> Option<String> {
    let text = |kind: FieldKind| {
        let id = main.spec.fields.iter().find(|(_, field)| field.kind == kind)?.0;
        wire::text(wanted.sent.get(id)?)
    };
    if SEARCHES.contains(&wire::plain(param).as_str()) {
        return text(FieldKind::Text).or_else(|| text(FieldKind::Name));
    }
    let (id, field) = main.spec.fields.iter().find(|(id, field)| {
        main.fields.get(*id).is_some_and(|wire| wire::plain(&wire.name) == wire::plain(param))
            || wire::is_named(param, &field.names)
    })?;
    matches!(field.kind, FieldKind::Text | FieldKind::Name | FieldKind::Gtin13)
        .then(|| wire::text(wanted.sent.get(id)?))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn words_of_letters_differ_as_their_tags_do() {
        assert!(letters("a1f09z").chars().all(|c| c.is_ascii_alphabetic()));
        assert_ne!(letters("a1f091"), letters("a1f092"));
    }
}
