//! `deployer local REPO` runs the entries of that repository, and asks nobody for the others.

use crate::support::{Bed, Events, Running, Site};

#[test]
fn local_tries_the_entries_that_are_named() {
    let bed = Bed::swarm();
    let (site, wiki) = (Site::at(&bed.home().join("team/site.git")), bed.home().join("team/wiki.git"));
    let commit = site.publish("one");
    let table = format!(
        "{0}/team/site.git live team/site:live site\n{0}/team/site.git live team/site:next\n\
         {1} live team/wiki:live wiki",
        bed.home().display(),
        wiki.display()
    );
    let program = env!("CARGO_BIN_EXE_deployer-of-tests");
    let told = |args: [&str; 2]| {
        let mut command = bed.program(program, args);
        command.env("TABLE", &table);
        command
    };
    let output = told(["local", "blog"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("no repository \"blog\"; it has "), "{said}");
    assert!(said.contains("/team/site.git, ") && said.contains("/team/wiki.git"), "{said}");
    assert!(!bed.state().exists());

    let mut events = Events::of_everything(&bed.engine);
    let mut local = Running::start(told(["local", "team/site"]));
    local.hears(["Trying 2 of 3 entries of the table"]);
    local.hears([&format!("would fetch site@{} (live)", &commit[..8])]);
    local.hears(["needs push to 127.0.0.1:", "/team/site:live, which is held back itself"]);
    assert_eq!(events.until_now(&bed.engine), [""; 0]);
    let said = local.stops();
    assert!(!said.contains("wiki"), "{said}");
    assert!(said.contains("would push to 127.0.0.1:") && said.contains("/team/site:next"), "{said}");
}
