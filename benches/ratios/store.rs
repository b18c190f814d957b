//! The store: records made durable, and what a start costs with many of them.

use std::path::Path;
use std::time::{Duration, Instant};

use benches::records::records;
use benches::shape::Sizes;
use ci_core::KeyDigest;
use ci_core::store::Store;
use ci_core::store::record::Record;
use criterion::Criterion;
use serde_json::json;
use tempfile::TempDir;

use crate::measure;

/// Records in one group: far more than one sync.
const GROUP: u32 = 1000;

pub(crate) fn bench(criterion: &mut Criterion, sizes: &Sizes) {
    let work = "append a record";
    measure(criterion, (work, "each awaited"), Appends::new, |appends, times| appends.time(times, 1));
    measure(criterion, (work, "in groups of 1,000"), Appends::new, |appends, times| {
        appends.time(times, GROUP) / GROUP
    });
    let work = "open a store of 100,000 records";
    for (who, was_killed) in [("after a close", false), ("after a kill", true)] {
        measure(
            criterion,
            (work, who),
            || filled(sizes.jobs),
            |dir, times| (0..times).map(|_| open(dir.path(), sizes.jobs, was_killed)).sum(),
        );
    }
}

struct Appends {
    store: Store,
    next: u32,
    _dir: TempDir,
}

impl Appends {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("because a temporary folder can be made");
        let store = Store::open(dir.path()).expect("because the folder is new");
        Self { store, next: 0, _dir: dir }
    }

    /// Appends `times` groups of `group` records, each after the one before is durable.
    fn time(&mut self, times: u64, group: u32) -> Duration {
        let jobs =
            u32::try_from(times * u64::from(group)).expect("because nobody waits for so many").div_ceil(2);
        let all: Vec<Record> =
            (self.next..self.next + jobs).flat_map(|n| records(n, self.store.epoch())).collect();
        self.next += jobs;
        let mut all = all.into_iter();
        let began = Instant::now();
        for _ in 0..times {
            let appends: Vec<_> = all.by_ref().take(group as usize).map(|r| self.store.append(r)).collect();
            for append in appends {
                append.wait().expect("because there is space, and the record is new");
            }
        }
        let took = began.elapsed();
        // The last job may lack its end.
        for rest in all {
            self.store.append(rest).wait().expect("because there is space, and the record is new");
        }
        took
    }
}

fn filled(jobs: u32) -> TempDir {
    let mut appends = Appends::new();
    appends.time(1, jobs * 2);
    appends.store.close();
    appends._dir
}

fn open(dir: &Path, jobs: u32, was_killed: bool) -> Duration {
    if was_killed {
        // Without it an index is not believed, as when its process did not come to closing it.
        std::fs::remove_file(dir.join("index.clean")).expect("because it was closed");
    }
    let began = Instant::now();
    let store = Store::open(dir).expect("because nobody has it");
    let took = began.elapsed();
    for n in [0, jobs - 1] {
        assert!(store.result("build", &KeyDigest::of(&json!(n))).is_some());
    }
    store.close();
    took
}
