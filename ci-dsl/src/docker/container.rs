//! The local executor: one container for each attempt, on one engine.
//!
//! *created → running → exited → removed.* The container is the record: its name is made of the owner and the job, so
//! that a job has one however often it is submitted, and its labels say all that a later process must know.
//!
//! Races and their decisions:
//!
//! - *A crash between create and start*: adopting starts the container; discarding removes it as it is.
//! - *The engine goes away while the work runs*: we wait for it ([`Containers::ENGINE_ABSENT_MAX`]). Work that it took
//!   down with it ended by a signal; that is the machinery's failure, not the work's. Work that ended by itself
//!   meanwhile counts.
//! - *The engine and we go away together*, as when the machine is started anew: nobody saw how the work ended. If it was by
//!   a signal it is not found again, and so runs again.
//! - *The time limit and the end of the work at the same moment*: what was asked to stop timed out.
//! - *A clock is set while the work runs*: a limit is counted by no clock that can be set, once somebody waits. Whoever
//!   finds the work again asks the engine, which started it, how late it is there.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HostConfig,
    HostConfigLogConfig, ResourcesUlimits,
};
use bollard::query_parameters::{
    CreateContainerOptions, ListContainersOptions, RemoveContainerOptions, StopContainerOptions,
    WaitContainerOptions,
};
use bytes::Bytes;
use ci_core::executor::{Executor, Exit, Output, Work, WorkId};
use ci_core::{JobId, OpError, Owner};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;

use self::exit::{age, exit_of, is_alive, time_limit};
use super::client::{Docker, outside};
use super::failure;

mod exit;
mod files;
mod log;

/// Runs work in containers of one engine.
#[derive(Clone)]
pub struct Containers {
    docker: Docker,
    owner: String,
}

/// The job a container is of.
const JOB: &str = "ci.job";
/// Which try of its operation it is.
const ATTEMPT: &str = "ci.attempt";
/// The process that submitted it.
const EPOCH: &str = "ci.epoch";
/// The state directory whose jobs it belongs to: others on this engine are left alone.
const OWNER: &str = "ci.owner";
/// What the engine calls the limit of a file's size.
const FILE_SIZE: &str = "fsize";
/// Its time limit, milliseconds.
const TIMEOUT: &str = "ci.timeout-ms";

impl Containers {
    /// How long the engine may be away before work on it is given up.
    pub const ENGINE_ABSENT_MAX: Duration = Duration::from_secs(60);
    /// How long work that is asked to stop may take before it is killed.
    pub const STOP_GRACE: Duration = Duration::from_secs(5);
    /// The engine's log of one container, as it is on disk: beyond it the oldest quarter is dropped. Whoever follows
    /// from the beginning misses nothing; who comes back after that finds a gap.
    const LOG_FILES: (&str, &str) = ("4", "256m");
    /// What is kept in `/dev/shm`, bytes. It counts as memory, too.
    const SHARED_MEMORY_BYTES: i64 = 64 << 20;
    const ENGINE_POLL: Duration = Duration::from_millis(500);

    /// An executor on `docker`. `owner` tells the containers of one state directory from those of others.
    ///
    /// # Errors
    ///
    /// [`ci_core::FailureKind::Permanent`] unless `owner` is 1 to 40 of `a-z`, `0-9` and `-`.
    pub fn new(docker: Docker, owner: &str) -> Result<Self, OpError> {
        let is_sound = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
        if owner.is_empty() || owner.len() > 40 || !owner.bytes().all(is_sound) || owner.starts_with('-') {
            return Err(OpError::permanent(format!("{owner:?} can't name the owner of containers"))
                .with_hint("use 1 to 40 of a-z, 0-9 and '-'"));
        }
        Ok(Self { docker, owner: owner.to_owned() })
    }

    /// An executor on `docker` for the jobs of one state directory.
    pub(super) fn of(docker: Docker, owner: &Owner) -> Self {
        Self::new(docker, owner.as_str()).expect("because an owner's id is made of the letters allowed here")
    }

