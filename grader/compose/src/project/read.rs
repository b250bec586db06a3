//! A merged document to a typed project.
//!
//! The document was checked before; what still cannot be read is an error, never a guess.

use indexmap::IndexMap;

use super::{
    Attachment, Build, Condition, ContextSource, Dependency, DeployLimits, DockerfileSource, FileGrant, FileObject,
    FileSource, HealthTest, Healthcheck, Hook, Logging, Mount, MountSource, Network, PortHint, Project, PullPolicy,
    Restart, Service, Ulimit, Volume,
};
use crate::defaults::{items, section};
use crate::document::Node;
use crate::error::{ComposeError, ComposeErrors, ErrorKind};
use crate::load::{Merged, variables};
use crate::normalized::{host_pairs, integer, mode};
use crate::paths::{Paths, is_remote};
use crate::quantity;

/// Types a merged document.
///
/// # Errors
/// Every value that is outside the range of what it is for.
pub(crate) fn read(merged: &Merged) -> Result<Project, ComposeErrors> {
    let mut reader = Reader { merged, errors: Vec::new() };
    let root = &merged.root;
    let services = section(root, "services").map(|(name, node)| (name.clone(), reader.service(name, node))).collect();
    let networks = section(root, "networks").map(|(name, node)| (name.clone(), network(node))).collect();
    let volumes = section(root, "volumes")
        .map(|(name, node)| {
            (name.clone(), Volume { name: text(node, "name").unwrap_or_default(), labels: pairs(node.get("labels")) })
        })
        .collect();
    let secrets = section(root, "secrets").map(|(name, node)| (name.clone(), reader.file_object(node))).collect();
    let configs = section(root, "configs").map(|(name, node)| (name.clone(), reader.file_object(node))).collect();
    ComposeErrors::from_vec(reader.errors)?;
    Ok(Project { name: merged.name.clone(), services, networks, volumes, secrets, configs })
}

struct Reader<'a> {
    merged: &'a Merged,
    errors: Vec<ComposeError>,
}

