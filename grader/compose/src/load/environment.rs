//! The submission's own environment: its `.env`, and the `env_file` and `label_file` of its services.
//!
//! # Security
//! Nothing of the grader's environment gets in. Variables that steer compose, the engine or the builder are left out of
//! `.env`, and said.

use super::Note;
use super::model::Loader;
use crate::defaults::{items, section_mut};
use crate::document::{Mapping, Node, Place, Value};
use crate::dotenv::{self, Env};
use crate::error::{ComposeError, ErrorKind};
use crate::files::{Kind, ReadError, RelPath};
use crate::paths::Paths;
use crate::project::Location;
use crate::template::Variables;

/// What stands beside a missing `.env` to be copied, most usual first.
const EXAMPLES: [&str; 4] = [".example", ".sample", ".template", ".dist"];

impl Loader<'_> {
    /// The variables of the project: those of the options, then those of `.env` in the project's folder.
    pub(super) fn project_env(&mut self, folder: &RelPath) -> Result<Env, ComposeError> {
        let options = self.options.environment.clone();
        let mut env = Env::new();
        let path = folder.join(".env").map_err(|_| ErrorKind::LeavesTree(".env".to_owned()))?;
        if let Some(path) = self.or_example(&path) {
            match self.files.kind(&path) {
                Ok(Kind::File) => self.read_env(&path, &mut env, &|name: &str| options.get(name).cloned())?,
                Ok(Kind::Symlink) | Err(ReadError::Symlink(_)) => {
                    let sentence = format!("{path} is a symbolic link; it was not followed.");
                    self.notes.push(Note { code: "env.symlink", place: None, sentence });
                }
                Ok(Kind::Directory | Kind::Other) | Err(ReadError::NotFound(_)) => {}
                Err(error) => return Err(ComposeError::new(error.into())),
            }
        }
        let steering: Vec<String> = env.keys().filter(|name| steers(name)).cloned().collect();
        for name in steering {
            env.shift_remove(&name);
            let sentence = format!("{name} in {path} steers compose or the engine; it was ignored.");
            self.notes.push(Note { code: "env.steering_ignored", place: None, sentence });
        }
        for (name, value) in options {
            env.insert(name, value);
        }
        Ok(env)
    }

    /// The file, or the example beside it if it is missing.
    fn or_example(&mut self, path: &RelPath) -> Option<RelPath> {
        if !self.options.take_env_examples || !matches!(self.files.kind(path), Err(ReadError::NotFound(_))) {
            return Some(path.clone());
        }
        let beside = |ending: &str| path.parent().join(&format!("{}{ending}", path.file_name()?)).ok();
        let example =
            EXAMPLES.iter().filter_map(|ending| beside(ending)).find(|other| self.files.kind(other) == Ok(Kind::File));
        if let Some(example) = &example
            && !self.examples.iter().any(|(missing, _)| missing == path)
        {
            let sentence = format!("{path} is missing; {example} beside it was taken in its place.");
            self.notes.push(Note { code: "env.example_taken", place: None, sentence });
            self.examples.push((path.clone(), example.clone()));
        }
        example
    }

    /// Reads an environment file into `env`.
    pub(super) fn read_env(
        &mut self,
        path: &RelPath,
        env: &mut Env,
        outer: &dyn Variables,
    ) -> Result<(), ComposeError> {
        let text = self.env_text(path)?;
        dotenv::read(&text, env, outer, &self.allowance).map_err(|error| {
            let place = Place { file: path.as_str().into(), line: error.line, column: 1 };
            ComposeError::new(ErrorKind::EnvFile { file: path.clone(), message: error.message }).at(&place)
        })
    }

    fn env_text(&mut self, path: &RelPath) -> Result<String, ComposeError> {
        let content = self.files.read(path, self.options.budget.bytes as u64).map_err(ErrorKind::from)?;
        // A file may be read for each service: what it makes is counted each time.
        if self.allowance.spend(content.len()).is_err() {
            let limit = super::MADE_BYTES;
            return Err(ErrorKind::Budget { what: "bytes of environment files", limit }.into());
        }
        if !self.read.contains(path) {
            self.read.push(path.clone());
        }
        // Bytes that are no text are kept by the reference; a container would see the same replacement anyway.
        Ok(String::from_utf8_lossy(&content).into_owned())
    }

    /// Merges the environment and label files of every service into it. All that is wrong is reported.
    pub(super) fn resolve_services(&mut self, root: &mut Node, paths: &Paths, env: &Env) -> Vec<ComposeError> {
        let mut errors = Vec::new();
        for (name, service) in section_mut(root, "services") {
            for (attribute, resolved) in
                [("env_file", self.environment(service, paths, env)), ("label_file", self.labels(service, paths))]
            {
                match resolved {
                    Ok(()) => {}
                    Err(error) => {
                        let error = error.on(format!("services.{name}.{attribute}"));
                        if error.can_wait() {
                            self.deferred.push(error);
                        } else {
                            errors.push(error);
                        }
                    }
                }
            }
        }
        errors
    }

    fn environment(&mut self, service: &mut Node, paths: &Paths, env: &Env) -> Result<(), ComposeError> {
        let place = service.place.clone();
        let Some(map) = service.as_map_mut() else { return Ok(()) };
        let env_files = map.shift_remove("env_file");
        let declared = match map.shift_remove("environment") {
            Some(node) => variables(&node),
            None => Mapping::new(),
        };
        let own = |name: &str| declared.get(name).filter(|value| !value.is_null()).and_then(Node::scalar_text);
        let outer = |name: &str| env.get(name).cloned().or_else(|| own(name));
        let mut collected: Env = declared
            .keys()
            .filter_map(|name| Some((name.clone(), own(name).or_else(|| env.get(name).cloned())?)))
            .collect();
        let mut result = Ok(());
        for (_, file) in items(env_files.as_ref()) {
            let read = self.env_file(file, paths, &mut collected, &outer);
            if let Err(error) = read {
                result = result.and(Err(error.at(&file.place)));
            }
        }
        let mut merged = Mapping::new();
        for (name, value) in collected {
            merged.insert(name, Node::string(&place, value));
        }
        for (name, mut value) in declared {
            if value.is_null()
                && let Some(known) = env.get(&name)
            {
                value.value = Value::String(known.clone());
            }
            merged.insert(name, value);
        }
        if !merged.is_empty() {
            map.insert("environment".to_owned(), Node::new(place, Value::Map(merged)));
        }
        result
    }

    fn env_file(
        &mut self,
        file: &Node,
        paths: &Paths,
        collected: &mut Env,
        outer: &dyn Variables,
    ) -> Result<(), ComposeError> {
        let Some(text) = file.get("path").and_then(Node::as_str) else { return Ok(()) };
        let required = file.get("required").is_none_or(|required| required.scalar_text().as_deref() != Some("false"));
        let path = match paths.locate(text) {
            Location::Tree(path) => path,
            Location::Outside(path) => return Err(ErrorKind::LeavesTree(path).into()),
        };
        let Some(path) = self.or_example(&path).or_else(|| required.then_some(path)) else { return Ok(()) };
        let missing = matches!(self.files.kind(&path), Err(ReadError::NotFound(_)));
        if missing && !required {
            return Ok(());
        }
        match file.get("format").and_then(Node::as_str) {
            None | Some("" | ".env") => self.read_env(&path, collected, outer),
            Some("raw") => {
                let text = self.env_text(&path)?;
                dotenv::read_raw(&text, collected, outer);
                Ok(())
            }
            Some(other) => {
                Err(ErrorKind::Invalid(format!("unsupported format `{other}` of an environment file")).into())
            }
        }
        .map_err(|error| {
            if missing { error.hint("commit it, or an example beside it that can be copied") } else { error }
        })
    }

    fn labels(&mut self, service: &mut Node, paths: &Paths) -> Result<(), ComposeError> {
        let place = service.place.clone();
        let Some(map) = service.as_map_mut() else { return Ok(()) };
        let Some(files) = map.shift_remove("label_file") else { return Ok(()) };
        let mut collected = Env::new();
        for (_, file) in items(Some(&files)) {
            let Some(text) = file.as_str() else { continue };
            match paths.locate(text) {
                Location::Tree(path) => self.read_env(&path, &mut collected, &|_: &str| None),
                Location::Outside(path) => Err(ErrorKind::LeavesTree(path).into()),
            }
            .map_err(|error: ComposeError| error.at(&file.place))?;
        }
        let mut merged: Mapping =
            collected.into_iter().map(|(name, value)| (name, Node::string(&place, value))).collect();
        if let Some(own) = map.shift_remove("labels") {
            merged.extend(variables(&own));
        }
        map.insert("labels".to_owned(), Node::new(place, Value::Map(merged)));
        Ok(())
    }
}

/// Whether a variable would steer compose, the engine or the builder.
fn steers(name: &str) -> bool {
    ["COMPOSE_", "DOCKER_", "BUILDKIT_"].iter().any(|prefix| name.starts_with(prefix))
}

/// A mapping or a list of `KEY=VALUE` as a mapping.
pub(crate) fn variables(node: &Node) -> Mapping {
    match &node.value {
        Value::Map(map) => map.clone(),
        Value::Seq(items) => items
            .iter()
            .filter_map(|item| {
                let text = item.scalar_text()?;
                Some(match text.split_once('=') {
                    Some((key, value)) => (key.to_owned(), Node::string(&item.place, value)),
                    None => (text, Node::new(item.place.clone(), Value::Null)),
                })
            })
            .collect(),
        _ => Mapping::new(),
    }
}
