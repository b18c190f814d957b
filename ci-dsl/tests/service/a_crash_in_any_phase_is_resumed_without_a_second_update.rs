//! Whatever note our process dies at, durable or not, the next one goes on from the newest durable note, and the
//! engine counts one update for each image.

use std::time::Duration;

use ci_core::OpError;
use ci_dsl::docker::service::{Evidence, resume, update};
use futures::future::join_all;

use crate::swarm::{Keeps, Notes, PATIENCE, Swarm, TestJob, quick, with_swarm};

/// Updates, dies at the given note, and goes on in a new process. Says whether it died at all.
async fn crash_and_resume(
    swarm: &Swarm,
    name: &str,
    image: &str,
    at: (usize, Keeps),
) -> (bool, Result<Evidence, OpError>) {
    let first = TestJob::with(swarm, Notes { hang_at: Some(at), ..Notes::default() });
    let options = quick();
    tokio::select! {
        result = update(&swarm.api, &first.job, name, image, &options) => return (false, result),
        () = first.notes.hangs.notified() => {}
    }
    // Swarm goes its way while nobody watches: long enough for a bad task to fail and be replaced.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = TestJob::new(swarm);
    let result = match first.notes.last() {
        Some(handle) => resume(&swarm.api, &second.job, handle, &options).await,
        None => update(&swarm.api, &second.job, name, image, &options).await,
    };
    (true, result)
}

fn every_note(notes: usize) -> Vec<(usize, Keeps)> {
    (0..notes).flat_map(|at| [(at, Keeps::It), (at, Keeps::Not)]).collect()
}

#[test]
fn a_crash_in_any_phase_of_a_good_update_is_resumed_without_a_second_one() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        // One note more than there are: it must not be reached.
        join_all(every_note(3).into_iter().map(async |at| {
            let name = format!("web-{}-{:?}", at.0, at.1);
            swarm.create(&name, &one, &[]);
            assert_eq!(swarm.answer(&name).await, "one");
            let (died, result) = crash_and_resume(swarm, &name, &two, at).await;
            assert_eq!(died, at.0 < 2, "{at:?}: intended and updated are noted");
            let evidence = result.unwrap_or_else(|e| panic!("{at:?}: {e}"));
            assert_eq!(evidence.tasks.len(), 1);
            assert_eq!(swarm.answer(&name).await, "two");
            assert_eq!(swarm.images_set(&name), std::slice::from_ref(&two), "{at:?}");
        }))
        .await;
    });
}

#[test]
fn a_crash_in_any_phase_of_a_bad_update_still_takes_it_back_once() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        let bad = swarm.image("CMD [\"sh\", \"-c\", \"exit 3\"]");
        join_all(every_note(4).into_iter().map(async |at| {
            let name = format!("web-{}-{:?}", at.0, at.1);
            swarm.create(&name, &one, &[]);
            assert_eq!(swarm.answer(&name).await, "one");
            let (died, result) = crash_and_resume(swarm, &name, &bad, at).await;
            assert_eq!(died, at.0 < 3, "{at:?}: intended, updated and going back are noted");
            let error = result.expect_err("it exits");
            assert!(error.message().contains("exit code 3; the version before"), "{at:?}: {error}");
            assert_eq!(swarm.answer(&name).await, "one");
            assert_eq!(swarm.images_set(&name), [bad.clone(), one.clone()], "{at:?}");
        }))
        .await;
    });
}

#[test]
fn a_crash_while_going_back_goes_on_going_back() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        let bad = swarm.image("CMD [\"sh\", \"-c\", \"exit 3\"]");
        swarm.create("web", &one, &[]);
        let first = TestJob::new(swarm);
        update(&swarm.api, &first.job, "web", &bad, &quick()).await.expect_err("it exits");
        let handle = first.notes.last().expect("going back is noted");

        // It died after the last write, before the outcome was recorded.
        let second = TestJob::new(swarm);
        let error =
            resume(&swarm.api, &second.job, handle, &quick()).await.expect_err("it failed, and still has");

        assert!(error.message().contains("exit code 3; the version before"), "{error}");
        assert_eq!(swarm.images_set("web"), [bad, one]);
    });
}

#[test]
fn what_swarm_took_back_while_nobody_watched_is_not_posted_again() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        let bad = swarm.image("CMD [\"sh\", \"-c\", \"exit 3\"]");
        swarm.create("web", &one, &["--update-failure-action", "rollback", "--rollback-monitor", "100ms"]);
        // It dies after posting the update, before it can note that.
        let first = TestJob::with(swarm, Notes { hang_at: Some((1, Keeps::Not)), ..Notes::default() });
        let options = quick();
        tokio::select! {
            _ = update(&swarm.api, &first.job, "web", &bad, &options) => panic!("it dies"),
            () = first.notes.hangs.notified() => {}
        }
        let taken_back = async {
            while swarm.service("web").await["UpdateStatus"]["State"] != "rollback_completed" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, taken_back).await.expect("Swarm takes it back");

        let second = TestJob::new(swarm);
        let handle = first.notes.last().expect("the intent is noted");
        let error = resume(&swarm.api, &second.job, handle, &options).await.expect_err("it has failed");

        assert!(error.message().contains("exit code 3; the version before"), "{error}");
        assert_eq!(swarm.answer("web").await, "one");
        let bad_ones = swarm.images_set("web").into_iter().filter(|image| *image == bad).count();
        assert_eq!(bad_ones, 1);
    });
}
