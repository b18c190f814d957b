//! Having the image on the target before anything is touched.

use ci_core::{Job, OpError};
use serde_json::Value;

use super::{UpdateOptions, image};
use crate::docker::api::{Api, ApiError};

/// Pulls `image` unless the engine has it, and looks that it is there.
pub(super) async fn pull(api: &Api, job: &Job, image: &str, options: &UpdateOptions) -> Result<(), OpError> {
    let wanted = image::untagged(image);
    let there = format!("/images/{wanted}/json");
    match api.get(&there, &[]).await {
        Ok(_) => return Ok(()),
        Err(ApiError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    job.say(format_args!("pulling {wanted}"));
    let mut told = None;
    let line = |value: Value| {
        if let Some(error) = value.get("error").and_then(Value::as_str) {
            told = Some(error.to_owned());
        }
    };
    let auth = options.registry_auth.as_ref();
    let pulled = api.post_lines("/images/create", &[("fromImage", &wanted)], auth, line).await;
    if let Some(said) = told {
        return Err(refused(&wanted, &said));
    }
    match pulled {
        Ok(()) => {}
        Err(ApiError::NotFound(said)) => return Err(missing(&wanted, &said)),
        Err(ApiError::Refused { message, .. }) => return Err(refused(&wanted, &message)),
        Err(error) => return Err(error.into()),
    }
    match api.get(&there, &[]).await {
        Ok(_) => Ok(()),
        Err(ApiError::NotFound(_)) => {
            Err(OpError::infrastructure(format!("{wanted} was pulled, but the engine does not have it")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The engine passes on what the registry said, as text only.
fn refused(image: &str, said: &str) -> OpError {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&["manifest unknown", "not found", "name unknown"]) {
        missing(image, said)
    } else if says(&["unauthorized", "denied", "no basic auth credentials"]) {
        OpError::permanent(format!("{image} can't be pulled: {said}; nothing was changed"))
            .with_hint("give the deployer credentials for this registry")
    } else {
        OpError::infrastructure(format!("{image} can't be pulled: {said}; nothing was changed"))
    }
}

fn missing(image: &str, said: &str) -> OpError {
    OpError::permanent(format!("{image} is not in its registry: {said}; nothing was changed"))
        .with_hint("push it, or deploy a digest that is there")
}
