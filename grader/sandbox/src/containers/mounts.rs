//! Which volumes a stack has, what is in them at first, and where each service sees them.
//!
//! No folder of the host is ever mounted. A folder of the tree becomes a volume of the run filled from it; a single
//! file, secret or config is put into the container before it starts.

use std::collections::{BTreeSet, HashMap};

use bollard::models::{Mount as EngineMount, MountTmpfsOptions, MountType, MountVolumeOptions};
use grader_compose::project::{FileGrant, FileObject, FileSource, Mount, MountSource, Project, Service};
use grader_model::Snapshot;
use indexmap::IndexMap;

use crate::run::Inner;
use crate::tree::{self, Archive, Found, Ownership, Unpackable};
use crate::{Images, SandboxError, StackPlan};

/// Whom the files of a checkout belong to on most machines.
pub(super) const USER: Ownership = Ownership { uid: 1000, gid: 1000 };

/// The volumes of a stack, decided before anything is made.
#[derive(Debug, Default)]
pub(crate) struct Layout {
    /// Every volume, by its name on the engine, with the folder of the tree that fills it.
    pub(super) volumes: IndexMap<String, Option<String>>,
    /// The archive that fills them, each under its number.
    pub(super) content: Option<Vec<u8>>,
    mounts: HashMap<String, Vec<EngineMount>>,
    files: HashMap<String, Vec<u8>>,
    adapted: Vec<(String, String)>,
}

impl Layout {
    pub(crate) fn mounts_of(&self, service: &str) -> Vec<EngineMount> {
        self.mounts.get(service).cloned().unwrap_or_default()
    }

    /// The archive to unpack at the root of a service's container.
    pub(crate) fn files_of(&self, service: &str) -> Option<&Vec<u8>> {
        self.files.get(service)
    }

    /// Whether files are put into a root that the document wants read-only; the engine refuses to.
    pub(crate) fn writes_root(&self, service: &str) -> bool {
        self.files.contains_key(service)
    }

    pub(crate) fn adapted(&self) -> &[(String, String)] {
        &self.adapted
    }

    /// Lays out a whole stack.
    ///
    /// # Errors
    /// [`SandboxError::Missing`] for a bind, secret or config that is not in the tree, [`SandboxError::TooLarge`].
    pub(crate) fn plan(run: &Inner, plan: StackPlan<'_>, images: &Images) -> Result<Layout, SandboxError> {
        let mut layout = Layout::default();
        let limit = run.options.limits.tree_bytes;
        for key in plan.project.volumes.keys() {
            layout.volumes.insert(run.name(&format!("vol-{key}")), None);
        }
        for (name, service) in &plan.project.services {
            let mut files = Archive::new(USER, limit);
            let mut any_file = false;
            let mut mounts = Vec::new();
            for (at, mount) in all_mounts(plan.project, name, service).into_iter().enumerate() {
                match layout.mount(run, plan.files, name, at, &mount)? {
                    Placed::Mount(mount) => mounts.push(*mount),
                    Placed::File(bytes, mode) => {
                        put(&mut files, name, USER, &mount.target, &bytes, mode, limit)?;
                        any_file = true;
                    }
                }
            }
            layout.image_volumes(run, name, images, &mut mounts);
            let grants = service.secrets.iter().map(|grant| (grant, &plan.project.secrets, 0o444));
            let grants = grants.chain(service.configs.iter().map(|grant| (grant, &plan.project.configs, 0o444)));
            for (grant, objects, mode) in grants {
                let bytes = content(plan.files, name, grant, objects.get(&grant.source))?;
                put(&mut files, name, owner_of(grant), &grant.target, &bytes, grant.mode.unwrap_or(mode), limit)?;
                any_file = true;
            }
            if any_file {
                if service.read_only {
                    layout.adapted.push((name.clone(), "its root is writable, since files are put into it".to_owned()));
                }
                layout.files.insert(name.clone(), files.finish());
            }
            layout.mounts.insert(name.clone(), mounts);
        }
        layout.content = layout.pack(plan.files, limit)?;
        Ok(layout)
    }

