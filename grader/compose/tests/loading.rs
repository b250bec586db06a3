//! Projects of several files: overrides, extended and included files, environment files, profiles, folders.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::time::Duration;

use grader_compose::project::{
    Condition, ContextSource, DockerfileSource, FileSource, HealthTest, Location, MountSource, Ulimit,
};
use grader_compose::{LoadOptions, Loaded, MemoryFiles, RelPath, config, load};
use serde_json::{Value, json};

fn path(text: &str) -> RelPath {
    RelPath::parse(text).unwrap()
}

fn tree(files: &[(&str, &str)]) -> MemoryFiles {
    files.iter().fold(MemoryFiles::new(), |tree, (name, text)| tree.with(path(name), *text))
}

fn read(files: &[(&str, &str)]) -> Loaded {
    load(&tree(files), &LoadOptions::default()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn service(files: &[(&str, &str)], name: &str) -> Value {
    let options = LoadOptions { shown_root: "/p".to_owned(), ..LoadOptions::default() };
    let config = config(&tree(files), &options).unwrap_or_else(|errors| panic!("{errors}"));
    config.model["services"][name].clone()
}

#[test]
fn an_override_file_is_merged_with_its_tags() {
    let api = service(
        &[
            (
                "compose.yaml",
                "services: {api: {image: a, command: [x], ports: ['1:1', '2:2'], environment: {A: 1, B: 1}, \
                 depends_on: [db], volumes: ['./a:/x']}, db: {image: d}}",
            ),
            (
                "compose.override.yaml",
                "services: {api: {command: y z, ports: !override ['3:3'], environment: [B=2], \
                 depends_on: !reset null, volumes: ['./b:/x']}}",
            ),
        ],
        "api",
    );
    assert_eq!(api["command"], json!(["y", "z"]));
    assert_eq!(api["ports"].as_array().unwrap().len(), 1);
    assert_eq!(api["environment"], json!({"A": "1", "B": "2"}));
    assert_eq!(api.get("depends_on"), None);
    assert_eq!(api["volumes"][0]["source"], "/p/b");
    assert_eq!(api["volumes"].as_array().unwrap().len(), 1);
}

#[test]
fn an_extended_file_keeps_its_own_folder() {
    let files = [
        ("compose.yaml", "services: {api: {extends: {file: common/base.yaml, service: base}, environment: {B: 2}}}"),
        (
            "common/base.yaml",
            "services: {base: {extends: root, volumes: ['./data:/data'], environment: {A: 1, B: 1}}, \
             root: {build: ./app, env_file: base.env}}",
        ),
        ("common/base.env", "A=file\nC=file\n"),
    ];
    let api = service(&files, "api");
    assert_eq!(api["build"]["context"], "/p/common/app");
    assert_eq!(api["volumes"][0]["source"], "/p/common/data");
    assert_eq!(api["environment"], json!({"A": "1", "B": "2", "C": "file"}));
    let loaded = read(&files);
    assert_eq!(
        loaded.project.services["api"].build.as_ref().unwrap().dockerfile,
        DockerfileSource::File(Location::Tree(path("common/app/Dockerfile")))
    );
    let read: Vec<&str> = loaded.files.iter().map(RelPath::as_str).collect();
    assert_eq!(read, ["compose.yaml", "common/base.yaml", "common/base.env"]);
}

#[test]
fn an_included_project_has_its_own_folder_and_environment() {
    let files = [
        (
            "compose.yaml",
            "include: [db/compose.yaml, {path: cache.yaml, project_directory: cache, env_file: x.env}]\n\
             services: {api: {image: 'a:${TAG:-main}', depends_on: [db, cache]}}",
        ),
        (
            "db/compose.yaml",
            "services: {db: {image: 'postgres:${TAG}', volumes: ['./init:/init', 'data:/var']}}\nvolumes: {data: }",
        ),
        ("db/.env", "TAG=16\n"),
        ("cache.yaml", "services: {cache: {build: ., environment: ['TAG']}}"),
        ("x.env", "TAG=7\n"),
    ];
    assert_eq!(service(&files, "api")["image"], "a:main");
    let db = service(&files, "db");
    assert_eq!((&db["image"], &db["volumes"][0]["source"]), (&json!("postgres:16"), &json!("/p/db/init")));
    let cache = service(&files, "cache");
    assert_eq!((&cache["build"]["context"], &cache["environment"]["TAG"]), (&json!("/p/cache"), &json!("7")));
}

#[test]
fn circles_and_missing_files_are_the_candidates_fault() {
    let code = |files: &[(&str, &str)]| load(&tree(files), &LoadOptions::default()).unwrap_err().as_slice()[0].code();
    let include =
        [("compose.yaml", "include: [a.yaml]\nservices: {x: {image: x}}"), ("a.yaml", "include: [compose.yaml]")];
    assert_eq!(code(&include), "compose.include_cycle");
    assert_eq!(code(&[("compose.yaml", "services: {a: {extends: b}, b: {extends: a}}")]), "compose.extends_cycle");
    let across = [
        ("compose.yaml", "services: {a: {extends: {file: b.yaml, service: a}}}"),
        ("b.yaml", "services: {a: {extends: {file: compose.yaml, service: a}}}"),
    ];
    assert_eq!(code(&across), "compose.extends_cycle");
    assert_eq!(code(&[("compose.yaml", "include: [gone.yaml]\nservices: {x: {image: x}}")]), "compose.file_missing");
    let circle = "services: {a: {image: x, depends_on: [b]}, b: {image: x, links: [a]}}";
    assert_eq!(code(&[("compose.yaml", circle)]), "compose.dependency_cycle");
    assert_eq!(code(&[("README.md", "")]), "compose.no_file");
    assert_eq!(code(&[("compose.yaml", "")]), "compose.empty");
}

#[test]
fn the_document_goes_before_its_environment_files() {
    let api = service(
        &[
            (
                "compose.yaml",
                "services: {api: {image: x, env_file: [one.env, {path: two.env, required: false}, {path: gone.env, \
                 required: false}, {path: raw.env, format: raw}], environment: {A: doc, E: , F: }}}",
            ),
            (".env", "E=dot\nP=project\n"),
            ("one.env", "A=one\nB=one\nC=${P}-${A}\n"),
            ("two.env", "B=two\nE=two\n"),
            ("raw.env", "R='$P'\n"),
        ],
        "api",
    );
    let expected = json!({"A": "doc", "B": "two", "C": "project-doc", "E": "dot", "F": null, "R": "'$$P'"});
    assert_eq!(api["environment"], expected);
}

#[test]
fn services_of_other_profiles_are_left_out() {
    let files = [(
        "compose.yaml",
        "services: {api: {image: x, depends_on: {tools: {condition: service_started, required: false}}}, \
         tools: {image: y, profiles: [dev], networks: [n]}}\nnetworks: {n: }",
    )];
    let loaded = read(&files);
    assert_eq!(loaded.project.services.keys().collect::<Vec<_>>(), ["api"]);
    assert!(!loaded.project.networks.contains_key("n"));
    assert_eq!(loaded.notes[0].code, "profiles.left_out");
    let options = LoadOptions { profiles: vec!["dev".to_owned()], ..LoadOptions::default() };
    assert_eq!(load(&tree(&files), &options).unwrap().project.services.len(), 2);
}

#[test]
fn a_compose_file_in_a_subfolder_has_its_paths_there() {
    let loaded = read(&[
        ("README.md", ""),
        ("backend/docker-compose.yml", "services: {api: {build: .., volumes: ['./seed.sql:/seed.sql']}}"),
        ("backend/.env", "X=1"),
    ]);
    assert_eq!((loaded.file.as_str(), loaded.directory.as_str()), ("backend/docker-compose.yml", "backend"));
    assert_eq!(loaded.notes[0].code, "file.in_subfolder");
    let api = &loaded.project.services["api"];
    assert_eq!(api.build.as_ref().unwrap().context, ContextSource::Local(Location::Tree(RelPath::root())));
    let bind = MountSource::Bind { source: Location::Tree(path("backend/seed.sql")), create_host_path: true };
    assert_eq!(api.volumes[0].source, bind);
    assert_eq!(loaded.refusals, []);
}

#[test]
fn the_working_directory_is_the_folder_of_the_project() {
    let loaded = read(&[
        ("api/compose.yaml", "services: {db: {image: d, volumes: ['${PWD}/data:/data', '$PWD/..:/all']}}"),
        ("api/data/x", ""),
    ]);
    let sources = loaded.project.services["db"].volumes.iter().map(|volume| volume.source.clone());
    let bind = |source: &str| MountSource::Bind { source: Location::Tree(path(source)), create_host_path: true };
    assert_eq!(sources.collect::<Vec<_>>(), [bind("api/data"), bind("")]);
    assert_eq!(loaded.refusals, []);
}

#[test]
fn an_example_that_was_taken_is_named_once() {
    let loaded = read(&[
        ("compose.yaml", "services: {a: {image: a, env_file: .env}, b: {image: b, env_file: [.env, b.env]}}"),
        (".env.example", "X=1"),
        ("b.env.sample", "Y=1"),
    ]);
    let taken = [(path(".env"), path(".env.example")), (path("b.env"), path("b.env.sample"))];
    assert_eq!(loaded.examples, taken);
}

#[test]
fn what_running_needs_is_typed() {
    let text = r#"
services:
  api:
    build:
      context: app
      dockerfile_inline: FROM scratch
      args: [A=1, B]
      additional_contexts: { lib: ./lib, base: docker-image://alpine, db: service:db }
      shm_size: 64m
      secrets: [token]
    command: sh -c "run me"
    entrypoint: []
    healthcheck: { test: curl -f localhost, interval: 1m30s, retries: 3, start_period: 500ms }
    depends_on: { db: { condition: service_completed_successfully, restart: true } }
    init: true
    tmpfs: /tmp:size=1m
    shm_size: 1g
    ulimits: { nofile: 1024, nproc: { soft: 1, hard: 2 } }
    stop_grace_period: 2m
    mem_limit: 512m
    cpus: "0.5"
    deploy: { replicas: 2, resources: { limits: { memory: 512m, cpus: "0.5", pids: 50 } } }
    secrets: [token, { source: token, target: t, mode: 0440 }]
    configs: [{ source: text, target: /etc/x }]
    volumes: [/anonymous, { type: tmpfs, target: /m, tmpfs: { size: 10m, mode: 0700 } }]
    extra_hosts: [a:10.0.0.1]
    post_start: [{ command: echo hi, user: root }]
    networks: { back: { aliases: [books], priority: 5 } }
    links: [db:database]
  db:
    build: db
    healthcheck: { disable: true }
    networks: [back]
networks: { back: { internal: true } }
secrets: { token: { environment: TOKEN } }
configs: { text: { content: "hello" } }
"#;
    let loaded = read(&[("compose.yaml", text), (".env", "TOKEN=s3cret\nB=2\n")]);
    assert_eq!(loaded.refusals, []);
    let api = &loaded.project.services["api"];
    let build = api.build.as_ref().unwrap();
    assert_eq!(build.dockerfile, DockerfileSource::Inline("FROM scratch".to_owned()));
    assert_eq!(build.args["B"].as_deref(), Some("2"));
    assert_eq!(build.additional_contexts["lib"], ContextSource::Local(Location::Tree(path("lib"))));
    assert_eq!(build.additional_contexts["base"], ContextSource::Image("alpine".to_owned()));
    assert_eq!(build.additional_contexts["db"], ContextSource::Service("db".to_owned()));
    assert_eq!((build.shm_size, build.secrets[0].source.as_str()), (Some(64 << 20), "token"));
    assert_eq!(api.command.as_deref().unwrap(), ["sh", "-c", "run me"]);
    assert_eq!(api.entrypoint.as_deref(), Some(&[][..]));
    let health = api.healthcheck.as_ref().unwrap();
    assert_eq!(health.test, HealthTest::Shell("curl -f localhost".to_owned()));
    assert_eq!((health.interval, health.timeout), (Some(Duration::from_secs(90)), None));
    assert_eq!(health.start_period, Some(Duration::from_millis(500)));
    let dependency = api.depends_on["db"];
    assert_eq!((dependency.condition, dependency.required), (Condition::CompletedSuccessfully, true));
    assert_eq!(api.ulimits["nofile"], Ulimit { soft: 1024, hard: 1024 });
    assert_eq!(api.ulimits["nproc"], Ulimit { soft: 1, hard: 2 });
    assert_eq!((api.shm_size, api.mem_limit, api.cpus), (Some(1 << 30), Some(512 << 20), Some(0.5)));
    assert_eq!((api.scale, api.deploy.pids, api.init), (2, Some(50), Some(true)));
    assert_eq!(api.stop_grace_period, Some(Duration::from_secs(120)));
    assert_eq!(api.secrets[0].target, "/run/secrets/token");
    assert_eq!((api.secrets[1].target.as_str(), api.secrets[1].mode), ("/run/secrets/t", Some(0o440)));
    assert_eq!(api.configs[0].target, "/etc/x");
    assert!(matches!(api.volumes[0].source, MountSource::Volume { name: None, .. }));
    assert_eq!(api.volumes[1].source, MountSource::Tmpfs { size: Some(10 << 20), mode: Some(0o700) });
    assert_eq!(api.extra_hosts, [("a".to_owned(), "10.0.0.1".to_owned())]);
    assert_eq!(api.post_start[0].command, ["echo", "hi"]);
    assert_eq!((api.networks["back"].aliases[0].as_str(), api.networks["back"].priority), ("books", 5));
    assert_eq!(loaded.project.services["db"].healthcheck.as_ref().unwrap().test, HealthTest::Disabled);
    assert!(loaded.project.networks["back"].internal && !loaded.project.networks.contains_key("default"));
    let token = &loaded.project.secrets["token"].source;
    assert_eq!(*token, FileSource::Environment { variable: "TOKEN".to_owned(), value: Some("s3cret".to_owned()) });
    assert_eq!(loaded.project.configs["text"].source, FileSource::Content("hello".to_owned()));
}
