//! An engine that ends in the middle of a step, by a power cut or in order, says nothing about the build: it is no
//! failure of the step, whatever the engine still says.

use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::{Docker, DockerHost};
use testbed::{Engine, EngineOptions, base_image};

use crate::support::{TestJob, context, stream};

const DOCKERFILE: &str = "FROM base\nRUN echo be''gun && sleep 60\n";

async fn build_until(end: fn(&mut Engine)) {
    let mut engine = Engine::start(EngineOptions::default());
    base_image(&engine, "base");
    let docker = Docker::new("own", DockerHost::Unix(engine.socket()));
    let job = TestJob::new();
    let options = BuildOptions::new("built:latest".parse().unwrap());
    let confided = Confided::default();
    let building =
        build(&docker, &job.job, &options, Some(DOCKERFILE), stream(context(DOCKERFILE)), &confided);
    let ending = async {
        job.log_holds("begun").await;
        tokio::task::block_in_place(|| end(&mut engine));
    };
    let (built, ()) = tokio::join!(building, ending);
    let error = built.expect_err("its engine is gone");
    assert!(error.kind().is_retried(), "{:?}: {error}", error.kind());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_power_cut() {
    build_until(Engine::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_it_was_stopped_in_order() {
    build_until(Engine::stop).await;
}
