//! `cargo xtask bench bringup`: how long a stack takes to come up and to go, by the reference implementation, by the
//! grader, and by hand, which is as fast as the stack itself can be.
//!
//! The three take turns within one round, so that a busy machine is busy for all of them; images are built beforehand.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::median;
use crate::shell::{self, Failure, Result, say};
use crate::{build, setup};

/// What is brought up: a database, and an API that needs it.
const STACK: &str = "fixtures/bench/stack";
const PROJECT: &str = "grader-bench-bringup";
/// Compose's name for the API's image, as the document says it.
const IMAGE: &str = "grader-bench-bringup:latest";
/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often each of the three has its turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Seconds until a stack was up, and until it was gone.
#[derive(Debug, Clone, Copy)]
struct Times {
    up: f64,
    down: f64,
}

/// Measures and prints medians and ratios beside what they should be at most.
///
/// # Errors
/// When the set-up, a build or one of the three ways fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(None, false, &[])?;
    let grader = build::grader()?;
    let work = tempfile::tempdir()?;
    let submission = shell::workspace().join(STACK);
    say("building the images, once for each builder");
    shell::run(compose(&submission).args(["build", "--quiet"]))?;
    ours(&grader, &submission, work.path())?;
    let (mut theirs, mut own, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=args.rounds {
        theirs.push(by_compose(&submission)?);
        own.push(ours(&grader, &submission, work.path())?);
        floor.push(by_hand()?);
        if let (Some(theirs), Some(own), Some(floor)) = (theirs.last(), own.last(), floor.last()) {
            say(format!(
                "round {round}: up {:.2} / {:.2} / {:.2} s, down {:.2} / {:.2} / {:.2} s (compose / grader / by hand)",
                theirs.up, own.up, floor.up, theirs.down, own.down, floor.down
            ));
        }
    }
    print(&theirs, &own, &floor);
    Ok(())
}

fn print(theirs: &[Times], own: &[Times], floor: &[Times]) {
    println!("median of {} rounds, seconds", own.len());
    println!("        compose  grader  by hand   of compose     of by hand");
    for (name, pick, compose_most) in
        [("up", (|times: &Times| times.up) as fn(&Times) -> f64, 0.3), ("down", |times: &Times| times.down, 0.8)]
    {
        let [theirs, own, floor] = [theirs, own, floor].map(|all| median(&all.iter().map(pick).collect::<Vec<_>>()));
        println!(
            "  {name:<5} {theirs:>7.2} {own:>7.2} {floor:>8.2}   {:.2} (<= {compose_most})  {:.2} (<= 1.3)",
            own / theirs,
            own / floor
        );
    }
}

fn compose(submission: &Path) -> Command {
    let mut command = Command::new("docker");
    command.current_dir(submission).args(["compose", "--project-name", PROJECT]);
    command
}

fn by_compose(submission: &Path) -> Result<Times> {
    let timed = |arguments: &[&str]| -> Result<f64> {
        let begun = Instant::now();
        shell::read(compose(submission).args(["--progress", "quiet"]).args(arguments))?;
        Ok(begun.elapsed().as_secs_f64())
    };
    let up = timed(&["up", "--detach", "--wait", "--no-build"]);
    let down = timed(&["down", "--volumes"]);
    Ok(Times { up: up?, down: down? })
}

/// As the grader's own report tells it: from the first network to the last service that is ready, and from the last
/// finding until nothing is left.
fn ours(grader: &Path, submission: &Path, work: &Path) -> Result<Times> {
    let report = super::graded(
        Command::new(grader)
            .arg("grade")
            .arg(submission)
            .arg("--spec")
            .arg(shell::workspace().join("fixtures/bench/spec.yaml")),
        &work.join("out"),
    )?;
    let seconds = |stage: &str| super::seconds(&report, stage);
    Ok(Times { up: seconds("up"), down: seconds("down") })
}

/// What `docker run` alone takes: the database, the API as soon as that listens, until the API answers.
fn by_hand() -> Result<Times> {
    let names = ["db", "api"].map(|name| format!("{PROJECT}-hand-{name}"));
    let network = format!("{PROJECT}-hand");
    let up = start_by_hand(&network, &names);
    let begun = Instant::now();
    let removed =
        docker(&["rm", "--force", "--volumes", &names[0], &names[1]]).and(docker(&["network", "rm", &network]));
    let down = begun.elapsed().as_secs_f64();
    let times = Times { up: up?, down };
    removed.map(|_| times)
}

fn start_by_hand(network: &str, [database, api]: &[String; 2]) -> Result<f64> {
    let begun = Instant::now();
    docker(&["network", "create", network])?;
    let run = |name: &str, alias: &str, settings: &[&str], image: &str| -> Result<SocketAddr> {
        let mut arguments = vec!["run", "--detach", "--name", name, "--network", network, "--network-alias", alias];
        settings.iter().for_each(|setting| arguments.extend(["--env", setting]));
        arguments.push(image);
        docker(&arguments)?;
        let address = docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name])?;
        let port = if alias == "db" { 5432 } else { 8000 };
        format!("{address}:{port}").parse().map_err(|_| Failure::new(format!("{name} has no address")))
    };
    let settings = ["POSTGRES_USER=bench", "POSTGRES_PASSWORD=bench", "POSTGRES_DB=bench"];
    let at = run(database, "db", &settings, "postgres:16")?;
    until("the database listens", begun, || TcpStream::connect_timeout(&at, Duration::from_secs(1)).is_ok())?;
    let at = run(api, "api", &["DATABASE=db"], IMAGE)?;
    until("the API answers", begun, || answers(at).is_some())?;
    Ok(begun.elapsed().as_secs_f64())
}

fn answers(at: SocketAddr) -> Option<()> {
    let mut stream = TcpStream::connect_timeout(&at, Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).ok()?;
    (&answer == b"HTTP/").then_some(())
}

fn until(what: &str, begun: Instant, mut holds: impl FnMut() -> bool) -> Result<()> {
    while !holds() {
        if begun.elapsed() > PATIENCE {
            return Err(Failure::new(format!("not within {} s: {what}", PATIENCE.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn docker(arguments: &[&str]) -> Result<String> {
    shell::read(Command::new("docker").args(arguments))
}
