//! What the engine itself tells of what was done to it.

use testbed::Engine;

use super::Running;

/// `docker events`, beside.
pub(crate) struct Events {
    running: Running,
    marks: u32,
}

impl Events {
    /// Listens to the events of images, services and volumes, from now on.
    pub(crate) fn of(engine: &Engine) -> Self {
        Self::of_types(engine, &["image", "service", "volume"])
    }

    /// Listens to everything that the engine tells, from now on.
    pub(crate) fn of_everything(engine: &Engine) -> Self {
        Self::of_types(engine, &[])
    }

    fn of_types(engine: &Engine, types: &[&str]) -> Self {
        let mut command = engine.command("docker");
        command.arg("events").args(types.iter().map(|name| format!("--filter=type={name}")));
        command.args(["--format", "{{.Type}} {{.Action}} {{.Actor.ID}} {{json .Actor.Attributes}}"]);
        let mut events = Self { running: Running::start(command), marks: 0 };
        // It is heard when it listens, not before: ask until it answers.
        super::eventually("an event", || {
            engine.docker(["volume", "create", "listening"]);
            engine.docker(["volume", "rm", "listening"]);
            (!events.running.said().is_empty()).then_some(())
        });
        events.until_now(engine);
        events
    }

    /// Waits until what was done before has told all that it has to tell.
    pub(crate) fn are_told(&mut self, engine: &Engine) {
        super::eventually("an engine at rest", || self.until_now(engine).is_empty().then_some(()));
    }

    /// What was done since the last call.
    pub(crate) fn until_now(&mut self, engine: &Engine) -> Vec<String> {
        self.marks += 1;
        let mark = format!("mark-{}", self.marks);
        engine.docker(["volume", "create", &mark]);
        engine.docker(["volume", "rm", &mark]);
        let mut done = Vec::new();
        loop {
            let event = self.running.hears([]);
            if event.starts_with(&format!("volume destroy {mark} ")) {
                return done;
            }
            let is_ours = ["mark-", "listening "].iter().any(|name| event.contains(name));
            if !(event.starts_with("volume ") && is_ours) {
                done.push(event.trim_end().to_owned());
            }
        }
    }
}

/// The images that `service` was set to, in this order. It was created with the first if `done` holds that.
pub(crate) fn images_set(done: &[String], service: &str) -> Vec<String> {
    let updates = done.iter().filter(|event| event.starts_with("service update "));
    let named = updates.filter(|event| event.contains(&format!("\"name\":\"{service}\"")));
    named
        .filter_map(|event| Some(event.split_once("\"image.new\":\"")?.1.split('"').next()?.to_owned()))
        .collect()
}
