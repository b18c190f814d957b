//! `docs/behaviours.md` says what is promised, and by which test each promise is kept. So that it stays true, each test
//! that it names is looked for in the sources, of every package: this is no reason to build them.

mod document;
mod sources;

use std::fs;
use std::path::Path;

use document::{all, faults};

const TEST: &str = "`ci-core::language a_constant_never_changes::it_is_there_at_the_first_step_and_stays`";

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package stands in its workspace")
}

/// What is wrong with a document in which all is well but what it says of T1, and its end.
fn faults_with(t1: &str, end: &str) -> Vec<String> {
    let row = |id: String| if id == "T1" { t1.to_owned() } else { format!("| {id} | it is so | {TEST} |\n") };
    let rows: String = all().map(row).collect();
    let header = "| id | what it promises | proved by |\n|---|---|---|\n";
    faults(&format!("# Promises\n\n## Of all kinds\n\n{header}{rows}\n{end}"), workspace())
}

#[test]
fn every_promise_names_a_test_that_exists() {
    let promises = fs::read_to_string(workspace().join("docs/behaviours.md")).expect("it can be read");
    assert_eq!(faults(&promises, workspace()), [""; 0]);
}

#[test]
fn a_test_that_does_not_exist_is_told() {
    for (test, fault) in [
        ("ci-core::language a_constant_never_changes::perhaps", "no test called perhaps"),
        ("ci-core::language a_variable::it_stays", "no module a_variable"),
        ("ci-core::tongue a_constant_never_changes::it_stays", "no tests/tongue.rs"),
        ("ci-kernel::language a_constant_never_changes::it_stays", "no package ci-kernel"),
        // What helps tests is none, nor is what nobody runs.
        ("ci-core::language failed", "no test called failed"),
        ("deployer::e2e mishaps::the_registry_is_no_help::it_is_out_of_order", "is ignored"),
        ("a_constant_never_changes::it_stays", "is no name of a test"),
    ] {
        let told = faults_with(&format!("| T1 | a constant stays | `{test}` |\n"), "");
        assert!(told.len() == 1 && told[0].starts_with("T1: ") && told[0].contains(fault), "{told:?}");
    }
    let one_of_two = format!("| T1 | a constant stays | {TEST}<br>`ci-core::language perhaps` |\n");
    assert_eq!(faults_with(&one_of_two, ""), ["T1: there is no test called perhaps"]);
}

#[test]
fn tests_are_found_wherever_they_stand() {
    for test in [
        "ci-core level::tests::levels_have_an_order_and_names_and_nothing_else_is_one",
        "ci-core monitor::tests::it_is_watched_before_it_is_read",
        "ci-core incr::aggregate::tests::each_equals_what_is_made_from_nothing",
        "ci-core::store_answers_equal_a_naive_model store_answers_equal_a_naive_model",
        "ci-core::language a_constant_never_changes::it_is_there_at_the_first_step_and_stays",
        "deployer::e2e mishaps::no_node_takes_it::its_node_is_drained",
        "ci-registry::it ours::hostile_names_are_refused::hostile_names_are_refused",
    ] {
        assert_eq!(sources::find(workspace(), test), Ok(()), "{test}");
    }
}

#[test]
fn a_row_stands_once_and_none_is_forgotten() {
    let row = |id: &str| format!("| {id} | a constant stays | {TEST} |\n");
    assert_eq!(faults_with(&row("T1"), ""), [""; 0]);
    assert_eq!(faults_with(&(row("T1") + &row("F-J3")), ""), [""; 0]);
    let twice = row("T1") + &row("F-J3") + &row("F-J3");
    assert_eq!(faults_with(&twice, ""), ["F-J3: it stands twice"]);
    assert_eq!(faults_with("", ""), ["T1: it is missing"]);
    assert_eq!(faults_with(&row("T2"), ""), ["T2: it stands twice", "T1: it is missing"]);
    for id in ["T48", "T0", "E24", "C39", "P7", "F-3", "FJ3", "t1", ""] {
        assert_eq!(faults_with(&row(id), ""), [&format!("{id}: there is no such row"), "T1: it is missing"]);
    }
}

#[test]
fn a_promise_has_words_and_a_proof() {
    assert_eq!(faults_with(&format!("| T1 | | {TEST} |\n"), ""), ["T1: it says nothing"]);
    assert_eq!(faults_with("| T1 | a constant stays | |\n", ""), ["T1: nothing proves it"]);
    let told = ["T1: \"by design\" is no proof", "T1: nothing proves it"];
    assert_eq!(faults_with("| T1 | a constant stays | by design |\n", ""), told);
    let short = faults_with("| T1 | a constant stays |\n", "");
    assert_eq!(short, ["T1: its row has too few cells, or too many"]);
}

#[test]
fn what_is_not_promised_has_a_reason() {
    let end = |row: &str| format!("## Not promised yet\n\n| id | why not |\n|---|---|\n{row}\n");
    assert_eq!(faults_with("", &end("| T1 | nothing is constant |")), [""; 0]);
    assert_eq!(faults_with("", &end("| T1 | |")), ["T1: it says nothing"]);
    assert_eq!(faults_with("", &end("| T1 | nothing is constant |").replace("yet", "")).len(), 1);
    let both = faults_with(&format!("| T1 | a constant stays | {TEST} |\n"), &end("| T1 | or does it? |"));
    assert_eq!(both, ["T1: it stands twice"]);
}
