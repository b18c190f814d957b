//! Makes the demo's web service: one static program, embedded in ours.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=site/main.rs");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let rustc = std::env::var_os("RUSTC").expect("cargo sets RUSTC");
    let target = std::env::var("TARGET").expect("cargo sets TARGET");
    let status = Command::new(rustc)
        .args([
            "--edition",
            "2024",
            "--crate-name",
            "site",
            "-O",
            "-C",
            "strip=symbols",
            "-C",
            "target-feature=+crt-static",
        ])
        .args(["--target", &target, "site/main.rs", "-o"])
        .arg(Path::new(&out).join("site"))
        .status()
        .expect("rustc can be started: cargo just did");
    assert!(status.success(), "the demo's web service does not compile");
}
