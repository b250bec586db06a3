//! Which ports a service should open, and which it has opened, read inside its own network namespace.

use std::time::Duration;

use grader_compose::project::Service;

use crate::BuiltImage;
use crate::control::ExecOptions;
use crate::stack::Shared;

/// TCP ports that a service is said to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) published: Vec<u16>,
    pub(crate) exposed: Vec<u16>,
}

impl Ports {
    pub(crate) fn of(service: &Service, image: &BuiltImage) -> Self {
        let published: Vec<u16> =
            service.ports.iter().filter(|port| port.protocol == "tcp").map(|port| port.target).collect();
        let by_image = image.config.exposed_ports.iter().flatten();
        let mut exposed: Vec<u16> = service.expose.iter().chain(by_image).filter_map(|text| tcp(text)).collect();
        exposed.retain(|port| !published.contains(port));
        exposed.sort_unstable();
        exposed.dedup();
        Ports { published, exposed }
    }

    pub(crate) fn any(&self) -> bool {
        !self.published.is_empty() || !self.exposed.is_empty()
    }

    /// Whether a port that counts is open: a published one, or without those an exposed one.
    pub(crate) fn listened(&self, open: &Sockets) -> bool {
        let count = if self.published.is_empty() { &self.exposed } else { &self.published };
        count.iter().any(|port| open.to_all.contains(port))
    }
}

/// `8000`, `8000/tcp`; of a range the first.
fn tcp(text: &str) -> Option<u16> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    (protocol == "tcp").then(|| port.split('-').next()?.parse().ok())?
}

/// Listening TCP sockets of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sockets {
    to_all: Vec<u16>,
    loopback: Vec<u16>,
}

impl Sockets {
    pub(crate) fn open_to_all(&self) -> Vec<u16> {
        self.to_all.clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.to_all.is_empty() && self.loopback.is_empty()
    }

    pub(crate) fn only_loopback(&self, port: u16) -> bool {
        self.loopback.contains(&port) && !self.to_all.contains(&port)
    }

    /// Reads the kernel's tables, `/proc/net/tcp` and `tcp6`.
    fn parse(text: &str) -> Self {
        const LISTEN: &str = "0A";
        // The engine's own name server is in every container at 127.0.0.11.
        const ENGINE_NAMES: &str = "0B00007F";
        let mut sockets = Sockets::default();
        for line in text.lines() {
            let mut fields = line.split_whitespace().skip(1);
            let (Some(local), Some(_), Some(LISTEN)) = (fields.next(), fields.next(), fields.next()) else { continue };
            let Some((address, port)) = local.split_once(':') else { continue };
            if address == ENGINE_NAMES {
                continue;
            }
            let Ok(port) = u16::from_str_radix(port, 16) else { continue };
            // 127.x.y.z in the machine's byte order, ::1, and ::ffff:127.x.y.z.
            let loopback = (address.len() == 8 && address.ends_with("7F"))
                || address == "00000000000000000000000001000000"
                || (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"));
            let list = if loopback { &mut sockets.loopback } else { &mut sockets.to_all };
            if !list.contains(&port) {
                list.push(port);
            }
        }
        sockets.to_all.sort_unstable();
        sockets
    }
}

/// The listening sockets of a running service; `None` where they cannot be seen.
pub(crate) async fn sockets(stack: &Shared, name: &str) -> Option<Sockets> {
    let text = match from_the_kernel(stack, name).await {
        Some(text) => text,
        None => from_inside(stack, name).await?,
    };
    text.contains("local_address").then(|| Sockets::parse(&text))
}

/// Where the engine is on this machine, its containers' processes are too, and reading about one costs nothing and
/// needs no program in its image. A process counts only if its control group names the container: with an engine
/// elsewhere the number means some other process here, or none.
async fn from_the_kernel(stack: &Shared, name: &str) -> Option<String> {
    let container = stack.container(name).ok()?;
    let found = stack.run.engine.docker.inspect_container(container, None).await.ok()?;
    let (id, pid) = (found.id?, found.state?.pid.filter(|pid| *pid > 0)?);
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let tables = [read("net/tcp")?, read("net/tcp6").unwrap_or_default()].concat();
    // Looked at last: had the number been given to another process meanwhile, it would show here.
    read("cgroup")?.contains(&id).then_some(tables)
}

/// Elsewhere a program of the image has to read them.
async fn from_inside(stack: &Shared, name: &str) -> Option<String> {
    let options = ExecOptions {
        timeout: Duration::from_secs(5),
        output_bytes: 256 << 10,
        working_dir: Some("/".to_owned()),
        ..ExecOptions::default()
    };
    let argv = ["cat", "/proc/net/tcp", "/proc/net/tcp6"].map(str::to_owned);
    // Without IPv6 in the kernel the second file is missing and the first still counts.
    let read = stack.exec(name, &argv, &options).await.ok()?;
    Some(String::from_utf8_lossy(&read.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00007F:8F9B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1
   2: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1
   3: 0202D20A:1F40 0302D20A:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4 1
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000000000000:1538 00000000000000000000000000000000:0000 0A 0 0 0 0 0 5
   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0 0 0 0 0 6
";

    #[test]
    fn listening_sockets_are_told_by_who_can_reach_them() {
        let sockets = Sockets::parse(TABLE);
        assert_eq!(sockets.open_to_all(), [5432, 8000]);
        assert!(sockets.only_loopback(8080));
        assert!(sockets.only_loopback(80));
        assert!(!sockets.only_loopback(8000));
    }

    #[test]
    fn ports_are_read_in_all_their_spellings() {
        assert_eq!(tcp("8000"), Some(8000));
        assert_eq!(tcp("8000/tcp"), Some(8000));
        assert_eq!(tcp("8000-8010"), Some(8000));
        assert_eq!(tcp("53/udp"), None);
        assert_eq!(tcp("x"), None);
    }
}
