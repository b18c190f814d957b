//! One entry: from the head of its branch to its services, in the order in which it would happen.
//!
//! It ends where something can't be found out, since what follows depends on it; services do not depend on each other.

use std::fmt;

use ci_core::{Due, Failure, Foreseen, OpError};
use ci_dsl::docker::api::Api;
use ci_dsl::docker::foresee::{Building, Deploying, Held, Pushing, ToRun};
use ci_dsl::docker::service::{self, Changed};
use ci_dsl::docker::{self, Built, Docker, Pushed};
use ci_dsl::git::{Commit, Fetching, RefName, RepoUrl, foresee_fetch};
use serde::Serialize;

use super::{Look, Trouble};
use crate::table::{Deploy, Dockerfile, Repo, Service};

/// What would be done for one entry of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(super) repository: String,
    pub(super) branch: String,
    /// Where the branch is now.
    pub(super) commit: Option<String>,
    /// The first line of its message, if it is on this machine.
    pub(super) subject: Option<String>,
    /// Why the branch could not be read.
    pub(super) error: Option<Trouble>,
    pub(super) steps: Vec<Step>,
}

/// One operation.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    /// Its id, as in the names of its jobs.
    pub(super) op: &'static str,
    pub(super) what: String,
    /// Two steps of one operation with the same are one.
    #[serde(skip)]
    pub(super) identity: String,
    #[serde(flatten)]
    pub(super) does: Does,
    /// What would be written, field by field.
    pub(super) changes: Vec<Changed>,
    /// What else there is to say.
    pub(super) notes: Vec<String>,
}

/// What an operation would do.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub(crate) enum Does {
    /// The world is as wanted.
    Nothing,
    /// It runs.
    Run { why: String },
    /// It has begun, and is brought to its end.
    GoOn { job: String },
    /// What an earlier step of the plan does.
    AsAbove,
    /// It is not known, or has failed for good.
    Error(Trouble),
}

impl Does {
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Run { .. } | Self::GoOn { .. })
    }

    fn job(&self) -> Option<&str> {
        match self {
            Self::GoOn { job } => Some(job),
            _ => None,
        }
    }
}

impl Entry {
    pub(super) fn has_error(&self) -> bool {
        self.error.is_some() || self.steps.iter().any(|step| matches!(step.does, Does::Error(_)))
    }

    pub(super) fn goes_on_with(&self, job: &str) -> bool {
        self.steps.iter().any(|step| step.does.job() == Some(job))
    }

    /// Every text of a step.
    pub(super) fn each_text(&mut self, mut see: impl FnMut(&mut String)) {
        for step in &mut self.steps {
            see(&mut step.what);
            step.notes.iter_mut().for_each(&mut see);
            step.changes.iter_mut().flat_map(|c| [&mut c.before, &mut c.after]).flatten().for_each(&mut see);
            if let Does::Error(Trouble { message, hint }) = &mut step.does {
                see(message);
                hint.iter_mut().for_each(&mut see);
            }
        }
    }
}

impl Look {
    pub(super) async fn entry(&self, repo: &Repo, dockerfile: &Dockerfile, deploy: &Deploy) -> Entry {
        let mut entry = Entry {
            repository: repo.url.clone(),
            branch: deploy.branch.clone(),
            commit: None,
            subject: None,
            error: None,
            steps: Vec::new(),
        };
        match self.head(&repo.url, &deploy.branch).await {
            Ok(commit) => {
                entry.commit = Some(commit.id.to_string());
                entry.subject = self.git.describe(&commit).await.ok().map(|info| info.subject);
                // The error is in the steps already.
                let _ = self.steps(&mut entry.steps, &commit, dockerfile, deploy).await;
            }
            Err(error) => entry.error = Some(error.into()),
        }
        entry
    }

    async fn head(&self, repo: &str, branch: &str) -> Result<Commit, OpError> {
        let no_such = |error: &dyn fmt::Display| OpError::permanent(error.to_string());
        let repo = RepoUrl::parse(repo).map_err(|error| no_such(&error))?;
        let branch = RefName::parse(&format!("refs/heads/{branch}")).map_err(|error| no_such(&error))?;
        self.git.head(&repo, &branch).await
    }

