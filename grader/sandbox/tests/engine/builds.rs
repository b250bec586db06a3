//! Images from a submission's tree: what the builder can do, what it may not, and what is told when it fails.

use std::time::Duration;

use grader_compose::files::RelPath;
use grader_compose::project::{Build, ContextSource, DockerfileSource, Location, Service};
use grader_model::FaultSide;
use grader_sandbox::{Event, Run, RunId, SandboxError};
use indexmap::IndexMap;

use crate::support::{Bench, docker, idle, left_by};

fn tree(path: &str) -> Location {
    Location::Tree(RelPath::parse(path).unwrap())
}

fn built(folder: &str) -> Service {
    let dockerfile = if folder.is_empty() { "Dockerfile".to_owned() } else { format!("{folder}/Dockerfile") };
    let build = Build {
        context: ContextSource::Local(tree(folder)),
        dockerfile: DockerfileSource::File(tree(&dockerfile)),
        target: None,
        args: IndexMap::new(),
        additional_contexts: IndexMap::new(),
        network: Some("none".to_owned()),
        shm_size: None,
        extra_hosts: Vec::new(),
        labels: IndexMap::new(),
        no_cache: false,
        pull: false,
        platforms: Vec::new(),
        secrets: Vec::new(),
        ulimits: IndexMap::new(),
    };
    Service { image: None, build: Some(build), ..idle() }
}

#[tokio::test]
async fn a_modern_dockerfile_builds_from_the_tree_alone() {
    let mut service = built("app");
    let build = service.build.as_mut().unwrap();
    build.args.insert("GREETING".to_owned(), Some("from the document".to_owned()));
    build.args.insert("BUILDKIT_SYNTAX".to_owned(), Some("evil/frontend".to_owned()));
    build.additional_contexts.insert("shared".to_owned(), ContextSource::Local(tree("lib")));
    build.target = Some("final".to_owned());
    let mut bench = Bench::new("build").await;
    let api: Vec<u32> = bench.engine.info().api.split('.').map(|part| part.parse().unwrap()).collect();
    // The builder of older engines knows mounts and no heredocs.
    let steps = if api >= vec![1, 42] {
        "<<EOF\nset -e\necho \"$GREETING\" > /greeting\nls /cache | wc -l > /cached\ntouch /cache/left\nEOF"
    } else {
        "echo \"$GREETING\" > /greeting && ls /cache | wc -l > /cached && touch /cache/left"
    };
    let dockerfile = format!(
        "\
# syntax=evil/frontend:1
ARG RELEASE=bookworm
FROM debian:${{RELEASE}}-slim AS base
ARG GREETING=default
RUN --mount=type=cache,target=/cache {steps}
FROM base AS final
WORKDIR /app
COPY . .
COPY --from=shared lib.txt /shared.txt
FROM nothing:unused AS unused
"
    );
    bench = bench
        .service("api", service)
        .file("app/Dockerfile", &dockerfile)
        .file("app/.dockerignore", "*.log\nsecret\n")
        .file("app/main.txt", "main")
        .file("app/noise.log", "noise")
        .file("app/secret/key", "key")
        .file("lib/lib.txt", "shared")
        .file("outside.txt", "outside");
    bench
        .up(async |up| {
            assert_eq!(up.sh("api", "cat /greeting").await, "from the document");
            assert_eq!(up.sh("api", "cat /cached").await, "0");
            assert_eq!(up.sh("api", "cat main.txt /shared.txt").await, "mainshared");
            assert_eq!(up.sh("api", "ls noise.log secret outside.txt 2>/dev/null").await, "");
            let mut lines = Vec::new();
            while let Ok(event) = up.events.try_recv() {
                if let Event::BuildLine { line, .. } = event {
                    lines.push(line);
                }
            }
            assert!(lines.iter().any(|line| line.contains("COPY . .")), "{lines:?}");
        })
        .await;
}

#[tokio::test]
async fn the_older_builder_does_too() {
    let mut bench = Bench::new("classic")
        .await
        .service("api", built(""))
        .file("Dockerfile", "FROM debian:bookworm-slim\nCOPY a.txt /a.txt\nRUN echo more >> /a.txt\n")
        .file("a.txt", "text\n");
    bench.options.build.classic = true;
    bench.up(async |up| assert_eq!(up.sh("api", "cat /a.txt").await, "text\nmore")).await;
}

#[tokio::test]
async fn a_step_that_copies_everything_copies_what_is_there() {
    Bench::new("everything")
        .await
        .service("api", built("app"))
        .file("app/Dockerfile", "# syntax=docker/dockerfile:1\nFROM debian:bookworm-slim\nCOPY . /all\n")
        .file("app/a.txt", "a")
        .up(async |up| assert_eq!(up.sh("api", "ls -A /all | tr '\\n' ' '").await, "Dockerfile a.txt"))
        .await;
}

