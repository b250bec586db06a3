//! What grading and probing read before they start: the spec, the bindings file.

use std::path::{Path, PathBuf};

use grader_spec::{LoadedSpec, SpecError, load_named};
use harness_kit::bind::Overrides;

use crate::output::complain;

/// Loads the spec, or says what is wrong with it.
pub(crate) fn spec(name: &str) -> Option<LoadedSpec> {
    match load_named(name) {
        Ok(spec) => Some(spec),
        Err(SpecError::Mistaken { origin, mistakes }) => {
            for mistake in &mistakes {
                eprintln!("{origin}:{mistake}");
            }
            None
        }
        Err(error) => {
            complain(&error, "`grader spec list` lists the built-in assessments");
            None
        }
    }
}

/// Loads the bindings file, or says what is wrong with it.
pub(crate) fn bindings(path: Option<&Path>) -> Option<Overrides> {
    let Some(path) = path else { return Some(Overrides::default()) };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("grader: cannot read the bindings file {}: {error}", path.display());
            return None;
        }
    };
    let overrides: Overrides = match serde_yaml::from_str(&text) {
        Ok(overrides) => overrides,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            return None;
        }
    };
    if let Err(error) = overrides.carrier() {
        eprintln!("{}: session: {error}", path.display());
        return None;
    }
    Some(overrides)
}

/// Where journals are kept between runs: `$XDG_STATE_HOME/grader`, else below the home folder, else the temporary one.
pub(crate) fn state_folder() -> PathBuf {
    let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("XDG_STATE_HOME")
        .or_else(|| named("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(std::env::temp_dir)
        .join("grader")
}
