//! Secrets: read from where they are kept, shown to nobody, masked wherever text leaves us.
//!
//! A [`Secret`] has a name and bytes. It has no `Display`, its `Debug` is its name, and its bytes are zeroed when the last
//! of its clones is dropped. It is compared with nothing: what checks a token does that in constant time, on
//! [`Secret::expose`].
//!
//! [`Secrets`] are those of one engine. Whatever its jobs write is masked before the first byte is on disk, also where a
//! secret comes in pieces, encoded, or is added while the job runs: see [`forms`] for what is recognised. A [`Masker`] does
//! that for a stream. Operations find them there by name, if the [`Scope`]s of a secret let them.
//!
//! ```
//! use ci_core::secret::{Secret, Secrets};
//!
//! let secrets = Secrets::default();
//! secrets.add(&Secret::new("hub-token", "hunter2")?)?;
//! let mut log = secrets.masker();
//! let mut seen = log.push(b"as hunt").into_owned();
//! seen.extend_from_slice(&log.push(b"er2, in base64 aHVudGVyMg==\n"));
//! seen.extend_from_slice(&log.cut());
//! assert_eq!(seen, b"as *******, in base64 ************\n");
//! assert_eq!(secrets.text("login as me:hunter2 failed"), "login as me:*** failed");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What can't be masked: a secret that a program cuts in two, turns around, or encodes in a way that is not listed; and
//! one of fewer than [`Secret::BYTES_MIN`] bytes, which would black out half of each log, and is therefore refused.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use self::masker::Masker;
pub use self::scope::{NotGiven, Scope};
pub use self::secrets::{Secrets, TooManySecrets};
pub use self::source::{SecretError, Source};

pub mod forms;
mod mask;
mod masker;
mod scope;
mod secrets;
mod sieve;
mod source;

/// A password, a token, a key: bytes that belong in no log, page, journal or error.
#[derive(Clone)]
pub struct Secret {
    name: Arc<str>,
    bytes: Arc<Zeroizing<Vec<u8>>>,
    /// Everywhere, if there are none.
    scopes: Arc<[Scope]>,
}

impl Secret {
    /// Fewer bytes, not counting white space at both ends, are no secret: they stand in too much text to be masked.
    pub const BYTES_MIN: usize = 4;
    /// Of more, not everything that has to be masked could be kept in mind.
    pub const BYTES_MAX: usize = 16 << 10;

    /// A secret that is at hand already. [`Source::load`] reads one.
    ///
    /// # Errors
    ///
    /// [`SecretError`], when it is empty, too short or too long.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        let (name, bytes) = (name.into(), Zeroizing::new(bytes.into()));
        match bytes.trim_ascii().len() {
            0 => Err(SecretError::Empty { name }),
            1..Self::BYTES_MIN => Err(SecretError::TooShort { name }),
            _ if bytes.len() > Self::BYTES_MAX => Err(SecretError::TooLong { name }),
            _ => Ok(Self { name: name.into(), bytes: Arc::new(bytes), scopes: Arc::default() }),
        }
    }

    /// One of which only the name is known. What asks for it by its name is told of in plans, with all that it is for; but
    /// nothing is [given](Secrets::named) it, and nothing can be masked.
    pub fn stand_in(name: impl Into<String>) -> Self {
        // No other has no bytes.
        Self { name: name.into().into(), bytes: Arc::default(), scopes: Arc::default() }
    }

    fn is_stand_in(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The same secret, to be used in these places only; everywhere, if there are none. It is masked wherever it turns up.
    #[must_use]
    pub fn only(self, scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { scopes: scopes.into_iter().collect(), ..self }
    }

    /// What it is called, in the pipeline and in errors.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The bytes, for the one who needs them. A copy is not zeroed by us.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

/// Its name.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secret").field(&self.name).finish()
    }
}
