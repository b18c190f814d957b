//! References that pin an image: `repo@sha256:…`, possibly with a tag that the digest makes meaningless.

use ci_core::OpError;

/// The repository without its tag, and the digest.
fn parts(image: &str) -> Option<(&str, &str)> {
    let (named, digest) = image.split_once("@sha256:")?;
    // A colon after the last slash begins a tag; one before it, a port.
    let name_at = named.rfind('/').map_or(0, |slash| slash + 1);
    let repository = named[name_at..].find(':').map_or(named, |colon| &named[..name_at + colon]);
    Some((repository, digest))
}

/// Whether two references pin the same digest of the same repository. Without a digest only equal texts do.
pub(super) fn same(a: &str, b: &str) -> bool {
    match (parts(a), parts(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// Whether the reference always means the same image.
pub(super) fn is_pinned(image: &str) -> bool {
    parts(image).is_some()
}

/// What to ask a registry for: repository and digest without the tag.
pub(super) fn untagged(image: &str) -> String {
    parts(image)
        .map_or_else(|| image.to_owned(), |(repository, digest)| format!("{repository}@sha256:{digest}"))
}

/// The digest's first 7 digits, or the reference when it has none. For people.
pub(super) fn short(image: &str) -> &str {
    parts(image).and_then(|(_, digest)| digest.get(..7)).unwrap_or(image)
}

/// Refuses what does not pin an image, or could be read as something else in a path.
pub(super) fn check(image: &str) -> Result<(), OpError> {
    let good = parts(image).is_some_and(|(repository, digest)| {
        let named = |c: char| c.is_ascii_alphanumeric() || "._-/:".contains(c);
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.');
        repository.chars().all(named)
            && repository.split('/').all(plain)
            && digest.len() == 64
            && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    });
    if good {
        return Ok(());
    }
    Err(OpError::permanent(format!("not an image by digest: {image:?}")).with_hint("write repo@sha256:…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "15bc0ecc5f7a46bf170ac8c124a671ac76484f831b7909b05dd0aea79ed9076f";
    const B: &str = "2737064128807adedb36033be53548ba900d5ab0f1df6342c813554bf1367340";

    #[test]
    fn a_tag_beside_a_digest_means_nothing_a_port_and_a_repository_do() {
        let image = |named: &str, digest: &str| format!("{named}@sha256:{digest}");
        assert!(same(&image("h:5000/app", A), &image("h:5000/app:v1", A)));
        assert!(!same(&image("h:5000/app", A), &image("h:5000/app", B)));
        assert!(!same(&image("h:5000/app", A), &image("h:5001/app", A)));
        assert!(!same("app:v1", &image("app", A)), "a tag pins nothing");
        assert!(same("app:v1", "app:v1"));
        assert_eq!(untagged(&image("h:5000/a/app:v1", A)), image("h:5000/a/app", A));
        assert_eq!(short(&image("app", A)), "15bc0ec");
    }

    #[test]
    fn what_pins_no_image_is_refused() {
        check(&format!("127.0.0.1:5000/team/app@sha256:{A}")).expect("this pins one");
        for bad in [
            "app",
            "app:latest",
            "@sha256:",
            "app@sha256:12",
            &format!("../x@sha256:{A}"),
            &format!("a//b@sha256:{A}"),
            &format!("a b@sha256:{A}"),
            &format!("app?x=@sha256:{A}"),
            &format!("app@sha256:{}", A.to_uppercase()),
        ] {
            assert!(check(bad).is_err(), "{bad:?} pins no image");
        }
    }
}
