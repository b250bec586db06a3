//! `grader spec list|check|brief|schema`.

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
        SpecCommand::Schema => {
            println!("{}", grader_spec::spec_schema());
            Exit::Graded
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
