//! Red flags: what a hiring team wants to be told apart from the points, each raised by findings and carrying their
//! evidence.
//!
//! A flag says more than one finding does, so it is raised by full fails only, and where one fail could be an oversight
//! it takes several. What was blocked, inconclusive or not measured raises nothing.

use grader_model::{CriterionReport, Evidence, ProbeReport, RedFlag, Verdict};

/// A flag and the full fails that raise it.
struct Rule {
    id: &'static str,
    title: &'static str,
    /// How many of the probes have to fail.
    at_least: usize,
    of: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        id: "readable-passwords",
        title: "Passwords are readable or hashed fast",
        at_least: 1,
        of: &["auth.password.storage"],
    },
    Rule {
        id: "forgeable-tokens",
        title: "Tokens can be forged",
        at_least: 1,
        of: &["auth.token.signature", "auth.token.secret"],
    },
    Rule { id: "foreign-records", title: "Users reach each other's records", at_least: 1, of: &["auth.object-access"] },
    Rule {
        id: "open-doors",
        title: "Protected operations answer without credentials",
        at_least: 1,
        of: &["auth.required"],
    },
    Rule { id: "injectable", title: "Input reaches the database as SQL", at_least: 1, of: &["auth.injection"] },
    Rule {
        id: "endless-tokens",
        title: "Tokens never expire or live too long",
        at_least: 1,
        of: &["auth.token.expiry"],
    },
    Rule {
        id: "secrets-committed",
        title: "Secrets are in the repository",
        at_least: 1,
        of: &["auth.secrets-in-repo"],
    },
    Rule {
        id: "no-error-handling",
        title: "Errors are not handled",
        at_least: 2,
        of: &["error.no-5xx", "error.malformed-json", "error.validation", "error.shape", "error.leaks"],
    },
    Rule {
        id: "one-status-for-all",
        title: "Status codes say nothing",
        at_least: 2,
        of: &["api.status.create", "api.status.unknown", "error.validation", "error.conflict", "error.stock"],
    },
    Rule {
        id: "no-indexes",
        title: "Indexes are missing where they are needed",
        at_least: 2,
        of: &["db.foreign-key-indexes", "db.unique", "db.query-plans"],
    },
    Rule { id: "oversold", title: "Simultaneous requests sell what is not there", at_least: 1, of: &["db.oversell"] },
    Rule {
        id: "orm-as-magic",
        title: "The number of statements grows with the list",
        at_least: 1,
        of: &["db.n-plus-one"],
    },
    Rule { id: "empty-tests", title: "Tests assert nothing", at_least: 1, of: &["test.assertions"] },
    Rule { id: "no-version-control-habits", title: "No version-control habits", at_least: 1, of: &["org.history"] },
    Rule {
        id: "over-engineering",
        title: "Machinery out of proportion to the task",
        at_least: 1,
        of: &["org.proportion"],
    },
];

/// Pieces of evidence that a flag carries from each finding, and altogether.
const EACH: usize = 2;
const MOST: usize = 4;

/// The flags that the graded criteria raise, what endangers users first.
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
            let raised: Vec<&ProbeReport> = rule.of.iter().filter_map(|id| failed(id)).collect();
            if raised.len() < rule.at_least {
                return None;
            }
            let summaries: Vec<&str> = raised.iter().take(3).map(|probe| probe.summary.trim_end_matches('.')).collect();
            let evidence: Vec<Evidence> =
                raised.iter().flat_map(|probe| probe.evidence.iter().take(EACH)).take(MOST).cloned().collect();
            Some(RedFlag {
                id: rule.id.to_owned(),
                title: rule.title.to_owned(),
                summary: summaries.join("; "),
                probes: raised.iter().map(|probe| probe.id.clone()).collect(),
                evidence,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use grader_model::{Level, catalogue_entry};

    use super::*;
    use crate::testing::{criterion, probe};

    fn raised(probes: &[(&str, Verdict)]) -> Vec<String> {
        let probes = probes.iter().map(|(id, verdict)| probe(id, Level::Junior, *verdict)).collect();
        red_flags(&[criterion(probes)]).into_iter().map(|flag| flag.id).collect()
    }

    #[test]
    fn every_rule_names_probes_of_the_catalogue() {
        for rule in RULES {
            assert!(rule.at_least >= 1 && rule.at_least <= rule.of.len(), "{}", rule.id);
            for id in rule.of {
                assert!(catalogue_entry(id).is_some(), "{}: the catalogue has no {id}", rule.id);
            }
        }
    }

    #[test]
    fn only_a_full_fail_raises_a_flag() {
        assert_eq!(raised(&[("auth.password.storage", Verdict::Fail)]), ["readable-passwords"]);
        for verdict in [Verdict::Partial, Verdict::Blocked, Verdict::Inconclusive, Verdict::Pass] {
            assert_eq!(raised(&[("auth.password.storage", verdict)]), Vec::<String>::new(), "{verdict}");
        }
    }

    #[test]
    fn what_one_oversight_can_cause_takes_several() {
        assert_eq!(raised(&[("error.shape", Verdict::Fail)]), Vec::<String>::new());
        assert_eq!(raised(&[("error.shape", Verdict::Fail), ("error.no-5xx", Verdict::Fail)]), ["no-error-handling"]);
    }

    #[test]
    fn a_flag_carries_the_evidence_of_its_findings() {
        let mut finding = probe("auth.injection", Level::Junior, Verdict::Fail);
        finding.evidence = (0..5).map(|number| Evidence::note(format!("note {number}"))).collect();
        let flags = red_flags(&[criterion(vec![finding])]);
        assert_eq!(flags[0].evidence.len(), EACH);
        assert_eq!(flags[0].probes, ["auth.injection"]);
    }
}
