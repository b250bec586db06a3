//! `cargo xtask bench schemas`: the rules that need nothing but a schema, over databases that others designed, beside the
//! catalogues of pg-index-health and splinter.
//!
//! The schemas and the catalogues are not this project's: whoever measures has them in folders (checkouts of their
//! repositories). Each schema is loaded into a PostgreSQL server of the bench's own, which only this machine reaches, and
//! which is gone afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::shell::{self, Failure, Result, say};
use crate::{build, setup};

/// The image of the server, which is of the core set.
const IMAGE: &str = "postgres:16";
/// The longest time that a server may take to answer.
const START: Duration = Duration::from_secs(60);
/// Differences of a kind that are printed.
const SHOWN: usize = 12;

/// What is loaded and compared.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Schemas as SQL files; each becomes a database of its file's name
    #[arg(required = true, value_name = "FILE")]
    schemas: Vec<PathBuf>,
    /// A checkout of pg-index-health-sql
    #[arg(long, value_name = "DIR")]
    pg_index_health: Option<PathBuf>,
    /// A checkout of splinter
    #[arg(long, value_name = "DIR")]
    splinter: Option<PathBuf>,
}

/// A rule of ours and the checks of others that are about the same.
struct Rule {
    name: &'static str,
    /// File in pg-index-health-sql, and the columns of its result that name a finding.
    health: (&'static str, &'static str),
    /// File in splinter, and the same.
    splinter: (&'static str, &'static str),
}

const RULES: [Rule; 2] = [
    Rule {
        name: "primary-keys",
        health: ("sql/tables_without_primary_key.sql", "table_name"),
        splinter: ("lints/0004_no_primary_key.sql", "metadata->>'name'"),
    },
    Rule {
        name: "foreign-key-indexes",
        health: ("sql/foreign_keys_without_index.sql", "table_name || ' ' || constraint_name"),
        splinter: ("lints/0001_unindexed_foreign_keys.sql", "metadata->>'name' || ' ' || (metadata->>'fkey_name')"),
    },
];

/// Findings by rule.
type Findings = BTreeMap<String, BTreeSet<String>>;

/// Loads every schema, applies every catalogue, and prints where they differ.
///
/// # Errors
/// When the engine or the server is away, a file cannot be read, or a catalogue's check is refused.
pub(crate) fn run(args: &Args) -> Result<()> {
    setup::ensure(None, false, &[])?;
    let server = Server::start()?;
    println!("| schema | tables | foreign keys | rule | here | pg-index-health | splinter |");
    println!("|---|---|---|---|---|---|---|");
    let mut differences = Vec::new();
    for file in &args.schemas {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let refused = server.load(&name, file)?;
        if refused > 0 {
            say(format!("{name}: {refused} statements were refused"));
        }
        let (counts, ours) = server.ours(&name)?;
        for rule in &RULES {
            let here = ours.get(rule.name).cloned().unwrap_or_default();
            let health = args.pg_index_health.as_ref().map(|folder| server.health(&name, folder, rule)).transpose()?;
            let splinter = args.splinter.as_ref().map(|folder| server.splinter(&name, folder, rule)).transpose()?;
            let count = |found: &Option<BTreeSet<String>>| {
                found.as_ref().map_or_else(|| "-".to_owned(), |found| found.len().to_string())
            };
            println!(
                "| {name} | {} | {} | {} | {} | {} | {} |",
                counts.0,
                counts.1,
                rule.name,
                here.len(),
                count(&health),
                count(&splinter)
            );
            for (tool, theirs) in [("pg-index-health", health), ("splinter", splinter)] {
                let Some(theirs) = theirs else { continue };
                differences.extend(told(&name, rule.name, tool, &here, &theirs));
            }
        }
    }
    for line in &differences {
        println!("{line}");
    }
    Ok(())
}

/// What one finds and the other does not, a line for each side.
fn told(name: &str, rule: &str, tool: &str, here: &BTreeSet<String>, theirs: &BTreeSet<String>) -> Vec<String> {
    let line = |who: String, only: Vec<&String>| {
        let more = only.len().saturating_sub(SHOWN);
        let listed: Vec<&str> = only.iter().take(SHOWN).map(|finding| finding.as_str()).collect();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        (!only.is_empty()).then(|| format!("{name}, {rule}: only {who}: {}{more}", listed.join(", ")))
    };
    let ours = line(format!("here, not {tool}"), here.difference(theirs).collect());
    let others = line(tool.to_owned(), theirs.difference(here).collect());
    ours.into_iter().chain(others).collect()
}

/// A server in a container, which ends with this value.
struct Server {
    container: String,
    port: String,
    password: String,
}

impl Server {
    fn start() -> Result<Self> {
        let password = format!("bench{}", std::process::id());
        let container = shell::read(
            Command::new("docker")
                .args(["run", "--detach", "--rm", "--publish", "127.0.0.1::5432", "--env"])
                .arg(format!("POSTGRES_PASSWORD={password}"))
                .arg(IMAGE),
        )?;
        let mut server = Server { container, port: String::new(), password };
        let published = shell::read(Command::new("docker").args(["port", &server.container, "5432/tcp"]))?;
        server.port = published.lines().next().and_then(|line| line.rsplit(':').next()).unwrap_or_default().to_owned();
        let began = Instant::now();
        // By TCP: while the image initialises its data it listens on the socket only.
        while !shell::succeeds(&mut server.inside(&["pg_isready", "--quiet", "--host", "127.0.0.1"])) {
            if began.elapsed() > START {
                return Err(Failure::new(format!("{IMAGE} does not answer")));
            }
            sleep(Duration::from_millis(200));
        }
        Ok(server)
    }

