//! The same submission over every transport, from the real git's servers on loopback.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::os::unix::fs::PermissionsExt;

use grader_intake::{ChildCommand, Credentials, Intake, IntakeError};
use grader_model::FileKind;
use support::{HttpServer, Repo, Watch, child, git_daemon, published};

/// What every way of taking [`Repo::sample`] in must give.
fn assert_sample(repo: &Repo, intake: &Intake) {
    let snapshot = &intake.snapshot;
    let paths: Vec<&str> = snapshot.files.keys().map(String::as_str).collect();
    assert_eq!(paths, ["README.md", "link", "run.sh", "src/app.py"]);
    assert_eq!(snapshot.text("src/app.py"), Some("print(1)\nprint(3)\nprint(4)\n"));
    assert_eq!(snapshot.files["link"].kind, FileKind::Symlink("../../etc/passwd".to_owned()));
    assert!(snapshot.files["run.sh"].executable && !snapshot.files["README.md"].executable);
    assert_eq!(intake.commit, repo.git(&["rev-parse", "main"]));
    assert_eq!(intake.tree, repo.git(&["rev-parse", "main^{tree}"]));
    assert_eq!(snapshot.branches, ["feature/x", "main"]);
    let messages: Vec<&str> = snapshot.commits.iter().map(|commit| commit.message.trim()).collect();
    assert_eq!(messages, ["Change the app", "Add the app, take the secrets out", "Start"]);
    let last = &snapshot.commits[0];
    assert_eq!((last.files_changed, last.insertions, last.deletions), (1, 2, 1));
    assert_eq!((last.author.as_str(), last.email.as_str()), ("Ada", "ada@example.org"));
    let historic: Vec<(&str, &str)> =
        snapshot.historic.iter().map(|blob| (blob.path.as_str(), std::str::from_utf8(&blob.bytes).unwrap())).collect();
    assert_eq!(historic, [("src/app.py", "print(1)\nprint(2)\n"), (".env", "SECRET=hunter22\n")]);
    assert_eq!(snapshot.historic[1].commit, repo.git(&["rev-parse", "main~2"]));
    assert!(!snapshot.history_truncated);
    assert_eq!(intake.notes, []);
}

