//! From a snapshot to a stack plan: the compose file found and read, the policy's word, and whose fault it is where there
//! is none.

use std::collections::BTreeMap;

use grader_compose::error::Blame;
use grader_compose::{ComposeErrors, LoadOptions, Loaded, MemoryFiles, RelPath, load};
use grader_model::{Fault, FaultSide, FileKind, Note, NoteKind, Rewrite, Snapshot, Stage};
use grader_sandbox::{ImageAllowList, SandboxError, StackPlan};

/// What may be started, and what a reader should know of how it was read.
#[derive(Debug, Clone)]
pub struct Plan {
    pub loaded: Loaded,
    /// What builds and mounts see: the snapshot, with the examples that took the place of missing environment files.
    pub tree: Snapshot,
    pub notes: Vec<Note>,
    pub rewrites: Vec<Rewrite>,
}

/// Reads the compose file of a snapshot and holds it against the policy.
///
/// # Errors
/// The faults found, all at once, the first standing for them.
pub fn plan(snapshot: &Snapshot) -> Result<Plan, Box<Fault>> {
    let files = files(snapshot);
    let loaded = load(&files, &LoadOptions::default()).map_err(|errors| Box::new(unreadable(&errors)))?;
    if !loaded.refusals.is_empty() {
        let refusals = loaded.refusals.iter().map(|refusal| {
            Fault::new(FaultSide::Policy, Stage::Policy, refusal.rule.as_str(), refusal.sentence.clone())
                .at(format!("{}: {}", refusal.place, refusal.path))
                .hint("Grade a version of the compose file without it; a refusal costs no points.")
        });
        return Err(Box::new(together(refusals.collect())));
    }
    let notes = loaded
        .notes
        .iter()
        .map(|note| {
            let place = note.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
            Note::new(NoteKind::Submission, format!("{place}{}", note.sentence))
        })
        .collect();
    let rewrites = loaded
        .rewrites
        .iter()
        .map(|rewrite| Rewrite {
            path: rewrite.path.clone(),
            from: rewrite.from.clone(),
            to: rewrite.to.clone(),
            why: rewrite.why.clone(),
        })
        .collect();
    let tree = with_examples(snapshot, &loaded.examples);
    Ok(Plan { loaded, tree, notes, rewrites })
}

/// The snapshot with each example also under the name that it stands in for.
fn with_examples(snapshot: &Snapshot, examples: &[(RelPath, RelPath)]) -> Snapshot {
    let mut tree = snapshot.clone();
    for (missing, example) in examples {
        if let Some(entry) = snapshot.files.get(example.as_str()).cloned() {
            tree.files.entry(missing.to_string()).or_insert(entry);
        }
    }
    tree.files.sort_keys();
    tree
}

/// Holds a plan's images and Dockerfiles against what the sandbox runs and builds, before any engine is asked.
///
/// # Errors
/// The faults found, all at once, the first standing for them.
pub fn reviewed(plan: &Plan, snapshot: &Snapshot, images: &ImageAllowList) -> Result<(), Box<Fault>> {
    let found = grader_sandbox::review(StackPlan { project: &plan.loaded.project, files: snapshot }, images);
    match found.is_empty() {
        true => Ok(()),
        false => Err(Box::new(together(found.iter().map(SandboxError::fault).collect()))),
    }
}

/// The snapshot as compose reads it: regular files, and links as links.
fn files(snapshot: &Snapshot) -> MemoryFiles {
    let mut files = MemoryFiles::new();
    for (path, entry) in &snapshot.files {
        let Ok(path) = RelPath::parse(path) else { continue };
        files = match (&entry.kind, &entry.bytes) {
            (FileKind::File, Some(bytes)) => files.with(path, bytes.to_vec()),
            (FileKind::Symlink(_), _) => files.with_link(path),
            _ => files,
        };
    }
    files
}

fn unreadable(errors: &ComposeErrors) -> Fault {
    let faults = errors
        .as_slice()
        .iter()
        .map(|error| {
            let side = match error.blame() {
                Blame::ReferenceRefuses => FaultSide::Candidate,
                Blame::PolicyRefuses => FaultSide::Policy,
                Blame::Machine => FaultSide::Grader,
            };
            let stage = if side == FaultSide::Policy { Stage::Policy } else { Stage::Compose };
            let place = match (&error.place, error.path.as_str()) {
                (Some(place), "") => place.to_string(),
                (Some(place), path) => format!("{place}: {path}"),
                (None, path) => path.to_owned(),
            };
            let mut fault = Fault::new(side, stage, error.code(), error.kind.to_string()).at(place);
            if let Some(hint) = &error.hint {
                fault = fault.hint(hint.clone());
            }
            fault
        })
        .collect();
    together(faults)
}

/// One fault that stands for several: the most serious side decides, the others are listed with it.
fn together(mut faults: Vec<Fault>) -> Fault {
    let weight = |side: FaultSide| match side {
        FaultSide::Grader => 0,
        FaultSide::Policy => 1,
        FaultSide::Drift => 2,
        FaultSide::Candidate => 3,
    };
    faults.sort_by_key(|fault| weight(fault.side));
    let mut faults = faults.into_iter();
    let mut first = faults.next().unwrap_or_else(|| {
        Fault::new(
            FaultSide::Grader,
            Stage::Compose,
            "compose.unexplained",
            "the compose file was refused without a reason",
        )
    });
    first.also = faults.collect();
    first
}

/// What the compose file gives to each service.
pub fn environment(plan: &Plan) -> BTreeMap<String, BTreeMap<String, String>> {
    plan.loaded
        .project
        .services
        .iter()
        .map(|(name, service)| {
            let variables = service
                .environment
                .iter()
                .filter_map(|(variable, value)| Some((variable.clone(), value.clone()?)))
                .collect();
            (name.clone(), variables)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use grader_model::{FileEntry, FileKind};

    use super::*;

    fn file(text: &str) -> FileEntry {
        let bytes = text.as_bytes();
        FileEntry { kind: FileKind::File, size: bytes.len() as u64, bytes: Some(bytes.into()), executable: false }
    }

    #[test]
    fn builds_see_the_example_under_the_name_that_it_stands_in_for() {
        let mut snapshot = Snapshot::default();
        snapshot.files.insert(".env.example".to_owned(), file("PORT=3000"));
        snapshot.files.insert("compose.yaml".to_owned(), file("services: {api: {build: ., environment: ['.env']}}"));
        let plan = plan(&snapshot).expect("a plan");
        let bytes = |tree: &Snapshot| tree.files.get(".env").and_then(|entry| entry.bytes.clone());
        assert_eq!(bytes(&plan.tree).as_deref(), Some(b"PORT=3000".as_slice()));
        assert_eq!(bytes(&snapshot), None, "what the candidate handed in stays as it is");
    }
}