    fn mount(
        &mut self,
        run: &Inner,
        files: &Snapshot,
        service: &str,
        at: usize,
        mount: &Mount,
    ) -> Result<Placed, SandboxError> {
        let base = EngineMount {
            target: Some(mount.target.clone()),
            read_only: Some(mount.read_only),
            ..EngineMount::default()
        };
        let volume = |name: String, no_copy: bool, subpath: Option<String>| EngineMount {
            typ: Some(MountType::VOLUME),
            source: Some(name),
            volume_options: Some(MountVolumeOptions {
                no_copy: Some(no_copy),
                subpath,
                ..MountVolumeOptions::default()
            }),
            ..base.clone()
        };
        let missing = |path: &str| SandboxError::Missing {
            service: service.to_owned(),
            path: path.to_owned(),
            what: format!("what is mounted at {}", mount.target),
        };
        Ok(match &mount.source {
            MountSource::Bind { source, create_host_path } => {
                let path = tree::path_of(source).ok_or_else(|| missing(&format!("{source:?}")))?;
                let folder = match tree::find(files, path) {
                    Some(Found::File(entry)) => {
                        let bytes = entry.bytes.as_deref().ok_or_else(|| missing(path))?;
                        return Ok(Placed::File(bytes.to_vec(), if entry.executable { 0o755 } else { 0o644 }));
                    }
                    Some(Found::Folder(folder)) => folder,
                    // An empty folder takes its place, as the reference does.
                    None if *create_host_path => path.to_owned(),
                    None => return Err(missing(path)),
                };
                // Services that see the same folder see each other's changes in it.
                let known = self.volumes.iter().find(|(_, from)| from.as_ref() == Some(&folder));
                let name = match known {
                    Some((name, _)) => name.clone(),
                    None => {
                        let name = run.name(&format!("tree-{}", self.volumes.len()));
                        self.volumes.insert(name.clone(), Some(folder));
                        name
                    }
                };
                Placed::Mount(Box::new(volume(name, true, None)))
            }
            MountSource::Volume { name, nocopy, subpath } => {
                if subpath.is_some() && !run.engine.speaks(1, 45) {
                    return Err(SandboxError::Unsupported {
                        service: service.to_owned(),
                        what: "a folder inside a volume, by this engine,".to_owned(),
                    });
                }
                let name = match name {
                    Some(key) => run.name(&format!("vol-{key}")),
                    None => run.name(&format!("anon-{service}-{at}")),
                };
                self.volumes.entry(name.clone()).or_insert(None);
                Placed::Mount(Box::new(volume(name, *nocopy, subpath.clone())))
            }
            MountSource::Tmpfs { size, mode } => {
                let limit = run.options.limits.tmpfs_bytes;
                Placed::Mount(Box::new(EngineMount {
                    typ: Some(MountType::TMPFS),
                    tmpfs_options: Some(MountTmpfsOptions {
                        size_bytes: i64::try_from(size.unwrap_or(limit).min(limit)).ok(),
                        mode: mode.map(i64::from),
                        ..MountTmpfsOptions::default()
                    }),
                    ..base
                }))
            }
            MountSource::Other { kind } => {
                return Err(SandboxError::Unsupported {
                    service: service.to_owned(),
                    what: format!("a mount of type {kind}"),
                });
            }
        })
    }

    /// Volumes that the image declares. The engine would make them too, but without our labels.
    fn image_volumes(&mut self, run: &Inner, service: &str, images: &Images, mounts: &mut Vec<EngineMount>) {
        let declared = images.services.get(service).and_then(|image| image.config.volumes.clone()).unwrap_or_default();
        let declared: BTreeSet<String> = declared.into_iter().collect();
        for (at, target) in declared.into_iter().enumerate() {
            let trimmed = target.trim_end_matches('/');
            if mounts.iter().any(|mount| mount.target.as_deref().map(|t| t.trim_end_matches('/')) == Some(trimmed)) {
                continue;
            }
            let name = run.name(&format!("data-{service}-{at}"));
            self.volumes.insert(name.clone(), None);
            mounts.push(EngineMount {
                typ: Some(MountType::VOLUME),
                source: Some(name),
                target: Some(target),
                ..EngineMount::default()
            });
        }
    }

