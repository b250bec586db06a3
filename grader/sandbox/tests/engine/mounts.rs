//! Folders and files of the tree in containers, and the volumes beside them.

use std::time::Duration;

use grader_compose::files::RelPath;
use grader_compose::project::{Location, Mount, MountSource, Volume};
use grader_sandbox::{Event, SandboxError};

use crate::support::{Bench, idle};

fn bind(source: &str, target: &str, read_only: bool, create: bool) -> Mount {
    Mount {
        target: target.to_owned(),
        read_only,
        source: MountSource::Bind { source: Location::Tree(RelPath::parse(source).unwrap()), create_host_path: create },
    }
}

fn volume(name: Option<&str>, target: &str) -> Mount {
    Mount {
        target: target.to_owned(),
        read_only: false,
        source: MountSource::Volume { name: name.map(str::to_owned), nocopy: false, subpath: None },
    }
}

#[tokio::test]
async fn a_folder_of_the_tree_is_seen_and_shared_and_no_folder_of_the_host() {
    let mut api = idle();
    api.volumes = vec![
        bind("", "/app", false, true),
        bind("sql/init.sql", "/docker-entrypoint-initdb.d/init.sql", true, true),
        bind("not-there", "/made", false, true),
        volume(None, "/app/node_modules"),
        volume(Some("data"), "/data"),
        volume(None, "/etc/dpkg"),
        Mount {
            target: "/memory".to_owned(),
            read_only: false,
            source: MountSource::Tmpfs { size: Some(1 << 16), mode: Some(0o1770) },
        },
    ];
    let mut worker = idle();
    worker.volumes = vec![bind("", "/job", true, true), volume(Some("data"), "/data")];
    let mut bench = Bench::new("mounts")
        .await
        .service("api", api)
        .service("worker", worker)
        .file("run.sh", "#!/bin/sh\necho ran\n")
        .file("sql/init.sql", "select 1;")
        .file("node_modules/host.js", "from the checkout");
    bench.project.volumes.insert("data".to_owned(), Volume::default());
    bench
        .up(async |up| {
            assert_eq!(up.sh("api", "/app/run.sh").await, "ran");
            assert_eq!(up.sh("api", "cat /docker-entrypoint-initdb.d/init.sql").await, "select 1;");
            assert_eq!(up.sh("api", "ls -A /made | wc -l").await, "0");
            assert_eq!(up.sh("api", "ls -A /app/node_modules | wc -l").await, "0", "the anonymous volume covers it");
            assert_ne!(up.sh("api", "ls /etc/dpkg | grep -c dpkg.cfg").await, "0");
            assert_eq!(up.sh("api", "stat -c %a /memory").await, "1770");
            up.sh("api", "echo changed > /app/new; echo kept > /data/x").await;
            assert_eq!(up.sh("worker", "cat /job/new /data/x").await, "changed\nkept");
            assert!(up.sh("worker", "echo no > /job/y").await.contains("Read-only"));
            assert_eq!(up.sh("api", "stat -c %u /app/run.sh").await, "1000");
        })
        .await;
}

#[tokio::test]
async fn a_bind_that_must_be_there_and_is_not_is_the_candidates_fault() {
    let mut api = idle();
    api.volumes = vec![bind("nothing", "/x", false, false)];
    let error = Bench::new("nobind").await.service("api", api).fails().await;
    assert!(matches!(&error, SandboxError::Missing { path, .. } if path == "nothing"), "{error:?}");
}

#[tokio::test]
async fn a_volume_that_is_filled_stops_whoever_sees_it_and_nobody_else() {
    let (mut writer, mut other) = (idle(), idle());
    writer.volumes = vec![volume(Some("data"), "/data")];
    other.volumes = vec![volume(Some("small"), "/data")];
    let mut bench = Bench::new("filled").await.service("api", writer).service("other", other);
    bench.project.volumes.insert("data".to_owned(), Volume::default());
    bench.project.volumes.insert("small".to_owned(), Volume::default());
    bench.options.limits.volume_bytes = 8 << 20;
    bench
        .up(async |up| {
            for service in ["api", "other"] {
                up.sh(service, "dd if=/dev/zero of=/data/x bs=1M count=4 status=none").await;
            }
            // Below the limit nothing happens, however often it is weighed.
            assert_eq!(up.stack.ended("api", Duration::from_secs(6)).await.unwrap(), None);
            up.sh("api", "dd if=/dev/zero of=/data/y bs=1M count=8 status=none").await;
            assert_eq!(up.stack.ended("api", Duration::from_secs(60)).await.unwrap(), Some(137));
            assert_eq!(up.stack.ended("other", Duration::from_secs(5)).await.unwrap(), None);
            let mut told = Vec::new();
            while let Ok(event) = up.events.try_recv() {
                if let Event::DiskFull { service, bytes } = event {
                    assert!(bytes >= 12 << 20, "{bytes}");
                    told.push(service);
                }
            }
            assert!(told.iter().all(|service| service == "api") && !told.is_empty(), "{told:?}");
        })
        .await;
}

#[tokio::test]
async fn what_a_service_writes_stops_it_and_a_hole_is_not_written() {
    let mut bench = Bench::new("written").await.service("api", idle());
    bench.options.limits.disk_bytes = 8 << 20;
    bench
        .up(async |up| {
            up.sh("api", "truncate -s 1G /map").await;
            assert_eq!(up.stack.ended("api", Duration::from_secs(6)).await.unwrap(), None);
            up.sh("api", "dd if=/dev/zero of=/x bs=1M count=12 status=none").await;
            assert_eq!(up.stack.ended("api", Duration::from_secs(60)).await.unwrap(), Some(137));
            let mut told = std::iter::from_fn(|| up.events.try_recv().ok());
            let bytes = told.find_map(|event| match event {
                Event::DiskFull { bytes, .. } => Some(bytes),
                _ => None,
            });
            assert!(bytes.is_some_and(|bytes| (12 << 20..1 << 30).contains(&bytes)), "{bytes:?}");
        })
        .await;
}
