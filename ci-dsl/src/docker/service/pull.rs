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
        // What is not there, and also what the registry gives to nobody without a login.
        Err(ApiError::NotFound(said)) if !is_denied(&said) => return Err(missing(&wanted, &said)),
        Err(ApiError::NotFound(said)) => return Err(refused(&wanted, &said)),
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

/// The engine passes on what the registry said, as text only. A denial comes first: Engine 20.10 tells it as something
/// that is not found.
fn refused(image: &str, said: &str) -> OpError {
    if is_denied(said) {
        OpError::infrastructure(format!("{image} can't be pulled: {said}; nothing was changed"))
            .with_hint("let the registry give it without a login; it goes on by itself then")
    } else if ["manifest unknown", "not found", "name unknown"].iter().any(|words| said.contains(words)) {
        missing(image, said)
    } else {
        OpError::infrastructure(format!("{image} can't be pulled: {said}; nothing was changed"))
    }
}

/// The registry wants to know who asks. A repository's name can't hold these words.
fn is_denied(said: &str) -> bool {
    [
        "unauthorized: ",
        "unauthorized to ",
        "denied: ",
        "access denied",
        "is denied",
        "no basic auth credentials",
    ]
    .iter()
    .any(|words| said.contains(words))
}

fn missing(image: &str, said: &str) -> OpError {
    OpError::permanent(format!("{image} is not in its registry: {said}; nothing was changed"))
        .with_hint("push it, or deploy a digest that is there")
}

#[cfg(test)]
mod tests {
    use ci_core::FailureKind;

    use super::*;

    #[test]
    fn what_is_denied_is_waited_for_and_what_is_missing_is_not() {
        let denied = "pull access denied for h/app, repository does not exist or may require 'docker login': denied: \
                      requested access to the resource is denied";
        for said in [
            denied,
            "Head \"https://h/v2/app/manifests/live\": unauthorized: authentication required",
            "unauthorized to access repository: app, action: pull: not found",
            "Get \"https://h/v2/app\": no basic auth credentials",
        ] {
            let error = refused("h/app", said);
            assert!(is_denied(said), "{said}");
            assert_eq!(error.kind(), FailureKind::Infrastructure, "{said}");
            assert!(error.hint().is_some_and(|hint| hint.contains("login")), "{said}");
        }
        for said in [
            "manifest for h/denied@sha256:1 not found: manifest unknown: manifest unknown",
            "name unknown: repository unauthorized not known to registry",
        ] {
            assert!(!is_denied(said), "{said}");
            assert_eq!(refused("h/denied", said).kind(), FailureKind::Permanent, "{said}");
        }
        let error = refused("h/app", "connection refused");
        assert_eq!((error.kind(), error.hint()), (FailureKind::Infrastructure, None));
    }
}
