//! The secrets of one engine.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroize as _;

use super::mask::Mask;
use super::{Masker, NotGiven, Secret, forms};
use crate::error::{Failure, OpError};

/// What stands for a secret in a message.
const MARK: &str = "***";

/// What is masked, and can be had by name. Clones are of the same secrets: one that is added is masked by all of them from
/// then on.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many there are. Who masks looks at it first, so that without secrets nothing else is done.
    count: AtomicUsize,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The newest of each name.
    named: BTreeMap<String, Secret>,
    forms: BTreeSet<Vec<u8>>,
    form_bytes: usize,
    longest: usize,
    /// Made when it is first asked for after a secret was added: of many that are added one after the other it is made
    /// once.
    mask: Option<Arc<Mask>>,
}

/// As a secret's own bytes are. What the mask is made of is not ours to zero.
impl Drop for Known {
    fn drop(&mut self) {
        for mut form in std::mem::take(&mut self.forms) {
            form.zeroize();
        }
    }
}

/// There is no room to recognise one more.
#[derive(Debug, thiserror::Error)]
#[error(
    "the secret {name} can't be masked: all forms of all secrets would have more than {} bytes",
    Secrets::FORM_BYTES_MAX
)]
pub struct TooManySecrets {
    name: String,
}

impl TooManySecrets {
    /// What the reader can do about it.
    pub fn hint(&self) -> &'static str {
        "long secrets of many lines take most: keep what is no secret elsewhere, or use fewer"
    }
}

impl Secrets {
    /// How many bytes all forms of all secrets may have, which is room for a dozen large private keys. Recognising takes some
    /// 40 bytes of memory for each. The forms of a token have some 20 times its length, those of many lines some 100 times.
    pub const FORM_BYTES_MAX: usize = 4 << 20;

    /// Masks one more secret from now on. Who masks next waits a moment: all forms are put together anew. It takes the place
    /// of one of the same name, which is masked as before.
    ///
    /// # Errors
    ///
    /// [`TooManySecrets`]; those before are masked as they were.
    pub fn add(&self, secret: &Secret) -> Result<(), TooManySecrets> {
        let mut known = self.known();
        if secret.is_stand_in() {
            known.named.insert(secret.name().to_owned(), secret.clone());
            return Ok(());
        }
        let mut forms = forms::of(secret.expose());
        forms.retain(|form| !known.forms.contains(form));
        let form_bytes = known.form_bytes + forms.iter().map(Vec::len).sum::<usize>();
        if form_bytes > Self::FORM_BYTES_MAX {
            return Err(TooManySecrets { name: secret.name().to_owned() });
        }
        known.longest = forms.iter().map(Vec::len).fold(known.longest, usize::max);
        known.forms.append(&mut forms);
        known.form_bytes = form_bytes;
        known.mask = None;
        known.named.insert(secret.name().to_owned(), secret.clone());
        self.0.count.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// How many were added, without stand-ins. It never gets less.
    pub fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// Whether what is made of a commit of `reference` (its full name) in `repository` may have the secret of this name. To
    /// be asked before anything is done with [`Secrets::named`].
    ///
    /// # Errors
    ///
    /// [`NotGiven`].
    pub fn permit(&self, name: &str, repository: &str, reference: &str) -> Result<(), NotGiven> {
        self.known_as(name)?.is_for(repository, reference)
    }

    /// The secret of this name, wherever it may be used.
    ///
    /// # Errors
    ///
    /// [`NotGiven::Unknown`], [`NotGiven::NameOnly`].
    pub fn named(&self, name: &str) -> Result<Secret, NotGiven> {
        match self.known_as(name)? {
            secret if secret.is_stand_in() => Err(NotGiven::NameOnly { name: name.to_owned() }),
            secret => Ok(secret),
        }
    }

    fn known_as(&self, name: &str) -> Result<Secret, NotGiven> {
        let known = self.known();
        known.named.get(name).cloned().ok_or_else(|| NotGiven::Unknown {
            name: name.to_owned(),
            known: known.named.keys().cloned().collect(),
        })
    }

    /// Masks a stream.
    pub fn masker(&self) -> Masker {
        Masker::of(self.clone())
    }

    /// A whole text with `***` in place of each stretch that secrets cover: how many there were, and how long they are,
    /// can't be seen.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(mask) = self.mask() else { return Cow::Borrowed(text) };
        let mut covered = Vec::new();
        mask.go_over(mask.start(), 0, text.as_bytes(), &mut covered);
        if covered.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut shown, mut from) = (Vec::with_capacity(text.len()), 0);
        for range in covered {
            shown.extend_from_slice(&text.as_bytes()[from..range.start]);
            shown.extend_from_slice(MARK.as_bytes());
            from = range.end;
        }
        shown.extend_from_slice(&text.as_bytes()[from..]);
        // A secret that is no text may end in the middle of a character.
        Cow::Owned(String::from_utf8_lossy(&shown).into_owned())
    }

    /// A failure without secrets.
    pub(crate) fn failure(&self, failure: Failure) -> Failure {
        if self.count() == 0 { failure } else { failure.retold(|text| self.text(text)) }
    }

    /// An error without secrets, also in the one that underlies it.
    pub(crate) fn error(&self, error: OpError) -> OpError {
        if self.count() == 0 { error } else { error.retold(|text| self.text(text)) }
    }

    /// How many bytes the longest form has.
    pub(crate) fn longest_form(&self) -> usize {
        if self.count() == 0 { 0 } else { self.known().longest }
    }

    /// Puts the forms together, so that nobody waits for it later. Blocking.
    pub(crate) fn make_ready(&self) {
        self.mask();
    }

    pub(super) fn mask(&self) -> Option<Arc<Mask>> {
        if self.count() == 0 {
            return None;
        }
        let mut known = self.known();
        let Known { forms, mask, .. } = &mut *known;
        Some(mask.get_or_insert_with(|| Arc::new(Mask::of(forms))).clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many there are.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("count", &self.count()).finish_non_exhaustive()
    }
}
