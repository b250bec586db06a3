//! Routes of Rails' `config/routes.rb`.

use super::graph::Graph;
use crate::code::{Code, Kind};

const METHODS: &[&str] = &["get", "post", "put", "patch", "delete"];

/// What an open `do` adds to the paths within it.
struct Block {
    path: String,
    /// The resource that `member` and `collection` belong to.
    resource: Option<Resource>,
    /// Set inside `member do`.
    member: bool,
}

struct Resource {
    base: String,
    record: String,
}

/// Routes of a file.
pub(super) fn read(graph: &mut Graph, file: usize, code: &Code<'_>) {
    let Some(root) = graph.define(file, "", 0, 0..code.len(), String::new()) else { return };
    let mut blocks: Vec<Option<Block>> = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if graph.is_full() || blocks.len() > 200 {
            return;
        }
        if !code.tokens[at].first {
            at += 1;
            continue;
        }
        let end =
            (at + 1..code.len()).find(|next| code.tokens[*next].first && !continues(code, *next)).unwrap_or(code.len());
        statement(graph, root, file, code, at..end, &mut blocks);
        at = end;
    }
}

/// A line that goes on with the options of the one above.
fn continues(code: &Code<'_>, at: usize) -> bool {
    at > 0 && (code.is(at - 1, ",") || code.is(at, ","))
}

fn prefix(blocks: &[Option<Block>]) -> String {
    blocks.iter().flatten().fold(String::new(), |outer, block| super::graph::join(&outer, &block.path))
}

fn under(outer: &str, name: &str) -> String {
    super::graph::join(outer, name.trim_matches('/'))
}

fn statement(
    graph: &mut Graph,
    root: usize,
    file: usize,
    code: &Code<'_>,
    range: std::ops::Range<usize>,
    blocks: &mut Vec<Option<Block>>,
) {
    let start = range.start;
    let Some(word) = code.word(start) else { return };
    let opens = range.clone().any(|at| code.is(at, "do"))
        || matches!(word, "if" | "unless" | "class" | "module" | "def" | "case" | "begin" | "while");
    let line = code.line(start);
    let outer = prefix(blocks);
    let names = names(code, start + 1, range.end);
    let option = |name: &str| option(code, start + 1, range.end, name);
    match word {
        "end" => {
            blocks.pop();
            return;
        }
        "namespace" => {
            let path = option("path").or_else(|| names.first().cloned()).unwrap_or_default();
            push(blocks, opens, Some(Block { path, resource: None, member: false }));
            return;
        }
        "scope" => {
            let path = option("path").or_else(|| names.first().cloned()).unwrap_or_default();
            push(blocks, opens, Some(Block { path, resource: None, member: false }));
            return;
        }
        "resources" | "resource" => {
            let plural = word == "resources";
            for name in &names {
                let path = option("path").unwrap_or_else(|| name.clone());
                let base = under(&outer, &path);
                let param = option("param").unwrap_or_else(|| "id".to_owned());
                let record = if plural { format!("{base}/{{{param}}}") } else { base.clone() };
                for action in actions(code, start, range.end, plural) {
                    let (method, path): (&[&str], &str) = match action {
                        "index" => (&["GET"], &base),
                        "create" => (&["POST"], &base),
                        "show" => (&["GET"], &record),
                        "update" => (&["PATCH", "PUT"], &record),
                        _ => (&["DELETE"], &record),
                    };
                    for method in method {
                        graph.route(root, method, path.to_owned(), file, line);
                    }
                }
                if opens {
                    let singular = name.strip_suffix('s').unwrap_or(name);
                    let parent = if plural { format!("{path}/{{{singular}_id}}") } else { path.clone() };
                    let resource = Resource { base, record };
                    push(blocks, true, Some(Block { path: parent, resource: Some(resource), member: false }));
                    return;
                }
            }
            return;
        }
        "member" | "collection" => {
            let member = word == "member";
            push(blocks, opens, Some(Block { path: String::new(), resource: None, member }));
            return;
        }
        "devise_for" => {
            for (method, path) in [("POST", "users"), ("POST", "users/sign_in"), ("DELETE", "users/sign_out")] {
                let name = names.first().map_or("users", String::as_str);
                graph.route(root, method, under(&outer, &path.replacen("users", name, 1)), file, line);
            }
        }
        _ if METHODS.contains(&word) => {
            let to = names.first().cloned();
            let Some(path) = to.filter(|path| !path.contains('#')) else { return };
            let on_record = option("on").is_some_and(|on| on == "member");
            let on_collection = option("on").is_some_and(|on| on == "collection");
            let holder = blocks.iter().flatten().rev().find_map(|block| block.resource.as_ref());
            let in_member = blocks.iter().flatten().next_back().is_some_and(|block| block.member);
            let in_collection = blocks
                .iter()
                .flatten()
                .next_back()
                .is_some_and(|block| !block.member && block.path.is_empty() && block.resource.is_none());
            let base = match holder {
                Some(resource) if on_record || in_member => resource.record.clone(),
                Some(resource) if on_collection || in_collection => resource.base.clone(),
                _ => outer.clone(),
            };
            graph.route(root, word, under(&base, &path), file, line);
        }
        _ => {}
    }
    if opens {
        blocks.push(None);
    }
}