    async fn steps(
        &self,
        steps: &mut Vec<Step>,
        commit: &Commit,
        dockerfile: &Dockerfile,
        deploy: &Deploy,
    ) -> Result<(), Stuck> {
        let fetching = foresee_fetch(&self.clients, &self.past, commit).await;
        let (step, _) = self.fetch(commit, fetching);
        pushed(steps, step)?;

        let here = docker::on(ci_core::DEFAULT);
        let building = here.foresee_build(&self.clients, &self.past, commit, &dockerfile.build).await;
        let (step, built) = self.build(commit, building);
        pushed(steps, step)?;

        let held = self.held(&deploy.image);
        let pushing = match held {
            Ok(held) => {
                here.foresee_push(&self.clients, &self.past, &deploy.image, built.as_ref(), held).await
            }
            Err(error) => Err(error),
        };
        let name = pushing.as_ref().ok().map(|pushing| pushing.name.clone());
        let (step, in_registry) = self.push(&deploy.image, built.as_ref(), pushing);
        pushed(steps, step)?;

        let image = match (&in_registry, &name) {
            (Some(pushed), _) => ToRun::Known(pushed),
            (None, Some(name)) => ToRun::Later(name),
            (None, None) => return Err(Stuck),
        };
        for Service { context, name, watch, create } in &deploy.services {
            let there = docker::on(context.as_str());
            let (watch, create) = (watch.clone(), create.clone());
            let deploying =
                there.foresee_service(&self.clients, &self.past, name, image, watch, create).await;
            let drift = self.drift(context.as_str(), name, &deploying).await;
            steps.push(self.service(name, deploying, drift));
        }
        Ok(())
    }

    /// What the tag stands for in the embedded registry, which may not be served now; another one is asked.
    fn held(&self, image: &str) -> Result<Held, OpError> {
        let Some(registry) = &self.embedded else { return Ok(Held::Ask) };
        let (name, tag) = image.split_once(':').unwrap_or((image, "latest"));
        let (Ok(name), Ok(tag)) = (name.parse(), tag.parse()) else {
            return Err(OpError::permanent(format!("the registry takes no tag {image:?}"))
                .with_hint("change the entry's image"));
        };
        let unread = |error: &dyn fmt::Display| OpError::infrastructure(error.to_string());
        let held = registry.tagged(&name, &tag).map_err(|error| unread(&error))?;
        let held = held.map(|digest| digest.to_string().parse()).transpose();
        Ok(Held::Known(held.map_err(|error| unread(&error))?))
    }

    fn fetch(&self, commit: &Commit, found: Result<Fetching, OpError>) -> (Step, Option<Commit>) {
        let mut step = Step::new("git-fetch", commit.to_string());
        let Some(Fetching { what, summary }) = step.read(found) else { return (step, None) };
        step.identity = format!("{} {} {}", commit.repo, commit.reference.as_str(), commit.id);
        step.what = summary;
        let value = self.what(&mut step, what);
        (step, value)
    }

    fn build(&self, commit: &Commit, found: Result<Building, OpError>) -> (Step, Option<Built>) {
        let mut step = Step::new("docker-build", commit.to_string());
        let Some(Building { what, tag, held, summary }) = step.read(found) else { return (step, None) };
        (step.what, step.identity) = (summary, tag.to_string());
        let value = self.what(&mut step, what);
        match (&value, held) {
            (Some(built), _) => step.notes.push(format!("built before: {}", built.id)),
            (None, Some(held)) if step.does.is_change() => {
                step.notes.push(format!("the engine keeps an image of it already: {held}"));
            }
            (None, _) => {}
        }
        (step, value)
    }

    fn push(
        &self,
        image: &str,
        built: Option<&Built>,
        found: Result<Pushing, OpError>,
    ) -> (Step, Option<Pushed>) {
        let mut step = Step::new("docker-push", image.to_owned());
        let Some(Pushing { what, name, held }) = step.read(found) else { return (step, None) };
        (step.what, step.identity) = (name.to_string(), name.to_string());
        let value = self.what(&mut step, what);
        let held = held.map(|digest| digest.to_string());
        match &step.does {
            Does::Nothing => step.notes.extend(held.map(|held| format!("the tag stands for {held}"))),
            Does::Run { .. } => {
                let after =
                    built.map_or_else(|| "the image that is built".to_owned(), |b| format!("image {}", b.id));
                let field = "tag".to_owned();
                step.changes.push(Changed { field, before: held, after: Some(after) });
            }
            Does::GoOn { .. } | Does::AsAbove | Does::Error(_) => {}
        }
        (step, value)
    }

