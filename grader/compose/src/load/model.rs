//! Compose files to one merged document: the order of the reference's stages, for the project and for what it includes.

use std::collections::HashMap;
use std::rc::Rc;

use indexmap::IndexSet;

use super::LoadOptions;
use crate::document::{Mapping, Node, Place, Value};
use crate::dotenv::Env;
use crate::error::{ComposeError, ComposeErrors, ErrorKind};
use crate::files::{ProjectFiles, RelPath};
use crate::paths::Paths;
use crate::project::Location;
use crate::template::Allowance;
use crate::tree_path::TreePath;
use crate::yaml::{self, YamlDocument};
use crate::{defaults, interpolate, long_form, merge, normalize, schema, unique};

/// What the stages share.
pub(super) struct Loader<'a> {
    pub(super) files: &'a dyn ProjectFiles,
    pub(super) options: &'a LoadOptions,
    pub(super) allowance: Allowance,
    pub(super) notes: Vec<super::Note>,
    /// Missing environment files, each with the example that took its place.
    pub(super) examples: Vec<(RelPath, RelPath)>,
    /// What only the policy refuses and the loader can go on without: all refusals are listed at once.
    pub(super) deferred: Vec<ComposeError>,
    pub(super) read: Vec<RelPath>,
    /// Variables that had no value.
    pub(super) unset: IndexSet<String>,
    pub(super) extended: HashMap<(RelPath, usize), Rc<super::extends::Extended>>,
    nodes_left: usize,
    files_left: usize,
    scopes: usize,
}

/// What differs between the project and what it includes.
pub(super) struct Scope {
    pub(super) id: usize,
    pub(super) paths: Paths,
    pub(super) env: Env,
    /// The files that led here.
    pub(super) included: Vec<RelPath>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(files: &'a dyn ProjectFiles, options: &'a LoadOptions) -> Self {
        Self {
            files,
            options,
            allowance: Allowance::new(super::MADE_BYTES),
            notes: Vec::new(),
            examples: Vec::new(),
            deferred: Vec::new(),
            read: Vec::new(),
            unset: IndexSet::new(),
            extended: HashMap::new(),
            // A project has several files, and services that extend others repeat them.
            nodes_left: options.budget.nodes.saturating_mul(4),
            files_left: options.budget.files,
            scopes: 0,
        }
    }

    pub(super) fn scope(&mut self, paths: Paths, env: Env, included: Vec<RelPath>) -> Scope {
        self.scopes += 1;
        Scope { id: self.scopes, paths, env, included }
    }

    /// Reads a text file of the tree.
    pub(super) fn text(&mut self, path: &RelPath) -> Result<String, ComposeError> {
        self.files_left = self
            .files_left
            .checked_sub(1)
            .ok_or_else(|| ComposeError::new(ErrorKind::Budget { what: "files", limit: self.options.budget.files }))?;
        let content = self.files.read(path, self.options.budget.bytes as u64).map_err(ErrorKind::from)?;
        if !self.read.contains(path) {
            self.read.push(path.clone());
        }
        String::from_utf8(content).map_err(|_| {
            let place = Place { file: path.as_str().into(), line: 1, column: 1 };
            ComposeError::new(ErrorKind::Yaml("the file is not UTF-8 text".to_owned())).at(&place)
        })
    }

    /// Reads and parses a compose file.
    pub(super) fn documents(&mut self, path: &RelPath) -> Result<Vec<YamlDocument>, ComposeError> {
        let text = self.text(path)?;
        let documents = yaml::parse(&text, path.as_str(), &self.options.budget)?;
        for document in &documents {
            self.spend_nodes(&document.root)?;
        }
        Ok(documents)
    }

