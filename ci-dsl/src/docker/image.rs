//! Images on an engine.

use bollard::errors::Error as ApiError;
use bollard::query_parameters::RemoveImageOptions;
use ci_core::OpError;
use serde::{Deserialize, Serialize};

use super::client::Docker;
use super::reference::{ImageId, Reference};

/// An image that an engine has.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Image {
    /// Names it on every engine that has it.
    pub id: ImageId,
    /// What it runs on, as images name it: `amd64`, `arm64`.
    pub architecture: String,
}

/// What a name stands for on this engine now; `None` if for nothing.
///
/// # Errors
///
/// When the engine can't be asked.
pub async fn inspect(docker: &Docker, name: &Reference) -> Result<Option<Image>, OpError> {
    let found = raw(docker, name.to_string()).await?;
    found.map(|image| read(&image)).transpose()
}

/// Whether the engine has this image, under any name or none.
///
/// # Errors
///
/// When the engine can't be asked.
pub async fn exists(docker: &Docker, id: &ImageId) -> Result<bool, OpError> {
    Ok(raw(docker, id.to_string()).await?.is_some())
}

/// Takes a name away; the image goes with its last name, if no container uses it. A name that stands for nothing is
/// no error.
///
/// # Errors
///
/// When the engine does not do it.
pub async fn untag(docker: &Docker, name: &Reference) -> Result<(), OpError> {
    let text = name.to_string();
    docker
        .call(format!("untag {text}"), |engine| async move {
            // Without `noprune` the engine also removes untagged parents: those may be somebody else's.
            let options = RemoveImageOptions { noprune: true, ..Default::default() };
            match engine.remove_image(&text, Some(options), None).await {
                Ok(_) | Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
        .await
}

pub(super) async fn raw(
    docker: &Docker,
    name: String,
) -> Result<Option<bollard::models::ImageInspect>, OpError> {
    docker
        .call(format!("inspect image {name}"), |engine| async move {
            match engine.inspect_image(&name).await {
                Ok(image) => Ok(Some(image)),
                Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
}

pub(super) fn read(image: &bollard::models::ImageInspect) -> Result<Image, OpError> {
    let unread = |what: &str| {
        OpError::infrastructure(format!("docker: the engine's answer names no {what} of the image"))
    };
    let id = image.id.as_deref().and_then(|id| id.parse().ok()).ok_or_else(|| unread("id"))?;
    let architecture =
        image.architecture.clone().filter(|a| !a.is_empty()).ok_or_else(|| unread("architecture"))?;
    Ok(Image { id, architecture })
}
