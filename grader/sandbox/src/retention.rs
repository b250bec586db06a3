//! Which images of ours stay on the engine between runs: a bounded number, those used last.
//!
//! Two sorts are kept: what was built from a submission, so that a regrade need not build it again, and the harness,
//! one image per grader binary. Using an image renews its tag, and the engine remembers when a tag was given last.

use std::time::{Duration, SystemTime};

use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions, TagImageOptions};
use futures_util::{StreamExt, stream};

use crate::errors::Doing;
use crate::labels::unix;
use crate::{Engine, SandboxError, labels};

/// How many kept images stay, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// An image that was not used for so long goes.
    pub unused_for: Duration,
    /// The most images built from submissions; those used longest ago go first.
    pub builds: usize,
    /// The most harness images.
    pub harnesses: usize,
}

impl Default for Retention {
    /// A week, 64 and 4.
    fn default() -> Self {
        Retention { unused_for: Duration::from_secs(7 * 24 * 3600), builds: 64, harnesses: 4 }
    }
}

/// An image that was used so lately may belong to a living run that has yet to make a container from it, so it stays
/// whatever else holds. No run may last so long.
const IN_USE: Duration = Duration::from_secs(3 * 3600);

/// Questions to the engine at a time.
const AT_ONCE: usize = 8;

/// Notes that a kept image is used now. `false` when it is not there.
pub(crate) async fn renew(engine: &Engine, name: &str) -> bool {
    let Some((repo, tag)) = name.rsplit_once(':') else { return false };
    let options = TagImageOptions { repo: Some(repo.to_owned()), tag: Some(tag.to_owned()) };
    engine.docker.tag_image(name, Some(options)).await.is_ok()
}

/// Removes kept images beyond what is to stay, and gives their names. One that a container stands on stays.
///
/// # Errors
/// When the engine cannot list images.
pub(crate) async fn prune(engine: &Engine, retention: &Retention) -> Result<Vec<String>, SandboxError> {
    let mut removed = prune_sort(engine, labels::BUILD, retention.builds, retention.unused_for).await?;
    removed.extend(prune_sort(engine, labels::HARNESS, retention.harnesses, retention.unused_for).await?);
    Ok(removed)
}

/// A kept image.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    /// Seconds since the epoch.
    used: i64,
    /// Its tags, or its id where it has lost them all.
    names: Vec<String>,
}

async fn prune_sort(engine: &Engine, label: &str, most: usize, unused: Duration) -> Result<Vec<String>, SandboxError> {
    let filters = Some(labels::filter(label, None));
    let options = ListImagesOptions { filters, ..ListImagesOptions::default() };
    let images = engine.docker.list_images(Some(options)).await.doing("list kept images")?;
    // An empty value says that it is none of this sort.
    let images = images.into_iter().filter(|image| image.labels.get(label).is_some_and(|value| !value.is_empty()));
    let kept: Vec<Kept> = stream::iter(images)
        .map(|image| async move {
            let seen = engine.docker.inspect_image(&image.id).await.ok();
            let tagged = seen.and_then(|image| image.metadata?.last_tag_time).map(|time| time.unix_timestamp());
            let names = if image.repo_tags.is_empty() { vec![image.id] } else { image.repo_tags };
            // An engine that never tagged it says the year 1.
            Kept { used: tagged.unwrap_or_default().max(image.created), names }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let now = i64::try_from(unix(SystemTime::now())).unwrap_or(i64::MAX);
    let mut removed = Vec::new();
    for name in surplus(kept, most, unused, now).into_iter().flat_map(|image| image.names) {
        // Without force the engine keeps what a container uses.
        if engine.docker.remove_image(&name, None::<RemoveImageOptions>, None).await.is_ok() {
            removed.push(name);
        }
    }
    Ok(removed)
}

/// Those that are to go, the one used longest ago first.
fn surplus(mut kept: Vec<Kept>, most: usize, unused: Duration, now: i64) -> Vec<Kept> {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    kept.sort_by_key(|image| std::cmp::Reverse(image.used));
    let goes = kept.into_iter().enumerate().filter(|(rank, image)| {
        let idle = now.saturating_sub(image.used);
        idle > seconds(IN_USE) && (*rank >= most || idle > seconds(unused))
    });
    let mut goes: Vec<Kept> = goes.map(|(_, image)| image).collect();
    goes.reverse();
    goes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn kept(hours: &[i64]) -> Vec<Kept> {
        hours.iter().map(|hours| Kept { used: -hours * HOUR, names: vec![hours.to_string()] }).collect()
    }

    fn gone(hours: &[i64], most: usize, unused: i64) -> Vec<String> {
        let unused = Duration::from_secs((unused * HOUR).unsigned_abs());
        surplus(kept(hours), most, unused, 0).into_iter().flat_map(|image| image.names).collect()
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        assert_eq!(gone(&[5, 30, 9, 20], 2, 100), ["30", "20"]);
        assert_eq!(gone(&[5, 30, 9, 20], 9, 15), ["30", "20"]);
        assert!(gone(&[5, 30, 9, 20], 4, 100).is_empty());
    }

    #[test]
    fn what_may_belong_to_a_living_run_stays() {
        assert!(gone(&[0, 1, 1, 3], 0, 0).is_empty());
        assert_eq!(gone(&[0, 1, 4], 0, 0), ["4"]);
    }
}
