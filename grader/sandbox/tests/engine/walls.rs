//! What a container cannot do: leave its network, reach the host, or gain rights.

use std::net::{Ipv4Addr, TcpListener};

use crate::support::{Bench, idle, web};

/// Says `open` or `closed` for an address, from bash alone.
fn probe(address: &str, port: u16) -> String {
    format!("timeout 2 bash -c '</dev/tcp/{address}/{port}' 2>/dev/null && echo open || echo closed")
}

#[tokio::test]
async fn nothing_leaves_the_network_of_the_run() {
    // On every address of the host; nothing in a run may reach it.
    let canary = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    canary.set_nonblocking(true).unwrap();
    let port = canary.local_addr().unwrap().port();
    let mut other = Bench::new("neighbour").await.service("web", web(8000));
    other.options.limits.ready = std::time::Duration::from_secs(30);
    other
        .up(async |neighbour| {
            let theirs = neighbour.stack.endpoints().await.unwrap()[0].addresses[0];
            Bench::new("egress")
                .await
                .service("web", web(8000))
                .service("inside", idle())
                .up(async |up| {
                    // Positive control: what may be reached is reached in this very way.
                    assert_eq!(up.sh("inside", &probe("web", 8000)).await, "open");
                    let own = up.stack.endpoints().await.unwrap();
                    let own = own.iter().find(|e| e.service == "inside").unwrap().addresses[0];
                    let gateway = Ipv4Addr::from((u32::from(own) & !63) + 1);
                    let mut closed = vec![(gateway.to_string(), port), (theirs.to_string(), 8000)];
                    for host in host_addresses() {
                        closed.push((host, port));
                    }
                    for outside in ["169.254.169.254", "192.0.2.1", "1.1.1.1"] {
                        closed.push((outside.to_owned(), 80));
                    }
                    for (address, port) in closed {
                        let seen = up.sh("inside", &probe(&address, port)).await;
                        // The gateway's number may belong to a neighbouring container, which has no such port open.
                        assert_eq!(seen, "closed", "{address}:{port}");
                    }
                    assert_eq!(
                        up.sh(
                            "inside",
                            "ls /proc/sys/net/ipv6/conf/eth0/disable_ipv6 >/dev/null 2>&1 \
                        && cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6 || echo 1"
                        )
                        .await,
                        "1"
                    );
                    let began = std::time::Instant::now();
                    let name = format!("a{}.example.com", up.run.id());
                    assert_eq!(up.sh("inside", &format!("getent hosts {name}")).await, "");
                    assert!(began.elapsed().as_secs() < 5, "a name that cannot be found is said so at once");
                    // Older engines leave a route to the address that the bridge does not have.
                    if !old_engine(&up.engine) {
                        let routes = up.sh("inside", "grep -c '^eth0.00000000' /proc/net/route").await;
                        assert_eq!(routes, "0", "there is a way out");
                    }
                })
                .await;
        })
        .await;
    assert!(canary.accept().is_err(), "something reached the host");
}

#[tokio::test]
async fn a_container_has_few_rights_and_gains_none() {
    Bench::new("rights")
        .await
        .service("api", idle())
        .up(async |up| {
            // CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7, NET_BIND_SERVICE 10.
            let allowed = [0, 1, 3, 4, 5, 6, 7, 10].iter().fold(0_u64, |set, bit| set | 1 << bit);
            for set in ["CapEff", "CapBnd", "CapPrm"] {
                let line = up.sh("api", &format!("grep {set} /proc/1/status | cut -f2")).await;
                assert_eq!(u64::from_str_radix(&line, 16).unwrap() & !allowed, 0, "{set}: {line}");
            }
            assert_eq!(up.sh("api", "grep NoNewPrivs /proc/1/status | cut -f2").await, "1");
            assert_eq!(up.sh("api", "grep '^Seccomp:' /proc/1/status | cut -f2").await, "2");
            assert!(up.sh("api", "mount -t tmpfs x /mnt && echo mounted").await.contains("permission denied"));
            assert_eq!(up.sh("api", "ls /var/run/docker.sock 2>/dev/null").await, "");
            let docker = crate::support::docker();
            let name = format!("grader-{}-service-api", up.run.id());
            let host = docker.inspect_container(&name, None).await.unwrap().host_config.unwrap();
            assert_eq!(host.privileged, Some(false));
            assert!(host.pids_limit.is_some_and(|pids| pids > 0));
            assert!(host.memory.is_some_and(|memory| memory > 0) && host.memory == host.memory_swap);
            assert!(host.nano_cpus.is_some_and(|cpus| cpus > 0));
            assert!(host.binds.unwrap_or_default().is_empty());
            let log = host.log_config.unwrap().config.unwrap();
            assert!(log.contains_key("max-size") && log.contains_key("max-file"), "{log:?}");
        })
        .await;
}

#[tokio::test]
async fn a_document_may_drop_the_rest() {
    let mut service = idle();
    service.cap_drop = vec!["ALL".to_owned()];
    Bench::new("drop")
        .await
        .service("api", service)
        .up(async |up| assert_eq!(up.sh("api", "grep CapBnd /proc/1/status | cut -f2").await, "0000000000000000"))
        .await;
}

#[tokio::test]
async fn a_runtime_that_is_not_there_is_an_error() {
    let mut bench = Bench::new("runtime").await.service("api", idle());
    bench.options.runtime = Some("no-such-runtime".to_owned());
    let error = bench.fails().await;
    assert!(matches!(error, grader_sandbox::SandboxError::RuntimeMissing { .. }), "{error:?}");
}

/// Docker before 25.
fn old_engine(engine: &grader_sandbox::Engine) -> bool {
    let minor = engine.info().api.rsplit('.').next().and_then(|minor| minor.parse::<u32>().ok());
    minor.unwrap() < 44
}

/// The host's own IPv4 addresses, bridges among them.
fn host_addresses() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap();
    let mut found = Vec::new();
    let mut last = "";
    for line in table.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address;
        } else if line.contains("host LOCAL") && !last.starts_with("127.") && !found.contains(&last.to_owned()) {
            found.push(last.to_owned());
        }
    }
    found
}
