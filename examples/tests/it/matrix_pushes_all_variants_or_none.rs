//! `matrix` with a variant that fails its test, and then none.

use testbed::{Engine, EngineOptions, GitRepo, Registry};

use crate::running::{Running, add_program, eventually, failed, fetch};

const DOCKERFILE: &str =
    "FROM scratch\nARG VARIANT\nENV VARIANT=$VARIANT\nCOPY busybox /bin/\nCOPY app bad /\n";

/// The program in the image. A test that fails takes its time, so that whatever does not wait for it gets ahead.
const APP: &str = r#"#!/bin/busybox sh
/bin/busybox grep -q "$VARIANT" /bad || exit 0
/bin/busybox sleep 3
exit 1
"#;

#[test]
fn matrix_pushes_all_variants_or_none() {
    let engine = Engine::start(EngineOptions::default());
    let registry = Registry::start(&engine);
    let repo = GitRepo::new();
    add_program(&repo, "app", APP);
    repo.commit("one", &[("Dockerfile", DOCKERFILE), ("bad", "large\n")]);
    let matrix = Running::start(env!("CARGO_BIN_EXE_matrix"), &engine, &registry, &repo);
    let tags = || fetch(&engine, &format!("http://{}/v2/team/app/tags/list", registry.address()));

    eventually("the large variant has failed", || failed(&engine) == 1);
    assert_eq!(tags(), "", "the small one is good, but not pushed");

    repo.commit("two", &[("bad", "neither\n")]);
    eventually("both are pushed", || tags().contains("small") && tags().contains("large"));
    assert_eq!(failed(&engine), 1);
    matrix.stop();
}
