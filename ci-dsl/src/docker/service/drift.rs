//! Whether a service is still as it was left.

use ci_core::OpError;

use super::{image, state};
use crate::docker::api::{Api, ApiError};

/// What somebody made of the service `name` since it was left running `image`; `None`: nothing that matters. People are
/// told of it as `shown`.
///
/// # Errors
///
/// When the engine can't be asked now.
pub async fn drift(api: &Api, name: &str, shown: &str, image: &str) -> Result<Option<OpError>, OpError> {
    let service = match state::by_name(api, name).await {
        Ok(Some(service)) => service,
        Ok(None) => {
            return Ok(Some(
                OpError::permanent(format!("service {shown} is gone: somebody removed it"))
                    .with_hint("rebuild its job, or push a commit: then it is a service that is missing"),
            ));
        }
        Err(error @ ApiError::NotManager) => return Ok(Some(error.into())),
        Err(error) => return Err(error.into()),
    };
    if !image::same(&service.image, image) {
        return Ok(Some(
            OpError::permanent(format!(
                "service {shown} was changed by hand: it is set to {}, not to {image}",
                service.image
            ))
            .with_hint("it is left so until the next commit; rebuild its job to set it back now"),
        ));
    }
    Ok(service.check_watchable().err())
}
