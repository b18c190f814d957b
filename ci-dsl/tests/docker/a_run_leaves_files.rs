//! What work leaves at a path is kept when it has succeeded, by its content; a client that died is no reason to lose it.

use std::future::ready;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use ci_core::executor::{Cause, Executor, Exit, Output, Work, WorkId};
use ci_core::{FailureKind, JobId, OpError};
use ci_dsl::artifacts::{Artifact, Artifacts};
use ci_dsl::docker::ArtifactPath;
use ci_dsl::docker::artifact::{artifact, resume};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tempfile::TempDir;

use crate::support::{Base, TestContainers, TestJob, base, sh, tar, work};

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

/// Work that is done. The first times that its files are asked for, the machinery fails.
#[derive(Debug)]
struct Hindered {
    fails: usize,
    asked: AtomicUsize,
    released: AtomicUsize,
}

impl Executor for Hindered {
    fn submit<'a>(&'a self, _: &'a JobId, _: &'a Work) -> BoxFuture<'a, Result<WorkId, OpError>> {
        ready(Ok(WorkId::new("it"))).boxed()
    }

    fn watch<'a>(&'a self, _: &'a WorkId) -> BoxFuture<'a, Result<Exit, OpError>> {
        ready(Ok(Exit { code: 0, cause: Cause::Exited })).boxed()
    }

    fn logs<'a>(&'a self, _: &'a WorkId, _: u64) -> BoxStream<'a, Result<Output, OpError>> {
        futures::stream::empty().boxed()
    }

    fn files<'a>(&'a self, _: &'a WorkId, _: &'a str) -> BoxStream<'a, Result<Bytes, OpError>> {
        assert_eq!(self.released.load(Ordering::Relaxed), 0, "it is still there");
        if self.asked.fetch_add(1, Ordering::Relaxed) < self.fails {
            return futures::stream::iter([Err(OpError::infrastructure("the disk is full"))]).boxed();
        }
        futures::stream::iter([Ok(Bytes::from(tar(&[("a", b"hello\n")])))]).boxed()
    }

    fn cancel<'a>(&'a self, _: &'a WorkId) -> BoxFuture<'a, Result<(), OpError>> {
        panic!("nobody asked for that")
    }

    fn release<'a>(&'a self, _: &'a WorkId) -> BoxFuture<'a, Result<(), OpError>> {
        self.released.fetch_add(1, Ordering::Relaxed);
        ready(Ok(())).boxed()
    }

    fn adopt<'a>(&'a self, _: &'a JobId) -> BoxFuture<'a, Result<Option<WorkId>, OpError>> {
        ready(Ok(None)).boxed()
    }

    fn discard<'a>(&'a self, _: &'a JobId) -> BoxFuture<'a, Result<(), OpError>> {
        ready(Ok(())).boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_is_done_is_not_lost_to_a_machinery_that_fails_for_a_moment() {
    let state = TempDir::new().unwrap();
    let artifacts = Artifacts::open(state.path()).await.unwrap();
    let work = work(&format!("sha256:{}", "0".repeat(64)).parse().unwrap(), "true");
    for (fails, is_kept) in [(1, true), (4, true), (usize::MAX, false)] {
        let executor = Hindered { fails, asked: AtomicUsize::new(0), released: AtomicUsize::new(0) };
        let kept = artifact(&executor, &TestJob::new().job, &work, &dist(), &artifacts).await;
        assert_eq!(kept.as_ref().ok().map(|kept| kept.bytes), is_kept.then_some(6), "{kept:?}");
        assert_eq!(kept.is_err_and(|error| error.kind() == FailureKind::Infrastructure), !is_kept);
        assert_eq!(executor.released.load(Ordering::Relaxed), 1);
        assert!(executor.asked.load(Ordering::Relaxed) <= 5, "it is given up");
    }
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
