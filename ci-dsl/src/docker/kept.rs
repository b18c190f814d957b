//! Images that builds keep on an engine by their marks: `ci/<key>:latest`.
//!
//! A mark says which question an image answers, and whoever has the results knows which of them are still of use. Nothing
//! is told of an image that has another tag or a container: those who gave it either need it.

use std::collections::HashSet;

use bollard::models::ImageSummary;
use bollard::query_parameters::{ListContainersOptions, ListImagesOptions};
use ci_core::{Builder, KeyDigest, OpError, OpId};

use super::client::Docker;
use super::image::untag;
use super::op::build::Build;
use super::reference::{ImageId, Reference};

/// The operation whose keys are in marks.
pub const BUILD: OpId = <Build as Builder>::ID;

/// An image that nothing but the marks of builds keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptImage {
    /// What names it on its engine.
    pub id: ImageId,
    /// The keys of the builds that it is the result of, by their marks.
    pub keys: Vec<KeyDigest>,
    /// What it takes, bytes; other images may share some of it.
    pub bytes: u64,
    /// All its names: the marks, and those by which registries that it was pushed to know it.
    names: Vec<Reference>,
}

/// The mark of the result of a build.
pub(super) fn mark(key: &KeyDigest) -> String {
    format!("ci/{key}:latest")
}

/// The build whose mark it is, if it is one.
fn marked(name: &str) -> Option<KeyDigest> {
    name.strip_prefix("ci/")?.strip_suffix(":latest")?.parse().ok()
}

/// All images of an engine that nothing but marks keeps, whoever made those.
///
/// # Errors
///
/// When the engine can't be asked.
pub async fn kept(docker: &Docker) -> Result<Vec<KeptImage>, OpError> {
    // All of them: asked for those with a mark, the engine would leave out what other tags they have. And before the
    // containers: an image that gets its first in between is not seen as one without.
    let images = docker
        .call("list images", |engine| async move { engine.list_images(None::<ListImagesOptions>).await })
        .await?;
    let options = ListContainersOptions { all: true, ..Default::default() };
    let containers = docker
        .call("list containers", |engine| async move { engine.list_containers(Some(options)).await })
        .await?;
    let in_use: HashSet<String> = containers.into_iter().filter_map(|container| container.image_id).collect();
    Ok(images.into_iter().filter(|image| !in_use.contains(&image.id)).filter_map(only_marked).collect())
}

fn only_marked(image: ImageSummary) -> Option<KeptImage> {
    let keys: Vec<KeyDigest> = image.repo_tags.iter().filter_map(|tag| marked(tag)).collect();
    let tags = image.repo_tags.iter().filter(|tag| *tag != "<none>:<none>").count();
    if keys.is_empty() || keys.len() < tags {
        return None;
    }
    let digests = image.repo_digests.iter().filter(|name| *name != "<none>@<none>");
    let names = digests.chain(&image.repo_tags).filter_map(|name| name.parse().ok()).collect();
    Some(KeptImage {
        id: image.id.parse().ok()?,
        keys,
        bytes: u64::try_from(image.size).unwrap_or_default(),
        names,
    })
}

/// Takes an image's names away, and with them the image.
///
/// # Errors
///
/// When the engine does not do it: a container began to use the image. Some names may be gone then.
pub async fn let_go(docker: &Docker, image: &KeptImage) -> Result<(), OpError> {
    // Marks last: what is left half-way is found again.
    for name in &image.names {
        untag(docker, name).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn image(tags: &[&str], digests: &[&str]) -> ImageSummary {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        ImageSummary {
            id: ID.to_owned(),
            repo_tags: owned(tags),
            repo_digests: owned(digests),
            size: 7,
            ..Default::default()
        }
    }

    #[test]
    fn an_image_is_told_of_if_it_has_marks_and_no_other_tag() {
        let key = KeyDigest::of(&serde_json::json!("one"));
        let mark = mark(&key);
        let digest = format!("host/site@{ID}");
        let told = only_marked(image(&[&mark], &[&digest])).unwrap();
        assert_eq!((told.keys, told.bytes, told.names.len()), (vec![key], 7, 2));
        assert_eq!(told.names[1].to_string(), mark, "the mark goes last");
        for tags in [&[&mark, "mine:1"][..], &["mine:1"], &["ci/site:latest"], &["<none>:<none>"], &[]] {
            assert_eq!(only_marked(image(tags, &[])), None, "{tags:?}");
        }
        assert_eq!(marked(&format!("ci/{key}:1")), None);
        assert_eq!(marked(&format!("host/ci/{key}:latest")), None);
    }
}
