//! `grader compose config PATH`: the normalized project, as the reference implementation prints it.

use std::path::Path;

use grader_compose::error::Blame;
use grader_compose::{DirectoryFiles, LoadOptions, RelPath, load, normalized};

use crate::args::ComposeCommand;
use crate::exit::Exit;

pub(crate) fn run(command: &ComposeCommand) -> Exit {
    let ComposeCommand::Config { path, project_name, no_policy, .. } = command;
    config(path, project_name.as_deref(), *no_policy)
}

fn config(path: &Path, project_name: Option<&str>, no_policy: bool) -> Exit {
    let absolute = match path.canonicalize() {
        Ok(absolute) => absolute,
        Err(error) => {
            eprintln!("grader: {}: {error}", path.display());
            return Exit::Usage;
        }
    };
    let (root, file) = if absolute.is_dir() {
        (absolute.as_path(), None)
    } else {
        let name = absolute.file_name().and_then(|name| name.to_str());
        (absolute.parent().unwrap_or(Path::new("/")), name)
    };
    let mut options = LoadOptions {
        project_name: project_name.map(str::to_owned),
        take_env_examples: !no_policy,
        shown_root: root.display().to_string(),
        ..LoadOptions::default()
    };
    if let Some(name) = root.file_name().and_then(|name| name.to_str()) {
        name.clone_into(&mut options.fallback_name);
    }
    match file.map(RelPath::parse) {
        Some(Ok(file)) => options.files = vec![file],
        Some(Err(error)) => {
            eprintln!("grader: {}: {error}", path.display());
            return Exit::Usage;
        }
        None => {}
    }
    let loaded = match load(&DirectoryFiles::new(root), &options) {
        Ok(loaded) => loaded,
        Err(errors) => {
            for error in errors.as_slice() {
                eprintln!("grader: {error}");
                if let Some(hint) = &error.hint {
                    eprintln!("  hint: {hint}");
                }
            }
            return match errors.blame() {
                Blame::ReferenceRefuses => Exit::DoesNotStart,
                Blame::PolicyRefuses => Exit::Refused,
                Blame::Machine => Exit::NotGraded,
            };
        }
    };
    for note in &loaded.notes {
        let place = note.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
        eprintln!("note: {place}{}", note.sentence);
    }
    if !no_policy && !loaded.refusals.is_empty() {
        for refusal in &loaded.refusals {
            eprintln!("refused: {}: {}: {} [{}]", refusal.place, refusal.path, refusal.sentence, refusal.rule.as_str());
        }
        return Exit::Refused;
    }
    match normalized::render(&loaded.document) {
        Ok(model) => {
            println!("{model:#}");
            Exit::Graded
        }
        Err(errors) => {
            for error in errors {
                eprintln!("grader: {error}");
            }
            Exit::DoesNotStart
        }
    }
}
