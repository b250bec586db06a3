//! Makes sure that the base images that fixtures and demonstrations name are in the engine: there
//! already, pulled, or built as stand-ins from `fixtures/base-images`.
//!
//! It decides what is missing and in which order; how a file system comes to be is `rootfs`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::recipe::{self, Recipe};
use super::{host_clients::HostClients, rootfs};
use crate::shell::{self, Failure, Result, say};

/// Says that an image is one of ours.
const STAND_IN: &str = "grader.stand-in";
/// Holds the digest of the recipe, so that a changed one is built anew.
const RECIPE: &str = "grader.stand-in.recipe";
/// Marks the stages of a recipe that are not part of its image.
const STAGE: &str = "grader.stand-in.stage";
/// A registry that answers starts sending within this time; the deadline for the probing pull.
const FIRST_PULL: Duration = Duration::from_secs(20);

/// Brings every wanted image into the engine; `all` takes those outside the core set as well, `named` are references
/// that a submission uses.
///
/// # Errors
/// When a recipe cannot be read, a build fails, a finished image fails its own check, or no image is near a named one.
pub(crate) fn ensure(all: bool, named: &[String]) -> Result<()> {
    let folder = shell::workspace().join("fixtures/base-images");
    let recipes = recipe::read(&folder)?;
    let mut kitchen = Kitchen { clients: HostClients::read(), digests: BTreeMap::new(), pulls: Pulls::Untried, folder };
    for recipe in &recipes {
        let digest = kitchen.digest(recipe)?;
        kitchen.digests.insert(recipe.id.clone(), digest);
    }
    let mut aliases = Vec::new();
    for reference in named {
        if present(reference, "") != Present::Genuine && !kitchen.pull(reference)? {
            let recipe = recipe::nearest(&recipes, reference).ok_or_else(|| {
                Failure::new(format!("no stand-in is near {reference}"))
                    .hint("Bring it to the engine with `docker load`, or describe one in fixtures/base-images.")
            })?;
            aliases.push((reference, recipe));
        }
    }
    let ids: Vec<&str> = aliases.iter().map(|(_, recipe)| recipe.id.as_str()).collect();
    for id in recipe::wanted(&recipes, all, &ids) {
        let recipe = recipe::find(&recipes, &id)?;
        kitchen.ensure(recipe, &recipes)?;
    }
    for (reference, recipe) in aliases {
        if let Some(first) = recipe.tags.first().filter(|first| *first != reference) {
            shell::run(Command::new("docker").args(["tag", first, reference]))?;
            say(format!("{reference}: {first} stands in"));
        }
    }
    Ok(())
}

/// Makes sure of those references that an image of the list is for and the engine does not have: what a submission names
/// besides the core set. Names of a submission's own are left alone.
///
/// # Errors
/// As for [`ensure`].
pub(crate) fn need(named: &[String]) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let recipes = recipe::read(&shell::workspace().join("fixtures/base-images"))?;
    let is_known = |name: &String| recipes.iter().any(|recipe| recipe.tags.contains(name));
    let _held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: Vec<String> =
        named.iter().filter(|name| is_known(name) && image_id(name).is_none()).cloned().collect();
    if missing.is_empty() { Ok(()) } else { ensure(false, &missing) }
}

struct Kitchen {
    folder: PathBuf,
    clients: HostClients,
    digests: BTreeMap<String, String>,
    pulls: Pulls,
}

/// Whether pulling works, learnt once per run: a registry that is away costs its deadline each time.
#[derive(PartialEq, Eq)]
enum Pulls {
    Untried,
    Work,
    Fail,
}

#[derive(Debug, PartialEq, Eq)]
enum Present {
    /// The registry's own, or one that a person made: never touched.
    Genuine,
    /// Ours, from the recipe as it is now.
    Current,
    Missing,
}

