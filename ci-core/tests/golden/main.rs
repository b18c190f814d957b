//! The pipelines that OCurrent tests itself with (`test/test.ml`), in our words. At each of its steps each node stands as
//! it does there.
//!
//! A table has a line for each node, a column for each step. `blocked` is what has no value because of another node;
//! there and here it looks the same whether that one is at work or has failed.

use ci_core::current::{build_with, input, monitor_with, publish_at};
use ci_core::testing::Driven;
use ci_core::{
    Bind, Bindings, Builder, Current, DEFAULT, Job, Level, Monitor, OpError, OpId, Publisher, Unbound, Watch,
};

mod context;
mod latch;
mod option;
mod pair;
mod state;
mod v1;
mod v2;
mod v3;
mod v4;
mod v5;

/// Whether the nodes stand as the table says in this column. Nodes of one label stand alike; with `-` there are none.
#[track_caller]
fn stand<const STEPS: usize>(t: &Driven, step: usize, table: &[(&str, [&str; STEPS])]) {
    for (label, expected) in table {
        let states = t.states();
        let states: Vec<&str> =
            states.iter().filter_map(|state| state.strip_prefix(&format!("{label}: "))).collect();
        assert_eq!(states.is_empty(), expected[step - 1] == "-", "{label:?} in step {step}: {t:?}");
        for state in states {
            let is_blocked = state.starts_with("blocked by ") || state.starts_with("waiting for ");
            let is_asked = state.starts_with("waiting for confirmation");
            let seen = if is_blocked && !is_asked { "blocked" } else { state };
            assert_eq!(seen, expected[step - 1], "{label:?} in step {step}: {t:?}");
        }
    }
}

/// The commit that is to be worked on.
fn head(commit: &str) -> Current<String> {
    input("head", commit.to_owned()).1
}

/// The commit's files.
fn fetch(commit: &Current<String>) -> Current<String> {
    make("fetch", commit)
}

/// An image of the files.
fn build(source: &Current<String>) -> Current<String> {
    make("build", source)
}

/// Done when the tests of an image pass.
fn test(image: &Current<String>) -> Current<()> {
    make("test", image).ignore()
}

/// Makes something of `input`.
fn make(label: &'static str, input: &Current<String>) -> Current<String> {
    build_with(input, DEFAULT, label, move |_: &Make, input: &String| format!("{label} {input}"))
}

/// A tag stands for an image.
fn push(tag: &'static str, image: &Current<String>) -> Current<()> {
    publish_at(
        image,
        DEFAULT,
        format!("push {tag}"),
        |_: &Push| tag.to_owned(),
        |_, image: &String| image.clone(),
    )
}

/// What an image stands for at the registry.
fn pull(tag: &'static str) -> Current<String> {
    monitor_with(format!("pull {tag}"), move |_| Ok(Peek(tag)))
}

struct Peek(&'static str);

struct Never;

impl Watch for Never {
    async fn changed(&mut self) {
        std::future::pending().await
    }
}

impl Monitor for Peek {
    type Value = String;
    type Watch = Never;

    fn label(&self) -> String {
        self.0.to_owned()
    }

    async fn watch(&self) -> Never {
        Never
    }

    async fn read(&self) -> Result<String, OpError> {
        unreachable!("because a test says what is read")
    }
}

struct Make;

impl Bind for Make {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self)
    }
}

impl Builder for Make {
    const ID: OpId = OpId::new("make");
    const AUTO_CANCEL: bool = true;
    type Key = String;
    type Value = String;

    fn level(&self, _: &String) -> Level {
        Level::Average
    }

    async fn build(&self, _: &Job, _: &String) -> Result<String, OpError> {
        unreachable!("because a test says what is made")
    }
}

struct Push;

impl Bind for Push {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self)
    }
}

impl Publisher for Push {
    const ID: OpId = OpId::new("push");
    const DOES: &'static str = "push to";
    type Key = String;
    type Value = String;
    type Outcome = ();

    fn level(&self, _: &String) -> Level {
        Level::Dangerous
    }

    async fn publish(&self, _: &Job, _: &String, _: &String) -> Result<(), OpError> {
        unreachable!("because a test says what is pushed")
    }
}
