//! `docker tag`: give an image another name on its engine.

use bollard::query_parameters::TagImageOptions;
use ci_core::OpError;

use super::client::Docker;
use super::reference::{ImageId, Reference};

/// Makes `name` stand for `image` on this engine, and for nothing else from now on. Its tag is `latest` when the
/// name has none.
///
/// # Errors
///
/// [`ci_core::FailureKind::Permanent`] when the engine has no such image, or `name` holds a digest; others when the
/// engine can't be asked.
pub async fn tag(docker: &Docker, image: &ImageId, name: &Reference) -> Result<(), OpError> {
    if name.digest().is_some() {
        return Err(OpError::permanent(format!(
            "docker tag: {name} holds a digest, which nobody can choose"
        ))
        .with_hint("leave out what follows the '@'"));
    }
    let options = TagImageOptions {
        repo: Some(name.repository().to_string()),
        tag: Some(name.tag().unwrap_or("latest").to_owned()),
    };
    docker
        .call(
            format!("tag {name}"),
            |engine| async move { engine.tag_image(image.as_str(), Some(options)).await },
        )
        .await
}
