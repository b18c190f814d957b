//! What a table means, seen without a repository, an engine or a registry.

mod a_commit_is_fetched_built_pushed_and_run_by_its_digest;
mod a_failed_build_blocks_its_own_service_and_no_other;
mod each_branch_goes_its_own_way;
mod local_runs_the_named_entries_and_no_others;
mod the_same_commit_again_asks_nothing;

use ci_core::testing::Driven;
use ci_dsl::docker::Pushed;
use ci_dsl::git::Commit;
use deployer::prelude::*;
use deployer::testing;

const SITE: &str = "https://example.org/site.git";
const WIKI: &str = "https://example.org/wiki.git";

/// Two repositories; the wiki runs on an engine of its own.
fn table() -> Vec<Repo> {
    let toxis = context("toxis");
    vec![
        repo(SITE).docker(dockerfile("Dockerfile").deploy("live", "team/site:live", [service("site_web")])),
        repo(WIKI).docker(
            dockerfile("docker/Dockerfile")
                .arg("FLAVOUR", "small")
                .deploy("live", "team/wiki:live", [toxis.service("wiki_web")])
                .deploy("staging", "team/wiki:staging", []),
        ),
    ]
}

fn site(id: &str) -> Commit {
    testing::commit(SITE, "live", id)
}

/// Brings a commit of the site as far as its push. What is pushed.
fn site_up_to_push(t: &mut Driven, commit: &Commit) -> Pushed {
    let image = testing::built(commit);
    t.reads("head of live in https://example.org/site.git", commit.clone());
    t.completes("fetch live of site", commit);
    t.completes(&format!("build Dockerfile of {commit}"), &image);
    testing::pushed("team/site", &image)
}
