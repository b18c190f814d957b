//! Who we are to a registry.

use std::collections::{BTreeMap, HashMap};

use bollard::BollardRequest;
use bollard::auth::DockerCredentials;

/// A registry's user name and password (or token). It has no `Debug` and no `Display`: it is shown to nobody.
#[derive(Clone)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password or token.
    pub password: String,
}

/// Credentials by registry, as [`super::reference::Repository::registry`] names it.
pub type Keyring = BTreeMap<String, Credentials>;

/// The name under which the Docker Hub's credentials are asked for, for historical reasons.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

impl Credentials {
    pub(super) fn for_engine(&self, registry: &str) -> DockerCredentials {
        DockerCredentials {
            username: Some(self.username.clone()),
            password: Some(self.password.clone()),
            serveraddress: Some(if registry == HUB.0 { HUB.1 } else { registry }.to_owned()),
            ..Default::default()
        }
    }
}

/// For a build: BuildKit asks for them by the registry's host.
pub(super) fn for_build(keyring: &Keyring) -> HashMap<String, DockerCredentials> {
    keyring
        .iter()
        .map(|(registry, credentials)| {
            let host = if registry == HUB.0 { HUB.1 } else { registry };
            (host.to_owned(), credentials.for_engine(registry))
        })
        .collect()
}

/// The engine reads these headers as URL-safe base64 (RFC 4648, section 5); bollard 0.21 writes the standard one,
/// and a password that needs `+` or `/` is taken for none at all.
pub(super) fn url_safe(mut request: BollardRequest) -> BollardRequest {
    for name in ["x-registry-auth", "x-registry-config"] {
        let Some(value) = request.headers_mut().get_mut(name) else { continue };
        let mapped = value.to_str().ok().map(|text| text.replace('+', "-").replace('/', "_"));
        if let Some(mapped) = mapped.and_then(|text| text.parse().ok()) {
            *value = mapped;
        }
    }
    request
}
