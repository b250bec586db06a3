//! Which paths the API is known to have: those that were bound and those that its own description lists.
//!
//! It tells requests to a route from requests to nowhere, and requests to the same route from each other.

use harness_kit::{Context, bind, wire};

/// Parameters of paging: numbers, and other probes' matter.
const PAGING: &[&str] = &[
    "page",
    "limit",
    "size",
    "pagesize",
    "perpage",
    "offset",
    "skip",
    "cursor",
    "after",
    "before",
    "take",
    "count",
    "p",
    "pagenumber",
    "pagetoken",
    "start",
    "first",
    "from",
];

/// Whether a query parameter pages, by its customary name.
pub(super) fn is_paging(name: &str) -> bool {
    PAGING.contains(&wire::plain(name).as_str())
}

/// The known path templates, parameters in braces.
pub(super) struct Routes(Vec<String>);

impl Routes {
    pub(super) fn of(ctx: &Context) -> Self {
        let bound = ctx.bound();
        let mut templates: Vec<String> = bound
            .resources
            .values()
            .flat_map(|resource| resource.operations.values())
            .chain(bound.register.iter())
            .chain(bound.login.iter())
            .chain(bound.me.iter())
            .map(|operation| operation.path.clone())
            .collect();
        if let Some((_, document)) = &bound.description {
            templates.extend(bind::described_operations(document).into_iter().map(|described| described.path));
        }
        Self::from(templates)
    }

    fn from(mut templates: Vec<String>) -> Self {
        // A literal path before one with a parameter in its place; one spelling of a route only.
        templates.sort_by_key(|template| (template.matches('{').count(), template.clone()));
        let mut routes: Vec<String> = Vec::new();
        for template in templates {
            if !routes.iter().any(|known| shape(known) == shape(&template)) {
                routes.push(template);
            }
        }
        Routes(routes)
    }

    /// The template that a request's target falls under.
    pub(super) fn template(&self, target: &str) -> Option<&str> {
        let path: Vec<&str> = segments(target.split('?').next().unwrap_or(target)).collect();
        self.0
            .iter()
            .find(|template| {
                let template: Vec<&str> = segments(template).collect();
                template.len() == path.len()
                    && template.iter().zip(&path).all(|(known, got)| known.starts_with('{') || known == got)
            })
            .map(String::as_str)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

fn shape(template: &str) -> Vec<&str> {
    segments(template).map(|segment| if segment.starts_with('{') { "{}" } else { segment }).collect()
}

/// The names of a target's query parameters, sorted.
pub(super) fn parameters(target: &str) -> Vec<&str> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let mut names: Vec<&str> =
        query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_fall_under_templates() {
        let known = ["/v1/things/{thing_id}", "/v1/things", "/v1/things/{id}", "/v1/things/latest"];
        let routes = Routes::from(known.map(str::to_owned).to_vec());
        assert_eq!(routes.template("/v1/things?sort=x"), Some("/v1/things"));
        assert_eq!(routes.template("/v1/things/"), Some("/v1/things"));
        assert_eq!(routes.template("/v1/things/latest"), Some("/v1/things/latest"));
        assert_eq!(routes.template("/v1/things/7"), Some("/v1/things/{id}"));
        assert_eq!(routes.template("/v1/nowhere"), None);
        assert_eq!(routes.template("/"), None);
    }

    #[test]
    fn parameters_are_known_by_name() {
        assert_eq!(parameters("/a?sort=x&q=1&q=2"), ["q", "sort"]);
        assert!(parameters("/a").is_empty());
        assert!(is_paging("page_size") && !is_paging("sort"));
    }
}
