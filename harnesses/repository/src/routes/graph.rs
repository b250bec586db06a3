//! Routers as a graph: each has routes and a prefix, and is mounted under others, often across files.
//!
//! Every framework's reader fills one; it knows none of them. A router that nothing mounts stands at the root. What is
//! hostile (cycles, thousands of routers) is cut, never followed.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Routers of one submission.
const MOST_ROUTERS: usize = 3_000;
/// Routes of one submission, before and after mounting.
const MOST_ROUTES: usize = 1_000;
/// Places that one router is mounted at.
const MOST_PLACES: usize = 6;
/// How deep routers are nested.
const DEEPEST: usize = 8;
/// Steps that working out all places may take: routers of a hostile tree may mount each other in every way.
const MOST_STEPS: usize = 20_000;

pub(super) type RouterId = usize;

/// Where to look for what mounts a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Function,
    File,
}

/// A router: a variable, a builder chain, or a parameter of a function that adds routes to what it is given.
#[derive(Debug)]
struct Router {
    file: usize,
    /// The name that the code has for it; empty for a chain without one.
    name: String,
    /// The function that makes or is given it.
    function: String,
    /// The tokens among which the name means this router.
    scope: Range<usize>,
    prefix: String,
}

#[derive(Debug)]
struct Route {
    router: RouterId,
    method: String,
    path: String,
    place: (usize, u32),
}

/// A name that a file takes from elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Import {
    /// The module's segments, outermost first, without relative dots and extensions.
    pub(super) module: Vec<String>,
    /// The name inside the module; empty for the module as a whole or its default.
    pub(super) name: String,
}

/// A function that may make routers or be given one.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) file: usize,
    pub(super) name: String,
    /// The type that it is a method of; empty for a free one.
    pub(super) owner: String,
    pub(super) parameters: Vec<String>,
    pub(super) body: Range<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Graph {
    files: Vec<String>,
    routers: Vec<Router>,
    routes: Vec<Route>,
    /// Parent, child, prefix.
    mounts: Vec<(RouterId, RouterId, String)>,
    imports: Vec<HashMap<String, Import>>,
    functions: Vec<Function>,
    /// File and token at which a chain of calls makes a router.
    chains: HashMap<(usize, usize), RouterId>,
    /// Parents and children of one file, as the first reading showed them.
    inner: Vec<(RouterId, RouterId)>,
    /// How many routes and mounts the declarations themselves brought.
    declared: (usize, usize),
    mounted: HashSet<(RouterId, RouterId, String)>,
}

/// A route with its whole path as the code spells parameters.
#[derive(Debug, PartialEq)]
pub(super) struct Full {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) file: String,
    pub(super) line: u32,
}

impl Graph {
    pub(super) fn file(&mut self, path: &str) -> usize {
        self.files.push(path.to_owned());
        self.imports.push(HashMap::new());
        self.files.len() - 1
    }

    pub(super) fn import(&mut self, file: usize, local: &str, import: Import) {
        self.imports[file].insert(local.to_owned(), import);
    }

    pub(super) fn function(&mut self, function: Function) {
        if self.functions.len() < MOST_ROUTERS {
            self.functions.push(function);
        }
    }

    /// The innermost named function whose body holds the position.
    pub(super) fn enclosing(&self, file: usize, at: usize) -> Option<&Function> {
        self.functions
            .iter()
            .filter(|function| function.file == file && function.body.contains(&at))
            .min_by_key(|function| function.body.len())
    }

    /// A router that the code makes at `at`; `None` past the budget.
    pub(super) fn define(
        &mut self,
        file: usize,
        name: &str,
        at: usize,
        scope: Range<usize>,
        prefix: String,
    ) -> Option<RouterId> {
        if self.routers.len() >= MOST_ROUTERS {
            return None;
        }
        let function = self.enclosing(file, at).map(|function| function.name.clone()).unwrap_or_default();
        self.routers.push(Router { file, name: name.to_owned(), function, scope, prefix });
        Some(self.routers.len() - 1)
    }

