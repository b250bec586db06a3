//! A service as the engine takes it: what the document asks for, within the walls that it cannot move.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, NetworkingConfig, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use grader_compose::project::{Restart, Service};

use super::{Frame, Networking, endpoint};
use crate::run::Inner;
use crate::{Limits, SandboxError, labels};

/// What entry points of official images need to prepare a folder, change to their user and open a port under 1024.
const CAPABILITIES: &[&str] =
    &["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/// Starts after a crash that a document may ask for. Some submissions lean on them until their database answers.
const MOST_RESTARTS: i64 = 10;

pub(super) fn body(run: &Inner, frame: &Frame<'_>) -> Result<ContainerCreateBody, SandboxError> {
    let service = frame.service;
    let limits = &run.options.limits;
    let mut labels = run.labels.map();
    labels.insert(labels::SERVICE.to_owned(), frame.name.to_owned());
    // The document's own labels mean something to nobody here, and must not pretend to be ours.
    let theirs = service.labels.iter().filter(|(label, _)| !label.starts_with("grader."));
    labels.extend(theirs.map(|(label, value)| (label.clone(), value.clone())));
    let shared = matches!(frame.networking, Networking::Inside(_));
    Ok(ContainerCreateBody {
        image: Some(frame.image.reference.clone()),
        // Names of its own belong to a container with a network namespace of its own.
        hostname: service.hostname.clone().filter(|_| !shared),
        domainname: service.domainname.clone().filter(|_| !shared),
        user: service.user.clone(),
        env: Some(
            service
                .environment
                .iter()
                .filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)))
                .collect(),
        ),
        cmd: service.command.clone(),
        // An entry point with nothing in it is how the engine is told to forget the image's.
        entrypoint: service.entrypoint.clone().map(|words| if words.is_empty() { vec![String::new()] } else { words }),
        working_dir: service.working_dir.clone(),
        tty: Some(service.tty),
        open_stdin: Some(service.stdin_open),
        stop_signal: service.stop_signal.clone(),
        // Health is tested by us, faster than the engine would.
        healthcheck: Some(HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }),
        labels: Some(labels),
        host_config: Some(host(run, frame, limits)),
        networking_config: match frame.networking {
            Networking::On(networks) => networks.first().map(|(network, aliases)| NetworkingConfig {
                endpoints_config: Some(HashMap::from([(network.clone(), endpoint(aliases.clone()))])),
            }),
            Networking::Alone | Networking::Inside(_) => None,
        },
        ..ContainerCreateBody::default()
    })
}

fn host(run: &Inner, frame: &Frame<'_>, limits: &Limits) -> HostConfig {
    let service = frame.service;
    let memory = limits.memory_of(frame.services, service.deploy.memory.or(service.mem_limit));
    let inside = matches!(frame.networking, Networking::Inside(_));
    let cpus = limits.cpus_of(service.deploy.cpus.or(service.cpus));
    let walls = walls(run, memory, cpus, limits.pids_of(service.deploy.pids.or(service.pids_limit)));
    let mounts = frame.layout.mounts_of(frame.name);
    HostConfig {
        cap_add: Some(capabilities(service)),
        network_mode: Some(match frame.networking {
            Networking::On(networks) => networks.first().map_or_else(|| "none".to_owned(), |(name, _)| name.clone()),
            Networking::Alone => "none".to_owned(),
            Networking::Inside(container) => format!("container:{container}"),
        }),
        memory_reservation: service
            .deploy
            .reserved_memory
            .or(service.mem_reservation)
            .and_then(|wanted| i64::try_from(wanted.min(memory)).ok()),
        cpu_shares: service.cpu_shares.map(|shares| shares.clamp(2, 1024)),
        init: service.init,
        group_add: (!service.group_add.is_empty()).then(|| service.group_add.clone()),
        shm_size: service.shm_size.and_then(|size| i64::try_from(size.min(limits.tmpfs_bytes)).ok()),
        ulimits: Some(
            service
                .ulimits
                .iter()
                .map(|(name, limit)| ResourcesUlimits {
                    name: Some(name.clone()),
                    soft: Some(limit.soft),
                    hard: Some(limit.hard),
                })
                .collect(),
        ),
        readonly_rootfs: Some(service.read_only && !frame.layout.writes_root(frame.name)),
        sysctls: (!service.sysctls.is_empty() && !inside).then(|| service.sysctls.clone().into_iter().collect()),
        extra_hosts: (!inside).then(|| {
            let hosts = service.extra_hosts.iter().filter(|(_, address)| address != "host-gateway");
            hosts.map(|(host, address)| format!("{host}:{address}")).collect()
        }),
        tmpfs: Some(tmpfs(service, limits.tmpfs_bytes)),
        mounts: Some(mounts),
        restart_policy: restart(service),
        dns: walls.dns.clone().filter(|_| !inside),
        dns_options: walls.dns_options.clone().filter(|_| !inside),
        ..walls
    }
}

