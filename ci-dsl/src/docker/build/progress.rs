//! BuildKit's events as the lines that `docker build --progress=plain` prints.
//!
//! A build is a graph of steps (*vertexes*). An event tells of steps that began or ended, of output, or of both; steps
//! run side by side, so a line says which step the output below it is of:
//!
//! ```text
//! #3 [2/4] RUN make
//! cc -o a a.c
//! #3 DONE 0.4s
//! #4 [3/4] COPY a /a
//! #4 CACHED
//! ```

use std::collections::HashMap;
use std::fmt;

use bollard::moby::buildkit::v1::{StatusResponse, Vertex};
use ci_core::secret::{Masker, Secrets};

use crate::docker::tail::{Tail, printable};

/// Follows a build.
#[derive(Default)]
pub(super) struct Progress {
    /// Masked in each step's output by itself: steps come in between each other, and cut secrets in two.
    secrets: Secrets,
    /// By the digest BuildKit gives them, in the order they were heard of.
    steps: HashMap<String, Step>,
    /// The step whose heading stands above the next byte.
    under: Option<usize>,
    /// Whether the next byte goes on with a line.
    within_line: bool,
}

/// A step that began.
pub(super) struct Step {
    number: usize,
    name: String,
    ended: bool,
    error: String,
    tail: Tail,
    masker: Masker,
}

/// Steps remembered for one build; those beyond are not shown. Dockerfiles have tens.
const STEPS_MAX: usize = 10_000;

/// BuildKit's words for a step that was stopped because another one failed.
const STOPPED: &str = "context canceled";

impl Progress {
    /// Of a build whose steps may tell `secrets`.
    pub(super) fn masking(secrets: &Secrets) -> Self {
        Self { secrets: secrets.clone(), ..Self::default() }
    }

    /// What to add to the log.
    pub(super) fn on(&mut self, status: &StatusResponse) -> Vec<u8> {
        let mut out = Vec::new();
        for vertex in status.vertexes.iter().filter(|v| v.started.is_some() || v.cached) {
            self.began(vertex, &mut out);
        }
        for log in &status.logs {
            if let Some(step) = self.steps.get_mut(&log.vertex) {
                let shown = step.masker.push(&log.msg);
                self.said(&log.vertex, &shown, &mut out);
            }
        }
        for vertex in status.vertexes.iter().filter(|v| v.completed.is_some()) {
            self.ended(vertex, &mut out);
        }
        out
    }

    fn said(&mut self, digest: &str, shown: &[u8], out: &mut Vec<u8>) {
        let Some(step) = self.steps.get_mut(digest) else { return };
        step.tail.push(shown);
        let number = step.number;
        self.heading(digest, number, out);
        out.extend_from_slice(shown);
        self.within_line = !shown.ends_with(b"\n") && (self.within_line || !shown.is_empty());
    }

    fn began(&mut self, vertex: &Vertex, out: &mut Vec<u8>) {
        if self.steps.contains_key(&vertex.digest) || self.steps.len() >= STEPS_MAX {
            return;
        }
        let number = self.steps.len() + 1;
        let step = Step {
            number,
            name: self.secrets.text(&vertex.name).into_owned(),
            ended: false,
            error: String::new(),
            tail: Tail::default(),
            masker: self.secrets.masker(),
        };
        self.steps.insert(vertex.digest.clone(), step);
        self.heading(&vertex.digest, number, out);
    }

    fn ended(&mut self, vertex: &Vertex, out: &mut Vec<u8>) {
        let Some(step) = self.steps.get_mut(&vertex.digest).filter(|step| !step.ended) else { return };
        step.ended = true;
        step.error = self.secrets.text(&vertex.error).into_owned();
        let (number, error, held) = (step.number, step.error.clone(), step.masker.cut());
        if !held.is_empty() {
            self.said(&vertex.digest, &held, out);
        }
        let verdict = match (error.as_str(), vertex.cached) {
            ("", true) => "CACHED".to_owned(),
            ("", false) => format!("DONE {:.1}s", seconds(vertex)),
            (error, _) if error.ends_with(STOPPED) => "CANCELED".to_owned(),
            (error, _) => format!("ERROR: {error}"),
        };
        self.fresh_line(out);
        out.extend_from_slice(format!("#{number} {verdict}\n").as_bytes());
        self.under = None;
    }

