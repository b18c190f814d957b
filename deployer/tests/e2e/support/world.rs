//! A deployer at work in a world that can go wrong: an engine, a repository, a service, and somebody who commits.

use std::fs;
use std::path::PathBuf;

use ci_core::store::Store;
use deployer::{Client, ClientError, Standing};
use testbed::base_image;
use tokio::runtime::Runtime;

use super::{Bed, Events, Running, Service, Site, eventually, images_set};

/// The service that the table names.
pub(crate) const SERVICE: &str = "site";

/// A step that takes a moment, so that something can fall into it.
const DOCKERFILE: &str = "FROM base\nCOPY site page.html /\nRUN [\"/bin/sleep\", \"0.3\"]\n\
     HEALTHCHECK --interval=1s --timeout=2s CMD [\"/site\", \"check\"]\nENTRYPOINT [\"/site\"]\n";

/// Tells the narration, and every child process and outside call when it begins and when it ends.
const TRACE: &str = "warn,ci_core=info,ci_dsl=info,ci_registry=info,deployer=info,ci::outside=info";

/// See the module. Everything goes with its engine.
pub(crate) struct World {
    pub(crate) bed: Bed,
    pub(crate) site: Site,
    /// The table, as `deployer-of-tests` reads it.
    pub(crate) table: String,
    /// Further flags of `deployer run`.
    pub(crate) flags: Vec<String>,
    /// What its environment holds besides.
    pub(crate) env: Vec<(String, String)>,
    deployer: Option<Running>,
    /// What the engine tells, as long as nobody ends it.
    events: Option<Events>,
    /// The images that the service was set to, as far as they were counted.
    put: Vec<String>,
    page: u32,
}

impl World {
    /// One repository, one service that is created when it is missing; the first page is served.
    pub(crate) fn that_works() -> Self {
        let mut world = Self::before_its_start();
        world.starts();
        world.publishes();
        world.is_well_again();
        world
    }

    /// The same, before the deployer is started and anything is committed.
    pub(crate) fn before_its_start() -> Self {
        Self::around(Bed::swarm())
    }

    /// The same, around an engine of the test's choice.
    pub(crate) fn around(bed: Bed) -> Self {
        base_image(&bed.engine, "base");
        let site = Site::at(&bed.site());
        let table = format!("{} live team/{SERVICE}:live {SERVICE} bridge", bed.site().display());
        let events = Some(Events::of(&bed.engine));
        Self {
            bed,
            site,
            table,
            flags: Vec::new(),
            env: Vec::new(),
            deployer: None,
            events,
            put: Vec::new(),
            page: 0,
        }
    }

    /// Starts the deployer, and waits until it says that it runs.
    pub(crate) fn starts(&mut self) {
        let mut deployer = self.starts_somehow();
        deployer.hears(["the deployer runs"]);
        self.deployer = Some(deployer);
    }

    /// Starts a deployer of which nobody knows yet how it ends.
    pub(crate) fn starts_somehow(&self) -> Running {
        // Mounts of its own: what a mishap does to them nobody else sees.
        let alone = ["--mount", "--propagation", "private", env!("CARGO_BIN_EXE_deployer-of-tests"), "run"];
        let mut command = self.bed.program("unshare", alone);
        command.args(&self.flags).env("TABLE", &self.table).env("RUST_LOG", TRACE);
        command.envs(self.env.clone());
        Running::start(command)
    }

    /// Ends the deployer as systemd does.
    pub(crate) fn stops(&mut self) {
        self.deployer.take().expect("it runs").stops();
    }

    /// The deployer's log, from where it was last heard.
    pub(crate) fn log(&mut self) -> &mut Running {
        self.deployer.as_mut().expect("it runs")
    }

    /// Somebody commits the next page and pushes it.
    pub(crate) fn publishes(&mut self) -> String {
        let commit = self.commits();
        self.site.push(&commit);
        commit
    }

    /// The same, with another step in the Dockerfile.
    pub(crate) fn publishes_with(&mut self, step: &str) {
        self.page += 1;
        let dockerfile = format!("{DOCKERFILE}{step}\n");
        let commit = self.site.commit_dockerfile(&self.page.to_string(), &dockerfile);
        self.site.push(&commit);
    }

    /// Somebody commits the next page, and does not push it yet.
    pub(crate) fn commits(&mut self) -> String {
        self.page += 1;
        self.site.commit_dockerfile(&self.page.to_string(), DOCKERFILE)
    }

    /// Somebody sets the branch back to the page before.
    pub(crate) fn takes_back(&mut self) {
        self.page -= 1;
        self.site.work.git(["reset", "-q", "--hard", "HEAD~1"]);
        self.site.push(&self.site.work.head());
    }

