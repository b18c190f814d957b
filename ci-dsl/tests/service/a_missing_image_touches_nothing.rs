//! The image is pulled on the target before the service is touched.

use ci_core::FailureKind;

use crate::swarm::with_swarm;

#[test]
fn a_missing_image_touches_nothing() {
    with_swarm(async |swarm| {
        let one = swarm.web("one", "");
        swarm.create("web", &one, &[]);
        assert_eq!(swarm.answer("web").await, "one");
        let version = swarm.version("web").await;
        let repository = one.split_once('@').expect("a digest").0;
        let missing = format!("{repository}@sha256:{}", "0".repeat(64));

        let (result, _) = swarm.update("web", &missing).await;

        let error = result.expect_err("there is no such image");
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.message().contains("is not in its registry"), "{error}");
        assert_eq!(swarm.version("web").await, version);
        assert_eq!(swarm.images_set("web"), Vec::<String>::new());
        assert_eq!(swarm.answer("web").await, "one");

        let elsewhere = format!("127.0.0.1:1/app@sha256:{}", "0".repeat(64));
        let (result, _) = swarm.update("web", &elsewhere).await;
        let error = result.expect_err("there is no such registry");
        assert_eq!(
            error.kind(),
            FailureKind::Infrastructure,
            "a registry that is down may come back: {error}"
        );
        assert_eq!(swarm.version("web").await, version);
    });
}
