//! `site` on a Swarm with a service that somebody made before.

use testbed::{Engine, EngineOptions, GitRepo, Registry, base_image, build_image};

use crate::running::{Running, add_program, events, eventually, failed, fetch};

const DOCKERFILE: &str =
    "FROM scratch\nCOPY busybox /bin/\nCOPY site index.html /\nCMD [\"/site\", \"serve\"]\n";

/// The program in the image. A test that fails takes its time, so that whatever does not wait for it gets ahead.
const SITE: &str = r#"#!/bin/busybox sh
case $1 in
serve) exec /bin/busybox httpd -f -h / ;;
test) /bin/busybox grep -q "works" /index.html || { /bin/busybox sleep 5; exit 1; } ;;
esac
"#;

#[test]
fn site_runs_a_commit_that_passes_its_test_and_no_other() {
    let engine = Engine::start(EngineOptions { swarm: true, ..EngineOptions::default() });
    let registry = Registry::start(&engine);
    base_image(&engine, "base");
    build_image(&engine, "empty", "FROM base\nCMD [\"httpd\", \"-f\"]\n");
    let first = registry.push(&engine, "empty", "empty");
    let create = ["service", "create", "--quiet", "--detach", "--name", "site_web", "--network", "bridge"];
    let quick = ["--stop-grace-period", "0s", "--restart-delay", "100ms", "--update-monitor", "500ms"];
    engine.docker(create.iter().chain(&quick).chain(&[&*first]));
    let service = Service(&engine);

    let repo = GitRepo::new();
    repo.checkout("live");
    add_program(&repo, "site", SITE);
    repo.commit("one", &[("Dockerfile", DOCKERFILE), ("index.html", "one works")]);
    let site = Running::start(env!("CARGO_BIN_EXE_site"), &engine, &registry, &repo);

    // Its job must be over: the next one for the service waits for that.
    let is_done = || site.logs().contains(&format!("service site_web runs {}", service.image()));
    eventually("the first commit is deployed", is_done);
    assert_eq!(service.answer(), "one works");
    let deployed = service.image();
    let pinned = format!("{}/team/site@sha256:", registry.address());
    assert!(deployed.starts_with(&pinned), "{deployed} is pinned by digest");

    let version = service.version();
    repo.commit("two", &[("index.html", "two is broken")]);
    eventually("the second commit's test has failed", || failed(&engine) == 1);
    assert_eq!(service.version(), version, "nobody touched the service");

    repo.commit("three", &[("index.html", "three works")]);
    eventually("the third commit is deployed", || service.image() != deployed && is_done());
    assert_eq!(service.answer(), "three works");
    assert_eq!(service.images_set(), [deployed, service.image()], "it never ran the second commit");
    site.stop();
}

/// `site_web`, as its engine tells it.
struct Service<'a>(&'a Engine);

impl Service<'_> {
    fn image(&self) -> String {
        self.inspect("{{.Spec.TaskTemplate.ContainerSpec.Image}}")
    }

    fn version(&self) -> String {
        self.inspect("{{.Version.Index}}")
    }

    fn inspect(&self, format: &str) -> String {
        self.0.docker(["service", "inspect", "site_web", "--format", format])
    }

    /// What its one container answers at its own address.
    fn answer(&self) -> String {
        let id = self.0.docker(["ps", "-q", "--filter", "label=com.docker.swarm.service.name=site_web"]);
        let address = self.0.docker(["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", &id]);
        fetch(self.0, &format!("http://{address}/"))
    }

    /// Every image that it was set to since it was made.
    fn images_set(&self) -> Vec<String> {
        let images = events(self.0, "type=service", "{{index .Actor.Attributes \"image.new\"}}");
        images.into_iter().filter(|image| image.contains("@sha256:")).collect()
    }
}
