//! What encoders make of a secret is among its forms. Expected texts are written down, not computed by what is tested.

use super::*;

#[track_caller]
fn has(secret: &str, texts: &[&str]) {
    let forms = of(secret.as_bytes());
    for text in texts {
        assert!(forms.contains(text.as_bytes()), "{text} is no form of {secret}");
    }
}

#[test]
fn as_it_is_and_in_hexadecimal() {
    has("hunter2~", &["hunter2~", "68756e746572327e", "68756E746572327E"]);
}

#[test]
fn in_base64_alone() {
    has("hunter2", &["aHVudGVyMg==", "aHVudGVyMg"]);
    has("a>b?c>d?", &["YT5iP2M+ZD8=", "YT5iP2M-ZD8"]);
}

/// `printf %s 'xhunter2x' | base64` and so on: what is left out shares its bits with a neighbour.
#[test]
fn in_base64_wherever_it_begins() {
    has("hunter2", &["aHVudGVyM"]); // of aHVudGVyMng=
    has("hunter2", &["h1bnRlcj"]); // of eGh1bnRlcjJ4
    has("hunter2", &["odW50ZXIy"]); // of eHhodW50ZXIyeA==
}

#[test]
fn in_base64_of_several_lines() {
    let secret = "0123456789".repeat(6);
    let (first, rest) =
        ("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2", "Nzg5");
    has(&secret, &[&format!("{first}\n{rest}"), &format!("{first}\r\n{rest}"), &format!("{first}{rest}")]);
    let (first, rest) = first.split_at(64);
    has(&secret, &[&format!("{first}\n{rest}Nzg5")]);
}

#[test]
fn percent_encoded() {
    has("pa s/w*d~é", &["pa%20s%2Fw%2Ad~%C3%A9", "pa%20s%2fw%2ad~%c3%a9", "pa+s%2Fw*d%7E%C3%A9"]);
    has("pa s!(w)", &["pa%20s!(w)"]);
}

#[test]
fn in_a_json_string() {
    has("a\"b\\c/d\te", &[r#"a\"b\\c/d\te"#, r#"a\"b\\c\/d\te"#]);
    has(
        "a<b>&c\u{1}é",
        &[r"a<b>&c\u0001é", r"a\u003cb\u003e\u0026c\u0001é", r"a\u003Cb\u003E\u0026c\u0001\u00E9"],
    );
    has("it's=🔑x", &[r"it\u0027s\u003d🔑x", r"it\u0027s\u003d\ud83d\udd11x"]);
}

#[test]
fn as_a_word_of_a_shell() {
    has("it's", &[r"it'\''s", r#"it'"'"'s"#]);
    has(r#"a"b$c`d\e"#, &[r#"a\"b\$c\`d\\e"#]);
}

#[test]
fn line_by_line_and_with_either_end_of_line() {
    for secret in ["user\n  pass1\nx", "user\r\n  pass1\r\nx"] {
        has(
            secret,
            &["user\n  pass1\nx", "user\r\n  pass1\r\nx", "user", "pass1", r"user\n  pass1\nx", "cGFzczE="],
        );
        assert!(!of(secret.as_bytes()).contains(&b"x"[..]), "it would be masked everywhere");
    }
}
