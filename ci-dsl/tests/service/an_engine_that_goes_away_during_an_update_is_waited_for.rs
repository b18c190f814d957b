//! dockerd is restarted while an update is watched. Nobody knows what runs until it is back; then it is judged.

use ci_core::FailureKind;
use ci_dsl::docker::api::Api;
use ci_dsl::docker::service::{Handle, Phase, update};

use crate::swarm::{Notes, TestJob, quick, with_swarm};

#[test]
fn an_engine_that_goes_away_during_an_update_is_waited_for() {
    with_swarm(async |swarm| {
        let (one, two) = (swarm.web("one", ""), swarm.web("two", ""));
        swarm.create("web", &one, &[]);
        let (posted, is_posted) = tokio::sync::oneshot::channel();
        let posted = std::sync::Mutex::new(Some(posted));
        let act = move |handle: &Handle| {
            if handle.phase == Phase::Updated {
                let posted = posted.lock().expect("nobody panics here").take();
                posted.expect("it is posted once").send(()).expect("the test waits");
            }
        };
        let test = TestJob::with(swarm, Notes { on_note: Some(Box::new(act)), ..Notes::default() });
        let api = Api::at(&swarm.engine.docker_host()).expect("this is an address");
        let job = test.job.clone();
        let image = two.clone();
        let updating = tokio::spawn(async move { update(&api, &job, "web", &image, &quick()).await });
        is_posted.await.expect("the update is posted");

        tokio::task::block_in_place(|| swarm.engine.kill());
        while !test.log().contains("can't be reached") {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        tokio::task::block_in_place(|| swarm.engine.restart());

        // The power cut may have killed the new task before or after it ran: both are judged by what is there now.
        let result = updating.await.expect("an update does not panic");
        let serves = swarm.answer("web").await;
        match result {
            Ok(_) => assert_eq!(serves, "two"),
            Err(error) => {
                assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
                assert!(error.message().contains("the version before"), "{error}");
                assert_eq!(serves, "one");
            }
        }
    });
}
