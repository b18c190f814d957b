//! Where a secret may be used.

use std::fmt;

use super::Secret;
use crate::error::OpError;

/// A place of which commits come. What is made of them may have a secret of this scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The repository's address, as the pipeline has it. Two spellings of one address are two.
    pub repository: String,
    /// The full name of a reference: `refs/heads/live`. `None` for each of the repository's.
    pub reference: Option<String>,
}

impl Scope {
    fn covers(&self, repository: &str, reference: &str) -> bool {
        self.repository == repository && self.reference.as_ref().is_none_or(|own| own == reference)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reference {
            Some(reference) => write!(f, "{reference} of {}", self.repository),
            None => f.write_str(&self.repository),
        }
    }
}

/// Why a secret can't be had. Tells names and places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotGiven {
    /// The engine was given none of that name.
    #[error("there is no secret {name}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that there are, in order.
        known: Vec<String>,
    },
    /// There is its name and nothing else: a [stand-in](Secret::stand_in).
    #[error("the secret {name} is not here, only its name is")]
    NameOnly {
        /// What was asked for.
        name: String,
    },
    /// It is for others.
    #[error("the secret {name} is only for {}, not for {asked}", listed(scopes))]
    OutOfScope {
        /// What was asked for.
        name: String,
        /// Where it may be used.
        scopes: Vec<Scope>,
        /// Where it was asked for.
        asked: Scope,
    },
}

impl NotGiven {
    /// What the reader can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { known, .. } if known.is_empty() => {
                "give the engine one of that name; it has none at all".to_owned()
            }
            Self::Unknown { known, .. } => {
                format!("give the engine one of that name; it has {}", known.join(", "))
            }
            Self::NameOnly { .. } => "do it where the secret can be read".to_owned(),
            Self::OutOfScope { .. } => {
                "widen the secret's scope, if what is made there may have it; else don't ask for it there"
                    .to_owned()
            }
        }
    }
}

/// The same pipeline asks for the same again.
impl From<NotGiven> for OpError {
    fn from(refused: NotGiven) -> Self {
        Self::permanent(refused.to_string()).with_hint(refused.hint())
    }
}

fn listed(scopes: &[Scope]) -> String {
    scopes.iter().map(Scope::to_string).collect::<Vec<_>>().join(", ")
}

impl Secret {
    /// Whether what is made of a commit of `reference` in `repository` may have it.
    pub(super) fn is_for(&self, repository: &str, reference: &str) -> Result<(), NotGiven> {
        if self.scopes.is_empty() || self.scopes.iter().any(|scope| scope.covers(repository, reference)) {
            return Ok(());
        }
        Err(NotGiven::OutOfScope {
            name: self.name().to_owned(),
            scopes: self.scopes.to_vec(),
            asked: Scope { repository: repository.to_owned(), reference: Some(reference.to_owned()) },
        })
    }
}
