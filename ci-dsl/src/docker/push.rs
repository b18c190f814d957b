//! `docker push`, `docker pull` and what a registry holds.
//!
//! What the engine says while it pushes is for people. That a push is done is read back: the registry, asked by the
//! engine, holds the tag, and the digest it holds is one that the engine knows to be this image.

use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::query_parameters::{CreateImageOptions, PushImageOptions};
use ci_core::{FailureKind, Job, OpError};
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
/// [`ci_core::FailureKind::Permanent`] when the image is not there, or the registry takes no such name;
/// [`ci_core::FailureKind::Infrastructure`] when the registry can't be reached, hangs or refuses, which says nothing
/// about the image; [`ci_core::FailureKind::Transient`] when somebody else moved the tag or removed the image at the same
/// time, or it is not done after [`TRANSFER_TIMEOUT`]. A push that failed may have moved the tag.
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
        while let Some(step) = heard(docker, steps.next()).await? {
            log.step(None, step.status.as_deref(), step.progress_detail.as_ref());
        }
        Ok(())
    };
    bounded(docker, job, &what, transfer).await.map_err(of_registry)?;
    let pinned = asked_again(|| resolve(docker, name, credentials)).await.map_err(of_registry)?;
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

/// How often a registry is asked what it holds when something was just pushed to it. One that writes a tag in two steps can't
/// read it in between, while another pushes.
const READ_BACK_TRIES: u32 = 4;
/// How long it is from one time to the next.
const READ_BACK_PAUSE: Duration = Duration::from_millis(700);

