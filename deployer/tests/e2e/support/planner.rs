//! Somebody who only asks what would be done, and sees to it that asking changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use deployer::prelude::Repo;
use deployer::{Plan, Settings};
use tokio::runtime::Runtime;

use super::bed::Ended;
use super::{Bed, Events};

/// Makes plans. After each, the engine has told no event, it holds what it held, and no byte of any file has changed:
/// of the repository, the state directory, the temporary files, and the registries beside the engine.
pub(crate) struct Planner<'a> {
    bed: &'a Bed,
    events: Events,
}

/// A file: what is in it, and when it was written; a folder or a socket: nothing, and when.
type Files = BTreeMap<PathBuf, (Option<Vec<u8>>, SystemTime)>;

impl<'a> Planner<'a> {
    pub(crate) fn of(bed: &'a Bed) -> Self {
        Self { bed, events: Events::of_everything(&bed.engine) }
    }

    /// `deployer plan` with these arguments, which must exit with `code`; what it printed.
    pub(crate) fn asks<const N: usize>(&mut self, args: [&str; N], code: i32) -> String {
        let bed = self.bed;
        let Ended { status, out, err } = self.touching_nothing(|| {
            let mut command = bed.deployer(["plan"]);
            Ended::of(command.args(args).output().unwrap())
        });
        assert_eq!((status.code(), &*err), (Some(code), ""), "deployer plan {args:?}:\n{out}");
        out
    }

    /// The plan for a table of the test's own, as people read it.
    pub(crate) fn asks_for(&mut self, settings: &Settings, table: &[Repo]) -> (Plan, String) {
        let plan = self.touching_nothing(|| {
            // Its threads are started by one that is in the engine's network.
            Runtime::new().unwrap().block_on(Plan::of(settings, table, None)).unwrap()
        });
        let text = plan.text(false);
        (plan, text)
    }

    fn touching_nothing<T>(&mut self, ask: impl FnOnce() -> T) -> T {
        self.events.are_told(&self.bed.engine);
        let before = (self.bed.holds(), self.files());
        let answer = ask();
        assert_eq!(self.events.until_now(&self.bed.engine), [""; 0]);
        let after = (self.bed.holds(), self.files());
        assert_eq!(before.0, after.0);
        let mut all = before.1.keys().chain(after.1.keys());
        let changed = all.find(|path| before.1.get(*path) != after.1.get(*path));
        assert_eq!(changed, None, "nothing is written");
        answer
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        read(self.bed.home(), &mut files);
        for entry in fs::read_dir(self.bed.engine.dir()).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("registry-") {
                read(&entry.path(), &mut files);
            }
        }
        // What Debian's registry logs about questions.
        files.retain(|path, _| !path.ends_with("log"));
        // Making a temporary directory and removing it is no trace.
        files.remove(&self.bed.temporary());
        files
    }
}

fn read(folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, about) = (entry.path(), entry.metadata().unwrap());
        if about.is_dir() {
            read(&path, files);
        }
        let bytes = about.is_file().then(|| fs::read(&path).unwrap());
        files.insert(path, (bytes, about.modified().unwrap()));
    }
}
