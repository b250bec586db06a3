//! Submissions that no file could hold: too large, too deep, too many, or objects that no honest git would write.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// Makes the bomb of this name in a folder. `canary` is what those that run programs would touch.
pub(crate) fn make(name: &str, folder: &Path, canary: &Path) {
    let write = |path: &str, text: &str| fs::write(folder.join(path), text).unwrap();
    let compose = |text: &str| write("compose.yaml", text);
    let plain = "services: {api: {image: 'debian:bookworm-slim'}}\n";
    match name {
        "aliases" => {
            let levels: String = (1..12)
                .map(|level| format!("x-{level}: &x{level} [{}]\n", vec![format!("*x{}", level - 1); 9].join(", ")))
                .collect();
            compose(&format!("x-0: &x0 [a]\n{levels}{plain}"));
        }
        "merge-keys" => {
            let levels: String = (1..30)
                .map(|level| format!("x-{level}: &x{level} {{<<: [*x{0}, *x{0}], k{level}: *x{0}}}\n", level - 1))
                .collect();
            compose(&format!("x-0: &x0 {{a: 1, b: 2}}\n{levels}{plain}"));
        }
        "nesting" => compose(&format!("x-a: {}{}\n{plain}", "[".repeat(100_000), "]".repeat(100_000))),
        "long-text" => compose(&format!("x-a: {}\n{plain}", "x".repeat(1 << 20))),
        "extends-chain" => {
            let mut text = "services:\n  s0: {image: x}\n".to_owned();
            (1..2_000).for_each(|level| writeln!(text, "  s{level}: {{extends: s{}}}", level - 1).unwrap());
            compose(&text);
        }
        "include-circle" => {
            compose("include: [other.yaml]\nservices: {a: {image: x}}\n");
            write("other.yaml", "include: [compose.yaml]\nservices: {b: {image: x}}\n");
        }
        "include-diamonds" => {
            compose("include: [f0.yaml]\nservices: {a: {image: x}}\n");
            for level in 0..60 {
                let next = level + 1;
                let text = format!(
                    "include: [f{next}.yaml, ./f{next}.yaml, x/../f{next}.yaml]\nservices: {{s{level}: {{image: x}}}}\n"
                );
                write(&format!("f{level}.yaml"), &text);
            }
            write("f60.yaml", "services: {z: {image: x}}\n");
        }
        "variables" => {
            compose("services: {api: {image: '$A59'}}\n");
            let mut text = "A0=xxxxxxxxxxxxxxxx\n".to_owned();
            (1..60).for_each(|level| writeln!(text, "A{level}=$A{0}$A{0}", level - 1).unwrap());
            write(".env", &text);
        }
        "port-ranges" => {
            let ports = vec!["'1-65535'"; 500].join(", ");
            compose(&format!("services: {{api: {{image: x, ports: [{ports}]}}}}\n"));
        }
        "deep-folders" => {
            compose(plain);
            let deep = folder.join(vec!["d"; 200].join("/"));
            fs::create_dir_all(&deep).unwrap();
            fs::write(deep.join("x"), "x").unwrap();
        }
        "many-files" => {
            compose(plain);
            fs::create_dir(folder.join("many")).unwrap();
            (0..50_001).for_each(|number| drop(fs::File::create(folder.join(format!("many/{number}"))).unwrap()));
        }
        "huge-file" => fs::File::create(folder.join("huge")).unwrap().set_len(100 << 30).unwrap(),
        "many-large-files" => {
            compose(plain);
            (0..12).for_each(|n| fs::File::create(folder.join(format!("f{n}"))).unwrap().set_len(30 << 20).unwrap());
        }
        // Its directory says four gigabytes for each of its entries; only what unpacks it would notice.
        "zip" => {
            let mut bytes = Vec::new();
            for _ in 0..1_000 {
                bytes.extend_from_slice(
                    b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\xff\xff\xff\xff\x01\0\0\0a",
                );
                bytes.extend_from_slice(&[0xec; 16]);
            }
            fs::write(folder.join("data.zip"), bytes).unwrap();
        }
        "socket-and-pipe" => {
            assert!(Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
            drop(std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap());
            symlink("/dev/zero", folder.join("endless")).unwrap();
        }
        git => repository(git, folder, canary),
    }
}

/// Repositories. The folder becomes the work tree of one.
fn repository(name: &str, folder: &Path, canary: &Path) {
    let git = Git(folder);
    git.run(&["init", "-q", "-b", "main"], b"");
    let touch = format!("touch {}/touched", canary.display());
    let plain = "services: {api: {image: 'debian:bookworm-slim'}}\n";
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    match name {
        "git-tree" => {
            let mut id = git.object("blob", b"");
            let mut mode = "100644";
            for _ in 0..12 {
                let names: Vec<String> = (0..12).map(|n| format!("d{n:02}")).collect();
                let entries: Vec<_> = names.iter().map(|name| (mode, name.as_str(), id.as_str())).collect();
                id = git.tree(&entries);
                mode = "40000";
            }
            git.commit_tree(&id);
        }
        "git-blob" => {
            // A loose object whose header lies about what follows.
            let lie = git.object("blob", b"small");
            let path = folder.join(".git/objects").join(&lie[..2]).join(&lie[2..]);
            let mut deflated = vec![0x78, 0x01, 0x01];
            let header = b"blob 1099511627776\0small";
            let length = u16::try_from(header.len()).unwrap();
            deflated.extend_from_slice(&length.to_le_bytes());
            deflated.extend_from_slice(&(!length).to_le_bytes());
            deflated.extend_from_slice(header);
            deflated.extend_from_slice(&adler(header).to_be_bytes());
            fs::remove_file(&path).unwrap();
            fs::write(&path, deflated).unwrap();
            let tree = git.tree(&[("100644", "compose.yaml", &lie)]);
            git.commit_tree(&tree);
        }
        "git-filter" => {
            write("compose.yaml", plain);
            write(".gitattributes", "* filter=evil diff=evil merge=evil text\n");
            git.commit_all();
            let filter = format!("[filter \"evil\"]\n clean = {touch}\n smudge = {touch}\n required = true\n");
            git.configure(&format!("{filter}[diff \"evil\"]\n textconv = {touch}\n command = {touch}\n"));
            write("compose.yaml", &format!("# changed\n{plain}"));
        }
        "git-hooks" => {
            write("compose.yaml", plain);
            git.commit_all();
            for hook in
                ["post-checkout", "pre-commit", "post-index-change", "reference-transaction", "fsmonitor-watchman"]
            {
                let path = folder.join(".git/hooks").join(hook);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, format!("#!/bin/sh\n{touch}\n")).unwrap();
                fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            }
            write(".git/included", &format!("[core]\n pager = {touch}\n editor = {touch}\n askPass = {touch}\n"));
            git.configure(&format!(
                "[include]\n path = included\n[core]\n fsmonitor = {touch}\n sshCommand = {touch}\n gitProxy = {touch}\n\
                 [uploadpack]\n packObjectsHook = {touch}\n[credential]\n helper = !{touch}\n"
            ));
            write("compose.yaml", &format!("# changed\n{plain}"));
        }
        "git-submodule" => {
            let blob = git.object("blob", plain.as_bytes());
            let modules = format!(
                "[submodule \"m\"]\n path = m\n url = ext::sh -c {}\n update = !{touch}\n",
                touch.replace(' ', "% ")
            );
            let modules = git.object("blob", modules.as_bytes());
            let tree = git.tree(&[
                ("100644", ".gitmodules", &modules),
                ("100644", "compose.yaml", &blob),
                ("160000", "m", "1234567890123456789012345678901234567890"),
            ]);
            git.commit_tree(&tree);
            git.run(&["reset", "-q", "--hard"], b"");
        }
        "git-escape" => {
            let hook = git.object("blob", format!("#!/bin/sh\n{touch}\n").as_bytes());
            let hooks = git.tree(&[("100755", "post-checkout", &hook)]);
            let inner = git.tree(&[("40000", "hooks", &hooks)]);
            let tree = git.tree(&[("40000", ".GIT", &inner)]);
            git.commit_tree(&tree);
        }
        "git-alternates" => {
            // The other repository is beside the canary's file, so it is put into another folder.
            let other = folder.parent().unwrap().join("other");
            fs::create_dir(&other).unwrap();
            let theirs = Git(&other);
            theirs.run(&["init", "-q", "-b", "main"], b"");
            fs::write(other.join("secret"), crate::host::SECRET).unwrap();
            theirs.commit_all();
            let head = theirs.run(&["rev-parse", "HEAD"], b"");
            write(".git/objects/info/alternates", &format!("{}/.git/objects\n", other.display()));
            write(".git/refs/heads/main", &format!("{head}\n"));
        }
        other => panic!("nothing makes {other}"),
    }
    // A work tree that is one commit further would be read as it lies there; these are about the objects.
    if ["git-tree", "git-blob", "git-escape", "git-alternates"].contains(&name) {
        let bare = folder.parent().unwrap().join("bare.git");
        fs::rename(folder.join(".git"), &bare).unwrap();
        fs::remove_dir_all(folder).unwrap();
        fs::rename(&bare, folder).unwrap();
        git.run(&["config", "core.bare", "true"], b"");
    }
}

