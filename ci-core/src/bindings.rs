//! Clients bound to an engine, found by the operations that need them when a pipeline is lowered.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::op::Operation;
#[cfg(feature = "testing")]
use crate::puppets::Puppets;

/// The name under which a client is bound when none is given.
pub const DEFAULT: &str = "";

/// The clients of one engine, by type and name.
#[derive(Clone, Default)]
pub struct Bindings {
    clients: HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>,
    names: Vec<(&'static str, String)>,
    /// By type: under every name that nothing else is bound under.
    #[cfg(feature = "testing")]
    for_any: HashMap<TypeId, Arc<ForAny>>,
    /// In the place of operations and monitors.
    #[cfg(feature = "testing")]
    pub(crate) puppets: Option<Puppets>,
}

/// Makes a client for a name.
#[cfg(feature = "testing")]
type ForAny = dyn Fn(&str) -> Arc<dyn Any + Send + Sync> + Send + Sync;

impl Bindings {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds `client` under `name`; a client of the same type and name is replaced.
    pub fn bind<C: Any + Send + Sync>(&mut self, name: impl Into<String>, client: C) {
        let name = name.into();
        self.names.push((type_name::<C>(), name.clone()));
        self.clients.insert((TypeId::of::<C>(), name), Arc::new(client));
    }

    /// Binds a client under every name under which nothing else is bound.
    #[cfg(feature = "testing")]
    pub(crate) fn bind_any<C: Any + Send + Sync>(
        &mut self,
        make: impl Fn(&str) -> C + Send + Sync + 'static,
    ) {
        self.for_any.insert(TypeId::of::<C>(), Arc::new(move |name| Arc::new(make(name))));
    }

    fn client<C: Any>(&self, name: &str) -> Option<Arc<dyn Any + Send + Sync>> {
        let bound = self.clients.get(&(TypeId::of::<C>(), name.to_owned())).cloned();
        #[cfg(feature = "testing")]
        let bound = bound.or_else(|| Some(self.for_any.get(&TypeId::of::<C>())?(name)));
        bound
    }

    /// The client of type `C` under `name`.
    ///
    /// # Errors
    ///
    /// [`Unbound`], which names the type, the name, and what is bound.
    pub fn get<C: Any + Send + Sync + Clone>(&self, name: &str) -> Result<C, Unbound> {
        let found = self.client::<C>(name);
        found.and_then(|client| client.downcast_ref::<C>().cloned()).ok_or_else(|| {
            let client = type_name::<C>();
            let known = self.names.iter().filter(|(c, _)| *c == client).map(|(_, n)| n.clone()).collect();
            Unbound { client: client.rsplit("::").next().unwrap_or(client), name: name.to_owned(), known }
        })
    }
}

impl Bindings {
    /// What runs as `op`, whose values are `B`s: itself, or what a test lets stand in for it.
    pub(crate) fn player<B: DeserializeOwned>(&self, op: Arc<dyn Operation>) -> Arc<dyn Operation> {
        #[cfg(feature = "testing")]
        if let Some(puppets) = &self.puppets {
            return puppets.in_place_of::<B>(op);
        }
        op
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.names).finish()
    }
}

/// An operation needs a client that the engine does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unbound {
    client: &'static str,
    name: String,
    known: Vec<String>,
}

impl fmt::Display for Unbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            DEFAULT => write!(f, "the engine has no {0}: add `.with({0}…)` to it", self.client)?,
            name => write!(
                f,
                "the engine has no {0} named {name:?}: add `.with_named({name:?}, {0}…)`",
                self.client
            )?,
        }
        match self.known.iter().filter(|n| !n.is_empty()).map(|n| format!("{n:?}")).collect::<Vec<_>>() {
            known if known.is_empty() => Ok(()),
            known => write!(f, " (it has {})", known.join(", ")),
        }
    }
}

/// An operation or a monitor that can be made from an engine's clients.
pub trait Bind: Sized {
    /// Finds its clients. `on` names the one to work on, or is [`DEFAULT`].
    ///
    /// # Errors
    ///
    /// [`Unbound`]: the pipeline is refused at start, naming the operation; in the body of a bind or of a list's element,
    /// which is made while it runs, it is that one's failure.
    fn bind(bindings: &Bindings, on: &str) -> Result<Self, Unbound>;
}