    /// The router that a name means at a position: what was made in scope, else the parameter of the function around
    /// it, else a router of that name that this file is simply given.
    pub(super) fn lookup(&mut self, file: usize, name: &str, at: usize) -> Option<RouterId> {
        if let Some(known) = self.known(file, name, at) {
            return Some(known);
        }
        let around = self
            .functions
            .iter()
            .filter(|function| function.file == file && function.body.contains(&at))
            .filter(|function| function.parameters.iter().any(|parameter| parameter == name))
            .min_by_key(|function| function.body.len())
            .map(|function| (function.name.clone(), function.body.clone()));
        if self.routers.len() >= MOST_ROUTERS {
            return None;
        }
        let (function, scope) = around.unwrap_or((String::new(), 0..usize::MAX));
        self.routers.push(Router { file, name: name.to_owned(), function, scope, prefix: String::new() });
        Some(self.routers.len() - 1)
    }

    /// The router that was made under that name in a scope around the position.
    pub(super) fn known(&self, file: usize, name: &str, at: usize) -> Option<RouterId> {
        (0..self.routers.len())
            .filter(|id| {
                let router = &self.routers[*id];
                router.file == file && router.name == name && router.scope.contains(&at)
            })
            .max_by_key(|id| (self.routers[*id].scope.start, *id))
    }

    /// The router that a function's parameter stands for.
    pub(super) fn parameter(&mut self, function: usize, position: usize) -> Option<RouterId> {
        let function = self.functions.get(function)?;
        let name = function.parameters.get(position)?.clone();
        let (file, at) = (function.file, function.body.start + 1);
        self.lookup(file, &name, at)
    }

    /// The first function of a module that is given something.
    pub(super) fn of_module(&self, file: usize, module: Vec<String>) -> Vec<usize> {
        let files = self.modules(file, &Import { module, name: String::new() });
        (0..self.functions.len())
            .filter(|id| files.contains(&self.functions[*id].file) && !self.functions[*id].parameters.is_empty())
            .take(1)
            .collect()
    }

    /// Routers that a function makes and mounts nowhere in its own file.
    pub(super) fn made_in(&self, function: usize) -> Vec<RouterId> {
        let Some(function) = self.functions.get(function) else { return Vec::new() };
        let made = (0..self.routers.len()).filter(|id| {
            let router = &self.routers[*id];
            router.file == function.file && router.function == function.name
        });
        self.unmounted(made.collect(), Within::Function)
    }

    /// Remembers the router that the chain of calls at `at` makes.
    pub(super) fn set_chain(&mut self, file: usize, at: usize, router: RouterId) {
        self.chains.insert((file, at), router);
    }

    /// The router that the chain of calls at `at` makes.
    pub(super) fn chain(&self, file: usize, at: usize) -> Option<RouterId> {
        self.chains.get(&(file, at)).copied()
    }

    /// The name of a function's parameter.
    pub(super) fn parameter_name(&self, function: usize, position: usize) -> Option<&str> {
        self.functions.get(function)?.parameters.get(position).map(String::as_str)
    }

    /// The one function of that very name that a call means: its file and the tokens of its body.
    pub(super) fn one_called(&self, file: usize, path: &[&str]) -> Option<(usize, Range<usize>)> {
        match self.called(file, path).as_slice() {
            [one] => Some(&self.functions[*one]),
            _ => None,
        }
        .filter(|function| path.last().is_some_and(|name| *name == function.name))
        .map(|function| (function.file, function.body.clone()))
    }

