//! Local folders: with git and without, clean and dirty, whole and in part.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use grader_intake::Intake;
use support::{Repo, Watch};

fn names(intake: &Intake) -> Vec<&str> {
    intake.snapshot.files.keys().map(String::as_str).collect()
}

fn notes(intake: &Intake) -> String {
    intake.notes.iter().map(|note| note.text.clone() + "\n").collect()
}

#[tokio::test]
async fn without_git_every_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("node_modules/x")).unwrap();
    for (path, text) in
        [(".gitignore", "node_modules\n"), ("node_modules/x/i.js", "1"), (".env", "A=1"), ("app.js", "2")]
    {
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    let intake = Watch::new().take(folder.path().to_str().unwrap()).await.unwrap();
    assert_eq!(names(&intake), [".env", ".gitignore", "app.js", "node_modules/x/i.js"]);
    assert_eq!((intake.commit.as_str(), intake.snapshot.commits.len(), notes(&intake).as_str()), ("", 0, ""));
    // The same id as git's for the same files.
    let repo = Repo::new();
    for name in names(&intake) {
        repo.write(name, intake.snapshot.text(name).unwrap());
    }
    repo.commit("same");
    assert_eq!(intake.tree, repo.git(&["rev-parse", "main^{tree}"]));
}

#[tokio::test]
async fn a_dirty_work_tree_is_graded_as_it_is() {
    let repo = Repo::sample();
    repo.write(".gitignore", "*.log\nsrc/\n");
    repo.write("new.txt", "new");
    repo.write("debug.log", "ignored");
    repo.write("src/app.py", "changed, tracked although ignored\n");
    std::fs::remove_file(repo.path().join("README.md")).unwrap();
    let intake = Watch::new().take(repo.path().to_str().unwrap()).await.unwrap();
    assert_eq!(names(&intake), [".gitignore", "link", "new.txt", "run.sh", "src/app.py"]);
    assert_eq!(intake.snapshot.text("src/app.py"), Some("changed, tracked although ignored\n"));
    assert_eq!(intake.commit, repo.git(&["rev-parse", "HEAD"]));
    assert_eq!(intake.snapshot.commits.len(), 3);
    assert!(notes(&intake).contains("differs from its commit"));
    // What only the commit holds now is of the past.
    assert!(intake.snapshot.historic.iter().any(|blob| blob.path == "README.md"));
    // A ref asks for what is committed.
    let intake = Watch::new().take(&format!("{}#main", repo.path().display())).await.unwrap();
    assert_eq!((names(&intake)[0], notes(&intake).as_str()), ("README.md", ""));
}

#[tokio::test]
async fn ignored_files_do_not_make_a_work_tree_dirty() {
    let repo = Repo::new();
    repo.write(".gitignore", "build/\n");
    repo.write("a", "a");
    repo.commit("a");
    repo.write("build/out.o", "x");
    std::fs::create_dir(repo.path().join("empty")).unwrap();
    let intake = Watch::new().take(repo.path().to_str().unwrap()).await.unwrap();
    assert_eq!((names(&intake), notes(&intake).as_str()), (vec![".gitignore", "a"], ""));
}

#[tokio::test]
async fn a_folder_of_a_repository() {
    let repo = Repo::new();
    repo.write("backend/app.py", "1\n");
    repo.write("backend/old.env", "SECRET=1\n");
    repo.write("frontend/index.js", "2\n");
    repo.commit("both");
    std::fs::remove_file(repo.path().join("backend/old.env")).unwrap();
    std::fs::remove_file(repo.path().join("frontend/index.js")).unwrap();
    repo.commit("fewer");
    let folder = repo.path().display().to_string();
    for source in [format!("file://{folder}"), folder] {
        let watch = Watch::new();
        let mut request = watch.request(&source);
        request.subdir = Some("./backend/".to_owned());
        let intake = watch.run(request).await.unwrap();
        assert_eq!(names(&intake), ["app.py"]);
        assert_eq!(intake.tree, repo.git(&["rev-parse", "main:backend"]));
        let historic: Vec<&str> = intake.snapshot.historic.iter().map(|blob| blob.path.as_str()).collect();
        assert_eq!(historic, ["old.env"]);
        assert!(intake.source_display.ends_with(" (backend)"));
        assert_eq!(notes(&intake), "");
    }
}

#[tokio::test]
async fn nothing_committed_yet() {
    let repo = Repo::new();
    repo.write("a", "a");
    let intake = Watch::new().take(repo.path().to_str().unwrap()).await.unwrap();
    assert_eq!((names(&intake), intake.commit.as_str()), (vec!["a"], ""));
    assert!(notes(&intake).contains("nothing is committed"));
}

#[tokio::test]
async fn linked_work_trees_detached_heads_packed_refs_and_shallow_clones() {
    let repo = Repo::sample();
    let other = tempfile::tempdir().unwrap();
    let linked = other.path().join("linked");
    repo.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "feature/x"]);
    let intake = Watch::new().take(linked.to_str().unwrap()).await.unwrap();
    assert_eq!(
        (intake.commit, notes(&Watch::new().take(linked.to_str().unwrap()).await.unwrap())),
        (repo.git(&["rev-parse", "feature/x"]), String::new())
    );
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["gc", "-q"]);
    repo.git(&["checkout", "-q", "--detach", "main~1"]);
    let intake = Watch::new().take(repo.path().to_str().unwrap()).await.unwrap();
    assert_eq!(intake.commit, repo.git(&["rev-parse", "HEAD"]));
    assert_eq!(intake.snapshot.branches, ["feature/x", "main"]);
    let shallow = other.path().join("shallow");
    let from = format!("file://{}", repo.path().display());
    repo.git(&["clone", "-q", "--depth=1", "-b", "main", &from, shallow.to_str().unwrap()]);
    let intake = Watch::new().take(shallow.to_str().unwrap()).await.unwrap();
    assert_eq!((intake.snapshot.commits.len(), intake.snapshot.history_truncated), (1, true));
}
