//! The stack while it comes up and runs: services start as soon as what they depend on is as they ask.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use futures_util::future::{BoxFuture, FutureExt, join_all, try_join_all};
use grader_compose::project::{Condition, Project, Service};
use indexmap::IndexMap;
use tokio::sync::OnceCell;

use crate::containers::{self, Frame, Layout, Networking};
use crate::errors::Doing;
use crate::ready::{self, ServiceReadiness};
use crate::run::Inner;
use crate::watch::Watch;
use crate::{BuiltImage, Event, Images, SandboxError, StackPlan, Step};

/// A stack whose services are started. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RunningStack {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) run: Arc<Inner>,
    pub(crate) project: Project,
    pub(crate) services: IndexMap<String, State>,
    /// Names on the engine, by key.
    pub(crate) networks: HashMap<String, String>,
    pub(crate) watch: Watch,
    /// Networks made for further addresses so far.
    pub(crate) vantages: AtomicUsize,
    layout: Layout,
}

/// What is known of a service. Each step is done once, whoever needs it first.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) container: String,
    pub(crate) image: BuiltImage,
    networking: Networking,
    created: OnceCell<Result<(), SandboxError>>,
    started: OnceCell<Result<(), SandboxError>>,
    ready: OnceCell<Result<ServiceReadiness, SandboxError>>,
}

/// Where a service can be reached from inside the run's networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub service: String,
    /// Its address on each network of the run.
    pub addresses: Vec<Ipv4Addr>,
    /// Ports that the document publishes, by their number in the container; TCP only.
    pub published: Vec<u16>,
    /// Ports that the document or the image exposes beside them.
    pub exposed: Vec<u16>,
    /// Ports that something listens on, from any address, at this moment; empty where that cannot be seen.
    pub listening: Vec<u16>,
}

pub(crate) async fn up(run: &Arc<Inner>, plan: StackPlan<'_>, images: &Images) -> Result<RunningStack, SandboxError> {
    let project = plan.project.clone();
    let order: Vec<&String> = project.services.iter().filter(|(_, s)| s.scale > 0).map(|(name, _)| name).collect();
    check_circles(&project)?;
    let layout = Layout::plan(run, plan, images)?;
    let image_of = |name: &str| {
        images.services.get(name).cloned().ok_or_else(|| SandboxError::NoSuchService { service: name.to_owned() })
    };
    let any_image = match order.first() {
        Some(name) => image_of(name)?.reference,
        None => String::new(),
    };
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in order.iter().flat_map(|name| &project.services[*name].networks) {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    let furnish = containers::furnish(run, &layout, &keys, &any_image);
    let networks = run.within("making networks and volumes", furnish).await?;
    let mut services = IndexMap::new();
    for name in &order {
        let service = &project.services[*name];
        if service.scale > 1 {
            run.tell(Event::Adapted {
                service: (*name).clone(),
                what: format!("one container instead of {}", service.scale),
            });
        }
        services.insert(
            (*name).clone(),
            State {
                container: run.container(name),
                image: image_of(name)?,
                networking: networking(run, name, &project, &networks),
                created: OnceCell::new(),
                started: OnceCell::new(),
                ready: OnceCell::new(),
            },
        );
    }
    let watch = Watch::begin(run.clone());
    let shared = Shared { run: run.clone(), services, networks, watch, vantages: AtomicUsize::new(0), layout, project };
    let stack = RunningStack { shared: Arc::new(shared) };
    let started = try_join_all(stack.shared.services.keys().map(|name| stack.shared.start(name)));
    run.within("starting the stack", started).await?;
    Ok(stack)
}

impl RunningStack {
    /// Waits until every service is ready: its health test passes and its ports are open, or it has done its work.
    ///
    /// # Errors
    /// The first of [`SandboxError::Crashed`], [`SandboxError::OutOfMemory`], [`SandboxError::NeverHealthy`],
    /// [`SandboxError::NotListening`]. The stack stays as it is.
    pub async fn ready(&self) -> Result<Vec<ServiceReadiness>, SandboxError> {
        let shared = &self.shared;
        let all = try_join_all(shared.services.keys().map(|name| shared.ready(name)));
        shared.run.within("waiting for the stack to be ready", all).await
    }

    /// Where each service is.
    ///
    /// # Errors
    /// When the engine is away.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, SandboxError> {
        let all = join_all(self.shared.services.keys().map(|name| self.shared.endpoint(name)));
        all.await.into_iter().collect()
    }
}

impl RunningStack {
    /// The address of a service on the networks of the document: the lowest one, which a restart may change. Networks
    /// made for further source addresses do not count.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchService`], also while it is down and has no address.
    pub async fn address(&self, service: &str) -> Result<Ipv4Addr, SandboxError> {
        let shared = &self.shared;
        let networks = shared.networks_of(service).await?;
        let ours = networks.into_iter().filter(|(name, _)| shared.networks.values().any(|known| known == name));
        let lowest = ours.map(|(_, address)| address).min();
        lowest.ok_or_else(|| SandboxError::NoSuchService { service: service.to_owned() })
    }
}