    fn inside(&self, argv: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["exec", "--interactive", "--user", "postgres", &self.container]).args(argv);
        command
    }

    fn psql(&self, database: &str) -> Command {
        self.inside(&["psql", "-X", "-q", "-A", "-t", "-U", "postgres", "-d", database])
    }

    /// Runs a script from its text, and gives what it printed and what was refused.
    fn script(&self, database: &str, options: &[&str], text: &str) -> Result<(String, String)> {
        use std::io::Write as _;
        let mut child = self
            .psql(database)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take();
        let text = text.to_owned();
        // Beside the reading: both ends have buffers that fill up.
        let writing = std::thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(text.as_bytes())));
        let output = child.wait_with_output()?;
        // A client that ended early has said why.
        let _ = writing.join();
        let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok((out, err))
    }

    /// Loads a schema into a database of its own, and gives how many of its statements were refused.
    fn load(&self, name: &str, file: &Path) -> Result<usize> {
        let text =
            std::fs::read_to_string(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        shell::run(&mut self.inside(&["createdb", "-U", "postgres", name]))?;
        // Scripts that make their own database and go there come back to this one.
        let own = |line: &str| {
            let line = line.trim_start().to_lowercase();
            ["\\c ", "\\connect ", "create database ", "drop database "].iter().any(|start| line.starts_with(start))
        };
        let text: String = text.lines().filter(|line| !own(line)).flat_map(|line| [line, "\n"]).collect();
        let (_, refused) = self.script(name, &[], &text)?;
        Ok(refused.lines().filter(|line| line.contains("ERROR:")).count())
    }

    /// Tables and foreign keys that are judged, and what our own rules find.
    fn ours(&self, name: &str) -> Result<((String, String), Findings)> {
        let mut rules = build::cargo();
        rules.args(["run", "--quiet", "--package", "harness-database", "--example", "rules", "--"]);
        let said = shell::read(rules.args([&self.port, &self.password, name]))?;
        let (mut tables, mut keys, mut findings) = (String::new(), String::new(), Findings::new());
        for line in said.lines() {
            match line.split('\t').skip(1).collect::<Vec<_>>().as_slice() {
                ["tables", count] => tables = (*count).to_owned(),
                ["foreign-keys", count] => keys = (*count).to_owned(),
                [rule, what @ ..] => {
                    findings.entry((*rule).to_owned()).or_default().insert(plain(&what.join(" ")));
                }
                [] => {}
            }
        }
        Ok(((tables, keys), findings))
    }

    fn health(&self, name: &str, folder: &Path, rule: &Rule) -> Result<BTreeSet<String>> {
        let (file, columns) = rule.health;
        let text = read(folder, file)?.replace(":schema_name_param::text", "'public'");
        let query = text.trim().trim_end_matches(';');
        self.findings(name, &format!("SELECT {columns} FROM (\n{query}\n) AS theirs;"))
    }

    fn splinter(&self, name: &str, folder: &Path, rule: &Rule) -> Result<BTreeSet<String>> {
        let (file, columns) = rule.splinter;
        let view = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = read(folder, file)?;
        // Its checks are views in a schema of their own, which is not left in the database.
        self.findings(
            name,
            &format!("BEGIN;\nCREATE SCHEMA lint;\n{text}\nSELECT {columns} FROM lint.\"{view}\";\nROLLBACK;"),
        )
    }

    fn findings(&self, name: &str, sql: &str) -> Result<BTreeSet<String>> {
        let (said, refused) = self.script(name, &["-v", "ON_ERROR_STOP=1"], sql)?;
        match refused.lines().find(|line| line.contains("ERROR:")) {
            Some(error) => Err(Failure::new(format!("{name}: {error}"))),
            None => Ok(said.lines().filter(|line| !line.is_empty()).map(plain).collect()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        shell::succeeds(Command::new("docker").args(["rm", "--force", "--volumes", &self.container]));
    }
}

/// A finding's words without quotes and the schema that goes without saying.
fn plain(finding: &str) -> String {
    let words = finding.replace('"', "");
    words.split(' ').map(|word| word.strip_prefix("public.").unwrap_or(word)).collect::<Vec<_>>().join(" ")
}

fn read(folder: &Path, file: &str) -> Result<String> {
    let path = folder.join(file);
    std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(findings: &[&str]) -> BTreeSet<String> {
        findings.iter().map(|finding| plain(finding)).collect()
    }

    #[test]
    fn names_are_compared_without_their_quotes() {
        assert_eq!(set(&["\"Album\" \"FK_Album\"", "public.x fk"]), set(&["Album FK_Album", "x fk"]));
    }

    #[test]
    fn differences_are_told_from_both_sides() {
        let lines = told("shop", "primary-keys", "splinter", &set(&["a", "b"]), &set(&["b", "c"]));
        assert_eq!(lines, ["shop, primary-keys: only here, not splinter: a", "shop, primary-keys: only splinter: c"]);
        assert!(told("shop", "primary-keys", "splinter", &set(&["a"]), &set(&["a"])).is_empty());
    }
}
