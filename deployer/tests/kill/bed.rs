//! An engine with a Swarm, the repository of the program's own table, and a place for its state.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Engine, EngineOptions, GitRepo, base_image};

/// The service of the table in `deployer::pipeline`.
pub(crate) const SERVICE: &str = "demo-site";

/// The demo's web service, compiled by the build script.
const SITE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/site"));
/// The port that it answers on.
const PORT: u16 = 8080;

/// A step that takes a moment, so that a kill can fall into it.
const DOCKERFILE: &str = r#"FROM base
COPY site page.html /
RUN ["/bin/sleep", "0.3"]
HEALTHCHECK --interval=1s --timeout=2s CMD ["/site", "check"]
ENTRYPOINT ["/site"]
"#;

/// How long a thing may take that is waited for. Seconds on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked for what no event tells.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How many of the deployer's last lines a failing test shows.
const SHOWN_MAX: usize = 300;

/// Where the deployer runs. Dropping it removes all.
pub(crate) struct Bed {
    pub(crate) engine: Engine,
    repo: GitRepo,
    commits: u32,
    /// What deployers said, and what was done to them.
    pub(crate) transcript: Transcript,
    /// Kinds of failure with which a job may end.
    pub(crate) excused: Vec<&'static str>,
}

/// Lines in their order. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Transcript(Arc<Mutex<Vec<String>>>);

impl Transcript {
    pub(crate) fn push(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells what is done to the deployer: to the transcript, and to whoever reads the test's output.
    #[expect(clippy::print_stdout, reason = "a kill that fails is repeated by what was printed")]
    pub(crate) fn tell(&self, what: &str) {
        println!("{what}");
        self.push(format!("--- {what}"));
    }
}

impl Drop for Bed {
    #[expect(clippy::print_stdout, reason = "shown only when the test fails")]
    fn drop(&mut self) {
        if thread::panicking() {
            let lines = self.transcript.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.iter().skip(lines.len().saturating_sub(SHOWN_MAX)).for_each(|line| println!("{line}"));
        }
    }
}

impl Bed {
    pub(crate) fn make() -> Self {
        let engine = Engine::start(EngineOptions { swarm: true, ..EngineOptions::default() });
        base_image(&engine, "base");
        let repo = GitRepo::new();
        repo.checkout("live");
        let program = repo.path().join("site");
        fs::write(&program, SITE).expect("a work tree is writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the file is ours");
        let bed =
            Self { engine, repo, commits: 0, transcript: Transcript::default(), excused: vec!["superseded"] };
        fs::create_dir_all(bed.place().join("demo")).expect("the engine's folder is writable");
        fs::create_dir_all(bed.temporary()).expect("the engine's folder is writable");
        symlink(bed.repo.path(), bed.place().join("demo/site")).expect("the engine's folder is writable");
        bed
    }

    /// Where the deployer is started.
    fn place(&self) -> PathBuf {
        self.engine.dir().join("place")
    }

    /// Its state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.place().join("state")
    }

    /// Its folder of temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.place().join("tmp")
    }

    /// The program, in the engine's network, knowing nothing of this machine's.
    pub(crate) fn deployer(&self) -> Command {
        let mut command = self.engine.command(env!("CARGO_BIN_EXE_deployer"));
        command.current_dir(self.place()).arg("--state").arg(self.state());
        command.env("TMPDIR", self.temporary()).env("HOME", self.place());
        command.env_remove("DEPLOYER_STATE").env_remove("RUST_LOG");
        command
    }

    /// Commits the next page and returns its number. Pages differ in nothing but their number.
    pub(crate) fn commit(&mut self) -> u32 {
        self.commits += 1;
        let page = format!("{}\n", self.commits);
        self.repo
            .commit(&format!("Page {}", self.commits), &[("page.html", &page), ("Dockerfile", DOCKERFILE)]);
        self.commits
    }

    /// Waits until each task's container answers with this page, at its own address, and there is only one.
    pub(crate) fn serves(&self, page: u32) {
        let served = || {
            let containers = self.service_containers();
            let [container] = containers.as_slice() else { return Err(format!("containers {containers:?}")) };
            match self.page_of(container) {
                Ok(answer) if answer == page => Ok(()),
                other => Err(format!("{container} answers {other:?}")),
            }
        };
        eventually(&format!("page {page} is served"), served);
    }

    /// The running containers of the service.
    pub(crate) fn service_containers(&self) -> Vec<String> {
        let filter = format!("label=com.docker.swarm.service.name={SERVICE}");
        let listed = self.engine.docker(["ps", "--quiet", "--no-trunc", "--filter", &filter]);
        listed.lines().map(str::to_owned).collect()
    }

    fn page_of(&self, container: &str) -> Result<u32, String> {
        let address = "{{.NetworkSettings.Networks.bridge.IPAddress}}";
        let inspected = self.try_docker(&["inspect", "--format", address, container]);
        let address = String::from_utf8_lossy(&inspected.stdout).trim().to_owned();
        let address = address.parse().map_err(|_| format!("it has no address: {address:?}"))?;
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.engine.enter();
                get(SocketAddr::new(address, PORT))
            });
            inside.join().expect("asking does not panic")
        })
    }

    /// The page in an image that the engine has.
    pub(crate) fn page_in(&self, image: &str) -> u32 {
        let run = ["run", "--rm", "--network", "none", "--entrypoint", "cat", image, "/page.html"];
        let page = self.engine.docker(run);
        page.parse().unwrap_or_else(|_| panic!("{image} holds no page: {page:?}"))
    }

    /// Runs the Docker client where failing is an answer.
    pub(crate) fn try_docker(&self, args: &[&str]) -> Output {
        self.engine.command("docker").args(args).output().expect("the Docker client is there")
    }

    /// What the program prints for this subcommand, or why it can't.
    pub(crate) fn ask(&self, args: &[&str]) -> Result<String, String> {
        let output = self.deployer().args(args).output().expect("the program can be started");
        let said = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
    }
}

/// Asks for the page; it is a number.
fn get(address: SocketAddr) -> Result<u32, String> {
    let answer = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    let answer = answer().map_err(|e: std::io::Error| e.to_string())?;
    let page = answer.rsplit_once("\r\n\r\n").and_then(|(_, page)| page.trim().parse().ok());
    page.ok_or_else(|| format!("no page: {answer:?}"))
}

/// Looks until it holds. What no event tells can only be looked for.
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(instead) = holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}: {instead}");
        thread::sleep(LOOK_EVERY);
    }
}
