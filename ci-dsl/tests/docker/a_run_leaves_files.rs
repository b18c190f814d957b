//! What work leaves at a path is kept when it has succeeded, by its content; a client that died is no reason to lose it.

use std::os::unix::fs::PermissionsExt as _;

use ci_core::executor::Executor as _;
use ci_core::{FailureKind, OpError};
use ci_dsl::artifacts::{Artifact, Artifacts};
use ci_dsl::docker::ArtifactPath;
use ci_dsl::docker::artifact::{artifact, resume};
use tempfile::TempDir;

use crate::support::{Base, TestContainers, TestJob, base, sh};

const MAKES: &str = "busybox mkdir -p /src/dist/sub && cd /src/dist && echo hello >sub/a && echo 'echo ran' >run && busybox chmod 755 run";

fn dist() -> ArtifactPath {
    ArtifactPath::parse("/src/dist").unwrap()
}

struct Bench {
    base: Base,
    executor: TestContainers,
    state: TempDir,
    artifacts: Artifacts,
}

impl Bench {
    async fn new() -> Self {
        let state = TempDir::new().unwrap();
        let artifacts = Artifacts::open(state.path()).await.unwrap();
        Self { base: base().await, executor: TestContainers::new(), state, artifacts }
    }

    async fn leaves(&self, script: &str, path: &str) -> Result<Artifact, OpError> {
        let (job, path) = (TestJob::new(), ArtifactPath::parse(path).unwrap());
        artifact(&self.executor.containers, &job.job, &sh(&self.base, script), &path, &self.artifacts).await
    }
}

#[tokio::test]
async fn a_folder_or_a_file_is_kept_and_its_container_is_gone() {
    let bench = Bench::new().await;
    let folder = bench.leaves(MAKES, "/src/dist").await.unwrap();
    assert_eq!((folder.files, folder.bytes), (2, 15));
    let path = bench.artifacts.path(&folder);
    assert_eq!(std::fs::read(path.join("sub/a")).unwrap(), b"hello\n");
    assert_eq!(std::fs::metadata(path.join("run")).unwrap().permissions().mode() & 0o111, 0o111);
    assert_eq!(bench.leaves(MAKES, "/src/dist/").await.unwrap(), folder, "the same again");
    let file = bench.leaves(MAKES, "/src/dist/sub/a").await.unwrap();
    assert_eq!(std::fs::read(bench.artifacts.path(&file).join("a")).unwrap(), b"hello\n");
    assert_eq!(bench.executor.left(), [""; 0]);
    assert_eq!(std::fs::read_dir(bench.state.path().join("artifacts")).unwrap().count(), 2);
}

#[tokio::test]
async fn where_there_is_nothing_or_a_link_or_no_success_nothing_is_kept() {
    let bench = Bench::new().await;
    for (script, path, expected) in [
        ("true", "/src/dist", "docker run: there is nothing at /src/dist when it has ended"),
        ("busybox ln -s /bin /out", "/out", "\"out\" is a link"),
        ("busybox mkdir /out && busybox ln -s /etc/passwd /out/x", "/out", "\"out/x\" is a link"),
        ("busybox mkdir /out && cd /out && echo a >a && busybox ln a b", "/out", "is a hard link"),
        ("busybox mkdir /out && busybox mkfifo /out/x", "/out", "\"out/x\" is no plain file"),
        ("busybox mkdir /out && exit 3", "/out", "docker run: exit code 3"),
    ] {
        let error = bench.leaves(script, path).await.expect_err(script);
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.message().contains(expected), "{error} is not: {expected}");
    }
    assert_eq!(bench.executor.left(), [""; 0]);
}

#[tokio::test]
async fn a_client_that_died_is_no_reason_to_lose_it() {
    let bench = Bench::new().await;
    let work = sh(&bench.base, MAKES);
    let executor = &bench.executor.containers;

    // It ended while nobody watched.
    let job = TestJob::new();
    let id = executor.submit(job.job.id(), &work).await.unwrap();
    executor.watch(&id).await.unwrap();
    let next = job.reborn();
    let found = resume(executor, &next.job, None, &dist(), &bench.artifacts).await.unwrap().unwrap();
    assert!(bench.artifacts.path(&found).join("sub/a").exists());
    assert_eq!(bench.executor.left(), [""; 0]);

    // It was kept, and noted down as that.
    let noted = next.note();
    let after =
        resume(executor, &next.reborn().job, noted.as_ref(), &dist(), &bench.artifacts).await.unwrap();
    assert_eq!(after, Some(found));

    // It was never submitted.
    let job = TestJob::new();
    assert_eq!(resume(executor, &job.job, None, &dist(), &bench.artifacts).await.unwrap(), None);
}

#[test]
fn a_path_that_can_be_none_is_refused() {
    for path in ["", "/", "//", "/.", "out", "./out", "../../etc/passwd", "/out/../../etc/passwd", "/a\0b"] {
        assert!(ArtifactPath::parse(path).is_err(), "{path:?}");
    }
    assert!(ArtifactPath::parse(&format!("/{}", "x".repeat(ArtifactPath::BYTES_MAX))).is_err());
    for path in ["/out", "/out/", "/a b/..c", "/src/./dist"] {
        assert_eq!(ArtifactPath::parse(path).unwrap().as_str(), path);
    }
}
