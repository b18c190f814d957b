//! `deployer local` says what it would do, and where. Each step starts by its own approval, and nothing before.

use std::fs;

use reqwest::StatusCode;

use crate::support::{Bed, Events, Pages, Running, Site};

/// The report whose last line is this one, without what was said before.
fn report(local: &mut Running, begins: &str, last: &str) -> String {
    local.hears([last]);
    let said = String::from_utf8(local.said()).unwrap();
    let from = said.rfind(&format!("\n\n{begins}\n")).unwrap_or_else(|| panic!("no {begins} in:\n{said}"));
    said[from + 2..].to_owned()
}

#[test]
fn local_starts_nothing_before_it_is_approved() {
    let bed = Bed::swarm();
    let site = Site::at(&bed.site());
    let commit = site.publish("one");
    let named = format!("site@{}", &commit[..8]);
    let (before, mut events) = (bed.holds(), Events::of_everything(&bed.engine));
    let mut local = Running::start(bed.deployer(["local"]));

    local.hears(["Trying 1 entry of the table, as a stranger"]);
    local.hears(["Nothing starts before you approve it."]);
    local.hears(["Engines: local (unix://"]);
    local.hears([&format!("State: {}", bed.state().display())]);
    let link = local.hears(["Pages: http://127.0.0.1:"]).trim_start_matches("Pages: ").trim_end().to_owned();
    let first = report(&mut local, "Waits for you:", "needs push to ");
    let fetch = bed.job("git-fetch", "waiting for confirmation").id;
    let tag = first.split("would push to ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(tag.starts_with("127.0.0.1:") && tag.ends_with("/demo/site:live"), "{tag}");
    assert_eq!(
        first,
        format!(
            "Waits for you:
  would fetch {named} (live)
    deployer approve {fetch}
Comes after:
  would build Dockerfile
    needs fetch {named} (live), which waits for confirmation
  would push to {tag}
    needs build Dockerfile, which is held back itself
  would update service demo-site on local
    needs push to {tag}, which is held back itself
"
        )
    );
    let pages = Pages::open(&link);
    let overview = pages.read("/");
    for told in [
        format!("would fetch {named} (live)"),
        "would build Dockerfile".to_owned(),
        format!("needs fetch {named} (live), which waits for confirmation"),
        format!("would push to {tag}"),
        "would update service demo-site on local".to_owned(),
        "<h3>demo-site on local</h3>".to_owned(),
    ] {
        assert!(overview.contains(&told), "{told}:\n{overview}");
    }
    let registry = tag.split('/').next().unwrap();
    let images = || pages.fetch(&format!("http://{registry}/v2/_catalog"));
    let nothing = "{\"repositories\":[]}";
    let untouched = |events: &mut Events| {
        assert_eq!(events.until_now(&bed.engine), [""; 0]);
        assert_eq!(bed.holds(), before);
        assert_eq!(images().trim(), nothing);
    };
    untouched(&mut events);
    let mirrors = || fs::read_dir(bed.state().join("git")).unwrap().flatten().filter(|e| e.path().is_dir());
    assert_eq!(mirrors().count(), 0, "nothing is fetched");

    assert!(bed.ask(["approve", &fetch]).starts_with("approved "));
    let second = report(&mut local, "Done:", "needs push to ");
    let build = bed.job("docker-build", "waiting for confirmation").id;
    assert!(second.starts_with(&format!("Done:\n  fetch {named} (live)\nWaits for you:\n")), "{second}");
    assert!(
        second.contains(&format!("would build Dockerfile of {named}\n    deployer approve {build}\n")),
        "{second}"
    );
    assert_eq!(mirrors().count(), 1);
    untouched(&mut events);

    // On the page, by who was given the link.
    let approve = format!("/jobs/{build}/approve");
    assert!(pages.read("/").contains(&format!("action=\"{approve}\"")));
    assert_eq!(pages.press_as_a_stranger(&approve), StatusCode::FORBIDDEN);
    assert_eq!(bed.job("docker-build", "waiting for confirmation").id, build);
    assert_eq!(pages.press(&approve), StatusCode::SEE_OTHER);
    let third = report(&mut local, "Done:", "needs push to ");
    let image = bed.engine.docker(["images", "--no-trunc", "--format", "{{.ID}}", "ci/*"]);
    assert!(image.starts_with("sha256:") && image.lines().count() == 1, "{image}");
    assert!(third.contains(&format!("would push to {tag} ({image})\n")), "{third}");
    assert!(bed.ask(["log", &build]).contains("Approved by a person on the page"));

    let built = events.until_now(&bed.engine);
    assert_eq!(built.len(), 1, "a build, and nothing but a build: {built:?}");
    assert!(built[0].starts_with(&format!("image tag {image} ")), "{built:?}");
    let mut jobs: Vec<_> = bed.jobs().into_iter().map(|job| (job.id, job.state)).collect();
    let push = jobs.remove(0);
    assert!(push.0.contains("docker-push") && push.1 == "waiting for confirmation", "{push:?}");
    assert_eq!(jobs, [(build, "ok".to_owned()), (fetch, "ok".to_owned())]);
    assert_eq!(images().trim(), nothing, "nothing is pushed");
    assert_eq!(bed.engine.docker(["service", "ls", "-q"]), "");

    local.stops();
    // Its state is not taken for that of a deployer which serves others.
    let refused = bed.tell(["run"]);
    assert!(refused.err.contains("is the state of `deployer local`"), "{refused:?}");
    assert_eq!(events.until_now(&bed.engine), [""; 0]);
}