    fn heading(&mut self, digest: &str, number: usize, out: &mut Vec<u8>) {
        if self.under == Some(number) {
            return;
        }
        self.fresh_line(out);
        if let Some(step) = self.steps.get(digest) {
            out.extend_from_slice(format!("#{number} {}\n", step.name).as_bytes());
        }
        self.under = Some(number);
    }

    fn fresh_line(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.within_line) {
            out.push(b'\n');
        }
    }

    /// What ends a line that a stopped build left open.
    pub(super) fn end_of_line(&mut self) -> &'static [u8] {
        if std::mem::take(&mut self.within_line) { b"\n" } else { b"" }
    }

    /// The step that made the build fail.
    pub(super) fn failed_step(&self) -> Option<&Step> {
        let failed = self.steps.values().filter(|step| !step.error.is_empty());
        failed.min_by_key(|step| (step.error.ends_with(STOPPED), step.number))
    }

    /// The name of the step that began last and has not ended.
    pub(super) fn running_step(&self) -> Option<String> {
        let running = self.steps.values().filter(|step| !step.ended);
        running.max_by_key(|step| step.number).map(Step::shown_name)
    }
}

fn seconds(vertex: &Vertex) -> f64 {
    match (&vertex.started, &vertex.completed) {
        (Some(from), Some(to)) => (to.seconds - from.seconds) as f64 + f64::from(to.nanos - from.nanos) / 1e9,
        _ => 0.0,
    }
}

impl Step {
    /// The longest name shown in an error, bytes.
    const NAME_BYTES_MAX: usize = 200;

    pub(super) fn error(&self) -> &str {
        &self.error
    }

    /// The exit code of the step's command; `None` when it failed in another way.
    pub(super) fn exit_code(&self) -> Option<i64> {
        // Engine 20.10: `executor failed running [/bin/sh -c exit 3]: exit code: 3`; newer ones:
        // `process "/bin/sh -c exit 3" did not complete successfully: exit code: 3`.
        self.error.rsplit_once("exit code: ").and_then(|(_, code)| code.trim().parse().ok())
    }

    fn shown_name(&self) -> String {
        let mut name = printable(&self.name.replace('\n', " "));
        if name.len() > Self::NAME_BYTES_MAX {
            name.truncate(name.floor_char_boundary(Self::NAME_BYTES_MAX));
            name.push('…');
        }
        name
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} failed: ", self.shown_name())?;
        match self.exit_code() {
            Some(code) => write!(f, "exit code {code}")?,
            None => f.write_str(&crate::docker::failure::shortened(&self.error))?,
        }
        write!(f, "{}", self.tail)
    }
}

#[cfg(test)]
mod tests {
    use bollard::moby::buildkit::v1::VertexLog;
    use ci_core::secret::Secret;

    use super::*;

    fn vertex(name: &str, completed: bool, cached: bool, error: &str) -> Vertex {
        Vertex {
            digest: name.to_owned(),
            name: format!("[{name}] RUN x"),
            cached,
            started: Some(Default::default()),
            completed: completed.then(Default::default),
            error: error.to_owned(),
            ..Default::default()
        }
    }

    fn log(name: &str, msg: &[u8]) -> VertexLog {
        VertexLog { vertex: name.to_owned(), msg: msg.to_vec(), ..Default::default() }
    }