/// The checksum at the end of a zlib stream.
fn adler(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}

struct Git<'a>(&'a Path);

impl Git<'_> {
    fn run(&self, arguments: &[&str], input: &[u8]) -> String {
        let mut child = Command::new("git")
            .arg("-C")
            .arg(self.0)
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .envs([("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@example.org")])
            .envs([("GIT_COMMITTER_NAME", "A"), ("GIT_COMMITTER_EMAIL", "a@example.org")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn object(&self, kind: &str, bytes: &[u8]) -> String {
        self.run(&["hash-object", "-t", kind, "-w", "--stdin", "--literally"], bytes)
    }

    /// A tree of entries (mode, name, hex id), as they are given.
    fn tree(&self, entries: &[(&str, &str, &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend((0..20).map(|at| u8::from_str_radix(&id[2 * at..2 * at + 2], 16).unwrap()));
        }
        self.object("tree", &bytes)
    }

    fn commit_tree(&self, tree: &str) {
        let commit = self.run(&["commit-tree", tree, "-m", "raw"], b"");
        self.run(&["update-ref", "refs/heads/main", &commit], b"");
    }

    fn commit_all(&self) {
        self.run(&["add", "--all"], b"");
        self.run(&["commit", "-q", "-m", "all"], b"");
    }

    fn configure(&self, text: &str) {
        let path = self.0.join(".git/config");
        let config = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{config}{text}")).unwrap();
    }
}
