//! How a line of a transaction may be spelt, and what a refusal says of the spelling.

use grader_spec::Lines;
use indexmap::IndexMap;

use super::candidates::Candidate;
use super::complaint;
use super::describe::Member;
use super::overrides::OperationOverride;
use crate::resource::BoundLines;
use crate::{Answer, Flow, wire};

/// Spellings of a line that are tried where no description names them.
const SPELLINGS: usize = 24;

impl BoundLines {
    fn spelt(array: Option<String>, reference: &str, quantity: &str) -> Self {
        BoundLines {
            array,
            reference: reference.to_owned(),
            quantity: quantity.to_owned(),
            total: None,
            reference_field: None,
            flow: Flow::Together,
        }
    }

    fn is_spelt_like(&self, other: &Self) -> bool {
        self.array == other.array && self.reference == other.reference && self.quantity == other.quantity
    }
}

/// Spellings of a line: the reviewer's alone, else the described one alone, else the customary ones, likeliest first.
pub(super) fn spellings(given: Option<&OperationOverride>, candidate: &Candidate, lines: &Lines) -> Vec<BoundLines> {
    if let Some(given) = given
        && let Some(reference) = given.fields.get("reference")
    {
        let quantity = given.fields.get("quantity").or(lines.quantity.first());
        let quantity = quantity.map_or("quantity", String::as_str);
        return vec![BoundLines::spelt(given.fields.get("lines").cloned(), reference, quantity)];
    }
    let named = |members: &IndexMap<String, Member>, names: &[String]| {
        names.iter().find_map(|name| members.keys().find(|key| wire::plain(key) == wire::plain(name)).cloned())
    };
    for (name, member) in &candidate.members {
        if let (Some(reference), Some(quantity)) =
            (named(&member.items, &lines.reference), named(&member.items, &lines.quantity))
        {
            return vec![BoundLines::spelt(Some(name.clone()), &reference, &quantity)];
        }
    }
    if let (Some(reference), Some(quantity)) =
        (named(&candidate.members, &lines.reference), named(&candidate.members, &lines.quantity))
    {
        return vec![BoundLines::spelt(None, &reference, &quantity)];
    }
    let mut all: Vec<BoundLines> = Vec::new();
    for array in lines.names.iter().take(3).map(|name| Some(name.clone())).chain([None]) {
        for reference in lines.reference.iter().take(3) {
            for reference in [reference.clone(), camel(reference)] {
                let quantity = lines.quantity.first().map_or("quantity", String::as_str);
                let spelling = BoundLines::spelt(array.clone(), &reference, quantity);
                if !all.iter().any(|known| known.is_spelt_like(&spelling)) {
                    all.push(spelling);
                }
            }
        }
    }
    all
}

/// Spellings to be tried one after the other, each once.
pub(super) struct Spellings {
    all: Vec<BoundLines>,
    next: usize,
}

impl Spellings {
    pub(super) fn new(all: Vec<BoundLines>) -> Self {
        Spellings { all, next: 0 }
    }

    /// The next spelling to try.
    pub(super) fn next(&mut self) -> Option<BoundLines> {
        let next = self.all.get(self.next).filter(|_| self.next < SPELLINGS)?.clone();
        self.next += 1;
        Some(next)
    }

    /// Learns from the refusal of `now`: a spelling that it names goes before guessing. Answers whether another spelling
    /// may do better.
    pub(super) fn learn(&mut self, now: &BoundLines, refusal: &Answer, lines: &Lines) -> bool {
        let is_missing = matches!(refusal.status(), 404 | 405 | 0) && self.next == 1;
        if is_missing || super::accounts::is_page(refusal) || !matches!(refusal.status(), 400 | 404 | 422) {
            return false;
        }
        if let Some(better) = respelt(now, &complaint::complaints(refusal), lines)
            && !self.all.iter().any(|known| known.is_spelt_like(&better))
        {
            self.all.insert(self.next, better);
        }
        true
    }
}

/// The spelling that a refusal asks for, where it names a member that fits.
fn respelt(now: &BoundLines, complaints: &[complaint::Complaint], lines: &Lines) -> Option<BoundLines> {
    let mut better = now.clone();
    for complaint in complaints.iter().filter(|complaint| complaint.says_missing()) {
        if wire::is_named(&complaint.name, &lines.quantity) {
            better.quantity.clone_from(&complaint.name);
        } else if wire::is_named(&complaint.name, &lines.reference) && wire::plain(&complaint.name) != "id" {
            better.reference.clone_from(&complaint.name);
        } else if wire::is_named(&complaint.name, &lines.names) {
            better.array = Some(complaint.name.clone());
        }
    }
    (!better.is_spelt_like(now)).then_some(better)
}

/// Whether a name is one that lines go by: their array, a reference or a quantity.
pub(super) fn is_of_lines(name: &str, lines: &Lines) -> bool {
    [&lines.names, &lines.reference, &lines.quantity].into_iter().any(|names| wire::is_named(name, names))
}

/// `thing_id` as `thingId`.
pub(super) fn camel(name: &str) -> String {
    let mut words = wire::words(name).into_iter();
    let mut out = words.next().unwrap_or_default();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.extend(letters);
    }
    out
}
