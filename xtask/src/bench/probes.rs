//! `cargo xtask bench probes`: what the suite of probes costs, on a submission and on a stub that answers at once, beside
//! the same requests sent by hurl.
//!
//! Every part has a stack of its own, fresh and by the same secret, so that the same requests meet the same answers. The
//! submission's limiter is opened and the probes of it are left out, as is the load that lasts as long as its assessment
//! says: what is left is the suite without its windows.

mod hurl;
mod wire;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use self::wire::{Exchange, Recorder};
use super::chosen;
use crate::shell::{self, Failure, Result, say};
use crate::{build, setup};

const SUBMISSION: &str = "fixtures/submissions/fastapi-bookstore/repo";
const IMAGE: &str = "grader-bench-probes:latest";
const NAME: &str = "grader-bench-probes";
/// Longer than the stack takes to come up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Probes that last as long as they are told to, by the start of their names.
const TIMED: [&str; 2] = ["auth.rate-limit", "error.load"];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// cargo's profile for the grader: `release` for figures to quote, `dev` where building that takes too long
    #[arg(long, default_value = "release")]
    profile: String,
}

/// One line of the table.
struct Taken {
    requests: usize,
    suite: f64,
    theirs: Theirs,
}

/// What hurl made of the same requests.
struct Theirs {
    sent: usize,
    /// Of them those that were answered with the same status.
    alike: usize,
    seconds: f64,
}

/// Measures and prints.
///
/// # Errors
/// When the set-up fails, the stack does not come up, or a run ends without a report.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(None, false, &[])?;
    let hurl = hurl::ensure()?;
    let grader = program(&args.profile)?;
    let work = tempfile::tempdir()?;
    let spec = work.path().join("bookstore.yaml");
    std::fs::write(&spec, untimed()?)?;
    say("building the submission's image");
    shell::run(
        Command::new("docker").args(["build", "--quiet", "--tag", IMAGE]).arg(shell::workspace().join(SUBMISSION)),
    )?;

    let (exchanges, suite) = Stack::with(|api| probed(&grader, &spec, api, work.path()))?;
    say(format!("{} requests; the same by hurl", exchanges.len()));
    let theirs = Stack::with(|api| by_hurl(&hurl, &exchanges, api, work.path()))?;
    let live = Taken { requests: exchanges.len(), suite, theirs };

    let stub = wire::stub(&exchanges)?;
    let (again, suite) = probed(&grader, &spec, stub, work.path())?;
    // The stub has played its first answers.
    let theirs = by_hurl(&hurl, &again, wire::stub(&again)?, work.path())?;
    let stubbed = Taken { requests: again.len(), suite, theirs };

    println!("                 requests    suite   a second       each     hurl   sent  alike   of hurl (<= 1.0)");
    print("submission", &live);
    print("a stub", &stubbed);
    println!("suite on the submission: {:.1} s (<= 8)", live.suite);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "requests of one run")]
fn print(name: &str, taken: &Taken) {
    let Theirs { sent, alike, seconds } = taken.theirs;
    let requests = taken.requests as f64;
    // Those that hurl cannot say are taken to cost it what the others do.
    let whole = seconds * requests / sent.max(1) as f64;
    println!(
        "{name:<16} {:>8} {:>6.1} s {:>10.0} {:>7.2} ms {seconds:>6.1} s {sent:>6} {alike:>6}   {:.2}",
        taken.requests,
        taken.suite,
        requests / taken.suite,
        1e3 * taken.suite / requests,
        taken.suite / whole
    );
}

fn program(profile: &str) -> Result<PathBuf> {
    if profile == "dev" {
        return build::grader();
    }
    say(format!("building grader, {profile}"));
    shell::run(build::cargo().args(["build", "--quiet", "--package", "grader", "--profile", profile]))?;
    let own = std::env::current_exe()?;
    let folder = own.parent().and_then(Path::parent).ok_or_else(|| Failure::new("this program lies nowhere"))?;
    Ok(folder.join(profile).join("grader"))
}

/// The assessment without the probes that last as long as they are told to.
fn untimed() -> Result<String> {
    let spec = chosen::with_probes("bookstore", |probe| !TIMED.iter().any(|timed| probe.starts_with(timed)))?;
    serde_yaml::to_string(&spec).map_err(|error| Failure::new(error.to_string()))
}

