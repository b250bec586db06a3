//! The skill matrix: seven areas by three levels, decided by the probes that were measured.
//!
//! A level of an area holds when three quarters of the points that its measured probes could earn were earned, and none
//! of the area's essentials at that level failed: a readable password is not made up for by tidy headers. The level
//! reached is the highest of which all lower ones hold too. What a report is graded for (`--level`) changes nothing
//! here: the matrix says what was seen.

use grader_model::{AREAS, CriterionReport, Level, MatrixCell, MatrixRow, ProbeReport, RowState, Verdict};

/// One area: what its three levels expect, and the probes that speak for it (id prefixes ending in a dot, or whole ids).
struct Area {
    name: &'static str,
    /// Junior, mid, senior.
    expects: [&'static str; 3],
    probes: &'static [&'static str],
    /// Probes of which a full fail stops the level whatever else was earned.
    essential: &'static [&'static str],
}

const TABLE: [Area; 7] = [
    Area {
        name: AREAS[0],
        expects: [
            "CRUD endpoints with fitting methods and status codes",
            "bounded and complete pagination, filtering, versions, a machine-readable description",
            "idempotent writes, conditional requests, contracts that others can rely on",
        ],
        probes: &["api.", "doc.api"],
        essential: &["api.operations", "api.roundtrip"],
    },
    Area {
        name: AREAS[1],
        expects: [
            "normalized tables with keys, constraints and migrations",
            "indexes for what is asked, checks in the database, transactions, no query per row",
            "query plans, safe migrations, connections under load",
        ],
        probes: &[
            "db.primary-keys",
            "db.foreign-keys",
            "db.normalized",
            "db.unique",
            "db.not-null",
            "db.money-type",
            "db.timestamps",
            "db.foreign-key-indexes",
            "db.checks",
            "db.identifiers",
            "db.migrations",
            "db.migrations.safe",
            "db.transactions",
            "db.n-plus-one",
            "db.query-plans",
            "db.connections",
        ],
        essential: &["db.primary-keys", "db.foreign-keys"],
    },
    Area {
        name: AREAS[2],
        expects: [
            "layers with one task each, state that outlives the process, no more machinery than needed",
            "work that is whole or not done, right under simultaneous requests, without repetition",
            "degradation when a part is away, load, repeatable writes, reasons for the design",
        ],
        probes: &[
            "org.layers",
            "org.size",
            "org.duplication",
            "org.proportion",
            "db.persistence",
            "db.transactions",
            "db.oversell",
            "db.connections",
            "api.idempotency",
            "api.conditional",
            "error.dependency-down",
            "error.load",
            "doc.decisions",
        ],
        essential: &["db.persistence", "db.oversell"],
    },
    Area {
        name: AREAS[3],
        expects: [
            "validation, one error shape, the right 4xx, nothing leaked",
            "errors that name the field, media types, extreme input, structured logs",
            "timeouts, recovery, graceful shutdown, behaviour under load",
        ],
        probes: &["error."],
        essential: &["error.no-5xx", "error.leaks"],
    },
    Area {
        name: AREAS[4],
        expects: [
            "enough tests that pass and assert something",
            "unit and HTTP tests, isolated, with coverage, run by CI",
            "tests that notice small faults in the code",
        ],
        probes: &["test."],
        essential: &["test.pass", "test.assertions"],
    },
    Area {
        name: AREAS[5],
        expects: [
            "authentication and ownership on every route, slow salted hashes, signed tokens, no injection",
            "rate limits, expiry, no enumeration, no mass assignment, strong secrets",
            "limits that cannot be walked around, hardened headers",
        ],
        probes: &["auth."],
        essential: &[
            "auth.required",
            "auth.object-access",
            "auth.password.storage",
            "auth.token.signature",
            "auth.injection",
            "auth.secrets-in-repo",
        ],
    },
    Area {
        name: AREAS[6],
        expects: [
            "configuration from the environment, a clean repository, a README that leads to a running stack",
            "small pinned images without root, CI, a linter, logs, a history in steps",
            "zero-downtime restarts, safe migrations, behaviour when a dependency is away",
        ],
        probes: &[
            "org.configuration",
            "org.hygiene",
            "org.container",
            "org.lint",
            "org.history",
            "doc.readme",
            "doc.truth",
            "test.automation",
            "error.logging",
            "error.shutdown",
            "error.dependency-down",
            "db.migrations.safe",
        ],
        essential: &[],
    },
];

/// A level holds when at least this share of its measured points was earned.
const HOLDS: f64 = 0.75;

/// The matrix for graded criteria. An area without any measured probe has neither level nor stop.
pub fn matrix(criteria: &[CriterionReport]) -> Vec<MatrixCell> {
    TABLE.iter().map(|area| cell(area, criteria)).collect()
}

/// Whether a probe speaks for an area.
pub(crate) fn speaks_for(area: &str, probe: &str) -> bool {
    TABLE.iter().find(|entry| entry.name == area).is_some_and(|entry| speaks(entry, probe))
}

fn speaks(area: &Area, probe: &str) -> bool {
    area.probes.iter().any(|wanted| if wanted.ends_with('.') { probe.starts_with(wanted) } else { probe == *wanted })
}

