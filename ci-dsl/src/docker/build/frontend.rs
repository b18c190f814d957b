//! Which program reads the Dockerfile.
//!
//! A Dockerfile can name an image that BuildKit runs to read it (`# syntax=…`, or the build argument
//! `BUILDKIT_SYNTAX`). That image then decides what is built from what, with the context and the base images' registry
//! credentials in its hands. Only the engine's own reader is used here.

use ci_core::OpError;

/// Refuses what selects a frontend.
///
/// The check is wider than BuildKit's own parser, which differs between engines: it looks at all leading lines that
/// are comments or empty.
pub(super) fn check<'a>(
    dockerfile: Option<&str>,
    args: impl Iterator<Item = &'a str>,
) -> Result<(), OpError> {
    for name in args {
        if name.eq_ignore_ascii_case("BUILDKIT_SYNTAX") {
            return Err(OpError::permanent(
                "docker build: the build argument BUILDKIT_SYNTAX selects a foreign frontend",
            )
            .with_hint("leave it out: the engine's own frontend is used"));
        }
    }
    let line = dockerfile.and_then(selecting_line);
    line.map_or(Ok(()), |line| {
        Err(OpError::permanent(format!(
            "docker build: line {line} of the Dockerfile selects a foreign frontend"
        ))
        .with_hint("remove the `syntax` line: the engine's own frontend is used"))
    })
}

/// The number of the line, from 1, that selects a frontend.
fn selecting_line(dockerfile: &str) -> Option<usize> {
    let text = dockerfile.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{') {
        // The form of a whole JSON object. No instruction begins like this.
        return Some(1);
    }
    let mut head = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    loop {
        let (n, line) = head.next()?;
        let comment = line.strip_prefix('#').or_else(|| line.strip_prefix("//"));
        match comment.and_then(|comment| comment.split_once('=')) {
            Some((key, _)) if key.trim().eq_ignore_ascii_case("syntax") => return Some(n),
            _ if line.is_empty() || comment.is_some() => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_select_a_frontend_is_refused() {
        for text in [
            "# syntax=a/b\nFROM scratch",
            "#syntax=a/b",
            "# SynTax = a/b",
            "\u{feff}# syntax=a/b",
            "# escape=`\n# syntax=a/b\n",
            "#!/usr/bin/env x\n# syntax=a/b",
            "//syntax=a/b\nFROM scratch",
            "\n\n  # comment\n#\tsyntax\t=a/b\r\n",
            "{\"syntax\": \"a/b\"}",
        ] {
            assert!(check(Some(text), [].into_iter()).is_err(), "{text:?}");
        }
        for text in [
            "",
            "FROM scratch\n# syntax=a/b",
            "# a comment about syntax\nFROM scratch",
            "# escape=`\nFROM scratch",
        ] {
            assert!(check(Some(text), ["ARG"].into_iter()).is_ok(), "{text:?}");
        }
        assert!(check(None, ["Buildkit_Syntax"].into_iter()).is_err());
    }
}
