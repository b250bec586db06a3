//! Arguments of the service's commands.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

/// Which database, for every command of the service.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DatabaseArgs {
    /// sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME; grader.db in the state folder where it is not given
    #[arg(long, value_name = "URL", env = "GRADER_DATABASE", hide_env_values = true)]
    pub(crate) database: Option<String>,
}

/// How runs are graded, for `serve` and `worker` alike.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct WorkArgs {
    /// Seconds that a run stays a worker's without a sign of life from it
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) lease: u64,
    /// Seconds that runs may take to end once the worker is to stop; what is left is handed back to the queue
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=7200))]
    pub(crate) finish_within: u64,
    /// Fetch repositories from private, link-local and loopback addresses, and from local folders too
    #[arg(long, env = "GRADER_ALLOW_PRIVATE_SOURCES")]
    pub(crate) allow_private_sources: bool,
    /// A further base image that submissions may use; may be repeated (`NAME` or `NAME:TAG`, `*` matches)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) allow_image: Vec<String>,
    /// The engine's runtime for submissions' containers, such as runsc; missing is an error
    #[arg(long, value_name = "NAME", env = "GRADER_RUNTIME")]
    pub(crate) runtime: Option<String>,
    /// Network of image builds, as the engine names it
    #[arg(long, value_name = "NAME", env = "GRADER_BUILD_NETWORK")]
    pub(crate) build_network: Option<String>,
    /// Pull nothing: use only images that are there
    #[arg(long)]
    pub(crate) offline: bool,
    /// Grade pull requests as this file says: an App, workflows, repositories (docs/github.md). A worker needs it for private
    /// repositories, whose tokens the App asks for
    #[arg(long, value_name = "FILE", env = "GRADER_GITHUB")]
    pub(crate) github: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", env = "GRADER_LISTEN")]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// Where people reach it; with https, cookies go over encrypted connections only
    #[arg(long, value_name = "URL", env = "GRADER_PUBLIC_URL")]
    pub(crate) public_url: Option<url::Url>,
    /// How many runs this process grades at a time; 0 where workers do it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=64))]
    pub(crate) slots: u16,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// The assessment of submissions that name none
    #[arg(long, value_name = "NAME", default_value = grader_spec::BUILT_IN[0].0)]
    pub(crate) default_spec: String,
    /// Hide candidates' names from reviewers until they have decided on a run
    #[arg(long, env = "GRADER_BLIND")]
    pub(crate) blind: bool,
    /// How many proxies in front of it write X-Forwarded-For
    #[arg(long, value_name = "N", default_value_t = 0, env = "GRADER_PROXIES")]
    pub(crate) proxies: usize,
    /// Requests a minute that one caller may make
    #[arg(long, value_name = "N", default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
    /// Tries to sign in a minute, by address and by name
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) sign_in_rate: u32,
    /// Let whoever reaches the service make a user of that role for themselves; otherwise administrators make users
    #[arg(long, value_enum, value_name = "ROLE", env = "GRADER_SIGN_UP")]
    pub(crate) sign_up: Option<Role>,
    /// Days that artefacts such as logs are kept
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    pub(crate) keep_artefacts: u64,
    /// A folder of files each of which holds the secret of its name, for integrations
    #[arg(long, value_name = "DIR", env = "GRADER_SECRETS")]
    pub(crate) secrets: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
    /// How many runs at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) concurrency: u16,
    #[command(flatten)]
    pub(crate) work: WorkArgs,
    /// Answer /healthz, /readyz and /metrics on this address
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it, this once
    Create {
        /// What it is for
        name: String,
        /// read, submit, review or admin; may be repeated
        #[arg(long = "scope", value_name = "SCOPE", required = true)]
        scopes: Vec<String>,
        /// Days that it lasts; for ever where it is not given
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=3650))]
        days: Option<u64>,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List every token, without its secret
    List {
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// Revoke a token for good, by its id or the part after `grt_`
    Revoke {
        id: String,
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user, or give one a new role and password; the password is read from stdin
    Set {
        name: String,
        #[arg(long, value_enum)]
        role: Role,
        #[command(flatten)]
        database: DatabaseArgs,
    },
    /// List every user
    List {
        #[command(flatten)]
        database: DatabaseArgs,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    Admin,
    Reviewer,
    Reader,
}

impl From<Role> for grader_store::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => grader_store::Role::Admin,
            Role::Reviewer => grader_store::Role::Reviewer,
            Role::Reader => grader_store::Role::Reader,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// The file to write; it must not be there yet
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) database: DatabaseArgs,
}
