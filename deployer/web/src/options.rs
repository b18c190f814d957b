//! How the pages are served.

use std::net::{IpAddr, SocketAddr};

use axum::http::Uri;
use axum::http::uri::Scheme;

use crate::access::Token;

/// What [`crate::router`] needs to know besides the engine.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) name: String,
    pub(crate) base: String,
    pub(crate) token: Option<Token>,
    /// Hosts that are ours besides the loopback's names, in lower case.
    pub(crate) hosts: Vec<String>,
    /// The host at which we are reached by TLS.
    pub(crate) secure_host: Option<String>,
}

/// The text is no address of a site.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not the URL of a site: it looks like https://ci.example.org, without a path")]
pub struct BadUrl(String);

impl Options {
    /// Pages that only read, at the names of the loopback. `name` is their title.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), base: String::new(), token: None, hosts: Vec::new(), secure_host: None }
    }

    /// Lets whoever has the token approve, cancel and rebuild.
    #[must_use]
    pub fn with_token(mut self, token: Token) -> Self {
        self.token = Some(token);
        self
    }

    /// Where the router is nested: `/ci`, with a slash before and none after.
    #[must_use]
    pub fn at(mut self, base: impl Into<String>) -> Self {
        self.base = base.into().trim_end_matches('/').to_owned();
        self
    }

    /// Answers at this address, too. Nothing is added for one that stands for all addresses of the machine.
    #[must_use]
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        if !address.ip().is_unspecified() {
            self.hosts.push(match address.ip() {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]"),
            });
        }
        self
    }

    /// Answers at the name in this URL, too: that of a proxy in front of us.
    ///
    /// # Errors
    ///
    /// [`BadUrl`].
    pub fn with_public_url(mut self, url: &str) -> Result<Self, BadUrl> {
        let bad = || BadUrl(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else { return Err(bad()) };
        let known = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        if !known
            || authority.as_str().contains('@')
            || !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
        {
            return Err(bad());
        }
        let host = authority.host().to_lowercase();
        if *scheme == Scheme::HTTPS {
            self.secure_host = Some(host.clone());
        }
        self.hosts.push(host);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_url_is_a_scheme_and_a_host() {
        let host = |url: &str| Options::new("x").with_public_url(url).map(|options| options.hosts);
        assert_eq!(host("https://CI.example.org/").unwrap(), ["ci.example.org"]);
        assert_eq!(host("http://[::2]:81").unwrap(), ["[::2]"]);
        for bad in ["ci.example.org", "/x", "ftp://x", "https://x/y", "https://a@x", "https://x?y", ""] {
            assert!(host(bad).is_err(), "{bad:?}");
        }
    }
}
