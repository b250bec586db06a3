//! `grader doctor`: what is missing on this machine, and how to get it.

use std::path::Path;

use grader_sandbox::{ConnectOptions, Engine};

use super::setup;
use crate::exit::Exit;

/// One thing that was looked at.
struct Check {
    what: &'static str,
    /// What was found, or what is missing and how to get it.
    outcome: Result<String, (String, &'static str)>,
    /// Whether grading works without it.
    optional: bool,
}

pub(crate) async fn run() -> Exit {
    let mut checks = vec![engine().await];
    checks.push(program("git over ssh", "ssh", "install OpenSSH's client to clone from ssh:// and git@ addresses"));
    checks.push(writable("folder for journals", &setup::state_folder()));
    checks.push(writable("folder for clones", &std::env::temp_dir()));
    let mut sound = true;
    for check in &checks {
        match &check.outcome {
            Ok(found) => println!("ok       {}: {found}", check.what),
            Err((missing, how)) => {
                sound &= check.optional;
                let word = if check.optional { "optional" } else { "missing" };
                println!("{word:<8} {}: {missing}\n         {how}", check.what);
            }
        }
    }
    if sound { Exit::Graded } else { Exit::NotGraded }
}

async fn engine() -> Check {
    let outcome = match Engine::connect(ConnectOptions::default()).await {
        Ok(engine) => {
            let info = engine.info();
            Ok(format!(
                "{} at {} (API {}, {} processors, {} MiB, cgroup v{}, runtimes {})",
                info.version,
                info.address,
                info.api,
                info.processors,
                info.memory >> 20,
                info.cgroup_version,
                info.runtimes.join(", ")
            ))
        }
        Err(error) => Err((
            error.to_string(),
            "start the engine, set DOCKER_HOST to one that runs, or (on Debian, as root) run `cargo xtask setup`; \
             `grader probe URL` needs none",
        )),
    };
    Check { what: "container engine", outcome, optional: false }
}

fn program(what: &'static str, name: &str, how: &'static str) -> Check {
    let found = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file()));
    let outcome = match found {
        Some(path) => Ok(path.display().to_string()),
        None => Err((format!("`{name}` is not on the path"), how)),
    };
    Check { what, outcome, optional: true }
}

fn writable(what: &'static str, folder: &Path) -> Check {
    let tried = std::fs::create_dir_all(folder).and_then(|()| tempfile::NamedTempFile::new_in(folder));
    let outcome = match tried {
        Ok(_) => Ok(folder.display().to_string()),
        Err(error) => Err((
            format!("{} cannot be written: {error}", folder.display()),
            "set XDG_STATE_HOME or TMPDIR to a folder that can be written",
        )),
    };
    Check { what, outcome, optional: false }
}