    fn pack(&self, files: &Snapshot, limit: u64) -> Result<Option<Vec<u8>>, SandboxError> {
        if self.volumes.values().all(Option::is_none) {
            return Ok(None);
        }
        let mut archive = Archive::new(USER, limit);
        for (number, folder) in self.volumes.values().enumerate() {
            let Some(folder) = folder else { continue };
            let too_large = |why| unpackable("", folder, limit, why);
            archive.folder(&number.to_string(), 0o755).map_err(too_large)?;
            for (inner, entry) in tree::below(files, folder) {
                // A file that intake did not keep is left out; what needs it says so itself.
                if entry.bytes.is_some() || entry.kind != grader_model::FileKind::File {
                    archive.entry(&format!("{number}/{inner}"), entry).map_err(too_large)?;
                }
            }
        }
        Ok(Some(archive.finish()))
    }
}

enum Placed {
    Mount(Box<EngineMount>),
    File(Vec<u8>, u32),
}

/// A service's own mounts, and those of the services whose volumes it takes over; its own win.
fn all_mounts(project: &Project, name: &str, service: &Service) -> Vec<Mount> {
    let mut mounts = service.volumes.clone();
    let mut seen = BTreeSet::from([name.to_owned()]);
    let mut open: Vec<(String, bool)> = service.volumes_from.iter().map(|entry| source_of(entry)).collect();
    while let Some((from, read_only)) = open.pop() {
        if !seen.insert(from.clone()) {
            continue;
        }
        let Some(other) = project.services.get(&from) else { continue };
        for mount in &other.volumes {
            if !mounts.iter().any(|own| own.target == mount.target) {
                mounts.push(Mount { read_only: mount.read_only || read_only, ..mount.clone() });
            }
        }
        open.extend(other.volumes_from.iter().map(|entry| source_of(entry)));
    }
    mounts
}

fn source_of(entry: &str) -> (String, bool) {
    match entry.rsplit_once(':') {
        Some((from, mode)) => (from.to_owned(), mode == "ro"),
        None => (entry.to_owned(), false),
    }
}

fn content(
    files: &Snapshot,
    service: &str,
    grant: &FileGrant,
    object: Option<&FileObject>,
) -> Result<Vec<u8>, SandboxError> {
    let missing = |path: &str| SandboxError::Missing {
        service: service.to_owned(),
        path: path.to_owned(),
        what: format!("secret or config {}", grant.source),
    };
    match object.map(|object| &object.source) {
        Some(FileSource::Content(text)) => Ok(text.clone().into_bytes()),
        Some(FileSource::Environment { value: Some(value), .. }) => Ok(value.clone().into_bytes()),
        Some(FileSource::Environment { variable, value: None }) => Err(missing(variable)),
        Some(FileSource::File(location)) => {
            let path = tree::path_of(location).unwrap_or_default();
            match tree::find(files, path) {
                Some(Found::File(entry)) => entry.bytes.as_deref().map(<[u8]>::to_vec).ok_or_else(|| missing(path)),
                _ => Err(missing(path)),
            }
        }
        Some(FileSource::External) | None => Err(missing(&grant.source)),
    }
}

/// Root's, unless the document names somebody by number; names mean something in the image only.
fn owner_of(grant: &FileGrant) -> Ownership {
    let number = |id: &Option<String>| id.as_ref().and_then(|id| id.parse().ok()).unwrap_or(0);
    Ownership { uid: number(&grant.uid), gid: number(&grant.gid) }
}

fn put(
    archive: &mut Archive,
    service: &str,
    owner: Ownership,
    target: &str,
    bytes: &[u8],
    mode: u32,
    limit: u64,
) -> Result<(), SandboxError> {
    let path = target.trim_matches('/');
    if let Some((folder, _)) = path.rsplit_once('/') {
        // What is there keeps its owner; the engine makes what is not.
        archive.assume_folder(folder);
    }
    archive.file_of(owner, path, bytes, mode).map_err(|why| unpackable(service, target, limit, why))
}

fn unpackable(service: &str, path: &str, limit: u64, why: Unpackable) -> SandboxError {
    let (service, path) = (service.to_owned(), path.to_owned());
    match why {
        Unpackable::TooLarge => SandboxError::TooLarge { service, path, limit },
        Unpackable::BadName => SandboxError::Missing { service, path, what: "a name that fits an archive".to_owned() },
    }
}
