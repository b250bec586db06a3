//! The stack that tests run in: the submission's databases afresh, and one container made from its API's image with a
//! build step of ours.

use std::collections::BTreeSet;

use grader_compose::project::{
    Build, Condition, ContextSource, Dependency, DockerfileSource, HealthTest, Healthcheck, Location, Service,
};
use grader_compose::{Project, RelPath};
use grader_model::Snapshot;
use harness_kit::DatabaseHint;
use harness_suite::{Suite, TREE, recipe};
use indexmap::IndexMap;

use crate::reach;

/// The tests' container among the services.
pub(super) const SERVICE: &str = "grader-suite";

/// Images of services that tests may need, by a word of their name.
const NEEDED: &[&str] = &[
    "postgres",
    "postgis",
    "pgvector",
    "timescale",
    "mysql",
    "mariadb",
    "mongo",
    "redis",
    "valkey",
    "memcached",
    "rabbitmq",
];

/// The tests' stack.
pub(super) struct Made {
    pub(super) project: Project,
    /// Databases of the stack that can be asked, with what their containers were told. Addresses are not known yet.
    pub(super) databases: Vec<DatabaseHint>,
}

/// Makes the tests' project from the submission's.
pub(super) fn for_tests(theirs: &Project, suite: &Suite, snapshot: &Snapshot) -> Made {
    let mut project = Project { services: IndexMap::new(), ..theirs.clone() };
    let needed: Vec<&String> = theirs
        .services
        .iter()
        .filter(|(_, service)| service.build.is_none() && service.scale > 0)
        .filter(|(_, service)| service.image.as_deref().is_some_and(|image| reach::is_known(image, NEEDED)))
        .map(|(name, _)| name)
        .collect();
    for name in &needed {
        project.services.insert((*name).clone(), throw_away(&theirs.services[*name], &needed));
    }
    let databases = reach::databases_of(&project);
    let tests = tests_service(theirs, suite, snapshot, &needed, databases.first());
    project.services.insert(SERVICE.to_owned(), tests);
    let used: BTreeSet<String> =
        project.services.values().flat_map(|service| service.networks.keys().cloned()).collect();
    project.networks.retain(|key, _| used.contains(key));
    Made { project, databases }
}

/// A database of the submission's for one use.
fn throw_away(service: &Service, needed: &[&String]) -> Service {
    let mut service = service.clone();
    service.depends_on.retain(|name, _| needed.contains(&name));
    service.restart = None;
    service.post_start = Vec::new();
    let image = service.image.clone().unwrap_or_default();
    if reach::is_known(&image, &["mysql", "mariadb"]) {
        // The application's account may not make databases, which tests do as whoever their author was at home: it is
        // given the right once the server is up, by an account whose password is known.
        let is_of_root = |name: &str| name.contains("ROOT_PASSWORD") || name.contains("ALLOW_EMPTY_PASSWORD");
        if root_password(&service).is_none() {
            service.environment.retain(|name, _| !is_of_root(name));
            service.environment.insert("MYSQL_ROOT_PASSWORD".to_owned(), Some("throw-away".to_owned()));
        }
    }
    if reach::is_known(&image, &["postgres", "postgis", "pgvector", "timescale"]) {
        // Tests of many kinds come as this or that user; the network is their own.
        service.environment.insert("POSTGRES_HOST_AUTH_METHOD".to_owned(), Some("trust".to_owned()));
        if service.command.is_none() && service.entrypoint.is_none() {
            // What is thrown away needs not survive a loss of power.
            let words = ["postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"];
            service.command = Some(words.map(str::to_owned).to_vec());
        }
    }
    service
}

/// The password of a MySQL server's root account, as its container is told.
pub(super) fn root_password(service: &Service) -> Option<&str> {
    let told = ["MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"].into_iter();
    let is_random = service.environment.keys().any(|name| name.ends_with("RANDOM_ROOT_PASSWORD"));
    let mut told = told.filter_map(|name| service.environment.get(name)?.as_deref());
    told.find(|password| !is_random && !password.is_empty())
}