    /// What somebody made of a service that was deployed, as the deployer that runs tells it.
    async fn drift(
        &self,
        context: &str,
        name: &str,
        found: &Result<Deploying, OpError>,
    ) -> Result<Option<OpError>, OpError> {
        let Ok(Deploying { what: Foreseen::Done(deployed), summary, .. }) = found else { return Ok(None) };
        let docker: Docker =
            self.clients.get(context).map_err(|unbound| OpError::permanent(unbound.to_string()))?;
        let api = Api::at(&docker.host().to_string())?;
        service::drift(&api, name, summary, &deployed.evidence.image).await
    }

    fn service(
        &self,
        name: &str,
        found: Result<Deploying, OpError>,
        drift: Result<Option<OpError>, OpError>,
    ) -> Step {
        let mut step = Step::new("docker-service", name.to_owned());
        let Some(Deploying { what, summary, set_to, changes }) = step.read(found) else { return step };
        (step.what, step.identity) = (summary.clone(), summary);
        let is_due = matches!(what, Foreseen::Due { .. });
        if is_due && changes.is_empty() {
            step.does = Does::Nothing;
            step.notes.push("it is set to this image already, and is only watched".to_owned());
            return step;
        }
        self.what(&mut step, what);
        let drift = step.read(drift).flatten();
        if let (Does::Nothing, Some(set_to)) = (&step.does, &set_to) {
            step.notes.push(match drift {
                Some(drift) => Failure::from(&drift).to_string(),
                None => format!("it is set to {set_to}"),
            });
        }
        if is_due && set_to.is_none() {
            step.notes.push("there is no such service: it is created".to_owned());
        }
        step.changes = changes;
        step
    }

    /// What the operation does, and its value if that is known.
    fn what<V>(&self, step: &mut Step, what: Foreseen<V>) -> Option<V> {
        match what {
            Foreseen::Done(value) => {
                step.does = Does::Nothing;
                return Some(value);
            }
            Foreseen::Failed { job, failure } => {
                let hint = failure.hint.unwrap_or_else(|| "a new commit may do better".to_owned());
                step.does = Does::Error(Trouble {
                    message: format!("failed before: {}", failure.message),
                    hint: Some(format!("{hint}; `deployer rebuild {job}` tries again")),
                });
            }
            Foreseen::Begun { job, is_wanted } => {
                step.notes.push(match &self.jobs {
                    Some(jobs) => match jobs.iter().find(|now| now.id == job) {
                        // With the reason, if it is to be tried again.
                        Some(now) => format!("the deployer that runs is at it: {}", now.state),
                        None => "the deployer that runs is at it".to_owned(),
                    },
                    None => "it was cut, and the next start goes on with it".to_owned(),
                });
                if !is_wanted {
                    step.notes.push("it is of another version: the one of this entry follows".to_owned());
                }
                step.does = Does::GoOn { job: job.to_string() };
            }
            Foreseen::Due { why, level } => {
                step.does = Does::Run { why: why.to_string() };
                if matches!(why, Due::Gone | Due::Asked | Due::Failed) {
                    step.notes.push(why.to_string());
                }
                match self.job_of(step) {
                    Some(now) => step.notes.push(now),
                    None if self.confirm.is_some_and(|from| from <= level) => {
                        step.notes.push(format!("it waits for confirmation: it is {level}"));
                    }
                    None => {}
                }
            }
        }
        None
    }

    /// What the deployer that runs says about it. A job that waits has left no trace yet but in its memory.
    fn job_of(&self, step: &Step) -> Option<String> {
        let publishes = format!("{} := ", step.what);
        let is_it = |summary: &str| summary == step.what || summary.starts_with(&publishes);
        let mut jobs = self.jobs.iter().flatten();
        let job = jobs.find(|job| !job.over && job.op == step.op && is_it(&job.summary))?;
        Some(format!("the deployer that runs has it as {}: {}", job.id, job.state))
    }
}

/// The entry can't be followed any further.
struct Stuck;

/// Adds a step. What follows an error is not known.
fn pushed(steps: &mut Vec<Step>, step: Step) -> Result<(), Stuck> {
    let stuck = matches!(step.does, Does::Error(_));
    steps.push(step);
    if stuck { Err(Stuck) } else { Ok(()) }
}

impl Step {
    fn new(op: &'static str, what: String) -> Self {
        let (identity, does) = (what.clone(), Does::Nothing);
        Self { op, what, identity, does, changes: Vec::new(), notes: Vec::new() }
    }

    /// What was found, or the error in this step.
    fn read<T>(&mut self, found: Result<T, OpError>) -> Option<T> {
        found.map_err(|error| self.does = Does::Error(error.into())).ok()
    }
}
