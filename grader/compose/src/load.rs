//! The way from a tree of files to a project and what the policy says of it.

mod environment;
mod extends;
mod include;
mod model;

pub(crate) use environment::variables;

use indexmap::IndexMap;

use crate::document::{Document, Node, Place};
use crate::dotenv::Env;
use crate::error::{ComposeError, ComposeErrors, ErrorKind};
use crate::files::{ProjectFiles, RelPath};
use crate::paths::Paths;
use crate::policy::{Refusal, Rewrite};
use crate::project::Project;
use crate::template::substitute;
use crate::yaml::YamlDocument;
use crate::{consistency, find, interpolate, normalize, normalized};
use model::Loader;

/// Bytes that interpolation and environment files may make, over all texts of a project.
pub(crate) const MADE_BYTES: usize = 4 * 1024 * 1024;

/// How a project is loaded.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The project's name, in place of the document's `name` and of the folder's.
    pub project_name: Option<String>,
    /// The name if neither the caller nor the document gives one: that of the submission's folder.
    pub fallback_name: String,
    /// The compose files to merge, in order, in place of those found.
    pub files: Vec<RelPath>,
    /// Profiles that are enabled.
    pub profiles: Vec<String>,
    /// Variables that go before those of `.env`. `HOME` among them is what `~`
    /// stands for. A grading run passes none: a submission sees nothing of the grader's.
    pub environment: IndexMap<String, String>,
    /// Whether `.env.example` and such stand in for a missing `.env`.
    pub take_env_examples: bool,
    /// How the root of the tree is shown in a printed model; paths outside are resolved against it too.
    pub shown_root: String,
    /// Upper limits of what is read.
    pub budget: Budget,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            project_name: None,
            fallback_name: "submission".to_owned(),
            files: Vec::new(),
            profiles: Vec::new(),
            environment: IndexMap::new(),
            take_env_examples: true,
            shown_root: "/submission".to_owned(),
            budget: Budget::default(),
        }
    }
}

/// Upper limits of what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of one file.
    pub bytes: usize,
    /// Nodes of one document after aliases and merge keys are expanded.
    pub nodes: usize,
    /// Nesting.
    pub depth: usize,
    /// Files read in total: overrides, includes, extended files, environment files.
    pub files: usize,
}

impl Default for Budget {
    /// 256 KiB, 10,000 nodes, 64 levels, 64 files.
    fn default() -> Self {
        Self { bytes: 256 * 1024, nodes: 10_000, depth: 64, files: 64 }
    }
}

/// A project that could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The plan: the project with the policy's rewrites applied. Start it only if `refusals` is empty.
    pub project: Project,
    /// The merged document: what the project was before the policy.
    pub document: Document,
    /// The compose file that was found (the first, if several were merged).
    pub file: RelPath,
    /// Its folder: where relative paths begin.
    pub directory: RelPath,
    /// All files that took part, in the order they were read.
    pub files: Vec<RelPath>,
    /// Missing environment files, each with the example beside it that took its place. Whoever follows a README copies
    /// it, so that builds and mounts see the file as well.
    pub examples: Vec<(RelPath, RelPath)>,
    /// What a reader should know.
    pub notes: Vec<Note>,
    /// What the policy refuses.
    pub refusals: Vec<Refusal>,
    /// What the policy rewrites.
    pub rewrites: Vec<Rewrite>,
}

/// Something that a reader of the report should know about how the project was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Note {
    /// Stable identifier, `env.example_taken` for example.
    pub code: &'static str,
    /// Where, if it has a place.
    pub place: Option<Place>,
    /// One sentence.
    pub sentence: String,
}

/// Reads a submission's compose project and applies the policy to it.
///
/// # Errors
/// Everything that stops it from being read; [`ComposeErrors::blame`] tells whose fault it is.
pub fn load(files: &dyn ProjectFiles, options: &LoadOptions) -> Result<Loaded, ComposeErrors> {
    let merged = read(files, options)?;
    let project = crate::project::read(&merged)?;
    let document = Document { root: merged.root };
    let outcome = crate::policy::apply(project, &document, &merged.deferred, &merged.paths, files);
    Ok(Loaded {
        project: outcome.plan,
        document,
        directory: merged.main.parent(),
        file: merged.main,
        files: merged.files,
        examples: merged.examples,
        notes: merged.notes,
        refusals: outcome.refusals,
        rewrites: outcome.rewrites,
    })
}

/// A project as the reference prints it, without the policy's say.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// What `config --format json` prints.
    pub model: serde_json::Value,
    /// What a reader should know.
    pub notes: Vec<Note>,
    /// What the model lacks, for it lies outside the tree or elsewhere.
    pub skipped: Vec<ComposeError>,
}

/// Reads a compose project and prints it as the reference does.
///
/// # Errors
/// Everything that stops it from being read.
pub fn config(files: &dyn ProjectFiles, options: &LoadOptions) -> Result<Config, ComposeErrors> {
    let merged = read(files, options)?;
    let document = Document { root: merged.root };
    match normalized::render(&document) {
        Ok(model) => Ok(Config { model, notes: merged.notes, skipped: merged.deferred }),
        Err(errors) => Err(ComposeErrors::non_empty(errors)),
    }
}

