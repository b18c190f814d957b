//! Operations as the real ones are made: each says what it needs to find its work again, and reads the world before it
//! does anything twice.

use ci_core::current::{build_with, publish_at};
use ci_core::job::LogReader;
use ci_core::{Bind, Bindings, Builder, Current, DEFAULT, Job, Level, OpError, OpId, Publisher, Unbound};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::targets::{Held, Targets};
use crate::support::{Name, brisk};

/// What work prints: each line once in its log, whoever reads it.
pub(super) const PRINTED: [&str; 3] = ["> one\n", "> two\n", "> three\n"];

macro_rules! bound_to_targets {
    ($($operation:ident),*) => {$(
        impl Bind for $operation {
            fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
                Targets::bind(bindings, on).map(Self)
            }
        }
    )*};
}

bound_to_targets!(Build, Push, Serve, Collect);

/// Builds an image under a tag that its key decides. It is found again if the tag stands for another image than before.
struct Build(Targets);

impl Builder for Build {
    const ID: OpId = OpId::new("build");
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = Name;

    fn level(&self, _: &Name) -> Level {
        Level::Average
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        if self.0.refuses_to_renew(job.id()) {
            return Err(OpError::permanent("the base image is gone"));
        }
        let before = self.0.held().images.get(&key.0).copied().unwrap_or_default();
        job.note(&before).await?;
        let build = |held: &mut Held| _ = held.images.insert(key.0.clone(), before + 1);
        self.0.touch(&format!("build {key}"), build).await;
        Ok(image(key))
    }

    async fn resume(&self, _: &Job, key: &Name, noted: Option<Json>) -> Result<Option<Name>, OpError> {
        let before = noted.and_then(|noted| noted.as_u64());
        self.0.point(&format!("looking for {key}")).await;
        let now = self.0.held().images.get(&key.0).copied().map(u64::from);
        Ok((before.is_some_and(|before| Some(before) < now)).then(|| image(key)))
    }
}

fn image(key: &Name) -> Name {
    Name(format!("<{key}>"))
}

/// Pushes an image to a tag, and reads the tag back.
struct Push(Targets);

impl Publisher for Push {
    const ID: OpId = OpId::new("push");
    type Key = Name;
    type Value = Name;
    type Outcome = Name;

    fn level(&self, _: &Name) -> Level {
        Level::AboveAverage
    }

    async fn publish(&self, job: &Job, key: &Name, value: &Name) -> Result<Name, OpError> {
        job.note(&"pushing").await?;
        let push = |held: &mut Held| held.registry.entry(key.0.clone()).or_default().push(value.0.clone());
        self.0.touch(&format!("push {value} to {key}"), push).await;
        Ok(Name(format!("{key}@{value}")))
    }

    async fn resume(
        &self,
        _: &Job,
        key: &Name,
        value: &Name,
        noted: Option<Json>,
    ) -> Result<Option<Name>, OpError> {
        if noted.is_none() {
            return Ok(None);
        }
        self.0.point(&format!("looking at {key}")).await;
        let is_there = self.0.held().registry.get(&key.0).is_some_and(|all| all.last() == Some(&value.0));
        Ok(is_there.then(|| Name(format!("{key}@{value}"))))
    }
}

/// Updates a service: by the version that it read, so that no update is written twice; then it watches.
struct Serve(Targets);

#[derive(Serialize, Deserialize)]
enum Update {
    Posting { version: usize },
    Posted,
}

impl Publisher for Serve {
    const ID: OpId = OpId::new("serve");
    type Key = Name;
    type Value = Name;
    type Outcome = String;

    fn level(&self, _: &Name) -> Level {
        Level::Dangerous
    }

    async fn publish(&self, job: &Job, key: &Name, value: &Name) -> Result<String, OpError> {
        self.0.point(&format!("before: read {key}")).await;
        let version = self.0.held().service.len();
        self.post(job, key, value, version).await
    }

    async fn resume(
        &self,
        job: &Job,
        key: &Name,
        value: &Name,
        noted: Option<Json>,
    ) -> Result<Option<String>, OpError> {
        let Some(noted) = noted else { return Ok(None) };
        self.0.point(&format!("reading {key} again")).await;
        let now = self.0.held().service.clone();
        match serde_json::from_value(noted).unwrap() {
            Update::Posting { version } if version == now.len() => {
                self.post(job, key, value, version).await.map(Some)
            }
            Update::Posting { version } if now.get(version) != Some(&value.0) => {
                Err(OpError::permanent("somebody else has updated it"))
            }
            Update::Posting { .. } => {
                job.note(&Update::Posted).await?;
                Ok(Some(self.watch(key, value).await))
            }
            Update::Posted => Ok(Some(self.watch(key, value).await)),
        }
    }
}

