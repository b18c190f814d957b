//! Tars as no engine should make them: what is not plain is refused, and nothing of it is left.

use std::os::unix::fs::PermissionsExt as _;

use ci_core::FailureKind;
use futures::stream;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;

/// An entry: name, kind, content.
type Member<'a> = (&'a [u8], EntryType, &'a [u8]);

const FOLDER: EntryType = EntryType::Directory;
const FILE: EntryType = EntryType::Regular;

/// A header with any name that fits into it.
fn header(name: &[u8], kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if name.ends_with(b".sh") { 0o4711 } else { 0o600 });
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
    }
    header.set_cksum();
    header
}

fn tar(members: &[Member<'_>]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (name, kind, content) in members {
        tar.append(&header(name, *kind, content.len() as u64), *content).unwrap();
    }
    tar.into_inner().unwrap()
}

/// `path` in an extended header, where any byte fits.
fn tar_of_extended(path: &[u8]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    let mut record = Vec::new();
    for length in 0..path.len() + 20 {
        record = [format!("{length} path=").as_bytes(), path, b"\n"].concat();
        if record.len() == length {
            break;
        }
    }
    tar.append(&header(b"out", FOLDER, 0), &b""[..]).unwrap();
    tar.append(&header(b"x", EntryType::XHeader, record.len() as u64), &record[..]).unwrap();
    tar.append(&header(b"out/x", FILE, 1), &b"x"[..]).unwrap();
    tar.into_inner().unwrap()
}

async fn kept(state: &TempDir, tar: Vec<u8>) -> Result<(Artifacts, Artifact), OpError> {
    let artifacts = Artifacts::open(state.path()).await?;
    let chunks: Vec<_> = tar.chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let artifact = artifacts.keep(stream::iter(chunks)).await?;
    Ok((artifacts, artifact))
}

/// What is in the directory of artifacts when nothing is done there any more.
async fn left(state: &TempDir) -> Vec<String> {
    // What is removed is removed elsewhere: an open does it, too.
    Artifacts::open(state.path()).await.ok();
    let entries = fs::read_dir(state.path().join("artifacts")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_folder_is_kept_by_its_content_once() {
    let state = TempDir::new().unwrap();
    let folder = |top: &str, text: &[u8]| {
        let name = |rest: &str| format!("{top}{rest}").into_bytes();
        let names = [name("/"), name("/sub/"), name("/sub/a"), name("/run.sh"), name("/empty/")];
        let [top, sub, a, run, empty] = names.each_ref().map(Vec::as_slice);
        tar(&[
            (top, FOLDER, b""),
            (sub, FOLDER, b""),
            (a, FILE, text),
            (run, FILE, b""),
            (empty, FOLDER, b""),
        ])
    };
    let (artifacts, one) = kept(&state, folder("out", b"text")).await.unwrap();
    let (_, two) = kept(&state, folder("elsewhere", b"text")).await.unwrap();
    assert_eq!((&one, one.files, one.bytes), (&two, 2, 4));
    let (_, other) = kept(&state, folder("out", b"test")).await.unwrap();
    assert_ne!(one.digest, other.digest);
    assert_eq!(left(&state).await.len(), 2);

    let path = artifacts.path(&one);
    assert_eq!(fs::read(path.join("sub/a")).unwrap(), b"text");
    let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("run.sh"), mode("sub/a")), (0o755, 0o644), "nothing else of a mode is taken over");
    assert!(path.join("empty").is_dir());
    let after_a_restart = Artifacts::open(state.path()).await.unwrap();
    assert!(after_a_restart.has(&one).await && after_a_restart.has(&other).await);
    fs::remove_dir_all(&path).unwrap();
    assert!(!after_a_restart.has(&one).await);
}

#[tokio::test]
async fn a_file_alone_keeps_its_name_and_an_empty_folder_is_one() {
    let state = TempDir::new().unwrap();
    let (artifacts, file) = kept(&state, tar(&[(b"report.xml", FILE, b"<ok/>")])).await.unwrap();
    assert_eq!(fs::read(artifacts.path(&file).join("report.xml")).unwrap(), b"<ok/>");
    let (_, renamed) = kept(&state, tar(&[(b"other.xml", FILE, b"<ok/>")])).await.unwrap();
    assert_ne!(file, renamed);
    for _ in 0..2 {
        let (artifacts, empty) = kept(&state, tar(&[(b"out/", FOLDER, b"")])).await.unwrap();
        assert_eq!((empty.files, empty.bytes, artifacts.has(&empty).await), (0, 0, true));
    }
}

