//! Which services of a running stack may be the API, and which are databases.

use std::net::Ipv4Addr;

use grader_compose::Project;
use grader_sandbox::{Endpoint as Service, Images};
use harness_kit::vantage::Endpoint;
use harness_kit::{DatabaseHint, DatabaseKind};
use url::Url;

/// Endpoints tried at the most: a stack with more is none that the harness should scan.
const MOST: usize = 12;

/// Images of services that are no API, by a word of their name.
const NOT_APIS: &[&str] = &[
    "postgres",
    "postgis",
    "mysql",
    "mariadb",
    "mongo",
    "redis",
    "valkey",
    "memcached",
    "rabbitmq",
    "kafka",
    "zookeeper",
    "adminer",
    "pgadmin",
    "phpmyadmin",
    "mailhog",
    "mailpit",
    "prometheus",
    "grafana",
    "jaeger",
    "minio",
    "elasticsearch",
];

/// Where the API may listen, likeliest first: what is built from the submission before what was pulled, what it
/// publishes before what it exposes or merely listens on.
pub(crate) fn endpoints(project: &Project, images: &Images, services: &[Service]) -> Vec<Endpoint> {
    let mut found: Vec<((bool, u8), Endpoint)> = Vec::new();
    for service in services {
        let image = project.services.get(&service.service).and_then(|s| s.image.as_deref()).unwrap_or("");
        let built = images.services.get(&service.service).is_some_and(|image| image.built);
        if !built && is_known(image, NOT_APIS) {
            continue;
        }
        let Some(address) = service.addresses.first() else { continue };
        let ports = service
            .published
            .iter()
            .map(|port| (0, *port))
            .chain(service.exposed.iter().map(|port| (1, *port)))
            .chain(service.listening.iter().map(|port| (2, *port)));
        for (rank, port) in ports {
            let endpoint = Endpoint::plain(&service.service, (*address).into(), port);
            if !found.iter().any(|(_, known)| *known == endpoint) {
                found.push(((!built, rank), endpoint));
            }
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, endpoint)| endpoint).take(MOST).collect()
}

/// The databases of the stack: by their image and what their containers were told, then with the logins that other
/// services have for them.
pub(crate) fn databases(project: &Project, services: &[Service]) -> Vec<DatabaseHint> {
    let mut found = Vec::new();
    for service in services {
        let Some(plan) = project.services.get(&service.service) else { continue };
        let image = plan.image.as_deref().unwrap_or("");
        let Some(address) = service.addresses.first() else { continue };
        let variable = |name: &str| plan.environment.get(name).cloned().flatten().filter(|value| !value.is_empty());
        let hint = |kind, port, user: String, password: String, database: String| DatabaseHint {
            kind,
            service: service.service.clone(),
            host: address.to_string(),
            port,
            user,
            password,
            database,
        };
        if is_known(image, &["postgres", "postgis", "pgvector", "timescale"]) {
            let user = variable("POSTGRES_USER").unwrap_or_else(|| "postgres".to_owned());
            let database = variable("POSTGRES_DB").unwrap_or_else(|| user.clone());
            let password = variable("POSTGRES_PASSWORD").unwrap_or_default();
            found.push(hint(DatabaseKind::Postgres, 5432, user, password, database));
        } else if is_known(image, &["mysql", "mariadb", "percona"]) {
            let prefixed =
                |name: &str| variable(&format!("MYSQL_{name}")).or_else(|| variable(&format!("MARIADB_{name}")));
            let database = prefixed("DATABASE").unwrap_or_default();
            if let Some(password) = prefixed("ROOT_PASSWORD") {
                found.push(hint(DatabaseKind::Mysql, 3306, "root".to_owned(), password, database.clone()));
            }
            let user = prefixed("USER").unwrap_or_else(|| "root".to_owned());
            found.push(hint(DatabaseKind::Mysql, 3306, user, prefixed("PASSWORD").unwrap_or_default(), database));
        } else if is_known(image, &["mongo"]) {
            let user = variable("MONGO_INITDB_ROOT_USERNAME").unwrap_or_default();
            let password = variable("MONGO_INITDB_ROOT_PASSWORD").unwrap_or_default();
            let database = variable("MONGO_INITDB_DATABASE").unwrap_or_default();
            found.push(hint(DatabaseKind::Mongo, 27017, user, password, database));
        }
    }
    let texts = project.services.values().flat_map(|plan| plan.environment.values()).flatten();
    let logins: Vec<DatabaseHint> = texts.filter_map(|text| login(text, services)).collect();
    for login in logins {
        if !found.contains(&login) {
            found.push(login);
        }
    }
    found
}

