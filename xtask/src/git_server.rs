//! A git server on loopback for one folder of repositories, for as long as the value lives.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::shell::{self, Failure, Result};

const START: Duration = Duration::from_secs(10);

/// `git daemon`, read-only, on a free port of 127.0.0.1. Dropping it ends it.
pub(crate) struct GitServer {
    child: Child,
    port: u16,
}

impl GitServer {
    /// Serves every repository under `folder`.
    ///
    /// # Errors
    /// When git has no daemon here or it does not listen in time.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        // The daemon itself: `git daemon` would be a parent that leaves it behind when it is ended.
        let programs = PathBuf::from(shell::read(Command::new("git").arg("--exec-path"))?);
        let port = free_port()?;
        let mut child = Command::new(programs.join("git-daemon"))
            .args(["--listen=127.0.0.1", "--export-all", "--reuseaddr"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", folder.display()))
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                Failure::new(format!("git's daemon could not be started: {error}"))
                    .hint("It is part of a full installation of git.")
            })?;
        let begun = Instant::now();
        while TcpStream::connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = child.try_wait()? {
                return Err(Failure::new(format!("git's daemon ended with {status}")));
            }
            if begun.elapsed() > START {
                let _ = child.kill();
                return Err(Failure::new("git's daemon does not listen"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { child, port })
    }

    /// The URL of the repository `name` in the served folder.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("git://127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        // It may have ended by itself; there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_served_repository_can_be_cloned_and_the_server_ends() {
        let home = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(home.path()).args(args);
            command.env("GIT_CONFIG_GLOBAL", "/dev/null");
            shell::read(&mut command)
        };
        git(&["init", "--quiet", "served"]).unwrap();
        git(&[
            "-C",
            "served",
            "-c",
            "user.name=N",
            "-c",
            "user.email=n@example.com",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "one",
        ])
        .unwrap();
        let server = GitServer::start(home.path()).unwrap();
        git(&["clone", "--quiet", &server.url("served"), "copy"]).unwrap();
        assert_eq!(git(&["-C", "copy", "log", "--format=%s"]).unwrap(), "one");
        let port = server.port;
        drop(server);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
    }
}
