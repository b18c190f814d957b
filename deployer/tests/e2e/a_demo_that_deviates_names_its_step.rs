//! A demo that only looks well is worth nothing: whatever is not as told ends it with 1 and the step's name.

use crate::support::{Bed, Demo};

#[test]
fn a_task_that_serves_another_page() {
    deviates("page.html", "s/again/goodbye/", &["second commit: ", "which does not hold \"Hello again\""]);
}

#[test]
fn a_broken_commit_that_goes_live() {
    deviates(
        "Dockerfile",
        "s/^COPY not-there.*/LABEL mended=yes/",
        &["broken commit: ", "went live, although"],
    );
}

fn deviates(file: &str, sed: &str, says: &[&str]) {
    let bed = Bed::swarm();
    let before = bed.holds();
    let demo = Demo::once(&bed);

    demo.commits_changed(file, sed);

    let (status, told) = demo.running.ends();
    assert_eq!(status.code(), Some(1), "{told}");
    let error = told.lines().find(|line| line.starts_with("deployer demo: "));
    let error = error.unwrap_or_else(|| panic!("no error in:\n{told}"));
    for text in says {
        assert!(error.contains(text), "{error}");
    }
    assert_eq!(bed.holds(), before);
}
