//! What the stories' operations work on: an image store, a registry, a service and work that prints, each with a count of
//! what was done to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use ci_core::{Bind, Bindings, JobId, Unbound};

use crate::support::World;

/// How the line begins that counts how often work was begun.
pub(super) const BEGUN: &str = "work on";

/// Clones share them; they outlive the engines that work on them.
#[derive(Clone)]
pub(super) struct Targets {
    world: World,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
pub(super) struct Held {
    /// What each tag of the image store stands for: the how-manieth image that was built under it.
    pub(super) images: BTreeMap<String, u32>,
    /// What each tag of the registry has stood for, oldest first.
    pub(super) registry: BTreeMap<String, Vec<String>>,
    /// What the service was set to, oldest first: as many as its version says.
    pub(super) service: Vec<String>,
    /// The containers of jobs.
    pub(super) containers: BTreeMap<JobId, String>,
    /// How often work was begun, for each of what it is about.
    pub(super) begun: BTreeMap<String, u32>,
    /// How often each artifact was stored.
    pub(super) artifacts: BTreeMap<String, u32>,
    /// The job that is refused, however often it asks.
    refused: Option<JobId>,
}

impl Targets {
    pub(super) fn of(world: &World) -> Self {
        Self { world: world.clone(), held: Arc::default() }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }

    /// A point at which the program may die.
    pub(super) async fn point(&self, what: &str) {
        self.world.step(what).await;
    }

    /// Does something, and is done: the program may die before and after it.
    pub(super) async fn touch<T>(&self, what: &str, act: impl FnOnce(&mut Held) -> T) -> T {
        self.point(&format!("before: {what}")).await;
        let done = act(&mut self.held());
        self.point(&format!("after: {what}")).await;
        done
    }

    /// Whether an image can't be built for this job: so it is for the first that asks when the clock was turned.
    pub(super) fn refuses_to_renew(&self, job: &JobId) -> bool {
        0 < self.world.hour() && self.held().refused.get_or_insert_with(|| job.clone()) == job
    }

    /// What they hold, a line for each.
    pub(super) fn tell(&self) -> Vec<String> {
        let held = self.held();
        let mut lines = Vec::new();
        lines.extend(held.images.iter().map(|(tag, builds)| format!("image {tag}: built {builds} times")));
        lines.extend(
            held.registry.iter().map(|(tag, images)| format!("tag {tag}: {}", images.join(", then "))),
        );
        if !held.service.is_empty() {
            lines.push(format!("service: {}", held.service.join(", then ")));
        }
        lines.extend(held.begun.iter().map(|(what, times)| format!("{BEGUN} {what}: begun {times} times")));
        lines.extend(
            held.artifacts.iter().map(|(what, times)| format!("artifact {what}: stored {times} times")),
        );
        lines.extend(held.containers.values().map(|what| format!("container left of {what}")));
        lines
    }
}

impl Bind for Targets {
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound> {
        bindings.get(on)
    }
}
