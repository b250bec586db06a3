//! `cargo xtask bless`: lets tests rewrite their golden files, and shows what changed.

use std::process::Command;

use crate::build;
use crate::shell::{self, Result, say};

/// Which tests may rewrite their golden files.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this package's; may be given again
    #[arg(long, short)]
    package: Vec<String>,
    /// Only tests whose name contains this
    filter: Option<String>,
}

/// Runs the tests with golden files accepted as they come, then prints which files differ from the last commit.
///
/// # Errors
/// When a test fails for another reason than its golden file.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut test = build::cargo();
    // insta's own variable; tests with plain golden files read the second one.
    test.env("INSTA_UPDATE", "always").env("GRADER_BLESS", "1");
    test.arg("test").arg("--quiet");
    if args.package.is_empty() {
        test.arg("--workspace");
    }
    for package in &args.package {
        test.args(["--package", package]);
    }
    if let Some(filter) = &args.filter {
        test.arg(filter);
    }
    let tested = shell::run(&mut test);
    say("read this before you commit it:");
    shell::run(Command::new("git").current_dir(shell::workspace()).args(["--no-pager", "diff", "--stat"]))?;
    tested
}
