//! What a service is told about GitHub: one file that names no secret, only where secrets lie.

use std::path::PathBuf;

use grader_model::Level;
use serde::Deserialize;
use url::Url;

use crate::oidc::{Claims, GITHUB_ISSUER};
use crate::place::is_safe;
use crate::webhook::Target;

/// The file that `grader serve --github FILE` reads.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where repositories are cloned from. The App's tokens are shown there where others cannot read them (`https`, or
    /// this machine).
    #[serde(default = "github")]
    pub url: Url,
    /// The API's root.
    #[serde(default = "api")]
    pub api: Url,
    /// The name of the check run.
    #[serde(default = "check")]
    pub check: String,
    /// Whether pull requests that are drafts are graded.
    #[serde(default)]
    pub drafts: bool,
    /// Absent where no App is registered: then only Actions ask.
    #[serde(default)]
    pub app: Option<AppConfig>,
    /// Absent where no workflow may ask.
    #[serde(default)]
    pub actions: Option<ActionsConfig>,
    /// Which repositories are graded, and for what. The first that fits counts; one that fits none is not graded.
    pub repositories: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    pub id: u64,
    /// The file with the private key, PEM.
    pub private_key: PathBuf,
    /// Files with the webhook's secrets: more than one while a secret is being replaced.
    pub webhook_secrets: Vec<PathBuf>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionsConfig {
    /// Who signs workflows' tokens: github.com's, or an enterprise server's `https://HOST/_services/token`.
    #[serde(default = "issuer")]
    pub issuer: String,
    /// What workflows ask their token for: this service's own address.
    pub audience: String,
}

/// What the repositories of a name are graded for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `owner/name`; `*` stands for any part of either.
    pub name: String,
    /// The assessment: a built-in one or a file of the service.
    pub spec: String,
    #[serde(default)]
    pub level: Option<Level>,
    /// The folder in the repository that holds the submission.
    #[serde(default)]
    pub subdir: Option<String>,
    /// The file that the asking job must be written in: `.github/workflows/FILE` of the repository itself, or
    /// `OWNER/NAME/.github/workflows/FILE` of one that candidates cannot write to. Absent: any.
    #[serde(default)]
    pub workflow: Option<String>,
    /// Events for which a workflow may ask.
    #[serde(default = "events")]
    pub events: Vec<String>,
}

fn github() -> Url {
    known("https://github.com")
}

fn api() -> Url {
    known("https://api.github.com")
}

#[expect(clippy::expect_used, reason = "both texts above are addresses")]
fn known(text: &str) -> Url {
    Url::parse(text).expect("an address")
}

fn check() -> String {
    "grader".to_owned()
}

fn issuer() -> String {
    GITHUB_ISSUER.to_owned()
}

fn events() -> Vec<String> {
    vec!["pull_request".to_owned()]
}

/// The file is wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    #[error("{0}")]
    Unreadable(#[from] serde_yaml::Error),
    #[error("`{0}` is no repository's name: write owner/name, with * for any part")]
    Name(String),
    #[error("an App without a webhook secret would believe anybody")]
    NoSecret,
    #[error("`{key}` is `{address}`, where others could listen or answer: write https://HOST")]
    Unsafe { key: &'static str, address: String },
    #[error("neither `app` nor `actions` is given, so nobody could ask")]
    Nobody,
}

/// Why a workflow may not ask for what it asks for. All of them are a 403.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    #[error("the repository {0} is not on this service's list")]
    Repository(String),
    #[error("workflows of `{0}` events may not ask here")]
    Event(String),
    #[error("the job is not written in the workflow that may ask")]
    Workflow,
    #[error("the token names no pull request")]
    PullRequest,
    #[error("`{0}` is no commit")]
    Commit(String),
    #[error("the token is for another commit")]
    OtherCommit,
}

