//! One fixture for each way in which an intake fails, and whose fault each is.

#![allow(clippy::unwrap_used, reason = "a test that unwraps fails as it should")]

mod support;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use grader_intake::{ChildCommand, IntakeError, IntakeRequest, Source};
use grader_model::{FaultSide, Stage};
use support::{HttpServer, Repo, Watch, child, free_port, git_daemon, http_backend, published, tcp_server};

/// Checks what every fault has, and the one thing that the test is about.
#[track_caller]
fn assert_fault(error: &IntakeError, code: &str, side: FaultSide) {
    let fault = error.fault();
    assert_eq!((fault.code.as_str(), fault.side, fault.stage), (code, side, Stage::Clone), "{error:?}");
    assert!(!fault.message.is_empty() && !fault.message.contains('\n'), "{fault:?}");
}

async fn fails(source: &str, change: impl FnOnce(&mut IntakeRequest)) -> IntakeError {
    let watch = Watch::new();
    let mut request = watch.request(source);
    change(&mut request);
    watch.run(request).await.expect_err(source)
}

fn served(repo: &Repo) -> (HttpServer, tempfile::TempDir) {
    let base = published(repo, "a.git");
    (HttpServer::git(base.path()), base)
}

fn answer(status: &str, head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n{body}", body.len()).into_bytes()
}

#[test]
fn a_source_that_is_none() {
    assert_fault(&Source::parse("gopher://h/a").unwrap_err(), "clone.source-invalid", FaultSide::Grader);
}

#[tokio::test]
async fn a_subdir_that_climbs() {
    let repo = Repo::sample();
    for subdir in ["../x", "/etc", "src/../..", ".git"] {
        let error = fails(&repo.path().display().to_string(), |request| request.subdir = Some(subdir.into())).await;
        assert_fault(&error, "clone.source-invalid", FaultSide::Grader);
    }
}

#[tokio::test]
async fn nothing_there() {
    let base = tempfile::tempdir().unwrap();
    let (http, git) = (HttpServer::git(base.path()), git_daemon(base.path()));
    for source in [
        http.url("/nope.git"),
        format!("git://127.0.0.1:{}/nope.git", git.port),
        format!("file://{}/nope.git", base.path().display()),
    ] {
        assert_fault(&fails(&source, |_| {}).await, "clone.not-found", FaultSide::Grader);
    }
    assert_fault(&Source::parse("./no-such-folder").unwrap_err(), "clone.not-found", FaultSide::Grader);
}

#[tokio::test]
async fn credentials_asked_for() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let server = HttpServer::start(move |_| answer(status, "", ""));
        assert_fault(&fails(&server.url("/a.git"), |_| {}).await, "clone.auth", FaultSide::Grader);
    }
}

#[tokio::test]
async fn nobody_answers() {
    let port = free_port();
    for source in
        [format!("http://127.0.0.1:{port}/a"), format!("git://127.0.0.1:{port}/a"), "http://no.invalid/a".into()]
    {
        assert_fault(&fails(&source, |_| {}).await, "clone.unreachable", FaultSide::Grader);
    }
    let server = HttpServer::start(|_| answer("503 Service Unavailable", "", ""));
    assert_fault(&fails(&server.url("/a"), |_| {}).await, "clone.unreachable", FaultSide::Grader);
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_pack() {
    let repo = Repo::sample();
    let base = published(&repo, "a.git");
    let root = base.path().to_owned();
    let server = HttpServer::start(move |request| {
        let mut answer = http_backend(&root, request);
        if request.method == "POST" {
            answer.truncate(answer.len() - 200);
        }
        answer
    });
    assert_fault(&fails(&server.url("/a.git"), |_| {}).await, "clone.unreachable", FaultSide::Grader);
}

#[tokio::test]
async fn private_addresses_where_they_are_refused() {
    let (http, seen) = tcp_server(|_| {});
    for source in [
        format!("http://127.0.0.1:{http}/a"),
        format!("http://localhost:{http}/a"),
        format!("http://[::ffff:127.0.0.1]:{http}/a"),
        format!("git://127.0.0.1:{http}/a"),
        format!("ssh://127.0.0.1:{http}/a"),
        "http://169.254.169.254/latest".to_owned(),
    ] {
        let error = fails(&source, |request| request.allow_private = false).await;
        assert_fault(&error, "clone.address-refused", FaultSide::Grader);
    }
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 0, "something was connected to");
}

#[tokio::test]
async fn redirects_that_are_not_followed() {
    for target in ["ftp://127.0.0.1/a/info/refs", "file:///etc/info/refs", "/login?next=a", "info/refs", "http://"] {
        let server = HttpServer::start(move |_| answer("302 Found", &format!("Location: {target}\r\n"), ""));
        let error = fails(&server.url("/a.git"), |_| {}).await;
        assert_fault(&error, "clone.redirect-refused", FaultSide::Grader);
        assert!(server.seen.lock().unwrap().len() <= 6, "{target} was followed without end");
    }
}

