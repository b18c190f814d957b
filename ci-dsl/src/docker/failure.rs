//! What a failed call means, by what to do next.
//!
//! The engine has few codes of its own: what a registry, a network or a disk did to it comes as text, inside a 500 or
//! in the middle of a stream. The words below are those of Engine 20.10 to 28 and of its registry client; text that
//! is not known is not retried.

use std::error::Error as StdError;
use std::io;

use bollard::errors::Error as ApiError;
use ci_core::{FailureKind, OpError};

use super::client::DockerHost;
use super::tail::printable;

/// The longest text of the engine that a failure repeats, bytes.
const CAUSE_BYTES_MAX: usize = 2000;

/// What to do about an engine that is not there.
pub(super) const START: &str =
    "start it, or name the right socket or host; work goes on by itself when it answers";

/// The failure of `what`, a call to the engine at `host`.
pub(super) fn of_call(host: &DockerHost, what: &str, error: ApiError) -> OpError {
    let failed = |kind, cause: &str, hint: Option<&str>| {
        let failure = OpError::new(kind, format!("docker {what}: {}", shortened(cause)));
        hint.into_iter().fold(failure, OpError::with_hint)
    };
    let failure = match &error {
        ApiError::DockerResponseServerError { status_code, message } => {
            let (kind, hint) = of_text(message).unwrap_or((of_status(*status_code), None));
            failed(kind, message, hint)
        }
        ApiError::DockerStreamError { error } => {
            let (kind, hint) = of_text(error).unwrap_or((FailureKind::Permanent, None));
            failed(kind, error, hint)
        }
        ApiError::RequestTimeoutError => {
            failed(FailureKind::Infrastructure, "the engine does not answer", None)
        }
        _ => match unreachable(&error) {
            Some(hint) => {
                let cause = root(&error);
                OpError::infrastructure(format!("can't reach the Docker engine at {host}: {cause}"))
                    .with_hint(hint)
            }
            None if is_broken_connection(&error) => {
                let cause = format!("the connection to the engine at {host} broke: {}", root(&error));
                failed(FailureKind::Transient, &cause, None)
            }
            // Left are answers that can't be read: another engine, or a proxy in between.
            None => failed(FailureKind::Infrastructure, &error.to_string(), None),
        },
    };
    failure.with_source(error)
}

/// Whether nothing of the call got to the engine; then what to do about it.
fn unreachable(error: &ApiError) -> Option<&'static str> {
    match error {
        ApiError::SocketNotFoundError(_) => Some(START),
        ApiError::HyperLegacyError { err } if err.is_connect() => {
            let denied = io_kind(error) == Some(io::ErrorKind::PermissionDenied);
            Some(if denied { "let this user use the socket: usually by the group `docker`" } else { START })
        }
        _ => None,
    }
}

pub(super) fn is_broken_connection(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::HyperLegacyError { .. } | ApiError::HyperResponseError { .. } | ApiError::IOError { .. }
    ) || unreachable(error).is_some()
}

fn of_status(status: u16) -> FailureKind {
    match status {
        408 | 409 | 423 | 429 => FailureKind::Transient,
        400..=499 => FailureKind::Permanent,
        _ => FailureKind::Infrastructure,
    }
}

