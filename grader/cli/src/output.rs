//! Everything that the binary prints or writes: reports, errors, logs.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use grader_model::Report;
use grader_report::{ComparisonFormat, Format, RenderOptions, render};

use crate::args::{self, Common};
use crate::exit::Exit;

/// Logs go to stderr, so that stdout stays the result alone.
pub(crate) fn init_logging(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "info,grader=debug,grader_pipeline=debug,grader_sandbox=debug,harness_kit=debug",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("GRADER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
}

/// Logs of the service: on a terminal for people, elsewhere one JSON object a line.
pub(crate) fn init_service_logging(verbose: u8) {
    let default = match verbose {
        0 => "info",
        1 => "info,grader=debug,grader_service=debug,grader_store=debug,grader_pipeline=debug,grader_sandbox=debug",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("GRADER_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        logs.with_ansi(std::env::var_os("NO_COLOR").is_none()).init();
    } else {
        logs.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
}

/// Text that may come from a submission, without control characters: they would paint over what a person reads.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Prints an error with its causes and a hint, as every command does.
pub(crate) fn complain(error: &dyn std::error::Error, hint: &str) {
    let mut text = format!("grader: {}", plain(&error.to_string()));
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(&format!("\n  because: {}", plain(&inner.to_string())));
        cause = inner.source();
    }
    if !hint.is_empty() {
        text.push_str(&format!("\n  hint: {}", plain(hint)));
    }
    eprintln!("{text}");
}

/// Prints a rendering in every format that was asked for.
pub(crate) fn print_each<E: std::error::Error + Send + Sync + 'static>(
    formats: &[ComparisonFormat],
    render: impl Fn(ComparisonFormat) -> Result<String, E>,
) -> Exit {
    for format in formats {
        let written = render(*format).map_err(std::io::Error::other);
        if let Err(error) = written.and_then(|text| write_stdout(&text)) {
            complain(&error, "");
            return Exit::NotGraded;
        }
    }
    Exit::Graded
}

/// Writes the report's files into `out` and prints the formats that were asked for.
///
/// # Errors
/// Where a file or stdout cannot be written.
pub(crate) fn deliver(report: &Report, common: &Common, out: Option<&Path>) -> std::io::Result<()> {
    let options = render_options(common.audience, common.visibility);
    if let Some(out) = out {
        std::fs::create_dir_all(out)?;
        for format in [Format::Json, Format::Html, Format::Markdown, Format::Junit, Format::Sarif] {
            write_whole(
                &out.join(format.file_name()),
                &render(report, format, &options).map_err(std::io::Error::other)?,
            )?;
        }
    }
    for format in &common.format {
        write_stdout(&render(report, *format, &options).map_err(std::io::Error::other)?)?;
    }
    Ok(())
}

/// How something is written for a reader on this process' stdout.
pub(crate) fn render_options(audience: args::Audience, visibility: args::Visibility) -> RenderOptions {
    let mut options = RenderOptions {
        audience: match audience {
            args::Audience::Reviewer => grader_report::Audience::Reviewer,
            args::Audience::Candidate => grader_report::Audience::Candidate,
        },
        visibility: match visibility {
            args::Visibility::All => grader_report::Visibility::All,
            args::Visibility::Public => grader_report::Visibility::Public,
        },
        color: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        ..RenderOptions::default()
    };
    if let Some(columns) = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()) {
        options.width = columns;
    }
    options
}

/// Writes a whole document to stdout, ended by a line break.
///
/// # Errors
/// Where stdout cannot be written.
pub(crate) fn write_stdout(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    stdout.flush()
}

/// Writes a file so that no reader ever sees a part of it.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path)?;
    Ok(())
}
