//! Which paths the API is known to have: those that were bound and those that its own description lists.
//!
//! It tells requests to a route from requests to nowhere, and requests to the same route from each other.

use harness_kit::Context;

/// The known routes: method and path template, parameters in braces.
pub(super) struct Routes(Vec<(String, String)>);

impl Routes {
    pub(super) fn of(ctx: &Context) -> Self {
        let bound = ctx.bound();
        let mut known: Vec<(String, String)> = bound
            .resources
            .values()
            .flat_map(|resource| resource.operations.values())
            .chain(bound.register.iter())
            .chain(bound.login.iter())
            .chain(bound.me.iter())
            .map(|operation| (operation.method.clone(), operation.template.clone()))
            .collect();
        if let Some(description) = &bound.description {
            let described = description.operations.iter();
            known.extend(described.map(|operation| (operation.method.clone(), operation.path.clone())));
        }
        Self::from(known)
    }

    fn from(mut known: Vec<(String, String)>) -> Self {
        // A literal path before one with a parameter in its place; of several spellings always the same.
        known.sort_by_key(|(_, template)| (template.matches('{').count(), template.clone()));
        Routes(known)
    }

    /// Whether a request goes to a route: the path is known, and so is the method on it.
    pub(super) fn has(&self, method: &str, target: &str) -> bool {
        self.0.iter().any(|(known, template)| known == method && fits(template, target))
    }

    /// The template that a request's target falls under.
    pub(super) fn template(&self, target: &str) -> Option<&str> {
        self.0.iter().map(|(_, template)| template.as_str()).find(|template| fits(template, target))
    }

    /// What findings call the path of a request. The root is there, whatever it answers.
    pub(super) fn name(&self, target: &str) -> &str {
        match self.template(target) {
            Some(template) => template,
            None if fits("/", target) => "/",
            None => "a path that does not exist",
        }
    }
}

/// Whether a target falls under a template. A slash at the end makes another path: frameworks differ in how they take it.
fn fits(template: &str, target: &str) -> bool {
    let path = target.split('?').next().unwrap_or(target);
    let (mut known, mut got) = (template.split('/'), path.split('/'));
    loop {
        match (known.next(), got.next()) {
            (None, None) => return true,
            (Some(known), Some(got)) if known == got || (known.starts_with('{') && !got.is_empty()) => {}
            _ => return false,
        }
    }
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
        let routes = Routes::from(known.map(|path| ("GET".to_owned(), path.to_owned())).to_vec());
        assert_eq!(routes.template("/v1/things?sort=x"), Some("/v1/things"));
        assert_eq!(routes.template("/v1/things/"), None);
        assert!(routes.has("GET", "/v1/things/7") && !routes.has("PATCH", "/v1/things/7"));
        assert_eq!(routes.template("/v1/things/latest"), Some("/v1/things/latest"));
        assert_eq!(routes.template("/v1/things/7"), Some("/v1/things/{id}"));
        assert_eq!(routes.template("/v1/nowhere"), None);
        assert_eq!(routes.template("/"), None);
        assert_eq!(routes.name("/v1/things/7"), "/v1/things/{id}");
        assert_eq!(
            ["/", "/?a=b", "/v1/nowhere"].map(|target| routes.name(target)),
            ["/", "/", "a path that does not exist"]
        );
    }

    #[test]
    fn parameters_are_known_by_name() {
        assert_eq!(parameters("/a?sort=x&q=1&q=2"), ["q", "sort"]);
        assert!(parameters("/a").is_empty());
    }
}
