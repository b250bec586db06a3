//! The harness image: the binary, the libraries that it needs, and nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bollard::query_parameters::CreateImageOptions;
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

use crate::errors::Doing;
use crate::retention::renew;
use crate::tree::{Archive, Ownership};
use crate::{Engine, SandboxError, labels};

/// Where the binary is in its image.
pub(super) const PROGRAM: &str = "/grader";

const REPOSITORY: &str = "grader-harness";

/// Name look-ups load these by name on older C libraries; newer ones have them built in.
const BY_NAME: &[&str] = &["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"];

/// An image of the harness on an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarnessImage {
    pub(super) reference: String,
    digest: String,
}

impl HarnessImage {
    /// Makes the image from an ELF binary for the engine's architecture, or finds the one made before.
    ///
    /// # Errors
    /// [`SandboxError::HarnessImage`] when the binary or one of its libraries cannot be read.
    pub async fn prepare(engine: &Engine, binary: &Path) -> Result<HarnessImage, SandboxError> {
        let at = binary.to_owned();
        let packed = tokio::task::spawn_blocking(move || pack(&at)).await;
        let (archive, digest) = packed
            .unwrap_or_else(|_| Err("reading it was broken off".to_owned()))
            .map_err(|detail| SandboxError::HarnessImage { binary: binary.display().to_string(), detail })?;
        let tag = digest[..40].to_owned();
        let image = HarnessImage { reference: format!("{REPOSITORY}:{tag}"), digest };
        if !renew(engine, &image.reference).await {
            let options = CreateImageOptions {
                from_src: Some("-".to_owned()),
                repo: Some(REPOSITORY.to_owned()),
                tag: Some(tag),
                changes: vec![format!("LABEL {}={}", labels::HARNESS, image.digest)],
                ..CreateImageOptions::default()
            };
            let body = bollard::body_full(archive.into());
            let import = engine.docker.create_image(Some(options), Some(body), None);
            import.try_for_each(|_| async { Ok(()) }).await.doing("import the harness image")?;
        }
        Ok(image)
    }

    /// Digest of the binary and its libraries, hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// The image's files as an archive, and their digest.
fn pack(binary: &Path) -> Result<(Vec<u8>, String), String> {
    let read = |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let mut files: BTreeMap<String, (Vec<u8>, u32)> = BTreeMap::new();
    files.insert(inside(Path::new(PROGRAM)), (read(binary)?, 0o755));
    let tree = lddtree::DependencyAnalyzer::default().analyze(binary).map_err(|error| error.to_string())?;
    let mut libraries: Vec<PathBuf> = tree.interpreter.iter().map(PathBuf::from).collect();
    for (name, library) in &tree.libraries {
        match &library.realpath {
            Some(_) => libraries.push(library.path.clone()),
            None => return Err(format!("the library {name} is not there")),
        }
    }
    let libc = libraries.iter().find(|path| path.file_name().is_some_and(|name| name == "libc.so.6"));
    if let Some(folder) = libc.and_then(|path| path.parent()).map(Path::to_owned) {
        libraries.extend(BY_NAME.iter().map(|name| folder.join(name)).filter(|path| path.exists()));
    }
    for library in libraries {
        // Under the name that the loader asks for, with the content that it leads to.
        files.insert(inside(&library), (read(&library)?, 0o755));
    }
    files.insert("etc/nsswitch.conf".to_owned(), (b"hosts: files dns\n".to_vec(), 0o644));
    let mut digest = Sha256::new();
    let mut archive = Archive::new(Ownership { uid: 0, gid: 0 }, u64::MAX);
    for (path, (bytes, mode)) in &files {
        digest.update(path.as_bytes());
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
        archive.file(path, bytes, *mode).map_err(|_| format!("{path} does not fit an archive"))?;
    }
    Ok((archive.finish(), format!("{:x}", digest.finalize())))
}

/// A path of the host as it stands in the archive.
fn inside(path: &Path) -> String {
    path.display().to_string().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_binary_can_be_packed_with_all_it_needs() {
        let (archive, digest) = pack(&std::env::current_exe().unwrap()).unwrap();
        let mut names = Vec::new();
        for entry in tar::Archive::new(archive.as_slice()).entries().unwrap() {
            names.push(entry.unwrap().path().unwrap().display().to_string());
        }
        assert!(names.contains(&"grader".to_owned()), "{names:?}");
        assert_eq!(digest.len(), 64);
        assert_eq!(pack(&std::env::current_exe().unwrap()).unwrap().1, digest);
    }

    #[test]
    fn what_is_no_binary_is_said_so() {
        assert!(pack(Path::new("/etc/hostname")).is_err());
        assert!(pack(Path::new("/nowhere")).is_err());
    }
}