#[tokio::test]
async fn over_http() {
    let (repo, watch) = (Repo::sample(), Watch::new());
    let base = published(&repo, "books.git");
    let server = HttpServer::git(base.path());
    let intake = watch.take(&server.url("/books.git")).await.unwrap();
    assert_sample(&repo, &intake);
    assert!(intake.stats.received_bytes > 0 && intake.stats.objects > 0);
    let seen = server.seen.lock().unwrap();
    assert_eq!(seen.len(), 2, "one GET, one POST: {seen:?}");
    assert!(seen.iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn over_git() {
    let (repo, watch) = (Repo::sample(), Watch::new());
    let base = published(&repo, "my books.git");
    let server = git_daemon(base.path());
    let intake = watch.take(&format!("git://127.0.0.1:{}/my%20books.git", server.port)).await.unwrap();
    assert_sample(&repo, &intake);
}

#[tokio::test]
async fn over_file_and_from_a_folder() {
    let (repo, watch) = (Repo::sample(), Watch::new());
    let base = published(&repo, "books.git");
    for source in [
        format!("file://{}/books.git", base.path().display()),
        format!("{}/books.git", base.path().display()),
        format!("file://{}", repo.path().display()),
        repo.path().display().to_string(),
    ] {
        let intake = watch.take(&source).await.unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_sample(&repo, &intake);
    }
}

/// A program named `ssh` that notes its arguments and runs the last of them, as the server's shell would.
fn fake_ssh(script: &str) -> (tempfile::TempDir, ChildCommand) {
    let bin = tempfile::tempdir().unwrap();
    let ssh = bin.path().join("ssh");
    let head = format!("#!/bin/sh\nprintf '%s\\n' \"$@\" > {}/args\n", bin.path().display());
    std::fs::write(&ssh, head + script).unwrap();
    std::fs::set_permissions(&ssh, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("PATH={}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let command = ChildCommand { program: "env".into(), args: vec![path.into(), child().program.into_os_string()] };
    (bin, command)
}

const RUN_LAST: &str = "for last; do :; done\nexec sh -c \"$last\"\n";

#[tokio::test]
async fn over_ssh() {
    let (repo, watch) = (Repo::sample(), Watch::new());
    let base = published(&repo, "it's; touch evil.git");
    let (bin, command) = fake_ssh(RUN_LAST);
    let mut request = watch.request(&format!("git@books.example:{}/it's; touch evil.git", base.path().display()));
    request.child = command;
    let intake = watch.run(request).await.unwrap();
    assert_sample(&repo, &intake);
    let args = std::fs::read_to_string(bin.path().join("args")).unwrap();
    assert!(args.contains("-oBatchMode=yes\n") && args.contains("--\ngit@books.example\ngit-upload-pack '"), "{args}");
}

#[tokio::test]
async fn ssh_s_own_words_are_told_apart() {
    for (script, code) in [
        ("echo 'git@h: Permission denied (publickey).' >&2; exit 255", "clone.auth"),
        ("echo 'ssh: Could not resolve hostname h: Name or service not known' >&2; exit 255", "clone.unreachable"),
        ("echo \"fatal: '/x' does not appear to be a git repository\" >&2; exit 128", "clone.not-found"),
        ("exit 1", "clone.unreachable"),
    ] {
        let watch = Watch::new();
        let (_bin, command) = fake_ssh(script);
        let mut request = watch.request("git@h.example:x");
        request.child = command;
        let error = watch.run(request).await.unwrap_err();
        assert_eq!(error.code(), code, "{script}: {error}");
    }
}

#[tokio::test]
async fn refs_of_every_kind() {
    let (repo, watch) = (Repo::sample(), Watch::new());
    let base = published(&repo, "books.git");
    let server = HttpServer::git(base.path());
    let tagged = repo.git(&["rev-parse", "v1^{commit}"]);
    let first = repo.git(&["rev-parse", "main~2"]);
    for (reference, commit) in [
        ("v1", &tagged),
        ("feature/x", &tagged),
        ("refs/tags/v1", &tagged),
        (tagged.as_str(), &tagged),
        (&tagged[..10], &tagged),
        // No ref names it, so all of them are fetched to find it.
        (first.as_str(), &first),
        (&first[..8], &first),
    ] {
        for source in [server.url("/books.git"), repo.path().display().to_string()] {
            let intake = watch.take(&format!("{source}#{reference}")).await.unwrap();
            assert_eq!(&intake.commit, commit, "{reference}");
            let mut request = watch.request(&source);
            request.reference = Some(reference.to_owned());
            assert_eq!(&watch.run(request).await.unwrap().commit, commit, "{reference}");
        }
    }
    for reference in ["nope", "0123456789012345678901234567890123456789", "0123abc"] {
        for source in [server.url("/books.git"), repo.path().display().to_string()] {
            let error = watch.take(&format!("{source}#{reference}")).await.unwrap_err();
            let IntakeError::RefNotFound { known, .. } = &error else { panic!("{source} {reference}: {error:?}") };
            assert_eq!(known, &["feature/x", "main", "v1"]);
        }
    }
    let mut request = watch.request(&format!("{}#v1", repo.path().display()));
    request.reference = Some("main".to_owned());
    assert!(matches!(watch.run(request).await, Err(IntakeError::InvalidSource { .. })));
}

#[tokio::test]
async fn credentials_are_sent_and_never_shown() {
    let (repo, watch) = (Repo::sample(), Watch::new());
    let base = published(&repo, "books.git");
    let root = base.path().to_owned();
    let server = HttpServer::start(move |request| match request.header("authorization") {
        Some("Basic YWRhOmh1bnQmZXIyMg==") => support::http_backend(&root, request),
        _ => b"HTTP/1.1 401 no\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n".to_vec(),
    });
    let place = format!("127.0.0.1:{}/books.git", server.port);
    let intake = watch.take(&format!("http://ada:hunt%26er22@{place}")).await.unwrap();
    assert_sample(&repo, &intake);
    assert_eq!(intake.source_display, format!("http://***@{place}"));
    let error = watch.take(&format!("http://ada:wrong-one@{place}")).await.unwrap_err();
    assert_eq!(error, IntakeError::AuthRequired { place: format!("http://{place}") });
    assert!(!format!("{error:?}{}", error.fault()).contains("wrong-one"));

    // Given apart from the source, they leave no trace in its name; the source's own win.
    let given = |source: &str, password: &str| {
        let mut request = watch.request(source);
        request.credentials = Some(Credentials { user: "ada".to_owned(), password: password.to_owned() });
        assert!(!format!("{request:?}").contains(password));
        request
    };
    let intake = watch.run(given(&format!("http://{place}"), "hunt&er22")).await.unwrap();
    assert_sample(&repo, &intake);
    assert_eq!(intake.source_display, format!("http://{place}"));
    let error = watch.run(given(&format!("http://{place}"), "wrong-one")).await.unwrap_err();
    assert_eq!(error, IntakeError::AuthRequired { place: format!("http://{place}") });
    let error = watch.run(given(&format!("http://ada:wrong-one@{place}"), "hunt&er22")).await.unwrap_err();
    assert_eq!(error, IntakeError::AuthRequired { place: format!("http://{place}") });
}
