//! `docker build`: an image from a Dockerfile and its context, by BuildKit.
//!
//! The context is a tar as it comes (made by `git archive`), sent while it is read: nothing of it is kept here. The
//! engine answers when it has read all of it, and may then be silent for as long as a step takes; so only the whole
//! build has a time limit. A build lives as long as its connection: dropping [`build`] stops its processes. There is
//! nothing to find again after a crash but the result, under the tag that the caller chose by the key.
//!
//! Secrets reach it through its session, and stay out of all that is kept: an argument that holds one is refused.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::future::pending;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::models::BuildInfoAux;
use bollard::query_parameters::BuildImageOptions;
use bytes::Bytes;
use ci_core::secret::{Secret, Secrets};
use ci_core::{FailureKind, Job, OpError};
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _};
use tracing::Instrument as _;

use self::progress::Progress;
use self::session::{Answers, Session, as_buildkit};
use super::client::{Docker, outside};
use super::credentials::Keyring;
use super::failure;
use super::image::{self, Image};
use super::reference::{ImageId, Reference};

mod frontend;
mod progress;
mod session;

/// What to build, and how far to go for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildOptions {
    /// The Dockerfile's path inside the context: `Dockerfile`.
    pub dockerfile: String,
    /// Build arguments. They stay readable in the image: one that holds a secret is refused.
    pub args: BTreeMap<String, String>,
    /// `linux/arm64`; `None` takes the engine's own.
    pub platform: Option<String>,
    /// The stage to stop at; `None` takes the last one.
    pub target: Option<String>,
    /// Ask the registry for a newer base image even if the engine has one.
    pub pull: bool,
    /// Run each step, whatever is cached.
    pub no_cache: bool,
    /// The name the result gets on the engine, by which it is found again.
    pub tag: Reference,
    /// The longest build, from the first byte of the context to the end.
    pub timeout: Duration,
}

impl BuildOptions {
    /// The time limit when nobody chose one.
    pub const TIMEOUT: Duration = Duration::from_secs(3600);

    /// The context's `Dockerfile`, without arguments, for the engine's own platform.
    pub fn new(tag: Reference) -> Self {
        Self {
            dockerfile: "Dockerfile".to_owned(),
            args: BTreeMap::new(),
            platform: None,
            target: None,
            pull: false,
            no_cache: false,
            tag,
            timeout: Self::TIMEOUT,
        }
    }

    /// Checks what can be known without the engine. `dockerfile` is its text, if the caller has it.
    fn check(&self, dockerfile: Option<&str>) -> Result<(), OpError> {
        let path = Path::new(&self.dockerfile);
        let is_inside =
            path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if self.dockerfile.is_empty() || !is_inside || self.dockerfile.contains('\0') {
            return Err(OpError::permanent(format!(
                "docker build: {:?} is no path inside the context",
                self.dockerfile
            ))
            .with_hint("name the Dockerfile from the repository's root: `docker/Dockerfile`"));
        }
        if let Some(name) = self.args.keys().find(|name| !is_arg_name(name)) {
            return Err(OpError::permanent(format!(
                "docker build: {name:?} can't be the name of a build argument"
            ))
            .with_hint("use letters, digits and '_', beginning with none of the digits"));
        }
        if self.tag.digest().is_some() {
            return Err(OpError::permanent(format!("docker build: the result can't be named {}", self.tag))
                .with_hint("leave out what follows the '@'"));
        }
        frontend::check(dockerfile, self.args.keys().map(String::as_str))
    }
}

/// What a build is told that nothing tells on: neither the image and its history nor the log.
#[derive(Clone, Default)]
pub struct Confided {
    /// What private base images need.
    pub keyring: Keyring,
    /// What steps may mount, by id. One that mounts another fails.
    pub secrets: BTreeMap<String, Secret>,
}

impl Confided {
    fn check(&self) -> Result<(), OpError> {
        let is_sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        match self.secrets.keys().find(|id| id.is_empty() || !id.bytes().all(is_sound)) {
            Some(id) => Err(OpError::permanent(format!("docker build: {id:?} can't be the id of a secret"))
                .with_hint("use letters, digits, '.', '_' and '-'")),
            None => Ok(()),
        }
    }
}

/// Refuses build arguments that hold one of these: they stay in the image.
pub(super) fn check_args(args: &BTreeMap<String, String>, secrets: &Secrets) -> Result<(), OpError> {
    match args.iter().find(|(_, value)| secrets.text(value) != value.as_str()) {
        Some((name, _)) => Err(OpError::permanent(format!(
            "docker build: the build argument {name} holds a secret, and arguments stay in the image"
        ))
        .with_hint(
            "give the build the secret itself, by `.secret(\"id\", \"name\")`, and let the step that needs it mount it: \
             `RUN --mount=type=secret,id=id`",
        )),
        None => Ok(()),
    }
}

