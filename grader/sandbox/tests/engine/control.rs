//! What probes may have done to a running stack.

use std::time::Duration;

use grader_sandbox::{Event, LogMark, LogStream, SandboxError};

use crate::support::{Bench, DEBIAN, idle, shell};

#[tokio::test]
async fn a_log_is_read_from_a_mark_on() {
    let service = shell(
        DEBIAN,
        "echo before; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo after; echo trouble >&2; exec sleep 600",
    );
    Bench::new("logs")
        .await
        .service("api", service)
        .up(async |up| {
            let mark = up.stack.mark().await.unwrap();
            up.sh("api", "touch /tmp/go").await;
            let mut lines = Vec::new();
            for _ in 0..50 {
                lines = up.stack.logs("api", Some(mark)).await.unwrap();
                if lines.len() == 2 {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let seen: Vec<_> = lines.iter().map(|line| (line.stream, line.text.as_str())).collect();
            assert!(seen.contains(&(LogStream::Stdout, "after")) && seen.contains(&(LogStream::Stderr, "trouble")));
            assert_eq!(seen.len(), 2, "{seen:?}");
            assert_eq!(up.stack.logs("api", None).await.unwrap().len(), 3);
        })
        .await;
}

#[tokio::test]
async fn a_service_can_be_frozen_ended_and_started_again() {
    let service = shell(DEBIAN, "trap 'exit 5' TERM; while :; do date +%s%N > /tmp/beat; sleep 0.05; done");
    Bench::new("control")
        .await
        .service("api", service)
        .service("other", idle())
        .up(async |up| {
            let state = async || {
                let name = format!("grader-{}-service-api", up.run.id());
                crate::support::docker().inspect_container(&name, None).await.unwrap().state.unwrap()
            };
            up.stack.pause("api").await.unwrap();
            assert_eq!(state().await.paused, Some(true));
            up.stack.unpause("api").await.unwrap();
            assert_eq!(state().await.paused, Some(false));
            assert_eq!(up.stack.ended("api", Duration::from_millis(200)).await.unwrap(), None);
            assert_eq!(up.stack.terminate("api").await.unwrap(), "SIGTERM");
            assert_eq!(up.stack.ended("api", Duration::from_secs(5)).await.unwrap(), Some(5));
            assert!(matches!(up.stack.address("api").await, Err(SandboxError::NoSuchService { .. })), "it is down");
            up.stack.start("api").await.unwrap();
            up.stack.service_ready("api").await.unwrap();
            let api =
                up.stack.endpoints().await.unwrap().into_iter().find(|endpoint| endpoint.service == "api").unwrap();
            assert_eq!(api.addresses, [up.stack.address("api").await.unwrap()]);
            up.sh("api", "echo kept > /tmp/kept").await;
            up.stack.restart("api", Duration::ZERO).await.unwrap();
            assert_eq!(up.sh("api", "cat /tmp/kept").await, "kept");
            up.stack.kill("api").await.unwrap();
            assert_eq!(up.stack.ended("api", Duration::from_secs(5)).await.unwrap(), Some(137));
            let mut died = Vec::new();
            while let Ok(event) = up.events.try_recv() {
                if let Event::Died { service, .. } = event {
                    died.push(service);
                }
            }
            assert_eq!(died, Vec::<String>::new(), "what we end ourselves is no news");
            assert!(matches!(up.stack.pause("nobody").await, Err(SandboxError::NoSuchService { .. })));
        })
        .await;
}

#[tokio::test]
async fn a_service_is_asked_to_end_by_the_signal_that_it_declares() {
    let mut service = shell(DEBIAN, "trap 'exit 6' USR1; while :; do sleep 0.05; done");
    service.stop_signal = Some("SIGUSR1".to_owned());
    Bench::new("terminate")
        .await
        .service("api", service)
        .up(async |up| {
            assert_eq!(up.stack.terminate("api").await.unwrap(), "SIGUSR1");
            assert_eq!(up.stack.ended("api", Duration::from_secs(5)).await.unwrap(), Some(6));
        })
        .await;
}

#[tokio::test]
async fn a_mark_keeps_its_place_when_it_is_written_and_read() {
    Bench::new("mark")
        .await
        .service("api", idle())
        .up(async |up| {
            let mark = up.stack.mark().await.unwrap();
            assert_eq!(mark.to_string().parse::<LogMark>().unwrap(), mark);
            assert!("yesterday".parse::<LogMark>().is_err());
        })
        .await;
}

#[tokio::test]
async fn a_service_that_ends_by_itself_is_news() {
    let service = shell(DEBIAN, "while [ ! -e /tmp/go ]; do sleep 0.05; done; exit 9");
    Bench::new("died")
        .await
        .service("api", service)
        .up(async |up| {
            // The follower of events has only just begun; a second is plenty for it to connect.
            tokio::time::sleep(Duration::from_secs(1)).await;
            up.sh("api", "touch /tmp/go").await;
            let told = tokio::time::timeout(Duration::from_secs(10), async {
                loop {
                    if let Some(Event::Died { service, exit_code, .. }) = up.events.recv().await {
                        return (service, exit_code);
                    }
                }
            });
            assert_eq!(told.await.unwrap(), ("api".to_owned(), 9));
        })
        .await;
}

#[tokio::test]
async fn files_are_put_into_a_running_container() {
    Bench::new("put")
        .await
        .service("api", idle())
        .up(async |up| {
            let put = |path: &str, text: &str| vec![(path.to_owned(), text.as_bytes().to_vec())];
            up.stack.put("api", &put("/tmp/new/folder/a", "first")).await.unwrap();
            let before = up.sh("api", "cat /tmp/new/folder/a; stat -c %Y /tmp/new/folder/a; stat -c %a /tmp").await;
            let lines: Vec<&str> = before.lines().collect();
            // The folder that was there is as it was, and the file is new by its time.
            assert_eq!(lines[1], "1777", "{before}");
            let made: u64 = lines[0].trim_start_matches("first").parse().unwrap();
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
            assert!(now - made < 600, "{before}");
            up.stack.put("api", &put("/tmp/new/folder/a", "second")).await.unwrap();
            assert_eq!(up.sh("api", "cat /tmp/new/folder/a").await.trim(), "second");
            // A link leads somewhere else in the container at the most; nothing of the host is written.
            up.sh("api", "ln -s /tmp/elsewhere /tmp/link; mkdir /tmp/elsewhere").await;
            up.stack.put("api", &put("/tmp/link/b", "third")).await.unwrap();
            assert_eq!(up.sh("api", "cat /tmp/elsewhere/b").await.trim(), "third");
            let gone = up.stack.put("nobody", &put("/tmp/a", "x")).await;
            assert!(matches!(gone, Err(SandboxError::NoSuchService { .. })));
        })
        .await;
}
