//! What must hold between the parts of a project: names that are referred to exist, attributes that exclude each other do
//! not stand together, nobody waits in a circle.

use std::collections::{HashMap, HashSet};

use crate::defaults::{items, section};
use crate::document::Node;
use crate::error::{ComposeError, ErrorKind};
use crate::quantity;

/// Takes the services out of a document whose profiles are not enabled. Returns their names.
pub(crate) fn leave_out_disabled(root: &mut Node, enabled: &[String]) -> Vec<String> {
    let mut disabled = Vec::new();
    let services = root.as_map_mut().and_then(|map| map.get_mut("services")?.as_map_mut());
    if let Some(services) = services {
        services.retain(|name, service| {
            let mut profiles =
                items(service.get("profiles")).filter_map(|(_, profile)| profile.scalar_text()).peekable();
            let stays = profiles.peek().is_none()
                || enabled.iter().any(|profile| profile == "*")
                || profiles.any(|profile| enabled.contains(&profile));
            if !stays {
                disabled.push(name.clone());
            }
            stays
        });
    }
    disabled
}

/// Takes the networks, volumes, secrets and configs out of a document that no service uses.
pub(crate) fn leave_out_unused(root: &mut Node) {
    let mut used: [HashSet<String>; 4] = Default::default();
    let [networks, volumes, secrets, configs] = &mut used;
    for (_, service) in section(root, "services") {
        let keys =
            |key: &str| service.get(key).and_then(Node::as_map).into_iter().flatten().map(|(name, _)| name.clone());
        networks.extend(keys("networks"));
        let sources = |list: Option<&Node>| -> Vec<String> {
            items(list).filter_map(|(_, item)| item.get("source").and_then(Node::scalar_text)).collect()
        };
        volumes.extend(sources(service.get("volumes")));
        secrets.extend(sources(service.get("secrets")));
        secrets.extend(sources(service.get("build").and_then(|build| build.get("secrets"))));
        configs.extend(sources(service.get("configs")));
    }
    let Some(document) = root.as_map_mut() else { return };
    for (name, used) in ["networks", "volumes", "secrets", "configs"].into_iter().zip(used) {
        if let Some(section) = document.get_mut(name).and_then(Node::as_map_mut) {
            section.retain(|key, _| used.contains(key));
            if section.is_empty() {
                document.shift_remove(name);
            }
        }
    }
}

/// Checks the services that are left; `disabled` ones may be depended on if that is not required.
pub(crate) fn check(root: &Node, disabled: &[String], errors: &mut Vec<ComposeError>) {
    let before = errors.len();
    for (name, service) in section(root, "services") {
        let mut checks = Checks { root, name, service, disabled, errors };
        checks.image_and_build();
        checks.references();
        checks.limits();
        checks.targets();
    }
    for (name, secret) in section(root, "secrets") {
        let has = |key: &str| secret.get(key).and_then(Node::as_str).is_some_and(|text| !text.is_empty());
        if secret.get("external").and_then(Node::as_bool) != Some(true) && !has("file") && !has("environment") {
            let kind = ErrorKind::Invalid("a secret needs `file` or `environment`".to_owned());
            errors.push(ComposeError::new(kind).at(&secret.place).on(format!("secrets.{name}")));
        }
    }
    if errors.len() == before {
        cycle(root, errors);
    }
}

struct Checks<'a> {
    root: &'a Node,
    name: &'a str,
    service: &'a Node,
    disabled: &'a [String],
    errors: &'a mut Vec<ComposeError>,
}

