//! Small stacks made in code, brought up, looked at, and taken down whatever a test finds.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use grader_compose::project::{Attachment, Network, Project, Service};
use grader_model::{FileEntry, FileKind, Snapshot};
use grader_sandbox::{
    ConnectOptions, Engine, Event, ExecOptions, Run, RunId, RunOptions, RunningStack, SandboxError, StackPlan,
};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) const DEBIAN: &str = "debian:bookworm-slim";
pub(crate) const PYTHON: &str = "python:3.11-slim";
pub(crate) const POSTGRES: &str = "postgres:16";

pub(crate) async fn engine() -> Engine {
    match Engine::connect(ConnectOptions::default()).await {
        Ok(engine) => engine,
        Err(error) => panic!("{error}\nThese tests need a container engine: run `cargo xtask setup`."),
    }
}

pub(crate) fn docker() -> bollard::Docker {
    bollard::Docker::connect_with_defaults().unwrap()
}

/// A run of a test: its own id, its own journal, two minutes, nothing from a registry.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) options: RunOptions,
    pub(crate) project: Project,
    pub(crate) files: Snapshot,
    pub(crate) journal: TempDir,
}

/// A stack that is up.
pub(crate) struct Up {
    pub(crate) engine: Engine,
    pub(crate) run: Run,
    pub(crate) stack: RunningStack,
    pub(crate) events: UnboundedReceiver<Event>,
}

impl Bench {
    pub(crate) async fn new(name: &str) -> Bench {
        let journal = tempfile::tempdir().unwrap();
        let id = format!("t-{name}-{}", &RunId::random().as_str()[..8]);
        let mut options = RunOptions::new(RunId::new(id).unwrap(), Duration::from_secs(120), journal.path());
        options.offline = true;
        options.build.keep = false;
        let project = Project {
            name: name.to_owned(),
            services: indexmap::IndexMap::new(),
            networks: [("default".to_owned(), Network::default())].into_iter().collect(),
            volumes: indexmap::IndexMap::new(),
            secrets: indexmap::IndexMap::new(),
            configs: indexmap::IndexMap::new(),
        };
        Bench { engine: engine().await, options, project, files: Snapshot::default(), journal }
    }

    pub(crate) fn service(mut self, name: &str, service: Service) -> Self {
        self.project.services.insert(name.to_owned(), service);
        self
    }

    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        let entry = FileEntry {
            kind: FileKind::File,
            size: text.len() as u64,
            bytes: Some(text.as_bytes().into()),
            executable: text.starts_with("#!"),
        };
        self.files.files.insert(path.to_owned(), entry);
        self
    }

    pub(crate) fn plan(&self) -> StackPlan<'_> {
        StackPlan { project: &self.project, files: &self.files }
    }

    /// Brings the stack up, hands it to `look`, and takes it down even when `look` panics.
    pub(crate) async fn up(self, look: impl AsyncFnOnce(&mut Up)) {
        let (events, receiver) = unbounded_channel();
        let started = Run::start(&self.engine, self.options.clone(), self.plan(), events).await;
        let (run, stack) = started.unwrap_or_else(|error| panic!("{error}\n{:#?}", error.fault()));
        let mut up = Up { engine: self.engine.clone(), run: run.clone(), stack, events: receiver };
        let looked = AssertUnwindSafe(look(&mut up)).catch_unwind().await;
        run.down().await.unwrap();
        let left = left_by(run.id()).await;
        if let Err(panic) = looked {
            std::panic::resume_unwind(panic);
        }
        assert_eq!(left, Vec::<String>::new());
        assert_eq!(std::fs::read_dir(self.journal.path()).unwrap().count(), 0, "the journal is finished");
    }

    /// Brings the stack up in vain, and checks that nothing is left of it.
    pub(crate) async fn fails(self) -> SandboxError {
        let (events, _receiver) = unbounded_channel();
        let error = match Run::start(&self.engine, self.options.clone(), self.plan(), events).await {
            Ok((run, _)) => {
                run.down().await.unwrap();
                panic!("the stack came up");
            }
            Err(error) => error,
        };
        assert_eq!(left_by(&self.options.run_id).await, Vec::<String>::new());
        error
    }
}

impl Up {
    /// What a shell line prints in a service's container.
    pub(crate) async fn sh(&self, service: &str, line: &str) -> String {
        let argv = ["sh", "-c", line].map(str::to_owned);
        let done = self.stack.exec(service, &argv, &ExecOptions::default()).await.unwrap();
        String::from_utf8([done.stdout, done.stderr].concat()).unwrap().trim().to_owned()
    }
}

/// Everything on the engine that carries a run's label.
pub(crate) async fn left_by(run: &RunId) -> Vec<String> {
    use bollard::query_parameters::{
        ListContainersOptions, ListImagesOptions, ListNetworksOptions, ListVolumesOptions,
    };
    let docker = docker();
    let filters = Some([("label".to_owned(), vec![format!("grader.run={run}")])].into_iter().collect());
    let containers = ListContainersOptions { all: true, filters, ..ListContainersOptions::default() };
    let filters = containers.filters.clone();
    let images = ListImagesOptions { all: true, filters: filters.clone(), ..ListImagesOptions::default() };
    let mut left = Vec::new();
    left.extend(docker.list_containers(Some(containers)).await.unwrap().into_iter().filter_map(|c| c.id));
    let networks = ListNetworksOptions { filters: filters.clone() };
    left.extend(docker.list_networks(Some(networks)).await.unwrap().into_iter().filter_map(|n| n.name));
    let volumes = docker.list_volumes(Some(ListVolumesOptions { filters })).await.unwrap().volumes;
    left.extend(volumes.unwrap_or_default().into_iter().map(|v| v.name));
    left.extend(docker.list_images(Some(images)).await.unwrap().into_iter().map(|i| i.id));
    left
}

/// A service of an image that runs a shell line.
pub(crate) fn shell(image: &str, line: &str) -> Service {
    Service {
        image: Some(image.to_owned()),
        command: Some(["sh", "-c", line].map(str::to_owned).to_vec()),
        networks: [("default".to_owned(), Attachment::default())].into_iter().collect(),
        scale: 1,
        ..Service::default()
    }
}

/// A service that does nothing for long.
pub(crate) fn idle() -> Service {
    shell(DEBIAN, "exec sleep 600")
}

/// A web server on a port that it publishes.
pub(crate) fn web(port: u16) -> Service {
    let mut service = shell(PYTHON, &format!("exec python3 -m http.server {port}"));
    service.ports.push(published(port));
    service
}

pub(crate) fn published(target: u16) -> grader_compose::project::PortHint {
    grader_compose::project::PortHint {
        target,
        published: Some(target.to_string()),
        protocol: "tcp".to_owned(),
        app_protocol: None,
        host_ip: None,
        name: None,
    }
}
