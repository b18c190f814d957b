//! A deployer's state is copied while it works, by the program itself; put in place elsewhere it goes on as if nothing had
//! happened: it knows its jobs, and touches nothing that is as it should be.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use testbed::base_image;

use crate::support::{Bed, Ended, Service, Site, Sleep};

/// What of a state directory is in no copy, since it is made anew or lets somebody in.
const NOT_COPIED: [&str; 6] = ["lock", "index", "index.clean", "control.sock", "web-token", "git"];

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Records and jobs: logs may still grow.
fn counts(told: &str) -> Vec<&str> {
    told.lines().take(2).collect()
}

#[test]
fn a_backup_of_a_running_deployer_is_put_in_place() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let site = Site::at(&bed.site());
    let one = site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    let sleep = Sleep::of_one_hour();
    site.push(&site.commit_dockerfile("slow", &format!("FROM base\nRUN {sleep}\n")));
    sleep.begins();
    let (jobs, service) = (bed.jobs(), Service::of(&bed.engine, "demo-site"));
    let deployed = bed.job("docker-service", "ok").id;
    let log = bed.ask(["log", &deployed]);

    let checked = bed.ask(["store", "check"]);
    assert!(checked.contains(" 5 ended, 1 open"), "{checked}");
    let copied = bed.ask(["store", "backup", "backup"]);
    assert_eq!(counts(&copied), counts(&checked));
    assert_eq!(bed.jobs(), jobs, "it runs on");
    let backup = bed.home().join("backup");
    let state: BTreeSet<_> =
        names(&bed.state()).into_iter().filter(|name| !NOT_COPIED.contains(&&**name)).collect();
    let note = BTreeSet::from(["backup.json".to_owned()]);
    assert_eq!(
        names(&backup),
        &state | &note,
        "what there is in a state directory is copied, or named above"
    );
    assert_eq!(names(&backup.join("registry")), BTreeSet::from(["port".to_owned()]), "no images");
    for args in [["store", "backup", "backup"], ["store", "restore", "backup"]] {
        let Ended { status, err, .. } = bed.tell(args);
        assert_eq!((status.code(), err.contains("is not empty (hint: ")), (Some(1), true), "{args:?}: {err}");
    }
    deployer.stops();
    sleep.is_over();

    // All is lost but the copy, and the branch is where it was.
    fs::remove_dir_all(bed.state()).unwrap();
    site.push(&one);
    assert_eq!(bed.ask(["store", "restore", "backup"]), copied);
    assert_eq!(bed.ask(["store", "check"]), copied);
    let mut deployer = bed.run([]);
    deployer.hears(["docker-service demo-site on local", ": done before", &deployed]);
    assert_eq!(bed.ask(["log", &deployed]), log);
    let known: BTreeSet<_> = bed.jobs().into_iter().map(|job| job.id).collect();
    assert!(jobs.iter().all(|job| known.contains(&job.id)), "{known:?}");
    assert_eq!(Service::of(&bed.engine, "demo-site"), service, "nothing is touched");
    deployer.stops();

    fs::write(backup.join("owner"), "0123456789ab").unwrap();
    let Ended { status, out, .. } = bed.tell(["store", "check", "backup"]);
    assert_eq!(status.code(), Some(1));
    assert!(out.contains("damaged  backup/owner: it is not as it was"), "{out}");
}