impl Checks<'_> {
    fn report(&mut self, node: &Node, attribute: &str, kind: ErrorKind) {
        let path = if attribute.is_empty() {
            format!("services.{}", self.name)
        } else {
            format!("services.{}.{attribute}", self.name)
        };
        self.errors.push(ComposeError::new(kind).at(&node.place).on(path));
    }

    fn contradiction(&mut self, attribute: &str, message: &str) {
        let node = self.service.get(attribute.split('.').next().unwrap_or(attribute)).unwrap_or(self.service);
        self.report(node, attribute, ErrorKind::Contradiction(message.to_owned()));
    }

    fn text(&self, attribute: &str) -> Option<&str> {
        self.service.get(attribute).and_then(Node::as_str).filter(|text| !text.is_empty())
    }

    fn defines(&self, section: &str, name: &str) -> bool {
        self.root.get(section).is_some_and(|section| section.get(name).is_some())
    }

    fn image_and_build(&mut self) {
        let build = self.service.get("build").filter(|build| !build.is_null());
        if build.is_none() && self.text("image").is_none() && self.service.get("provider").is_none() {
            let message = "the service has neither an image nor a build";
            self.report(self.service, "", ErrorKind::Invalid(message.to_owned()));
        }
        let Some(build) = build else { return };
        let has = |key: &str| build.get(key).and_then(Node::as_str).is_some_and(|text| !text.is_empty());
        if has("dockerfile") && has("dockerfile_inline") {
            self.contradiction("build", "`dockerfile` and `dockerfile_inline` exclude each other");
        }
        for (key, context) in build.get("additional_contexts").and_then(Node::as_map).into_iter().flatten() {
            let Some(target) = context.as_str().and_then(|text| text.strip_prefix("service:")) else { continue };
            let attribute = format!("build.additional_contexts.{key}");
            match self.root.get("services").and_then(|services| services.get(target)) {
                None => self.report(context, &attribute, undefined("service", target)),
                Some(other) if other.get("build").is_none() => {
                    let message = format!("the service `{target}` is not built");
                    self.report(context, &attribute, ErrorKind::Invalid(message));
                }
                Some(_) => {}
            }
        }
        if let Some(platform) = self.text("platform") {
            let mut platforms = items(build.get("platforms")).filter_map(|(_, platform)| platform.as_str()).peekable();
            if platforms.peek().is_some() && !platforms.any(|other| other == platform) {
                self.contradiction("platform", "`build.platforms` must include the platform of the service");
            }
        }
        for (index, secret) in items(build.get("secrets")) {
            self.refers(secret, &format!("build.secrets[{index}]"), "secrets", "secret");
        }
    }

    fn refers(&mut self, grant: &Node, attribute: &str, section: &str, kind: &'static str) {
        let source = grant.get("source").and_then(Node::scalar_text).unwrap_or_default();
        if !self.defines(section, &source) {
            self.report(grant, attribute, undefined(kind, &source));
        }
    }

    fn references(&mut self) {
        let service = self.service;
        let networks = service.get("networks").and_then(Node::as_map);
        if self.text("network_mode").is_some() && networks.is_some_and(|networks| !networks.is_empty()) {
            self.contradiction("network_mode", "`network_mode` and `networks` exclude each other");
        }
        for (name, attachment) in networks.into_iter().flatten() {
            // The reference takes a name with `x-` for an extension, and finds no network.
            if name.starts_with("x-") || !self.defines("networks", name) {
                self.report(attachment, "networks", undefined("network", name));
            }
        }
        for (name, dependency) in service.get("depends_on").and_then(Node::as_map).into_iter().flatten() {
            let required = dependency.get("required").and_then(Node::as_bool) != Some(false);
            let known = self.defines("services", name);
            if !known && (required || !self.disabled.contains(name)) {
                self.report(dependency, "depends_on", undefined("service", name));
            }
        }
        if let Some(shared) = self.text("network_mode").and_then(|mode| mode.strip_prefix("service:"))
            && !self.defines("services", shared)
        {
            self.report(service, "network_mode", undefined("service", shared));
        }
        for (index, volume) in items(service.get("volumes")) {
            let source = volume.get("source").and_then(Node::as_str).filter(|source| !source.is_empty());
            if let (Some("volume"), Some(source)) = (volume.get("type").and_then(Node::as_str), source)
                && !self.defines("volumes", source)
            {
                self.report(volume, &format!("volumes[{index}]"), undefined("volume", source));
            }
        }
        for (name, model) in service.get("models").and_then(Node::as_map).into_iter().flatten() {
            if !self.defines("models", name) {
                self.report(model, "models", undefined("model", name));
            }
        }
        for (section, kind) in [("configs", "config"), ("secrets", "secret")] {
            for (index, grant) in items(service.get(section)) {
                self.refers(grant, &format!("{section}[{index}]"), section, kind);
            }
        }
        let test = service.get("healthcheck").and_then(|healthcheck| healthcheck.get("test"));
        if let Some(first) = test.and_then(Node::as_seq).and_then(<[Node]>::first)
            && !matches!(first.as_str(), Some("CMD" | "CMD-SHELL" | "NONE"))
        {
            let message = "the test must start with CMD, CMD-SHELL or NONE";
            self.report(first, "healthcheck.test", ErrorKind::Invalid(message.to_owned()));
        }
    }

    /// Limits that stand in two places must agree; numbers of containers must be possible.
    fn limits(&mut self) {
        let deploy = self.service.get("deploy");
        let integer = |node: Option<&Node>| node.and_then(Node::scalar_text).and_then(|text| text.parse::<i64>().ok());
        let scale = integer(self.service.get("scale"));
        let replicas = integer(deploy.and_then(|deploy| deploy.get("replicas")));
        if scale.is_some() && replicas.is_some() && scale != replicas {
            self.contradiction("scale", "`scale` and `deploy.replicas` differ");
        }
        for (attribute, count) in [("scale", scale), ("deploy.replicas", replicas)] {
            if count.is_some_and(|count| count < 0) {
                self.contradiction(attribute, "must not be negative");
            }
        }
        if scale.or(replicas).is_some_and(|count| count > 1) && self.text("container_name").is_some() {
            self.contradiction("container_name", "several containers cannot have one name");
        }
        let resources = deploy.and_then(|deploy| deploy.get("resources"));
        for (attribute, section, limit) in [
            ("cpus", "limits", "cpus"),
            ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"),
            ("pids_limit", "limits", "pids"),
        ] {
            let Some(limits) = resources.and_then(|resources| resources.get(section)) else { continue };
            let own = size(self.service.get(attribute));
            if own != 0.0 && own != size(limits.get(limit)) {
                let message = format!("`{attribute}` and `deploy.resources.{section}.{limit}` differ");
                self.contradiction(attribute, &message);
            }
        }
    }

    /// No two mounts at one place, and a target for what is synchronized.
    fn targets(&mut self) {
        let mut mounts: HashMap<String, String> = HashMap::new();
        let single =
            self.service.get("tmpfs").and_then(Node::as_str).map(|target| ("tmpfs".to_owned(), target.to_owned()));
        let tmpfs = items(self.service.get("tmpfs"))
            .filter_map(|(index, entry)| Some((format!("tmpfs[{index}]"), entry.as_str()?.to_owned())))
            .chain(single)
            .map(|(attribute, text)| (attribute, text.split(':').next().unwrap_or_default().to_owned()));
        let volumes = items(self.service.get("volumes")).filter_map(|(index, volume)| {
            Some((format!("volumes[{index}]"), volume.get("target").and_then(Node::scalar_text)?))
        });
        let all: Vec<(String, String)> = tmpfs.chain(volumes).collect();
        for (attribute, target) in all {
            if let Some(first) = mounts.get(&target) {
                let message = format!("`{target}` is already the target of {first}");
                self.contradiction(&attribute, &message);
            }
            mounts.insert(target, attribute);
        }
        for (_, watch) in items(self.service.get("develop").and_then(|develop| develop.get("watch"))) {
            let has_target = watch.get("target").and_then(Node::as_str).is_some_and(|target| !target.is_empty());
            if !has_target && !matches!(watch.get("action").and_then(Node::as_str), Some("rebuild" | "restart")) {
                self.contradiction("develop", "a watch needs a `target` unless it rebuilds or restarts");
            }
        }
    }
}

