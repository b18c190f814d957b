//! A Swarm of one node for one test, with a registry, and services that answer on port 80.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ci_core::job::{Cancel, HandleSink, Log};
use ci_core::{Job, JobId, OpError, OpId};
use ci_dsl::docker::api::Api;
use ci_dsl::docker::service::{Evidence, Handle, UpdateOptions, update};
use futures::future::BoxFuture;
use serde_json::Value;
use testbed::{Engine, EngineOptions, Registry, base_image, build_image};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// How long a test waits for what comes within a moment, on a machine that does much else.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// An engine of the test's own.
pub(crate) struct Swarm {
    pub(crate) api: Api,
    pub(crate) engine: Engine,
    registry: Registry,
    since: u64,
}

/// Runs a test on a Swarm of its own, from inside its network, so that tasks' addresses are reachable.
pub(crate) fn with_swarm(test: impl AsyncFnOnce(&mut Swarm)) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let engine = Engine::start(EngineOptions { swarm: true, ..EngineOptions::default() });
    base_image(&engine, "base");
    let registry = Registry::start(&engine);
    engine.enter();
    let api = Api::at(&engine.docker_host()).expect("this is an address");
    let mut swarm = Swarm { api, engine, registry, since };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be built").block_on(test(&mut swarm));
}

impl Swarm {
    /// An image in the registry, by digest: `lines` of a Dockerfile on the base image.
    pub(crate) fn image(&self, lines: &str) -> String {
        build_image(&self.engine, "test", &format!("FROM base\n{lines}\n"));
        self.registry.push(&self.engine, "test", "app")
    }

    /// An image that serves `text` on port 80, with more lines of a Dockerfile.
    pub(crate) fn web(&self, text: &str, more: &str) -> String {
        self.image(&format!("RUN echo {text} >/index.html\nCMD [\"httpd\", \"-f\", \"-h\", \"/\"]\n{more}"))
    }

    /// Makes a service that is quick to stop and to restart.
    pub(crate) fn create(&self, name: &str, image: &str, more: &[&str]) {
        let args = ["service", "create", "--quiet", "--detach", "--name", name, "--network", "bridge"];
        let quick = ["--stop-grace-period", "0s", "--restart-delay", "100ms", "--update-monitor", "500ms"];
        self.engine.docker(args.iter().chain(&quick).chain(more).chain(&[image]));
    }

    /// The service as the engine tells it.
    pub(crate) async fn service(&self, name: &str) -> Value {
        self.api.get(&format!("/services/{name}"), &[]).await.expect("the service is there")
    }

    /// The image in the service's spec.
    pub(crate) async fn image_set(&self, name: &str) -> String {
        let service = self.service(name).await;
        service["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"].as_str().expect("it has one").to_owned()
    }

    /// Its version index.
    pub(crate) async fn version(&self, name: &str) -> u64 {
        self.service(name).await["Version"]["Index"].as_u64().expect("a service has a version")
    }

    /// Every image that the service was set to since the start, as the engine's events tell it.
    pub(crate) fn images_set(&self, name: &str) -> Vec<String> {
        let until = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs() + 1;
        let (since, until) = (self.since.to_string(), until.to_string());
        let events = self.engine.docker([
            "events",
            "--since",
            &since,
            "--until",
            &until,
            "--filter",
            "type=service",
            "--format",
            "{{json .Actor.Attributes}}",
        ]);
        let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("events are JSON"));
        events
            .filter(|e| e["name"] == name)
            .filter_map(|e| Some(e["image.new"].as_str()?.to_owned()))
            .collect()
    }

    /// What the service's one running container answers at its own address.
    pub(crate) async fn answer(&self, name: &str) -> String {
        for _ in 0..600 {
            let ids = self.engine.docker([
                "ps",
                "-q",
                "--filter",
                &format!("label=com.docker.swarm.service.name={name}"),
            ]);
            if let [id] = ids.lines().collect::<Vec<_>>()[..] {
                let format = "{{.NetworkSettings.Networks.bridge.IPAddress}}";
                let address = self.engine.docker(["inspect", "-f", format, id]);
                if let Some(answer) = get(&address).await {
                    return answer;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("service {name} does not answer");
    }

    /// Updates with a job that nobody disturbs.
    pub(crate) async fn update(&self, name: &str, image: &str) -> (Result<Evidence, OpError>, String) {
        let test = TestJob::new(self);
        let result = update(&self.api, &test.job, name, image, &quick()).await;
        (result, test.log())
    }
}

/// Judged in 2 s instead of 10.
pub(crate) fn quick() -> UpdateOptions {
    UpdateOptions { stable_for: Duration::from_secs(2), ..UpdateOptions::default() }
}

async fn get(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect((address, 80)).await.ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer.split_once("\r\n\r\n")?.1.trim().to_owned())
}

/// A job and what it notes down.
pub(crate) struct TestJob {
    pub(crate) job: Job,
    pub(crate) notes: Arc<Notes>,
}

impl TestJob {
    /// One whose notes are kept.
    pub(crate) fn new(swarm: &Swarm) -> Self {
        Self::with(swarm, Notes::default())
    }

    /// One with these notes.
    pub(crate) fn with(swarm: &Swarm, notes: Notes) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let id =
            JobId::new(OpId::new("service"), 0, COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let log = Log::append_to(swarm.engine.dir().join("logs").join(id.as_str()));
        let notes = Arc::new(notes);
        Self { job: Job::new(id, log, Cancel::new(), notes.clone()), notes }
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.job.log().path()).unwrap_or_default()
    }
}

type OnNote = Box<dyn Fn(&Handle) + Send + Sync>;

/// A journal of notes, which can do something at a note, or never come back from one.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) kept: Mutex<Vec<Handle>>,
    /// Called before a note is kept.
    pub(crate) on_note: Option<OnNote>,
    /// Hangs at the note with this number, after keeping it or before.
    pub(crate) hang_at: Option<(usize, Keeps)>,
    pub(crate) hangs: Notify,
}

/// Whether the note at which the process "dies" is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    It,
    Not,
}

impl Notes {
    /// The newest note.
    pub(crate) fn last(&self) -> Option<Handle> {
        self.kept.lock().expect("nobody panics here").last().cloned()
    }
}

impl HandleSink for Notes {
    fn record(&self, _: &JobId, handle: Value) -> BoxFuture<'_, Result<(), OpError>> {
        Box::pin(async move {
            if handle.is_null() {
                self.kept.lock().expect("nobody panics here").clear();
                return Ok(());
            }
            let handle: Handle = serde_json::from_value(handle).expect("a note can be read back");
            if let Some(act) = &self.on_note {
                act(&handle);
            }
            let number = self.kept.lock().expect("nobody panics here").len();
            let hangs = self.hang_at.filter(|(at, _)| *at == number);
            if !hangs.is_some_and(|(_, keeps)| keeps == Keeps::Not) {
                self.kept.lock().expect("nobody panics here").push(handle);
            }
            if hangs.is_some() {
                self.hangs.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
}