impl Kitchen {
    fn ensure(&mut self, recipe: &Recipe, recipes: &[Recipe]) -> Result<()> {
        let digest = self.digests[&recipe.id].clone();
        let Some(first) = recipe.tags.first() else {
            return Ok(());
        };
        // Where the first tag is the registry's, the registry has the others when they are needed.
        if present(first, &digest) == Present::Genuine || self.pull(first)? {
            return Ok(());
        }
        let missing: Vec<&String> =
            recipe.tags.iter().filter(|tag| present(tag, &digest) == Present::Missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let replaced: BTreeSet<String> = missing.iter().filter_map(|tag| image_id(tag)).collect();
        let source = match recipe.tags.iter().find(|tag| present(tag, &digest) == Present::Current) {
            Some(tag) => tag.clone(),
            None => {
                let begun = Instant::now();
                self.build(recipe, recipes, first, &digest)?;
                self.check(recipe, first)?;
                let seconds = begun.elapsed().as_secs_f32();
                say(format!("{first}: stand-in built and checked in {seconds:.1} s"));
                first.clone()
            }
        };
        for tag in missing.into_iter().filter(|tag| **tag != source) {
            shell::run(Command::new("docker").args(["tag", &source, tag]))?;
        }
        let new = image_id(&source);
        for old in replaced.into_iter().filter(|old| new.as_ref() != Some(old)) {
            // One that is in use, or that others were built on, stays; disk is all that it costs.
            shell::succeeds(Command::new("docker").args(["rmi", &old]));
        }
        Ok(())
    }

    /// Whether the image is there after a pull, which is tried until the first one fails.
    fn pull(&mut self, tag: &str) -> Result<bool> {
        if self.pulls == Pulls::Fail || stand_in(tag) {
            return Ok(false);
        }
        let mut pull = Command::new("docker");
        pull.args(["pull", "--quiet", tag]);
        let pulled = if self.pulls == Pulls::Work {
            shell::succeeds(&mut pull)
        } else {
            shell::within(FIRST_PULL, &mut pull)?.is_some_and(|complaint| complaint.is_empty())
        };
        if pulled {
            self.pulls = Pulls::Work;
            say(format!("{tag}: pulled"));
        } else {
            self.pulls = Pulls::Fail;
            say("no registry gives base images; building stand-ins");
        }
        Ok(pulled)
    }

    fn build(&self, recipe: &Recipe, recipes: &[Recipe], tag: &str, digest: &str) -> Result<()> {
        say(format!("{tag}: building a stand-in"));
        let labels = [format!("{STAND_IN}=true"), format!("{RECIPE}={digest}")];
        if let Some(suite) = &recipe.bootstrap {
            return rootfs::import(suite, tag, &labels, &self.clients);
        }
        let base = |id: &str| -> Result<String> {
            recipe::find(recipes, id)?
                .tags
                .first()
                .cloned()
                .ok_or_else(|| Failure::new(format!("stand-in {id} has no tag")))
        };
        let mut args: Vec<(String, String)> = Vec::new();
        if let Some(on) = &recipe.on {
            args.push(("BASE".into(), base(on)?));
        }
        for (name, id) in &recipe.uses {
            args.push((name.clone(), base(id)?));
        }
        args.extend(recipe.args.iter().map(|(k, v)| (k.clone(), v.clone())));
        let mut build = Command::new("docker");
        // An engine's older client has the newer builder inside; a newer client has it as a plugin.
        let plugin = shell::succeeds(Command::new("docker").args(["buildx", "version"]));
        build.env("DOCKER_BUILDKIT", if plugin { "1" } else { "0" });
        build.args(["build", "--quiet", "--tag", tag]);
        for (name, value) in &args {
            build.args(["--build-arg", &format!("{name}={value}")]);
        }
        for label in &labels {
            build.args(["--label", label]);
        }
        build.arg(self.folder.join(&recipe.folder));
        shell::read(&mut build)?;
        // Not by the stand-ins' own label: a candidate's images inherit that one.
        let stages = format!("label={STAGE}=true");
        shell::read(Command::new("docker").args(["image", "prune", "--force", "--filter", &stages])).map(drop)
    }

    /// Runs the recipe's own check inside the image, without network.
    fn check(&self, recipe: &Recipe, tag: &str) -> Result<()> {
        let script = std::fs::read_to_string(self.folder.join(&recipe.folder).join("check.sh"))?;
        // As an argument: on stdin, a program in it that reads could swallow the rest of it.
        let status = Command::new("docker")
            .args(["run", "--rm", "--network", "none", "--entrypoint", "bash"])
            .args([tag, "-c", &script])
            .stdout(Stdio::null())
            .status()?;
        if status.success() {
            return Ok(());
        }
        // A tag that stays would be taken for a good image by the next run.
        shell::read(Command::new("docker").args(["rmi", "--force", tag]))?;
        Err(Failure::new(format!("the stand-in {tag} fails its own check"))
            .hint(format!("The check is {}/check.sh.", recipe.folder)))
    }

    /// What the image depends on: its own files, its arguments, what it stands on, this machine's
    /// trust store and package sources.
    fn digest(&self, recipe: &Recipe) -> Result<String> {
        let mut parts = vec![
            format!("{:?}", (&recipe.bootstrap, &recipe.args, &recipe.uses)),
            files(&self.folder.join(&recipe.folder))?,
        ];
        match &recipe.on {
            Some(on) => parts.push(self.digests.get(on).cloned().ok_or_else(|| {
                Failure::new(format!("stand-in {} comes before {on}, which it stands on", recipe.id))
            })?),
            None => parts.push(self.clients.digest()),
        }
        Ok(recipe::digest(&parts))
    }
}

fn files(folder: &Path) -> Result<String> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    let mut parts = Vec::new();
    for path in paths {
        // The name alone: where the checkout lies changes no image.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        parts.push(format!("{name}\n{}", std::fs::read_to_string(&path)?));
    }
    Ok(recipe::digest(&parts))
}

fn present(tag: &str, digest: &str) -> Present {
    let format = format!("{{{{index .Config.Labels {STAND_IN:?}}}}} {{{{index .Config.Labels {RECIPE:?}}}}}");
    match shell::read(Command::new("docker").args(["image", "inspect", "--format", &format, tag])) {
        Err(_) => Present::Missing,
        Ok(labels) => judge(&labels, digest),
    }
}

fn judge(labels: &str, digest: &str) -> Present {
    match labels.split_once(' ') {
        Some(("true", recipe)) if recipe == digest => Present::Current,
        Some(("true", _)) => Present::Missing,
        _ => Present::Genuine,
    }
}

fn image_id(tag: &str) -> Option<String> {
    shell::read(Command::new("docker").args(["image", "inspect", "--format", "{{.Id}}", tag])).ok()
}

fn stand_in(tag: &str) -> bool {
    present(tag, "") == Present::Missing && shell::succeeds(Command::new("docker").args(["image", "inspect", tag]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_outdated_image_is_built_anew() {
        assert_eq!(judge("true abc", "abc"), Present::Current);
        assert_eq!(judge("true old", "abc"), Present::Missing);
        assert_eq!(judge("<no value> <no value>", "abc"), Present::Genuine);
        assert_eq!(judge("", "abc"), Present::Genuine);
    }
}