    #[test]
    fn side_by_side_steps_are_told_apart() {
        let mut progress = Progress::default();
        let mut text = Vec::new();
        for status in [
            StatusResponse { vertexes: vec![vertex("a", false, false, "")], ..Default::default() },
            StatusResponse { vertexes: vec![vertex("b", true, true, "")], ..Default::default() },
            StatusResponse { logs: vec![log("a", b"one\n"), log("a", b"tw")], ..Default::default() },
            StatusResponse { logs: vec![log("a", b"o\xff")], ..Default::default() },
            StatusResponse {
                vertexes: vec![vertex("c", false, false, "")],
                logs: vec![log("a", b"\nthree")],
                ..Default::default()
            },
            // The end of a step and its last words in one event: the words come first.
            StatusResponse {
                vertexes: vec![vertex("a", true, false, "executor failed running [x]: exit code: 3")],
                logs: vec![log("a", b"last")],
                ..Default::default()
            },
            StatusResponse { vertexes: vec![vertex("c", true, false, STOPPED)], ..Default::default() },
            // Said twice, shown once.
            StatusResponse { vertexes: vec![vertex("c", true, false, STOPPED)], ..Default::default() },
            StatusResponse { logs: vec![log("unknown", b"x")], ..Default::default() },
        ] {
            text.extend(progress.on(&status));
        }
        let expected = "#1 [a] RUN x\n#2 [b] RUN x\n#2 CACHED\n#1 [a] RUN x\none\ntwo\u{fffd}\n#3 [c] RUN x\n\
            #1 [a] RUN x\n\nthreelast\n#1 ERROR: executor failed running [x]: exit code: 3\n#3 CANCELED\n";
        assert_eq!(String::from_utf8_lossy(&text), expected);
        let failed = progress.failed_step().expect("a step failed");
        assert_eq!(failed.to_string(), "step [a] RUN x failed: exit code 3\none\ntwo\u{fffd}\nthreelast");
        assert_eq!(progress.end_of_line(), b"");
    }

    #[test]
    fn a_secret_is_masked_also_where_steps_come_in_between() {
        let secrets = Secrets::default();
        secrets.add(&Secret::new("token", "hunter2").expect("it is long enough")).expect("there is room");
        let mut progress = Progress::masking(&secrets);
        let status = |vertexes: Vec<Vertex>, logs: Vec<VertexLog>| StatusResponse {
            vertexes,
            logs,
            ..Default::default()
        };
        let mut text = progress.on(&status(
            vec![vertex("a", false, false, ""), vertex("b", false, false, "")],
            vec![log("a", b"as hun"), log("b", b"as hunt"), log("a", b"ter2\n"), log("b", b"er2\nhunt")],
        ));
        let failed = vertex("b", true, false, "exit code: 1");
        text.extend(progress.on(&status(vec![vertex("a", true, false, ""), failed], vec![])));
        let text = String::from_utf8(text).expect("it is text");
        assert!(!text.contains("hun") && !text.contains("er2"), "{text}");
        let failed = progress.failed_step().expect("a step failed").to_string();
        assert_eq!(failed, "step [b] RUN x failed: exit code 1\nas *******\n****");
    }

    #[test]
    fn a_name_or_an_error_is_masked_before_it_is_cut() {
        let secrets = Secrets::default();
        secrets.add(&Secret::new("token", "hunter2").expect("it is long enough")).expect("there is room");
        let mut progress = Progress::masking(&secrets);
        // Cut in the middle of it, nobody would know what is left.
        let name = format!("{}hunter2", "n".repeat(Step::NAME_BYTES_MAX - 4));
        let error = format!("{}hunter2", "e".repeat(1997));
        let failed = Vertex { name, ..vertex("a", true, false, &error) };
        let status = |vertex| StatusResponse { vertexes: vec![vertex], ..Default::default() };
        let text = String::from_utf8(progress.on(&status(failed))).expect("it is text");
        let told = progress.failed_step().expect("a step failed").to_string();
        assert!(!text.contains("hun") && !told.contains("hun"), "{text}{told}");
        assert!(told.contains("nnn***…") || told.contains("nnn***"), "{told}");
    }

    #[test]
    fn the_words_of_a_command_are_no_exit_code() {
        let mut step = Step {
            number: 1,
            name: "n".repeat(1000),
            ended: true,
            error: "failed to compute cache key: exit code: unknown".into(),
            tail: Tail::default(),
            masker: Secrets::default().masker(),
        };
        assert_eq!(step.exit_code(), None);
        assert!(step.to_string().len() < 400);
        step.error =
            "process \"/bin/sh -c echo exit code: 0\" did not complete successfully: exit code: 2".into();
        assert_eq!(step.exit_code(), Some(2));
    }
}