/// What the suite asked of a server, and the seconds that it took.
fn probed(grader: &Path, spec: &Path, server: SocketAddr, work: &Path) -> Result<(Vec<Exchange>, f64)> {
    let recorder = Recorder::before(server)?;
    let mut command = Command::new(grader);
    command
        .arg("probe")
        .arg(format!("http://{}", recorder.address))
        .arg("--spec")
        .arg(spec)
        .args(["--seed", super::SEED]);
    let report = super::graded(&mut command, &work.join("out"))?;
    let (exchanges, unread) = recorder.exchanges();
    if unread > 0 {
        say(format!("{unread} connections ended with something that is no whole message; they are left out"));
    }
    if exchanges.is_empty() {
        return Err(Failure::new("the suite asked nothing"));
    }
    Ok((exchanges, super::seconds(&report, "probe")))
}

/// The same requests in their order, through a recorder as the suite's.
fn by_hurl(hurl: &Path, exchanges: &[Exchange], server: SocketAddr, work: &Path) -> Result<Theirs> {
    let recorder = Recorder::before(server)?;
    let file = work.join("requests.hurl");
    std::fs::write(&file, hurl::file(exchanges, recorder.address))?;
    let seconds = hurl::seconds(hurl, &file)?;
    let (sent, _) = recorder.exchanges();
    let mut wanted: HashMap<(String, u16), usize> = HashMap::new();
    for exchange in exchanges {
        *wanted.entry((exchange.method.clone(), exchange.status())).or_default() += 1;
    }
    let mut alike = |exchange: &&Exchange| match wanted.get_mut(&(exchange.method.clone(), exchange.status())) {
        Some(left @ 1..) => {
            *left -= 1;
            true
        }
        _ => false,
    };
    Ok(Theirs { sent: sent.len(), alike: sent.iter().filter(&mut alike).count(), seconds })
}

/// The submission's database and API by `docker run`, gone when this is dropped.
struct Stack;

impl Stack {
    fn with<T>(look: impl FnOnce(SocketAddr) -> Result<T>) -> Result<T> {
        let _stack = Stack;
        docker(&["network", "create", NAME])?;
        let [user, password, database] =
            ["USER", "PASSWORD", "DB"].map(|name| format!("POSTGRES_{name}={}", "bookstore"));
        let settings = [user.as_str(), password.as_str(), database.as_str()];
        container("db", &settings, "postgres:16", 5432)?;
        let url = "DATABASE_URL=postgresql://bookstore:bookstore@db:5432/bookstore";
        let settings = [url, "JWT_SECRET=of-the-bench-and-long-enough-to-be-one", "AUTH_RATE_LIMIT=1000000"];
        let api = container("api", &settings, IMAGE, 8000)?;
        look(api)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for name in ["api", "db"] {
            // What never came up cannot be removed.
            let _ = docker(&["rm", "--force", "--volumes", &format!("{NAME}-{name}")]);
        }
        let _ = docker(&["network", "rm", NAME]);
    }
}

/// Starts a container and waits until it listens.
fn container(alias: &str, settings: &[&str], image: &str, port: u16) -> Result<SocketAddr> {
    let name = format!("{NAME}-{alias}");
    let mut arguments = vec!["run", "--detach", "--name", &name, "--network", NAME, "--network-alias", alias];
    settings.iter().for_each(|setting| arguments.extend(["--env", setting]));
    arguments.push(image);
    docker(&arguments)?;
    let address = docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", &name])?;
    let at: SocketAddr =
        format!("{address}:{port}").parse().map_err(|_| Failure::new(format!("{name} has no address")))?;
    let begun = Instant::now();
    while TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_err() {
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(format!("{name} does not listen within {} s", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(at)
}

fn docker(arguments: &[&str]) -> Result<String> {
    shell::read(Command::new("docker").args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_timed_probes_are_left_out() {
        let text = untimed().unwrap();
        assert!(!text.contains("auth.rate-limit") && !text.contains("id: error.load"));
        assert!(text.contains("id: auth.register") && text.contains("id: error.logging"));
    }
}
