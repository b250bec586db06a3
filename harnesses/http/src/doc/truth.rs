//! `doc.truth`: what the README says holds: its ports, paths, commands and variables in the repository, its endpoints at
//! the running API.
//!
//! Observes the claims that were read from the README together with whether the tree confirms them, and asks the API for
//! every endpoint that neither its description, its source nor a bound call has: with GET and OPTIONS only, beside a
//! control at a path that nobody can have. An endpoint is missing where both answer as for the control. Costs: a wrong
//! port ½, a command that cannot work ⅓, an endpoint that is not there ¼, a path or variable ⅙; at nothing left it is a
//! fail. A README without anything that could be checked has said nothing wrong. Planted defects: `doc-truth-*`.

use async_trait::async_trait;
use grader_model::{Evidence, Finding};
use harness_kit::{Answer, ClaimKind, Context, DocumentedEndpoint, Probe, Request, Session, Stop};

use super::known;

/// Endpoints that are asked for at the most.
const MOST_ASKED: usize = 8;
/// Claims shown.
const SHOWN: usize = 10;
/// Stands for a record that nobody has.
const NOBODY: &str = "00000000-0000-4000-8000-00000000dead";

pub(crate) struct Truth;

/// Something that does not hold.
struct Wrong {
    cost: f64,
    said: String,
    why: String,
    path: String,
    line: Option<u32>,
    answer: Option<Evidence>,
}

#[async_trait]
impl Probe for Truth {
    fn id(&self) -> &'static str {
        "doc.truth"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        let Some(readme) = ctx.facts().readme.clone() else {
            return Err(Stop::not_applicable("only an address was given, and no repository"));
        };
        if readme.path.is_empty() {
            return Err(Stop::blocked("doc.readme", "there is no README"));
        }
        let own: Vec<&DocumentedEndpoint> = readme
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.place.starts_with(&format!("{}:", readme.path)))
            .collect();
        let claims = readme.claims.len() + own.len();
        if claims == 0 {
            return Err(Stop::not_applicable("the README says nothing that could be checked"));
        }
        let mut wrong: Vec<Wrong> = readme
            .claims
            .iter()
            .filter(|claim| !claim.wrong.is_empty())
            .map(|claim| Wrong {
                cost: match claim.kind {
                    ClaimKind::Port => 0.5,
                    ClaimKind::Command => 1.0 / 3.0,
                    ClaimKind::Path | ClaimKind::Variable => 1.0 / 6.0,
                },
                said: claim.said.clone(),
                why: claim.wrong.clone(),
                path: readme.path.clone(),
                line: Some(claim.line),
                answer: None,
            })
            .collect();
        wrong.extend(endpoints(ctx, &own).await);
        let expected = "ports, paths, commands, variables and endpoints as the README names them";
        if wrong.is_empty() {
            return Ok(Finding::pass(self.id(), format!("{} holds in everything that can be checked", readme.path))
                .expected(expected)
                .actual(format!("{claims} claims hold")));
        }
        wrong.sort_by(|a, b| b.cost.total_cmp(&a.cost));
        let left = 1.0 - wrong.iter().map(|wrong| wrong.cost).sum::<f64>();
        let lines: Vec<String> =
            wrong.iter().take(SHOWN).map(|wrong| format!("{}: {}", wrong.said, wrong.why)).collect();
        let summary = match wrong.len() {
            1 => format!("The README is wrong about {}", wrong[0].said),
            many => format!("The README is wrong in {many} places, such as {}", wrong[0].said),
        };
        let evidence: Vec<Evidence> = wrong
            .into_iter()
            .take(SHOWN)
            .flat_map(|wrong| {
                let place = Evidence::file(wrong.path, wrong.line, format!("{}: {}", wrong.said, wrong.why));
                std::iter::once(place).chain(wrong.answer)
            })
            .collect();
        Ok(Finding::partial(self.id(), left.max(0.0), summary)
            .expected(expected)
            .actual(lines.join("\n"))
            .evidences(evidence))
    }
}