    /// What was done to the service, and is done to it from now on, is not counted.
    pub(crate) fn stops_counting(&mut self) {
        self.events = None;
        self.put.clear();
    }

    /// The engine is about to be ended: what is done to it can't be counted until [`World::counts_again`].
    pub(crate) fn pauses_counting(&mut self) {
        if let Some(mut events) = self.events.take() {
            self.put.extend(images_set(&events.until_now(&self.bed.engine), SERVICE));
        }
    }

    /// The engine runs again: what is done to it from now on is counted, too.
    pub(crate) fn counts_again(&mut self) {
        self.events = Some(Events::of(&self.bed.engine));
    }

    /// The page that is to be served.
    pub(crate) fn newest(&self) -> String {
        self.page.to_string()
    }

    /// People are told one message that holds all of `parts`: in the log, on the terminal, and on the page. It says
    /// what to do, or that nothing is to be done.
    pub(crate) fn tells<const N: usize>(&mut self, parts: [&str; N]) {
        self.log().hears(parts);
        self.tells_still(parts);
    }

    /// The same on the terminal and on the page, whenever it was logged.
    pub(crate) fn tells_still<const N: usize>(&self, parts: [&str; N]) {
        let holds = |text: &str| parts.iter().all(|part| text.contains(part));
        eventually(&format!("a line of `deployer status` that holds {parts:?}"), || {
            let status = self.bed.ask(["status"]);
            status.lines().find(|line| holds(line)).map(str::to_owned)
        });
        let page = eventually(&format!("an overview that holds {parts:?}"), || {
            Some(self.page_at("/")).filter(|page| holds(page))
        });
        assert!(!page.contains("Everything is as the pipeline says"), "while {parts:?}: {page}");
    }

    /// What a visitor of a page reads, without its tags' escapes.
    pub(crate) fn page_at(&self, path: &str) -> String {
        let page = self
            .bed
            .engine
            .command("busybox")
            .args(["wget", "-q", "-O", "-", &format!("http://127.0.0.1:8080{path}")])
            .output();
        let page = String::from_utf8_lossy(&page.expect("busybox-static is installed").stdout).into_owned();
        [
            // Where a hint has a line of its own it has a title, too.
            ("What to do: ", "hint: "),
            ("&lt;", "<"),
            ("&gt;", ">"),
            ("&quot;", "\""),
            ("&#34;", "\""),
            ("&#39;", "'"),
            ("&#x27;", "'"),
            ("&#38;", "&"),
            ("&amp;", "&"),
        ]
        .iter()
        .fold(page, |page, (escape, c)| page.replace(escape, c))
    }

    /// The service runs a page, and nothing else.
    pub(crate) fn serves(&self, page: &str) {
        eventually(&format!("page {page}"), || {
            (Service::find(&self.bed.engine, SERVICE)?.answer().ok()? == page).then_some(())
        });
    }

    /// By itself it comes to serve the newest page, with nothing left to do and nothing wrong.
    pub(crate) fn is_well_again(&mut self) {
        self.serves(&self.newest());
        eventually("nothing to do and nothing wrong", || {
            let status = self.status().ok()?;
            // A deployer that has nothing to tell yet is not well.
            (!status.is_empty() && status.iter().all(|standing| standing.is_fine)).then_some(())
        });
        self.serves(&self.newest());
    }

    /// What `deployer status` prints, as programs read it.
    fn status(&self) -> Result<Vec<Standing>, ClientError> {
        let client = Client::new(&self.bed.state())?;
        Runtime::new().expect("there are threads").block_on(client.status())
    }

    /// Ends the deployer, and looks what is left. Every page was put in place at most once, never an older after a newer.
    pub(crate) fn ends(mut self) {
        if self.deployer.is_some() {
            self.stops();
        }
        self.pauses_counting();
        let pages: Vec<u32> = self.put.iter().map(|image| self.page_in(image)).collect();
        assert!(pages.is_sorted_by(|a, b| a < b), "twice, or an older after a newer: {pages:?}");
        let store = Store::open(&self.bed.state()).expect("the store is given back");
        let open: Vec<_> = store.open_intents().into_iter().map(|open| open.intent.job.to_string()).collect();
        assert_eq!(open, Vec::<String>::new(), "jobs that nobody ended");
        assert!(store.damage().is_empty(), "{:?}", store.damage());
        store.close();
        let left = fs::read_dir(self.bed.temporary()).unwrap().flatten().map(|file| file.path());
        assert_eq!(left.collect::<Vec<_>>(), Vec::<PathBuf>::new());
    }

    /// The page in an image that the engine has.
    fn page_in(&self, image: &str) -> u32 {
        let run = ["run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/page.html"];
        self.bed.engine.docker(run).parse().unwrap()
    }
}