fn undefined(kind: &'static str, name: &str) -> ErrorKind {
    ErrorKind::Undefined { kind, name: name.to_owned() }
}

/// A number, or a size with a unit; 0 if it is missing.
fn size(node: Option<&Node>) -> f64 {
    let text = node.and_then(Node::scalar_text).unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "only compared with a size read in the same way")]
    text.parse().ok().or_else(|| quantity::bytes(&text).ok().map(|size| size as f64)).unwrap_or(0.0)
}

/// Looks for services that wait for each other, without recursion: a chain may be as long as the document.
fn cycle(root: &Node, errors: &mut Vec<ComposeError>) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        Open,
        Done,
    }
    let dependencies = |name: &str| -> Vec<&str> {
        let service = root.get("services").and_then(|services| services.get(name));
        let depends_on = service.and_then(|service| service.get("depends_on")?.as_map());
        depends_on.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    };
    let mut marks: HashMap<&str, Mark> = HashMap::new();
    for (start, node) in section(root, "services") {
        if marks.contains_key(start.as_str()) {
            continue;
        }
        let mut way = vec![(start.as_str(), dependencies(start))];
        marks.insert(start, Mark::Open);
        while let Some((name, rest)) = way.last_mut() {
            let Some(next) = rest.pop() else {
                marks.insert(name, Mark::Done);
                way.pop();
                continue;
            };
            match marks.get(next) {
                Some(Mark::Done) => {}
                Some(Mark::Open) => {
                    let names = way.iter().map(|(name, _)| *name).skip_while(|&name| name != next);
                    let names: Vec<&str> = names.chain([next]).collect();
                    let kind = ErrorKind::DependencyCycle(names.join(" -> "));
                    errors.push(ComposeError::new(kind).at(&node.place).on(format!("services.{next}.depends_on")));
                    return;
                }
                None => {
                    marks.insert(next, Mark::Open);
                    way.push((next, dependencies(next)));
                }
            }
        }
    }
}