impl Reader<'_> {
    fn paths(&self) -> &Paths {
        &self.merged.paths
    }

    fn report(&mut self, node: &Node, path: &str, message: String) {
        self.errors.push(ComposeError::new(ErrorKind::Invalid(message)).at(&node.place).on(path));
    }

    /// A value read by `read`; `None` if it is missing, or cannot be read, which is reported.
    fn value<T>(
        &mut self,
        node: &Node,
        path: &str,
        key: &str,
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        let field = node.get(key).filter(|field| !field.is_null())?;
        read(field).map_err(|message| self.report(field, &format!("{path}.{key}"), message)).ok()
    }

    fn service(&mut self, name: &str, node: &Node) -> Service {
        let path = format!("services.{name}");
        let deploy = self.deploy(node, &path);
        let scale = self.value(node, &path, "scale", count).or(deploy.replicas).unwrap_or(1);
        Service {
            image: text(node, "image"),
            build: node.get("build").filter(|build| !build.is_null()).map(|build| self.build(build, &path)),
            pull_policy: self.value(node, &path, "pull_policy", pull_policy).unwrap_or_default(),
            platform: text(node, "platform"),
            command: self.value(node, &path, "command", words),
            entrypoint: self.value(node, &path, "entrypoint", words),
            environment: node.get("environment").map(optional_pairs).unwrap_or_default(),
            ports: items(node.get("ports")).filter_map(|(index, port)| self.port(port, &path, index)).collect(),
            expose: texts(node, "expose"),
            volumes: items(node.get("volumes")).map(|(_, mount)| self.mount(mount, &path)).collect(),
            tmpfs: texts(node, "tmpfs"),
            networks: entries(node.get("networks")).map(|(name, node)| (name.clone(), attachment(node))).collect(),
            network_mode: text(node, "network_mode"),
            depends_on: entries(node.get("depends_on")).map(|(name, node)| (name.clone(), dependency(node))).collect(),
            healthcheck: node
                .get("healthcheck")
                .filter(|node| !node.is_null())
                .map(|node| self.healthcheck(node, &path)),
            user: text(node, "user"),
            group_add: texts(node, "group_add"),
            working_dir: text(node, "working_dir"),
            hostname: text(node, "hostname"),
            domainname: text(node, "domainname"),
            stop_signal: text(node, "stop_signal"),
            stop_grace_period: self.value(node, &path, "stop_grace_period", duration),
            init: node.get("init").and_then(Node::as_bool),
            tty: flag(node, "tty"),
            stdin_open: flag(node, "stdin_open"),
            shm_size: self.value(node, &path, "shm_size", bytes).flatten(),
            ulimits: self.ulimits(node, &path),
            read_only: flag(node, "read_only"),
            links: texts(node, "links"),
            volumes_from: texts(node, "volumes_from"),
            extra_hosts: self.value(node, &path, "extra_hosts", host_pairs).unwrap_or_default(),
            mem_limit: self.value(node, &path, "mem_limit", bytes).flatten(),
            mem_reservation: self.value(node, &path, "mem_reservation", bytes).flatten(),
            cpus: self.value(node, &path, "cpus", number),
            cpu_shares: self.value(node, &path, "cpu_shares", integer),
            pids_limit: self.value(node, &path, "pids_limit", integer),
            deploy,
            scale,
            secrets: self.grants(node, &path, "secrets", "/run/secrets/"),
            configs: self.grants(node, &path, "configs", "/"),
            labels: pairs(node.get("labels")),
            profiles: texts(node, "profiles"),
            sysctls: pairs(node.get("sysctls")),
            cap_drop: texts(node, "cap_drop"),
            logging: node
                .get("logging")
                .filter(|node| !node.is_null())
                .map(|node| Logging { driver: text(node, "driver"), options: pairs(node.get("options")) }),
            restart: self.value(node, &path, "restart", restart),
            container_name: text(node, "container_name"),
            dns: texts(node, "dns"),
            post_start: items(node.get("post_start")).map(|(_, hook)| self.hook(hook, &path)).collect(),
        }
    }

    fn build(&mut self, node: &Node, service: &str) -> Build {
        let path = format!("{service}.build");
        let context = self.context(node.get("context").and_then(Node::as_str).unwrap_or("."));
        let dockerfile = match (text(node, "dockerfile_inline"), text(node, "dockerfile")) {
            (Some(inline), _) => DockerfileSource::Inline(inline),
            (None, file) => {
                let file = file.unwrap_or_else(|| "Dockerfile".to_owned());
                match &context {
                    ContextSource::Local(_) => {
                        let folder = node.get("context").and_then(Node::as_str).unwrap_or(".");
                        let absolute = if file.starts_with(['/', '~']) { file } else { format!("{folder}/{file}") };
                        DockerfileSource::File(self.paths().locate(&absolute))
                    }
                    _ => DockerfileSource::InContext(file),
                }
            }
        };
        Build {
            dockerfile,
            target: text(node, "target"),
            args: node.get("args").map(optional_pairs).unwrap_or_default(),
            additional_contexts: entries(node.get("additional_contexts"))
                .map(|(name, node)| (name.clone(), self.context(node.as_str().unwrap_or_default())))
                .collect(),
            network: text(node, "network"),
            shm_size: self.value(node, &path, "shm_size", bytes).flatten(),
            extra_hosts: self.value(node, &path, "extra_hosts", host_pairs).unwrap_or_default(),
            labels: pairs(node.get("labels")),
            no_cache: flag(node, "no_cache"),
            pull: flag(node, "pull"),
            platforms: texts(node, "platforms"),
            secrets: self.grants(node, &path, "secrets", ""),
            ulimits: self.ulimits(node, &path),
            context,
        }
    }

    fn context(&self, text: &str) -> ContextSource {
        if let Some(image) = text.strip_prefix("docker-image://") {
            ContextSource::Image(image.to_owned())
        } else if let Some(service) = text.strip_prefix("service:") {
            ContextSource::Service(service.to_owned())
        } else if is_remote(text) || text.contains("://") {
            ContextSource::Remote(text.to_owned())
        } else {
            ContextSource::Local(self.paths().locate(text))
        }
    }

    fn port(&mut self, node: &Node, service: &str, index: usize) -> Option<PortHint> {
        let path = format!("{service}.ports[{index}]");
        let target = self.value(node, &path, "target", |node| {
            let number = integer(node)?;
            u16::try_from(number).ok().filter(|&port| port > 0).ok_or_else(|| format!("{number} is no port"))
        })?;
        Some(PortHint {
            target,
            published: text(node, "published"),
            protocol: text(node, "protocol").unwrap_or_else(|| "tcp".to_owned()),
            app_protocol: text(node, "app_protocol"),
            host_ip: text(node, "host_ip"),
            name: text(node, "name"),
        })
    }

    fn mount(&mut self, node: &Node, service: &str) -> Mount {
        let path = format!("{service}.volumes");
        let kind = text(node, "type").unwrap_or_else(|| "volume".to_owned());
        let source = match kind.as_str() {
            "bind" => MountSource::Bind {
                source: self.paths().locate(&text(node, "source").unwrap_or_default()),
                create_host_path: node.get("bind").is_some_and(|bind| flag(bind, "create_host_path")),
            },
            "volume" => {
                let options = node.get("volume");
                MountSource::Volume {
                    name: text(node, "source"),
                    nocopy: options.is_some_and(|options| flag(options, "nocopy")),
                    subpath: options.and_then(|options| text(options, "subpath")),
                }
            }
            "tmpfs" => {
                let options = node.get("tmpfs");
                let bits = |node: &Node| {
                    let bits = integer(node)?;
                    u32::try_from(bits).map_err(|_| format!("{bits} are no permission bits"))
                };
                MountSource::Tmpfs {
                    size: options.and_then(|options| self.value(options, &path, "size", bytes).flatten()),
                    mode: options.and_then(|options| self.value(options, &path, "mode", bits)),
                }
            }
            _ => MountSource::Other { kind },
        };
        Mount { target: text(node, "target").unwrap_or_default(), read_only: flag(node, "read_only"), source }
    }

    fn healthcheck(&mut self, node: &Node, service: &str) -> Healthcheck {
        let path = format!("{service}.healthcheck");
        let words = texts(node, "test");
        let test = match (node.get("test").and_then(Node::as_str), words.first().map(String::as_str)) {
            _ if flag(node, "disable") => HealthTest::Disabled,
            (Some(line), _) => HealthTest::Shell(line.to_owned()),
            (None, Some("NONE")) => HealthTest::Disabled,
            (None, Some("CMD")) => HealthTest::Exec(words[1..].to_vec()),
            (None, Some("CMD-SHELL")) => HealthTest::Shell(words[1..].join(" ")),
            (None, _) => HealthTest::Inherit,
        };
        Healthcheck {
            test,
            interval: self.value(node, &path, "interval", duration),
            timeout: self.value(node, &path, "timeout", duration),
            retries: self.value(node, &path, "retries", |node| {
                let number = integer(node)?;
                u64::try_from(number).map_err(|_| format!("{number} is negative"))
            }),
            start_period: self.value(node, &path, "start_period", duration),
            start_interval: self.value(node, &path, "start_interval", duration),
        }
    }

    fn ulimits(&mut self, node: &Node, path: &str) -> IndexMap<String, Ulimit> {
        let mut made = IndexMap::new();
        for (name, limit) in entries(node.get("ulimits")) {
            let field = |key: &str| limit.get(key).map_or(Ok(0), integer);
            let read = match limit.as_map() {
                None => integer(limit).map(|single| Ulimit { soft: single, hard: single }),
                Some(_) => field("soft").and_then(|soft| Ok(Ulimit { soft, hard: field("hard")? })),
            };
            match read {
                Ok(limit) => {
                    made.insert(name.clone(), limit);
                }
                Err(message) => self.report(limit, &format!("{path}.ulimits.{name}"), message),
            }
        }
        made
    }

    fn grants(&mut self, node: &Node, path: &str, key: &str, folder: &str) -> Vec<FileGrant> {
        let mut made = Vec::new();
        for (index, grant) in items(node.get(key)) {
            let source = text(grant, "source").unwrap_or_default();
            let target = match text(grant, "target") {
                Some(target) if target.starts_with('/') || folder.is_empty() => target,
                Some(target) => format!("{folder}{target}"),
                None => format!("{folder}{source}"),
            };
            let bits = self.value(grant, &format!("{path}.{key}[{index}]"), "mode", |node| {
                let bits = mode(node)?;
                u32::try_from(bits).map_err(|_| format!("{bits} are no permission bits"))
            });
            made.push(FileGrant { source, target, uid: text(grant, "uid"), gid: text(grant, "gid"), mode: bits });
        }
        made
    }

    fn hook(&mut self, node: &Node, path: &str) -> Hook {
        Hook {
            command: self.value(node, &format!("{path}.post_start"), "command", words).unwrap_or_default(),
            user: text(node, "user"),
            working_dir: text(node, "working_dir"),
            environment: node.get("environment").map(optional_pairs).unwrap_or_default(),
        }
    }

    fn deploy(&mut self, service: &Node, path: &str) -> DeployLimits {
        let Some(deploy) = service.get("deploy") else { return DeployLimits::default() };
        let resources = deploy.get("resources");
        let path = format!("{path}.deploy");
        let mut made =
            DeployLimits { replicas: self.value(deploy, &path, "replicas", count), ..DeployLimits::default() };
        if let Some(limits) = resources.and_then(|resources| resources.get("limits")) {
            let path = format!("{path}.resources.limits");
            made.cpus = self.value(limits, &path, "cpus", number);
            made.memory = self.value(limits, &path, "memory", bytes).flatten();
            made.pids = self.value(limits, &path, "pids", integer);
        }
        if let Some(reserved) = resources.and_then(|resources| resources.get("reservations")) {
            made.reserved_memory =
                self.value(reserved, &format!("{path}.resources.reservations"), "memory", bytes).flatten();
        }
        made
    }

    fn file_object(&mut self, node: &Node) -> FileObject {
        let source = if node.get("external").and_then(Node::as_bool) == Some(true) {
            FileSource::External
        } else if let Some(file) = text(node, "file") {
            FileSource::File(self.paths().locate(&file))
        } else if let Some(variable) = text(node, "environment") {
            let value = self.merged.env.get(&variable).cloned();
            FileSource::Environment { variable, value }
        } else {
            FileSource::Content(text(node, "content").unwrap_or_default())
        };
        FileObject { name: text(node, "name").unwrap_or_default(), source }
    }
}

