//! Red flags: what a hiring team wants to be told apart from the points, each raised by findings with evidence.

use grader_model::{CriterionReport, ProbeReport, RedFlag, Verdict};

/// A flag and the probes of which a full fail raises it.
struct Rule {
    id: &'static str,
    title: &'static str,
    any_of: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule { id: "no-indexes", title: "No index serves a foreign key", any_of: &["db.foreign-key-indexes"] },
    Rule {
        id: "readable-passwords",
        title: "Passwords are readable or hashed fast",
        any_of: &["auth.password.storage"],
    },
    Rule { id: "no-error-handling", title: "Errors are not handled", any_of: &["error.no-5xx"] },
    Rule { id: "no-version-control-habits", title: "No version-control habits", any_of: &["org.history"] },
    Rule { id: "over-engineering", title: "Machinery out of proportion to the task", any_of: &["org.proportion"] },
    Rule { id: "endless-tokens", title: "Tokens never expire", any_of: &["auth.token.expiry"] },
    Rule {
        id: "forgeable-tokens",
        title: "Tokens can be forged",
        any_of: &["auth.token.signature", "auth.token.secret"],
    },
    Rule { id: "orm-as-magic", title: "The number of statements grows with the list", any_of: &["db.n-plus-one"] },
    Rule { id: "secrets-committed", title: "Secrets are in the repository", any_of: &["auth.secrets-in-repo"] },
    Rule { id: "empty-tests", title: "Tests assert nothing", any_of: &["test.assertions"] },
    Rule { id: "foreign-records", title: "Users reach each other's records", any_of: &["auth.object-access"] },
];

/// The flags that the graded criteria raise, in a fixed order.
pub fn red_flags(criteria: &[CriterionReport]) -> Vec<RedFlag> {
    let failed = |id: &str| -> Option<&ProbeReport> {
        criteria
            .iter()
            .flat_map(|criterion| &criterion.probes)
            .find(|probe| probe.id == id && probe.verdict == Verdict::Fail)
    };
    RULES
        .iter()
        .filter_map(|rule| {
            let raised: Vec<&ProbeReport> = rule.any_of.iter().filter_map(|id| failed(id)).collect();
            let first = raised.first()?;
            Some(RedFlag {
                id: rule.id.to_owned(),
                title: rule.title.to_owned(),
                summary: first.summary.clone(),
                probes: raised.iter().map(|probe| probe.id.clone()).collect(),
            })
        })
        .collect()
}
