//! The pages of a real deployment in a real browser: what runs, what is built, what waits, what failed and why.
//!
//! With `SCREENS` set to a folder, it leaves pictures there: see `scripts/screens`.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use deployer::prelude::*;
use testbed::{Browser, Page, base_image};

use crate::support::{Bed, Library, Running, Site, Sleep};

/// A web service that says when it is well.
const WEB: &str = "FROM scratch\nCOPY site page.html /\nHEALTHCHECK --interval=1s --timeout=2s CMD [\"/site\", \
                   \"check\"]\nENTRYPOINT [\"/site\"]\n";
/// What a compiler and its tests say, in colours.
const CHECK: &str = r"printf '\033[1;32m   Compiling\033[0m api v0.4.1\n\033[1;33mwarning\033[0m: unused variable: `limit`\n'
printf '\033[1;34m  -->\033[0m src/rows.rs:31:9\n\033[1;32m    Finished\033[0m in 41.2 s\n'
printf 'running 3 tests\ntest pages ... \033[32mok\033[0m\ntest titles ... \033[32mok\033[0m\ntest rows ... '
";

#[test]
fn the_pages_show_what_runs_where() {
    let bed = Bed::swarm();
    base_image(&bed.engine, "base");
    let sleep = Sleep::of_one_hour();
    let pictures = std::env::var("SCREENS").ok();
    // Where the table finds the repositories. Pictures do not tell of a test's folder: there /srv is the test's own.
    let git = match &pictures {
        Some(_) => Path::new("/srv/git").to_owned(),
        None => bed.home().to_owned(),
    };
    if pictures.is_some() {
        symlink(bed.home(), &git).unwrap();
    }
    let names = ["shop", "blog", "wiki", "api"];
    let sites = names.map(|name| Site::at(&bed.home().join(name)));
    let [_, blog, wiki, api] = &sites;
    let entry = |name: &str| {
        let web = service(format!("{name}_web")).create_on("bridge").stable_for(Duration::from_secs(1));
        let path = git.join(name);
        let image = format!("team/{name}:live");
        repo(path.to_string_lossy()).docker(dockerfile("Dockerfile").deploy("live", image, [web]))
    };
    let commit = |site: &Site, message: &str, dockerfile: &str| {
        let commit = site.work.commit(message, &[("page.html", message), ("Dockerfile", dockerfile)]);
        site.push(&commit);
        commit
    };
    for (site, name) in sites.iter().zip(names) {
        commit(site, &format!("Begin the {name}"), WEB);
    }
    // A repository that is not there.
    let table = ["shop", "blog", "wiki", "api", "docs"].map(entry);
    let deployer = Library::start_with_pages(&bed, &table);
    for name in names {
        bed.job_for("docker-service", &format!("{name}_web on local"), "ok");
    }

    bed.ask(["confirm", "dangerous"]);
    let broken = commit(blog, "A theme of our own", &format!("{WEB}COPY theme.css /\n"));
    bed.job_for("docker-build", &broken[..8], "failed (permanent)");
    commit(wiki, "Search in titles first", WEB);
    bed.job_for("docker-service", "wiki_web on local", "waiting for confirmation");
    api.work.write("check.sh", &format!("{CHECK}{sleep}\n"));
    let slow = commit(api, "Give rows in pages", "FROM base\nCOPY . /\nRUN sh check.sh\n");
    sleep.begins();
    let building = bed.job_for("docker-build", &slow[..8], "running");
    let mut log = Running::start(bed.deployer(["log", "--follow", &building.id]));
    log.hears(["test titles"]);

    let browser = Browser::start();
    let page = browser.page();
    page.goto(deployer.link());
    // What each place says: its state in words, what it runs, and why it does not run the newest.
    let live = |name: &str| git.join(name).display().to_string();
    let short = |commit: &str| commit[..8].to_owned();
    let shown: [(&str, &str, &[&str]); 5] = [
        (
            "shop",
            "✓ ok",
            &["runs", "of shop", "digest", "sha256:", "healthy", ", by this job", &live("shop")],
        ),
        (
            "blog",
            "⊘ blocked",
            &["of blog", "build Dockerfile of blog@", &short(&broken), "failed", "theme.css"],
        ),
        ("wiki", "? waits for you", &["of wiki", "next", "team/wiki@sha256:"]),
        ("api", "· waiting", &["of api", &short(&slow), "is running"]),
        ("docs", "⊘ blocked", &["nothing yet", &live("docs"), "failed"]),
    ];
    for (name, state, texts) in shown {
        let place = format!("document.querySelector('[data-key=\"{name}_web on local\"]')");
        page.until(&format!("{place}.querySelector('.state').innerText === {state:?}"));
        let says = page.text(&format!("{place}.innerText"));
        for text in texts {
            assert!(says.contains(text), "{name} does not say {text:?}:\n{says}");
        }
    }
    let wrong = page.text("document.querySelector('.wrong').innerText");
    for text in ["theme.css", &live("blog"), &live("docs"), "What to do"] {
        assert!(wrong.contains(text), "{text:?}:\n{wrong}");
    }
    let home = page.text("location.origin");
    page.goto(&format!("{home}/jobs/{}", building.id));
    let why = page.text("document.querySelector('#why summary').innerText");
    assert!(why.contains("commit.id") && why.contains(&format!("→ {}", short(&slow))), "{why}");
    assert!(page.text("document.querySelector('#log').innerText").contains("test titles ... ok"));
    if let Some(folder) = pictures {
        take_pictures(&page, &home, &building.id, Path::new(&folder));
    }
    assert_eq!(page.complaints(), [""; 0]);
    drop(log);
    bed.ask(["cancel", &building.id]);
    sleep.is_over();
    deployer.stops();
}

fn take_pictures(page: &Page, home: &str, job: &str, folder: &Path) {
    for (name, path) in
        [("overview", "/".to_owned()), ("graph", "/graph".to_owned()), ("job", format!("/jobs/{job}"))]
    {
        for (size, width, height) in [("desktop", 1280, 900), ("phone", 390, 844)] {
            page.resize(width, height, size == "phone");
            for dark in [false, true] {
                page.prefer_dark(dark);
                page.goto(&format!("{home}{path}"));
                let tone = if dark { "dark" } else { "light" };
                let file = folder.join(format!("{name}-{size}-{tone}.png"));
                std::fs::write(file, page.screenshot()).unwrap();
            }
        }
    }
}