#[tokio::test]
async fn a_redirect_to_the_repository_is_followed_without_the_credentials_of_another_host() {
    let repo = Repo::sample();
    let (real, _base) = served(&repo);
    let target = real.url("/a.git/info/refs?service=git-upload-pack");
    let moved = HttpServer::start(move |_| answer("301 Moved", &format!("Location: {target}\r\n"), ""));
    let watch = Watch::new();
    let intake = watch.take(&format!("http://ada:secret99@127.0.0.1:{}/old", moved.port)).await.unwrap();
    assert_eq!(intake.commit, repo.git(&["rev-parse", "main"]));
    assert!(moved.seen.lock().unwrap()[0].header("authorization").is_some());
    assert!(real.seen.lock().unwrap().iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn no_git_server() {
    let html = HttpServer::start(|_| answer("200 OK", "Content-Type: text/html\r\n", "<html>"));
    let lie = "Content-Type: application/x-git-upload-pack-advertisement\r\n";
    let liar = HttpServer::start(move |_| answer("200 OK", lie, "<html>"));
    let (talker, _) = tcp_server(|mut stream| {
        let mut hello = [0u8; 1024];
        let _ = stream.read(&mut hello);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
    });
    for source in [html.url("/a"), liar.url("/a"), format!("git://127.0.0.1:{talker}/a")] {
        assert_fault(&fails(&source, |_| {}).await, "clone.protocol", FaultSide::Grader);
    }
}

#[tokio::test]
async fn objects_named_by_sha256() {
    let repo = Repo::new();
    std::fs::remove_dir_all(repo.path().join(".git")).unwrap();
    repo.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    repo.write("a", "a");
    repo.commit("a");
    let (server, _base) = served(&repo);
    for source in [server.url("/a.git"), repo.path().display().to_string()] {
        assert_fault(&fails(&source, |_| {}).await, "clone.object-format", FaultSide::Grader);
    }
}

#[tokio::test]
async fn an_empty_repository() {
    let repo = Repo::new();
    let (server, base) = served(&repo);
    for source in [server.url("/a.git"), format!("file://{}/a.git", base.path().display())] {
        assert_fault(&fails(&source, |_| {}).await, "clone.empty", FaultSide::Candidate);
    }
}

#[tokio::test]
async fn a_ref_or_a_folder_that_is_not_there() {
    let repo = Repo::sample();
    let (server, _base) = served(&repo);
    for source in [server.url("/a.git"), repo.path().display().to_string()] {
        let error = fails(&format!("{source}#nope"), |_| {}).await;
        assert_fault(&error, "clone.ref-not-found", FaultSide::Grader);
        assert_eq!(error.fault().hint, "There are: feature/x, main, v1.");
        for subdir in ["nope", "README.md", "link"] {
            let error = fails(&source, |request| request.subdir = Some(subdir.into())).await;
            assert_fault(&error, "clone.subdir-not-found", FaultSide::Grader);
        }
    }
}

#[tokio::test]
async fn too_many_bytes() {
    let repo = Repo::new();
    // Random, so that it does not compress below the limit of the transfer.
    let noise: Vec<u8> = (0..200_000u64).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
    repo.write("noise", &noise);
    repo.write("zeros", vec![0u8; 1_000_000]);
    repo.commit("big");
    let (server, _base) = served(&repo);
    let error = fails(&server.url("/a.git"), |request| request.limits.bytes = 100_000).await;
    assert_fault(&error, "clone.too-big", FaultSide::Candidate);
    assert!(error.to_string().starts_with("the transfer"), "{error}");
    let folder = repo.path().display().to_string();
    for source in [format!("file://{folder}"), folder] {
        let error = fails(&source, |request| request.limits.bytes = 2_500_000).await;
        assert_fault(&error, "clone.too-big", FaultSide::Candidate);
        assert!(error.to_string().starts_with("the tree"), "{error}");
    }
}

#[tokio::test]
async fn too_many_files_or_objects() {
    let repo = Repo::sample();
    let (server, _base) = served(&repo);
    let folder = repo.path().display().to_string();
    for source in [server.url("/a.git"), format!("file://{folder}"), folder] {
        let error = fails(&source, |request| request.limits.files = 4).await;
        assert_fault(&error, "clone.too-many-files", FaultSide::Candidate);
    }
    let error = fails(&server.url("/a.git"), |request| request.limits.objects = 5).await;
    assert_fault(&error, "clone.too-many-objects", FaultSide::Candidate);
}

#[tokio::test]
async fn paths_too_deep_or_too_long() {
    let repo = Repo::new();
    repo.write("a/b/c/d/e.txt", "deep");
    repo.commit("deep");
    let (server, _base) = served(&repo);
    let folder = repo.path().display().to_string();
    for source in [server.url("/a.git"), folder] {
        let error = fails(&source, |request| request.limits.depth = 3).await;
        assert_fault(&error, "clone.too-deep", FaultSide::Candidate);
        let error = fails(&source, |request| request.limits.path_length = 10).await;
        assert_fault(&error, "clone.path-too-long", FaultSide::Candidate);
        assert!(fails_not(&source, 4).await);
    }
}

async fn fails_not(source: &str, depth: u32) -> bool {
    let watch = Watch::new();
    let mut request = watch.request(source);
    request.limits.depth = depth;
    watch.run(request).await.is_ok()
}

#[tokio::test]
async fn more_memory_than_allowed() {
    let repo = Repo::new();
    // Two versions of a large file: the second is stored as a delta, which is resolved in memory.
    repo.git(&["config", "core.bigFileThreshold", "1g"]);
    let mut text = "line of a large file\n".repeat(6_000_000);
    repo.write("big", &text);
    repo.commit("one");
    text.push_str("one more\n");
    repo.write("big", &text);
    repo.commit("two");
    repo.git(&["gc", "-q"]);
    let (server, _base) = served(&repo);
    let error = fails(&server.url("/a.git"), |request| request.limits.memory = 256 * 1024 * 1024).await;
    assert_fault(&error, "clone.out-of-memory", FaultSide::Candidate);
}

#[tokio::test]
async fn a_server_that_drips() {
    let drip = |first: &'static str, then: &'static str| {
        let (port, _) = tcp_server(move |mut stream| {
            let _ = stream.write_all(first.as_bytes());
            // One byte a second, each of them right: no timeout of a single read ever fires.
            for byte in then.bytes().cycle() {
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
        });
        port
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n";
    let body: &'static str = format!("{head}\r\n001e# service=git-upload-pack\n0000").leak();
    for source in [
        format!("git://127.0.0.1:{}/a", drip("", "0008ERR ")),
        format!("http://127.0.0.1:{}/a", drip(head, "x: y\r\n")),
        format!("http://127.0.0.1:{}/a", drip(body, "0009shallow ")),
    ] {
        let started = std::time::Instant::now();
        let error = fails(&source, |request| request.limits.wall_clock = Duration::from_secs(3)).await;
        assert_fault(&error, "clone.too-slow", FaultSide::Grader);
        let took = started.elapsed();
        assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&took), "{source}: {took:?}");
    }
}

#[tokio::test]
async fn a_folder_that_may_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    std::fs::write(&closed, "a").unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o000)).unwrap();
    let mut command = child();
    if std::fs::read(&closed).is_ok() {
        // root reads everything, unless it gives up the right to.
        let lowered = "--bounding-set=-dac_override,-dac_read_search";
        command = ChildCommand { program: "setpriv".into(), args: vec![lowered.into(), command.program.into()] };
    }
    let error = fails(&folder.path().display().to_string(), |request| request.child = command).await;
    assert_fault(&error, "clone.folder-unreadable", FaultSide::Grader);
    assert!(error.to_string().contains("closed"), "{error}");
}

