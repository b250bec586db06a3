//! Containers that the tests make beside the grader's: an outside to reach, and ears on every wire of the host.

use std::process::Command;

/// Listens on what a way out would lead to, and prints each caller with what it says.
const OUTSIDE: &str = r#"
import socket, threading
def tcp(port):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        peer, address = server.accept()
        peer.settimeout(2)
        try: said = peer.recv(200)
        except OSError: said = b""
        print("reached by tcp", port, address, said, flush=True)
def udp(port):
    server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    server.bind(("::", port))
    while True:
        said, address = server.recvfrom(512)
        print("reached by udp", port, address, said, flush=True)
        server.sendto(b"here", address)
for port in (53, 80, 443, 8000): threading.Thread(target=tcp, args=(port,)).start()
threading.Thread(target=udp, args=(53,)).start()
print("listening", flush=True)
"#;

/// Prints the name of each wire on which a word is heard, with the word.
const EARS: &str = r#"
import socket, sys
words = [word.encode() for word in sys.argv[1:]]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
print("listening", flush=True)
while True:
    packet, (name, *_) = wire.recvfrom(65536)
    for word in words:
        if word in packet: print("heard", word.decode(), "on", name, flush=True)
"#;

const IMAGE: &str = "python:3.11-slim";

/// A container of the tests. It goes when this is dropped.
pub(crate) struct Container {
    pub(crate) id: String,
    network: Option<String>,
}

/// What `docker` prints, trimmed.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("the engine's client is there");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {stderr}");
    format!("{}{stderr}", String::from_utf8_lossy(&output.stdout)).trim().to_owned()
}

impl Container {
    /// Something on a network of its own that has a way out, with IPv6.
    pub(crate) fn outside(name: &str) -> Container {
        let tail = u16::try_from(std::process::id() % 0xffff).unwrap();
        let subnet = format!("fd00:9:{tail:x}::/64");
        docker(&["network", "create", "--ipv6", "--subnet", &subnet, name]);
        // Made first, so that whatever follows it, the network goes.
        let mut made = Container { id: String::new(), network: Some(name.to_owned()) };
        made.id = docker(&["run", "-d", "--network", name, IMAGE, "python3", "-u", "-c", OUTSIDE]);
        made.wait_for("listening");
        made
    }

    /// Ears on every wire of the engine's host.
    pub(crate) fn ears(words: &[&str]) -> Container {
        let mut arguments = vec!["run", "-d", "--network", "host", "--cap-drop", "ALL", "--cap-add", "NET_RAW"];
        arguments.extend([IMAGE, "python3", "-u", "-c", EARS]);
        arguments.extend(words);
        let made = Container { id: docker(&arguments), network: None };
        made.wait_for("listening");
        made
    }

    pub(crate) fn log(&self) -> String {
        docker(&["logs", &self.id])
    }

    /// One of its addresses, by the name that the engine has for it.
    pub(crate) fn address(&self, field: &str) -> String {
        docker(&[
            "inspect",
            "-f",
            &format!("{{{{range .NetworkSettings.Networks}}}}{{{{.{field}}}}}{{{{end}}}}"),
            &self.id,
        ])
    }

    pub(crate) fn wait_for(&self, word: &str) {
        crate::support::until(word, 30, || match self.log() {
            log if log.contains(word) => Ok(()),
            log => Err(log),
        });
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // What cannot be removed is told by whoever looks next; a test must not fail for it twice.
        let remove = |arguments: &[&str]| drop(Command::new("docker").args(arguments).output());
        if !self.id.is_empty() {
            remove(&["rm", "-f", &self.id]);
        }
        if let Some(network) = &self.network {
            remove(&["network", "rm", network]);
        }
    }
}