/// What known words in the engine's text mean. The first match wins.
pub(super) fn of_text(text: &str) -> Option<(FailureKind, Option<&'static str>)> {
    const KNOWN: &[(&str, FailureKind, Option<&str>)] = &[
        ("no space left on device", FailureKind::Infrastructure, Some("free space on the engine's disk")),
        ("no basic auth credentials", FailureKind::Permanent, Some(LOG_IN)),
        ("unauthorized", FailureKind::Permanent, Some(LOG_IN)),
        ("authentication required", FailureKind::Permanent, Some(LOG_IN)),
        ("access to the resource is denied", FailureKind::Permanent, Some(LOG_IN)),
        ("access denied", FailureKind::Permanent, Some(LOG_IN)),
        ("unable to find user", FailureKind::Permanent, Some(USER)),
        ("unable to find group", FailureKind::Permanent, Some(USER)),
        ("no such image", FailureKind::Permanent, Some("the image was removed: build or pull it again")),
        ("manifest unknown", FailureKind::Permanent, Some("the registry has no such tag or digest")),
        ("not found: manifest", FailureKind::Permanent, Some("the registry has no such tag or digest")),
        ("toomanyrequests", FailureKind::Transient, None),
        ("too many requests", FailureKind::Transient, None),
        ("received unexpected http status: 5", FailureKind::Transient, None),
        ("connection refused", FailureKind::Transient, None),
        ("connection reset", FailureKind::Transient, None),
        ("broken pipe", FailureKind::Transient, None),
        ("i/o timeout", FailureKind::Transient, None),
        ("tls handshake timeout", FailureKind::Transient, None),
        ("temporary failure in name resolution", FailureKind::Transient, None),
        ("server misbehaving", FailureKind::Transient, None),
        ("no such host", FailureKind::Transient, None),
        ("unexpected eof", FailureKind::Transient, None),
        ("client.timeout", FailureKind::Transient, None),
        ("context deadline exceeded", FailureKind::Transient, None),
    ];
    const USER: &str = "let the image say a user that it has, or a number";
    const LOG_IN: &str = "give the registry's credentials, or ask for access to the repository";
    let text = text.to_ascii_lowercase();
    KNOWN.iter().find(|(word, ..)| text.contains(word)).map(|(_, kind, hint)| (*kind, *hint))
}

/// `text` as one line that can be shown.
pub(super) fn shortened(text: &str) -> String {
    let mut text = printable(&text.trim().replace('\n', " "));
    if text.len() > CAUSE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(CAUSE_BYTES_MAX));
        text.push('…');
    }
    text
}

fn io_kind(error: &ApiError) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// The innermost cause: the outer ones only say which layer it went through.
fn root(error: &ApiError) -> String {
    shortened(&causes(error).last().map_or_else(|| error.to_string(), ToString::to_string))
}

fn causes(error: &ApiError) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(Some(error as &(dyn StdError + 'static)), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: ApiError) -> FailureKind {
        of_call(&DockerHost::Tcp("h:1".into()), "x", error).kind()
    }

    #[test]
    fn answers_are_told_apart_by_what_to_do_next() {
        use FailureKind::{Infrastructure, Permanent, Transient};
        for (status_code, text, expected) in [
            (404, "No such image: sha256:00", Permanent),
            (404, "manifest for a:b not found: manifest unknown: manifest unknown", Permanent),
            (400, "dockerfile parse error line 1: unknown instruction: FRM", Permanent),
            (409, "removal of container x is already in progress", Transient),
            (429, "", Transient),
            (500, "Get \"http://h:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", Transient),
            (500, "Head \"https://h/v2/a/manifests/b\": unauthorized: authentication required", Permanent),
            (500, "write /var/lib/docker/tmp/x: no space left on device", Infrastructure),
            (500, "unable to find user app: no matching entries in passwd file", Permanent),
            (500, "something", Infrastructure),
            (503, "", Infrastructure),
        ] {
            let error = ApiError::DockerResponseServerError { status_code, message: text.into() };
            assert_eq!(kind(error), expected, "{status_code} {text}");
        }
        for (text, expected) in [
            ("received unexpected HTTP status: 503 Service Unavailable", Transient),
            ("denied: requested access to the resource is denied", Permanent),
            ("some words we do not know", Permanent),
        ] {
            assert_eq!(kind(ApiError::DockerStreamError { error: text.into() }), expected, "{text}");
        }
        assert_eq!(kind(ApiError::RequestTimeoutError), Infrastructure);
        assert_eq!(kind(io::Error::from(io::ErrorKind::ConnectionReset).into()), Transient);
    }

    #[test]
    fn a_failure_is_one_short_line_without_control_characters() {
        let error = ApiError::DockerStreamError { error: format!("a\nb\x1b[31m{}", "é".repeat(10_000)) };
        let failure = of_call(&DockerHost::Tcp("h:1".into()), "push x", error);
        assert!(failure.message().starts_with("docker push x: a bé"), "{}", failure.message());
        assert!(failure.message().len() < 2 * CAUSE_BYTES_MAX);
    }
}
