//! `include`: other compose projects taken into this one, each with its own folder and environment.

use super::model::{Loader, Scope};
use crate::document::{Mapping, Node, Value};
use crate::error::{ComposeError, ComposeErrors, ErrorKind};
use crate::files::{Kind, ReadError, RelPath};
use crate::project::Location;

/// Sections that are taken over.
const SECTIONS: [&str; 6] = ["services", "volumes", "networks", "secrets", "configs", "models"];

/// One entry of the list.
struct Entry {
    paths: Vec<String>,
    project_directory: Option<String>,
    env_files: Vec<String>,
}

impl Loader<'_> {
    /// Takes what a document includes into it, and the list out of it.
    pub(super) fn apply_include(
        &mut self,
        root: &mut Node,
        file: &RelPath,
        scope: &Scope,
    ) -> Result<(), ComposeErrors> {
        let Some(include) = root.as_map_mut().and_then(|map| map.shift_remove("include")) else { return Ok(()) };
        if include.is_null() {
            return Ok(());
        }
        let Some(items) = include.as_seq() else {
            let kind = ErrorKind::Invalid("include must be a list".to_owned());
            return Err(ComposeError::new(kind).at(&include.place).on("include").into());
        };
        for (index, item) in items.iter().enumerate() {
            let on = format!("include[{index}]");
            let entry = entry(item).map_err(|error| error.at(&item.place).on(&on))?;
            match self.include(&entry, file, scope) {
                Ok(imported) => import(root, imported).map_err(|error| error.at(&item.place).on(&on))?,
                Err(errors) if errors.as_slice().iter().all(ComposeError::can_wait) => {
                    let errors = errors.as_slice().iter().cloned();
                    self.deferred.extend(errors.map(|error| error.at(&item.place).on(&on)));
                }
                Err(errors) => {
                    let errors = errors.as_slice().iter().cloned().map(|error| error.at(&item.place).on(&on)).collect();
                    ComposeErrors::from_vec(errors)?;
                }
            }
        }
        Ok(())
    }

    fn include(&mut self, entry: &Entry, file: &RelPath, scope: &Scope) -> Result<Node, ComposeErrors> {
        let mut included = scope.included.clone();
        included.push(file.clone());
        let mut sources = Vec::new();
        for (index, text) in entry.paths.iter().enumerate() {
            let path = self.readable(scope, text)?;
            if index == 0 && included.contains(&path) {
                let mut way: Vec<String> = included.iter().map(ToString::to_string).collect();
                way.push(path.to_string());
                return Err(ComposeError::new(ErrorKind::IncludeCycle(way.join(" includes "))).into());
            }
            let documents = self.documents(&path)?;
            sources.push((path, documents));
        }
        let Some((main, _)) = sources.first() else {
            return Err(ComposeError::new(ErrorKind::Invalid("an include needs a path".to_owned())).into());
        };
        let folder = match &entry.project_directory {
            None => main.parent(),
            Some(folder) => self.readable(scope, folder)?,
        };
        let env_files = self.env_files(entry, &folder, scope)?;
        let mut env = scope.env.clone();
        let mut own = crate::dotenv::Env::new();
        for path in env_files {
            self.read_env(&path, &mut own, &|name: &str| scope.env.get(name).cloned())?;
        }
        for (name, value) in own {
            env.entry(name).or_insert(value);
        }
        let paths = scope.paths.in_tree(&folder);
        let scope = self.scope(paths, env, included);
        self.model(sources, &scope)
    }

    /// The environment files of an include: those that it names, or the `.env` of its folder.
    fn env_files(&self, entry: &Entry, folder: &RelPath, scope: &Scope) -> Result<Vec<RelPath>, ComposeError> {
        if entry.env_files.is_empty() {
            let own = folder.join(".env").map_err(|_| ErrorKind::LeavesTree(".env".to_owned()))?;
            return Ok(match self.files.kind(&own) {
                Ok(Kind::File) => vec![own],
                _ => Vec::new(),
            });
        }
        entry
            .env_files
            .iter()
            .map(|text| match scope.paths.locate(&scope.paths.absolute(text)) {
                Location::Outside(path) => Err(ComposeError::new(ErrorKind::LeavesTree(path))),
                Location::Tree(path) => match self.files.kind(&path) {
                    Ok(Kind::File) => Ok(path),
                    Ok(Kind::Symlink) => Err(ComposeError::new(ReadError::Symlink(path).into())),
                    Ok(_) => Err(ComposeError::new(ReadError::WrongKind(path).into())),
                    Err(error) => Err(ComposeError::new(error.into())),
                },
            })
            .collect()
    }
}

fn entry(item: &Node) -> Result<Entry, ComposeError> {
    let invalid = |message: &str| ComposeError::new(ErrorKind::Invalid(message.to_owned()));
    let texts = |key: &str| -> Result<Vec<String>, ComposeError> {
        let wrong = || invalid(&format!("{key} must be a string or a list of strings"));
        match item.get(key).map(|node| &node.value) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Seq(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    };
    match &item.value {
        Value::String(path) => Ok(Entry { paths: vec![path.clone()], project_directory: None, env_files: Vec::new() }),
        Value::Map(map) => {
            if let Some(unknown) =
                map.keys().find(|key| !matches!(key.as_str(), "path" | "project_directory" | "env_file"))
            {
                return Err(ComposeError::new(ErrorKind::UnknownProperty(unknown.clone())));
            }
            let project_directory = texts("project_directory")?.into_iter().next().filter(|text| !text.is_empty());
            Ok(Entry { paths: texts("path")?, project_directory, env_files: texts("env_file")? })
        }
        _ => Err(invalid("an include must be a string or a mapping")),
    }
}

/// Takes the resources of an included document over. What both define must be the same.
fn import(target: &mut Node, source: Node) -> Result<(), ComposeError> {
    let Value::Map(mut source) = source.value else { return Ok(()) };
    for section in SECTIONS {
        let Some(Node { place, value: Value::Map(resources) }) = source.shift_remove(section) else { continue };
        let Some(target) = target.as_map_mut() else { return Ok(()) };
        let known =
            target.entry(section.to_owned()).or_insert_with(|| Node::new(place.clone(), Value::Map(Mapping::new())));
        if known.is_null() {
            known.value = Value::Map(Mapping::new());
        }
        let Some(known) = known.as_map_mut() else { continue };
        for (name, resource) in resources {
            match known.get(&name) {
                Some(other) if *other == resource => {}
                Some(_) => return Err(ComposeError::new(ErrorKind::Conflict(format!("{section}.{name}")))),
                None => {
                    known.insert(name, resource);
                }
            }
        }
    }
    Ok(())
}