fn is_arg_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Builds, with the steps and their output in the job's log as they come.
///
/// `dockerfile` is the Dockerfile's text if the caller has it: one that selects a frontend of its own (`# syntax=`)
/// is refused. `context` is a tar; an error in it ends the build and is told as the context's.
///
/// # Errors
///
/// [`FailureKind::Permanent`] when a step fails: the message names the step and the exit code, followed by the last
/// lines of its output. When the job is cancelled, as [`Job::cancellable`].
pub async fn build(
    docker: &Docker,
    job: &Job,
    options: &BuildOptions,
    dockerfile: Option<&str>,
    context: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
    confided: &Confided,
) -> Result<Image, OpError> {
    let secrets = job.log().secrets();
    options.check(dockerfile)?;
    confided.check()?;
    check_args(&options.args, secrets)?;
    let what = format!("build {}", options.tag);
    let context_failed = Arc::new(OnceLock::new());
    let seen = Arc::clone(&context_failed);
    let context = context.inspect_err(move |error| {
        // Only the first one counts: sending stops there.
        seen.get_or_init(|| error.to_string());
    });
    let mut progress = Progress::masking(secrets);
    // Two sessions of one name on one engine would serve each other's requests.
    let id = format!("ci-{}-{:016x}", job.id().as_str().replace('/', "-"), RandomState::new().hash_one(0));
    let session = job.cancellable(Session::open(docker, &id, confided)).await?;
    let answers = session.answers().clone();
    let steps = async {
        let engine = docker.engine().await?.with_timeout(options.timeout).with_request_modifier(as_buildkit);
        let body = bollard::body_try_stream(context);
        let mut steps = engine.build_image(for_engine(options, id), None, Some(body));
        while let Some(step) = steps.next().await {
            if let Some(BuildInfoAux::BuildKit(status)) = step?.aux {
                job.write(&progress.on(&status));
            }
        }
        Ok::<(), ApiError>(())
    };
    let answered = async {
        tokio::select! {
            ended = steps => ended,
            never = session.serve().then(|()| pending()) => never,
        }
    };
    let limited = tokio::time::timeout(options.timeout, answered.instrument(outside(&what)));
    let ended = job.cancellable(async { Ok(limited.await) }).await;
    job.write(progress.end_of_line());
    match ended? {
        Ok(Ok(())) => {}
        Ok(Err(_)) if let Some(cause) = context_failed.get() => {
            let cause = failure::shortened(cause);
            return Err(OpError::transient(format!("docker build: the context can't be read: {cause}")));
        }
        Ok(Err(error)) => {
            let failure = told(docker, &what, &progress, &answers, masked(error, secrets));
            // An engine that is being stopped fails a step in any way; by then it lets nobody in any more.
            if failure.kind() == FailureKind::Permanent {
                Docker::new(docker.context(), docker.host().clone()).ping().await?;
            }
            return Err(failure);
        }
        Err(_) => return Err(timed_out(options, &progress)),
    }
    let built = image::inspect(docker, &options.tag).await?;
    let built = built.ok_or_else(|| {
        OpError::transient(format!("docker {what}: the result was removed as soon as it was there"))
    })?;
    job.say(format_args!("Built {} ({})", built.id, built.architecture));
    Ok(built)
}

/// Whether a result of [`build`] can still be used: its tag stands for the same image.
///
/// # Errors
///
/// When the engine can't be asked.
pub async fn is_valid(docker: &Docker, tag: &Reference, id: &ImageId) -> Result<bool, OpError> {
    Ok(image::inspect(docker, tag).await?.is_some_and(|image| image.id == *id))
}

fn for_engine(options: &BuildOptions, session: String) -> BuildImageOptions {
    let args: HashMap<_, _> = options.args.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    BuildImageOptions {
        dockerfile: options.dockerfile.clone(),
        t: Some(options.tag.to_string()),
        nocache: options.no_cache,
        pull: options.pull.then(|| "true".to_owned()),
        rm: true,
        forcerm: true,
        buildargs: Some(args),
        platform: options.platform.clone().unwrap_or_default(),
        target: options.target.clone().unwrap_or_default(),
        session: Some(session),
        ..Default::default()
    }
}

/// Before anything is cut off it: nobody would know the rest of a secret.
fn masked(error: ApiError, secrets: &Secrets) -> ApiError {
    match error {
        ApiError::DockerStreamError { error } => {
            ApiError::DockerStreamError { error: secrets.text(&error).into_owned() }
        }
        other => other,
    }
}

/// What a failed build means. Only a step's own words decide when there are some: the engine's error repeats the
/// Dockerfile's text, which may say anything.
fn told(docker: &Docker, what: &str, progress: &Progress, answers: &Answers, error: ApiError) -> OpError {
    if !matches!(error, ApiError::DockerStreamError { .. }) {
        return docker.failure(what, error);
    }
    if let Some(id) = answers.refused() {
        let id = failure::shortened(id);
        return OpError::permanent(format!(
            "docker build: a step mounts the secret {id:?}, which the build is not given"
        ))
        .with_hint(format!(
            "add `.secret({id:?}, …)` to the Dockerfile's entry, with the name of one of the engine's"
        ))
        .with_source(error);
    }
    match progress.failed_step() {
        Some(step) => {
            let (kind, hint) = match step.exit_code() {
                Some(_) => (FailureKind::Permanent, None),
                None => failure::of_text(step.error()).unwrap_or((FailureKind::Permanent, None)),
            };
            let failure = OpError::new(kind, format!("docker build: {step}")).with_source(error);
            hint.into_iter().fold(failure, OpError::with_hint)
        }
        None => docker.failure(what, error),
    }
}

fn timed_out(options: &BuildOptions, progress: &Progress) -> OpError {
    struct At<'a>(Option<&'a str>);
    impl fmt::Display for At<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.map_or(Ok(()), |step| write!(f, ", at step {step}"))
        }
    }
    let at = progress.running_step();
    let limit = options.timeout.as_secs();
    OpError::permanent(format!("docker build: timed out after {limit} s{}", At(at.as_deref())))
        .with_hint("give the build more time, or find out what it waits for")
}
