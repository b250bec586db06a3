//! Every image of a stack: fetched, or built from the submission's tree.
//!
//! A build context is an archive made from the tree as data; no path of the submission is opened on the host. Before a
//! Dockerfile reaches the engine it is read for what it would fetch, and the images that it names go through the
//! allow-list.

mod context;
mod dockerfile;
mod ignore;
mod output;
mod solve;
mod variables;

use std::collections::HashSet;

use futures_util::future::try_join_all;
use indexmap::IndexMap;
use tokio::sync::{OnceCell, Semaphore};

use grader_compose::project::{Build, ContextSource, Service};

use crate::run::Inner;
use crate::{BuildOptions, ImageAllowList, SandboxError, StackPlan, images, labels, room};

/// The image of one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BuiltImage {
    /// What containers are made from: an id or a tag that only we use.
    pub reference: String,
    /// Whether it was built from the submission, as opposed to fetched.
    pub built: bool,
    /// Whether an earlier run's build was used.
    pub reused: bool,
    /// The images that it stands on, or its own name when it was fetched.
    pub bases: Vec<String>,
    /// Labels of the bases, first wins; a stand-in says so here.
    pub base_labels: IndexMap<String, String>,
    pub(crate) config: bollard::models::ImageConfig,
}

impl BuiltImage {
    /// Whether it stands on an image that this project made in place of the real one.
    pub fn stand_in(&self) -> bool {
        self.base_labels.contains_key(labels::STAND_IN)
    }
}

/// The images of a stack, by service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Images {
    pub services: IndexMap<String, BuiltImage>,
}

/// What every build of a run shares.
struct Builds<'a> {
    run: &'a Inner,
    plan: StackPlan<'a>,
    slots: Semaphore,
    /// One cell a service: another service's build may name its image as a context.
    cells: IndexMap<&'a str, OnceCell<Result<BuiltImage, SandboxError>>>,
}

pub(crate) async fn all(run: &Inner, plan: StackPlan<'_>) -> Result<Images, SandboxError> {
    let names: Vec<&str> = plan.project.services.keys().map(String::as_str).collect();
    let builds = Builds {
        run,
        plan,
        slots: Semaphore::new(run.options.limits.parallel_builds.max(1)),
        cells: names.iter().map(|name| (*name, OnceCell::new())).collect(),
    };
    builds.check_circles()?;
    let building = try_join_all(names.iter().map(|name| async {
        let image = builds.image(name).await?;
        Ok::<_, SandboxError>(((*name).to_owned(), image))
    }));
    // A build that is no longer polled is cancelled, and what its step wrote is removed by the engine.
    let built = tokio::select! {
        built = building => built?,
        error = room::gone(&run.engine.info().data_root, &run.options.limits) => return Err(error),
    };
    Ok(Images { services: built.into_iter().collect() })
}

/// What stands against a plan's images before an engine is asked: images that are not on the list, and builds that ask
/// for what builds may not do, or that cannot be read. Everything at once, in the order of the services.
pub fn review(plan: StackPlan<'_>, images: &ImageAllowList) -> Vec<SandboxError> {
    let settings = BuildOptions::default();
    let mut found = Vec::new();
    let services = &plan.project.services;
    for (name, service) in services {
        let mut check = |image: &str, place: &str| {
            if !images.allows(image) {
                found.push(SandboxError::ImageNotAllowed {
                    service: name.clone(),
                    image: image.to_owned(),
                    place: place.to_owned(),
                });
            }
        };
        match (&service.build, &service.image) {
            (Some(build), _) => {
                // What another service's build will be called is not known yet, and is ours in any case.
                let built =
                    build.additional_contexts.iter().filter(|(_, from)| matches!(from, ContextSource::Service(_)));
                let built = built.map(|(context, _)| (context.clone(), "scratch".to_owned())).collect();
                match context::read(&settings, plan.files, name, build, &built) {
                    Ok(asked) => asked.bases.iter().for_each(|(image, place)| check(image, place)),
                    Err(error) => found.push(error),
                }
            }
            (None, Some(image)) if maker_of(plan, name, image).is_none() => {
                check(image, &format!("services.{name}.image"));
            }
            (None, _) => {}
        }
    }
    found
}

/// The service that builds an image under this name, which is then meant and not one of a registry.
fn maker_of<'a>(plan: StackPlan<'a>, name: &str, image: &str) -> Option<&'a str> {
    let mut services = plan.project.services.iter();
    let maker = services
        .find(|(other, service)| *other != name && service.build.is_some() && service.image.as_deref() == Some(image));
    maker.map(|(other, _)| other.as_str())
}

impl Builds<'_> {
    async fn image(&self, name: &str) -> Result<BuiltImage, SandboxError> {
        let (Some(service), Some(cell)) = (self.plan.project.services.get(name), self.cells.get(name)) else {
            return Err(SandboxError::NoSuchService { service: name.to_owned() });
        };
        cell.get_or_init(|| async {
            match (&service.build, &service.image) {
                (Some(build), _) => self.built(name, service, build).await,
                (None, Some(image)) => self.fetched(name, image).await,
                (None, None) => Err(SandboxError::Missing {
                    service: name.to_owned(),
                    path: format!("services.{name}"),
                    what: "image or build section".to_owned(),
                }),
            }
        })
        .await
        .clone()
    }

    async fn fetched(&self, name: &str, image: &str) -> Result<BuiltImage, SandboxError> {
        let place = format!("services.{name}.image");
        if let Some(maker) = maker_of(self.plan, name, image) {
            return Box::pin(self.image(maker)).await;
        }
        let found = images::ensure(self.run, name, image, &place).await?;
        let config = found.config.unwrap_or_default();
        Ok(BuiltImage {
            reference: found.id.unwrap_or_else(|| image.to_owned()),
            built: false,
            reused: false,
            bases: vec![image.to_owned()],
            base_labels: config.labels.clone().unwrap_or_default().into_iter().collect(),
            config,
        })
    }

    async fn built(&self, name: &str, service: &Service, build: &Build) -> Result<BuiltImage, SandboxError> {
        let mut contexts = IndexMap::new();
        for (context, source) in &build.additional_contexts {
            if let ContextSource::Service(other) = source {
                contexts.insert(context.clone(), Box::pin(self.image(other)).await?.reference);
            }
        }
        let options = &self.run.options;
        let asked = context::read(&options.build, self.plan.files, name, build, &contexts)?;
        let input = context::pack(asked, self.plan.files, name, options.limits.tree_bytes)?;
        // The slot is taken after what is waited for, so that waiting builds never hold one.
        let _slot = self.slots.acquire().await;
        solve::build(self.run, name, service, build, input).await
    }

    /// A build that waits for itself would wait until the deadline.
    fn check_circles(&self) -> Result<(), SandboxError> {
        let needs = |name: &str| -> Vec<String> {
            let build = self.plan.project.services.get(name).and_then(|service| service.build.as_ref());
            let contexts = build.iter().flat_map(|build| build.additional_contexts.values());
            contexts
                .filter_map(|source| match source {
                    ContextSource::Service(other) => Some(other.clone()),
                    _ => None,
                })
                .collect()
        };
        for start in self.cells.keys() {
            let mut seen = HashSet::new();
            let mut open = needs(start);
            while let Some(next) = open.pop() {
                if next == *start {
                    return Err(SandboxError::Circle { services: vec![(*start).to_owned()] });
                }
                if seen.insert(next.clone()) {
                    open.extend(needs(&next));
                }
            }
        }
        Ok(())
    }
}