fn cell(area: &Area, criteria: &[CriterionReport]) -> MatrixCell {
    let probes: Vec<&ProbeReport> = criteria
        .iter()
        .flat_map(|criterion| &criterion.probes)
        .filter(|probe| speaks(area, &probe.id) && probe.verdict.applies())
        .collect();
    let mut cell = MatrixCell {
        area: area.name.to_owned(),
        level: None,
        stopped_at: None,
        decided_by: Vec::new(),
        rows: Vec::new(),
    };
    for (level, expects) in Level::ALL.into_iter().zip(area.expects) {
        let at_level: Vec<&ProbeReport> = probes.iter().filter(|probe| probe.level == level).copied().collect();
        let possible: f64 = at_level.iter().map(|probe| probe.points).sum();
        let earned: f64 = at_level.iter().map(|probe| probe.earned).sum();
        let ids = |wanted: &dyn Fn(&ProbeReport) -> bool| -> Vec<String> {
            at_level.iter().filter(|probe| wanted(probe)).map(|probe| probe.id.clone()).collect()
        };
        let broken = |probe: &ProbeReport| {
            area.essential.contains(&probe.id.as_str()) && matches!(probe.verdict, Verdict::Fail | Verdict::Blocked)
        };
        let holds = earned >= HOLDS * possible && !at_level.iter().any(|probe| broken(probe));
        let (state, decided_by) = if possible <= 0.0 {
            // Nothing was measured here: it neither holds nor stops anything.
            (RowState::NotMeasured, Vec::new())
        } else if cell.stopped_at.is_some() {
            (RowState::Beyond, ids(&|_| true))
        } else if holds {
            cell.level = Some(level);
            cell.decided_by = ids(&|_| true);
            (RowState::Shown, cell.decided_by.clone())
        } else {
            cell.stopped_at = Some(level);
            // What alone would have stopped it comes first.
            let mut held_back = ids(&broken);
            held_back.extend(ids(&|probe| probe.verdict != Verdict::Pass && !broken(probe)));
            cell.decided_by.clone_from(&held_back);
            (RowState::Stopped, held_back)
        };
        cell.rows.push(MatrixRow {
            level,
            expects: expects.to_owned(),
            state,
            earned: round(earned),
            possible: round(possible),
            decided_by,
        });
    }
    cell
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use grader_model::{CATALOGUE, catalogue_entry};

    use super::*;
    use crate::testing::{criterion, probe};

    fn cell_for(probes: Vec<ProbeReport>) -> MatrixCell {
        matrix(&[criterion(probes)]).remove(0)
    }

    fn states(cell: &MatrixCell) -> Vec<RowState> {
        cell.rows.iter().map(|row| row.state).collect()
    }

    #[test]
    fn the_table_names_the_catalogue_and_leaves_nothing_out() {
        for area in &TABLE {
            for wanted in area.probes.iter().filter(|wanted| !wanted.ends_with('.')).chain(area.essential) {
                assert!(catalogue_entry(wanted).is_some(), "{}: the catalogue has no {wanted}", area.name);
            }
            for essential in area.essential {
                assert!(speaks(area, essential), "{essential} does not speak for {}", area.name);
            }
        }
        // Whether the database can be reached says something of the grader's way to it, not of a skill.
        for entry in CATALOGUE.iter().filter(|entry| entry.id != "db.reachable") {
            assert!(TABLE.iter().any(|area| speaks(area, entry.id)), "{} speaks for no area", entry.id);
        }
    }

    #[test]
    fn a_level_needs_all_lower_ones() {
        let cell = cell_for(vec![
            probe("api.methods", Level::Junior, Verdict::Fail),
            probe("api.pagination.size", Level::Mid, Verdict::Pass),
        ]);
        assert_eq!((cell.level, cell.stopped_at), (None, Some(Level::Junior)));
        assert_eq!(cell.decided_by, ["api.methods"]);
        assert_eq!(states(&cell), [RowState::Stopped, RowState::Beyond, RowState::NotMeasured]);
    }

    #[test]
    fn the_stop_names_what_decided_it() {
        let cell = cell_for(vec![
            probe("api.roundtrip", Level::Junior, Verdict::Pass),
            probe("api.pagination.size", Level::Mid, Verdict::Fail),
            probe("api.filtering", Level::Mid, Verdict::Pass),
        ]);
        assert_eq!((cell.level, cell.stopped_at), (Some(Level::Junior), Some(Level::Mid)));
        assert_eq!(cell.decided_by, ["api.pagination.size"]);
        assert_eq!(states(&cell), [RowState::Shown, RowState::Stopped, RowState::NotMeasured]);
        assert_eq!((cell.rows[1].earned, cell.rows[1].possible), (1.0, 2.0));
    }

    #[test]
    fn an_essential_is_not_outweighed() {
        let ids = ["auth.register", "auth.login", "auth.required", "auth.password.salt", "auth.object-access"];
        let mut probes: Vec<ProbeReport> = ids.iter().map(|id| probe(id, Level::Junior, Verdict::Pass)).collect();
        probes.push(probe("auth.password.storage", Level::Junior, Verdict::Fail));
        let cell = matrix(&[criterion(probes)]).remove(5);
        assert_eq!((cell.area.as_str(), cell.stopped_at), ("Security", Some(Level::Junior)));
        assert_eq!(cell.decided_by, ["auth.password.storage"]);
    }

    #[test]
    fn what_was_not_measured_decides_nothing() {
        let cell = cell_for(vec![probe("api.roundtrip", Level::Junior, Verdict::NotMeasured)]);
        assert_eq!((cell.level, cell.stopped_at), (None, None));
        assert_eq!(states(&cell), [RowState::NotMeasured; 3]);
    }

    #[test]
    fn the_level_of_the_report_changes_nothing() {
        let mut above = probe("api.idempotency", Level::Senior, Verdict::Pass);
        above.counts = false;
        let cell = cell_for(vec![probe("api.methods", Level::Junior, Verdict::Pass), above]);
        assert_eq!(cell.level, Some(Level::Senior));
    }
}
