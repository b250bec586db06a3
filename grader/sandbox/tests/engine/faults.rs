//! Each way in which a stack does not come up, with the fixture that provokes it and the side that it is on.

use std::time::Duration;

use grader_compose::project::{Condition, Dependency, HealthTest, Healthcheck};
use grader_model::FaultSide;
use grader_sandbox::{ConnectOptions, Engine, SandboxError};

use crate::support::{Bench, DEBIAN, PYTHON, idle, published, shell};

#[tokio::test]
async fn a_crash_is_told_with_its_code_and_log() {
    let service = shell(DEBIAN, "echo 'cannot find settings' >&2; exit 7");
    let error = Bench::new("crash").await.service("api", service).fails().await;
    let SandboxError::Crashed { exit_code: 7, log, .. } = &error else { panic!("{error:?}") };
    assert_eq!(log, &["cannot find settings"]);
    assert_eq!((error.fault().side, error.fault().code.as_str()), (FaultSide::Candidate, "stack.crashed"));
}

#[tokio::test]
async fn memory_that_runs_out_is_told_apart_from_a_crash() {
    let mut service = shell(PYTHON, "exec python3 -c 'x = bytearray(200 << 20)'");
    service.mem_limit = Some(48 << 20);
    let error = Bench::new("oom").await.service("api", service).fails().await;
    assert!(matches!(error, SandboxError::OutOfMemory { limit, .. } if limit == 48 << 20), "{error:?}");
}

#[tokio::test]
async fn a_test_that_never_passes_is_told_with_its_output() {
    let mut service = idle();
    service.healthcheck = Some(Healthcheck {
        test: HealthTest::Shell("echo not yet; exit 1".to_owned()),
        interval: Some(Duration::from_secs(1)),
        timeout: Some(Duration::from_secs(1)),
        retries: Some(1),
        ..Healthcheck::default()
    });
    let mut bench = Bench::new("unhealthy").await.service("api", service);
    bench.options.limits.ready = Duration::from_secs(2);
    let error = bench.fails().await;
    let SandboxError::NeverHealthy { output, waited, .. } = &error else { panic!("{error:?}") };
    assert_eq!(output, &["not yet"]);
    assert!(*waited < Duration::from_secs(10));
}

#[tokio::test]
async fn a_wrong_port_is_told_with_the_right_one() {
    let mut service = shell(PYTHON, "exec python3 -m http.server 9000");
    service.ports.push(published(8000));
    let mut bench = Bench::new("wrongport").await.service("api", service);
    bench.options.limits.ready = Duration::from_secs(5);
    let error = bench.fails().await;
    let SandboxError::NotListening { port: 8000, listening, loopback_only: false, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(listening, &[9000]);
    assert!(error.fault().hint.contains("9000"));
}

#[tokio::test]
async fn a_port_on_loopback_only_is_told_so() {
    let mut service = shell(PYTHON, "exec python3 -m http.server 8000 --bind 127.0.0.1");
    service.ports.push(published(8000));
    let mut bench = Bench::new("loopback").await.service("api", service);
    bench.options.limits.ready = Duration::from_secs(5);
    let error = bench.fails().await;
    assert!(matches!(error, SandboxError::NotListening { loopback_only: true, .. }), "{error:?}");
}

#[tokio::test]
async fn what_is_not_in_the_image_cannot_be_started() {
    let mut program = idle();
    program.command = Some(vec!["no-such-program".to_owned()]);
    let mut user = idle();
    user.user = Some("nobody-of-that-name".to_owned());
    for (name, service) in [("program", program), ("user", user)] {
        let error = Bench::new(name).await.service("api", service).fails().await;
        assert!(matches!(error, SandboxError::CannotStart { .. }), "{name}: {error:?}");
        assert_eq!(error.fault().side, FaultSide::Candidate);
    }
}

#[tokio::test]
async fn a_dependency_that_fails_is_named() {
    let mut api = idle();
    let wish = Dependency { condition: Condition::CompletedSuccessfully, required: true, restart: false };
    api.depends_on.insert("migration".to_owned(), wish);
    let migration = shell(DEBIAN, "echo broken migration; exit 2");
    let bench = Bench::new("dependency").await.service("api", api).service("migration", migration);
    let error = bench.fails().await;
    let SandboxError::DependencyFailed { dependency, log, .. } = &error else { panic!("{error:?}") };
    assert_eq!((dependency.as_str(), log.as_slice()), ("migration", &["broken migration".to_owned()][..]));
}

#[tokio::test]
async fn services_in_a_circle_are_told_and_not_waited_for() {
    let wish = Dependency { condition: Condition::Started, required: true, restart: false };
    let (mut a, mut b) = (idle(), idle());
    a.depends_on.insert("b".to_owned(), wish);
    b.depends_on.insert("a".to_owned(), wish);
    let error = Bench::new("circle").await.service("a", a).service("b", b).fails().await;
    assert!(matches!(error, SandboxError::Circle { .. }), "{error:?}");
}

#[tokio::test]
async fn an_image_off_the_list_is_refused_and_an_absent_one_is_not_the_candidates() {
    let mut stranger = idle();
    stranger.image = Some("example.org/stranger:1".to_owned());
    let error = Bench::new("stranger").await.service("api", stranger).fails().await;
    assert_eq!((error.fault().side, error.fault().code.as_str()), (FaultSide::Policy, "image.not-allowed"));
    let mut absent = idle();
    absent.image = Some("debian:no-such-release".to_owned());
    let error = Bench::new("absent").await.service("api", absent).fails().await;
    assert_eq!((error.fault().side, error.fault().code.as_str()), (FaultSide::Grader, "image.unavailable"));
}

#[tokio::test]
async fn a_deadline_ends_everything() {
    let mut service = idle();
    service.healthcheck = Some(Healthcheck { test: HealthTest::Shell("false".to_owned()), ..Healthcheck::default() });
    let mut bench = Bench::new("deadline").await.service("api", service);
    bench.options.deadline = std::time::SystemTime::now() + Duration::from_secs(6);
    let began = std::time::Instant::now();
    let error = bench.fails().await;
    assert!(matches!(error, SandboxError::NeverHealthy { .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_job_without_end_is_the_candidates_fault() {
    let mut api = idle();
    let wish = Dependency { condition: Condition::CompletedSuccessfully, required: true, restart: false };
    api.depends_on.insert("migration".to_owned(), wish);
    let mut bench = Bench::new("endlessjob").await.service("api", api).service("migration", idle());
    bench.options.deadline = std::time::SystemTime::now() + Duration::from_secs(6);
    let error = bench.fails().await;
    assert!(matches!(error, SandboxError::DependencyFailed { .. }), "{error:?}");
    assert_eq!(error.fault().side, FaultSide::Candidate);
}

#[tokio::test]
async fn an_engine_that_is_away_is_said_so() {
    for address in ["unix:///nowhere.sock", "tcp://127.0.0.1:1"] {
        let error = Engine::connect(ConnectOptions { address: Some(address.to_owned()) }).await.unwrap_err();
        assert!(matches!(error, SandboxError::EngineAway { .. }), "{error:?}");
        assert!(error.fault().hint.contains("cargo xtask setup"));
    }
}
