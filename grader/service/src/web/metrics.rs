//! What Prometheus reads at `/metrics`, in the OpenMetrics text format.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// One answer, by the route as written, so that ids do not make a label each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Route {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Ended {
    outcome: String,
}

/// The service's numbers.
#[derive(Default)]
pub(crate) struct Metrics {
    requests: Family<Route, Counter>,
    seconds: Seconds,
    waiting: Gauge,
    running: Gauge,
    workers: Gauge,
    listeners: Gauge,
    database_up: Gauge<u64, AtomicU64>,
    ended: Family<Ended, Gauge>,
}

/// A histogram with the bounds of answers.
struct Seconds(Histogram);

impl Default for Seconds {
    fn default() -> Self {
        Seconds(Histogram::new([0.001, 0.005, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]))
    }
}

/// What is read from the store when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) waiting: i64,
    pub(crate) running: i64,
    pub(crate) workers: usize,
    pub(crate) listeners: usize,
    pub(crate) outcomes: Vec<(String, i64)>,
    pub(crate) database_up: bool,
}

impl Metrics {
    /// Counts an answer.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let route = Route { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&route).inc();
        self.seconds.0.observe(took.as_secs_f64());
    }

    /// The text for Prometheus.
    pub(crate) fn text(&self, reading: &Reading) -> String {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.waiting.set(reading.waiting);
        self.running.set(reading.running);
        self.workers.set(count(reading.workers));
        self.listeners.set(count(reading.listeners));
        self.database_up.set(u64::from(reading.database_up));
        for (outcome, runs) in &reading.outcomes {
            self.ended.get_or_create(&Ended { outcome: outcome.clone() }).set(*runs);
        }
        let mut registry = Registry::with_prefix("grader");
        registry.register("http_requests", "Answers by route and status", self.requests.clone());
        registry.register("http_seconds", "How long answers took", self.seconds.0.clone());
        registry.register("runs_waiting", "Runs in the queue", self.waiting.clone());
        registry.register("runs_running", "Runs under way", self.running.clone());
        registry.register("runs_ended", "Runs that are over, by outcome or state", self.ended.clone());
        registry.register("workers", "Workers seen within a minute", self.workers.clone());
        registry.register("listeners", "Streams of live progress", self.listeners.clone());
        registry.register("database_up", "Whether the database answers", self.database_up.clone());
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_reads_it() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/api/v1/runs/{id}", 200, Duration::from_millis(4));
        let text = metrics.text(&Reading { waiting: 3, database_up: true, ..Reading::default() });
        let line = r#"grader_http_requests_total{method="GET",route="/api/v1/runs/{id}",status="200"} 1"#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains("grader_runs_waiting 3") && text.ends_with("# EOF\n"));
    }
}
