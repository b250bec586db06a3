//! Repositories that no honest git would make, and those that are merely large or odd.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use grader_model::FileKind;
use support::{HttpServer, Repo, Watch, published};

async fn code(source: &str) -> String {
    match Watch::new().take(source).await {
        Ok(_) => "taken".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

#[tokio::test]
async fn names_that_reach_out_of_the_tree() {
    let repo = Repo::new();
    let blob = repo.object("blob", b"evil");
    let tree = repo.tree(&[("100644", b"config", &blob)]);
    let source = format!("file://{}", repo.path().display());
    for (mode, name, id) in [
        ("40000", &b".git"[..], &tree),
        ("40000", b".GIT", &tree),
        ("40000", b"..", &tree),
        ("40000", b".", &tree),
        ("40000", b"git~1", &tree),
        ("100644", b"../../evil", &blob),
        ("100644", b"/etc/evil", &blob),
        ("100644", b"a\\..\\evil", &blob),
        ("120000", b".git ", &blob),
        ("100644", b".g\xe2\x80\x8cit", &blob),
    ] {
        let root = repo.tree(&[(mode, name, id)]);
        repo.commit_tree(&root);
        assert_eq!(code(&source).await, "clone.unsafe-path", "{}", String::from_utf8_lossy(name));
    }
}

#[tokio::test]
async fn trees_that_are_damaged() {
    let repo = Repo::new();
    let blob = repo.object("blob", b"a");
    let tree = repo.tree(&[("100644", b"a", &blob)]);
    let missing = "1234567890123456789012345678901234567890";
    let source = format!("file://{}", repo.path().display());
    for entries in [
        vec![("100644", &b"a"[..], missing)],
        vec![("40000", b"a", missing)],
        vec![("40000", b"a", blob.as_str())],
        vec![("100644", b"a", tree.as_str())],
        vec![("100644", b"a", blob.as_str()), ("100644", b"a", blob.as_str())],
        vec![("100644", b"a", blob.as_str()), ("40000", b"a", tree.as_str())],
        vec![("10644", b"a", blob.as_str())],
        vec![("20644", b"a", blob.as_str())],
    ] {
        let root = repo.tree(&entries);
        repo.commit_tree(&root);
        assert_eq!(code(&source).await, "clone.damaged", "{entries:?}");
    }
    let garbage = repo.object("tree", b"not a tree at all");
    repo.commit_tree_literally(&garbage);
    assert_eq!(code(&source).await, "clone.damaged");
}

impl Repo {
    fn commit_tree_literally(&self, tree: &str) {
        let text = format!("tree {tree}\nauthor A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n");
        let commit = self.object("commit", text.as_bytes());
        self.git(&["update-ref", "refs/heads/main", &commit]);
    }
}

#[tokio::test]
async fn a_tree_that_multiplies() {
    let repo = Repo::new();
    let blob = repo.object("blob", b"");
    for (mode, innermost) in [("100644", blob), ("40000", repo.tree(&[]))] {
        let mut id = innermost;
        let mut mode = mode;
        for _ in 0..12 {
            let names: Vec<String> = (0..12).map(|n| format!("d{n:02}")).collect();
            let entries: Vec<_> = names.iter().map(|name| (mode, name.as_bytes(), id.as_str())).collect();
            id = repo.tree(&entries);
            mode = "40000";
        }
        repo.commit_tree(&id);
        assert_eq!(code(&format!("file://{}", repo.path().display())).await, "clone.too-many-files");
    }
    // In the history only, it makes that shorter and costs the submission nothing.
    let bomb = repo.git(&["rev-parse", "main"]);
    let tree = repo.tree(&[("100644", b"a", &repo.object("blob", b"a"))]);
    let commit = repo.git(&["commit-tree", &tree, "-p", &bomb, "-m", "fixed"]);
    repo.git(&["update-ref", "refs/heads/main", &commit]);
    let intake = Watch::new().take(&format!("file://{}", repo.path().display())).await.unwrap();
    assert_eq!(intake.snapshot.files.len(), 1);
    assert!(intake.snapshot.history_truncated);
}

#[tokio::test]
async fn a_pack_that_lies() {
    let repo = Repo::sample();
    let base = published(&repo, "a.git");
    for lie in ["objects", "flipped"] {
        let root = base.path().to_owned();
        let server = HttpServer::start(move |request| {
            let mut answer = support::http_backend(&root, request);
            if request.method == "POST" {
                let at = answer.windows(4).position(|window| window == b"PACK").unwrap();
                match lie {
                    "objects" => answer[at + 8..at + 12].copy_from_slice(&u32::MAX.to_be_bytes()),
                    _ => answer[at + 40] ^= 0xff,
                }
            }
            answer
        });
        let expected = if lie == "objects" { "clone.too-many-objects" } else { "clone.damaged" };
        assert_eq!(code(&server.url("/a.git")).await, expected);
    }
}

#[tokio::test]
async fn links_submodules_and_odd_names() {
    let repo = Repo::new();
    let blob = repo.object("blob", b"x");
    let target = repo.object("blob", b"/etc/shadow");
    let module = "1234567890123456789012345678901234567890";
    let root = repo.tree(&[
        ("100644", b"-rf", &blob),
        ("100644", b"a b\nc", &blob),
        ("100664", b"legacy", &blob),
        ("120000", b"link", &target),
        ("160000", b"module", module),
        ("100644", b"na\xefve", &blob),
        ("100644", "日本".as_bytes(), &blob),
    ]);
    repo.commit_tree(&root);
    let base = published(&repo, "a.git");
    let server = HttpServer::git(base.path());
    let intake = Watch::new().take(&server.url("/a.git")).await.unwrap();
    let names: Vec<&str> = intake.snapshot.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["-rf", "a b\nc", "legacy", "link", "module", "日本"]);
    assert_eq!(intake.snapshot.files["link"].kind, FileKind::Symlink("/etc/shadow".to_owned()));
    assert!(intake.snapshot.files["link"].bytes.is_none());
    assert_eq!(intake.snapshot.files["module"].kind, FileKind::Submodule);
    let notes: Vec<&str> = intake.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(
        notes,
        ["\"module\" is a submodule, which is not followed", "\"na\u{fffd}ve\" is left out: its name is no UTF-8"]
    );
}

#[tokio::test]
async fn a_large_file_keeps_its_size_and_an_lfs_pointer_is_told() {
    let repo = Repo::new();
    repo.write("large.bin", vec![7u8; 300_000]);
    repo.write("data.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
    repo.commit("large");
    let folder = repo.path().display().to_string();
    for source in [format!("file://{folder}"), folder] {
        let watch = Watch::new();
        let mut request = watch.request(&source);
        request.limits.one_file = 100_000;
        let intake = watch.run(request).await.unwrap();
        let large = &intake.snapshot.files["large.bin"];
        assert_eq!((large.size, large.bytes.is_none()), (300_000, true));
        assert_eq!(intake.tree, repo.git(&["rev-parse", "main^{tree}"]));
        let notes: Vec<&str> = intake.notes.iter().map(|note| note.text.as_str()).collect();
        assert!(notes[0].starts_with("\"large.bin\" has 300000 bytes") && notes[1].starts_with("1 files are Git LFS"));
    }
}

#[tokio::test]
async fn twenty_thousand_files_and_a_long_history() {
    let repo = Repo::new();
    let mut stream = String::from("commit refs/heads/main\ncommitter A <a@b> 1700000000 +0000\ndata 5\nfirst\n");
    for n in 0..20_000 {
        stream += &format!("M 100644 inline d{}/f{n}.txt\ndata 8\n{n:07}\n\n", n % 100);
    }
    for n in 0..3_000 {
        stream += &format!("commit refs/heads/main\ncommitter A <a@b> {} +0000\ndata 4\nmore\n", 1_700_000_001 + n);
        stream += &format!("M 100644 inline counter\ndata 8\nc{n:06}\n\n");
    }
    repo.git_with_input(&["fast-import", "--quiet"], stream.as_bytes());
    let base = published(&repo, "a.git");
    let server = HttpServer::git(base.path());
    let watch = Watch::new();
    let mut request = watch.request(&server.url("/a.git"));
    request.limits.history_commits = 2_500;
    let intake = watch.run(request).await.unwrap();
    assert_eq!(intake.snapshot.files.len(), 20_001);
    assert_eq!(intake.snapshot.text("d42/f142.txt"), Some("0000142\n"));
    assert_eq!((intake.snapshot.commits.len(), intake.snapshot.history_truncated), (2_500, true));
    assert_eq!(intake.snapshot.historic.len(), 2_500);
    assert_eq!(intake.tree, repo.git(&["rev-parse", "main^{tree}"]));
}

#[tokio::test]
async fn statistics_agree_with_git_s_own() {
    let repo = Repo::sample();
    repo.git(&["checkout", "-q", "-b", "side", "main~1"]);
    repo.write("src/side.py", "a\nb\nc");
    repo.write("binary", b"\0\x01\x02");
    repo.commit("Side");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["merge", "-q", "--no-ff", "-m", "Merge", "side"]);
    std::fs::remove_file(repo.path().join("src/side.py")).unwrap();
    repo.write("README.md", "# Books\r\n\nwith more\n");
    repo.commit("Change more");
    let intake = Watch::new().take(&format!("file://{}", repo.path().display())).await.unwrap();
    for commit in &intake.snapshot.commits {
        let parent = commit.parents.first().map_or("4b825dc642cb6eb9a060e54bf8d69288fbee4904", String::as_str);
        let git = repo.git(&["diff-tree", "-r", "--no-renames", "--numstat", parent, &commit.id]);
        let count = |column: usize| -> u32 {
            git.lines().map(|line| line.split('\t').nth(column).unwrap().parse().unwrap_or(0)).sum()
        };
        let expected = (git.lines().count() as u32, count(0), count(1));
        assert_eq!((commit.files_changed, commit.insertions, commit.deletions), expected, "{}", commit.message);
    }
    assert_eq!(intake.snapshot.commits.len(), 6);
    let side = intake.snapshot.historic.iter().find(|blob| blob.path == "src/side.py").unwrap();
    assert_eq!(side.commit, repo.git(&["rev-parse", "main~1"]), "the merge was the last to hold it");
}

#[tokio::test]
async fn a_folder_with_traps() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "of the host").unwrap();
    let repo = Repo::new();
    repo.write("dir/file", "inside");
    repo.write("keep", "x");
    repo.commit("a");
    // A tracked path that now leads out of the folder.
    std::fs::remove_dir_all(repo.path().join("dir")).unwrap();
    std::fs::write(outside.path().join("file"), "of the host").unwrap();
    std::os::unix::fs::symlink(outside.path(), repo.path().join("dir")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(repo.path().join("pipe")).status().unwrap();
    assert!(made.success());
    std::fs::write(repo.path().join(OsStr::from_bytes(b"na\xefve")), "x").unwrap();
    let intake = Watch::new().take(&repo.path().display().to_string()).await.unwrap();
    let names: Vec<&str> = intake.snapshot.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["dir", "keep"]);
    assert!(matches!(intake.snapshot.files["dir"].kind, FileKind::Symlink(_)));
    let notes: String = intake.notes.iter().map(|note| note.text.clone() + "\n").collect();
    assert!(
        notes.contains("\"pipe\" is left out") && notes.contains("no UTF-8") && notes.contains("differs"),
        "{notes}"
    );
}

