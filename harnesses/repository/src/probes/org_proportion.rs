//! `org.proportion`: no more machinery than the task needs.
//!
//! Observes manifests, compose files and dependencies for what a service of one process and one database does not need:
//! Kubernetes and Helm, a service mesh, a message broker, several services of one's own, infrastructure as code, a search
//! cluster. What the brief itself names is not counted. Two kinds fail, one is a partial: it may have been fun, and the
//! reviewer asks. A cache, a reverse proxy, metrics and one worker are in proportion. Planted defect: `org-proportion` of
//! the Express submission.

use grader_model::{Evidence, Finding};
use grader_spec::Params;
use serde_yaml::Value;

use super::Tree;
use crate::tree;

pub(super) const ID: &str = "org.proportion";

/// Services of one's own that compose may build before they are many: an API, a worker, a migration, tests.
const MOST_BUILDS: usize = 4;

#[derive(Debug)]
struct Machinery {
    kind: &'static str,
    path: String,
    line: Option<u32>,
    shown: String,
}

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let mut found: Vec<Machinery> = Vec::new();
    for (path, text) in &tree.texts {
        if tree::is_test(path) || tree::is_document(path) {
            continue;
        }
        manifests(path, text, &mut found);
        dependencies(path, text, &mut found);
    }
    services(tree, &mut found);
    let brief = tree.brief.to_ascii_lowercase();
    found.retain(|machinery| !asked_for(&brief, machinery.kind));
    let mut kinds: Vec<&str> = Vec::new();
    for machinery in &found {
        if !kinds.contains(&machinery.kind) {
            kinds.push(machinery.kind);
        }
    }
    let expected = "a service, its database and little else";
    let evidence: Vec<Evidence> = kinds
        .iter()
        .flat_map(|kind| found.iter().filter(move |machinery| machinery.kind == *kind).take(2))
        .map(|machinery| Evidence::file(machinery.path.clone(), machinery.line, machinery.shown.clone()))
        .collect();
    let finding = match kinds.len() {
        0 => Finding::pass(ID, "The machinery is in proportion to the task").actual("nothing beyond the task"),
        1 => Finding::partial(ID, 0.5, format!("More machinery than the task needs: {}", kinds[0])).actual(kinds[0]),
        _ => Finding::fail(ID, format!("Much more machinery than the task needs: {}", kinds.join(", ")))
            .actual(kinds.join(", ")),
    };
    finding.expected(expected).evidences(evidence)
}

fn asked_for(brief: &str, kind: &str) -> bool {
    let words: &[&str] = match kind {
        "Kubernetes" => &["kubernetes", "k8s", "helm"],
        "a message broker" => &["kafka", "rabbitmq", "message broker", "event-driven", "queue"],
        "several services" => &["microservice"],
        "a search cluster" => &["elasticsearch", "opensearch"],
        "infrastructure as code" => &["terraform", "infrastructure as code"],
        _ => &["service mesh", "istio"],
    };
    words.iter().any(|word| brief.contains(word))
}

const CLUSTER_KINDS: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Service",
    "Ingress",
    "ConfigMap",
    "Secret",
    "HorizontalPodAutoscaler",
    "Namespace",
    "Kustomization",
    "CronJob",
    "Job",
    "PersistentVolumeClaim",
];

fn manifests(path: &str, text: &str, found: &mut Vec<Machinery>) {
    let mut add = |kind: &'static str, line: Option<u32>, shown: &str| {
        if found.len() < 200 {
            found.push(Machinery { kind, path: path.to_owned(), line, shown: tree::excerpt(shown) });
        }
    };
    let name = tree::file_name(path);
    if name == "Chart.yaml" && text.contains("apiVersion:") {
        add("Kubernetes", None, "a Helm chart");
    } else if matches!(tree::extension(name), "tf" | "tfvars") || name == "Pulumi.yaml" {
        add("infrastructure as code", None, "a Terraform or Pulumi file");
    } else if matches!(tree::extension(name), "yaml" | "yml") && text.contains("apiVersion:") && text.contains("kind:")
    {
        let value = |key: &str| {
            text.lines().zip(1_u32..).find_map(|(line, number)| Some((line.strip_prefix(key)?.trim(), number)))
        };
        let (Some((version, _)), Some((kind, line))) = (value("apiVersion:"), value("kind:")) else { return };
        if version.contains("istio.io") || version.contains("linkerd.io") {
            add("a service mesh", Some(line), kind);
        } else if version.contains("kafka") {
            add("a message broker", Some(line), kind);
        } else if CLUSTER_KINDS.contains(&kind) {
            add("Kubernetes", Some(line), kind);
        }
    }
}

