//! The stories that are cut. Whoever tells one may have to tell it again from the start: what has come true is not done
//! twice.

use std::time::Duration;

use ci_core::current::all;
use ci_core::store::{JobFilter, JobRecord, JobState};
use ci_core::{Current, KeyDigest};
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::operations::{build, collect, push, serve};
use crate::support::{Ci, Name, World, head};

/// A pipeline, and what somebody does with it until the end.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    pub(crate) name: &'static str,
    /// The journal is compacted when its newest segment is longer than this.
    pub(super) segment_bytes_max: u64,
    pub(super) pipeline: fn() -> Current<()>,
    pub(super) tell: for<'a> fn(&'a Ci, &'a World) -> BoxFuture<'a, ()>,
}

/// An image is built.
pub(crate) const BUILD: Story = Story {
    name: "build",
    segment_bytes_max: 600,
    pipeline: || build(&head("main")).ignore(),
    tell: |ci, _| ci.done().boxed(),
};

/// Two images are built and pushed, one after the other.
pub(crate) const PUSH: Story = Story {
    name: "push",
    segment_bytes_max: 1500,
    pipeline: || push(&build(&head("main"))).ignore(),
    tell: |ci, world| two(ci, world).boxed(),
};

/// A service is updated twice.
pub(crate) const SERVE: Story = Story {
    name: "service",
    segment_bytes_max: 1500,
    pipeline: || serve(&head("main").map(|n| Name(format!("<image.{n}>")))).ignore(),
    tell: |ci, world| two(ci, world).boxed(),
};

/// Work is run, with its log and its artifact.
pub(crate) const RUN: Story = Story {
    name: "run",
    segment_bytes_max: 800,
    pipeline: || collect(&head("main")).ignore(),
    tell: |ci, _| ci.done().boxed(),
};

/// An image is built, and a person asks for it once more.
pub(crate) const REBUILD: Story = Story {
    name: "rebuild",
    segment_bytes_max: 1000,
    pipeline: || build(&head("main")).ignore(),
    tell: |ci, _| rebuild(ci).boxed(),
};

/// An image is built and pushed, and its time is over: what is to renew it fails, and then does not.
pub(crate) const REFRESH: Story = Story {
    name: "refresh",
    segment_bytes_max: 1500,
    pipeline: || push(&build(&head("main")).valid_for(VALID)).ignore(),
    tell: |ci, world| refresh(ci, world).boxed(),
};

/// How long an image is valid: no time can be shorter. The stories' clock stands, so it is for good; and when that is
/// turned it is over, and noticed after so long, or by the next process.
const VALID: Duration = Duration::from_secs(1);

/// All of them at once, but for the rebuild and the refresh.
pub(crate) const ALL: Story = Story {
    name: "all",
    segment_bytes_max: 1 << 30,
    pipeline: || {
        let main = head("main");
        let pushed = push(&build(&main));
        all([serve(&pushed).ignore(), collect(&main).ignore()])
    },
    tell: |ci, world| two(ci, world).boxed(),
};

/// The head is at 1, and is moved to 2 when all has been done for that.
async fn two(ci: &Ci, world: &World) {
    let is_done = |n: u32| {
        let jobs = ci.handle.store().jobs(&JobFilter::default(), 100);
        let is_of_n = |job: &JobRecord| job.intent.summary.contains(&format!(".{n}"));
        jobs.iter().any(is_of_n) && jobs.iter().all(|job| job.outcome.is_some())
    };
    if world.get("main") != Some(2) {
        ci.until(|status| status.outcome.is_ok() && is_done(1)).await;
        world.set("main", 2);
    }
    ci.until(|status| status.outcome.is_ok() && is_done(2)).await;
}

async fn refresh(ci: &Ci, world: &World) {
    ci.done().await;
    world.turn_clock_to_hour(1);
    let store = ci.handle.store();
    let is_built = |job: &JobRecord| job.intent.op == "build" && job.state() == JobState::Ok;
    loop {
        // In this order: what is told when the image is renewed is seen once more.
        let built = store.jobs(&JobFilter::default(), 10).iter().filter(|job| is_built(job)).count();
        let status = ci.handle.status().borrow().clone();
        assert!(status.outcome.is_ok(), "the good image serves meanwhile: {:?}", status.outcome);
        if built == 2 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn rebuild(ci: &Ci) {
    let store = ci.handle.store();
    let key = KeyDigest::of(&serde_json::json!("image.1"));
    loop {
        ci.done().await;
        // In this order: what is asked for in between is among the jobs.
        let result = store.result("build", &key).expect("it is done");
        let jobs = store.jobs(&JobFilter::default(), 10);
        match &jobs[..] {
            [only] if result.invalidated.is_none() => {
                // Refused when that can't be written: asked again.
                let _ = ci.handle.rebuild(only.intent.job.clone(), "ada").await;
            }
            _ if result.invalidated.is_none() => return,
            _ => {}
        }
        tokio::task::yield_now().await;
    }
}
