//! What a document asks for is really applied, seen from inside the container.

use grader_compose::project::{FileGrant, FileObject, FileSource, Ulimit};

use crate::support::{Bench, DEBIAN, idle, shell};

#[tokio::test]
async fn a_service_is_as_its_document_says() {
    let mut service = idle();
    service.environment.insert("GREETING".to_owned(), Some("hello $world".to_owned()));
    service.environment.insert("UNSET".to_owned(), None);
    service.user = Some("1234:4321".to_owned());
    service.group_add = vec!["4999".to_owned()];
    service.working_dir = Some("/srv".to_owned());
    service.hostname = Some("box".to_owned());
    service.tmpfs = vec!["/scratch:size=64k".to_owned()];
    service.shm_size = Some(1 << 20);
    service.init = Some(true);
    service.extra_hosts = vec![("elsewhere".to_owned(), "192.0.2.7".to_owned())];
    service.ulimits.insert("nofile".to_owned(), Ulimit { soft: 123, hard: 456 });
    service.mem_limit = Some(64 << 20);
    service.pids_limit = Some(50);
    service.labels.insert("theirs".to_owned(), "yes".to_owned());
    service.labels.insert("grader.run".to_owned(), "someone-else".to_owned());
    service.secrets = vec![grant("token", "/run/secrets/token")];
    let settings =
        FileGrant { uid: Some("1234".to_owned()), mode: Some(0o400), ..grant("settings", "/etc/app/settings.ini") };
    service.configs = vec![settings];
    let mut bench = Bench::new("document").await.service("api", service);
    bench.project.secrets.insert("token".to_owned(), object("s3cret"));
    bench.project.configs.insert("settings".to_owned(), object("[a]"));
    bench
        .up(async |up| {
            for (line, expected) in [
                ("echo \"$GREETING\"", "hello $world"),
                ("echo \"${UNSET-none}\"", "none"),
                ("id -u; id -g", "1234\n4321"),
                ("id -G | tr ' ' '\\n' | grep -c 4999", "1"),
                ("pwd", "/srv"),
                ("hostname", "box"),
                ("grep -c ' /scratch tmpfs ' /proc/mounts", "1"),
                ("df -k --output=size /scratch | tail -1 | tr -d ' '", "64"),
                ("df -k --output=size /dev/shm | tail -1 | tr -d ' '", "1024"),
                ("tr '\\0' ' ' < /proc/1/cmdline | grep -c init", "1"),
                ("grep elsewhere /etc/hosts | cut -f1", "192.0.2.7"),
                ("grep 'open files' /proc/1/limits | tr -s ' ' | cut -d' ' -f4,5", "123 456"),
                ("cat /run/secrets/token", "s3cret"),
                ("cat /etc/app/settings.ini", "[a]"),
                ("stat -c '%u %g %a' /etc/app/settings.ini", "1234 0 400"),
                ("stat -c '%u %a' /run/secrets/token", "0 444"),
            ] {
                assert_eq!(up.sh("api", line).await, expected, "{line}");
            }
            let docker = crate::support::docker();
            let name = format!("grader-{}-service-api", up.run.id());
            let found = docker.inspect_container(&name, None).await.unwrap();
            let labels = found.config.unwrap().labels.unwrap();
            assert_eq!(labels["theirs"], "yes");
            assert_eq!(labels["grader.run"], up.run.id().as_str());
            let host = found.host_config.unwrap();
            assert_eq!((host.memory, host.memory_swap, host.pids_limit), (Some(64 << 20), Some(64 << 20), Some(50)));
        })
        .await;
}

#[tokio::test]
async fn services_find_each_other_by_every_name() {
    let mut database = idle();
    database.container_name = Some("my_db".to_owned());
    database.networks["default"].aliases.push("store".to_owned());
    let mut api = idle();
    api.links = vec!["database:linked".to_owned()];
    Bench::new("names")
        .await
        .service("database", database)
        .service("api", api)
        .up(async |up| {
            for name in ["database", "my_db", "store", "linked"] {
                let found = up.sh("api", &format!("getent hosts {name} | cut -d' ' -f1")).await;
                assert!(found.starts_with("10.210."), "{name}: {found:?}");
            }
        })
        .await;
}

#[tokio::test]
async fn a_service_is_only_on_its_own_networks() {
    let on = |keys: &[&str]| {
        let mut service = idle();
        service.networks =
            keys.iter().map(|key| ((*key).to_owned(), grader_compose::project::Attachment::default())).collect();
        service
    };
    let mut alone = idle();
    alone.networks.clear();
    alone.network_mode = Some("none".to_owned());
    let mut inside = idle();
    inside.networks.clear();
    inside.network_mode = Some("service:middle".to_owned());
    Bench::new("networks")
        .await
        .service("front", on(&["outer"]))
        .service("middle", on(&["outer", "inner"]))
        .service("back", on(&["inner"]))
        .service("alone", alone)
        .service("inside", inside)
        .up(async |up| {
            let finds = async |from: &str, to: &str| !up.sh(from, &format!("getent hosts {to}")).await.is_empty();
            assert!(finds("front", "middle").await);
            assert!(finds("middle", "back").await);
            assert!(!finds("front", "back").await);
            assert!(!finds("alone", "front").await);
            assert!(finds("inside", "back").await);
            let endpoints = up.stack.endpoints().await.unwrap();
            let of = |name: &str| endpoints.iter().find(|e| e.service == name).unwrap().addresses.len();
            assert_eq!((of("front"), of("middle"), of("alone"), of("inside")), (1, 2, 0, 2));
        })
        .await;
}

#[tokio::test]
async fn an_entry_point_can_be_replaced_and_cleared() {
    let mut replaced = shell(DEBIAN, "ignored");
    replaced.entrypoint = Some(["sh", "-c", "echo replaced > /tmp/x; exec sleep 600"].map(str::to_owned).to_vec());
    replaced.command = None;
    Bench::new("entry")
        .await
        .service("replaced", replaced)
        .up(async |up| assert_eq!(up.sh("replaced", "cat /tmp/x").await, "replaced"))
        .await;
}

fn grant(source: &str, target: &str) -> FileGrant {
    FileGrant { source: source.to_owned(), target: target.to_owned(), uid: None, gid: None, mode: None }
}

fn object(text: &str) -> FileObject {
    FileObject { name: String::new(), source: FileSource::Content(text.to_owned()) }
}
