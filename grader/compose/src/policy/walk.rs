//! A document walked along the table.

use super::rules::{self, Rule};
use super::table::{Act, TABLE};
use super::{Refusal, Rewrite};
use crate::document::{Document, Node, Value};
use crate::files::ProjectFiles;
use crate::paths::Paths;
use crate::project::Project;
use crate::tree_path::TreePath;

/// Containers of a stack, at most.
const MAX_CONTAINERS: u64 = 32;
/// Characters of a document's text that a rewrite shows.
const SHOWN: usize = 120;

pub(super) struct Walk<'a> {
    pub(super) paths: &'a Paths,
    pub(super) files: &'a dyn ProjectFiles,
    pub(super) project: &'a Project,
    /// Services that are not started: nothing that they ask for matters.
    left_out: &'a [String],
    refusals: Vec<Refusal>,
    rewrites: Vec<Rewrite>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        paths: &'a Paths,
        files: &'a dyn ProjectFiles,
        project: &'a Project,
        left_out: &'a [String],
    ) -> Self {
        Self { paths, files, project, left_out, refusals: Vec::new(), rewrites: Vec::new() }
    }

    pub(super) fn finish(self) -> (Vec<Refusal>, Vec<Rewrite>) {
        (self.refusals, self.rewrites)
    }

    pub(super) fn document(&mut self, document: &Document) {
        let containers: u64 = self.project.services.values().map(|service| u64::from(service.scale)).sum();
        if let Some(services) = document.root.get("services").filter(|_| containers > MAX_CONTAINERS) {
            self.refuse(
                rules::CONTAINERS,
                services,
                &TreePath::of(&["services"]),
                &format!("this one has {containers}"),
            );
        }
        self.children(&document.root, &TreePath::default());
    }

    fn children(&mut self, node: &Node, path: &TreePath) {
        match &node.value {
            Value::Map(map) => map.iter().for_each(|(key, child)| self.node(child, &path.child(key))),
            Value::Seq(items) => {
                items.iter().enumerate().for_each(|(index, item)| self.node(item, &path.item(index)));
            }
            _ => {}
        }
    }

    fn node(&mut self, node: &Node, path: &TreePath) {
        if let [section, service] = path.parts()
            && section == "services"
            && self.left_out.contains(service)
        {
            return;
        }
        let entry = TABLE.iter().find(|(pattern, _)| path.matches(pattern)).map(|&(_, act)| act);
        match entry {
            Some(Act::Allow) => {}
            Some(Act::Enter) => self.children(node, path),
            Some(Act::Drop(why)) => self.rewrite(node, path, "left out", why),
            Some(Act::Rewrite(to, why)) => self.rewrite(node, path, to, why),
            Some(Act::Refuse(rule)) if !asks_for_nothing(node) => self.refuse(rule, node, path, &shown(node)),
            Some(Act::Refuse(_)) => {}
            Some(Act::Check(check)) => check(self, node, path),
            // Extensions mean nothing to anybody but their author.
            None if path.parts().last().is_some_and(|key| key.starts_with("x-")) => {}
            None => self.refuse(rules::NOT_ALLOWED, node, path, &shown(node)),
        }
    }

    /// Refuses a path; `detail` says what of it, if that helps.
    pub(super) fn refuse(&mut self, rule: Rule, node: &Node, path: &TreePath, detail: &str) {
        let sentence =
            if detail.is_empty() { rule.sentence.to_owned() } else { format!("{}: {detail}", rule.sentence) };
        self.refusals.push(Refusal { rule: rule.id, place: node.place.clone(), path: path.to_string(), sentence });
    }

    /// Notes that a path is done differently, if it asks for anything.
    pub(super) fn rewrite(&mut self, node: &Node, path: &TreePath, to: &str, why: &str) {
        if !asks_for_nothing(node) {
            let rewrite = Rewrite { path: path.to_string(), from: shown(node), to: to.to_owned(), why: why.to_owned() };
            self.rewrites.push(rewrite);
        }
    }
}

/// Nothing, `false`, zero, an empty text, list or mapping.
fn asks_for_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) | Value::Int(0) => true,
        Value::String(text) => text.is_empty(),
        Value::Seq(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// A value on one line, cut short.
pub(super) fn shown(node: &Node) -> String {
    let mut text = match node.scalar_text() {
        Some(text) => text,
        None => crate::normalized::plain(node).to_string(),
    };
    if let Some((cut, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(cut);
        text.push('…');
    }
    text.replace(['\n', '\r'], " ")
}