#[tokio::test]
async fn a_repository_that_borrows_another_s_objects() {
    let secret = Repo::sample();
    let head = secret.git(&["rev-parse", "HEAD"]);
    // By `info/alternates`, as `git clone --shared` makes it.
    let thief = Repo::new();
    thief.write(".git/objects/info/alternates", format!("{}/.git/objects\n", secret.path().display()));
    thief.write(".git/refs/heads/main", format!("{head}\n"));
    assert_eq!(code(&format!("file://{}", thief.path().display())).await, "clone.damaged");
    // By a linked pack folder and linked folders of loose objects.
    let thief = Repo::new();
    std::fs::remove_dir_all(thief.path().join(".git/objects")).unwrap();
    std::fs::create_dir(thief.path().join(".git/objects")).unwrap();
    for entry in std::fs::read_dir(secret.path().join(".git/objects")).unwrap().flatten() {
        std::os::unix::fs::symlink(entry.path(), thief.path().join(".git/objects").join(entry.file_name())).unwrap();
    }
    thief.write(".git/refs/heads/main", format!("{head}\n"));
    assert_eq!(code(&format!("file://{}", thief.path().display())).await, "clone.damaged");
    // By a `.git` that points there: the folder is read as one without git.
    let thief = tempfile::tempdir().unwrap();
    std::fs::write(thief.path().join("a"), "a").unwrap();
    std::fs::write(thief.path().join(".git"), format!("gitdir: {}/.git\n", secret.path().display())).unwrap();
    let intake = Watch::new().take(&thief.path().display().to_string()).await.unwrap();
    assert_eq!((intake.commit.as_str(), intake.snapshot.commits.len(), intake.snapshot.files.len()), ("", 0, 1));
    assert!(intake.notes[0].text.contains("names a folder that does not name it back"), "{:?}", intake.notes);
}