fn push(blocks: &mut Vec<Option<Block>>, opens: bool, block: Option<Block>) {
    if opens {
        blocks.push(block);
    }
}

/// Positional names of a statement: `:books, :orders`, `'login'`; up to the first option.
fn names(code: &Code<'_>, mut at: usize, end: usize) -> Vec<String> {
    let mut found = Vec::new();
    while at < end {
        if code.is(at, ":") && code.word(at + 1).is_some() {
            if code.is(at + 2, "=") {
                break;
            }
            found.extend(code.word(at + 1).map(str::to_owned));
            at += 2;
        } else if let Some(text) = code.literal(at) {
            if code.is(at + 1, "=") && !found.is_empty() {
                break;
            }
            found.push(text.to_owned());
            at += 1;
        } else if code.is(at, ",") || code.is(at, "(") {
            at += 1;
        } else {
            break;
        }
    }
    found.truncate(20);
    found
}

/// The value of `name: :value`, `name: 'value'` or `:name => 'value'`.
fn option(code: &Code<'_>, start: usize, end: usize, name: &str) -> Option<String> {
    (start..end).find_map(|at| {
        let value = if code.is(at, name) && code.is(at + 1, ":") {
            at + 2
        } else if code.is(at, name) && code.is(at + 1, "=") && code.is(at + 2, ">") {
            at + 3
        } else {
            return None;
        };
        if code.is(value, ":") {
            code.word(value + 1).map(str::to_owned)
        } else {
            code.literal(value).map(str::to_owned)
        }
    })
}

/// The actions of a resource after `only:` and `except:`; nothing about pages with forms.
fn actions(code: &Code<'_>, start: usize, end: usize, plural: bool) -> Vec<&'static str> {
    let all: &[&'static str] = if plural {
        &["index", "create", "show", "update", "destroy"]
    } else {
        &["create", "show", "update", "destroy"]
    };
    let listed = |name: &str| -> Option<Vec<&str>> {
        let at = (start..end).find(|at| code.is(*at, name) && code.is(at + 1, ":"))? + 2;
        let bracket = (at..end.min(at + 3)).find(|at| code.is(*at, "["));
        let range = match bracket {
            Some(open) => open..code.close(open),
            None => at..end.min(at + 2),
        };
        Some(
            range
                .filter_map(|at| code.tokens.get(at))
                .filter(|token| token.kind != Kind::Mark)
                .map(|token| token.text)
                .flat_map(str::split_whitespace)
                .collect(),
        )
    };
    let only = listed("only");
    let except = listed("except").unwrap_or_default();
    all.iter()
        .copied()
        .filter(|action| only.as_ref().is_none_or(|only| only.contains(action)) && !except.contains(action))
        .collect()
}
