//! Readiness is found out quickly, in the right order, and not too early.

use std::time::{Duration, Instant};

use grader_compose::project::{Attachment, Condition, Dependency, HealthTest, Healthcheck, Restart, Service};
use grader_sandbox::{Event, Proof};

use crate::support::{Bench, DEBIAN, POSTGRES, idle, shell, web};

fn slow_test(line: &str) -> Option<Healthcheck> {
    Some(Healthcheck {
        test: HealthTest::Shell(line.to_owned()),
        interval: Some(Duration::from_secs(30)),
        timeout: Some(Duration::from_secs(5)),
        retries: Some(3),
        start_period: None,
        start_interval: None,
    })
}

fn after(service: &mut Service, other: &str, condition: Condition) {
    service.depends_on.insert(other.to_owned(), Dependency { condition, required: true, restart: false });
}

#[tokio::test]
async fn nobody_waits_out_an_interval() {
    let mut service = shell(DEBIAN, "sleep 0.5; touch /tmp/ok; exec sleep 600");
    service.healthcheck = slow_test("test -e /tmp/ok");
    Bench::new("interval")
        .await
        .service("api", service)
        .up(async |up| {
            let ready = up.stack.ready().await.unwrap();
            assert_eq!(ready[0].proof, Proof::Healthy);
            assert!(ready[0].took < Duration::from_secs(8), "{:?}", ready[0].took);
        })
        .await;
}

#[tokio::test]
async fn services_start_when_what_they_need_is_as_they_ask() {
    let mut database = shell(DEBIAN, "sleep 0.3; touch /tmp/ok; exec sleep 600");
    database.healthcheck = slow_test("test -e /tmp/ok");
    let mut migration = shell(DEBIAN, "sleep 0.2; exit 0");
    after(&mut migration, "database", Condition::Healthy);
    let mut api = idle();
    after(&mut api, "migration", Condition::CompletedSuccessfully);
    Bench::new("order")
        .await
        .service("api", api)
        .service("migration", migration)
        .service("database", database)
        .up(async |up| {
            let mut order = Vec::new();
            while let Ok(event) = up.events.try_recv() {
                if let Event::Done { service, step: grader_sandbox::Step::Start, .. } = event {
                    order.push(service);
                }
            }
            assert_eq!(order, ["database", "migration", "api"]);
            let ready = up.stack.ready().await.unwrap();
            assert_eq!(ready.iter().find(|r| r.service == "migration").unwrap().proof, Proof::Completed);
        })
        .await;
}

#[tokio::test]
async fn a_service_without_a_test_is_ready_when_its_port_is_open() {
    let began = Instant::now();
    Bench::new("port")
        .await
        .service("web", web(8000))
        .up(async |up| {
            assert_eq!(up.stack.ready().await.unwrap()[0].proof, Proof::Listening);
            let endpoint = &up.stack.endpoints().await.unwrap()[0];
            assert_eq!(endpoint.published, [8000]);
            assert_eq!(endpoint.listening, [8000]);
        })
        .await;
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_service_that_crashes_first_is_started_again_as_it_asks() {
    let mut service = shell(DEBIAN, "test -e /tmp/again || { touch /tmp/again; exit 3; }; exec sleep 600");
    service.restart = Some(Restart::Always);
    Bench::new("restart")
        .await
        .service("api", service)
        .up(async |up| assert_eq!(up.sh("api", "ls /tmp/again").await, "/tmp/again"))
        .await;
}

/// Its entry point runs a private server first, which answers `pg_isready` and goes away again.
#[tokio::test]
async fn a_database_is_ready_only_when_others_can_reach_it() {
    let mut database = Service {
        image: Some(POSTGRES.to_owned()),
        networks: [("default".to_owned(), Attachment::default())].into_iter().collect(),
        scale: 1,
        ..Service::default()
    };
    database.environment.insert("POSTGRES_PASSWORD".to_owned(), Some("secret".to_owned()));
    database.healthcheck = slow_test("pg_isready -U postgres");
    let mut client = shell(
        POSTGRES,
        "PGPASSWORD=secret psql -h database -U postgres -Atc 'select 40 + 2' > /tmp/answer; exec sleep 600",
    );
    client.entrypoint = Some(Vec::new());
    after(&mut client, "database", Condition::Healthy);
    Bench::new("postgres")
        .await
        .service("database", database)
        .service("client", client)
        .up(async |up| {
            let ready = up.stack.ready().await.unwrap();
            let client = ready.iter().find(|ready| ready.service == "client").unwrap();
            // Its image exposes the database's port, which is not the client's.
            assert_eq!(client.proof, Proof::Running);
            assert!(client.took < Duration::from_secs(4), "{:?}", client.took);
            let mut answer = String::new();
            for _ in 0..50 {
                answer = up.sh("client", "cat /tmp/answer").await;
                if !answer.is_empty() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(answer, "42", "{:?}", up.stack.logs("client", None).await);
        })
        .await;
}
