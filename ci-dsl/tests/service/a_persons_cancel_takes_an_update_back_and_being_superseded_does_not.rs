//! Half an update is worse than one too many; but a person means it.

use ci_core::FailureKind;
use ci_dsl::docker::service::{Handle, Phase, update};

use crate::swarm::{Notes, Swarm, TestJob, quick, with_swarm};

/// A job that is asked to stop as soon as the update is posted.
fn stopped(swarm: &Swarm, stop: fn(&ci_core::job::Cancel)) -> TestJob {
    let cancel = std::sync::Arc::new(std::sync::OnceLock::<ci_core::job::Cancel>::new());
    let seen = cancel.clone();
    let act = move |handle: &Handle| {
        if handle.phase == Phase::Updated {
            stop(seen.get().expect("the job has begun"));
        }
    };
    let job = TestJob::with(swarm, Notes { on_note: Some(Box::new(act)), ..Notes::default() });
    cancel.set(job.job.cancel().clone()).expect("it is set once");
    job
}

#[test]
fn a_persons_cancel_takes_an_update_back_and_being_superseded_does_not() {
    with_swarm(async |swarm| {
        let (one, two, three) = (swarm.web("one", ""), swarm.web("two", ""), swarm.web("three", ""));
        swarm.create("web", &one, &[]);

        let job = stopped(swarm, |cancel| cancel.cancel("ada asked"));
        let error = update(&swarm.api, &job.job, "web", &two, &quick()).await.expect_err("it was cancelled");
        assert_eq!(error.kind(), FailureKind::Cancelled);
        assert!(error.message().contains("ada asked; the version before"), "{error}");
        assert_eq!(swarm.answer("web").await, "one");

        let job = stopped(swarm, |cancel| cancel.supersede("a newer commit"));
        update(&swarm.api, &job.job, "web", &three, &quick()).await.expect("it goes on");
        assert_eq!(swarm.answer("web").await, "three");
        assert_eq!(swarm.images_set("web"), [two, one, three]);
    });
}
