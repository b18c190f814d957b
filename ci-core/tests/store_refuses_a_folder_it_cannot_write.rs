//! A state directory that can't be written is named, with what to do about it.
#![allow(clippy::unwrap_used, reason = "a helper of a test may panic as the test may")]

mod store_support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ci_core::store::{OpenError, Store};

const CHILD: &str = "STORE_TEST_READ_ONLY";

fn is_refused(dir: &Path) {
    let error = Store::open(dir).unwrap_err();
    assert!(matches!(&error, OpenError::NotWritable { dir: named, .. } if named == dir), "{error}");
    assert!(error.to_string().contains(dir.to_str().unwrap()), "{error}");
    assert!(error.hint().contains("user this program runs as"));
}

#[test]
fn a_read_only_folder_is_refused() {
    if let Some(dir) = std::env::var_os(CHILD) {
        // Root may write everywhere but on a file system that is mounted read-only.
        return is_refused(dir.as_ref());
    }
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(dir.path().join("probe"), "").is_err() {
        return is_refused(dir.path());
    }
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" || { echo cannot mount; exit 0; }; \
                  exec \"$@\"";
    let run = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_read_only_folder_is_refused", "--nocapture"])
        .env(CHILD, dir.path())
        .output();
    match run {
        Ok(run) if run.status.success() => println!("{}", String::from_utf8_lossy(&run.stdout)),
        Ok(run) => panic!("{}", String::from_utf8_lossy(&run.stderr)),
        Err(error) => println!("cannot run unshare: {error}"),
    }
}

#[test]
fn a_file_in_its_place_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state");
    std::fs::write(&file, "mine").unwrap();
    let error = Store::open(&file).unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn what_it_makes_is_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("deep/state");
    let _store = Store::open(&state).unwrap();
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(
        _store.log_path(&store_support::job(1)),
        state.join("jobs/2026-11-20/000001-build-000001.log")
    );
}
