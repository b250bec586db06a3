//! `cargo xtask bench probes`: what the suite of probes costs, on a submission and on a stub that answers at once, beside
//! the same requests sent by hurl.
//!
//! Every part has a stack of its own, fresh and by the same secret, so that the same requests meet the same answers. What
//! is recorded is not what is timed: a recorder between the two costs a connection more for each of theirs. The
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
use super::{chosen, median};
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
    /// How often each part is timed, the suite and hurl in turn; medians are printed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// One line of the table. Times are in seconds, one for each round.
#[derive(Default)]
struct Taken {
    requests: usize,
    suite: Vec<f64>,
    hurl: Vec<f64>,
    /// What hurl sent of these requests: the format has no words for every one.
    sent: usize,
    /// Of them those that were answered with the same status.
    alike: usize,
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

    let suite = Suite { grader, spec, hurl, work: work.path(), rounds: args.rounds };
    let (live, exchanges) = suite.taken(&mut Stack::with)?;
    let (stubbed, _) = suite.taken(&mut |look| look(wire::stub(&exchanges)?))?;

    println!("                 requests    suite   a second       each     hurl   sent  alike   of hurl (<= 1.0)");
    print("submission", &live);
    print("a stub", &stubbed);
    println!("suite on the submission: {:.1} s (<= 8)", median(&live.suite));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "requests of one run")]
fn print(name: &str, taken: &Taken) {
    let Taken { sent, alike, .. } = taken;
    let requests = taken.requests as f64;
    // Those that hurl cannot say are taken to cost it what the others do.
    let whole = |seconds: f64| seconds * requests / (*sent).max(1) as f64;
    let (suite, hurl) = (median(&taken.suite), median(&taken.hurl));
    let ratios: Vec<f64> = taken.suite.iter().zip(&taken.hurl).map(|(ours, theirs)| ours / whole(*theirs)).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    println!(
        "{name:<16} {:>8} {suite:>6.2} s {:>10.0} {:>7.2} ms {hurl:>6.2} s {sent:>6} {alike:>6}   {:.2} ({least:.2} to {most:.2})",
        taken.requests,
        requests / suite,
        1e3 * suite / requests,
        suite / whole(hurl)
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

/// The two programs and what they are given.
struct Suite<'a> {
    grader: PathBuf,
    spec: PathBuf,
    hurl: PathBuf,
    work: &'a Path,
    rounds: u32,
}

/// Looks at a server that answers as if nobody had asked before.
type Fresh<'a> = &'a mut dyn FnMut(&mut dyn FnMut(SocketAddr) -> Result<()>) -> Result<()>;

impl Suite<'_> {
    /// What the suite and hurl take for the same requests, and these requests with their answers.
    fn taken(&self, fresh: Fresh) -> Result<(Taken, Vec<Exchange>)> {
        let (mut exchanges, mut taken) = (Vec::new(), Taken::default());
        fresh(&mut |server| self.recorded(server).map(|recorded| exchanges = recorded))?;
        taken.requests = exchanges.len();
        say(format!("{} requests; the same by hurl", exchanges.len()));
        fresh(&mut |server| self.alike(&exchanges, server).map(|counted| (taken.sent, taken.alike) = counted))?;
        for _ in 0..self.rounds {
            fresh(&mut |server| self.probed(server).map(|seconds| taken.suite.push(seconds)))?;
            fresh(&mut |server| self.by_hurl(&exchanges, server).map(|seconds| taken.hurl.push(seconds)))?;
        }
        Ok((taken, exchanges))
    }

    /// The seconds that the suite takes on a server.
    fn probed(&self, server: SocketAddr) -> Result<f64> {
        let mut command = Command::new(&self.grader);
        command.arg("probe").arg(format!("http://{server}")).arg("--spec").arg(&self.spec);
        let report = super::graded(command.args(["--seed", super::SEED]), &self.work.join("out"))?;
        Ok(super::seconds(&report, "probe"))
    }

    /// What the suite asks of a server.
    fn recorded(&self, server: SocketAddr) -> Result<Vec<Exchange>> {
        let recorder = Recorder::before(server)?;
        self.probed(recorder.address)?;
        let (exchanges, unread) = recorder.exchanges();
        if unread > 0 {
            say(format!("{unread} connections ended with something that is no whole message; they are left out"));
        }
        if exchanges.is_empty() {
            return Err(Failure::new("the suite asked nothing"));
        }
        Ok(exchanges)
    }

    /// The seconds that hurl takes for these requests in their order.
    fn by_hurl(&self, exchanges: &[Exchange], server: SocketAddr) -> Result<f64> {
        let file = self.work.join("requests.hurl");
        std::fs::write(&file, hurl::file(exchanges, server))?;
        hurl::seconds(&self.hurl, &file)
    }

    /// How many of these requests hurl sends, and how many of them are answered as the suite's were.
    fn alike(&self, exchanges: &[Exchange], server: SocketAddr) -> Result<(usize, usize)> {
        let recorder = Recorder::before(server)?;
        self.by_hurl(exchanges, recorder.address)?;
        let (sent, _) = recorder.exchanges();
        let mut wanted: HashMap<(&str, u16), usize> = HashMap::new();
        for exchange in exchanges {
            *wanted.entry((&exchange.method, exchange.status())).or_default() += 1;
        }
        let mut alike = 0;
        for exchange in &sent {
            if let Some(left @ 1..) = wanted.get_mut(&(exchange.method.as_str(), exchange.status())) {
                *left -= 1;
                alike += 1;
            }
        }
        Ok((sent.len(), alike))
    }
}

/// The submission's database and API by `docker run`, gone when this is dropped.
struct Stack;

impl Stack {
    fn with(look: &mut dyn FnMut(SocketAddr) -> Result<()>) -> Result<()> {
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
