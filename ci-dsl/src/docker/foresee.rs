//! What the operations would do now, told without doing it.
//!
//! Keys, and whether a stored result is good for anything, come from the operations themselves; what is there now is
//! read from the engine and the registry. Nothing is pulled, tagged or written.

use ci_core::store::Glance;
use ci_core::{Bind, Bindings, Due, Foreseen, OpError, Publisher as _, foresee_build, foresee_publish};

use super::op::build::{self, Build, Built};
use super::op::push::{Push, Pushed, PushedImage};
use super::op::service::{Deployed, NewService, Update, Wanted, Watching};
use super::reference::{Digest, ImageId, Reference};
use super::service::{self, Changed, Preview};
use super::{Dockerfile, On, image, push};
use crate::git::Commit;

/// What would become of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Building {
    /// What would be done.
    pub what: Foreseen<Built>,
    /// The name by which the engine keeps the image.
    pub tag: Reference,
    /// What that name stands for on the engine now.
    pub held: Option<ImageId>,
    /// For people: what of which commit.
    pub summary: String,
}

/// What would become of a tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushing {
    /// What would be done.
    pub what: Foreseen<Pushed>,
    /// The tag, with its registry.
    pub name: Reference,
    /// What it stands for there now.
    pub held: Option<Digest>,
}

/// How it is known what a tag stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The registry is asked, by the engine.
    Ask,
    /// It was found out otherwise: for a registry that is not served now.
    Known(Option<Digest>),
}

/// The image that a service is to run.
#[derive(Clone, Copy, Debug)]
pub enum ToRun<'a> {
    /// It is in its registry.
    Known(&'a Pushed),
    /// It is what this tag will stand for.
    Later(&'a Reference),
}

/// What would become of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Deploying {
    /// What would be done.
    pub what: Foreseen<Deployed>,
    /// For people: which service on which engine.
    pub summary: String,
    /// What it is set to now; `None` when there is none.
    pub set_to: Option<String>,
    /// What would be written. Nothing, when the service only has to be watched.
    pub changes: Vec<Changed>,
}

impl On {
    /// What an engine with these clients would do for [`On::build`].
    ///
    /// # Errors
    ///
    /// When there is no such client, or the Docker engine does not answer.
    pub async fn foresee_build(
        &self,
        clients: &Bindings,
        past: &Glance,
        commit: &Commit,
        dockerfile: &Dockerfile,
    ) -> Result<Building, OpError> {
        let op = self.bound::<Build>(clients)?;
        let key = op.key(commit, dockerfile)?;
        let tag = build::mark(&key)?;
        let held = image::inspect(op.docker(), &tag).await?.map(|image| image.id);
        let what = foresee_build(op, &key, past).await?;
        Ok(Building { what, tag, held, summary: key.to_string() })
    }

    /// What an engine with these clients would do for [`On::push`]; `image` is `None` when it has to be built first.
    ///
    /// # Errors
    ///
    /// When there is no such client, no registry takes such a name, or the Docker engine or the registry does not answer.
    pub async fn foresee_push(
        &self,
        clients: &Bindings,
        past: &Glance,
        name: &str,
        image: Option<&Built>,
        held: Held,
    ) -> Result<Pushing, OpError> {
        let op = self.bound::<Push>(clients)?;
        let key = op.key(name);
        let name: Reference = key.name.parse().map_err(|e| OpError::permanent(format!("{e}")))?;
        let held = match held {
            Held::Known(held) => held,
            Held::Ask => push::held(op.docker(), &name, None).await?.map(|held| held.digest().clone()),
        };
        let level = op.level(&key);
        let mut what = foresee_publish(op, &key, image.map(PushedImage::from).as_ref(), past).await?;
        // A registry that is not served now could not be asked whether the result stands.
        if matches!(&what, Foreseen::Done(pushed) if held.as_ref() != Some(pushed.image.digest())) {
            what = Foreseen::Due { why: Due::Gone, level };
        }
        Ok(Pushing { what, name, held })
    }

    /// What an engine with these clients would do for [`On::service_with`].
    ///
    /// # Errors
    ///
    /// When there is no such client, its engine does not answer or is no manager of a Swarm, or the service is missing
    /// and nothing says how it is made.
    pub async fn foresee_service(
        &self,
        clients: &Bindings,
        past: &Glance,
        name: &str,
        image: ToRun<'_>,
        watching: Watching,
        create: Option<NewService>,
    ) -> Result<Deploying, OpError> {
        let op = self.bound::<Update>(clients)?;
        let (api, key) = (op.api()?, op.key(name));
        let (wanted, shown, tag) = match image {
            ToRun::Known(pushed) => {
                let image = pushed.image.to_string();
                (Some(Wanted::new(pushed, watching, create.clone())), image.clone(), image)
            }
            ToRun::Later(tag) => (None, format!("{}@(what is pushed)", tag.repository()), tag.to_string()),
        };
        let what = foresee_publish(op, &key, wanted.as_ref(), past).await?;
        let Preview { set_to, changes } = match &what {
            Foreseen::Due { .. } => service::preview(&api, name, &shown, &tag, create.as_ref()).await?,
            _ => Preview { set_to: service::image_of(&api, name).await?, changes: Vec::new() },
        };
        Ok(Deploying { what, summary: key.to_string(), set_to, changes })
    }

    fn bound<O: Bind>(&self, clients: &Bindings) -> Result<O, OpError> {
        O::bind(clients, &self.engine).map_err(|unbound| OpError::permanent(unbound.to_string()))
    }
}
