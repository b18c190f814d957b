//! dockerd is killed, or stopped in order, while a new version is watched, and takes its task down. When it is back, the
//! version is judged anew: a good one serves, a bad one is taken back, and so is one under which it happens each time.

use std::time::Duration;

use ci_core::{FailureKind, OpError};
use ci_dsl::docker::api::Api;
use ci_dsl::docker::service::{Evidence, Handle, UpdateOptions, resume, update};
use testbed::Engine;
use tokio::task::block_in_place;

use crate::swarm::{Swarm, TestJob, quick, with_swarm};

const SHORT: Duration = Duration::from_secs(6);
/// For versions that are never that steady.
const LONG: Duration = Duration::from_secs(20);

/// More than enough for a version that never stays up to be judged.
const RESTARTS_MAX: usize = 10;

#[test]
fn a_good_version_serves_after_a_power_cut() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create("web", &one, &[]);
        let (result, handle) = updated(swarm, &two, kill, 1, SHORT).await;
        assert_eq!(result.expect("nothing is wrong with it").image, two);
        assert!(handle.taken_down > 0, "the engine was killed under it: {handle:?}");
        assert_eq!(swarm.answer("web").await, "two");
    });
}

#[test]
fn a_good_version_serves_after_the_engine_was_stopped_and_started() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create("web", &one, &["--update-order", "start-first"]);
        let (result, _) = updated(swarm, &two, stop, 1, SHORT).await;
        assert_eq!(result.expect("nothing is wrong with it").image, two);
        assert_eq!(swarm.answer("web").await, "two");
    });
}

#[test]
fn a_bad_version_is_taken_back_all_the_same() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        // The same exit code as of what a power cut takes down.
        let dies = swarm.image("CMD [\"sh\", \"-c\", \"sleep 3; exit 255\"]");
        swarm.create("web", &one, &[]);
        let (result, handle) = updated(swarm, &dies, kill, 1, LONG).await;
        let error = result.expect_err("it does not stay up");
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.message().contains("exit code 255") && error.message().contains("serves"), "{error}");
        assert!(handle.taken_down > 0, "it was judged after the power cut: {handle:?}");
        assert_eq!(swarm.answer("web").await, "one");
    });
}

#[test]
fn a_version_that_takes_the_engine_down_each_time_is_taken_back() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create("web", &one, &[]);
        let (result, _) = updated(swarm, &two, kill, RESTARTS_MAX, LONG).await;
        let error = result.expect_err("it is suspected");
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.message().contains("its engine had gone away under 3 tasks"), "{error}");
        assert_eq!(swarm.answer("web").await, "one");
    });
}

fn kill(engine: &mut Engine) {
    engine.kill();
}

fn stop(engine: &mut Engine) {
    engine.stop();
}

/// Updates to `image`; each time that all its tasks are seen running the engine ends, at most `times`. Goes on with the
/// newest note when the engine was missed.
async fn updated(
    swarm: &mut Swarm,
    image: &str,
    end: fn(&mut Engine),
    times: usize,
    stable_for: Duration,
) -> (Result<Evidence, OpError>, Handle) {
    let test = TestJob::new(swarm);
    let updating = tokio::spawn({
        let api = Api::at(&swarm.engine.docker_host()).expect("this is an address");
        let (job, notes, image) = (test.job.clone(), test.notes.clone(), image.to_owned());
        async move {
            let options = UpdateOptions { stable_for, ..quick() };
            let mut result = update(&api, &job, "web", &image, &options).await;
            while let Err(error) = &result
                && error.kind() == FailureKind::Infrastructure
            {
                let handle = notes.last().expect("it was begun");
                result = resume(&api, &job, handle, &options).await;
            }
            result
        }
    });
    for time in 1..=times {
        // Said once in each life of the engine.
        while test.log().matches("every task runs").count() < time && !updating.is_finished() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if updating.is_finished() {
            assert!(time > 1, "it was never seen running: {}", test.log());
            break;
        }
        block_in_place(|| end(&mut swarm.engine));
        block_in_place(|| swarm.engine.restart());
    }
    let result = updating.await.expect("an update does not panic");
    (result, test.notes.last().expect("it was begun"))
}
