//! What a task said before it failed.

use std::time::Duration;

use super::tasks::Task;
use crate::docker::api::Api;

/// How many lines are shown.
const LINES_MAX: usize = 20;

/// How long to wait for them: the log of a task whose node is down never comes.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes read. Lines are as long as a program likes.
const BYTES_MAX: usize = 256 << 10;

/// The last lines of a task's log, without control characters; none if they can't be had.
pub(super) async fn of(api: &Api, task: &Task) -> Vec<String> {
    if task.container.is_empty() {
        return Vec::new();
    }
    let tail = LINES_MAX.to_string();
    let query = [("stdout", "1"), ("stderr", "1"), ("tail", tail.as_str())];
    let got = api.get_bytes(&format!("/tasks/{}/logs", task.id), &query, TIMEOUT, BYTES_MAX).await;
    let raw = got.unwrap_or_default();
    let bytes = if task.tty { raw } else { unframed(&raw) };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> =
        text.lines().map(|line| line.chars().filter(|c| !c.is_control() || *c == '\t').collect()).collect();
    lines[lines.len().saturating_sub(LINES_MAX)..].to_vec()
}

/// Takes off the frames: stream (1 byte), 3 zeroes, length (4 bytes, big end first), payload. A frame that is cut
/// short gives what is there.
fn unframed(mut raw: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(raw.len());
    while let Some(([_, _, _, _, a, b, c, d], rest)) = raw.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (payload, next) = rest.split_at(length.min(rest.len()));
        bytes.extend_from_slice(payload);
        raw = next;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_off_and_a_cut_one_gives_what_is_there() {
        let raw = b"\x01\0\0\0\0\0\0\x06dying\n\x02\0\0\0\0\0\0\x04err\n";
        assert_eq!(unframed(raw), b"dying\nerr\n");
        for cut in 0..raw.len() {
            assert!(b"dying\nerr\n".starts_with(&unframed(&raw[..cut])), "cut at {cut}");
        }
        assert_eq!(unframed(b"\x01\0\0\0\xff\xff\xff\xffx"), b"x", "a length is only a claim");
    }
}