/// What holds for every container, ours included.
pub(crate) fn walls(run: &Inner, memory: u64, cpus: f64, pids: i64) -> HostConfig {
    let memory = i64::try_from(memory).unwrap_or(i64::MAX);
    let log = (run.options.limits.log_bytes / 2).max(1 << 16);
    #[expect(clippy::cast_possible_truncation, reason = "a number of processors, in billionths")]
    let nano_cpus = (cpus.min(run.engine.info().processors as f64) * 1e9) as i64;
    HostConfig {
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
        privileged: Some(false),
        memory: Some(memory),
        // Memory and swap together: no swap.
        memory_swap: Some(memory),
        nano_cpus: Some(nano_cpus),
        pids_limit: Some(pids),
        runtime: run.options.runtime.clone(),
        ipc_mode: Some("private".to_owned()),
        publish_all_ports: Some(false),
        dns: Some(nowhere()),
        // Engines before 25 leave a question without an answer where there is nobody to ask.
        dns_options: (!run.engine.speaks(1, 44)).then(|| ["timeout:1", "attempts:2"].map(str::to_owned).to_vec()),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), log.to_string()),
                ("max-file".to_owned(), "2".to_owned()),
            ])),
        }),
        ..HostConfig::default()
    }
}

/// A name server that is not there: the engine's own answers for services, and passes nothing on.
fn nowhere() -> Vec<String> {
    vec!["127.0.0.1".to_owned()]
}

fn capabilities(service: &Service) -> Vec<String> {
    let dropped = |name: &str| {
        service.cap_drop.iter().any(|drop| {
            let drop = drop.to_uppercase();
            drop == "ALL" || drop.strip_prefix("CAP_").unwrap_or(&drop) == name
        })
    };
    CAPABILITIES.iter().filter(|name| !dropped(name)).map(|name| (*name).to_owned()).collect()
}

fn restart(service: &Service) -> Option<RestartPolicy> {
    let times = match service.restart? {
        Restart::No => return None,
        Restart::Always | Restart::UnlessStopped => MOST_RESTARTS,
        Restart::OnFailure { max_retries } => max_retries.map_or(MOST_RESTARTS, i64::from).min(MOST_RESTARTS),
    };
    Some(RestartPolicy { name: Some(RestartPolicyNameEnum::ON_FAILURE), maximum_retry_count: Some(times) })
}

/// How often the engine starts a service again.
pub(crate) fn restarts_of(service: &Service) -> i64 {
    restart(service).and_then(|policy| policy.maximum_retry_count).unwrap_or(0)
}

fn tmpfs(service: &Service, limit: u64) -> HashMap<String, String> {
    service
        .tmpfs
        .iter()
        .map(|entry| {
            let (target, options) = entry.split_once(':').unwrap_or((entry, ""));
            let mut kept: Vec<String> =
                options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
            let wanted = kept.iter().find_map(|option| size(option.strip_prefix("size=")?));
            kept.retain(|option| !option.starts_with("size=") && !option.starts_with("nr_"));
            kept.push(format!("size={}", wanted.unwrap_or(limit).min(limit)));
            (target.to_owned(), kept.join(","))
        })
        .collect()
}

fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_lowercase().trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_may_drop_capabilities() {
        let dropping = |names: &[&str]| Service {
            cap_drop: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Service::default()
        };
        assert_eq!(capabilities(&dropping(&["all"])), Vec::<String>::new());
        assert!(!capabilities(&dropping(&["CAP_CHOWN"])).contains(&"CHOWN".to_owned()));
        assert!(capabilities(&dropping(&[])).contains(&"SETUID".to_owned()));
    }

    #[test]
    fn memory_mounts_stay_within_the_limit() {
        let service = Service {
            tmpfs: vec!["/a".to_owned(), "/b:rw,size=1g".to_owned(), "/c:size=64k,mode=1777".to_owned()],
            ..Service::default()
        };
        let mounts = tmpfs(&service, 1 << 20);
        assert_eq!(mounts["/a"], "size=1048576");
        assert_eq!(mounts["/b"], "rw,size=1048576");
        assert_eq!(mounts["/c"], "mode=1777,size=65536");
    }

    #[test]
    fn a_restart_policy_ends() {
        let service = |restart| Service { restart, ..Service::default() };
        assert_eq!(restarts_of(&service(Some(Restart::Always))), MOST_RESTARTS);
        assert_eq!(restarts_of(&service(Some(Restart::OnFailure { max_retries: Some(3) }))), 3);
        assert_eq!(restarts_of(&service(Some(Restart::No))), 0);
        assert_eq!(restarts_of(&service(None)), 0);
    }
}