#[tokio::test]
async fn a_step_that_fails_is_told_with_its_output() {
    for classic in [false, true] {
        let mut bench = Bench::new("failing")
            .await
            .service("api", built(""))
            .file("Dockerfile", "FROM debian:bookworm-slim\nRUN echo compiling; echo 'no such module' >&2; exit 3\n");
        bench.options.build.classic = classic;
        let error = bench.fails().await;
        let SandboxError::BuildFailed { step, log, .. } = &error else { panic!("{error:?}") };
        assert!(step.contains("RUN echo compiling"), "{step}");
        assert!(log.iter().any(|line| line.contains("no such module")), "{log:?}");
        assert_eq!(error.fault().side, FaultSide::Candidate);
    }
}

#[tokio::test]
async fn what_builds_may_not_do_is_refused_before_the_engine_hears_of_it() {
    for (dockerfile, code) in [
        ("FROM debian:bookworm-slim\nADD http://192.0.2.1/x /x\n", "build.refused"),
        ("FROM example.org/stranger\n", "image.not-allowed"),
        ("FROM debian:bookworm-slim\nCOPY --from=example.org/stranger /a /b\n", "image.not-allowed"),
    ] {
        let error = Bench::new("refused").await.service("api", built("")).file("Dockerfile", dockerfile).fails().await;
        assert_eq!((error.fault().side, error.fault().code.as_str()), (FaultSide::Policy, code), "{dockerfile}");
    }
    let error = Bench::new("missing").await.service("api", built("")).file("a", "").fails().await;
    assert!(matches!(&error, SandboxError::Missing { path, .. } if path == "Dockerfile"), "{error:?}");
}

#[tokio::test]
async fn a_build_without_end_ends_with_the_run() {
    let mut bench = Bench::new("endless")
        .await
        .service("api", built(""))
        .file("Dockerfile", "FROM debian:bookworm-slim\nRUN echo working; sleep 300\n");
    bench.options.deadline = std::time::SystemTime::now() + Duration::from_secs(6);
    let error = bench.fails().await;
    let SandboxError::BuildTooSlow { log, .. } = &error else { panic!("{error:?}") };
    assert!(log.iter().any(|line| line.contains("working")), "{log:?}");
}

#[tokio::test]
async fn the_same_tree_is_built_once_and_another_again() {
    let unique = RunId::random();
    let mut tags = Vec::new();
    for (text, reused) in [("one", false), ("one", true), ("two", false)] {
        let mut bench = Bench::new("reuse")
            .await
            .service("api", built(""))
            .file("Dockerfile", &format!("FROM debian:bookworm-slim\nCOPY . /src\n# {unique}\n"))
            .file("a.txt", text);
        bench.options.build.keep = true;
        let (events, _receiver) = tokio::sync::mpsc::unbounded_channel();
        let run = Run::open(&bench.engine, bench.options.clone(), events).unwrap();
        let images = run.build(bench.plan()).await.unwrap();
        run.down().await.unwrap();
        assert_eq!(left_by(run.id()).await, Vec::<String>::new(), "a kept image is not the run's");
        let image = &images.services["api"];
        assert_eq!(image.reused, reused, "{text}");
        assert_eq!(image.bases, ["debian:bookworm-slim"]);
        tags.push(image.reference.clone());
    }
    assert_eq!(tags[0], tags[1]);
    assert_ne!(tags[0], tags[2]);
    tags.dedup();
    for tag in tags {
        docker().remove_image(&tag, None::<bollard::query_parameters::RemoveImageOptions>, None).await.unwrap();
    }
}

/// What a step writes is seen on the disk alone, until the step has ended.
#[tokio::test]
async fn a_build_that_fills_the_disk_is_stopped() {
    // Long enough to be looked at, and over long before the run is.
    let dockerfile = "FROM debian:bookworm-slim\nRUN head -c 600M /dev/urandom > /large && sleep 60\n";
    let mut bench = Bench::new("fills").await.service("a", built("")).file("Dockerfile", dockerfile);
    bench.options.limits.build_disk_bytes = 200 << 20;
    let error = bench.fails().await;
    let SandboxError::BuildDisk { taken, .. } = &error else { panic!("{error:?}") };
    assert!(*taken > 200 << 20, "{taken}");
    let fault = error.fault();
    assert_eq!((fault.side, fault.code.as_str()), (FaultSide::Grader, "engine.disk-full"));
}

#[tokio::test]
async fn a_full_disk_is_nobodys_fault() {
    let mut bench = Bench::new("full").await;
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let run = Run::open(&bench.engine, bench.options.clone(), events).unwrap();
    assert_eq!(run.is_out_of_disk(), None, "there is room for tests");
    run.down().await.unwrap();

    // As if everything were taken.
    bench.options.limits.free_disk_bytes = u64::MAX;
    bench.options.run_id = RunId::random();
    let (events, _) = tokio::sync::mpsc::unbounded_channel();
    let run = Run::open(&bench.engine, bench.options.clone(), events).unwrap();
    let error = run.out_of_disk().await;
    run.down().await.unwrap();
    assert_eq!(run.is_out_of_disk().map(|error| error.fault().code), Some("engine.disk-full".to_owned()));
    assert_eq!(error.fault().side, FaultSide::Grader);
}
