//! The engine as a process of ours: started detached where no init system does it, found again by
//! its recorded id, and stopped by that id alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::engine::{self, Wanted};
use crate::shell::{self, Failure, Result, say};

/// Holds the daemon's data, log, configuration and process id. Only root gets here.
const STATE: &str = "/var/lib/grader-xtask";
const SOCKET: &str = "/var/run/docker.sock";
const START: Duration = Duration::from_secs(90);
const STOP: Duration = Duration::from_secs(40);

/// The daemon's log.
pub(crate) fn log() -> PathBuf {
    Path::new(STATE).join("dockerd.log")
}

/// Which engine of ours runs now, if any.
///
/// A recorded id counts only while the process behind it was started with our own configuration
/// file: ids are given out again.
pub(crate) fn started() -> Option<Wanted> {
    let pid = fs::read_to_string(pid_file()).ok()?;
    let words = fs::read(format!("/proc/{}/cmdline", pid.trim())).ok()?;
    let words = String::from_utf8_lossy(&words);
    [Wanted::Distribution, Wanted::Next]
        .into_iter()
        .find(|engine| words.contains(&*config_file(*engine).to_string_lossy()))
}

/// Starts `dockerd` detached and waits until it answers.
///
/// # Errors
/// When it ends early or does not answer in time; the hint holds the end of its log.
pub(crate) fn start(engine: Wanted) -> Result<()> {
    fs::create_dir_all(STATE)?;
    // A file left by a daemon that was killed would keep the new one from starting.
    let _ = fs::remove_file(pid_file());
    let config = config_file(engine);
    fs::write(&config, configuration(engine))?;
    let log = fs::File::create(log())?;
    say(format!("starting dockerd, log in {}", self::log().display()));
    // Its own session: the engine must outlive this command and the terminal it was typed in.
    let mut daemon = Command::new("setsid")
        .arg("dockerd")
        .arg("--config-file")
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map_err(|error| Failure::new(format!("dockerd could not be started: {error}")))?;
    let begun = Instant::now();
    while engine::version().is_none() {
        if let Some(status) = daemon.try_wait()? {
            return Err(Failure::new(format!("dockerd ended with {status}")).hint(log_tail()));
        }
        if begun.elapsed() > START {
            return Err(Failure::new("dockerd does not answer").hint(log_tail()));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Ends the daemon that [`started`] found, and waits for its end.
///
/// # Errors
/// When it does not end in time.
pub(crate) fn stop() -> Result<()> {
    if started().is_none() {
        return Ok(());
    }
    let pid = fs::read_to_string(pid_file())?.trim().to_owned();
    // The shell's own kill: the program is part of no minimal system.
    shell::run(Command::new("sh").args(["-c", "kill \"$1\"", "sh", &pid]))?;
    let begun = Instant::now();
    while started().is_some() {
        if begun.elapsed() > STOP {
            return Err(Failure::new(format!("dockerd (process {pid}) does not end"))
                .hint(format!("Look at {}.", log().display())));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn pid_file() -> PathBuf {
    Path::new(STATE).join("dockerd.pid")
}

fn config_file(engine: Wanted) -> PathBuf {
    Path::new(STATE).join(format!("{}.json", engine.name()))
}

/// What `dockerd` is told.
///
/// - Small subnets: every run has a network of its own, and Docker's own pools end after 31.
/// - The plain cgroup driver: the other one needs systemd, which does not run here.
/// - A data folder per engine: an older one does not read a newer one's.
/// - Build caches are bounded: a candidate's builds must not fill the disk.
fn configuration(engine: Wanted) -> String {
    let state = Path::new(STATE);
    let config = serde_json::json!({
        "data-root": state.join(engine.name()),
        "exec-root": "/var/run/grader-xtask",
        "pidfile": pid_file(),
        "hosts": [format!("unix://{SOCKET}")],
        "bip": "10.200.0.1/24",
        "default-address-pools": [{ "base": "10.201.0.0/16", "size": 26 }],
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "log-driver": "json-file",
        "log-opts": { "max-size": "20m" },
        "features": { "buildkit": true },
        "builder": { "gc": { "enabled": true, "defaultKeepStorage": "6GB" } },
    });
    format!("{config:#}\n")
}

fn log_tail() -> String {
    let text = fs::read_to_string(log()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines[lines.len().saturating_sub(15)..].join("\n");
    format!("The end of {}:\n{tail}", log().display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_room_for_a_thousand_networks() {
        let config: serde_json::Value = serde_json::from_str(&configuration(Wanted::Next)).unwrap();
        let pool = &config["default-address-pools"][0];
        let base: u32 = pool["base"].as_str().unwrap().rsplit_once('/').unwrap().1.parse().unwrap();
        let size = u32::try_from(pool["size"].as_u64().unwrap()).unwrap();
        assert!(1 << (size - base) >= 1000);
    }

    #[test]
    fn engines_share_no_data() {
        assert_ne!(configuration(Wanted::Next), configuration(Wanted::Distribution));
    }
}
