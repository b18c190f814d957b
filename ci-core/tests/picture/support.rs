//! Snapshots written by hand, and what a picture says in short.

use std::io::Write as _;
use std::process::{Command, Stdio};

use ci_core::current::Activity;
use ci_core::engine::{CollapseView, GroupKind, GroupView, NodeKind, NodeState, NodeView, Snapshot};
use ci_core::picture::{Opened, Options, Picture, Shape};
use ci_core::{Failure, FailureKind, JobId, OpId};

/// A pipeline being written down.
#[derive(Debug, Default)]
pub(crate) struct Pipeline {
    pub(crate) snapshot: Snapshot,
    group: Option<usize>,
}

impl Pipeline {
    pub(crate) fn add(&mut self, kind: NodeKind, label: &str, inputs: &[usize]) -> usize {
        let id = self.snapshot.nodes.len();
        let mut node = NodeView::new(id, kind, label, inputs);
        node.group = self.group;
        self.snapshot.nodes.push(node);
        id
    }

    pub(crate) fn head(&mut self, label: &str) -> usize {
        self.add(NodeKind::Monitor, label, &[])
    }

    pub(crate) fn op(&mut self, label: &str, inputs: &[usize]) -> usize {
        let id = self.add(NodeKind::Operation, label, inputs);
        self.snapshot.nodes[id].job = Some(JobId::new(OpId::new("op"), 0, id as u32));
        id
    }

    pub(crate) fn hidden(&mut self, label: &str, inputs: &[usize]) -> usize {
        self.add(NodeKind::Combinator, label, inputs)
    }

    pub(crate) fn gate(&mut self, on: usize, value: usize) -> usize {
        self.add(NodeKind::Gate, "gate", &[on, value])
    }

    pub(crate) fn collapse(&mut self, (key, value): (&str, &str), inside: usize, shown: &[usize]) -> usize {
        let id = self.add(NodeKind::Collapse, value, &[&[inside], shown].concat());
        self.snapshot.nodes[id].collapse =
            Some(CollapseView { key: key.to_owned(), value: value.to_owned() });
        id
    }

    /// What is added by `f` is in a group of its own.
    pub(crate) fn grouped<T>(
        &mut self,
        owner: usize,
        kind: GroupKind,
        label: &str,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outer = self.group;
        let preview = label.starts_with('(');
        let view = GroupView { owner, parent: outer, kind, label: label.to_owned(), preview };
        self.snapshot.groups.push(view);
        self.group = Some(self.snapshot.groups.len() - 1);
        let made = f(self);
        self.group = outer;
        made
    }

    /// A list over a source: what `f` makes for each key. Returns the node of its results.
    pub(crate) fn list(
        &mut self,
        label: &str,
        source: usize,
        keys: &[&str],
        mut f: impl FnMut(&mut Self, usize) -> usize,
    ) -> usize {
        let owner = self.hidden("", &[source]);
        let made = self.grouped(owner, GroupKind::List, label, |it| {
            let each = keys.iter().map(|key| {
                it.grouped(owner, GroupKind::Element, key, |it| {
                    let item = it.hidden(key, &[owner]);
                    // What stands for an element says so.
                    it.snapshot.nodes[item].hidden = !key.starts_with('(');
                    f(it, item)
                })
            });
            each.collect::<Vec<_>>()
        });
        let previews = keys.iter().any(|key| key.starts_with('('));
        let its = self.snapshot.groups.iter_mut().filter(|group| group.owner == owner);
        its.for_each(|group| group.preview = previews);
        self.hidden("", &[&[owner], &made[..]].concat())
    }

    pub(crate) fn set(&mut self, node: usize, state: NodeState) {
        self.snapshot.nodes[node].state = state;
    }

    pub(crate) fn fail(&mut self, node: usize, message: &str) {
        self.set(node, NodeState::Failed { failure: failure(message) });
    }

    pub(crate) fn is(&mut self, node: usize, activity: Activity) {
        self.set(node, NodeState::Active { activity });
    }

    /// Nothing has a value before this has one.
    pub(crate) fn wait(&mut self, nodes: impl IntoIterator<Item = usize>, on: usize) {
        for node in nodes {
            self.set(node, NodeState::Waiting { on: Some(on), activity: Activity::Running });
        }
    }

    pub(crate) fn picture(&self) -> Picture {
        self.opened(&Opened::default())
    }

    pub(crate) fn opened(&self, opened: &Opened) -> Picture {
        Picture::of(&self.snapshot, &linked(opened)).expect("it can be drawn")
    }
}

/// Jobs lead to `/jobs/…?all&raw`, closed boxes to `?KEY=VALUE`.
pub(crate) fn linked(opened: &Opened) -> Options<'_> {
    Options {
        opened,
        job_link: &|job| Some(format!("/jobs/{job}?all&raw")),
        open_link: &|key, value| Some(format!("?{key}={value}")),
        ..Options::default()
    }
}

pub(crate) fn failure(message: &str) -> Failure {
    Failure { kind: FailureKind::Permanent, message: message.to_owned(), hint: None }
}

fn label(picture: &Picture, point: usize) -> String {
    match &picture.points[point].shape {
        Shape::Box(boxed) => boxed.label.clone(),
        Shape::Gate => "gate".to_owned(),
        Shape::Join => "join".to_owned(),
    }
}

/// `label: what it says`, from left to right.
pub(crate) fn boxes(picture: &Picture) -> Vec<String> {
    picture.boxes().map(|boxed| format!("{}: {}", boxed.label, boxed.says)).collect()
}

/// `from -> to`, or `from -.-> to` where it only holds back, in the order of names.
pub(crate) fn edges(picture: &Picture) -> Vec<String> {
    let told = picture.edges.iter().map(|edge| {
        let line = if edge.dashed { "-.->" } else { "->" };
        format!("{} {line} {}", label(picture, edge.from), label(picture, edge.to))
    });
    let mut told: Vec<_> = told.collect();
    told.sort();
    told
}

/// The labels of the clusters around a box, the innermost first.
pub(crate) fn around(picture: &Picture, name: &str) -> Vec<String> {
    let at = (0..picture.points.len()).find(|at| label(picture, *at) == name).expect("there is such a box");
    let all = std::iter::successors(picture.points[at].cluster, |at| picture.clusters[*at].parent);
    all.map(|at| picture.clusters[at].label.clone()).collect()
}

/// The texts of an SVG that Graphviz made of a picture. That program has to take it without a complaint.
pub(crate) fn drawn_by_graphviz(dot: &str) -> (String, Vec<String>) {
    let mut program = Command::new("dot");
    program.arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().expect("Graphviz is installed: scripts/setup");
    let mut input = program.stdin.take().expect("it is piped");
    let dot = dot.to_owned();
    let writer = std::thread::spawn(move || input.write_all(dot.as_bytes()).expect("it reads"));
    let output = program.wait_with_output().expect("it ends");
    writer.join().expect("it was written");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let svg = String::from_utf8(output.stdout).expect("it is UTF-8");
    let options = roxmltree::ParsingOptions { allow_dtd: true, ..roxmltree::ParsingOptions::default() };
    let document = roxmltree::Document::parse_with_options(&svg, options).expect("it is XML");
    let texts =
        document.descendants().filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")));
    let texts = texts.map(|node| node.text().unwrap_or_default().replace('\u{a0}', " ")).collect();
    (svg.clone(), texts)
}