    /// Functions that a call means: of that module or owner where one is named, else of that name anywhere.
    pub(super) fn called(&self, file: usize, path: &[&str]) -> Vec<usize> {
        let Some(name) = path.last() else { return Vec::new() };
        let named = |wanted: &str| -> Vec<usize> {
            (0..self.functions.len()).filter(|id| self.functions[*id].name == wanted).collect()
        };
        let mut found = named(name);
        if found.is_empty() {
            let Some(import) = self.imports[file].get(*name) else { return found };
            let files = self.modules(file, import);
            found = (0..self.functions.len()).filter(|id| files.contains(&self.functions[*id].file)).collect();
            // A default export is called by any name; only a function that is given something counts.
            found.retain(|id| !self.functions[*id].parameters.is_empty());
            found.truncate(1);
            return found;
        }
        if found.len() > 1 && path.len() == 1 {
            let imported = self.imports[file].get(*name).map(|import| self.modules(file, import)).unwrap_or_default();
            let near: Vec<usize> = found
                .iter()
                .copied()
                .filter(|id| self.functions[*id].file == file || imported.contains(&self.functions[*id].file))
                .collect();
            return if near.is_empty() { found } else { near };
        }
        if found.len() > 1 {
            let receiver = path[path.len() - 2].to_ascii_lowercase();
            let near: Vec<usize> = found
                .iter()
                .copied()
                .filter(|id| {
                    let function = &self.functions[*id];
                    let owner = function.owner.to_ascii_lowercase();
                    !owner.is_empty() && (owner.contains(&receiver) || receiver.contains(&owner))
                        || stem(&self.files[function.file]).to_ascii_lowercase().contains(&receiver)
                        || self.files[function.file].split('/').any(|folder| folder.eq_ignore_ascii_case(&receiver))
                })
                .collect();
            if !near.is_empty() {
                return near;
            }
        }
        found
    }

    pub(super) fn route(&mut self, router: RouterId, method: &str, path: String, file: usize, line: u32) {
        if self.routes.len() < MOST_ROUTES {
            self.routes.push(Route { router, method: method.to_ascii_uppercase(), path, place: (file, line) });
        }
    }

    /// Whether no further route is taken; readers stop then.
    pub(super) fn is_full(&self) -> bool {
        self.routes.len() >= MOST_ROUTES || self.routers.len() >= MOST_ROUTERS
    }

    pub(super) fn mount(&mut self, parent: RouterId, child: RouterId, prefix: String) {
        let mount = (parent, child, prefix);
        if parent != child && self.mounts.len() < MOST_ROUTERS && self.mounted.insert(mount.clone()) {
            self.mounts.push(mount);
        }
    }

    /// Ends the declarations: what comes now is read twice.
    pub(super) fn declared(&mut self) {
        self.declared = (self.routes.len(), self.mounts.len());
    }

    /// Ends a first reading, which shows the routers that are mounted within their own file: what another file means by
    /// that file is not one of those. Routes and mounts are then read again.
    pub(super) fn settle(&mut self) {
        let of_file = |(parent, child, _): &(RouterId, RouterId, String)| {
            (self.routers[*parent].file == self.routers[*child].file).then_some((*parent, *child))
        };
        self.inner = self.mounts.iter().filter_map(of_file).collect();
        self.routes.truncate(self.declared.0);
        self.mounts.truncate(self.declared.1);
        self.mounted = self.mounts.iter().cloned().collect();
    }

    /// The routers that an expression such as `books.router`, `bookRoutes(db)` or `api::books` means in a file.
    pub(super) fn resolve(&self, file: usize, path: &[&str], at: usize) -> Vec<RouterId> {
        self.resolve_deep(file, path, Some(at), 0)
    }

