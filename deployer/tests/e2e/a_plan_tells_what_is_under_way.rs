//! What the deployer beside is doing, waits for or was cut at is told as that; what has failed for good is no step.

use testbed::base_image;

use crate::support::{Bed, Planner, Service, Site, Sleep, eventually};

#[test]
fn a_plan_tells_what_is_under_way() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let mut planner = Planner::of(&bed);
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run(["--confirm", "dangerous"]);
    deployer.hears(["docker-service", "waits for confirmation"]);
    let job = bed.job("docker-service", "waiting for confirmation");
    let plan = planner.asks(["--detailed-exitcode"], 2);
    let told = format!("the deployer that runs has it as {}: waiting for confirmation", job.id);
    assert!(plan.contains(&told) && plan.contains("1 step to do."), "{plan}");
    bed.ask(["approve", &job.id]);
    deployer.hears_it_is_live();
    Service::of(&bed.engine, "demo-site");

    // A build, while it runs, and when its deployer has gone.
    let sleep = Sleep::of_one_hour();
    let slow = site.commit_dockerfile("slow", &format!("FROM base\nRUN {sleep}\n"));
    site.push(&slow);
    sleep.begins();
    let job = bed.job("docker-build", "running");
    let plan = planner.asks([], 0);
    let told =
        |plan: &str, texts: &[&str]| texts.iter().for_each(|text| assert!(plan.contains(text), "{plan}"));
    told(
        &plan,
        &[
            "~ docker-build",
            ": goes on",
            "the deployer that runs is at it: running",
            &job.id,
            "3 steps to do.",
        ],
    );
    deployer.stops();
    sleep.is_over();
    let plan = planner.asks([], 0);
    told(&plan, &["~ docker-build", ": goes on", "it was cut, and the next start goes on with it", &job.id]);
    std::fs::write(bed.home().join("deployer.toml"), "confirm = 'dangerous'\n").unwrap();
    let plan = planner.asks(["--config", "deployer.toml"], 0);
    told(&plan, &["~ docker-service", "it waits for confirmation: it is dangerous"]);

    // The branch has moved on: what was cut is nobody's step, and is still told.
    let bad = site.commit_dockerfile("bad", "FROM base\nRUN exit 7\n");
    site.push(&bad);
    let plan = planner.asks([], 0);
    told(
        &plan,
        &["Begun before, and brought to its end or taken back:\n  ~ docker-build Dockerfile of site@"],
    );
    told(&plan, &[&slow[..8], &job.id, "+ git-fetch", &bad[..8], "5 steps to do."]);

    // A build that fails for good. Nothing more is done for this commit.
    let mut deployer = bed.run([]);
    deployer.hears(["ERROR", "docker-build", "exit code 7"]);
    let job = bed.job_for("docker-build", &bad[..8], "failed");
    let failed = |plan: &str| {
        let rebuild = format!("`deployer rebuild {}`", job.id);
        told(plan, &["! docker-build", "failed before: ", "exit code 7", &rebuild]);
        assert!(!plan.contains("docker-push"), "{plan}");
        told(plan, &["Nothing to do that is known of, 1 entry with an error."]);
    };
    failed(&planner.asks(["--detailed-exitcode"], 1));
    deployer.stops();
    failed(&planner.asks(["--detailed-exitcode"], 1));
}

#[test]
fn an_update_that_a_crash_cut_comes_before_the_one_wanted() {
    let bed = Bed::swarm();
    let mut planner = Planner::of(&bed);
    let site = Site::at(&bed.site());
    site.publish("one");
    let mut deployer = bed.run([]);
    deployer.hears_it_is_live();
    site.publish("two");
    deployer.hears(["docker-service demo-site on local", ": started"]);
    let job = bed.job("docker-service", "running");
    // Killed: its socket stays, and nobody listens.
    drop(deployer);
    assert!(bed.state().join("control.sock").exists());
    let updating =
        || bed.engine.docker(["service", "inspect", "--format", "{{json .UpdateStatus}}", "demo-site"]);
    eventually("a service at rest", || (!updating().contains("\"updating\"")).then_some(()));
    Service::of(&bed.engine, "demo-site");

    let plan = planner.asks([], 0);
    let told =
        |plan: &str, texts: &[&str]| texts.iter().for_each(|text| assert!(plan.contains(text), "{plan}"));
    told(&plan, &["~ docker-service", ": goes on", "it was cut", &job.id, "1 step to do."]);
    assert!(!plan.contains("another version") && !plan.contains("A deployer runs"), "{plan}");
    site.publish("three");
    let plan = planner.asks([], 0);
    told(
        &plan,
        &["~ docker-service", ": goes on", "it was cut", &job.id, "another version", "4 steps to do."],
    );

    let mut deployer = bed.run([]);
    deployer.hears([&job.id, ": done"]);
    deployer.hears_it_is_live();
    assert_eq!(Service::of(&bed.engine, "demo-site").page(), "three");
    deployer.stops();
}
