//! `grader spec list|check|brief|schema`.

use grader_spec::BUILT_IN;

use super::setup;
use crate::args::SpecCommand;
use crate::exit::Exit;

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