    fn resolve_deep(&self, file: usize, path: &[&str], at: Option<usize>, depth: usize) -> Vec<RouterId> {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return Vec::new() };
        if depth > 4 {
            return Vec::new();
        }
        if path.len() == 1 {
            if let Some(known) = at.and_then(|at| self.known(file, first, at)) {
                return vec![known];
            }
            let made = self.in_files(&[file], first);
            if !made.is_empty() {
                return made;
            }
        }
        let import = self.imports[file].get(*first).cloned().or_else(|| {
            // `books::router`, `routes.Books`: a module named by its path.
            (path.len() > 1).then(|| Import {
                module: path[..path.len() - 1].iter().map(|part| (*part).to_owned()).collect(),
                name: (*last).to_owned(),
            })
        });
        if let Some(import) = import {
            let files = self.modules(file, &import);
            let mut names: Vec<&str> = vec![last, &import.name];
            names.retain(|name| !name.is_empty());
            for name in &names {
                let found = self.in_files(&files, name);
                if !found.is_empty() {
                    return found;
                }
            }
            for module in &files {
                for name in &names {
                    // Handed on by a package's front file.
                    if *module != file && self.imports[*module].contains_key(*name) {
                        let found = self.resolve_deep(*module, &[name], None, depth + 1);
                        if !found.is_empty() {
                            return found;
                        }
                    }
                }
            }
            let roots = self.roots(&files);
            if !roots.is_empty() {
                return roots;
            }
        }
        let everywhere: Vec<RouterId> = (0..self.routers.len())
            .filter(|id| {
                let router = &self.routers[*id];
                (router.function == *last || router.name == *last) && router.file != file && last.len() > 6
            })
            .collect();
        if everywhere.len() == 1 { everywhere } else { Vec::new() }
    }

    /// Routers of these files that are named so, or that the function of that name makes.
    fn in_files(&self, files: &[usize], name: &str) -> Vec<RouterId> {
        let of = |id: &RouterId| files.contains(&self.routers[*id].file);
        let named: Vec<RouterId> =
            (0..self.routers.len()).filter(of).filter(|id| self.routers[*id].name == name).collect();
        if !named.is_empty() {
            return named;
        }
        let made: Vec<RouterId> =
            (0..self.routers.len()).filter(of).filter(|id| self.routers[*id].function == name).collect();
        self.unmounted(made, Within::Function)
    }

    /// Routers of these files that no router of the same file mounts.
    fn roots(&self, files: &[usize]) -> Vec<RouterId> {
        self.unmounted(
            (0..self.routers.len()).filter(|id| files.contains(&self.routers[*id].file)).collect(),
            Within::File,
        )
    }

    /// Those that nothing of the same function, or of the same file, mounts.
    fn unmounted(&self, ids: Vec<RouterId>, within: Within) -> Vec<RouterId> {
        let near = |parent: RouterId, child: RouterId| {
            let (parent, child) = (&self.routers[parent], &self.routers[child]);
            parent.file == child.file && (within == Within::File || parent.function == child.function)
        };
        ids.into_iter()
            .filter(|id| {
                let mut mounts = self
                    .inner
                    .iter()
                    .map(|(parent, child)| (parent, child))
                    .chain(self.mounts.iter().map(|(parent, child, _)| (parent, child)));
                !mounts.any(|(parent, child)| child == id && near(*parent, *id))
            })
            .take(MOST_PLACES)
            .collect()
    }

    /// The files that a module's name may mean, seen from `from`: the longest match by its last segments.
    fn modules(&self, from: usize, import: &Import) -> Vec<usize> {
        let mut with_name = import.module.clone();
        with_name.push(import.name.clone());
        let mut best: (usize, Vec<usize>) = (0, Vec::new());
        for module in [&with_name, &import.module] {
            let Some(wanted) = module.last().filter(|last| !last.is_empty()) else { continue };
            for (id, path) in self.files.iter().enumerate() {
                let segments = segments(path);
                if segments.last().map(String::as_str) != Some(wanted) {
                    continue;
                }
                let common = segments.iter().rev().zip(module.iter().rev()).take_while(|(a, b)| a == b).count();
                let near = shared_folders(path, &self.files[from]);
                let score = common * 1_000 + near.min(999);
                match score.cmp(&best.0) {
                    std::cmp::Ordering::Greater => best = (score, vec![id]),
                    std::cmp::Ordering::Equal => best.1.push(id),
                    std::cmp::Ordering::Less => {}
                }
            }
            if !best.1.is_empty() {
                return best.1;
            }
        }
        // A package of several files (Go): the folder of that name.
        let Some(folder) = import.module.last() else { return Vec::new() };
        (0..self.files.len()).filter(|id| self.files[*id].rsplit('/').nth(1) == Some(folder.as_str())).collect()
    }

    /// Every route with its whole path, in the order in which the code names them.
    pub(super) fn expand(&self) -> Vec<Full> {
        let mut places: HashMap<RouterId, Vec<String>> = HashMap::new();
        let mut steps = 0;
        let mut seen = HashSet::new();
        let mut full = Vec::new();
        for route in &self.routes {
            let prefixes = self.places(route.router, &mut places, &mut Vec::new(), &mut steps);
            for prefix in prefixes {
                let path = join(&prefix, &route.path);
                if full.len() < MOST_ROUTES && seen.insert((route.method.clone(), path.clone())) {
                    let file = self.files[route.place.0].clone();
                    full.push(Full { method: route.method.clone(), path, file, line: route.place.1 });
                }
            }
        }
        full
    }

    fn places(
        &self,
        id: RouterId,
        known: &mut HashMap<RouterId, Vec<String>>,
        above: &mut Vec<RouterId>,
        steps: &mut usize,
    ) -> Vec<String> {
        if let Some(known) = known.get(&id) {
            return known.clone();
        }
        let own = &self.routers[id].prefix;
        let mut found: Vec<String> = Vec::new();
        *steps += 1;
        if *steps < MOST_STEPS && above.len() < DEEPEST && !above.contains(&id) {
            above.push(id);
            for (parent, _, prefix) in self.mounts.iter().filter(|(_, child, _)| *child == id) {
                if above.contains(parent) {
                    continue;
                }
                for outer in self.places(*parent, known, above, steps) {
                    let place = join(&join(&outer, prefix), own);
                    if found.len() < MOST_PLACES && !found.contains(&place) {
                        found.push(place);
                    }
                }
            }
            above.pop();
        }
        if found.is_empty() {
            found.push(own.clone());
        }
        if above.is_empty() {
            known.insert(id, found.clone());
        }
        found
    }
}

