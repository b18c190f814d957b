//! The failure tells the task's error and exit code, the log its last lines, and the version before serves.

use ci_core::FailureKind;

use crate::swarm::with_swarm;

#[test]
fn a_new_version_that_exits_at_once_is_taken_back_with_its_last_words() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        let bad = swarm.image("CMD [\"sh\", \"-c\", \"echo no such table: users; echo sorry >&2; exit 3\"]");
        swarm.create("web", &one, &[]);

        let (result, log) = swarm.update("web", &bad).await;

        let error = result.expect_err("it exits");
        assert_eq!(error.kind(), FailureKind::Permanent);
        let digest = |image: &str| image.split_once("sha256:").expect("a digest").1[..7].to_owned();
        let expected = format!(
            "service web: new version {} did not stay up: task: non-zero exit (3), exit code 3; \
             the version before ({}) serves",
            digest(&bad),
            digest(&one)
        );
        assert_eq!(error.message(), expected);
        assert!(log.contains("no such table: users") && log.contains("sorry"), "{log}");
        assert_eq!(swarm.answer("web").await, "one");
        assert_eq!(swarm.image_set("web").await, one);
        assert_eq!(swarm.images_set("web"), [bad, one]);
    });
}
