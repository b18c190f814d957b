use ci_registry::{OpenError, Registry};

/// A second one would remove the uploads of the first.
#[tokio::test]
async fn a_directory_has_one_registry() {
    let dir = tempfile::tempdir().unwrap();
    let first = Registry::open(dir.path()).unwrap();
    let same = first.clone();
    drop(first);
    let error = Registry::open(dir.path()).map(|_| ()).unwrap_err();
    assert!(matches!(&error, OpenError::InUse(path) if path == dir.path()), "{error:?}");
    drop(same);
    assert!(Registry::open(dir.path()).is_ok());
}
