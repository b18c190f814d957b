//! Who counts deployments: a `docker events` beside the deployer, from before the first commit on.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::bed::{Bed, SERVICE};

/// The end of what is counted: a service of this name is created then.
const END: &str = "end";

/// Hears every event about services.
pub(crate) struct Witness {
    events: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

/// What the engine told about the service.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// How often it was created.
    pub(crate) creations: usize,
    /// Every image that it was set to, from the first on.
    pub(crate) images: Vec<String>,
    /// Updates that changed neither the image nor Swarm's own account of an update.
    pub(crate) idle_updates: usize,
    /// Every state of an update that Swarm told.
    pub(crate) states: Vec<String>,
}

impl Witness {
    pub(crate) fn call(bed: &Bed) -> Self {
        // The engine remembers enough for the moment until the client listens.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        let args = ["events", "--filter", "type=service", "--format", "{{json .}}", "--since"];
        let mut command = bed.engine.command("docker");
        command.args(args).arg(since.to_string()).stdout(Stdio::piped());
        let mut events = command.spawn().expect("the Docker client is there");
        let lines = BufReader::new(events.stdout.take().expect("it is piped")).lines();
        Self { events, lines }
    }

    /// What happened until now.
    pub(crate) fn account(mut self, bed: &Bed) -> Account {
        bed.engine.docker(["service", "create", "--detach", "--replicas", "0", "--name", END, "base"]);
        let mut account = Account::default();
        loop {
            let line = self.lines.next().expect("the engine goes on").expect("events are text");
            let event: Value = serde_json::from_str(&line).expect("events are JSON");
            if event["Actor"]["Attributes"]["name"] == END {
                bed.engine.docker(["service", "rm", END]);
                return account;
            }
            account.take(&event);
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ended = self.events.kill();
        let _status = self.events.wait();
    }
}

impl Account {
    /// Each of `settled` was put in place, and whatever was, was so once; no older page after a newer one.
    pub(crate) fn is_of_pages_put_once(&self, bed: &Bed, settled: &[u32]) {
        let mut pages = HashMap::new();
        let put = self.images.iter().map(|image| *pages.entry(image).or_insert_with(|| bed.page_in(image)));
        let put: Vec<u32> = put.collect();
        bed.transcript.tell(&format!("put in place: {put:?}"));
        assert!(
            put.is_sorted_by(|earlier, later| earlier < later),
            "twice, or an older after a newer: {put:?}"
        );
        let missed: Vec<_> = settled.iter().filter(|page| !put.contains(page)).collect();
        assert!(missed.is_empty(), "{missed:?} were never put in place");
        assert_eq!(self.creations, 1);
        // Swarm itself writes a new service once.
        assert!(self.idle_updates <= 1, "the service was written without a change: {self:?}");
        assert!(self.states.iter().all(|state| state == "updating" || state == "completed"), "{self:?}");
    }

    fn take(&mut self, event: &Value) {
        let told = |name: &str| event["Actor"]["Attributes"][name].as_str();
        assert_eq!(told("name"), Some(SERVICE), "{event}");
        match event["Action"].as_str() {
            Some("create") => self.creations += 1,
            Some("update") => match (told("image.old"), told("image.new"), told("updatestate.new")) {
                (Some(old), Some(new), _) => {
                    // A creation tells no image. The first change does.
                    if self.images.is_empty() {
                        self.images.push(old.to_owned());
                    }
                    assert_eq!(
                        self.images.last().map(String::as_str),
                        Some(old),
                        "an event was missed: {event}"
                    );
                    self.images.push(new.to_owned());
                }
                (_, _, Some(state)) => self.states.push(state.to_owned()),
                _ => self.idle_updates += 1,
            },
            _ => panic!("nobody asked for this: {event}"),
        }
    }
}
