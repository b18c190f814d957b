//! A context larger than what is held at a time arrives whole, and is asked for only as fast as it is sent.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use ci_dsl::docker::build::{BuildOptions, Confided, build};
use ci_dsl::docker::client::Docker;
use futures::StreamExt as _;

use crate::support::{BASE, Tagged, TestJob, stream, tar, tar_header};

#[tokio::test]
async fn a_context_is_streamed() {
    const CHUNK: usize = 64 << 10;
    const CHUNKS: usize = 1024;
    let (docker, job, tag) = (Docker::local(), TestJob::new(), Tagged::new());
    // Unique: the output of a step that is cached is not told again.
    let dockerfile = format!(
        "{BASE}RUN --mount=type=bind,target=/c : {}; busybox wc -c </c/big; busybox sha256sum /c/big\n",
        tag.0
    );
    let busybox = std::fs::read("/bin/busybox").unwrap();
    let mut small = tar(&[("Dockerfile", dockerfile.as_bytes()), ("busybox", &busybox)]);
    small.truncate(small.len() - 1024);
    small.extend_from_slice(&tar_header("big", CHUNK * CHUNKS));

    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let big = futures::stream::iter(0..CHUNKS).map(move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        io::Result::Ok(Bytes::from_static(&[0; CHUNK]))
    });
    let end = futures::stream::once(async { Ok(Bytes::from_static(&[0; 1024])) });
    let context = stream(small).chain(big).chain(end);
    let options = BuildOptions::new(tag.0.clone());
    let built = build(&docker, &job.job, &options, None, context, &Confided::default()).await;
    built.unwrap_or_else(|e| panic!("{e}\n{}", job.log()));

    assert_eq!(asked.load(Ordering::Relaxed), CHUNKS);
    let log = job.log();
    assert!(log.contains("67108864\n"), "{log}");
    // sha256 of 64 MiB of zeros.
    assert!(log.contains("3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351"), "{log}");
}