#[tokio::test]
async fn no_place_for_temporary_files() {
    let repo = Repo::sample();
    let error =
        fails(&repo.path().display().to_string(), |request| request.scratch = Some("/nonexistent".into())).await;
    assert_fault(&error, "clone.scratch", FaultSide::Grader);
}

#[tokio::test]
async fn a_child_that_misbehaves() {
    let repo = Repo::sample();
    let source = repo.path().display().to_string();
    let shell = |script: &str| ChildCommand { program: "sh".into(), args: vec!["-c".into(), script.into()] };
    let file = r#"{"path":"../x","kind":"file","size":1,"executable":false,"content":false}"#;
    for (command, said) in [
        (ChildCommand { program: "/no/such/program".into(), args: vec![] }, "does not start"),
        (shell("exit 0"), "ends early"),
        (shell("echo 'no such library' >&2; exit 127"), "no such library"),
        (shell("kill -SEGV $$"), "died of signal 11"),
        (shell("echo Hello"), "a frame of no known kind"),
        (shell("printf 'z\\377\\377\\377\\377'; sleep 100"), "a frame is too long"),
        (shell("printf 'b\\000\\000\\000\\001x'"), "not due"),
        (shell("printf 'z\\000\\000\\000\\002{]'"), "cannot be read"),
    ] {
        let error = fails(&source, |request| request.child = command.clone()).await;
        assert_fault(&error, "clone.child", FaultSide::Grader);
        assert!(error.to_string().contains(said), "{command:?}: {error}");
    }
    let script = format!("printf 'f\\000\\000\\000\\{:03o}%s' '{file}'", file.len());
    let error = fails(&source, |request| request.child = shell(&script)).await;
    assert_fault(&error, "clone.unsafe-path", FaultSide::Candidate);
}
