//! Paths whose fate depends on what stands there.

use super::rules;
use super::walk::{Walk, shown};
use crate::document::{Node, Value};
use crate::files::{Kind, ReadError, RelPath};
use crate::normalized::host_pairs;
use crate::paths::is_remote;
use crate::project::Location;
use crate::tree_path::TreePath;

/// Kernel parameters of a container's own namespaces that change nothing for others.
const SYSCTLS: [&str; 13] = [
    "net.core.somaxconn",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_tw_reuse",
    "net.ipv6.conf.all.disable_ipv6",
    "net.ipv6.conf.default.disable_ipv6",
    "net.ipv6.conf.lo.disable_ipv6",
];

/// A folder in the tree, an image, or a service of the project.
pub(super) fn context(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let text = node.as_str().unwrap_or_default();
    if text.starts_with("docker-image://") || text.starts_with("service:") {
        return;
    }
    if is_remote(text) || text.contains("://") {
        walk.refuse(rules::REMOTE, node, path, &shown(node));
        return;
    }
    in_tree(walk, node, path, text, rules::PATH_OUTSIDE);
}

/// A file in the tree, relative to the context beside it.
pub(super) fn dockerfile(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let service = path.parts().get(1).and_then(|name| walk.project.services.get(name));
    let Some(build) = service.and_then(|service| service.build.as_ref()) else { return };
    let crate::project::DockerfileSource::File(location) = &build.dockerfile else { return };
    let location = location.clone();
    located(walk, node, path, &location, rules::PATH_OUTSIDE);
}

/// A file of a secret or config.
pub(super) fn file(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let text = node.as_str().unwrap_or_default();
    in_tree(walk, node, path, text, rules::PATH_OUTSIDE);
}

fn in_tree(walk: &mut Walk<'_>, node: &Node, path: &TreePath, text: &str, rule: rules::Rule) {
    let location = walk.paths.locate(text);
    located(walk, node, path, &location, rule);
}

/// Refuses a location outside the tree with `rule`, and one that leads through a symbolic link.
fn located(walk: &mut Walk<'_>, node: &Node, path: &TreePath, location: &Location, rule: rules::Rule) {
    match location {
        Location::Outside(text) => walk.refuse(rule, node, path, text),
        Location::Tree(inside) if is_link(walk, inside) => {
            walk.refuse(rules::SYMLINK, node, path, inside.as_str());
        }
        Location::Tree(_) => {}
    }
}

fn is_link(walk: &Walk<'_>, path: &RelPath) -> bool {
    matches!(walk.files.kind(path), Ok(Kind::Symlink) | Err(ReadError::Symlink(_)))
}

/// `none` or the default.
pub(super) fn build_network(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    if !matches!(node.as_str(), Some("" | "none" | "default") | None) {
        walk.refuse(rules::BUILD_NETWORK, node, path, &shown(node));
    }
}

/// Any host but by way of the host's own address.
pub(super) fn extra_hosts(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let Ok(pairs) = host_pairs(node) else {
        walk.refuse(rules::NOT_ALLOWED, node, path, &shown(node));
        return;
    };
    for (host, address) in pairs {
        if address.eq_ignore_ascii_case("host-gateway") {
            walk.refuse(rules::HOST_GATEWAY, node, path, &format!("{host}={address}"));
        }
    }
}

/// Services of the project only.
pub(super) fn volumes_from(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    for item in node.as_seq().unwrap_or_default() {
        if item.as_str().is_some_and(|text| text.starts_with("container:")) {
            walk.refuse(rules::EXTERNAL, item, path, &shown(item));
        }
    }
}

/// Files of the submission, volumes and memory.
pub(super) fn mount(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let kind = node.get("type").and_then(Node::as_str).unwrap_or("volume");
    match kind {
        "bind" => bind(walk, node, path),
        "volume" | "tmpfs" => {}
        other => walk.refuse(rules::MOUNT_TYPE, node, path, other),
    }
    for (key, child) in node.as_map().into_iter().flatten() {
        let path = path.child(key);
        match key.as_str() {
            "type" | "source" | "target" | "read_only" | "consistency" | "bind" | "volume" | "tmpfs" | "image" => {}
            key if key.starts_with("x-") => {}
            _ => walk.refuse(rules::NOT_ALLOWED, child, &path, &shown(child)),
        }
    }
    if let Some(labels) = node.get("volume").and_then(|volume| volume.get("labels")) {
        walk.rewrite(labels, &path.child("volume").child("labels"), "left out", "labels are the grader's");
    }
}

