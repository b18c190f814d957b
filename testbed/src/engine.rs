//! A Docker engine of one's own.
//!
//! dockerd runs as process 1 of a process namespace, in a mount namespace and a network namespace of its own.
//! So killing it is a power cut: its containerd, shims and containers die with it, and its mounts vanish. The
//! network namespace outlives it and has nothing but a loopback device and dockerd's default bridge: no way out,
//! no rule of any firewall, no port that another test could hold.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use self::leftovers::Name;
use crate::debian;

mod leftovers;

/// How long dockerd may take until it answers. Under a second on an idle machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long dockerd may take to end after TERM before it is killed. It gives containers 10 s of their own.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How often to look whether dockerd answers or has ended.
const POLL: Duration = Duration::from_millis(20);

/// What kind of engine.
#[derive(Clone, Debug, Default)]
pub struct EngineOptions {
    /// Makes it the only node, and so the manager, of a Swarm.
    pub swarm: bool,
    /// How much its images, containers and volumes may take, bytes; `None` for as much as the machine has. A Swarm needs
    /// some 200 MB.
    pub data_size: Option<u64>,
    /// Added to dockerd's command line.
    pub dockerd_args: Vec<String>,
}

/// A running (or just killed) Docker engine with data, network and processes of its own. Dropping it removes all.
#[derive(Debug)]
pub struct Engine {
    name: Name,
    options: EngineOptions,
    /// `unshare`, which waits for dockerd; `None` when the engine is not running.
    daemon: Option<Child>,
    next_port: AtomicU16,
}

