//! How much of the machine other work takes while a stack starts, so that it is not the submission that pays for it.
//!
//! The kernel counts what all processors did, the engine what the run's own containers did; what is left is others'. Only
//! an engine on this machine can be told this way. It must not know what is waited for.

use std::time::{Duration, Instant};

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt as _;
use futures_util::future::join_all;

use crate::stack::Shared;

/// The least share of the machine with which a stack is waited for: four times as long at the most.
const LEAST: f64 = 0.25;

/// The processors' time since the machine started, in ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Processors {
    busy: f64,
    all: f64,
}

/// A stretch of time in which the machine is watched.
pub(super) struct Machine {
    begun: Instant,
    processors: Option<Processors>,
}

impl Machine {
    pub(super) fn watch(stack: &Shared) -> Self {
        let here = stack.run.engine.info().address.starts_with("unix://");
        Machine { begun: Instant::now(), processors: here.then(processors).flatten() }
    }

    /// `limit` in the time of a machine that nobody else works on.
    pub(super) async fn stretched(&self, stack: &Shared, limit: Duration) -> Duration {
        let (Some(before), Some(now)) = (self.processors, self.processors.and_then(|_| processors())) else {
            return limit;
        };
        let capacity = self.begun.elapsed().as_secs_f64() * stack.run.engine.info().processors.max(1) as f64;
        let own = used_by(stack).await.as_secs_f64() / capacity.max(f64::EPSILON);
        stretch(limit, left_by_others(before, now, own))
    }
}

fn stretch(limit: Duration, left: f64) -> Duration {
    limit.div_f64(left.clamp(LEAST, 1.0))
}

/// The share of the processors that others left, of which the run's containers used `own`.
fn left_by_others(before: Processors, now: Processors, own: f64) -> f64 {
    let all = now.all - before.all;
    if all <= 0.0 {
        return 1.0;
    }
    1.0 - ((now.busy - before.busy) / all - own).clamp(0.0, 1.0)
}

/// What the kernel counted, by `/proc/stat` (proc_stat(5)): user, nice, system, idle, iowait, irq, softirq, steal.
fn processors() -> Option<Processors> {
    counted(&std::fs::read_to_string("/proc/stat").ok()?)
}

fn counted(stat: &str) -> Option<Processors> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<f64> = line.split_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    let all = ticks.iter().sum();
    // A hypervisor's share, counted last, is others' work as well.
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(Processors { busy: all - idle, all })
}

/// The processor time of the run's containers since they were made.
async fn used_by(stack: &Shared) -> Duration {
    let each = stack.services.values().map(|state| async {
        let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
        let docker = &stack.run.engine.docker;
        let stats = std::pin::pin!(docker.stats(&state.container, Some(options))).next().await?.ok()?;
        stats.cpu_stats?.cpu_usage?.total_usage
    });
    join_all(each).await.into_iter().flatten().map(Duration::from_nanos).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_line_is_read() {
        let stat = "cpu  100 20 30 400 50 1 2 3 9 9\ncpu0 1 1 1 1 1 1 1 1\nintr 1\n";
        assert_eq!(counted(stat), Some(Processors { busy: 156.0, all: 606.0 }));
        assert_eq!(counted("cpu  1 2\n"), None);
        assert_eq!(counted(""), None);
    }

    #[test]
    fn what_others_take_is_added_to_the_time() {
        let at = |busy, all| Processors { busy, all };
        let limit = Duration::from_secs(120);
        let waits = |before, now, own| stretch(limit, left_by_others(before, now, own)).as_secs();
        assert_eq!(waits(at(0.0, 0.0), at(10.0, 100.0), 0.1), 120, "the stack itself is what works");
        assert_eq!(waits(at(50.0, 100.0), at(150.0, 200.0), 1.0), 120, "and may work as hard as it likes");
        assert_eq!(waits(at(0.0, 0.0), at(60.0, 100.0), 0.1), 240, "others take half");
        assert_eq!(waits(at(0.0, 0.0), at(100.0, 100.0), 0.0), 480, "nothing is left, and there is an end");
        assert_eq!(waits(at(5.0, 5.0), at(5.0, 5.0), 0.0), 120, "no time has passed");
    }
}