fn bind(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let source = node.get("source").and_then(Node::as_str).unwrap_or_default();
    let location = walk.paths.locate(source);
    let is_socket = ["docker.sock", "podman.sock", "containerd.sock"].iter().any(|name| source.ends_with(name));
    match &location {
        Location::Outside(_) if is_socket => walk.refuse(rules::DOCKER_SOCKET, node, path, source),
        _ => located(walk, node, path, &location, rules::HOST_BIND),
    }
    if matches!(location, Location::Tree(_)) {
        let to = "a volume of the run, filled with what lies there";
        walk.rewrite(node.get("source").unwrap_or(node), path, to, "a container does not write to the submission");
    }
    let options = node.get("bind");
    let propagation = options.and_then(|bind| bind.get("propagation"));
    if let Some(propagation) = propagation
        && !matches!(propagation.as_str(), Some("" | "private" | "rprivate"))
    {
        walk.refuse(rules::PROPAGATION, propagation, &path.child("bind").child("propagation"), &shown(propagation));
    }
    if let Some(selinux) = options.and_then(|bind| bind.get("selinux")) {
        let why = "files of the submission are not relabelled";
        walk.rewrite(selinux, &path.child("bind").child("selinux"), "left out", why);
    }
}

/// No network, another service's, or (as if nothing was said) the run's own.
pub(super) fn network_mode(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    match node.as_str().unwrap_or_default() {
        "" | "none" => {}
        "bridge" | "default" => {
            walk.rewrite(node, path, "the run's own network", "the engine's shared bridge leads to other containers");
        }
        mode if mode.starts_with("service:") => {}
        _ => walk.refuse(rules::HOST_NAMESPACE, node, path, &shown(node)),
    }
}

/// Never published: the harness reaches it inside the run's network.
pub(super) fn port(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let field = |key: &str| node.get(key).and_then(Node::scalar_text).filter(|text| !text.is_empty());
    let target = field("target").unwrap_or_default();
    let from = match (field("host_ip"), field("published")) {
        (Some(address), Some(published)) => format!("{address}:{published}:{target}"),
        (None, Some(published)) => format!("{published}:{target}"),
        (_, None) => target.clone(),
    };
    let written = Node::string(&node.place, from);
    let to = format!("{target} inside the run's network");
    walk.rewrite(&written, path, &to, "no port of the host is taken; probes run inside");
}

/// A stack that never gives up would never be seen to fail.
pub(super) fn restart(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    if matches!(node.as_str(), Some(policy) if policy != "no") {
        let to = format!("on-failure, at most {} times", super::plan::MAX_RESTARTS);
        walk.rewrite(node, path, &to, "a service that cannot start must be seen");
    }
}

/// Only what the sandbox does anyway.
pub(super) fn security_opt(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    for (index, item) in node.as_seq().unwrap_or_default().iter().enumerate() {
        if !matches!(item.as_str(), Some("no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true")) {
            walk.refuse(rules::SECURITY_OPT, item, &path.item(index), &shown(item));
        }
    }
}

/// The container's own.
pub(super) fn private_namespace(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    if !matches!(node.as_str(), Some("" | "private" | "none") | None) {
        walk.refuse(rules::HOST_NAMESPACE, node, path, &shown(node));
    }
}

/// Those of the short list.
pub(super) fn sysctls(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    for (name, value) in crate::load::variables(node) {
        if !SYSCTLS.contains(&name.as_str()) {
            walk.refuse(rules::SYSCTL, &value, &path.child(&name), &name);
        }
    }
}

/// A command in a container that started, with that container's rights.
pub(super) fn hook(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    if let Some(privileged) = node.get("privileged")
        && !matches!(privileged.value, Value::Null | Value::Bool(false))
        && privileged.scalar_text().as_deref() != Some("false")
    {
        walk.refuse(rules::PRIVILEGED_HOOK, privileged, &path.child("privileged"), "");
    }
}

/// As [`hook`], and never run: teardown does not wait.
pub(super) fn pre_stop(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    hook(walk, node, path);
    walk.rewrite(node, path, "left out", "a graded stack is removed, not stopped");
}

/// The name that a resource would have on the engine.
pub(super) fn name(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    let key = path.parts().get(1).map_or("", String::as_str);
    let default = format!("{}_{key}", walk.project.name);
    if node.as_str().is_some_and(|name| name != default) {
        walk.rewrite(node, path, "a name of the run's own", "names belong to the run, so that runs do not collide");
    }
}

/// Bridges.
pub(super) fn network_driver(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    if !matches!(node.as_str(), Some("" | "bridge" | "default") | None) {
        walk.refuse(rules::NETWORK_DRIVER, node, path, &shown(node));
    }
}

/// The engine's own.
pub(super) fn volume_driver(walk: &mut Walk<'_>, node: &Node, path: &TreePath) {
    if !matches!(node.as_str(), Some("" | "local" | "default") | None) {
        walk.refuse(rules::VOLUME_DRIVER, node, path, &shown(node));
    }
}
