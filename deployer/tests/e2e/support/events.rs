//! What the engine itself tells of what was done to it.

use testbed::Engine;

use super::Running;

/// `docker events`, beside.
pub(crate) struct Events {
    running: Running,
    marks: u32,
}

impl Events {
    /// Listens to the events of images and services, from now on.
    pub(crate) fn of(engine: &Engine) -> Self {
        let mut command = engine.command("docker");
        command.args([
            "events",
            "--filter",
            "type=image",
            "--filter",
            "type=service",
            "--filter",
            "type=volume",
        ]);
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

    /// What was done to images and services since the last call.
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
            if !event.starts_with("volume ") {
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