/// A project that was read, before it is typed.
pub(crate) struct Merged {
    pub(crate) name: String,
    pub(crate) root: Node,
    pub(crate) main: RelPath,
    pub(crate) files: Vec<RelPath>,
    pub(crate) paths: Paths,
    pub(crate) env: Env,
    pub(crate) examples: Vec<(RelPath, RelPath)>,
    pub(crate) notes: Vec<Note>,
    /// What only the policy refuses, found while reading.
    pub(crate) deferred: Vec<ComposeError>,
}

fn read(files: &dyn ProjectFiles, options: &LoadOptions) -> Result<Merged, ComposeErrors> {
    let mut loader = Loader::new(files, options);
    let result = read_with(&mut loader, options);
    // What follows from something that was left out would only hide why it was left out.
    if result.is_err() && !loader.deferred.is_empty() {
        ComposeErrors::from_vec(std::mem::take(&mut loader.deferred))?;
    }
    let mut merged = result?;
    for name in &loader.unset {
        let sentence = format!("The variable {name} is not set; it was read as empty.");
        loader.notes.push(Note { code: "env.unset", place: None, sentence });
    }
    merged.notes = loader.notes;
    merged.examples = loader.examples;
    merged.deferred = loader.deferred;
    merged.files = loader.read;
    Ok(merged)
}

fn read_with(loader: &mut Loader<'_>, options: &LoadOptions) -> Result<Merged, ComposeErrors> {
    let paths =
        if options.files.is_empty() { find::find(loader.files, &mut loader.notes)? } else { options.files.clone() };
    let Some(main) = paths.first().cloned() else { return Err(ComposeError::new(ErrorKind::Empty).into()) };
    let folder = main.parent();
    let mut env = loader.project_env(&folder)?;
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let documents = loader.documents(&path)?;
        sources.push((path, documents));
    }
    let name = project_name(loader, options, &sources, &env)?;
    env.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
    let home = options.environment.get("HOME").cloned();
    let paths = Paths::new(&options.shown_root, &folder, home);
    // A shell sets it to the folder that the project is started in.
    env.entry("PWD".to_owned()).or_insert_with(|| paths.absolute("."));
    let scope = loader.scope(paths.clone(), env.clone(), Vec::new());
    let mut root = loader.model(sources, &scope)?;
    if root.as_map().is_none_or(IndexMap::is_empty) {
        return Err(ComposeError::new(ErrorKind::Empty).into());
    }
    normalize::normalize(&mut root, &name, &|name: &str| env.get(name).cloned());
    // Printing reads every value, those of disabled services too, as the reference does at this point.
    let document = Document { root };
    if let Err(errors) = normalized::render(&document) {
        ComposeErrors::from_vec(errors)?;
    }
    let Document { mut root } = document;
    let disabled = consistency::leave_out_disabled(&mut root, &options.profiles);
    let mut errors = Vec::new();
    consistency::check(&root, &disabled, &mut errors);
    ComposeErrors::from_vec(errors)?;
    if !disabled.is_empty() {
        let sentence = format!("Left out, for their profiles are not enabled: {}.", disabled.join(", "));
        loader.notes.push(Note { code: "profiles.left_out", place: None, sentence });
    }
    consistency::leave_out_unused(&mut root);
    let errors = loader.resolve_services(&mut root, &paths, &env);
    ComposeErrors::from_vec(errors)?;
    Ok(Merged {
        name,
        root,
        main,
        files: Vec::new(),
        paths,
        env,
        examples: Vec::new(),
        notes: Vec::new(),
        deferred: Vec::new(),
    })
}

/// The name that the caller, the documents (the last one that has it) or the folder gives.
fn project_name(
    loader: &mut Loader<'_>,
    options: &LoadOptions,
    sources: &[(RelPath, Vec<YamlDocument>)],
    env: &Env,
) -> Result<String, ComposeErrors> {
    if let Some(name) = &options.project_name {
        if normal_name(name) != *name || name.is_empty() {
            return Err(ComposeError::new(ErrorKind::ProjectName(name.clone())).into());
        }
        return Ok(name.clone());
    }
    let documents = sources.iter().flat_map(|(_, documents)| documents);
    let mut named = documents.filter_map(|document| document.root.get("name")).filter(|name| name.as_str() != Some(""));
    if let Some(node) = named.next_back()
        && let Some(text) = node.as_str()
    {
        let lookup = |name: &str| env.get(name).cloned();
        let name = substitute(text, &lookup, &loader.allowance, &mut |_| {})
            .map_err(|error| interpolate::template_error(error, text).at(&node.place).on("name"))?;
        let name = normal_name(&name);
        if !name.is_empty() {
            return Ok(name);
        }
    }
    let name = normal_name(&options.fallback_name);
    if name.is_empty() {
        return Err(ComposeError::new(ErrorKind::ProjectName(options.fallback_name.clone())).into());
    }
    Ok(name)
}

/// Lower-case letters, digits, `-` and `_` of a text, from the first letter or digit on.
fn normal_name(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || matches!(letter, '-' | '_'))
        .collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}
