//! What a submission must not touch: a canary on the disk, a listener on every address of the host.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// What stands in the canary's file.
pub(crate) const SECRET: &str = "CANARY_TOKEN=sings-at-4a1f\n";

/// The folder of a canary, beside a submission.
pub(crate) struct Canary {
    folder: PathBuf,
}

impl Canary {
    pub(crate) fn sits_in(folder: PathBuf) -> Canary {
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("secret"), SECRET).unwrap();
        Canary { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fails unless everything is as it was.
    pub(crate) fn assert_untouched(&self) {
        let names: Vec<_> = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"], "something was written beside the canary");
        assert_eq!(std::fs::read_to_string(self.folder.join("secret")).unwrap(), SECRET);
    }
}

/// Fails where the canary's secret is in a text.
pub(crate) fn assert_unread(what: &str, text: &str) {
    let secret = SECRET.trim().split_once('=').unwrap().1;
    assert!(!text.contains(secret), "the canary's secret is in {what}:\n{text}");
}

/// A listener on every address of the host, one for the whole process.
pub(crate) struct Listener {
    pub(crate) port: u16,
    reached: Arc<AtomicUsize>,
}

impl Listener {
    pub(crate) fn get() -> &'static Listener {
        static LISTENER: OnceLock<Listener> = OnceLock::new();
        LISTENER.get_or_init(|| {
            let socket = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            let port = socket.local_addr().unwrap().port();
            let reached = Arc::new(AtomicUsize::new(0));
            let count = reached.clone();
            std::thread::spawn(move || {
                for _ in socket.incoming() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
            Listener { port, reached }
        })
    }

    /// How often somebody connected.
    pub(crate) fn reached(&self) -> usize {
        self.reached.load(Ordering::SeqCst)
    }
}

/// The host's own IPv4 addresses, bridges among them.
pub(crate) fn addresses() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap();
    let mut found: Vec<String> = Vec::new();
    let mut last = "";
    for line in table.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            last = address;
        } else if line.contains("host LOCAL") && !last.starts_with("127.") && !found.iter().any(|known| known == last) {
            found.push(last.to_owned());
        }
    }
    found
}
