//! However long it runs, the journal holds little more than what still matters; and a compaction does its steps in
//! the order that survives a power cut at any of them.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ci_core::store::{Disk, JobFilter, Options, RealDisk, Store};
use store_support::*;

#[test]
fn a_long_life_leaves_a_small_journal() {
    let dir = quick_dir();
    let options = || Options { jobs_max: 10, segment_bytes_max: 20_000, ..Options::default() };
    let store = Store::open_with(dir.path(), options()).unwrap();
    for lot in 0..100 {
        let numbers = lot * 10..lot * 10 + 10;
        let waiting: Vec<_> = numbers
            .flat_map(|n| [intent("build", n % KEYS, n, 1), outcome(n, true, 1)])
            .map(|record| store.append(record))
            .collect();
        waiting.into_iter().for_each(|append| assert!(append.wait().is_ok()));
    }
    let kept = 10 + KEYS as usize;
    assert_eq!(store.jobs(&JobFilter::default(), usize::MAX).len(), kept);
    let before = answers(&store);
    drop(store);
    let sizes =
        std::fs::read_dir(dir.path().join("journal")).unwrap().map(|f| f.unwrap().metadata().unwrap().len());
    let size: u64 = sizes.sum();
    assert!(size < 40_000, "{size} bytes for {kept} jobs after 1000");
    forget_that_it_was_closed(dir.path());
    let (store, after) = reopened(dir.path(), options()).unwrap();
    assert_eq!((after, store.damage()), (before, vec![]));
}

/// Obeys, and remembers.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Told {
    fn tell(&self, what: &str, path: &Path) {
        let name = path.file_name().unwrap().to_str().unwrap();
        self.0.lock().unwrap().push(format!("{what} {name}"));
    }
}

impl Disk for Told {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.tell("create", path);
        RealDisk.create(path)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.tell("write", Path::new("some"));
        RealDisk.write_at(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.tell("sync", Path::new("it"));
        RealDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.tell("rename to", to);
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.tell("remove", path);
        RealDisk.remove(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.tell("sync", path);
        RealDisk.sync_folder(path)
    }
}

#[test]
fn a_compaction_survives_a_power_cut_at_each_step() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Told::default());
    let options = Options { segment_bytes_max: 300, disk: disk.clone(), ..Options::default() };
    let store = Store::open_with(dir.path(), options).unwrap();
    disk.0.lock().unwrap().clear();
    put(&store, intent("build", 0, 1, 1)).unwrap();
    store.close();
    assert_eq!(
        *disk.0.lock().unwrap(),
        [
            "write some",
            "sync it", // and now it is acknowledged
            "create snapshot.tmp",
            "write some",
            "sync it",
            "rename to 00000000000000000002-2.snapshot",
            "sync journal", // from now on the snapshot counts
            "create 00000000000000000003.journal",
            "sync journal",
            "remove 00000000000000000001.journal",
        ]
    );
}
