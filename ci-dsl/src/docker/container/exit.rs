//! What the engine says about a container, as what became of its work.

use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerState, ContainerStateStatusEnum};
use ci_core::OpError;
use ci_core::executor::{Cause, Exit};

use super::{FILE_SIZE, TIMEOUT};

/// Whether there is an end to wait for.
pub(super) fn is_alive(state: &ContainerState) -> bool {
    use ContainerStateStatusEnum::{CREATED, PAUSED, RESTARTING, RUNNING};
    matches!(state.status, Some(RUNNING | PAUSED | RESTARTING | CREATED))
}

/// The limit it was submitted with.
pub(super) fn time_limit(found: &ContainerInspectResponse) -> Option<Duration> {
    let labels = found.config.as_ref()?.labels.as_ref()?;
    labels.get(TIMEOUT)?.parse().ok().map(Duration::from_millis)
}

/// Milliseconds since the Unix epoch; `None` for what has not happened yet, which the engine says as year 1.
fn at_ms(stamp: Option<&str>) -> Option<u64> {
    let at = chrono::DateTime::parse_from_rfc3339(stamp?).ok()?;
    u64::try_from(at.timestamp_millis()).ok().filter(|ms| *ms > 0)
}

/// How long it has been running when the engine's clock says `engine_time`. Our own clock may be another. What can't be
/// told is no time at all: who waits too long does less harm than who stops good work.
pub(super) fn age(state: &ContainerState, engine_time: Option<&str>) -> Duration {
    match (at_ms(state.started_at.as_deref()), at_ms(engine_time)) {
        (Some(started), Some(now)) => Duration::from_millis(now.saturating_sub(started)),
        _ => Duration::ZERO,
    }
}

/// The exit code of what was killed for writing a file beyond its limit: 128 + SIGXFSZ.
const FILE_TOO_LARGE: i64 = 128 + 25;

/// The largest file that it might write.
fn file_limit(found: &ContainerInspectResponse) -> Option<u64> {
    let ulimits = found.host_config.as_ref()?.ulimits.as_ref()?;
    let limit = ulimits.iter().find(|ulimit| ulimit.name.as_deref() == Some(FILE_SIZE))?;
    limit.hard.and_then(|bytes| u64::try_from(bytes).ok())
}

/// How it ended, from what the engine still knows of it: the same whenever it is asked. Only that we stopped it, and that
/// the engine was away, is known to those who saw it.
///
/// The engine's clock may be set while the work runs. So how long that took, by the clock, explains a failure, and makes
/// none of a success.
pub(super) fn exit_of(
    found: &ContainerInspectResponse,
    state: &ContainerState,
    stopped_at_limit: Option<Duration>,
    engine_was_away: bool,
) -> Result<Exit, OpError> {
    let code = state
        .exit_code
        .ok_or_else(|| OpError::infrastructure("docker: the engine's answer names no exit code"))?;
    let times = (at_ms(state.started_at.as_deref()), at_ms(state.finished_at.as_deref()));
    let ran = match times {
        (Some(from), Some(to)) => Duration::from_millis(to.saturating_sub(from)),
        _ => Duration::ZERO,
    };
    let limit = stopped_at_limit.or_else(|| time_limit(found).filter(|limit| code != 0 && ran >= *limit));
    let memory = found.host_config.as_ref().and_then(|host| host.memory).and_then(|m| u64::try_from(m).ok());
    let cause = match limit {
        Some(limit) => Cause::TimedOut(limit),
        None if code != 0 && state.oom_killed == Some(true) => Cause::OutOfMemory(memory.unwrap_or_default()),
        None if code == FILE_TOO_LARGE => file_limit(found).map_or(Cause::Exited, Cause::FileTooLarge),
        // 255 is what an engine writes that finds, after its own restart, that the container had died with it.
        None if engine_was_away && !(0..=128).contains(&code) => {
            return Err(OpError::infrastructure(
                "the Docker engine went away while the work ran, and took it down",
            ));
        }
        None => Cause::Exited,
    };
    Ok(Exit { code, cause })
}

#[cfg(test)]
mod tests {
    use bollard::models::{ContainerConfig, HostConfig, ResourcesUlimits};
    use ci_core::FailureKind;

    use super::*;

    fn ended(code: i64, ran_s: u64, oom_killed: bool) -> (ContainerInspectResponse, ContainerState) {
        let labels = [(TIMEOUT.to_owned(), "60000".to_owned())].into();
        let found = ContainerInspectResponse {
            config: Some(ContainerConfig { labels: Some(labels), ..Default::default() }),
            host_config: Some(HostConfig {
                memory: Some(1 << 20),
                ulimits: Some(vec![ResourcesUlimits {
                    name: Some(FILE_SIZE.to_owned()),
                    soft: Some(2 << 20),
                    hard: Some(2 << 20),
                }]),
                ..Default::default()
            }),
            ..Default::default()
        };
        let state = ContainerState {
            exit_code: Some(code),
            oom_killed: Some(oom_killed),
            started_at: Some("2026-11-20T12:00:00.5Z".to_owned()),
            finished_at: Some(format!("2026-11-20T12:0{}:{:02}.5Z", ran_s / 60, ran_s % 60)),
            ..Default::default()
        };
        (found, state)
    }

    #[test]
    fn an_age_is_told_by_one_clock() {
        let (_, state) = ended(0, 1, false);
        for (now, expected) in [
            (Some("2026-11-20T12:00:07.5Z"), Duration::from_secs(7)),
            // It was set back.
            (Some("2026-11-20T11:00:00Z"), Duration::ZERO),
            (Some("soon"), Duration::ZERO),
            (None, Duration::ZERO),
        ] {
            assert_eq!(age(&state, now), expected, "{now:?}");
        }
        assert_eq!(age(&ContainerState::default(), Some("2026-11-20T12:00:07.5Z")), Duration::ZERO);
    }

    #[test]
    fn an_end_has_one_cause() {
        let limit = Duration::from_secs(60);
        let us = Some(limit);
        for (code, ran_s, oom, stopped, away, expected) in [
            (0, 1, false, None, false, Some(Cause::Exited)),
            (3, 1, false, None, true, Some(Cause::Exited)),
            // Something in it was killed, and it did well without.
            (0, 1, true, None, false, Some(Cause::Exited)),
            (137, 1, true, None, true, Some(Cause::OutOfMemory(1 << 20))),
            (153, 1, false, None, true, Some(Cause::FileTooLarge(2 << 20))),
            (137, 60, false, None, false, Some(Cause::TimedOut(limit))),
            // A clock was set; or we were late, and it was not.
            (0, 61, false, None, false, Some(Cause::Exited)),
            (0, 59, false, us, false, Some(Cause::TimedOut(limit))),
            (143, 59, false, us, false, Some(Cause::TimedOut(limit))),
            (137, 1, false, None, false, Some(Cause::Exited)),
            (137, 1, false, None, true, None),
            (255, 1, false, None, true, None),
        ] {
            let (found, state) = ended(code, ran_s, oom);
            match (exit_of(&found, &state, stopped, away), expected) {
                (Ok(exit), Some(cause)) => assert_eq!(exit, Exit { code, cause }),
                (Err(error), None) => assert_eq!(error.kind(), FailureKind::Infrastructure),
                (got, expected) => panic!("{code} {ran_s} {oom}: {got:?}, not {expected:?}"),
            }
        }
        let (found, mut state) = ended(0, 1, false);
        state.exit_code = None;
        assert!(exit_of(&found, &state, None, false).is_err(), "no code is no success");
    }
}
