//! Swarm's monitor is long over and it says `completed` when the program dies. We are still looking.

use ci_dsl::docker::service::{UpdateOptions, update};

use crate::swarm::{TestJob, with_swarm};

#[test]
fn a_new_version_that_dies_late_is_taken_back() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        let bad = swarm.image("CMD [\"sh\", \"-c\", \"sleep 4; echo out of memory; exit 4\"]");
        swarm.create("web", &one, &["--update-order", "start-first"]);

        let job = TestJob::new(swarm);
        let result = update(&swarm.api, &job.job, "web", &bad, &UpdateOptions::default()).await;

        let error = result.expect_err("it dies after 4 s, and is watched for 10 s");
        assert!(error.message().contains("non-zero exit (4), exit code 4; the version before"), "{error}");
        assert!(job.log().contains("out of memory"), "{}", job.log());
        assert_eq!(swarm.answer("web").await, "one");
    });
}
