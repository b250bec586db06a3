//! `org.size`: files and functions that one can read at a sitting.
//!
//! Observes lines of code (comments and blank lines do not count, functions inside a function count for themselves) and
//! the cognitive complexity as SonarSource defines it. Bounds are the spec's: `file_lines` (500), `function_lines` (80),
//! `complexity` (15, SonarSource's own). Whatever is over a bound costs a quarter; something at twice a bound or more is
//! a god file or function and a fail, and so are four things over their bounds. Tests, migrations and generated files are
//! left out. Planted defects: `org-size-*`.

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use super::{Tree, number};

pub(super) const ID: &str = "org.size";

/// Places shown.
const SHOWN: usize = 8;

/// Something over a bound.
struct Over {
    path: String,
    line: Option<u32>,
    what: String,
    value: u64,
    bound: u64,
}

impl Over {
    /// By how much, in hundredths of the bound.
    fn factor(&self) -> u64 {
        self.value * 100 / self.bound.max(1)
    }
}

pub(super) fn run(tree: &Tree<'_>, params: &Params) -> Finding {
    let file_lines = number(params, "file_lines", 500);
    let function_lines = number(params, "function_lines", 80);
    let complexity = number(params, "complexity", 15);
    let expected = format!(
        "files up to {file_lines} lines, functions up to {function_lines} lines and a complexity of {complexity}"
    );
    if tree.units().is_empty() {
        return Finding::inconclusive(ID, "The tree has no source in a language that is read here");
    }
    let mut over: Vec<Over> = Vec::new();
    let mut longest = 0;
    let mut hardest = 0;
    for unit in tree.units() {
        let lines = u64::from(unit.lines);
        if lines > file_lines {
            let what = "lines of code in one file".to_owned();
            over.push(Over { path: unit.path.clone(), line: None, what, value: lines, bound: file_lines });
        }
        for routine in &unit.functions {
            longest = longest.max(u64::from(routine.lines));
            hardest = hardest.max(u64::from(routine.complexity));
            let measures = [
                (u64::from(routine.complexity), complexity, "cognitive complexity"),
                (u64::from(routine.lines), function_lines, "lines"),
            ];
            // A long function is mostly a complex one too: one cause, the worse of the two.
            let worst = measures
                .into_iter()
                .filter(|(value, bound, _)| value > bound)
                .max_by_key(|(value, bound, _)| value * 100 / (*bound).max(1));
            if let Some((value, bound, of)) = worst {
                let what = format!("{of} of {}", routine.name);
                over.push(Over { path: unit.path.clone(), line: Some(routine.first_line), what, value, bound });
            }
        }
    }
    over.sort_by_key(|over| std::cmp::Reverse(over.factor()));
    let Some(worst) = over.first() else {
        return Finding::pass(ID, "Files and functions are of a size that one can read")
            .expected(expected)
            .actual(format!("the longest function has {longest} lines, the most complex {hardest}"));
    };
    let summary = format!("{}: {} {}", worst.path, worst.value, worst.what);
    let actual = format!("{} over a bound, at most {}", super::counted(over.len(), "place"), summary);
    let evidence: Vec<Evidence> = over
        .iter()
        .take(SHOWN)
        .map(|over| {
            let shown = format!("{} {} ({} allowed)", over.value, over.what, over.bound);
            Evidence::file(over.path.clone(), over.line, shown)
        })
        .collect();
    let finding = if worst.factor() >= 200 {
        Finding::fail(ID, format!("Too large to read: {summary}"))
    } else {
        let left = 1.0 - 0.25 * over.len().min(4) as f64;
        Finding::partial(ID, left, format!("Larger than one reads at a sitting: {summary}"))
    };
    finding.expected(expected).actual(actual).evidences(evidence)
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    fn verdict(path: &str, text: &str) -> Verdict {
        over(&[(path, text)], run).verdict
    }

    fn nested(count: usize) -> String {
        let branches: String = (0..count).map(|n| format!("  if (a > {n}) {{ x({n}); }}\n")).collect();
        format!("function f(a) {{\n{branches}}}\n")
    }

    #[test]
    fn complexity_by_the_bounds() {
        assert_eq!(verdict("a.js", &nested(15)), Verdict::Pass);
        assert_eq!(verdict("a.js", &nested(16)), Verdict::Partial);
        assert_eq!(verdict("a.js", &nested(30)), Verdict::Fail);
        assert_eq!(verdict("a.js", &(nested(16) + &nested(17) + &nested(18) + &nested(19))), Verdict::Fail);
        assert_eq!(verdict("test/a.test.js", &nested(40)), Verdict::Inconclusive);
    }

    #[test]
    fn lines_without_comments_and_inner_functions() {
        let calls = |count: usize| "  x();\n".repeat(count);
        let function = |body: &str| format!("function f() {{\n{body}}}\n");
        assert_eq!(verdict("a.js", &function(&calls(78))), Verdict::Pass);
        assert_eq!(verdict("a.js", &function(&calls(90))), Verdict::Partial);
        assert_eq!(verdict("a.js", &function(&format!("{}{}", calls(70), "  // y\n\n".repeat(100)))), Verdict::Pass);
        let inner = format!("  const g = () => {{\n{}  }};\n", calls(50));
        assert_eq!(verdict("a.js", &function(&inner.repeat(3))), Verdict::Pass);
        assert_eq!(verdict("a.js", &function(&calls(70)).repeat(8)), Verdict::Partial);
        assert_eq!(verdict("a.js", &function(&calls(70)).repeat(14)), Verdict::Fail);
    }
}