impl Config {
    /// Reads and checks the file's text.
    ///
    /// # Errors
    /// [`ConfigError`], with line and column where the text itself is wrong.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let config: Config = serde_yaml::from_str(text)?;
        for rule in &config.repositories {
            let parts: Vec<&str> = rule.name.split('/').collect();
            if parts.len() != 2 || parts.iter().any(|part| part.is_empty()) {
                return Err(ConfigError::Name(rule.name.clone()));
            }
        }
        if config.app.as_ref().is_some_and(|app| app.webhook_secrets.is_empty()) {
            return Err(ConfigError::NoSecret);
        }
        let issuer = config.actions.as_ref().map(|actions| ("actions.issuer", actions.issuer.clone()));
        let api = config.app.as_ref().map(|_| ("api", config.api.to_string()));
        for (key, address) in issuer.into_iter().chain(api) {
            if !Url::parse(&address).is_ok_and(|url| is_safe(&url)) {
                return Err(ConfigError::Unsafe { key, address });
            }
        }
        if config.app.is_none() && config.actions.is_none() {
            return Err(ConfigError::Nobody);
        }
        Ok(config)
    }

    /// The rule for a repository.
    pub fn rule(&self, full_name: &str) -> Option<&Rule> {
        self.repositories.iter().find(|rule| fits(&rule.name, full_name))
    }

    /// Where the repository is cloned from.
    pub fn clone_url(&self, full_name: &str) -> String {
        format!("{}/{full_name}.git", self.url.as_str().trim_end_matches('/'))
    }

    /// Whether the App's tokens may be shown to the server that repositories are cloned from.
    pub fn shows_tokens(&self) -> bool {
        is_safe(&self.url)
    }

    /// What a workflow with these claims may have graded. `head` is the head commit that it says its pull request has;
    /// it selects nothing: the pull request's own ref is graded, and the run counts only where that is this commit.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn permit(&self, claims: &Claims, head: &str) -> Result<(Target, &Rule), Denied> {
        let rule = self.rule(&claims.repository).ok_or_else(|| Denied::Repository(claims.repository.clone()))?;
        if !rule.events.contains(&claims.event_name) {
            return Err(Denied::Event(claims.event_name.clone()));
        }
        if rule.workflow.as_ref().is_some_and(|path| !claims.is_workflow(path)) {
            return Err(Denied::Workflow);
        }
        let commit = |sha: &str| matches!(sha.len(), 40 | 64) && sha.bytes().all(|b| b.is_ascii_hexdigit());
        if !commit(head) {
            return Err(Denied::Commit(head.chars().take(80).collect()));
        }
        let number = claims.pull_request();
        match (claims.event_name.as_str(), number) {
            ("pull_request", None) => return Err(Denied::PullRequest),
            ("pull_request", Some(_)) => {}
            // Elsewhere the token's own commit is the one.
            _ if claims.sha.eq_ignore_ascii_case(head) => {}
            _ => return Err(Denied::OtherCommit),
        }
        let target = Target {
            installation: None,
            repository: claims.repository_number().ok_or_else(|| Denied::Repository(claims.repository.clone()))?,
            full_name: claims.repository.clone(),
            number,
            head: head.to_ascii_lowercase(),
        };
        Ok((target, rule))
    }
}

/// Whether `owner/name` fits a pattern. GitHub's names differ by more than case.
fn fits(pattern: &str, full_name: &str) -> bool {
    let (pattern, full_name) = (pattern.to_ascii_lowercase(), full_name.to_ascii_lowercase());
    match (pattern.split_once('/'), full_name.split_once('/')) {
        (Some((owner, name)), Some((of, called))) => part_fits(owner, of) && part_fits(name, called),
        _ => false,
    }
}