fn network(node: &Node) -> Network {
    let pools = node.get("ipam").and_then(|ipam| ipam.get("config"));
    Network {
        name: text(node, "name").unwrap_or_default(),
        internal: flag(node, "internal"),
        enable_ipv6: flag(node, "enable_ipv6"),
        labels: pairs(node.get("labels")),
        subnets: items(pools).filter_map(|(_, pool)| text(pool, "subnet")).collect(),
    }
}

fn attachment(node: &Node) -> Attachment {
    Attachment {
        aliases: texts(node, "aliases"),
        ipv4_address: text(node, "ipv4_address"),
        ipv6_address: text(node, "ipv6_address"),
        priority: node.get("priority").and_then(|node| integer(node).ok()).unwrap_or_default(),
    }
}

fn dependency(node: &Node) -> Dependency {
    let condition = match node.get("condition").and_then(Node::as_str) {
        Some("service_healthy") => Condition::Healthy,
        Some("service_completed_successfully") => Condition::CompletedSuccessfully,
        _ => Condition::Started,
    };
    let required = node.get("required").and_then(Node::as_bool) != Some(false);
    Dependency { condition, required, restart: flag(node, "restart") }
}

/// A text that is not empty; numbers are texts where a text is wanted.
fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(Node::scalar_text).filter(|text| !text.is_empty())
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    match node.get(key) {
        Some(single) if single.as_str().is_some() => vec![single.scalar_text().unwrap_or_default()],
        list => items(list).filter_map(|(_, item)| item.scalar_text()).collect(),
    }
}

