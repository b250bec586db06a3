//! Runs binding against a service on the loopback interface, and keeps all that it says.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grader_model::{Binding, Finding, Note};
use harness_kit::bind::Overrides;
use harness_kit::context::Bound;
use harness_kit::protocol::{FromHarness, Host, Start};
use harness_kit::vantage::Endpoint;
use harness_kit::{Context, Facts, Probe, Stop, runner};

/// What a run said, and what binding left for the probes.
pub(crate) struct Seen {
    pub(crate) bindings: Vec<Binding>,
    pub(crate) notes: Vec<Note>,
    pub(crate) silent: bool,
    pub(crate) done: bool,
    /// Absent where the run never came to its probes.
    pub(crate) bound: Option<Bound>,
}

impl Seen {
    /// The binding of an operation.
    pub(crate) fn of(&self, operation: &str) -> &Binding {
        self.bindings
            .iter()
            .find(|binding| binding.operation == operation)
            .unwrap_or_else(|| panic!("no line on {operation}: {:#?}", self.bindings))
    }

    /// Asserts the route behind an operation.
    #[track_caller]
    pub(crate) fn is_at(&self, operation: &str, method: &str, path: &str) {
        let binding = self.of(operation);
        let found = (binding.method.as_str(), binding.path.as_str());
        assert_eq!(found, (method, path), "{operation}: {}", binding.proof);
    }
}

/// Stands where a probe does, to see what probes are given.
struct Witness(Arc<Mutex<Option<Bound>>>);

#[async_trait]
impl Probe for Witness {
    fn id(&self) -> &'static str {
        "api.operations"
    }

    async fn run(&self, ctx: &Context) -> Result<Finding, Stop> {
        *self.0.lock().expect("only one probe runs") = Some(ctx.bound());
        Err(Stop::not_applicable("a witness judges nothing"))
    }
}

/// Serves a router on a free port of the loopback interface.
pub(crate) async fn listen(router: axum::Router) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// Binds against a router.
pub(crate) async fn bind(router: axum::Router, bindings: Overrides) -> Seen {
    run(router, bindings, |_| {}).await
}

/// Binds with a start that `change` prepared.
pub(crate) async fn run(router: axum::Router, bindings: Overrides, change: impl FnOnce(&mut Start)) -> Seen {
    let port = listen(router).await;
    let spec = grader_spec::load_named("bookstore").expect("the built-in spec is sound").spec;
    let mut start = Start {
        spec,
        endpoints: vec![Endpoint::plain("api", IpAddr::from([127, 0, 0, 1]), port)],
        facts: Facts::default(),
        seed: 7,
        bindings,
        budget_seconds: 120,
        public_only: false,
    };
    change(&mut start);
    let (out, mut messages) = tokio::sync::mpsc::unbounded_channel();
    let witnessed = Arc::default();
    runner::run(start, Host::new(out, false), vec![Box::new(Witness(Arc::clone(&witnessed)))]).await;
    let mut seen = Seen { bindings: Vec::new(), notes: Vec::new(), silent: false, done: false, bound: None };
    while let Ok(message) = messages.try_recv() {
        match message {
            FromHarness::Bound { bindings, .. } => seen.bindings = bindings,
            FromHarness::Note { note } => seen.notes.push(note),
            FromHarness::Silent { .. } => seen.silent = true,
            FromHarness::Done { .. } => seen.done = true,
            _ => {}
        }
    }
    seen.bound = witnessed.lock().expect("only one probe ran").take();
    seen
}
