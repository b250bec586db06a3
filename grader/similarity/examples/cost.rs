//! What comparing a cohort costs: `cargo run --release -p grader-similarity --example cost FOLDER… [--copies N]`.
//!
//! Each folder is a submission; `--copies` takes all of them that many times, under names of their own, for the cost of
//! larger cohorts. Prints the pairs and the time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use grader_model::{FileEntry, FileKind, Snapshot};
use grader_similarity::{Options, Submission, compare};

fn main() -> std::io::Result<()> {
    let mut folders: Vec<PathBuf> = Vec::new();
    let mut copies = 1;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--copies" {
            copies = args.next().and_then(|number| number.parse().ok()).unwrap_or(1);
        } else {
            folders.push(PathBuf::from(arg));
        }
    }
    let trees: Vec<(String, Snapshot)> = folders
        .iter()
        .map(|folder| {
            let mut tree = Snapshot::default();
            read(folder, folder, &mut tree)?;
            tree.files.sort_keys();
            Ok((folder.file_name().unwrap_or_default().to_string_lossy().into_owned(), tree))
        })
        .collect::<std::io::Result<_>>()?;
    let submissions: Vec<Submission<'_>> =
        (0..copies).flat_map(|_| trees.iter().map(|(name, tree)| Submission { name, tree })).collect();
    let began = Instant::now();
    let result = compare(&submissions, &Options::default()).map_err(std::io::Error::other)?;
    let took = began.elapsed();
    for submission in &result.submissions {
        println!(
            "{:<45} {:>4} files {:>7} tokens, {} common",
            submission.name, submission.files, submission.tokens, submission.common
        );
    }
    for pair in result.pairs.iter().take(40) {
        let name = |index: usize| &result.submissions[index].name;
        let names: f64 = pair.places.iter().map(|p| p.same_names * p.tokens as f64).sum::<f64>()
            / pair.places.iter().map(|p| p.tokens as f64).sum::<f64>();
        println!(
            "{:5.1} % {:5.1} % {:5} tokens, longest {}, names {names:.2}  {} | {}",
            pair.share_a * 100.0,
            pair.share_b * 100.0,
            pair.tokens,
            pair.places[0].tokens,
            name(pair.a),
            name(pair.b)
        );
    }
    println!("{} submissions, usual {:.1} %, {} ms", submissions.len(), result.usual * 100.0, took.as_millis());
    Ok(())
}

fn read(root: &Path, folder: &Path, tree: &mut Snapshot) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != ".git" {
            read(root, &entry.path(), tree)?;
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path())?;
            let path = entry.path().strip_prefix(root).unwrap_or(&entry.path()).to_string_lossy().into_owned();
            let size = bytes.len() as u64;
            let bytes = Some(Arc::from(bytes));
            tree.files.insert(path, FileEntry { kind: FileKind::File, size, bytes, executable: false });
        }
    }
    Ok(())
}
