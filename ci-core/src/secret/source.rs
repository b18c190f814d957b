//! Where secrets come from.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::Secret;
use crate::error::OpError;

/// The variable by which systemd says where a service's credentials are.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file. One newline at its end is not part of the secret: editors and `echo` add it.
    File(PathBuf),
    /// A variable of the environment, as it is.
    Environment(String),
    /// A credential that systemd gives to the service: `LoadCredential=`, `SetCredentialEncrypted=`. As a file.
    Credential(String),
}

impl Source {
    /// Reads the secret, to be called `name`. We look at no environment by ourselves: `environment` tells the value of a
    /// variable, as [`std::env::var_os`] does. Blocks.
    ///
    /// ```
    /// use ci_core::secret::Source;
    ///
    /// let missing = Source::Environment("HUB_TOKEN".to_owned());
    /// let error = missing.load("hub-token", |_| None).unwrap_err();
    /// assert_eq!(error.to_string(), "the secret hub-token is missing: there is no variable HUB_TOKEN");
    /// ```
    ///
    /// # Errors
    ///
    /// [`SecretError`], which never tells what was read.
    pub fn load(
        &self,
        name: impl Into<String>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Secret, SecretError> {
        let name = name.into();
        match self {
            Self::File(path) => from_file(name, path),
            Self::Environment(variable) => match environment(variable) {
                Some(value) => Secret::new(name, value.into_vec()),
                None => Err(SecretError::NoVariable { name, variable: variable.clone() }),
            },
            Self::Credential(credential) => {
                if matches!(credential.as_str(), "" | "." | "..") || credential.contains('/') {
                    return Err(SecretError::NoCredential { name, credential: credential.clone() });
                }
                match environment(CREDENTIALS_DIRECTORY) {
                    Some(folder) => from_file(name, &Path::new(&folder).join(credential)),
                    None => Err(SecretError::NoCredentials { name, credential: credential.clone() }),
                }
            }
        }
    }
}

fn from_file(name: String, path: &Path) -> Result<Secret, SecretError> {
    // Room for all that is taken: what grows leaves copies behind, which nobody zeroes.
    const TAKEN_MAX: usize = Secret::BYTES_MAX + "\r\n".len() + 1;
    let mut bytes = Zeroizing::new(vec![0; TAKEN_MAX]);
    let read = File::open(path).and_then(|mut file| read_full(&mut file, &mut bytes));
    let read = match read {
        Ok(read) => read,
        Err(error) => return Err(SecretError::Unreadable { name, path: path.to_owned(), error }),
    };
    let kept = bytes[..read]
        .strip_suffix(b"\n")
        .map_or(&bytes[..read], |line| line.strip_suffix(b"\r").unwrap_or(line));
    Secret::new(name, kept)
}

/// Reads until the end or until `bytes` is full.
fn read_full(file: &mut File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < bytes.len() {
        match file.read(&mut bytes[read..]) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Why there is no such secret. Tells names, never contents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file can't be read.
    #[error("the secret {name} can't be read from {}: {error}", path.display())]
    Unreadable {
        /// Of the secret.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The variable is not set.
    #[error("the secret {name} is missing: there is no variable {variable}")]
    NoVariable {
        /// Of the secret.
        name: String,
        /// Of the environment.
        variable: String,
    },
    /// No service manager gives us credentials.
    #[error("the secret {name} is missing: there are no credentials, so not {credential:?}")]
    NoCredentials {
        /// Of the secret.
        name: String,
        /// The one that was looked for.
        credential: String,
    },
    /// No credential can be called that.
    #[error("the secret {name} can't be read: {credential:?} is no name of a credential")]
    NoCredential {
        /// Of the secret.
        name: String,
        /// What it was to be.
        credential: String,
    },
    /// There is nothing but white space.
    #[error("the secret {name} is empty")]
    Empty {
        /// Of the secret.
        name: String,
    },
    /// See [`Secret::BYTES_MIN`].
    #[error("the secret {name} has fewer than {} bytes: it can't be masked in logs", Secret::BYTES_MIN)]
    TooShort {
        /// Of the secret.
        name: String,
    },
    /// See [`Secret::BYTES_MAX`].
    #[error("the secret {name} has more than {} bytes", Secret::BYTES_MAX)]
    TooLong {
        /// Of the secret.
        name: String,
    },
}

impl SecretError {
    /// What the reader can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => {
                format!("write it to {}, and let this program's user read it", path.display())
            }
            Self::NoVariable { variable, .. } => format!("set {variable}, or keep the secret in a file"),
            Self::NoCredentials { credential, .. } => {
                format!("add `LoadCredential={credential}:/path/to/it` to the systemd unit")
            }
            Self::NoCredential { .. } => "use the name that the systemd unit gives it".to_owned(),
            Self::Empty { .. } => "write the secret to where it is read from".to_owned(),
            Self::TooShort { .. } => "use a longer one: what is short can be guessed, too".to_owned(),
            Self::TooLong { .. } => {
                "check that this is the right file; keep what is no secret elsewhere".to_owned()
            }
        }
    }
}

/// Nothing changes by itself: [`crate::FailureKind::Permanent`].
impl From<SecretError> for OpError {
    fn from(error: SecretError) -> Self {
        Self::permanent(error.to_string()).with_hint(error.hint())
    }
}
