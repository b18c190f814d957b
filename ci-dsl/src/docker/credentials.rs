//! Who we are to a registry.

use std::collections::BTreeMap;

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

/// The Docker Hub, for historical reasons, has another name for its credentials, and its host another one still.
const HUB: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");
const HUB_HOST: &str = "registry-1.docker.io";

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

/// The registry that is meant by a host, which is what BuildKit asks by.
pub(super) fn registry_of_host(host: &str) -> &str {
    if host == HUB_HOST { HUB.0 } else { host }
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
