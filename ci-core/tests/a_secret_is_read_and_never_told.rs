//! Where secrets come from, and that nothing which is said of them tells them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::OsString;
use std::path::Path;

use ci_core::secret::{Secret, SecretError, Source};
use ci_core::{FailureKind, OpError};

fn in_file(content: &[u8]) -> Result<Secret, SecretError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("it"), content).unwrap();
    Source::File(folder.path().join("it")).load("it", |_| panic!("the environment is not asked"))
}

#[test]
fn from_a_file_without_the_newline_at_its_end() {
    for (content, secret) in [
        (&b"hunter2"[..], &b"hunter2"[..]),
        (b"hunter2\n", b"hunter2"),
        (b"hunter2\r\n", b"hunter2"),
        (b" hunter2\n\n", b" hunter2\n"),
        (b"hunter2\r", b"hunter2\r"),
        (b"\xff\x00\xfe\x01\n", b"\xff\x00\xfe\x01"),
    ] {
        assert_eq!(in_file(content).unwrap().expose(), secret);
    }
}

#[test]
fn from_the_environment_as_it_is() {
    let environment = |name: &str| (name == "TOKEN").then(|| OsString::from("hunter2\n"));
    let token = Source::Environment("TOKEN".to_owned()).load("token", environment).unwrap();
    assert_eq!((token.name(), token.expose()), ("token", &b"hunter2\n"[..]));
}

#[test]
fn from_what_systemd_gives() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("given")).unwrap();
    std::fs::write(folder.path().join("given/hub"), "hunter2\n").unwrap();
    std::fs::write(folder.path().join("not-given"), "hunter2\n").unwrap();
    let environment =
        |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| folder.path().join("given").into_os_string());
    let load = |name: &str| Source::Credential(name.to_owned()).load("it", environment);
    assert_eq!(load("hub").unwrap().expose(), b"hunter2");
    for outside in ["../not-given", "", ".", "..", "given/../hub", "/etc/passwd"] {
        assert!(matches!(load(outside), Err(SecretError::NoCredential { .. })), "{outside}");
    }
    assert!(matches!(load("other"), Err(SecretError::Unreadable { .. })));
}

#[test]
fn what_is_missing_or_of_no_use_is_told_with_what_to_do() {
    let no_file = Source::File(Path::new("/nowhere/it").to_owned());
    let no_variable = Source::Environment("TOKEN".to_owned());
    let no_credentials = Source::Credential("hub".to_owned());
    let long = vec![b'x'; Secret::BYTES_MAX + 1];
    let all = [
        (no_file.load("it", |_| None), "can't be read from /nowhere/it", "/nowhere/it"),
        (no_variable.load("it", |_| None), "there is no variable TOKEN", "set TOKEN"),
        (no_credentials.load("it", |_| None), "there are no credentials", "LoadCredential=hub:"),
        (in_file(b""), "is empty", "write"),
        (in_file(b" \n\n"), "is empty", "write"),
        (in_file(b"qqq\n"), "fewer than 4 bytes", "longer"),
        (in_file(b"  qqq   "), "fewer than 4 bytes", "longer"),
        (in_file(&long), "more than 16384 bytes", "right file"),
        (in_file(&[&long[..], &long].concat()), "more than 16384 bytes", "right file"),
    ];
    for (result, says, hint) in all {
        let error = result.unwrap_err();
        let told = format!("{error} {error:?} {}", error.hint());
        assert!(error.to_string().contains(says), "{told}");
        assert!(error.hint().contains(hint), "{told}");
        assert!(error.to_string().contains("the secret it"), "{told}");
        assert!(!told.contains("qqq") && !told.contains("xxx"), "{told}");
        let error = OpError::from(error);
        assert_eq!(error.kind(), FailureKind::Permanent);
        assert!(error.hint().is_some());
    }
    assert_eq!(in_file(&[&long[1..], b"\r\n"].concat()).unwrap().expose(), &long[1..], "it just fits");
}

#[test]
fn printed_it_is_its_name() {
    let secret = Secret::new("hub-token", "hunter2").unwrap();
    assert_eq!(format!("{secret:?}"), r#"Secret("hub-token")"#);
    let panic = std::panic::catch_unwind(|| {
        let refused = |secret| -> Result<(), Secret> { Err(secret) };
        refused(Secret::new("hub-token", "hunter2").unwrap()).unwrap();
    });
    let said = panic.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("hub-token") && !said.contains("hunter2"), "{said}");
}
