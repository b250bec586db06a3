//! The temporary folders of intakes: named after the process that made them, so that those of a killed one are found.
//!
//! A living child removes its folder when its parent dies. Only a parent that is killed before it has started the child
//! leaves one, empty.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// How the names begin; machine, process and its start follow.
pub(crate) const PREFIX: &str = "grader-intake-";

/// Makes a folder in `place`, or in the system's own for such things.
pub(crate) fn make(place: Option<&Path>) -> std::io::Result<TempDir> {
    let pid = std::process::id();
    let prefix = format!("{}{pid}-{}-", of_this_machine(), started(pid).unwrap_or(0));
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix);
    match place {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    }
}

/// Removes the empty folders in `place` whose process is gone from this machine, and gives their paths. Others' folders,
/// and those with anything in them, stay.
pub fn sweep_scratch(place: &Path) -> Vec<PathBuf> {
    let ours = of_this_machine();
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let abandoned = entries.flatten().filter(|entry| {
        let name = entry.file_name();
        let numbers = name.to_str().and_then(|name| name.strip_prefix(&ours)).map(|rest| rest.splitn(3, '-'));
        let mut numbers = numbers.into_iter().flatten().map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(pid)), Some(Ok(start))) => u32::try_from(pid).is_ok_and(|pid| started(pid) != Some(start)),
            _ => false,
        }
    });
    abandoned.map(|entry| entry.path()).filter(|path| std::fs::remove_dir(path).is_ok()).collect()
}

/// Process ids mean something on one machine, or in one container, only; its name is part of the folder's.
fn of_this_machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').take(64).collect();
    format!("{PREFIX}{name}-")
}

/// When a process started, in the kernel's ticks since boot; `None` when there is none.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command stands in parentheses and may hold anything; field 22 of the line is the twentieth after it.
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_folder_of_a_process_that_is_gone_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let living = make(Some(place.path())).unwrap();
        let mut process = std::process::Command::new("true").spawn().unwrap();
        let start = started(process.id()).unwrap();
        process.wait().unwrap();
        let dead = |name: &str| {
            let path = place.path().join(format!("{}{}-{start}-{name}", of_this_machine(), process.id()));
            std::fs::create_dir(&path).unwrap();
            path
        };
        let (empty, full) = (dead("empty"), dead("full"));
        std::fs::write(full.join("pack"), "x").unwrap();
        let elsewhere = place.path().join(format!("{PREFIX}elsewhere0-{}-{start}-x", process.id()));
        let theirs = place.path().join("grader-intake-");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::create_dir(&theirs).unwrap();
        assert_eq!(sweep_scratch(place.path()), [empty]);
        assert!([living.path(), &full, &elsewhere, &theirs].iter().all(|path| path.is_dir()));
    }
}
