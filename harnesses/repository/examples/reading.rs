//! How long reading a tree takes: `cargo run [--release] -p harness-repository --example reading [FOLDER]`.
//!
//! Without a folder, the sources of the fixtures (the good submissions and the small programs, which are in five
//! languages) are repeated under other names until the tree has 500 files: the same tree each time, and one that has a
//! copy of everything. With one, its findings and routes are printed as well. Prints figures and judges nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use grader_model::{FileEntry, FileKind, Snapshot};

/// Files of the tree that is timed.
const FILES: usize = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = std::env::args().nth(1).map(PathBuf::from);
    let mut files = BTreeMap::new();
    match &given {
        Some(folder) => collect(folder, folder, &mut files)?,
        None => {
            let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
            let mut one = BTreeMap::new();
            for entry in std::fs::read_dir(fixtures.join("submissions"))? {
                let repository = entry?.path().join("repo");
                if repository.is_dir() {
                    collect(&fixtures, &repository, &mut one)?;
                }
            }
            collect(&fixtures, &fixtures.join("suites/programs"), &mut one)?;
            for (copy, (path, bytes)) in one.iter().cycle().take(FILES).enumerate() {
                files.insert(format!("part{}/{path}", copy / one.len()), bytes.clone());
            }
        }
    }
    let mut snapshot = Snapshot::default();
    for (path, bytes) in files {
        let size = bytes.len() as u64;
        let entry = FileEntry { kind: FileKind::File, size, bytes: Some(Arc::from(bytes)), executable: false };
        snapshot.files.insert(path, entry);
    }
    let spec = grader_spec::load_named("bookstore")?.spec;
    let before = processor_seconds();
    let began = Instant::now();
    let findings = harness_repository::findings(&spec, &snapshot);
    let of_findings = began.elapsed();
    let began = Instant::now();
    let facts = harness_repository::facts(&snapshot, &BTreeMap::new());
    let of_facts = began.elapsed();
    let used = before.zip(processor_seconds()).map(|(before, after)| after - before);
    if given.is_some() {
        for finding in &findings {
            println!("{:<22} {:<14} {}\n{:38}{}", finding.probe, finding.verdict, finding.summary, "", finding.actual);
        }
    }
    if let (Some(_), Some(readme)) = (&given, &facts.readme) {
        for claim in readme.claims.iter().filter(|claim| !claim.wrong.is_empty()) {
            println!("{}:{} {}: {}", readme.path, claim.line, claim.said, claim.wrong);
        }
        println!("{} claims and {} endpoints in documents", readme.claims.len(), readme.endpoints.len());
    }
    for route in facts.routes.iter().filter(|_| given.is_some()) {
        let members = route.members.iter().map(|member| {
            let mark = if member.required { "" } else { "?" };
            format!("{}{mark}", member.name)
        });
        let body = members.collect::<Vec<_>>().join(", ");
        println!("{:<6} {} ({}) {body}", route.method, route.path, route.place);
    }
    let mut slow: Vec<_> = findings.iter().map(|finding| (finding.millis, finding.probe.as_str())).collect();
    slow.sort_unstable_by(|a, b| b.cmp(a));
    let lines = snapshot.texts().map(|(_, text)| text.lines().count()).sum::<usize>();
    println!(
        "{} files, {lines} lines: {:.2} s{} (findings {:.2} s, facts for the live probes {:.2} s, {} routes); slowest {}",
        snapshot.files.len(),
        (of_findings + of_facts).as_secs_f64(),
        used.map(|used| format!(", {used:.2} s of a processor")).unwrap_or_default(),
        of_findings.as_secs_f64(),
        of_facts.as_secs_f64(),
        facts.routes.len(),
        slow.iter().take(3).map(|(millis, probe)| format!("{probe} {millis} ms")).collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

/// Seconds of a processor that this process has used, by Linux's count in hundredths: on a busy machine they say more than
/// the clock. `None` elsewhere.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Behind the name, which may hold anything, stand the state and ten fields before the two that are wanted.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut hundredths = || fields.next()?.parse::<u32>().ok();
    Some(f64::from(hundredths()? + hundredths()?) / 100.0)
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != ".git") {
            collect(root, &path, files)?;
        } else if path.is_file()
            && let Ok(relative) = path.strip_prefix(root)
        {
            files.insert(relative.to_string_lossy().into_owned(), std::fs::read(&path)?);
        }
    }
    Ok(())
}
