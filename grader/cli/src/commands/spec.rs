//! `grader spec list|check|brief|schema|new`.

use grader_spec::{BUILT_IN, SpecError, load_bank};

use super::setup;
use crate::args::SpecCommand;
use crate::exit::Exit;
use crate::output::complain;

pub(crate) fn run(command: SpecCommand) -> Exit {
    match command {
        SpecCommand::List => {
            for (name, _) in BUILT_IN {
                if let Some(loaded) = setup::spec(name) {
                    println!("{name:<20} {} {}", loaded.spec.version, loaded.spec.title);
                }
            }
            Exit::Graded
        }
        SpecCommand::Check { file } if is_bank(&file) => questions(&file),
        SpecCommand::Check { file } => match setup::spec(&file) {
            Some(loaded) => {
                println!(
                    "{}: {} probes under {} criteria, no mistakes",
                    loaded.origin,
                    loaded.spec.probes().count(),
                    loaded.spec.criteria.len()
                );
                Exit::Graded
            }
            None => Exit::Usage,
        },
        SpecCommand::Brief { name } => match setup::spec(&name) {
            Some(loaded) => {
                println!("{}", loaded.spec.brief.trim_end());
                Exit::Graded
            }
            None => Exit::Usage,
        },
        SpecCommand::New { name } => new(&name),
        SpecCommand::Schema => {
            println!("{}", grader_spec::spec_schema());
            Exit::Graded
        }
    }
}

/// Writes `NAME.yaml` into the current folder, where there is none yet.
fn new(name: &str) -> Exit {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        eprintln!("grader: `{name}` is no id\n  hint: lower-case letters, digits and hyphens");
        return Exit::Usage;
    }
    let file = format!("{name}.yaml");
    let text = grader_spec::starting_point(name);
    let written =
        std::fs::File::create_new(&file).and_then(|mut out| std::io::Write::write_all(&mut out, text.as_bytes()));
    match written {
        Ok(()) => {
            println!("{file} is a starting point: read its comments, then `grader spec check {file}`");
            Exit::Graded
        }
        Err(error) => {
            eprintln!("grader: cannot write `{file}`: {error}\n  hint: choose another name or folder");
            Exit::Usage
        }
    }
}

/// Whether a file says of itself that it is a bank of questions.
fn is_bank(file: &str) -> bool {
    std::fs::read_to_string(file)
        .is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with("schema: grader.questions/")))
}

fn questions(file: &str) -> Exit {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    match load_bank(file, &text) {
        Ok(bank) => {
            println!("{file}: {} questions, no mistakes", bank.questions.len());
            Exit::Graded
        }
        Err(SpecError::Mistaken { origin, mistakes }) => {
            mistakes.iter().for_each(|mistake| eprintln!("{origin}:{mistake}"));
            Exit::Usage
        }
        Err(error) => {
            complain(&error, "");
            Exit::Usage
        }
    }
}
