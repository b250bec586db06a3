//! The connection to a container engine, and what it is.

use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};

use crate::SandboxError;
use crate::errors::Doing;

const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";

/// Requests that have their own time limit (builds, pulls, waits) go through the same client, so the client's is an hour.
const CLIENT_TIMEOUT: u64 = 3600;

/// How long an engine may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);

/// Docker 20.10.
const OLDEST_API: (usize, usize) = (1, 41);

/// Where the engine is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectOptions {
    /// `unix://PATH` or `tcp://HOST:PORT`; `None` reads `DOCKER_HOST` and falls back to the default socket.
    pub address: Option<String>,
}

/// A connection to an engine; cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) docker: Docker,
    info: EngineInfo,
}

/// What `grader doctor` says about an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineInfo {
    pub address: String,
    pub version: String,
    /// The API version that both sides speak.
    pub api: String,
    pub operating_system: String,
    pub architecture: String,
    pub kernel: String,
    pub storage_driver: String,
    pub cgroup_version: String,
    pub processors: u64,
    /// Bytes.
    pub memory: u64,
    pub rootless: bool,
    /// Names that `--runtime` may have.
    pub runtimes: Vec<String>,
    pub default_runtime: String,
    /// Such as `name=seccomp,profile=builtin`.
    pub security: Vec<String>,
    /// The engine's folder of images and volumes, as the engine names it; it may lie on another machine.
    pub data_root: String,
}

impl Engine {
    /// Connects, and agrees on an API version.
    ///
    /// # Errors
    /// [`SandboxError::EngineAway`] when nothing answers within ten seconds, [`SandboxError::EngineUnfit`] for an
    /// engine older than Docker 20.10 or without Linux containers.
    pub async fn connect(options: ConnectOptions) -> Result<Engine, SandboxError> {
        let address = options
            .address
            .or_else(|| std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()))
            .unwrap_or_else(|| DEFAULT_ADDRESS.to_owned());
        let away = |detail: String| SandboxError::EngineAway { address: address.clone(), detail };
        let docker = match address.strip_prefix("unix://") {
            Some(path) => Docker::connect_with_unix(path, CLIENT_TIMEOUT, API_DEFAULT_VERSION),
            None => Docker::connect_with_host(&address),
        }
        .map_err(|error| away(error.to_string()))?
        .with_timeout(Duration::from_secs(CLIENT_TIMEOUT));
        let hello = async {
            let docker = docker.negotiate_version().await?;
            let (version, info) = tokio::try_join!(docker.version(), docker.info())?;
            Ok::<_, bollard::errors::Error>((docker, version, info))
        };
        let (docker, version, info) = tokio::time::timeout(HELLO, hello)
            .await
            .map_err(|_| away(format!("no answer within {} s", HELLO.as_secs())))?
            .map_err(|error| away(error.to_string()))?;
        let agreed = docker.client_version();
        let text = |value: Option<String>| value.unwrap_or_default();
        let mut runtimes: Vec<String> = info.runtimes.unwrap_or_default().into_keys().collect();
        runtimes.sort();
        let security = info.security_options.unwrap_or_default();
        let info = EngineInfo {
            address,
            version: text(version.version),
            api: format!("{}.{}", agreed.major_version, agreed.minor_version),
            operating_system: text(info.operating_system),
            architecture: text(info.architecture),
            kernel: text(info.kernel_version),
            storage_driver: text(info.driver),
            cgroup_version: info.cgroup_version.map(|version| version.to_string()).unwrap_or_default(),
            processors: info.ncpu.and_then(|n| u64::try_from(n).ok()).unwrap_or(1),
            memory: info.mem_total.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            rootless: security.iter().any(|option| option == "name=rootless"),
            runtimes,
            default_runtime: text(info.default_runtime),
            security,
            data_root: text(info.docker_root_dir),
        };
        let unfit =
            |detail: &str| SandboxError::EngineUnfit { version: info.version.clone(), detail: detail.to_owned() };
        if (agreed.major_version, agreed.minor_version) < OLDEST_API {
            return Err(unfit("it speaks an API older than 1.41"));
        }
        if version.os.is_some_and(|os| os != "linux") {
            return Err(unfit("it does not run Linux containers"));
        }
        Ok(Engine { docker, info })
    }

    /// What answered.
    pub fn info(&self) -> &EngineInfo {
        &self.info
    }

    /// Whether the engine's API is at least `major.minor`.
    pub(crate) fn speaks(&self, major: usize, minor: usize) -> bool {
        let agreed = self.docker.client_version();
        (agreed.major_version, agreed.minor_version) >= (major, minor)
    }

    /// Makes sure that an asked-for runtime is there.
    pub(crate) fn check_runtime(&self, runtime: Option<&str>) -> Result<(), SandboxError> {
        match runtime {
            Some(name) if !self.info.runtimes.iter().any(|known| known == name) => {
                Err(SandboxError::RuntimeMissing { name: name.to_owned(), installed: self.info.runtimes.clone() })
            }
            _ => Ok(()),
        }
    }

    /// The engine's clock, RFC 3339: log lines carry its time, not ours.
    pub(crate) async fn clock(&self) -> Result<String, SandboxError> {
        Ok(self.docker.info().await.doing("tell the time")?.system_time.unwrap_or_default())
    }
}
