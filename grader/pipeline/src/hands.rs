//! What only the host can do for the harness: each control request carried out on the running stack, within bounds.
//!
//! The harness parses what a hostile server sends, so nothing that it asks for is trusted: services are the stack's own,
//! waits and pauses end by themselves, and a log takes no more than a line of the conversation holds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use grader_sandbox::{LogMark, RunningStack};
use harness_kit::protocol::{Control, ControlReply, StoredFile};
use tokio_util::task::AbortOnDropHandle;

use crate::live::logs;

/// Lines of one service's log that one request gives at the most.
const MOST_LINES: usize = 20_000;
/// Bytes of all the lines of one reply; JSON may write each byte as six.
const MOST_BYTES: usize = 4 << 20;
/// Bytes of one line.
const LINE_BYTES: usize = 4 << 10;
/// Bytes of one file; in base64 it has to fit a line of the conversation.
const FILE_BYTES: u64 = 20 << 20;
/// A service is paused no longer than this.
const LONGEST_PAUSE: u64 = 60;
/// The longest wait for a service; the harness gives a reply up after 60 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(50);

/// Carries out control requests on one stack. What is paused goes on when this is dropped or its time is over.
#[derive(Clone)]
pub(crate) struct Hands {
    stack: RunningStack,
    /// By service: the task that ends its pause.
    pauses: Arc<Mutex<HashMap<String, AbortOnDropHandle<()>>>>,
    broken: Arc<AtomicBool>,
}

impl Hands {
    pub(crate) fn new(stack: RunningStack) -> Self {
        Hands { stack, pauses: Arc::default(), broken: Arc::default() }
    }

    /// Whether anything of the stack was paused or ended on purpose so far.
    pub(crate) fn have_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    /// Carries one request out. An error is the engine's words.
    pub(crate) fn carry_out(&self, request: Control) -> impl Future<Output = Result<ControlReply, String>> + use<> {
        let hands = self.clone();
        async move { hands.act(request).await.map_err(|error| error.to_string()) }
    }

    async fn act(&self, request: Control) -> Result<ControlReply, Box<dyn std::error::Error + Send + Sync>> {
        let stack = &self.stack;
        if breaks(&request) {
            self.broken.store(true, Ordering::Relaxed);
        }
        Ok(match request {
            Control::Vantage { service } => ControlReply::Address { address: stack.vantage(&service).await?.into() },
            Control::Logs { lines } => {
                let services = logs(stack, at_most(lines)).await;
                ControlReply::Logs { services: within(services, MOST_BYTES) }
            }
            Control::Mark => ControlReply::Mark { at: stack.mark().await?.to_string() },
            Control::LogsSince { service, mark, lines } => {
                let mark: LogMark = mark.parse()?;
                let all = stack.logs(&service, Some(mark)).await?;
                let from = all.len().saturating_sub(at_most(lines));
                let lines = all[from..].iter().map(|line| line.text.clone()).collect();
                ControlReply::Logs { services: within(vec![(service, lines)], MOST_BYTES) }
            }
            Control::FindFiles { begins_with } => {
                let found = stack.find_files(begins_with.as_bytes()).await?;
                let stored =
                    found.into_iter().map(|f| StoredFile { service: f.service, path: f.path, size: f.size }).collect();
                ControlReply::Files { files: stored }
            }
            Control::ReadFile { service, path, most } => {
                let read = stack.read_file(&service, &path, most.min(FILE_BYTES)).await?;
                ControlReply::File { base64: read.map(|bytes| BASE64.encode(bytes)) }
            }
            Control::Pause { service, at_most_seconds } => {
                stack.pause(&service).await?;
                let longest = Duration::from_secs(at_most_seconds.min(LONGEST_PAUSE));
                let thaw = {
                    let (stack, service) = (stack.clone(), service.clone());
                    tokio::spawn(async move {
                        tokio::time::sleep(longest).await;
                        // Whoever asked for the pause may have ended it.
                        let _ = stack.unpause(&service).await;
                    })
                };
                self.pauses().insert(service, AbortOnDropHandle::new(thaw));
                ControlReply::Done
            }
            Control::Unpause { service } => {
                let was_paused = self.pauses().remove(&service).is_some();
                if was_paused {
                    stack.unpause(&service).await?;
                }
                ControlReply::Done
            }
            Control::Kill { service } => {
                stack.kill(&service).await?;
                ControlReply::Done
            }
            Control::Terminate { service } => {
                stack.terminate(&service).await?;
                ControlReply::Done
            }
            Control::Ended { service, within_millis } => {
                let time = Duration::from_millis(within_millis).min(LONGEST_WAIT);
                ControlReply::Ended { exit_code: stack.ended(&service, time).await? }
            }
            Control::Start { service } => {
                stack.start(&service).await?;
                ControlReply::Address { address: stack.address(&service).await?.into() }
            }
            Control::Restart { service, grace_seconds } => {
                stack.restart(&service, Duration::from_secs(grace_seconds).min(LONGEST_WAIT)).await?;
                ControlReply::Address { address: stack.address(&service).await?.into() }
            }
            Control::Ready { service, within_seconds } => {
                let time = Duration::from_secs(within_seconds).min(LONGEST_WAIT);
                match tokio::time::timeout(time, stack.service_ready(&service)).await {
                    Ok(ready) => ready.map(|_| ControlReply::Done)?,
                    Err(_) => return Err(format!("{service} is not ready after {} s", time.as_secs()).into()),
                }
            }
        })
    }