fn flag(node: &Node, key: &str) -> bool {
    let text = node.get(key).and_then(Node::scalar_text);
    text.and_then(|text| crate::interpolate::parse_bool(&text)).unwrap_or(false)
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (&String, &Node)> {
    node.and_then(Node::as_map).into_iter().flatten()
}

fn optional_pairs(node: &Node) -> IndexMap<String, Option<String>> {
    variables(node)
        .into_iter()
        .map(|(key, value)| (key, if value.is_null() { None } else { value.scalar_text() }))
        .collect()
}

fn pairs(node: Option<&Node>) -> IndexMap<String, String> {
    let variables = node.map(variables).unwrap_or_default();
    variables.into_iter().map(|(key, value)| (key, value.scalar_text().unwrap_or_default())).collect()
}

fn words(node: &Node) -> Result<Vec<String>, String> {
    match node.as_str() {
        Some(line) => quantity::shell_words(line),
        None => Ok(items(Some(node)).filter_map(|(_, item)| item.scalar_text()).collect()),
    }
}

fn duration(node: &Node) -> Result<std::time::Duration, String> {
    quantity::duration(&node.scalar_text().unwrap_or_default())
}

/// A size in bytes; a negative number is no limit.
fn bytes(node: &Node) -> Result<Option<u64>, String> {
    match node.as_int() {
        Some(number) => Ok(u64::try_from(number).ok()),
        None => quantity::bytes(&node.scalar_text().unwrap_or_default()).map(Some),
    }
}

fn number(node: &Node) -> Result<f64, String> {
    let text = node.scalar_text().unwrap_or_default();
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if number.is_finite() && number >= 0.0 { Ok(number) } else { Err(format!("`{text}` is no number of processors")) }
}

fn count(node: &Node) -> Result<u32, String> {
    let number = integer(node)?;
    u32::try_from(number).map_err(|_| format!("{number} is no number of containers"))
}

fn pull_policy(node: &Node) -> Result<PullPolicy, String> {
    const DAY: u64 = 24 * 60 * 60;
    let refresh = |days| PullPolicy::Refresh(std::time::Duration::from_secs(days * DAY));
    Ok(match node.as_str().unwrap_or_default() {
        "always" => PullPolicy::Always,
        "never" => PullPolicy::Never,
        "build" => PullPolicy::Build,
        "daily" => refresh(1),
        "weekly" => refresh(7),
        other => match other.strip_prefix("every_") {
            Some(interval) => PullPolicy::Refresh(quantity::duration(interval)?),
            None => PullPolicy::Missing,
        },
    })
}

fn restart(node: &Node) -> Result<Restart, String> {
    let text = node.scalar_text().unwrap_or_default();
    let wrong = || format!("`{text}` is no restart policy");
    let (policy, retries) =
        text.split_once(':').map_or((text.as_str(), None), |(policy, retries)| (policy, Some(retries)));
    let policy = match policy {
        // An unquoted `no` may have been read as a boolean by whoever wrote the file.
        "" | "no" | "false" => Restart::No,
        "always" => Restart::Always,
        "unless-stopped" => Restart::UnlessStopped,
        "on-failure" => {
            let max_retries = retries.map(str::parse).transpose().map_err(|_| wrong())?;
            return Ok(Restart::OnFailure { max_retries });
        }
        _ => return Err(wrong()),
    };
    if retries.is_some() { Err(wrong()) } else { Ok(policy) }
}
