//! `deployer demo`, and the repository that it makes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Bed, Running};

/// A running demo.
pub(crate) struct Demo {
    pub(crate) running: Running,
    site: PathBuf,
}

impl Demo {
    /// Starts `deployer demo --once`, up to its first commit.
    pub(crate) fn once(bed: &Bed) -> Self {
        let mut running = Running::start(bed.deployer(["demo", "--once"]));
        running.hears(["git commit -m \"Say hello\""]);
        let mut made = fs::read_dir(bed.temporary()).unwrap().flatten();
        let place = made.next().expect("the demo makes a folder of its own").path();
        Self { running, site: place.join("site") }
    }

    /// From the next commit on, `file` is committed changed by a line of sed.
    pub(crate) fn commits_changed(&self, file: &str, sed: &str) {
        let git = |args: &[&str]| {
            let mut git = Command::new("git");
            git.arg("-C").arg(&self.site).args(args);
            assert!(git.status().unwrap().success(), "{git:?}");
        };
        git(&["config", "filter.test.clean", &format!("sed '{sed}'")]);
        fs::write(self.site.join(".git/info/attributes"), format!("{file} filter=test\n")).unwrap();
    }
}
