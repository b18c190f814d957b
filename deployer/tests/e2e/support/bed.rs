//! An engine, a working directory, and the program run in it as a person would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Engine, EngineOptions};

use super::Running;

/// How long anything may take that a test waits for. Only a broken deployer needs it all.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);
/// How often something without an event is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A Docker engine of the test's own, with an empty working directory. Everything in it goes with the engine.
pub(crate) struct Bed {
    pub(crate) engine: Engine,
    home: PathBuf,
}

impl Bed {
    /// A Swarm of one node.
    pub(crate) fn swarm() -> Self {
        Self::of(EngineOptions { swarm: true, ..EngineOptions::default() }, "work")
    }

    /// An engine that is no Swarm.
    pub(crate) fn plain() -> Self {
        Self::of(EngineOptions::default(), "work")
    }

    /// A Swarm, and a working directory of this name.
    pub(crate) fn swarm_in(work: &str) -> Self {
        Self::of(EngineOptions { swarm: true, ..EngineOptions::default() }, work)
    }

    /// A Swarm whose engine has so many bytes for all that it stores.
    pub(crate) fn small_swarm(data_size: u64) -> Self {
        Self::of(
            EngineOptions { swarm: true, data_size: Some(data_size), ..EngineOptions::default() },
            "work",
        )
    }

    fn of(options: EngineOptions, work: &str) -> Self {
        let is_swarm = options.swarm;
        let engine = Engine::start(options);
        let home = engine.dir().join(work);
        fs::create_dir_all(home.join("tmp")).unwrap();
        // From here on this thread, and those that it starts, reach the tasks' addresses.
        engine.enter();
        let bed = Self { engine, home };
        if is_swarm {
            bed.has_a_gateway();
        }
        bed
    }

    /// Waits for the network that a new Swarm makes a moment after it has answered.
    fn has_a_gateway(&self) {
        let networks = || self.engine.docker(["network", "ls", "--format", "{{.Name}}"]);
        eventually("a gateway", || networks().contains("docker_gwbridge").then_some(()));
    }

    /// Where programs run. The shipped table's repository is `demo/site` below it.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// Where the shipped table's repository is.
    pub(crate) fn site(&self) -> PathBuf {
        self.home.join("demo/site")
    }

    /// Where programs put their temporary files.
    pub(crate) fn temporary(&self) -> PathBuf {
        self.home.join("tmp")
    }

    /// The state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.join("state")
    }

    /// The program, about to be run beside the engine, with nothing of a person's in its environment.
    pub(crate) fn deployer<const N: usize>(&self, args: [&str; N]) -> Command {
        self.program(env!("CARGO_BIN_EXE_deployer"), args)
    }

    /// Any program, about to be run the same way.
    pub(crate) fn program<const N: usize>(&self, program: &str, args: [&str; N]) -> Command {
        let mut command = self.engine.command(program);
        command.args(args).current_dir(&self.home).env("HOME", &self.home).env("TMPDIR", self.temporary());
        command.env("DEPLOYER_STATE", self.state());
        for name in ["RUST_LOG", "STATE_DIRECTORY", "XDG_STATE_HOME"] {
            command.env_remove(name);
        }
        command
    }

    /// `deployer run` with these flags, when it says that it runs.
    pub(crate) fn run<const N: usize>(&self, flags: [&str; N]) -> Running {
        let mut command = self.deployer(["run"]);
        command.args(flags);
        let mut running = Running::start(command);
        running.hears(["the deployer runs"]);
        running
    }

    /// Runs the program to its end, however it ends.
    pub(crate) fn tell<const N: usize>(&self, args: [&str; N]) -> Ended {
        let mut command = self.deployer(args);
        Ended::of(command.output().unwrap())
    }

    /// Runs the program to its end, which must be a good one, and returns what it printed.
    pub(crate) fn ask<const N: usize>(&self, args: [&str; N]) -> String {
        let ended = self.tell(args);
        assert!(ended.status.success(), "deployer {args:?}: {}{}", ended.out, ended.err);
        ended.out
    }

    /// What there is that a program could have left behind: on the engine, and of temporary files.
    pub(crate) fn holds(&self) -> Vec<String> {
        let swarm = self.engine.docker(["info", "--format", "{{.Swarm.LocalNodeState}}"]);
        let mut lists = vec![
            vec!["network", "ls", "--format", "network {{.Name}}"],
            vec!["ps", "--all", "--format", "container {{.Names}}"],
            vec!["images", "--all", "--digests", "--format", "image {{.Repository}} {{.Tag}} {{.ID}}"],
            vec!["volume", "ls", "--format", "volume {{.Name}}"],
        ];
        if swarm == "active" {
            lists.push(vec!["service", "ls", "--format", "service {{.Name}}"]);
            lists.push(vec!["secret", "ls", "--format", "secret {{.Name}}"]);
            lists.push(vec!["config", "ls", "--format", "config {{.Name}}"]);
        }
        let mut holds = vec![format!("swarm {swarm}")];
        for list in lists {
            holds.extend(self.engine.docker(list).lines().map(str::to_owned));
        }
        let files = fs::read_dir(self.temporary()).unwrap().flatten();
        holds.extend(files.map(|file| format!("file {}", file.file_name().to_string_lossy())));
        holds.sort();
        holds
    }

    /// What `deployer jobs` lists, newest first.
    pub(crate) fn jobs(&self) -> Vec<Listed> {
        let listed = self.ask(["jobs", "--limit", "1000"]);
        listed.lines().filter_map(Listed::parse).collect()
    }

    /// The newest job of an operation, once its state holds `state`.
    pub(crate) fn job(&self, op: &str, state: &str) -> Listed {
        self.job_for(op, "", state)
    }

    /// The newest job of an operation whose summary holds `what`, once its state holds `state`.
    pub(crate) fn job_for(&self, op: &str, what: &str, state: &str) -> Listed {
        eventually(&format!("a {op} of {what:?} that is {state:?}"), || {
            let mut jobs = self.jobs().into_iter();
            let newest = jobs.find(|job| job.id.contains(op) && job.summary.contains(what))?;
            newest.state.contains(state).then_some(newest)
        })
    }
}

/// A line of `deployer jobs`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) summary: String,
    pub(crate) state: String,
}

impl Listed {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(3, "  ").map(str::to_owned);
        Some(Self { id: fields.next()?, summary: fields.next()?, state: fields.next()? })
    }
}

/// How a program ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { status: output.status, out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Looks until there is something. For what tells nobody when it happens.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "there never was {what}");
        thread::sleep(LOOK_EVERY);
    }
}