#[tokio::test]
async fn what_leads_elsewhere_or_is_no_plain_file_is_refused_and_leaves_nothing() {
    let top: Member<'_> = (b"out/", FOLDER, b"");
    let cases: [(&str, Vec<u8>); 16] = [
        ("leads elsewhere", tar(&[top, (b"../../etc/passwd", FILE, b"x")])),
        ("leads elsewhere", tar(&[top, (b"out/../../x", FILE, b"x")])),
        ("leads elsewhere", tar(&[top, (b"/etc/passwd", FILE, b"x")])),
        ("leads elsewhere", tar(&[(b"/", FOLDER, b"")])),
        ("leads elsewhere", tar(&[(b"..", FOLDER, b"")])),
        ("zero byte", tar_of_extended(b"out/a\0b")),
        ("leads elsewhere", tar_of_extended(b"/etc/passwd")),
        ("too long", tar_of_extended(&[&b"out/"[..], &[b'x'; Artifacts::NAME_BYTES_MAX]].concat())),
        ("is a link", tar(&[top, (b"out/link", EntryType::Symlink, b"")])),
        ("is a link", tar(&[(b"out", EntryType::Symlink, b"")])),
        ("is a hard link", tar(&[top, (b"out/link", EntryType::Link, b"")])),
        ("no plain file", tar(&[top, (b"out/disk", EntryType::Block, b"")])),
        ("no plain file", tar(&[top, (b"out/pipe", EntryType::Fifo, b"")])),
        ("is beside", tar(&[top, (b"x", FILE, b"x")])),
        ("there twice", tar(&[top, (b"out/x", FILE, b"x"), (b"out//x", FILE, b"y")])),
        ("in no folder", tar(&[top, (b"out/x", FILE, b"x"), (b"out/x/y", FILE, b"y")])),
    ];
    for (why, tar) in cases {
        let state = TempDir::new().unwrap();
        let error = kept(&state, tar).await.expect_err(why);
        assert_eq!(error.kind(), FailureKind::Permanent, "{error}");
        assert!(error.message().contains(why) && error.hint().is_some(), "{error} is not: {why}");
        assert!(error.message().len() < 400, "{error}");
        assert_eq!(left(&state).await, [""; 0], "{why}");
    }
}

#[tokio::test]
async fn more_than_an_artifact_may_be_is_refused_as_soon_as_it_says_so() {
    let state = TempDir::new().unwrap();
    let large = header(b"large", FILE, Artifacts::BYTES_MAX + 1).as_bytes().to_vec();
    let error = kept(&state, large).await.expect_err("it is too large");
    assert_eq!(error.message(), "the artifact is refused: it has more than 1024 MiB");

    let mut many = Builder::new(Vec::new());
    many.append(&header(b"out/", FOLDER, 0), &b""[..]).unwrap();
    for n in 0..=Artifacts::ENTRIES_MAX {
        many.append(&header(format!("out/{n}").as_bytes(), FILE, 0), &b""[..]).unwrap();
    }
    let error = kept(&state, many.into_inner().unwrap()).await.expect_err("they are too many");
    assert_eq!(error.message(), "the artifact is refused: it has more than 100000 files and folders");
    assert_eq!(left(&state).await, [""; 0]);
}

#[tokio::test]
async fn what_breaks_off_is_that_failure_and_leaves_nothing() {
    let state = TempDir::new().unwrap();
    let artifacts = Artifacts::open(state.path()).await.unwrap();
    let whole = tar(&[(b"out/", FOLDER, b""), (b"out/a", FILE, &[7; 5000]), (b"out/b", FILE, b"b")]);
    for end in [0, 512, 2000, 6144] {
        let half = Ok(Bytes::copy_from_slice(&whole[..end]));
        let broken = Err(OpError::transient("the line went dead"));
        let error = artifacts.keep(stream::iter([half, broken])).await.expect_err("it breaks off");
        assert_eq!((error.kind(), error.message()), (FailureKind::Transient, "the line went dead"));
    }
    let half = stream::iter([Ok(Bytes::copy_from_slice(&whole[..2000]))]);
    assert_eq!(artifacts.keep(half).await.expect_err("it is cut").kind(), FailureKind::Infrastructure);
    assert_eq!(left(&state).await, [""; 0]);
}
