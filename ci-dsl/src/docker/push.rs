//! `docker push`, `docker pull` and what a registry holds.
//!
//! What the engine says while it pushes is for people. That a push is done is read back: the registry, asked by the
//! engine, holds the tag, and the digest it holds is one that the engine knows to be this image.

use std::time::Duration;

use bollard::query_parameters::{CreateImageOptions, PushImageOptions};
use ci_core::{Job, OpError};
use futures::StreamExt as _;
use tracing::Instrument as _;

use super::client::{Docker, outside};
use super::credentials::Credentials;
use super::image::{self, Image};
use super::progress::TransferLog;
use super::reference::{Digest, ImageId, Pinned, Reference};
use super::tag::tag;

/// The longest push or pull.
pub const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3600);

/// Makes `name` stand for `image` in its registry, and says by which digest it can be had there. On the engine
/// `name` stands for the image from then on, too.
///
/// # Errors
///
/// [`ci_core::FailureKind::Permanent`] when the registry refuses or the image is not there;
/// [`ci_core::FailureKind::Transient`] when it may work in a moment, among them that somebody else moved the tag at
/// the same time. A push that failed may have moved the tag.
pub async fn push(
    docker: &Docker,
    job: &Job,
    image: &ImageId,
    name: &Reference,
    credentials: Option<&Credentials>,
) -> Result<Pinned, OpError> {
    tag(docker, image, name).await?;
    let what = format!("push {name}");
    let options =
        PushImageOptions { tag: Some(name.tag().unwrap_or("latest").to_owned()), ..Default::default() };
    let credentials_for_engine = credentials.map(|c| c.for_engine(name.repository().registry()));
    let transfer = async {
        let engine = docker.engine().await?.with_timeout(TRANSFER_TIMEOUT);
        let repository = name.repository().to_string();
        let mut steps = engine.push_image(&repository, Some(options), credentials_for_engine);
        let mut log = TransferLog::new(job);
        while let Some(step) = steps.next().await {
            let step = step?;
            log.step(None, step.status.as_deref(), step.progress_detail.as_ref());
        }
        Ok(())
    };
    bounded(docker, job, &what, transfer).await?;
    let pinned = resolve(docker, name, credentials).await?;
    if !known_digests(docker, image).await?.contains(&pinned) {
        return Err(OpError::transient(format!(
            "docker {what}: the registry holds {} now, another image",
            pinned.digest()
        ))
        .with_hint("somebody else pushes to this tag"));
    }
    job.say(format_args!("Pushed {name} as {pinned}"));
    Ok(pinned)
}

/// What `name` stands for in its registry now, as the engine sees it. Nothing is pulled.
///
/// # Errors
///
/// [`ci_core::FailureKind::Permanent`] when the registry has no such tag or refuses to tell.
pub async fn resolve(
    docker: &Docker,
    name: &Reference,
    credentials: Option<&Credentials>,
) -> Result<Pinned, OpError> {
    let credentials = credentials.map(|c| c.for_engine(name.repository().registry()));
    let held = docker
        .call(format!("resolve {name}"), |engine| async move {
            engine.inspect_registry_image(&name.to_string(), credentials).await
        })
        .await?;
    let digest = held.descriptor.digest.as_deref().and_then(|digest| digest.parse::<Digest>().ok());
    digest.map(|digest| name.pinned(digest)).ok_or_else(|| {
        OpError::infrastructure(format!("docker resolve {name}: the engine's answer holds no digest"))
    })
}

/// Brings an image to the engine. It has no tag there, only the pinned name.
///
/// # Errors
///
/// [`ci_core::FailureKind::Permanent`] when the registry does not have it or refuses.
pub async fn pull(
    docker: &Docker,
    job: &Job,
    pinned: &Pinned,
    credentials: Option<&Credentials>,
) -> Result<Image, OpError> {
    let what = format!("pull {pinned}");
    let options = CreateImageOptions {
        from_image: Some(pinned.repository().to_string()),
        tag: Some(pinned.digest().to_string()),
        ..Default::default()
    };
    let credentials = credentials.map(|c| c.for_engine(pinned.repository().registry()));
    let transfer = async {
        let engine = docker.engine().await?.with_timeout(TRANSFER_TIMEOUT);
        let mut steps = engine.create_image(Some(options), None, credentials);
        let mut log = TransferLog::new(job);
        while let Some(step) = steps.next().await {
            let step = step?;
            log.step(step.id.as_deref(), step.status.as_deref(), step.progress_detail.as_ref());
        }
        Ok(())
    };
    bounded(docker, job, &what, transfer).await?;
    let image = image::inspect(docker, &pinned.clone().into()).await?;
    image.ok_or_else(|| {
        OpError::transient(format!("docker {what}: it was removed from the engine as soon as it was there"))
    })
}

async fn bounded(
    docker: &Docker,
    job: &Job,
    what: &str,
    transfer: impl Future<Output = Result<(), bollard::errors::Error>>,
) -> Result<(), OpError> {
    let bounded = async {
        match tokio::time::timeout(TRANSFER_TIMEOUT, transfer).await {
            Ok(result) => result.map_err(|error| docker.failure(what, error)),
            Err(_) => {
                let limit = TRANSFER_TIMEOUT.as_secs();
                Err(OpError::transient(format!("docker {what}: not done after {limit} s")))
            }
        }
    };
    job.cancellable(bounded.instrument(outside(what))).await
}

/// Every digest by which the engine knows the image to be in a registry.
async fn known_digests(docker: &Docker, image: &ImageId) -> Result<Vec<Pinned>, OpError> {
    let found = image::raw(docker, image.to_string()).await?;
    let known = found.and_then(|image| image.repo_digests).unwrap_or_default();
    Ok(known.iter().filter_map(|known| known.parse().ok()).collect())
}
