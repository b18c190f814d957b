//! Where a repository is.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A repository by absolute path, `https://`, `http://`, `ssh://` or `user@host:path`. Nothing else is let through:
/// what Git itself takes would also run programs (`ext::`) or be read as an option (`--upload-pack=…`).
///
/// Equal texts are one repository; two spellings of one address are two.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoUrl(String);

/// The text is not an address of a repository that we go to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not a repository we can read: {why}")]
pub struct BadRepoUrl {
    /// The text, without anything that may be a password.
    url: String,
    why: &'static str,
}

/// How Git reaches a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Path,
    Http,
    Https,
    Ssh,
}

impl RepoUrl {
    /// The longest address, bytes.
    pub const BYTES_MAX: usize = 4096;

    /// Checks an address. A relative path is made absolute from the current directory; whether anything is there is
    /// not looked at.
    ///
    /// # Errors
    ///
    /// [`BadRepoUrl`] says what is wrong with it. A user or password in an `http` address is refused too: it would
    /// be shown and stored wherever the address is.
    pub fn parse(text: &str) -> Result<Self, BadRepoUrl> {
        let bad = |why| Err(BadRepoUrl { url: shown(text), why });
        if text.is_empty() {
            return bad("it is empty");
        }
        if text.len() > Self::BYTES_MAX {
            return bad("it is too long");
        }
        if text.chars().any(char::is_control) {
            return bad("it holds a control character");
        }
        if text.starts_with('-') {
            return bad("it starts with '-'; write ./-name for a directory of that name");
        }
        match way(text) {
            Err(why) => bad(why),
            Ok(Way::Path) => {
                match std::path::absolute(text).map(|path| path.into_os_string().into_string()) {
                    Ok(Ok(path)) => Ok(Self(path)),
                    _ => bad("the current directory has no name in UTF-8"),
                }
            }
            Ok(Way::Http | Way::Https) if authority(text).contains('@') => {
                bad("it holds a user or password; use ssh, or keep them in a .netrc file")
            }
            Ok(_) => Ok(Self(text.to_owned())),
        }
    }

    /// The address as Git takes it. It never starts with `-`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a path on this machine.
    pub fn is_local(&self) -> bool {
        self.local_path().is_some()
    }

    /// The path of a repository on this machine.
    pub fn local_path(&self) -> Option<&Path> {
        (way(&self.0) == Ok(Way::Path)).then(|| Path::new(&self.0))
    }

    /// The last part of the address without `.git`: `demo`.
    pub fn name(&self) -> &str {
        let path = self.0.trim_end_matches('/');
        let path = path.strip_suffix("/.git").or(path.strip_suffix(".git")).unwrap_or(path);
        let after_host = |c| c == '/' || (c == ':' && !self.is_local());
        path.rsplit(after_host).find(|part| !part.is_empty()).unwrap_or("repository")
    }

    /// The protocols that Git may use to reach it, as `GIT_ALLOW_PROTOCOL` wants them.
    pub(super) fn protocols(&self) -> &'static str {
        match way(&self.0) {
            Ok(Way::Path) => "file",
            Ok(Way::Http) => "http:https",
            Ok(Way::Https) => "https",
            Ok(Way::Ssh) => "ssh",
            Err(_) => "none",
        }
    }
}

fn way(text: &str) -> Result<Way, &'static str> {
    let host_is_an_option = "its host starts with '-'";
    if let Some((scheme, rest)) = text.split_once("://") {
        let way = match scheme {
            "https" => Way::Https,
            "http" => Way::Http,
            "ssh" => Way::Ssh,
            "file" => return Err("write it as a path"),
            _ => return Err("only https://, http://, ssh:// and paths are read"),
        };
        let host = authority(text).rsplit('@').next().unwrap_or_default();
        return match host.chars().next() {
            None | Some(':') => Err("it has no host"),
            Some('-') => Err(host_is_an_option),
            Some(_) if rest.starts_with('-') => Err(host_is_an_option),
            Some(_) => Ok(way),
        };
    }
    // Git reads `a:b` as host and path unless a slash comes first.
    let host = match (text.find(':'), text.find('/')) {
        (None, _) => return Ok(Way::Path),
        (Some(colon), Some(slash)) if slash < colon => return Ok(Way::Path),
        (Some(colon), _) => &text[..colon],
    };
    if text[host.len()..].starts_with("::") {
        return Err("a remote helper would be run");
    }
    match host.rsplit('@').next() {
        None | Some("") => Err("it has no host"),
        Some(name) if name.starts_with('-') => Err(host_is_an_option),
        Some(_) => Ok(Way::Ssh),
    }
}

/// What stands between `://` and the next slash.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

/// The text with whatever stands before an `@` of the authority taken out, and not too long.
fn shown(text: &str) -> String {
    let authority = authority(text);
    let short: String = match authority.rsplit_once('@') {
        Some((_, host)) => text.replacen(authority, &format!("…@{host}"), 1),
        None => text.to_owned(),
    };
    short.chars().take(200).collect()
}

impl fmt::Display for RepoUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RepoUrl {
    type Err = BadRepoUrl;

    fn from_str(text: &str) -> Result<Self, BadRepoUrl> {
        Self::parse(text)
    }
}

impl TryFrom<String> for RepoUrl {
    type Error = BadRepoUrl;

    fn try_from(text: String) -> Result<Self, BadRepoUrl> {
        Self::parse(&text)
    }
}

impl From<RepoUrl> for String {
    fn from(url: RepoUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_read() {
        for (text, name, protocols) in [
            ("/srv/git/demo.git", "demo", "file"),
            ("/srv/demo/.git", "demo", "file"),
            ("/srv/with space/ünï/", "ünï", "file"),
            ("/a:b/c::d", "c::d", "file"),
            ("https://host/a/demo.git", "demo", "https"),
            ("http://127.0.0.1:80/demo", "demo", "http:https"),
            ("ssh://git@host:22/demo.git", "demo", "ssh"),
            ("git@host:demo.git", "demo", "ssh"),
            ("/", "repository", "file"),
        ] {
            let url = RepoUrl::parse(text).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(
                (url.as_str().trim_end_matches('/'), url.protocols()),
                (text.trim_end_matches('/'), protocols)
            );
            assert_eq!(url.name(), name);
            assert_eq!(url.is_local(), protocols == "file");
            assert_eq!(serde_json::from_str::<RepoUrl>(&serde_json::to_string(&url).unwrap()).unwrap(), url);
        }
        let relative = RepoUrl::parse("./-odd").unwrap();
        assert!(relative.as_str().starts_with('/') && relative.as_str().ends_with("/-odd"));
    }

    #[test]
    fn addresses_that_are_refused() {
        for text in [
            "",
            "--upload-pack=touch x",
            "-x",
            "ext::sh -c 'touch x'",
            "fd::7",
            "file:///srv/x",
            "git://host/x",
            "ftp://host/x",
            "https://",
            "https:///x",
            "ssh://-oProxyCommand=x/y",
            "ssh://git@-oProxyCommand=x/y",
            "-oProxyCommand=x:y",
            "git@-oProxyCommand=x:y",
            ":x",
            "/a\nb",
            "/a\0b",
        ] {
            assert!(RepoUrl::parse(text).is_err(), "{text:?}");
        }
        assert!(RepoUrl::parse(&format!("/{}", "a".repeat(5000))).is_err());
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for text in ["https://me:hunter2@host/x", "https://hunter2@host/x", "http://a:hunter2@b@host/x"] {
            let said = RepoUrl::parse(text).unwrap_err().to_string();
            assert!(!said.contains("hunter2") && said.contains("host/x"), "{said}");
        }
    }
}
