//! A job's log: what a line costs its job, and what it costs with somebody who reads along.

use std::time::{Duration, Instant};

use ci_core::job::Log;
use criterion::Criterion;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::measure;

const LINE: &[u8] = b"#12 [stage-1 3/7] RUN cargo build --release: compiling one more crate\n";
/// Lines in one log: not so many that it is full.
const LINES_MAX: u64 = Log::BYTES_MAX / LINE.len() as u64;

pub(crate) fn bench(criterion: &mut Criterion) {
    let work = "log a line";
    measure(criterion, (work, "nobody follows"), Logs::new, |logs, times| logs.time(times, false));
    measure(criterion, (work, "followed to the end"), Logs::new, |logs, times| logs.time(times, true));
}

struct Logs {
    dir: TempDir,
    runtime: Runtime,
}

impl Logs {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build();
        Self {
            dir: tempfile::tempdir().expect("because a temporary folder can be made"),
            runtime: runtime.expect("because threads can be had"),
        }
    }

    /// Writes that many lines. A follower starts before the first, and must have read the last.
    fn time(&mut self, lines: u64, followed: bool) -> Duration {
        let path = self.dir.path().join("log");
        let (mut left, mut took) = (lines, Duration::ZERO);
        while left > 0 {
            let lines = left.min(LINES_MAX);
            left -= lines;
            let log = Log::append_to(&path);
            let mut reader = log.follow(0);
            let follower = followed.then(|| {
                self.runtime.spawn(async move {
                    while reader.next().await.expect("because it is there").is_some() {}
                    reader.offset()
                })
            });
            let began = Instant::now();
            for _ in 0..lines {
                log.write(LINE);
            }
            log.finish();
            let read = follower.map(|f| self.runtime.block_on(f).expect("because it does not panic"));
            took += began.elapsed();
            let written = std::fs::read(&path).expect("because it was written");
            assert_eq!(written.len() as u64, lines * LINE.len() as u64);
            assert_eq!(read.unwrap_or(written.len() as u64), written.len() as u64);
            std::fs::remove_file(&path).expect("because it is there");
        }
        took
    }
}
