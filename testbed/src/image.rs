//! Images for an engine that has none and can pull none.

use std::fs;

use crate::{Engine, debian};

/// Builds an image of Debian's busybox on nothing: a shell, httpd, nc, wget. Its command is `sh`.
///
/// A shell that is a container's process 1 ignores TERM: stop such containers with a grace of 0 s.
///
/// # Panics
///
/// When busybox-static is not installed or the build fails.
pub fn base_image(engine: &Engine, tag: &str) {
    let root = tempfile::tempdir_in(engine.dir()).expect("the engine's folder is writable");
    let bin = root.path().join("bin");
    fs::create_dir_all(&bin).expect("a temporary folder is writable");
    fs::create_dir_all(root.path().join("tmp")).expect("a temporary folder is writable");
    fs::copy(debian::program("busybox", "busybox-static"), bin.join("busybox")).expect("busybox is readable");
    let file = root.path().join("Dockerfile");
    fs::write(&file, "FROM scratch\nCOPY bin /bin\nCOPY tmp /tmp\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nCMD [\"sh\"]\n")
        .expect("a temporary folder is writable");
    engine.docker(["build", "-q", "-t", tag, &root.path().display().to_string()]);
}

/// Builds an image from the text of a Dockerfile that copies nothing. Different texts give different images.
///
/// # Panics
///
/// When the build fails.
pub fn build_image(engine: &Engine, tag: &str, dockerfile: &str) {
    let root = tempfile::tempdir_in(engine.dir()).expect("the engine's folder is writable");
    fs::write(root.path().join("Dockerfile"), dockerfile).expect("a temporary folder is writable");
    engine.docker(["build", "-q", "-t", tag, &root.path().display().to_string()]);
}