impl Serve {
    async fn post(&self, job: &Job, key: &Name, value: &Name, version: usize) -> Result<String, OpError> {
        job.note(&Update::Posting { version }).await?;
        let write = |held: &mut Held| {
            assert_eq!(held.service.len(), version, "the service has another version");
            held.service.push(value.0.clone());
        };
        self.0.touch(&format!("set {key} to {value}"), write).await;
        job.note(&Update::Posted).await?;
        Ok(self.watch(key, value).await)
    }

    /// Until it has stayed up for three looks.
    async fn watch(&self, key: &Name, value: &Name) -> String {
        for look in 1..=3 {
            self.0.point(&format!("look {look} at the task of {key}")).await;
        }
        format!("{key} runs {value}")
    }
}

/// Runs work in a container of its job, which prints, and leaves an artifact.
struct Collect(Targets);

#[derive(Serialize, Deserialize)]
enum Run {
    /// Its output begins in the log at this byte.
    Running {
        log_at: u64,
    },
    Ended,
}

impl Builder for Collect {
    const ID: OpId = OpId::new("collect");
    const AUTO_CANCEL: bool = true;
    type Key = Name;
    type Value = Name;

    fn level(&self, _: &Name) -> Level {
        Level::Average
    }

    async fn build(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        let begin = |held: &mut Held| {
            held.containers.insert(job.id().clone(), key.0.clone());
            *held.begun.entry(key.0.clone()).or_default() += 1;
        };
        self.0.touch(&format!("begin work on {key}"), begin).await;
        self.follow(job, key).await
    }

    async fn resume(&self, job: &Job, key: &Name, noted: Option<Json>) -> Result<Option<Name>, OpError> {
        self.0.point(&format!("looking for the container of {key}")).await;
        let is_there = self.0.held().containers.contains_key(job.id());
        match noted.map(|noted| serde_json::from_value(noted).unwrap()) {
            Some(Run::Ended) => {
                self.remove(job).await;
                Ok(Some(artifact(key)))
            }
            Some(Run::Running { log_at }) if is_there => self.attend(job, key, log_at).await.map(Some),
            None if is_there => self.follow(job, key).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn abandon(&self, job: &Job, _: &Name, _: Option<Json>) -> Result<(), OpError> {
        self.remove(job).await;
        Ok(())
    }
}

impl Collect {
    async fn follow(&self, job: &Job, key: &Name) -> Result<Name, OpError> {
        let log_at = log_len(job);
        if let Err(error) = job.note(&Run::Running { log_at }).await {
            // Nobody could find it again.
            self.remove(job).await;
            return Err(error);
        }
        self.attend(job, key, log_at).await
    }

    async fn attend(&self, job: &Job, key: &Name, log_at: u64) -> Result<Name, OpError> {
        let read = usize::try_from(log_len(job) - log_at).unwrap();
        let mut printed = 0;
        for line in PRINTED {
            if read <= printed {
                self.0.point(&format!("before: a line of {key} is logged")).await;
                job.write(line.as_bytes());
            }
            printed += line.len();
        }
        let is_stored = self.0.held().artifacts.contains_key(&key.0);
        if !is_stored {
            let store = |held: &mut Held| *held.artifacts.entry(key.0.clone()).or_default() += 1;
            self.0.touch(&format!("store the artifact of {key}"), store).await;
        }
        // First it is noted that it ended: without its container nobody could say so later.
        while job.note(&Run::Ended).await.is_err() {
            tokio::time::sleep(brisk().retry_min).await;
        }
        self.remove(job).await;
        Ok(artifact(key))
    }

    async fn remove(&self, job: &Job) {
        self.0.touch("remove the container", |held| _ = held.containers.remove(job.id())).await;
    }
}

fn artifact(key: &Name) -> Name {
    Name(format!("artifact of {key}"))
}

fn log_len(job: &Job) -> u64 {
    job.log().path().metadata().map_or(0, |file| file.len())
}

/// The lines of a log that work printed.
pub(super) async fn printed(mut log: LogReader) -> String {
    let mut text = Vec::new();
    while let Ok(Some(more)) = log.next().await {
        text.extend_from_slice(&more);
    }
    let text = String::from_utf8(text).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("> ")).collect::<Vec<_>>().join(" ")
}

pub(super) fn build(input: &Current<u32>) -> Current<Name> {
    build_with(input, DEFAULT, "build", |_: &Build, n: &u32| Name(format!("image.{n}")))
}

pub(super) fn push(image: &Current<Name>) -> Current<Name> {
    publish_at(
        image,
        DEFAULT,
        "push",
        |_: &Push| Name("site:live".to_owned()),
        |_, image: &Name| image.clone(),
    )
}

pub(super) fn serve(image: &Current<Name>) -> Current<String> {
    publish_at(image, DEFAULT, "serve", |_: &Serve| Name("web".to_owned()), |_, image: &Name| image.clone())
}

pub(super) fn collect(input: &Current<u32>) -> Current<Name> {
    build_with(input, DEFAULT, "collect", |_: &Collect, n: &u32| Name(format!("work.{n}")))
}