/// Client libraries of brokers and search clusters, as manifests of each stack name them.
const LIBRARIES: &[(&str, &str)] = &[
    ("\"kafkajs\"", "a message broker"),
    ("\"amqplib\"", "a message broker"),
    ("\"@nestjs/microservices\"", "several services"),
    ("aiokafka", "a message broker"),
    ("kafka-python", "a message broker"),
    ("confluent-kafka", "a message broker"),
    ("confluent_kafka", "a message broker"),
    ("aio-pika", "a message broker"),
    ("spring-kafka", "a message broker"),
    ("spring-boot-starter-amqp", "a message broker"),
    ("segmentio/kafka-go", "a message broker"),
    ("IBM/sarama", "a message broker"),
    ("amqp091-go", "a message broker"),
    ("rdkafka", "a message broker"),
    ("lapin", "a message broker"),
    ("\"@elastic/elasticsearch\"", "a search cluster"),
    ("spring-boot-starter-data-elasticsearch", "a search cluster"),
    ("spring-cloud-starter-netflix-eureka", "several services"),
];

fn dependencies(path: &str, text: &str, found: &mut Vec<Machinery>) {
    let manifest = matches!(
        tree::file_name(path),
        "package.json"
            | "requirements.txt"
            | "pyproject.toml"
            | "pom.xml"
            | "build.gradle"
            | "build.gradle.kts"
            | "go.mod"
            | "Cargo.toml"
            | "composer.json"
    );
    if !manifest {
        return;
    }
    for (line, number) in text.lines().zip(1..) {
        // The name as a word of its own, so that a name within another one does not count.
        let hit = LIBRARIES.iter().find(|(library, _)| {
            line.find(library).is_some_and(|at| {
                let before =
                    line[..at].bytes().next_back().is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte != b'-');
                let after = line[at + library.len()..].bytes().next().is_none_or(|byte| !byte.is_ascii_alphanumeric());
                before && after
            })
        });
        if let Some((_, kind)) = hit {
            found.push(Machinery { kind, path: path.to_owned(), line: Some(number), shown: tree::excerpt(line) });
        }
    }
}

fn services(tree: &Tree<'_>, found: &mut Vec<Machinery>) {
    for (path, text) in tree.compose_files() {
        let Ok(document) = serde_yaml::from_str::<Value>(text) else { continue };
        let Some(services) = document.get("services").and_then(Value::as_mapping) else { continue };
        let mut contexts: Vec<String> = Vec::new();
        for (name, service) in services {
            let image = service.get("image").and_then(Value::as_str).unwrap_or("").to_ascii_lowercase();
            let kind = if ["kafka", "rabbitmq", "nats:", "pulsar", "activemq", "redpanda", "zookeeper"]
                .iter()
                .any(|word| image.contains(word))
            {
                Some("a message broker")
            } else if ["elasticsearch", "opensearch", "solr"].iter().any(|word| image.contains(word)) {
                Some("a search cluster")
            } else {
                None
            };
            let name = name.as_str().unwrap_or("");
            let line = text
                .lines()
                .position(|line| line.trim() == format!("{name}:"))
                .and_then(|line| u32::try_from(line + 1).ok());
            if let Some(kind) = kind {
                found.push(Machinery { kind, path: path.to_owned(), line, shown: format!("{name}: {image}") });
            }
            let build = service.get("build");
            let context = build.and_then(Value::as_str).or_else(|| build?.get("context")?.as_str());
            if let Some(context) = context
                .map(|context| context.trim_end_matches('/').to_owned())
                .filter(|context| !contexts.contains(context))
            {
                contexts.push(context);
            }
        }
        if contexts.len() > MOST_BUILDS {
            found.push(Machinery {
                kind: "several services",
                path: path.to_owned(),
                line: None,
                shown: format!("{} services of their own are built", contexts.len()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use grader_model::Verdict;

    use super::super::over;
    use super::*;

    #[test]
    fn a_cache_a_proxy_and_metrics_are_in_proportion() {
        let compose = "services:\n  api:\n    build: .\n  db:\n    image: postgres:16\n  cache:\n    image: redis:7\n  proxy:\n    image: nginx:1\n  prometheus:\n    image: prom/prometheus:v3\n";
        assert_eq!(
            over(&[("compose.yaml", compose), ("package.json", "{\"dependencies\":{\"kafkajs-lite\":\"1\"}}")], run)
                .verdict,
            Verdict::Pass
        );
    }

    #[test]
    fn one_kind_is_partial_and_two_fail() {
        let broker = ("compose.yaml", "services:\n  mq:\n    image: rabbitmq:3\n");
        let cluster = ("k8s/api.yaml", "apiVersion: apps/v1\nkind: Deployment\n");
        assert_eq!(over(&[broker], run).verdict, Verdict::Partial);
        assert_eq!(over(&[broker, cluster], run).verdict, Verdict::Fail);
    }

    #[test]
    fn what_the_brief_asks_for_does_not_count() {
        let snapshot = crate::testing::snapshot(&[("compose.yaml", "services:\n  mq:\n    image: rabbitmq:3\n")]);
        assert_eq!(run(&Tree::new(&snapshot, "Publish orders to RabbitMQ."), &Params::new()).verdict, Verdict::Pass);
    }
}
