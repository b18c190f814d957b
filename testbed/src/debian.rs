//! Programs that must be there, and the Debian package that each comes with.

use std::path::PathBuf;
use std::process::{Command, Output};

/// Where `program` is.
///
/// # Panics
///
/// When it is not installed; the message names the package.
pub(crate) fn program(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("this test needs {program}: apt-get install {package}"))
}

/// Runs a command to its end and returns what it printed, without the last line break.
///
/// # Panics
///
/// When it can't be started or fails; the message holds what it said.
pub(crate) fn run(command: &mut Command) -> String {
    let output = output(command);
    if !output.status.success() {
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        panic!("{command:?}: {}: {}{}", output.status, out, err);
    }
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Runs a command to its end, however it ends.
///
/// # Panics
///
/// When it can't be started.
pub(crate) fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"))
}