/// The databases of a project that is not up yet: each as its own container sees it.
pub(crate) fn databases_of(project: &Project) -> Vec<DatabaseHint> {
    let services: Vec<Service> = project
        .services
        .keys()
        .map(|name| Service {
            service: name.clone(),
            addresses: vec![Ipv4Addr::LOCALHOST],
            published: Vec::new(),
            exposed: Vec::new(),
            listening: Vec::new(),
        })
        .collect();
    let mut found = databases(project, &services);
    // The container's own variables come first; one way in is enough.
    let mut seen = Vec::new();
    found.retain(|hint| {
        let new = !seen.contains(&hint.service);
        seen.push(hint.service.clone());
        new
    });
    found
}

/// What a variable such as `DATABASE_URL` says of a database of the stack.
fn login(text: &str, services: &[Service]) -> Option<DatabaseHint> {
    let url = Url::parse(text.trim()).ok()?;
    // Drivers are named after a plus, as in `mysql+pymysql`, and before a colon, as in `jdbc:mysql`.
    let kind = match url.scheme().split('+').next()? {
        "postgres" | "postgresql" => DatabaseKind::Postgres,
        "mysql" | "mysql2" | "mariadb" => DatabaseKind::Mysql,
        "jdbc" => return login(text.trim().strip_prefix("jdbc:")?, services),
        _ => return None,
    };
    let service = services.iter().find(|service| url.host_str() == Some(service.service.as_str()))?;
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    Some(DatabaseHint {
        kind,
        service: service.service.clone(),
        host: service.addresses.first()?.to_string(),
        port: url.port().unwrap_or(if kind == DatabaseKind::Mysql { 3306 } else { 5432 }),
        user: decoded(url.username()),
        password: decoded(url.password().unwrap_or("")),
        database: decoded(url.path().trim_start_matches('/')),
    })
}

/// Whether the last part of an image's name, without tag and digest, has one of the words.
pub(crate) fn is_known(image: &str, words: &[&str]) -> bool {
    let name = image.split('@').next().unwrap_or(image).rsplit('/').next().unwrap_or(image);
    let name = name.split(':').next().unwrap_or(name);
    words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_their_own_name() {
        assert!(is_known("postgres:16-alpine", &["postgres"]));
        assert!(is_known("docker.io/bitnami/postgresql:16", &["postgres"]));
        assert!(!is_known("postgres/api:1", &["postgres"]));
        assert!(!is_known("api@sha256:00", &["postgres"]));
    }

    #[test]
    fn a_login_is_read_from_another_services_variable() {
        let service = Service {
            service: "store".to_owned(),
            addresses: vec![[10, 0, 0, 7].into()],
            published: Vec::new(),
            exposed: Vec::new(),
            listening: Vec::new(),
        };
        let hint = login("mysql+pymysql://app:p%40ss@store/shop?charset=utf8mb4", std::slice::from_ref(&service))
            .expect("a login");
        assert_eq!((hint.kind, hint.host.as_str(), hint.port), (DatabaseKind::Mysql, "10.0.0.7", 3306));
        assert_eq!((hint.user.as_str(), hint.password.as_str(), hint.database.as_str()), ("app", "p@ss", "shop"));
        let hint = login("jdbc:postgresql://store:5433/shop", std::slice::from_ref(&service)).expect("a login");
        assert_eq!((hint.kind, hint.port, hint.database.as_str()), (DatabaseKind::Postgres, 5433, "shop"));
        for other in ["postgres://app:x@elsewhere/shop", "redis://store", "store", ""] {
            assert_eq!(login(other, std::slice::from_ref(&service)), None, "{other}");
        }
    }
}
