//! An engine that is not there fails the call, not the program; when it comes, the next call works.

use ci_core::FailureKind;
use ci_core::executor::Executor as _;
use ci_dsl::docker::client::{Docker, DockerHost};
use ci_dsl::docker::container::Containers;
use ci_dsl::docker::image::inspect;
use tokio::net::UnixListener;

use crate::support::{Relay, TestJob};

#[tokio::test]
async fn a_dead_engine_is_infrastructure() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("docker.sock");
    let docker = Docker::new("late", DockerHost::Unix(socket.clone()));
    let name = "a/b".parse().unwrap();

    let says = format!("can't reach the Docker engine at unix://{}: ", socket.display());
    let nothing_there = docker.ping().await.expect_err("nothing is there");
    assert_eq!(nothing_there.kind(), FailureKind::Infrastructure);
    assert!(nothing_there.message().starts_with(&says) && nothing_there.hint().is_some(), "{nothing_there}");

    drop(UnixListener::bind(&socket).unwrap());
    let nobody_listens = inspect(&docker, &name).await.expect_err("nobody listens");
    assert_eq!(nobody_listens.kind(), FailureKind::Infrastructure);
    assert!(nobody_listens.message().starts_with(&says), "{nobody_listens}");
    let containers = Containers::new(docker.clone(), "test-late").unwrap();
    let adopted = containers.adopt(TestJob::new().job.id()).await.expect_err("nobody listens");
    assert_eq!(adopted.kind(), FailureKind::Infrastructure);

    // The engine starts: here, the machine's own behind the other socket.
    std::fs::remove_file(&socket).unwrap();
    Relay::new(&socket)
        .until(async {
            docker.ping().await.unwrap();
            let info = docker.info().await.unwrap();
            assert_eq!(info, Docker::local().info().await.unwrap());
            assert!(!info.version.is_empty() && !info.api_version.is_empty(), "{info:?}");
        })
        .await;

    // And goes away again.
    let gone = docker.ping().await.expect_err("nothing is there");
    assert_eq!(gone.kind(), FailureKind::Infrastructure);
    assert!(gone.message().starts_with(&says), "{gone}");
}