/// Endpoints of the README that the API does not have.
async fn endpoints(ctx: &Context, documented: &[&DocumentedEndpoint]) -> Vec<Wrong> {
    let witnesses = known::witnesses(ctx);
    // Where nothing at all is known of the API's routes, a README cannot be wrong about them.
    if witnesses.is_empty() {
        return Vec::new();
    }
    let session = ctx.account().await.ok().map(|account| account.session);
    let mut wrong = Vec::new();
    let mut asked = 0;
    for endpoint in documented {
        let methods: Vec<&str> = witnesses
            .iter()
            .filter(|(_, path)| known::fit(path, &endpoint.path))
            .map(|(method, _)| method.as_str())
            .collect();
        if endpoint.method.is_empty() && !methods.is_empty()
            || methods.iter().any(|method| *method == endpoint.method || method.is_empty())
        {
            continue;
        }
        if asked >= MOST_ASKED {
            break;
        }
        asked += 1;
        let found = if methods.is_empty() {
            absent(ctx, endpoint, &witnesses, session.as_ref()).await
        } else {
            other_method(ctx, endpoint, &witnesses, session.as_ref()).await
        };
        if let Some((why, answer)) = found {
            let place = endpoint.place.rsplit_once(':');
            wrong.push(Wrong {
                cost: 0.25,
                said: format!("{} {}", endpoint.method, endpoint.path).trim().to_owned(),
                why,
                path: place.map_or(endpoint.place.as_str(), |(path, _)| path).to_owned(),
                line: place.and_then(|(_, line)| line.parse().ok()),
                answer: Some(ctx.recorder().evidence(&answer)),
            });
        }
    }
    wrong
}

/// Why an endpoint is not there, with the answer that says so; `None` where it is, or where nobody can tell.
async fn absent(
    ctx: &Context,
    endpoint: &DocumentedEndpoint,
    witnesses: &[(String, String)],
    session: Option<&Session>,
) -> Option<(String, Answer)> {
    let path = concrete(&endpoint.path);
    let mut last = None;
    for prefix in prefixes(witnesses) {
        let answer = Request::get(format!("{prefix}{path}")).session(session).send(ctx).await;
        let options = Request::new("OPTIONS", format!("{prefix}{path}")).session(session).send(ctx).await;
        let nowhere = format!("{prefix}{}", nowhere(&path));
        let control = Request::get(nowhere.clone()).session(session).send(ctx).await;
        let control_options = Request::new("OPTIONS", nowhere).session(session).send(ctx).await;
        let alike = answer.status() == 404
            && control.status() == 404
            && options.status() == control_options.status()
            && options.header("allow") == control_options.header("allow");
        if !alike {
            return None;
        }
        last = Some(answer);
    }
    last.map(|answer| ("the API answers as for a path that nobody has".to_owned(), answer))
}

/// Whether a known path refuses the documented method, by its own word.
async fn other_method(
    ctx: &Context,
    endpoint: &DocumentedEndpoint,
    witnesses: &[(String, String)],
    session: Option<&Session>,
) -> Option<(String, Answer)> {
    let (_, real) = witnesses.iter().find(|(_, path)| known::fit(path, &endpoint.path))?;
    let target = concrete(real);
    for method in ["OPTIONS", "GET"] {
        let answer = Request::new(method, target.clone()).session(session).send(ctx).await;
        if let Some(allowed) = answer.header("allow") {
            let has = allowed.split(',').any(|one| one.trim().eq_ignore_ascii_case(&endpoint.method));
            return (!has).then(|| (format!("the API allows {allowed}"), answer.clone()));
        }
    }
    None
}

/// A path with its parameters filled in.
fn concrete(path: &str) -> String {
    let segments: Vec<&str> =
        path.split('/').map(|segment| if segment.starts_with('{') { NOBODY } else { segment }).collect();
    segments.join("/")
}

/// A path beside another one that nobody has.
fn nowhere(path: &str) -> String {
    let segments: Vec<String> =
        path.split('/')
            .map(|segment| {
                if segment.is_empty() || segment == NOBODY { segment.to_owned() } else { format!("{segment}-nowhere") }
            })
            .collect();
    segments.join("/")
}

/// The prefixes under which a document may have meant its paths: none, and what stands before the known ones.
fn prefixes(witnesses: &[(String, String)]) -> Vec<String> {
    let mut found = vec![String::new()];
    for (_, path) in witnesses.iter().take(50) {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        for length in 1..segments.len().min(3) {
            let prefix = format!("/{}", segments[..length].join("/"));
            let is_prefix = segments[..length].iter().all(|segment| {
                matches!(*segment, "api" | "rest")
                    || segment.strip_prefix('v').is_some_and(|rest| rest.parse::<u8>().is_ok())
            });
            if is_prefix && !found.contains(&prefix) && found.len() < 4 {
                found.push(prefix);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_to_ask_for() {
        assert_eq!(concrete("/things/{id}/parts"), format!("/things/{NOBODY}/parts"));
        assert_eq!(nowhere(&concrete("/things/{id}")), format!("/things-nowhere/{NOBODY}"));
        let witnesses =
            [("GET".to_owned(), "/api/v1/things/{id}".to_owned()), ("GET".to_owned(), "/health".to_owned())];
        assert_eq!(prefixes(&witnesses), ["", "/api", "/api/v1"]);
    }
}