    /// The engine.
    pub fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Removes this owner's containers whose job is over, and says whose they were.
    ///
    /// `unfinished` tells the jobs that are not; it is asked when the containers are known. So nothing is met that is
    /// submitted meanwhile: a job is in the journal before its container is made. `None`, when that can't be told, removes
    /// nothing.
    ///
    /// # Errors
    ///
    /// The first that the engine says; what could be removed is gone.
    pub async fn sweep(
        &self,
        unfinished: impl Future<Output = Option<Vec<JobId>>>,
    ) -> Result<Vec<String>, OpError> {
        let found = self.list(None).await?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let Some(unfinished) = unfinished.await else { return Ok(Vec::new()) };
        let (mut removed, mut failed) = (Vec::new(), None);
        for (id, job) in found {
            if unfinished.iter().any(|unfinished| unfinished.as_str() == job) {
                continue;
            }
            match self.remove(&id).await {
                Ok(()) => removed.push(job),
                Err(error) => _ = failed.get_or_insert(error),
            }
        }
        failed.map_or(Ok(removed), Err)
    }

    /// Ids and jobs of this owner's containers.
    async fn list(&self, job: Option<&JobId>) -> Result<Vec<(WorkId, String)>, OpError> {
        let mut labels = vec![format!("{OWNER}={}", self.owner)];
        labels.extend(job.map(|job| format!("{JOB}={job}")));
        let filters = HashMap::from([("label".to_owned(), labels)]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
        let found = self
            .docker
            .call("list containers", |engine| async move { engine.list_containers(Some(options)).await })
            .await?;
        let named = found.into_iter().filter_map(|container| {
            let job = container.labels?.remove(JOB)?;
            Some((WorkId::new(container.id?), job))
        });
        Ok(named.collect())
    }

    async fn create(&self, job: &JobId, work: &Work) -> Result<WorkId, OpError> {
        let name = format!("ci-{}-{}", self.owner, job.as_str().replace('/', "-"));
        let body = self.container(job, work)?;
        let options = CreateContainerOptions { name: Some(name.clone()), ..Default::default() };
        let created = self
            .docker
            .call(format!("create container {name}"), |engine| async move {
                match engine.create_container(Some(options), body).await {
                    Ok(created) => Ok(Some(created.id)),
                    Err(ApiError::DockerResponseServerError { status_code: 409, .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .await?;
        if let Some(id) = created {
            return Ok(WorkId::new(id));
        }
        self.find(job).await?.ok_or_else(|| {
            OpError::infrastructure(format!("docker: the container name {name} is taken"))
                .with_hint("remove the container of that name, if nobody needs it")
        })
    }

    async fn find(&self, job: &JobId) -> Result<Option<WorkId>, OpError> {
        Ok(self.list(Some(job)).await?.into_iter().next().map(|(id, _)| id))
    }

    fn container(&self, job: &JobId, work: &Work) -> Result<ContainerCreateBody, OpError> {
        if let Some(name) = work.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
            return Err(OpError::permanent(format!("docker run: {name:?} can't be the name of a variable")));
        }
        let limits = work.limits;
        let memory = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
        let labels = [
            (JOB, job.to_string()),
            (ATTEMPT, work.attempt.to_string()),
            (EPOCH, work.epoch.to_string()),
            (OWNER, self.owner.clone()),
            (TIMEOUT, limits.timeout.as_millis().to_string()),
        ];
        let (log_files, log_file_size) = Self::LOG_FILES;
        let log = [("max-file", log_files), ("max-size", log_file_size)];
        let files = i64::try_from(limits.file_bytes).unwrap_or(i64::MAX);
        let ulimits = [(FILE_SIZE, files), ("core", 0)].map(|(name, limit)| ResourcesUlimits {
            name: Some(name.to_owned()),
            soft: Some(limit),
            hard: Some(limit),
        });
        let host = HostConfig {
            memory: Some(memory),
            // Memory and swap together: equal values mean no swap.
            memory_swap: Some(memory),
            pids_limit: Some(limits.pids.into()),
            shm_size: Some(Self::SHARED_MEMORY_BYTES),
            ulimits: Some(ulimits.into()),
            nano_cpus: limits.milli_cpus.map(|milli| i64::from(milli) * 1_000_000),
            // Reaps orphans, and passes signals on to commands that would ignore them as process 1.
            init: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            network_mode: Some("none".to_owned()),
            ipc_mode: Some("private".to_owned()),
            // Whatever the engine's default is: output is read back from this log.
            log_config: Some(HostConfigLogConfig {
                typ: Some("json-file".to_owned()),
                config: Some(log.map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
            }),
            ..Default::default()
        };
        Ok(ContainerCreateBody {
            image: Some(work.image.clone()),
            cmd: (!work.command.is_empty()).then(|| work.command.clone()),
            env: Some(work.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            labels: Some(labels.map(|(k, v)| (k.to_owned(), v)).into()),
            host_config: Some(host),
            ..Default::default()
        })
    }

    /// Starts it unless it was started once: then it is left as it is.
    async fn start(&self, id: &WorkId) -> Result<(), OpError> {
        if self.state(id).await?.1.status != Some(ContainerStateStatusEnum::CREATED) {
            return Ok(());
        }
        let what = format!("start container {}", short(id));
        self.docker.call(&what, |engine| async move { engine.start_container(id.as_str(), None).await }).await
    }

    /// Starts it, or leaves nothing of it: what can't be started would be taken for work that can be adopted.
    async fn start_or_remove(&self, id: &WorkId) -> Result<(), OpError> {
        let Err(error) = self.start(id).await else { return Ok(()) };
        if let Err(left) = self.remove(id).await {
            tracing::warn!(work = %id, error = %left, "a container that can't start can't be removed; it is swept");
        }
        Err(error)
    }

    async fn remove(&self, id: &WorkId) -> Result<(), OpError> {
        let id = checked(id)?;
        let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
        self.docker
            .call(format!("remove container {}", short(id)), |engine| async move {
                match engine.remove_container(id.as_str(), Some(options)).await {
                    // 409: somebody else is removing it.
                    Err(ApiError::DockerResponseServerError { status_code: 404 | 409, .. }) => Ok(()),
                    done => done,
                }
            })
            .await
    }

    async fn stop(&self, id: &WorkId) -> Result<(), OpError> {
        let id = checked(id)?;
        let grace = i32::try_from(Self::STOP_GRACE.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptions { t: Some(grace), ..Default::default() };
        self.docker
            .call(format!("stop container {}", short(id)), |engine| async move {
                match engine.stop_container(id.as_str(), Some(options)).await {
                    Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
                    done => done,
                }
            })
            .await
    }

    async fn state(&self, id: &WorkId) -> Result<(ContainerInspectResponse, ContainerState), OpError> {
        let id = checked(id)?;
        let found = self
            .docker
            .call(format!("inspect container {}", short(id)), |engine| async move {
                match engine.inspect_container(id.as_str(), None).await {
                    Ok(found) => Ok(Some(found)),
                    Err(ApiError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .await?;
        let mut found =
            found.ok_or_else(|| OpError::infrastructure(format!("the container {} is gone", short(id))))?;
        let state = found.state.take().unwrap_or_default();
        Ok((found, state))
    }

    /// Whether the engine lets us in. One that is being stopped, and takes its containers down, still answers those who
    /// are in.
    async fn knock(&self) -> Result<(), OpError> {
        Docker::new(self.docker.context(), self.docker.host().clone()).ping().await?;
        // A connection of ours that broke meanwhile is not met by what comes next.
        self.docker.ping().await
    }

    /// [`Containers::state`], waiting for an engine that is away. The flag says whether it was.
    async fn state_when_back(
        &self,
        id: &WorkId,
    ) -> Result<(ContainerInspectResponse, ContainerState, bool), OpError> {
        let give_up = Instant::now() + Self::ENGINE_ABSENT_MAX;
        let mut was_away = false;
        loop {
            match self.knock().await {
                Ok(()) => break,
                Err(error) if Instant::now() >= give_up => return Err(error),
                Err(_) => was_away = true,
            }
            sleep(Self::ENGINE_POLL).await;
        }
        let (found, state) = self.state(id).await?;
        Ok((found, state, was_away))
    }

    /// When it is to be stopped, as far as that can be told now: after what is left of its limit.
    async fn deadline(
        &self,
        state: &ContainerState,
        limit: Option<Duration>,
    ) -> Result<Option<Instant>, ApiError> {
        let Some(limit) = limit else { return Ok(None) };
        let info = async { self.docker.engine().await?.info().await }.instrument(outside("info")).await?;
        Ok(Instant::now().checked_add(limit.saturating_sub(age(state, info.system_time.as_deref()))))
    }

    /// Waits for its end, and brings that about at its time limit.
    async fn wait(&self, id: &WorkId) -> Result<Exit, OpError> {
        let mut was_away = false;
        let mut stopped_by_us = false;
        let mut deadline = None;
        loop {
            let (found, state, away) = self.state_when_back(id).await?;
            was_away |= away;
            let limit = time_limit(&found);
            if !is_alive(&state) {
                return exit_of(&found, &state, limit.filter(|_| stopped_by_us), was_away);
            }
            let until = match deadline {
                Some(until) => Ok(until),
                None => self.deadline(&state, limit).await.inspect(|until| deadline = Some(*until)),
            };
            let waited = match until {
                Ok(until) => self.wait_once(id, until).await,
                Err(error) => Waited::Broken(error),
            };
            match waited {
                Waited::Ended => {}
                Waited::Late => {
                    stopped_by_us = true;
                    self.stop(id).await?;
                }
                Waited::Broken(error) if failure::is_broken_connection(&error) => {
                    was_away = true;
                    sleep(Self::ENGINE_POLL).await;
                }
                Waited::Broken(error) => return Err(self.docker.failure("wait for container", error)),
            }
        }
    }

    /// Waits for its end until `until`, on one connection.
    async fn wait_once(&self, id: &WorkId, until: Option<Instant>) -> Waited {
        let waiting = async {
            let engine = self.docker.engine().await?;
            let options = WaitContainerOptions { condition: "not-running".to_owned() };
            match engine.wait_container(id.as_str(), Some(options)).next().await {
                // The exit itself is read by inspecting, which says more.
                Some(Ok(_) | Err(ApiError::DockerContainerWaitError { .. })) => Ok(()),
                Some(Err(ApiError::DockerResponseServerError { status_code: 404, .. })) => Ok(()),
                Some(Err(error)) => Err(error),
                None => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
            }
        };
        let waiting = waiting.instrument(outside(&format!("wait for container {}", short(id))));
        let waited = match until {
            Some(until) => timeout_at(until, waiting).await,
            None => Ok(waiting.await),
        };
        match waited {
            Ok(Ok(())) => Waited::Ended,
            Ok(Err(error)) => Waited::Broken(error),
            Err(_) => Waited::Late,
        }
    }
}

enum Waited {
    Ended,
    Late,
    Broken(ApiError),
}

impl Executor for Containers {
    fn submit<'a>(&'a self, job: &'a JobId, work: &'a Work) -> BoxFuture<'a, Result<WorkId, OpError>> {
        async move {
            let id = self.create(job, work).await?;
            self.start_or_remove(&id).await?;
            Ok(id)
        }
        .boxed()
    }

    fn watch<'a>(&'a self, id: &'a WorkId) -> BoxFuture<'a, Result<Exit, OpError>> {
        self.wait(id).boxed()
    }

    fn logs<'a>(&'a self, id: &'a WorkId, from: u64) -> BoxStream<'a, Result<Output, OpError>> {
        log::read(self, id, from)
    }

    fn files<'a>(&'a self, id: &'a WorkId, path: &'a str) -> BoxStream<'a, Result<Bytes, OpError>> {
        files::read(self, id, path)
    }

    fn cancel<'a>(&'a self, id: &'a WorkId) -> BoxFuture<'a, Result<(), OpError>> {
        self.stop(id).boxed()
    }

    fn release<'a>(&'a self, id: &'a WorkId) -> BoxFuture<'a, Result<(), OpError>> {
        self.remove(id).boxed()
    }

    fn adopt<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Result<Option<WorkId>, OpError>> {
        async move {
            let Some(id) = self.find(job).await? else { return Ok(None) };
            let (found, state) = self.state(&id).await?;
            if !is_alive(&state) && exit_of(&found, &state, None, true).is_err() {
                tracing::info!(work = %id, %job, "it was ended as an engine ends what it takes down: it is run again");
                self.remove(&id).await?;
                return Ok(None);
            }
            self.start_or_remove(&id).await?;
            Ok(Some(id))
        }
        .boxed()
    }

    fn discard<'a>(&'a self, job: &'a JobId) -> BoxFuture<'a, Result<(), OpError>> {
        async move {
            for (id, _) in self.list(Some(job)).await? {
                self.remove(&id).await?;
            }
            Ok(())
        }
        .boxed()
    }
}

/// A container id is 64 hex digits; one that was read back from disk may be anything, and goes into URLs.
fn checked(id: &WorkId) -> Result<&WorkId, OpError> {
    if is_container_id(id.as_str()) {
        Ok(id)
    } else {
        Err(OpError::infrastructure(format!("{:?} is no container id", short(id))))
    }
}

fn is_container_id(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The id as people write it.
fn short(id: &WorkId) -> String {
    id.as_str().chars().take(12).collect()
}

impl fmt::Debug for Containers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Containers({:?}, owner {})", self.docker, self.owner)
    }
}