impl Engine {
    /// Starts an engine and returns when it answers. First removes what dead processes have left behind.
    ///
    /// # Panics
    ///
    /// When this is not root, a Debian package is missing, or dockerd does not come up; the message says which.
    pub fn start(options: EngineOptions) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::geteuid().is_root(), "a Docker engine of one's own needs root");
        for (program, package) in [
            ("ip", "iproute2"),
            ("nsenter", "util-linux"),
            ("unshare", "mount"),
            ("dockerd", "docker.io"),
            ("docker", "docker-cli"),
        ] {
            debian::program(program, package);
        }
        leftovers::sweep();
        let name = Name::new(std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut engine = Self { name, options, daemon: None, next_port: AtomicU16::new(5000) };
        fs::create_dir_all(engine.dir()).expect("the folder of temporary files is writable");
        // An empty configuration, so that the machine's own is not read; and an empty one for the client.
        fs::write(engine.dir().join("daemon.json"), "{}").expect("the engine's folder is writable");
        fs::create_dir_all(engine.dir().join("client")).expect("the engine's folder is writable");
        debian::run(Command::new("ip").args(["netns", "add", engine.name.as_str()]));
        debian::run(Command::new("ip").args(["-n", engine.name.as_str(), "link", "set", "lo", "up"]));
        if let Some(size) = engine.options.data_size {
            engine.small_disk("data", size);
        }
        engine.launch();
        if engine.options.swarm {
            engine.docker(["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1"]);
        }
        engine
    }

    /// A folder that is removed with the engine.
    pub fn dir(&self) -> PathBuf {
        self.name.dir()
    }

    /// Makes a folder in [`Engine::dir`] that is a disk of so many bytes, and returns its path. It goes with the engine.
    ///
    /// # Panics
    ///
    /// When it can't be mounted.
    pub fn small_disk(&self, folder: &str, size: u64) -> PathBuf {
        let path = self.dir().join(folder);
        fs::create_dir_all(&path).expect("the engine's folder is writable");
        let size = format!("size={size},mode=700");
        debian::run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&path));
        path
    }

    /// Where the engine listens. The file is reachable from outside its network namespace.
    pub fn socket(&self) -> PathBuf {
        self.dir().join("docker.sock")
    }

    /// The same as a value for `DOCKER_HOST`.
    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// What dockerd has said since the first start.
    pub fn log(&self) -> String {
        fs::read(self.dir().join("log")).map(|l| String::from_utf8_lossy(&l).into_owned()).unwrap_or_default()
    }

    /// A command that runs `program` inside the engine's network namespace, so that the engine's loopback and its
    /// containers' addresses are reachable, with `DOCKER_HOST` set and no configuration of a person's.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.name.netns().display())).arg("--").arg(program.as_ref());
        command.env("DOCKER_HOST", self.docker_host()).env("DOCKER_CONFIG", self.dir().join("client"));
        command.env_remove("DOCKER_CONTEXT").stdin(Stdio::null());
        command
    }

    /// Runs the Docker client with these arguments and returns what it printed, without the last line break.
    ///
    /// # Panics
    ///
    /// When it fails; the message holds what it said.
    pub fn docker<A: AsRef<str>>(&self, args: impl IntoIterator<Item = A>) -> String {
        let mut command = self.command("docker");
        command.args(args.into_iter().map(|a| a.as_ref().to_owned()));
        debian::run(&mut command)
    }

    /// Moves the calling thread, and every thread that it starts from now on, into the engine's network
    /// namespace: a runtime built afterwards reaches the engine's loopback and its containers' addresses.
    ///
    /// # Panics
    ///
    /// When the kernel refuses.
    pub fn enter(&self) {
        let netns = File::open(self.name.netns()).expect("the engine's network namespace is there");
        move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("root may enter a network namespace");
    }

    /// A loopback port inside the namespace that was not given before.
    pub fn free_port(&self) -> u16 {
        self.next_port.fetch_add(1, Ordering::Relaxed)
    }

    /// Cuts its power: dockerd, containerd, shims and containers end at once, by KILL.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// Ends dockerd in order, if it runs, and starts it again on the same data. Returns when it answers.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.stop();
        self.launch();
    }

    /// Ends dockerd in order: containers are stopped. What it has stored stays until the engine is dropped.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    fn launch(&mut self) {
        let dir = self.dir();
        // A killed engine leaves its containerd's process id, which in the new process namespace is somebody else's: the
        // next one would wait for that. Nothing else in here outlives the processes.
        if let Err(error) = fs::remove_dir_all(dir.join("exec")) {
            assert_eq!(
                error.kind(),
                std::io::ErrorKind::NotFound,
                "the engine's folder is writable: {error}"
            );
        }
        let log = File::options().create(true).append(true).open(dir.join("log"));
        let log = log.expect("the engine's folder is writable");
        let mut command = self.command("unshare");
        // /run is the engine's own: plugin sockets, and a pid file that an engine killed before can't have left.
        command.args(["--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private", "sh", "-c"]);
        command.arg("mount -t tmpfs tmpfs /run && mkdir /run/docker && exec dockerd \"$@\"").arg("dockerd");
        command.arg("--config-file").arg(dir.join("daemon.json"));
        command.arg("--host").arg(self.docker_host());
        command.arg("--data-root").arg(dir.join("data"));
        command.arg("--exec-root").arg(dir.join("exec"));
        command
            .args(["--pidfile", "/run/docker.pid", "--cgroup-parent"])
            .arg(format!("/{}", self.name.as_str()));
        command.args(["--iptables=false", "--ip-forward=false", "--ip-masq=false"]);
        command.args(&self.options.dockerd_args);
        command.stdout(log.try_clone().expect("a file can be opened twice")).stderr(log);
        self.daemon = Some(command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}")));
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.answers() {
            let ended = self.daemon.as_mut().and_then(|d| d.try_wait().ok()).flatten();
            if ended.is_some() || deadline < Instant::now() {
                let log = self.log();
                let last = log.lines().last().unwrap_or("it said nothing");
                panic!("dockerd did not come up ({ended:?}): {last}");
            }
            thread::sleep(POLL);
        }
    }

    fn answers(&self) -> bool {
        // The socket of an engine that was killed stays as a file that nobody listens on: only an answer counts.
        debian::output(self.command("docker").args(["version", "--format", "{{.Server.Version}}"]))
            .status
            .success()
    }

    /// Sends dockerd a signal and waits until it and all that it started are gone. `unshare` returns only when its
    /// process namespace is empty.
    fn end(&mut self, signal: Signal) {
        let Some(mut unshare) = self.daemon.take() else { return };
        let deadline = Instant::now() + STOP_TIMEOUT;
        let mut signal = Some(signal);
        loop {
            if deadline < Instant::now() {
                signal = Some(Signal::KILL);
            }
            // `unshare` may not have forked yet.
            if let (Some(wanted), Some(dockerd)) = (signal, child_of(unshare.id())) {
                let _gone = kill_process(dockerd, wanted);
                signal = None;
            }
            match unshare.try_wait() {
                Ok(None) => thread::sleep(POLL),
                Ok(Some(_)) | Err(_) => break,
            }
        }
        let _none = fs::remove_file(self.socket());
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
        let removed = self.name.remove();
        // In a panic of the test a second one would hide the first.
        assert!(removed || thread::panicking(), "{} can't be removed", self.name.as_str());
    }
}

/// The first child of a process.
fn child_of(parent: u32) -> Option<Pid> {
    let parent = parent.to_string();
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // The command's name stands in parentheses and may hold anything; state and parent follow.
        let is_child = stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1) == Some(parent.as_str());
        is_child.then(|| Pid::from_raw(pid)).flatten()
    })
}