fn tests_service(
    theirs: &Project,
    suite: &Suite,
    snapshot: &Snapshot,
    needed: &[&String],
    database: Option<&DatabaseHint>,
) -> Service {
    let api = built_from(theirs, suite);
    let mut service = api.map(|(_, service)| service.clone()).unwrap_or_default();
    let build = service.build.take();
    let text = build.as_ref().and_then(|build| dockerfile(build, snapshot));
    let target = build.as_ref().and_then(|build| build.target.clone());
    let made = recipe(&suite.stack, text.as_deref().map(|text| (text, target.as_deref())));
    let root = Location::Tree(RelPath::parse(&suite.root).unwrap_or_else(|_| RelPath::root()));
    let mut build = build.unwrap_or_else(|| empty_build(root.clone()));
    if !made.own {
        build.additional_contexts.clear();
        build.args.clear();
    }
    build.dockerfile = DockerfileSource::Inline(made.dockerfile);
    build.target = Some(made.target);
    build.additional_contexts.insert(TREE.to_owned(), ContextSource::Local(root));
    service.image = None;
    service.build = Some(build);
    service.entrypoint = Some(Vec::new());
    // Ends when it is killed, and reaps what tests leave running.
    service.command =
        Some(["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"].map(str::to_owned).to_vec());
    service.init = Some(true);
    service.user = Some("0:0".to_owned());
    service.healthcheck = Some(Healthcheck { test: HealthTest::Disabled, ..Healthcheck::default() });
    service.read_only = false;
    service.volumes = Vec::new();
    service.volumes_from = Vec::new();
    service.tmpfs = Vec::new();
    service.working_dir = None;
    service.ports = Vec::new();
    service.restart = None;
    service.post_start = Vec::new();
    service.links = Vec::new();
    service.profiles = Vec::new();
    service.scale = 1;
    service.hostname = None;
    service.domainname = None;
    service.container_name = None;
    service.depends_on = needed
        .iter()
        .map(|name| ((*name).clone(), Dependency { condition: Condition::Started, required: true, restart: false }))
        .collect();
    extend_environment(&mut service.environment, suite, snapshot);
    match database {
        // Tests look for their database by the service's name, or at localhost: in its namespace both lead there.
        Some(database) => {
            service.network_mode = Some(format!("service:{}", database.service));
            service.networks = IndexMap::new();
        }
        None => service.network_mode = service.network_mode.filter(|mode| mode == "none"),
    }
    service
}

/// The service that is built from the suite's project: the one with the nearest context, one with ports before others.
fn built_from<'a>(project: &'a Project, suite: &Suite) -> Option<(&'a String, &'a Service)> {
    let folder = |service: &Service| match &service.build.as_ref()?.context {
        ContextSource::Local(location) => location.tree().map(|path| path.as_str().to_owned()),
        _ => None,
    };
    let holds =
        |folder: &str| folder.is_empty() || suite.root == folder || suite.root.starts_with(&format!("{folder}/"));
    let candidates = project.services.iter().filter_map(|(name, service)| {
        let folder = folder(service).filter(|folder| holds(folder))?;
        Some(((folder.len(), !service.ports.is_empty()), name, service))
    });
    // Of equals, the first.
    let best = candidates.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.map(|(_, name, service)| (name, service))
}

fn dockerfile(build: &Build, snapshot: &Snapshot) -> Option<String> {
    match &build.dockerfile {
        DockerfileSource::Inline(text) => Some(text.clone()),
        DockerfileSource::File(location) => snapshot.text(location.tree()?.as_str()).map(str::to_owned),
        DockerfileSource::InContext(_) => None,
    }
}

fn empty_build(context: Location) -> Build {
    Build {
        context: ContextSource::Local(context),
        dockerfile: DockerfileSource::Inline(String::new()),
        target: None,
        args: IndexMap::new(),
        additional_contexts: IndexMap::new(),
        network: None,
        shm_size: None,
        extra_hosts: Vec::new(),
        labels: IndexMap::new(),
        no_cache: false,
        pull: false,
        platforms: Vec::new(),
        secrets: Vec::new(),
        ulimits: IndexMap::new(),
    }
}

/// Variables that tests ask for by usual names and nobody gives: they get the database that the API gets.
fn extend_environment(environment: &mut IndexMap<String, Option<String>>, suite: &Suite, snapshot: &Snapshot) {
    const ASKED: &[&str] =
        &["TEST_DATABASE_URL", "TEST_DB_URL", "DATABASE_URL_TEST", "TEST_DATABASE_URI", "TEST_DB_URI"];
    let given = environment.values().flatten().find(|value| {
        value
            .split_once("://")
            .is_some_and(|(scheme, _)| ["postgres", "mysql", "mongo"].iter().any(|name| scheme.starts_with(name)))
    });
    let Some(given) = given.cloned() else { return };
    for name in ASKED {
        let asked = snapshot.texts().any(|(path, text)| suite.inside(path).is_some() && text.contains(name));
        if asked && !environment.contains_key(*name) {
            environment.insert((*name).to_owned(), Some(given.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(image: &str, variables: &[(&str, &str)]) -> Service {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
        Service { image: Some(image.to_owned()), environment: environment.collect(), ..Service::default() }
    }

    #[test]
    fn somebody_whose_password_is_known_may_do_everything() {
        let random = server("mariadb:10.11", &[("MARIADB_USER", "app"), ("MARIADB_RANDOM_ROOT_PASSWORD", "yes")]);
        assert_eq!(root_password(&random), None);
        let thrown = throw_away(&random, &[]);
        assert!(root_password(&thrown).is_some());
        assert_eq!(thrown.environment.keys().collect::<Vec<_>>(), ["MARIADB_USER", "MYSQL_ROOT_PASSWORD"]);
        let told = server("mysql:8", &[("MYSQL_ROOT_PASSWORD", "of theirs")]);
        assert_eq!(throw_away(&told, &[]).environment, told.environment);
        let other = server("redis:7", &[]);
        assert!(throw_away(&other, &[]).environment.is_empty());
    }
}