impl Shared {
    pub(crate) fn state(&self, service: &str) -> Result<(&State, &Service), SandboxError> {
        match (self.services.get(service), self.project.services.get(service)) {
            (Some(state), Some(service)) => Ok((state, service)),
            _ => Err(SandboxError::NoSuchService { service: service.to_owned() }),
        }
    }

    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), SandboxError>> {
        async move {
            let (state, service) = self.state(name)?;
            let work = async {
                // A namespace can be shared only with a container that exists.
                if let Some(owner) = shares_namespace_of(service) {
                    self.create(owner).await?;
                }
                let frame = Frame {
                    name,
                    container: &state.container,
                    service,
                    image: &state.image,
                    networking: &state.networking,
                    layout: &self.layout,
                    services: self.services.len(),
                };
                containers::create(&self.run, &frame).await
            };
            state.created.get_or_init(|| work).await.clone()
        }
        .boxed()
    }

    fn start<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), SandboxError>> {
        async move {
            let (state, service) = self.state(name)?;
            let work = async {
                let begun = Instant::now();
                self.run.tell(Event::Began { service: name.to_owned(), step: Step::Start });
                let created = self.create(name);
                let waited = try_join_all(service.depends_on.iter().map(|(dependency, wish)| async move {
                    match self.dependency(name, dependency, wish.condition).await {
                        Err(_) if !wish.required => Ok(()),
                        other => other,
                    }
                }));
                tokio::try_join!(created, waited)?;
                containers::start(&self.run, name, &state.container).await?;
                self.run.tell(Event::Done { service: name.to_owned(), step: Step::Start, took: begun.elapsed() });
                for hook in &service.post_start {
                    self.hook(name, hook).await?;
                }
                Ok(())
            };
            state.started.get_or_init(|| work).await.clone()
        }
        .boxed()
    }

    /// Waits until a dependency is as its dependent asks.
    async fn dependency(&self, name: &str, dependency: &str, condition: Condition) -> Result<(), SandboxError> {
        if !self.services.contains_key(dependency) {
            // Not part of this stack: a profile that is off, or no replicas.
            return Ok(());
        }
        self.start(dependency).await?;
        match condition {
            Condition::Started => Ok(()),
            Condition::Healthy => self.ready(dependency).await.map(drop),
            Condition::CompletedSuccessfully => ready::completed(self, name, dependency).await,
        }
    }

    pub(crate) async fn ready(&self, name: &str) -> Result<ServiceReadiness, SandboxError> {
        let (state, _) = self.state(name)?;
        state.ready.get_or_init(|| ready::wait(self, name)).await.clone()
    }

    /// The engine's networks that a running service is on, with its address there.
    async fn networks_of(&self, name: &str) -> Result<Vec<(String, Ipv4Addr)>, SandboxError> {
        let (state, service) = self.state(name)?;
        // Who shares a namespace is found where that is.
        let holder = match shares_namespace_of(service) {
            Some(owner) => &self.state(owner)?.0.container,
            None => &state.container,
        };
        let found = self.run.engine.docker.inspect_container(holder, None).await.doing("look at a container")?;
        let networks = found.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
        let address = |endpoint: bollard::models::EndpointSettings| endpoint.ip_address?.parse().ok();
        Ok(networks.into_iter().filter_map(|(network, endpoint)| Some((network, address(endpoint)?))).collect())
    }

    async fn endpoint(&self, name: &str) -> Result<Endpoint, SandboxError> {
        let (state, service) = self.state(name)?;
        let networks = self.networks_of(name).await?;
        let mut addresses: Vec<Ipv4Addr> = networks.into_iter().map(|(_, address)| address).collect();
        addresses.sort();
        let ports = ready::Ports::of(service, &state.image);
        let sockets = ready::sockets(self, name).await.unwrap_or_default();
        Ok(Endpoint {
            service: name.to_owned(),
            addresses,
            published: ports.published,
            exposed: ports.exposed,
            listening: sockets.open_to_all(),
        })
    }
}

/// The service whose network namespace another one uses.
fn shares_namespace_of(service: &Service) -> Option<&str> {
    service.network_mode.as_deref().and_then(|mode| mode.strip_prefix("service:"))
}

fn networking(run: &Inner, name: &str, project: &Project, networks: &HashMap<String, String>) -> Networking {
    let service = &project.services[name];
    if let Some(owner) = shares_namespace_of(service) {
        return Networking::Inside(run.container(owner));
    }
    if service.network_mode.as_deref() == Some("none") || service.networks.is_empty() {
        return Networking::Alone;
    }
    let mut wanted: Vec<_> = service.networks.iter().collect();
    wanted.sort_by_key(|(_, attachment)| -attachment.priority);
    let links = project.services.values().flat_map(|other| &other.links);
    let linked: Vec<String> = links
        .filter_map(|link| link.split_once(':').filter(|(target, _)| *target == name))
        .map(|(_, alias)| alias.to_owned())
        .collect();
    let on = wanted.into_iter().filter_map(|(key, attachment)| {
        let mut aliases = vec![name.to_owned()];
        // Submissions find each other by the container's name too, which is ours now.
        aliases.extend(service.container_name.clone());
        aliases.extend(attachment.aliases.iter().chain(&linked).cloned());
        aliases.dedup();
        Some((networks.get(key)?.clone(), aliases))
    });
    Networking::On(on.collect())
}

fn check_circles(project: &Project) -> Result<(), SandboxError> {
    let mut done: Vec<&str> = Vec::new();
    let mut open: Vec<&str> = project.services.keys().map(String::as_str).collect();
    while !open.is_empty() {
        let waits = |name: &str| {
            let service = &project.services[name];
            let mut needs = service.depends_on.keys().map(String::as_str).chain(shares_namespace_of(service));
            needs.any(|need| open.contains(&need))
        };
        let (free, rest): (Vec<&str>, Vec<&str>) = open.iter().partition(|name| !waits(name));
        if free.is_empty() {
            return Err(SandboxError::Circle { services: rest.into_iter().map(str::to_owned).collect() });
        }
        done.extend(free);
        open = rest;
    }
    Ok(())
}
