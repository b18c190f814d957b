//! A plan for one repository leaves to the others what is theirs, and says why a job that goes on has not come further.

use std::process::Output;

use testbed::base_image;

use crate::support::{Bed, Running, Site, Sleep, eventually};

#[test]
fn a_plan_for_one_repository_tells_nothing_of_the_others() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let sites = ["done", "slow", "bare"].map(|name| Site::at(&bed.home().join(name)));
    let table = "done live team/done:live\nslow live team/slow:live\nbare live team/bare:live bare";
    let program = |args: &[&str]| {
        let mut command = bed.program(env!("CARGO_BIN_EXE_deployer-of-tests"), []);
        command.args(args).env("TABLE", table);
        command
    };
    let plan = |args: &[&str]| {
        let Output { status, stdout, stderr } = program(args).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&stderr), "");
        (status.code().unwrap(), String::from_utf8(stdout).unwrap())
    };
    let [done, slow, bare] = &sites;
    let mut deployer = Running::start(program(&["run"]));
    deployer.hears(["the deployer runs"]);
    done.publish("one");
    deployer.hears(["docker-push", "/team/done:live", "done"]);
    bare.publish("one");
    deployer.hears(["there is no service bare"]);
    let sleep = Sleep::of_one_hour();
    slow.push(&slow.commit_dockerfile("one", &format!("FROM base\nRUN {sleep}\n")));
    sleep.begins();

    let (code, told) = plan(&["plan", "done", "--detailed-exitcode"]);
    assert_eq!((code, told.contains("Begun before")), (0, false), "{told}");
    assert!(told.ends_with("Nothing to do.\n"), "{told}");
    let (code, told) = plan(&["plan", "slow", "--detailed-exitcode"]);
    assert!(code == 2 && told.contains("the deployer that runs is at it: running"), "{told}");
    eventually("a plan that says why it goes on", || {
        let (_, told) = plan(&["plan", "bare"]);
        (told.contains("tried again in ") && told.contains("there is no service bare")).then_some(())
    });

    // What no entry asks for any more is told whoever is asked about.
    deployer.stops();
    sleep.is_over();
    slow.publish("two");
    let (code, told) = plan(&["plan", "done", "--detailed-exitcode"]);
    assert!(code == 2 && told.contains("Begun before") && told.contains("~ docker-build"), "{told}");
}
