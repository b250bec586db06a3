//! What a run may use of the machine.

use std::time::Duration;

/// Budgets of one run. Sizes are bytes, processors may be fractions.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Memory of the stack as a whole, shared out among its services.
    pub stack_memory: u64,
    /// The most that one service gets. A smaller limit of the document holds.
    pub service_memory: u64,
    /// Processors of one service. A smaller limit of the document holds.
    pub service_cpus: f64,
    /// Processes and threads of one service. A smaller limit of the document holds.
    pub service_pids: i64,
    /// Log of one service that the engine keeps; older lines go first.
    pub log_bytes: u64,
    /// Upper limit of each in-memory mount; `/dev/shm` included.
    pub tmpfs_bytes: u64,
    /// What a service may write to its own root before it is stopped; checked while the stack runs.
    pub disk_bytes: u64,
    /// What a volume may hold before the services that see it are stopped; checked where the engine's volumes lie on this
    /// machine.
    pub volume_bytes: u64,
    /// How much of the engine's disk may go while images are built, whoever takes it; checked where that disk is this
    /// machine's.
    pub build_disk_bytes: u64,
    /// What must be left of the engine's disk at any time of a run, whoever takes the rest; checked where that disk is this
    /// machine's.
    pub free_disk_bytes: u64,
    /// Total size of a build context or of a folder given to a container.
    pub tree_bytes: u64,
    /// How long a service may take to become ready unless its own health test asks for more.
    pub ready: Duration,
    /// How many images are built at a time.
    pub parallel_builds: usize,
    /// Memory of the harness container.
    pub harness_memory: u64,
    /// Processes and threads of the harness container.
    pub harness_pids: i64,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u64 = 1 << 20;
        Limits {
            stack_memory: 4096 * MIB,
            service_memory: 2048 * MIB,
            service_cpus: 2.0,
            service_pids: 512,
            log_bytes: 16 * MIB,
            tmpfs_bytes: 256 * MIB,
            disk_bytes: 2048 * MIB,
            volume_bytes: 4096 * MIB,
            build_disk_bytes: 20 * 1024 * MIB,
            free_disk_bytes: 256 * MIB,
            tree_bytes: 256 * MIB,
            ready: Duration::from_secs(120),
            parallel_builds: 2,
            harness_memory: 1024 * MIB,
            harness_pids: 256,
        }
    }
}

/// Less than this and even a small runtime does not start: the engine itself refuses under 6 MiB.
const LEAST_MEMORY: u64 = 64 << 20;

impl Limits {
    /// Memory of one of `services` services that asks for `wanted`.
    pub(crate) fn memory_of(&self, services: usize, wanted: Option<u64>) -> u64 {
        let share = (self.stack_memory / services.max(1) as u64).max(LEAST_MEMORY);
        // A stack of one API and one database must not be starved for the sake of services that are not there.
        let most = self.service_memory.min(share.max(LEAST_MEMORY));
        wanted.map_or(most, |wanted| wanted.clamp(6 << 20, most))
    }

    pub(crate) fn cpus_of(&self, wanted: Option<f64>) -> f64 {
        wanted.filter(|cpus| *cpus > 0.0).map_or(self.service_cpus, |cpus| cpus.min(self.service_cpus))
    }

    pub(crate) fn pids_of(&self, wanted: Option<i64>) -> i64 {
        wanted.filter(|pids| *pids > 0).map_or(self.service_pids, |pids| pids.min(self.service_pids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_never_gets_more_than_its_budget() {
        let limits = Limits::default();
        for services in 1..=40 {
            let all = limits.memory_of(services, None) * services as u64;
            assert!(all <= limits.stack_memory, "{services} services get {all} bytes");
        }
    }

    #[test]
    fn a_document_may_ask_for_less_and_not_for_more() {
        let limits = Limits::default();
        assert_eq!(limits.memory_of(1, Some(128 << 20)), 128 << 20);
        assert_eq!(limits.memory_of(1, Some(u64::MAX)), limits.service_memory);
        assert_eq!(limits.pids_of(Some(-1)), limits.service_pids);
        assert!((limits.cpus_of(Some(64.0)) - limits.service_cpus).abs() < f64::EPSILON);
        assert!((limits.cpus_of(Some(0.5)) - 0.5).abs() < f64::EPSILON);
    }
}