/// The first answer that is none of these errors that may pass within a moment, or the last.
async fn asked_again<T, F>(mut ask: impl FnMut() -> F) -> Result<T, OpError>
where
    F: Future<Output = Result<T, OpError>>,
{
    for _ in 1..READ_BACK_TRIES {
        match ask().await {
            // Also what is told for good elsewhere: a tag that is half written may look like none.
            Err(error) if error.kind() != FailureKind::Cancelled => tracing::debug!(%error, "asking again"),
            answer => return answer,
        }
        tokio::time::sleep(READ_BACK_PAUSE).await;
    }
    ask().await
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

/// As [`resolve`]; `None` when the registry has no such tag.
///
/// # Errors
///
/// When the registry can't be asked, or refuses to tell.
pub async fn held(
    docker: &Docker,
    name: &Reference,
    credentials: Option<&Credentials>,
) -> Result<Option<Pinned>, OpError> {
    match resolve(docker, name, credentials).await {
        Ok(held) => Ok(Some(held)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The registry said that there is none.
fn is_absent(error: &OpError) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<ApiError>());
    matches!(cause, Some(ApiError::DockerResponseServerError { status_code: 404, .. }))
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
        while let Some(step) = heard(docker, steps.next()).await? {
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

/// Why a transfer ended early.
enum Cut {
    /// The engine said so.
    Told(bollard::errors::Error),
    /// Nothing was heard for so long.
    Silent(Duration),
}

impl From<bollard::errors::Error> for Cut {
    fn from(error: bollard::errors::Error) -> Self {
        Self::Told(error)
    }
}

/// The next step of a transfer, unless it stays silent too long.
async fn heard<S>(
    docker: &Docker,
    next: impl Future<Output = Option<Result<S, bollard::errors::Error>>>,
) -> Result<Option<S>, Cut> {
    let silence_max = docker.silence_max();
    match tokio::time::timeout(silence_max, next).await {
        Ok(step) => Ok(step.transpose()?),
        Err(_) => Err(Cut::Silent(silence_max)),
    }
}

/// What a registry does to a push says nothing about the image: it is waited for. But for a name that no registry will
/// ever take; and a push that takes too long is not tried for ever.
fn of_registry(error: OpError) -> OpError {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<ApiError>());
    let Some(cause) = cause else { return error };
    if is_bad_name(cause) {
        return OpError::permanent(error.message())
            .with_hint("the registry takes no such name: change the entry's image")
            .with_source(error);
    }
    if !matches!(error.kind(), FailureKind::Transient | FailureKind::Permanent) {
        return error;
    }
    let hint =
        error.hint().unwrap_or("see that the registry runs and takes images; work goes on by itself then");
    let hint = hint.to_owned();
    OpError::infrastructure(error.message()).with_hint(hint).with_source(error)
}

/// The engine or the registry said that the name is none.
fn is_bad_name(cause: &ApiError) -> bool {
    let (is_400, said) = match cause {
        ApiError::DockerResponseServerError { status_code, message } => (*status_code == 400, message),
        ApiError::DockerStreamError { error } => (false, error),
        _ => return false,
    };
    let said = said.to_ascii_lowercase();
    let words = ["invalid reference", "invalid repository name", "name invalid: ", "http status: 400"];
    is_400 || words.iter().any(|words| said.contains(words))
}

async fn bounded(
    docker: &Docker,
    job: &Job,
    what: &str,
    transfer: impl Future<Output = Result<(), Cut>>,
) -> Result<(), OpError> {
    let bounded = async {
        match tokio::time::timeout(TRANSFER_TIMEOUT, transfer).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Cut::Told(error))) => Err(docker.failure(what, error)),
            Ok(Err(Cut::Silent(limit))) => Err(OpError::infrastructure(format!(
                "docker {what}: the registry hangs: nothing was heard of it for {limit:?}"
            ))
            .with_hint("see that the registry answers; work goes on by itself then")),
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
    let found = image::raw(docker, image.to_string()).await?.ok_or_else(|| {
        OpError::transient(format!("docker push: the image {image} was removed from the engine meanwhile"))
            .with_hint("see what prunes images there; it is built again when it is gone")
    })?;
    let known = found.repo_digests.unwrap_or_default();
    Ok(known.iter().filter_map(|known| known.parse().ok()).collect())
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;
    use crate::docker::client::DockerHost;
    use crate::docker::failure;

    #[tokio::test(start_paused = true)]
    async fn a_registry_is_asked_again_for_two_seconds() {
        let (mut asked, begun) = (0, tokio::time::Instant::now());
        let torn = || OpError::infrastructure("500 Internal Server Error");
        let answer = asked_again(|| {
            asked += 1;
            ready(if asked < READ_BACK_TRIES { Err(torn()) } else { Ok(asked) })
        });
        assert_eq!(answer.await.unwrap(), READ_BACK_TRIES);
        let never = asked_again(|| ready(Err::<(), _>(torn()))).await;
        assert_eq!(never.unwrap_err().kind(), FailureKind::Infrastructure);
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_registry_is_waited_for_unless_it_will_never_take_the_name() {
        use FailureKind::{Infrastructure, Permanent, Transient};
        let answer = |status_code, message: &str| ApiError::DockerResponseServerError {
            status_code,
            message: message.to_owned(),
        };
        let stream = |error: &str| ApiError::DockerStreamError { error: error.to_owned() };
        for (cause, expected) in [
            (answer(400, "invalid reference format"), Permanent),
            (answer(500, "invalid reference format: repository name must be lowercase"), Permanent),
            (stream("name invalid: invalid repository name"), Permanent),
            (stream("received unexpected HTTP status: 400 Bad Request"), Permanent),
            (stream("denied: requested access to the resource is denied"), Infrastructure),
            (answer(403, "forbidden"), Infrastructure),
            (answer(404, "manifest unknown: manifest unknown"), Infrastructure),
            (stream("received unexpected HTTP status: 503 Service Unavailable"), Infrastructure),
            (stream("dial tcp 127.0.0.1:1: connect: connection refused"), Infrastructure),
        ] {
            let said = cause.to_string();
            let error = failure::of_call(&DockerHost::Tcp("h:1".into()), "push x", cause);
            assert_eq!(of_registry(error).kind(), expected, "{said}");
        }
        let late = OpError::transient("docker push x: not done after 3600 s");
        assert_eq!(of_registry(late).kind(), Transient);
    }
}