    /// Counts a tree that was made.
    pub(super) fn spend_nodes(&mut self, node: &Node) -> Result<(), ComposeError> {
        self.nodes_left = self.nodes_left.checked_sub(count(node)).ok_or_else(|| {
            let limit = self.options.budget.nodes.saturating_mul(4);
            ComposeError::new(ErrorKind::Budget { what: "nodes in all its files", limit }).at(&node.place)
        })?;
        Ok(())
    }

    /// Where a path of a document leads in the tree, to read it.
    pub(super) fn readable(&self, scope: &Scope, path: &str) -> Result<RelPath, ComposeError> {
        let remote = crate::paths::is_remote(path) || path.contains("://");
        if remote {
            return Err(ComposeError::new(ErrorKind::Remote(path.to_owned())));
        }
        match scope.paths.locate(&scope.paths.absolute(path)) {
            Location::Tree(path) => Ok(path),
            Location::Outside(path) => Err(ComposeError::new(ErrorKind::LeavesTree(path))),
        }
    }

    pub(super) fn interpolate(&mut self, root: &mut Node, env: &Env) -> Result<(), ComposeError> {
        let unset = &mut self.unset;
        let variables = |name: &str| env.get(name).cloned();
        interpolate::interpolate(root, &variables, &self.allowance, &mut |name| {
            unset.insert(name.to_owned());
        })
    }

    /// Merges compose files into one document with defaults and absolute paths.
    pub(super) fn model(
        &mut self,
        sources: Vec<(RelPath, Vec<YamlDocument>)>,
        scope: &Scope,
    ) -> Result<Node, ComposeErrors> {
        let mut merged: Option<Node> = None;
        for (path, documents) in sources {
            for document in documents {
                merged = Some(self.one_document(merged, document, &path, scope)?);
            }
        }
        let mut root = merged.ok_or_else(|| ComposeError::new(ErrorKind::Empty))?;
        defaults::fill(&mut root);
        let mut errors = Vec::new();
        defaults::check(&root, &mut errors);
        ComposeErrors::from_vec(errors)?;
        scope.paths.resolve(&mut root)?;
        normalize::take_environment(&mut root, &|name: &str| scope.env.get(name).cloned());
        Ok(root)
    }

    fn one_document(
        &mut self,
        merged: Option<Node>,
        document: YamlDocument,
        path: &RelPath,
        scope: &Scope,
    ) -> Result<Node, ComposeErrors> {
        let YamlDocument { mut root, resets } = document;
        if root.as_map().is_none() {
            return Err(ComposeError::new(ErrorKind::NotAMapping).at(&root.place).into());
        }
        self.interpolate(&mut root, &scope.env)?;
        self.apply_extends(&mut root, &resets, path, scope)?;
        let mut base = merged.unwrap_or_else(|| Node::new(root.place.clone(), Value::Map(Mapping::new())));
        merge::reset(&mut base, &resets);
        self.apply_include(&mut root, path, scope)?;
        let top = TreePath::default();
        let mut root = merge::merge(base, root, &top)?;
        unique::enforce(&mut root, &top)?;
        let mut errors = Vec::new();
        schema::check(&root, &mut errors);
        ComposeErrors::from_vec(errors)?;
        if let Some(map) = root.as_map_mut() {
            map.shift_remove("version");
        }
        lengthen(&mut root, self.options.budget.nodes)?;
        Ok(root)
    }
}

/// Long forms, and what long forms reveal: two ranges of ports that overlap, empty name servers.
pub(super) fn lengthen(root: &mut Node, limit: usize) -> Result<(), ComposeError> {
    long_form::lengthen(root, limit)?;
    for (_, service) in defaults::section_mut(root, "services") {
        if let Some(Node { value: Value::Seq(servers), .. }) = service.as_map_mut().and_then(|map| map.get_mut("dns")) {
            servers.retain(|server| !server.is_null() && server.as_str() != Some(""));
        }
    }
    unique::enforce(root, &TreePath::default())
}

/// The number of values in a tree.
fn count(node: &Node) -> usize {
    match &node.value {
        Value::Seq(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}
