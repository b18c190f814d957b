//! Who may act: whoever has the token.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use axum::extract::{FromRequestParts, Query, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::page::{Failed, Frame};
use crate::site::Site;

/// How long the cookie lasts, seconds: 30 days.
const COOKIE_AGE_S: u64 = 30 * 24 * 60 * 60;

/// A secret that lets its bearer approve, cancel and rebuild. A state directory keeps one for life, in a file that only
/// its owner can read.
#[derive(Clone)]
pub struct Token(String);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file can't be read or made.
    #[error("the page's token in {} can't be used: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no token (hint: remove it, and a new one is made)", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system gave no random bytes.
    #[error("no random bytes for the page's token: {0}")]
    Random(getrandom::Error),
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Its length: 64 hex digits, 256 random bits.
    const DIGITS: usize = 64;
    /// Its file's name in a state directory.
    const FILE: &str = "web-token";

    /// Reads a state directory's, or makes one, readable (0600) by nobody else, the first time. Blocking.
    ///
    /// # Errors
    ///
    /// [`TokenError`].
    pub fn of_dir(state: &Path) -> Result<Self, TokenError> {
        let path = state.join(Self::FILE);
        let failed = |error| TokenError::Io { path: path.clone(), error };
        match fs::read_to_string(&path) {
            Ok(text) => {
                let is_token = text.len() == Self::DIGITS
                    && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                if !is_token {
                    return Err(TokenError::Damaged { path });
                }
                // A copy may have come with a wider mode.
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
                Ok(Self(text))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut bytes = [0; Self::DIGITS / 2];
                getrandom::fill(&mut bytes).map_err(TokenError::Random)?;
                let token = hex::encode(bytes);
                // Made with 0600, and never seen half written.
                let mut new = tempfile::NamedTempFile::new_in(state).map_err(failed)?;
                new.write_all(token.as_bytes()).map_err(failed)?;
                new.as_file().sync_all().map_err(failed)?;
                new.persist_noclobber(&path).map_err(|error| failed(error.error))?;
                Ok(Self(token))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// The link that lets a browser act: `{origin}{base}/login?token=…`.
    pub fn link(&self, origin: &str) -> String {
        format!("{origin}/login?token={}", self.0)
    }

    /// Compares in constant time.
    fn is(&self, other: &str) -> bool {
        Sha256::digest(self.0.as_bytes()).ct_eq(&Sha256::digest(other.as_bytes())).into()
    }

    /// Cookies know no ports: two deployers on one host need two names.
    fn cookie_name(&self) -> String {
        format!("ci-{}", &hex::encode(Sha256::digest(self.0.as_bytes()))[..12])
    }
}

/// Whether these headers bring the token.
pub(crate) fn may_act(token: Option<&Token>, headers: &HeaderMap) -> bool {
    let Some(token) = token else { return false };
    let name = token.cookie_name();
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.any(|(key, value)| key == name && token.is(value))
}

/// Proof that the request may act. Without it, it is refused.
pub(crate) struct MayAct;

impl FromRequestParts<Site> for MayAct {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Failed> {
        if may_act(site.options.token.as_ref(), &parts.headers) {
            return Ok(Self);
        }
        let frame = Frame::of(site, &parts.headers);
        Err(Failed::new(frame, StatusCode::FORBIDDEN, "You are only reading.").with_hint(
            "Open the link that the deployer printed when it started: with it, this browser may approve, cancel \
             and rebuild.",
        ))
    }
}

#[derive(Deserialize)]
pub(crate) struct Login {
    #[serde(default)]
    token: String,
}

/// `GET /login?token=…`: takes the token from the address, where it would be seen, into a cookie.
pub(crate) async fn login(
    State(site): State<Site>,
    headers: HeaderMap,
    Query(login): Query<Login>,
) -> Result<Response, Failed> {
    let frame = Frame::of(&site, &headers);
    let token = site.options.token.as_ref().filter(|token| token.is(&login.token));
    let Some(token) = token else {
        return Err(Failed::new(frame, StatusCode::FORBIDDEN, "This link is not, or no longer, valid.")
            .with_hint("The deployer prints a valid one when it starts."));
    };
    Ok(with_cookie(&site, &headers, token, &token.0, COOKIE_AGE_S))
}

/// `POST /logout`: forgets the cookie.
pub(crate) async fn logout(State(site): State<Site>, _: MayAct, headers: HeaderMap) -> Response {
    match &site.options.token {
        Some(token) => with_cookie(&site, &headers, token, "", 0),
        None => Redirect::to(&format!("{}/", site.options.base)).into_response(),
    }
}

fn with_cookie(site: &Site, headers: &HeaderMap, token: &Token, value: &str, age_s: u64) -> Response {
    let base = &site.options.base;
    let host = crate::guard::host(headers);
    let secure = if host.is_some() && host == site.options.secure_host { "; Secure" } else { "" };
    let cookie = format!(
        "{}={value}; Path={base}/; Max-Age={age_s}; HttpOnly; SameSite=Strict{secure}",
        token.cookie_name()
    );
    let mut response = Redirect::to(&format!("{base}/")).into_response();
    match HeaderValue::from_str(&cookie) {
        Ok(cookie) => {
            response.headers_mut().insert(SET_COOKIE, cookie);
            response
        }
        // A base that no header can hold.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_token_and_nobody_else_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let token = Token::of_dir(dir.path()).unwrap();
        let mode = || fs::metadata(dir.path().join(Token::FILE)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(dir.path().join(Token::FILE), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Token::of_dir(dir.path()).unwrap().0, token.0);
        assert_eq!(mode(), 0o600);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Token::of_dir(other.path()).unwrap().0, token.0);
    }

    #[test]
    fn a_damaged_file_is_no_token() {
        let dir = tempfile::tempdir().unwrap();
        for damaged in ["", "abc", &"G".repeat(Token::DIGITS), &"a".repeat(Token::DIGITS + 1)] {
            fs::write(dir.path().join(Token::FILE), damaged).unwrap();
            assert!(matches!(Token::of_dir(dir.path()), Err(TokenError::Damaged { .. })), "{damaged:?}");
        }
    }

    #[test]
    fn a_token_is_not_told_by_debug() {
        let token = Token("secret".to_owned());
        assert!(!format!("{token:?}").contains("secret"));
        assert!(token.is("secret") && !token.is("secreT") && !token.is(""));
    }
}