    fn pauses(&self) -> std::sync::MutexGuard<'_, HashMap<String, AbortOnDropHandle<()>>> {
        // A map of handles cannot be left half-written.
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a request takes something away that the submission may count on.
fn breaks(request: &Control) -> bool {
    matches!(
        request,
        Control::Pause { .. } | Control::Kill { .. } | Control::Terminate { .. } | Control::Restart { .. }
    )
}

fn at_most(lines: u32) -> usize {
    usize::try_from(lines).unwrap_or(MOST_LINES).min(MOST_LINES)
}

/// The logs within so many bytes, shared out evenly: of each the newest lines, long ones cut.
fn within(services: Vec<(String, Vec<String>)>, bytes: usize) -> Vec<(String, Vec<String>)> {
    let share = bytes / services.len().max(1);
    let cut = |lines: Vec<String>| {
        let mut room = share;
        let mut kept = Vec::new();
        for mut line in lines.into_iter().rev() {
            line.truncate(line.floor_char_boundary(LINE_BYTES));
            let Some(left) = room.checked_sub(line.len() + 1) else { break };
            room = left;
            kept.push(line);
        }
        kept.reverse();
        kept
    };
    services.into_iter().map(|(service, lines)| (service, cut(lines))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_log_the_newest_lines_stay() {
        let lines = |number: usize| (0..number).map(|at| format!("line {at:04}")).collect::<Vec<_>>();
        let got = within(vec![("a".to_owned(), lines(100)), ("b".to_owned(), lines(3))], 100);
        // Half of the bytes each: five lines of nine characters with their ends.
        assert_eq!(got[0].1, lines(100)[95..]);
        assert_eq!(got[1].1, lines(3));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = "\u{e9}".repeat(LINE_BYTES);
        let got = within(vec![("a".to_owned(), vec![line])], MOST_BYTES);
        assert_eq!(got[0].1[0].len(), LINE_BYTES);
        assert!(got[0].1[0].chars().all(|c| c == '\u{e9}'));
    }

    #[test]
    fn a_reply_fits_a_line_of_the_conversation() {
        // A control character is the longest that JSON writes.
        let lines = vec!["\u{1}".repeat(LINE_BYTES); 5_000];
        let services = within((0..4).map(|at| (format!("service {at}"), lines.clone())).collect(), MOST_BYTES);
        let reply = ControlReply::Logs { services };
        let written = serde_json::to_string(&reply).expect("a reply is JSON");
        assert!(written.len() < harness_kit::protocol::LINE_BUDGET, "{}", written.len());
    }
}
