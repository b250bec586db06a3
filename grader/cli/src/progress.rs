//! Live progress on stderr: bars on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use grader_model::Verdict;
use grader_pipeline::Event;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::output::plain;

/// How events are shown.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Stands before each line where several submissions are graded; then there are no bars.
    pub(crate) name: Option<String>,
    /// Prints build lines as well.
    pub(crate) build_output: bool,
    /// Keeps build lines in this file.
    pub(crate) build_log: Option<PathBuf>,
}

/// Shows events until their sender is gone.
pub(crate) async fn show(mut events: UnboundedReceiver<Event>, shown: Shown) {
    let Shown { name, build_output, build_log } = shown;
    let mut kept = String::new();
    let terminal = std::io::stderr().is_terminal();
    let mut view: Box<dyn View + Send> = match name {
        None if terminal => Box::new(Bars::new()),
        name => Box::new(Lines { before: name.map(|name| format!("{name}: ")).unwrap_or_default() }),
    };
    while let Some(event) = events.recv().await {
        match event {
            Event::Began { stage, what } => view.line(format!("{stage:<8} {what}").trim_end(), true),
            Event::Ended { stage, millis } => view.ended(stage.as_str(), millis),
            Event::BuildLine { service, line } => {
                view.build_line(&service, &line, build_output);
                if build_log.is_some() && kept.len() < KEPT_LOG {
                    kept.push_str(&format!("{service}: {line}\n"));
                }
            }
            Event::Said(text) => view.line(&text, false),
            Event::Probing { probe, number, of } => view.probing(&probe, number, of),
            Event::Decided(finding) => view.decided(&finding.probe, finding.verdict, &finding.summary),
            _ => {}
        }
    }
    view.end();
    if let Some(path) = build_log.filter(|_| !kept.is_empty())
        && let Err(error) =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, kept))
    {
        eprintln!("grader: cannot write {}: {error}", path.display());
    }
}

/// Bytes of build output that are kept.
const KEPT_LOG: usize = 16 << 20;

trait View {
    fn line(&mut self, text: &str, stage: bool);
    fn ended(&mut self, stage: &str, millis: u64);
    fn build_line(&mut self, service: &str, line: &str, wanted: bool);
    fn probing(&mut self, probe: &str, number: usize, of: usize);
    fn decided(&mut self, probe: &str, verdict: Verdict, summary: &str);
    fn end(&mut self);
}

/// One line per event that matters, for logs.
struct Lines {
    before: String,
}

impl View for Lines {
    fn line(&mut self, text: &str, _stage: bool) {
        eprintln!("{}{}", self.before, plain(text));
    }

    fn ended(&mut self, stage: &str, millis: u64) {
        eprintln!("{}{stage:<8} done in {}", self.before, seconds(millis));
    }

    fn build_line(&mut self, service: &str, line: &str, wanted: bool) {
        if wanted {
            eprintln!("{}build    {}: {}", self.before, plain(service), plain(line));
        }
    }

    fn probing(&mut self, _probe: &str, _number: usize, _of: usize) {}

    fn decided(&mut self, probe: &str, verdict: Verdict, summary: &str) {
        if verdict != Verdict::Pass {
            eprintln!("{}probe    {probe}: {verdict}: {}", self.before, plain(summary));
        }
    }

    fn end(&mut self) {}
}

/// A spinner per stage and a bar for the probes.
struct Bars {
    bar: ProgressBar,
    stage: String,
}

impl Bars {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(Duration::from_millis(100));
        Bars { bar, stage: String::new() }
    }
}

impl View for Bars {
    fn line(&mut self, text: &str, stage: bool) {
        if stage {
            self.stage = plain(text);
            self.bar.set_message(self.stage.clone());
        } else {
            self.bar.println(plain(text));
        }
    }

    fn ended(&mut self, stage: &str, millis: u64) {
        self.bar.println(format!("{stage:<8} done in {}", seconds(millis)));
    }

    fn build_line(&mut self, service: &str, line: &str, wanted: bool) {
        let line = format!("{}: {}", plain(service), plain(line));
        if wanted {
            self.bar.println(format!("build    {line}"));
        } else {
            let shown: String = line.chars().take(80).collect();
            self.bar.set_message(format!("build    {shown}"));
        }
    }

    fn probing(&mut self, probe: &str, number: usize, of: usize) {
        if number == 1 {
            self.bar.set_length(of as u64);
            // The template is a constant; a broken one falls back to the default style.
            if let Ok(style) = ProgressStyle::with_template("{spinner} [{bar:30}] {pos}/{len} {msg}") {
                self.bar.set_style(style.progress_chars("=> "));
            }
        }
        self.bar.set_position(number as u64);
        self.bar.set_message(probe.to_owned());
    }

    fn decided(&mut self, probe: &str, verdict: Verdict, summary: &str) {
        if verdict != Verdict::Pass {
            self.bar.println(format!("{probe}: {verdict}: {}", plain(summary)));
        }
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[expect(clippy::cast_precision_loss, reason = "a duration for people")]
fn seconds(millis: u64) -> String {
    format!("{:.1} s", millis as f64 / 1000.0)
}
