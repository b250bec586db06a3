//! `grader grade SOURCE`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use grader_pipeline::GradeRequest;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::setup;
use crate::args::{GradeArgs, Visibility};
use crate::exit::Exit;
use crate::output::{complain, deliver};
use crate::progress;

/// The fault of a source, ref or folder that is none: a slip of whoever started the run, and no run.
const INVALID_SOURCE: &str = "clone.source-invalid";

pub(crate) async fn run(args: GradeArgs, verbose: bool) -> Exit {
    let common = args.common;
    let (Some(spec), Some(bindings)) = (setup::spec(&common.spec), setup::bindings(common.bindings.as_deref())) else {
        return Exit::Usage;
    };
    let binary = match std::env::current_exe() {
        Ok(binary) => binary,
        Err(error) => {
            complain(&error, "the running binary has to be readable: it plays the harness as well");
            return Exit::NotGraded;
        }
    };
    if let Some(out) = &common.out
        && let Err(error) = std::fs::create_dir_all(out)
    {
        eprintln!("grader: cannot make the folder {}: {error}", out.display());
        return Exit::Usage;
    }
    let cancel = CancellationToken::new();
    watch_for_signals(cancel.clone());
    let (events, received) = mpsc::unbounded_channel();
    let build_log = common.out.as_deref().map(|out| out.join("logs").join("build.log"));
    let shown = tokio::spawn(progress::show(received, verbose, build_log));
    let request = GradeRequest {
        source: args.source,
        reference: args.reference,
        subdir: args.subdir,
        level: common.level.map_or(spec.spec.level, Into::into),
        fail_under: common.fail_under.or(spec.spec.thresholds.fail_under),
        spec,
        bindings,
        public_only: common.visibility == Visibility::Public,
        seed: common.seed.unwrap_or(1),
        keep: args.keep,
        offline: args.offline,
        runtime: args.runtime,
        allow_images: args.allow_image,
        build_network: args.build_network,
        intake: args.clone.limits(),
        state: setup::state_folder(),
        binary,
        cancel,
    };
    let graded = grader_pipeline::grade(request, events).await;
    // The view ends with its events; whether it ended well changes nothing.
    let _ = shown.await;
    if graded.interrupted {
        eprintln!("grader: interrupted; everything was torn down");
        return Exit::Interrupted;
    }
    if let Some(fault) = graded.report.fault.as_ref().filter(|fault| fault.code == INVALID_SOURCE) {
        eprintln!("grader: {}\n  hint: {}", fault.message, fault.hint);
        return Exit::Usage;
    }
    let written = common.out.as_deref().map_or(Ok(()), |out| write_logs(out, &graded.logs));
    match written.and_then(|()| deliver(&graded.report, &common)) {
        Ok(()) => Exit::of(&graded.report),
        Err(error) => {
            complain(&error, "");
            Exit::NotGraded
        }
    }
}

/// SIGINT and SIGTERM end the run in order; a second SIGINT ends the process at once and leaves the rest to the reaper.
fn watch_for_signals(cancel: CancellationToken) {
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        eprintln!("grader: tearing down; interrupt again to leave at once");
        cancel.cancel();
        interrupt.recv().await;
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
}

/// One file per service under `logs/`. A service's name is letters, digits, `_`, `.` and `-` (the compose reader refuses
/// others), and a name that begins with a dot gets an underscore in front.
fn write_logs(out: &Path, logs: &[(String, Vec<String>)]) -> std::io::Result<()> {
    let folder: PathBuf = out.join("logs");
    std::fs::create_dir_all(&folder)?;
    for (service, lines) in logs {
        let name: String =
            service.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let name = if name.starts_with('.') { format!("_{name}") } else { name };
        let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join(format!("{name}.log")))?);
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.flush()?;
    }
    Ok(())
}
