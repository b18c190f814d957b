//! Escape codes in commit messages, branch names and build output; a path that a shell would take apart.

use testbed::base_image;

use crate::support::{Bed, Demo, Service, Site};

/// What is asked for here must not reach a terminal: clear the screen (ESC, and CSI in one character).
const CLEAR: &str = "\x1b[2J";
const CSI: &str = "\u{9b}";

#[test]
fn strangers_can_not_steer_the_terminal() {
    let bed = Bed::swarm_in("it's $(touch pwned); & \"here\"");
    base_image(&bed.engine, "base");
    let site = Site::at(&bed.site());
    let evil = format!("{CLEAR}evil{CSI}2J");
    site.work.git(["commit", "-q", "--allow-empty", "-m", &evil]);
    site.work.git(["push", "-q", &bed.site().to_string_lossy(), &format!("HEAD:refs/heads/e{CSI}2J")]);
    let mut deployer = bed.run([]);
    deployer.hears(["has no branch live", "it has e\\u{9b}2J"]);

    let quoted = "FROM scratch\nCOPY site page.html /\nENTRYPOINT [\"/site\"]\n";
    site.work.commit(&evil, &[("page.html", "one"), ("Dockerfile", quoted)]);
    site.push("HEAD");
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "one");

    let speaks =
        format!("FROM base\nRUN echo '{CLEAR}{CSI}2J'; printf '\\033[2J\\n' >&2; exit 5 # {CLEAR}\n");
    site.work.commit(&evil, &[("Dockerfile", &speaks)]);
    site.push("HEAD");
    deployer.hears(["ERROR", "docker-build", "exit code 5"]);

    let job = bed.job("docker-build", "failed");
    let said = String::from_utf8(deployer.said()).unwrap() + &bed.ask(["jobs"]);
    let steers = |c: char| c.is_control() && c != '\n';
    assert_eq!(said.lines().find(|line| line.contains(steers)), None);
    assert!(said.contains("\\u{1b}[2J"), "it is shown as what it is: {said}");
    assert!(bed.ask(["log", &job.id]).contains(CLEAR), "a log is what came, byte for byte");
    let refused = bed.tell(["log", CLEAR]);
    assert!(!refused.err.contains('\x1b'), "{refused:?}");
    deployer.stops();
    let made = std::fs::read_dir(bed.home()).unwrap().flatten().map(|entry| entry.file_name());
    let mut made: Vec<_> = made.collect();
    made.sort();
    assert_eq!(made, ["demo", "state", "tmp"]);
}

#[test]
fn the_demo_shows_what_jobs_print_and_obeys_none_of_it() {
    let bed = Bed::swarm();
    let demo = Demo::once(&bed);
    // A step's name is the Dockerfile's text. The log holds it as it came.
    demo.commits_changed("Dockerfile", r#"s|^ENTRYPOINT|COPY page.html "/x\x1b[2J"\n&|"#);

    let (status, told) = demo.running.ends();

    assert!(status.success(), "{told}");
    assert!(told.contains("│") && told.contains("\\u{1b}[2J"), "{told}");
    assert_eq!(told.lines().find(|line| line.contains(char::is_control)), None);
}
