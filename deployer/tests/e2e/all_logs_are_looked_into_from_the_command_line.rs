//! `deployer logs search` prints where a text stands in the logs of all jobs, and how to see what it does not print;
//! `deployer housekeeping` says what there is to do.

use testbed::base_image;

use crate::support::{Bed, Site};

#[test]
fn all_logs_are_looked_into_from_the_command_line() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let site = Site::at(&bed.site());
    let steps = "FROM base\nRUN for i in 1 2 3 4 5 6 7; do echo Needle-$i; done; exit 9\n";
    site.push(&site.commit_dockerfile("bad", steps));
    let mut deployer = bed.run(["--listen", "none"]);
    deployer.hears(["ERROR", "docker-build"]);
    let build = bed.job("docker-build", "failed").id;

    let found = bed.tell(["logs", "search", "needle-"]);
    assert!(found.status.success(), "{found:?}");
    let lines: Vec<_> = found.out.lines().collect();
    assert_eq!(lines.len(), 5, "{found:?}");
    assert!(lines.iter().all(|line| line.starts_with(&format!("{build}:"))), "{found:?}");
    assert_eq!(found.err, format!("there may be more in that log: deployer log {build}\n"));
    let none = bed.tell(["logs", "search", "-E", "needle-[89]"]);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", ""), "{none:?}");

    // One log after the other, to the end.
    let first = bed.tell(["logs", "search", "git-fetch|docker-build", "-E", "--limit", "1"]);
    let (_, before) = first.err.split_once("there is more; to go on: --before ").expect("there are two logs");
    assert_eq!(before.trim_end(), build, "{first:?}");
    let second = bed.ask(["logs", "search", "git-fetch|docker-build", "-E", "--before", before.trim_end()]);
    assert!(!second.is_empty() && !second.contains(&build), "{second}");

    assert_eq!(bed.ask(["housekeeping", "--dry-run"]), "nothing to tidy up\n");
    assert!(bed.ask(["housekeeping", "--json"]).contains("\"things\": []"));
    deployer.stops();
}
