//! Services that only show people what the stack holds: database browsers, dashboards, mail catchers.
//!
//! Nothing of a submission runs in them and no answer of its API depends on them, so a run goes without: it starts
//! sooner, and an image of theirs that cannot be had, or a socket that they would mount, costs a candidate nothing.
//! What the tree says stays as it is for whoever reads it.

use crate::document::Document;
use crate::project::{Project, Service};

use super::Rewrite;
use super::walk::shown;
use crate::tree_path::TreePath;

/// Image repositories, without registry and tag.
const TOOLS: [&str; 33] = [
    "dpage/pgadmin4",
    "sosedoff/pgweb",
    "adminer",
    "phpmyadmin",
    "phpmyadmin/phpmyadmin",
    "linuxserver/phpmyadmin",
    "dbeaver/cloudbeaver",
    "mongo-express",
    "rediscommander/redis-commander",
    "redis/redisinsight",
    "redislabs/redisinsight",
    "coleifer/sqlite-web",
    "swaggerapi/swagger-ui",
    "swaggerapi/swagger-editor",
    "grafana/grafana",
    "grafana/grafana-oss",
    "grafana/grafana-enterprise",
    "prom/prometheus",
    "prom/alertmanager",
    "prom/node-exporter",
    "prom/mysqld-exporter",
    "prometheuscommunity/postgres-exporter",
    "oliver006/redis_exporter",
    "cadvisor/cadvisor",
    "google/cadvisor",
    "portainer/portainer",
    "portainer/portainer-ce",
    "amir20/dozzle",
    "containrrr/watchtower",
    "kibana",
    "elastic/kibana",
    "netdata/netdata",
    "louislam/uptime-kuma",
];

/// The names of the services of `project` that are such tools and that no other service shares a namespace or volumes
/// with. A project of nothing else is left as it is.
pub(super) fn names(project: &Project) -> Vec<String> {
    let needed = |tool: &str| {
        let shared = format!("service:{tool}");
        project.services.values().any(|other| {
            other.volumes_from.iter().any(|from| from.split(':').next() == Some(tool))
                || other.network_mode.as_deref() == Some(&*shared)
        })
    };
    let tools: Vec<String> = project
        .services
        .iter()
        .filter(|(name, service)| is_tool(service) && !needed(name))
        .map(|(name, _)| name.clone())
        .collect();
    if tools.len() == project.services.len() { Vec::new() } else { tools }
}

/// The project without `tools`, and without what other services say of them.
pub(super) fn without(mut project: Project, tools: &[String]) -> Project {
    project.services.retain(|name, _| !tools.contains(name));
    for service in project.services.values_mut() {
        service.depends_on.retain(|name, _| !tools.contains(name));
        service.links.retain(|link| !tools.iter().any(|tool| link.split(':').next() == Some(tool)));
    }
    project
}

/// What a reader is told.
pub(super) fn rewrites(document: &Document, tools: &[String]) -> Vec<Rewrite> {
    let services = document.root.get("services");
    tools
        .iter()
        .map(|tool| {
            let image = services.and_then(|services| services.get(tool)).and_then(|service| service.get("image"));
            Rewrite {
                path: TreePath::of(&["services", tool]).to_string(),
                from: image.map(shown).unwrap_or_default(),
                to: "left out".to_owned(),
                why: "it shows people what the stack holds; nothing of the submission runs in it".to_owned(),
            }
        })
        .collect()
}

fn is_tool(service: &Service) -> bool {
    service.build.is_none() && service.image.as_deref().is_some_and(|image| TOOLS.contains(&repository(image)))
}

/// The repository of an image reference without registry, tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let image = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    };
    let image = match image.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => rest,
        _ => image,
    };
    image.strip_prefix("library/").unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::repository;
    use crate::files::{MemoryFiles, RelPath};
    use crate::load::{LoadOptions, Loaded, load};

    fn loaded(text: &str) -> Loaded {
        let files = MemoryFiles::new().with(RelPath::parse("compose.yaml").unwrap(), text);
        load(&files, &LoadOptions::default()).unwrap()
    }

    #[test]
    fn registry_tag_and_digest_do_not_name_an_image() {
        for image in ["adminer", "adminer:4", "docker.io/library/adminer:latest", "localhost:5000/adminer@sha256:00"] {
            assert_eq!(repository(image), "adminer", "{image}");
        }
        assert_eq!(repository("ghcr.io/dpage/pgadmin4:8"), "dpage/pgadmin4");
    }

    #[test]
    fn a_tool_is_left_out_and_nobody_waits_for_it() {
        let loaded = loaded(
            "services:\n  api: {image: app, depends_on: [grafana], links: ['grafana:g']}\n  grafana: {image: 'grafana/grafana-oss:8.5.2', volumes: ['/var/run/docker.sock:/var/run/docker.sock']}\n",
        );
        assert_eq!(loaded.refusals, []);
        assert_eq!(loaded.project.services.keys().collect::<Vec<_>>(), ["api"]);
        let api = &loaded.project.services["api"];
        assert!(api.depends_on.is_empty() && api.links.is_empty());
        let told: Vec<&str> = loaded.rewrites.iter().map(|rewrite| rewrite.path.as_str()).collect();
        assert_eq!(told, ["services.grafana"]);
        assert_eq!(loaded.rewrites[0].from, "grafana/grafana-oss:8.5.2");
    }

    #[test]
    fn a_tool_of_ones_own_and_a_stack_of_tools_are_started() {
        let built = loaded(
            "services:\n  api: {image: app}\n  admin: {build: {dockerfile_inline: 'FROM scratch'}, image: adminer}\n",
        );
        assert_eq!(built.project.services.len(), 2);
        let alone = loaded("services:\n  admin: {image: adminer}\n");
        assert_eq!(alone.project.services.len(), 1);
        let shared =
            loaded("services:\n  api: {image: app, network_mode: 'service:admin'}\n  admin: {image: adminer}\n");
        assert_eq!(shared.project.services.len(), 2);
    }
}