/// Two parts of a path with one slash between them; an empty part adds nothing.
pub(super) fn join(outer: &str, inner: &str) -> String {
    let outer = outer.trim_end_matches('/');
    match (outer.is_empty(), inner.is_empty()) {
        (_, true) => outer.to_owned(),
        (_, false) if inner.starts_with('/') => format!("{outer}{inner}"),
        _ => format!("{outer}/{inner}"),
    }
}

/// A path's segments without the extension; a package's front file is the package.
fn segments(path: &str) -> Vec<String> {
    let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
    if let Some(last) = segments.pop() {
        let stem = stem(&last).to_owned();
        if !matches!(stem.as_str(), "__init__" | "index" | "mod") || segments.is_empty() {
            segments.push(stem);
        }
    }
    segments
}

fn stem(path: &str) -> &str {
    let name = crate::tree::file_name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

fn shared_folders(a: &str, b: &str) -> usize {
    crate::tree::folders(a).zip(crate::tree::folders(b)).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_multiply_and_cycles_end() {
        let mut graph = Graph::default();
        let file = graph.file("main.py");
        let app = graph.define(file, "app", 0, 0..9, String::new()).unwrap();
        let one = graph.define(file, "one", 1, 0..9, "/one/".into()).unwrap();
        let two = graph.define(file, "two", 2, 0..9, "/two".into()).unwrap();
        graph.mount(app, one, "/v1".into());
        graph.mount(app, one, "/v2".into());
        graph.mount(one, two, String::new());
        graph.mount(two, one, String::new());
        graph.route(two, "get", "/x".into(), file, 3);
        let paths: Vec<String> = graph.expand().into_iter().map(|route| route.path).collect();
        assert_eq!(paths, ["/v1/one/two/x", "/v2/one/two/x"]);
    }

    #[test]
    fn parts_join_with_one_slash() {
        assert_eq!(join("", ""), "");
        assert_eq!(join("/api/", "/books"), "/api/books");
        assert_eq!(join("/api", "books/"), "/api/books/");
        assert_eq!(join("/api/", ""), "/api");
        assert_eq!(join("", "books"), "/books");
    }
}
