// For the examples and tests of `ci_core::testing`: what a pipeline is written with, made of nothing.
use ci_core::current::{build_with, monitor_with, publish_at};
use ci_core::{
    Bind, Bindings, Builder, Current, DEFAULT, Job, Level, Monitor, OpError, OpId, Publisher, Unbound, Watch,
};

/// The newest commit of a repository.
pub(crate) fn head(repository: &'static str) -> Current<String> {
    monitor_with(format!("head of {repository}"), move |_| Ok(Head(repository)))
}

/// An image of each commit of `site`.
pub(crate) fn build(commit: &Current<String>) -> Current<String> {
    build_on("build", commit)
}

/// [`build`], by another name.
pub(crate) fn build_on(label: &'static str, commit: &Current<String>) -> Current<String> {
    build_with(commit, DEFAULT, label, move |_: &Build, commit: &String| format!("site@{commit}"))
}

/// Lets a service run each image.
pub(crate) fn deploy(service: &'static str, image: &Current<String>) -> Current<()> {
    let place = move |_: &Update| service.to_owned();
    publish_at(image, DEFAULT, format!("service {service}"), place, |_, image: &String| image.clone())
}

struct Head(&'static str);

pub(crate) struct Never;

impl Watch for Never {
    async fn changed(&mut self) {
        std::future::pending().await
    }
}

impl Monitor for Head {
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

pub(crate) struct Build;

impl Bind for Build {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self)
    }
}

impl Builder for Build {
    const ID: OpId = OpId::new("build");
    const DOES: &'static str = "build";
    const AUTO_CANCEL: bool = true;
    type Key = String;
    type Value = String;

    fn level(&self, _: &String) -> Level {
        Level::Average
    }

    async fn build(&self, _: &Job, _: &String) -> Result<String, OpError> {
        unreachable!("because a test says what is built")
    }
}

pub(crate) struct Update;

impl Bind for Update {
    fn bind(_: &Bindings, _: &str) -> Result<Self, Unbound> {
        Ok(Self)
    }
}

impl Publisher for Update {
    const ID: OpId = OpId::new("update");
    const DOES: &'static str = "update";
    type Key = String;
    type Value = String;
    type Outcome = ();

    fn level(&self, _: &String) -> Level {
        Level::Dangerous
    }

    async fn publish(&self, _: &Job, _: &String, _: &String) -> Result<(), OpError> {
        unreachable!("because a test says what is published")
    }
}