/// `*` stands for any text. The pattern's pieces have to follow one another; taking each as early as possible loses
/// nothing, but for the last, which has to end the text.
fn part_fits(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::tests_claims::claims;

    const HEAD: &str = "abcdefabcdefabcdefabcdefabcdefabcdefabcd";

    fn config(rule: &str) -> Config {
        Config::parse(&format!(
            "actions: {{audience: 'https://grader.test'}}\nrepositories:\n  - {{name: acme/*, spec: shop{rule}}}\n"
        ))
        .unwrap()
    }

    #[test]
    fn mistakes_are_said() {
        let whole = |repositories: &str| {
            format!("app: {{id: 1, private_key: k, webhook_secrets: [s]}}\nrepositories: [{repositories}]")
        };
        assert!(Config::parse(&whole("{name: a/b, spec: s}")).is_ok());
        assert!(matches!(Config::parse(&whole("{name: a, spec: s}")), Err(ConfigError::Name(_))));
        assert!(
            Config::parse(&whole("{name: a/b, spec: s, fail_under: 50}")).is_err(),
            "thresholds are the assessment's"
        );
        assert!(matches!(Config::parse(&whole("{name: a/b, spec: s, events: 3}")), Err(ConfigError::Unreadable(_))));
        assert!(matches!(Config::parse("repositories: []"), Err(ConfigError::Nobody)));
        let bare = "app: {id: 1, private_key: k, webhook_secrets: []}\nrepositories: []";
        assert!(matches!(Config::parse(bare), Err(ConfigError::NoSecret)));
        assert!(Config::parse("repositories: []\nacitons: {}").is_err());
    }

    #[test]
    fn keys_and_tokens_go_no_way_that_others_read() {
        let with = |line: &str| {
            let actions = "actions: {audience: 'https://grader.test', issuer: 'ISSUER'}\nrepositories: []\n";
            Config::parse(&actions.replace("ISSUER", line))
        };
        for issuer in ["https://ghe.test/_services/token", "http://127.0.0.1:8080"] {
            assert!(with(issuer).is_ok(), "{issuer}");
        }
        for issuer in ["http://ghe.test/_services/token", "ghe.test", ""] {
            assert!(matches!(with(issuer), Err(ConfigError::Unsafe { key: "actions.issuer", .. })), "{issuer}");
        }
        let app = |lines: &str| {
            Config::parse(&format!("{lines}app: {{id: 1, private_key: k, webhook_secrets: [s]}}\nrepositories: []"))
        };
        assert!(matches!(app("api: 'http://ghe.test/api/v3'\n"), Err(ConfigError::Unsafe { key: "api", .. })));
        assert!(app("").unwrap().shows_tokens());
        for url in ["http://ghe.test", "git://127.0.0.1:1", "ssh://git@ghe.test"] {
            assert!(!app(&format!("url: '{url}'\n")).unwrap().shows_tokens(), "{url}");
        }
    }

    #[test]
    fn patterns_stay_within_owner_and_name() {
        for (pattern, name, fit) in [
            ("acme/hello", "Acme/Hello", true),
            ("acme/*", "acme/x", true),
            ("acme/take-*-home", "acme/take-2-home", true),
            ("acme/take-*-home", "acme/take-home", false),
            ("*/x", "evil/x", true),
            ("acme/*", "acmeevil/x", false),
            ("acme*/x", "acme-2/x", true),
            ("acme/a*b*c", "acme/a1b2b3c", true),
            ("acme/a*b*c", "acme/acb", false),
            ("acme/*", "acme", false),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }

    #[test]
    fn a_workflow_may_ask_for_its_own_pull_request() {
        let config = config("");
        let (target, rule) = config.permit(&claims(), HEAD).unwrap();
        assert_eq!((target.reference().as_str(), target.head.as_str()), ("refs/pull/3/head", HEAD));
        assert_eq!(config.clone_url(&target.full_name), "https://github.com/acme/hello.git");
        assert_eq!(rule.spec, "shop");
    }

    #[test]
    fn and_for_nothing_else() {
        let denied = |config: &Config, claims: &Claims, head: &str| config.permit(claims, head).err();
        let elsewhere = Claims { repository: "evil/hello".to_owned(), ..claims() };
        assert_eq!(denied(&config(""), &elsewhere, HEAD), Some(Denied::Repository("evil/hello".to_owned())));
        let target = Claims { event_name: "pull_request_target".to_owned(), ..claims() };
        assert!(matches!(denied(&config(""), &target, HEAD), Some(Denied::Event(_))));
        let nowhere = Claims { reference: "refs/heads/main".to_owned(), ..claims() };
        assert_eq!(denied(&config(""), &nowhere, HEAD), Some(Denied::PullRequest));
        assert!(matches!(denied(&config(""), &claims(), "main"), Some(Denied::Commit(_))));
        let pinned = config(", workflow: acme/central/.github/workflows/grade.yml");
        assert_eq!(denied(&pinned, &claims(), HEAD), Some(Denied::Workflow));
        let pushes = config(", events: [push]");
        let push = Claims { event_name: "push".to_owned(), reference: "refs/heads/main".to_owned(), ..claims() };
        assert_eq!(denied(&pushes, &push, HEAD), Some(Denied::OtherCommit));
        assert_eq!(denied(&pushes, &Claims { sha: HEAD.to_owned(), ..push }, HEAD), None);
    }
}
