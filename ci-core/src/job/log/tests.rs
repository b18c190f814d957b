use proptest::prelude::*;

use super::marks::{EVERY_BYTES, MARKS_MAX, Mark};
use super::*;
use crate::secret::Secret;

/// What was written, and when.
type Written = Vec<(Vec<u8>, u64)>;

/// As a log writes it.
fn write(log: &Path, written: &Written) {
    let (mut marker, mut place) = (Marker::default(), Place::default());
    let mut file = File::create(log).unwrap();
    for (bytes, at_ms) in written {
        marker.pass(log, place, *at_ms);
        file.write_all(bytes).unwrap();
        place.bytes += bytes.len() as u64;
        place.lines += count(bytes);
    }
}

fn count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn text(log: &Path) -> LogText {
    LogText::open(log).unwrap().unwrap()
}

/// Where the lines begin.
fn begins(all: &[u8]) -> Vec<Place> {
    let ends = all.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at as u64 + 1);
    std::iter::once(0).chain(ends).zip(0..).map(|(bytes, lines)| Place { bytes, lines }).collect()
}

/// What becomes of the marks.
#[derive(Clone, Debug)]
enum Mishap {
    Nothing,
    Lost,
    Torn(prop::sample::Index),
    Flipped(prop::sample::Index),
    /// Those of a log that had more.
    Ahead,
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        Just(Mishap::Nothing),
        Just(Mishap::Lost),
        any::<prop::sample::Index>().prop_map(Mishap::Torn),
        any::<prop::sample::Index>().prop_map(Mishap::Flipped),
        Just(Mishap::Ahead),
    ]
}

fn befall(log: &Path, mishap: &Mishap) {
    let path = marks::path(log);
    let Ok(mut bytes) = std::fs::read(&path) else { return };
    match mishap {
        Mishap::Nothing => {}
        Mishap::Lost => std::fs::remove_file(path).unwrap(),
        Mishap::Torn(at) => std::fs::write(path, &bytes[..at.index(bytes.len())]).unwrap(),
        Mishap::Flipped(at) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 0x10;
            std::fs::write(path, bytes).unwrap();
        }
        Mishap::Ahead => {
            let last = marks::read(log, u64::MAX).unwrap().pop().unwrap();
            let place = Place { bytes: 1 << 40, lines: last.place.lines + 7 };
            let (mut marker, at_ms) = (Marker::resumed(&marks::read(log, u64::MAX).unwrap()), last.at_ms);
            marker.pass(log, place, at_ms);
        }
    }
}

fn written() -> impl Strategy<Value = Written> {
    let line = prop_oneof![
        4 => Just(b"a line\n".to_vec()),
        2 => Just(b"a part of one ".to_vec()),
        1 => Just(b"\n\n\n".to_vec()),
        2 => (0..EVERY_BYTES as usize * 3 / 2).prop_map(|length| vec![b'x'; length]),
        2 => (1..5000_usize).prop_map(|lines| b"short\n".repeat(lines)),
    ];
    // The clock may be set back.
    prop::collection::vec((line, 1_000_000..1_030_000_u64), 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_place_is_the_same_with_all_marks_some_or_none(
        written in written(),
        mishap in mishap(),
        packed in any::<bool>(),
        asked in prop::collection::vec(any::<prop::sample::Index>(), 8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        write(&log, &written);
        befall(&log, &mishap);
        if packed {
            packed::pack(&log).unwrap();
        }
        let all = written.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        let begins = begins(&all);
        let mut text = text(&log);
        prop_assert_eq!(text.bytes(), all.len() as u64);
        for asked in asked {
            let line = begins[asked.index(begins.len())];
            prop_assert_eq!(text.line(line.lines).unwrap(), line);
            let bytes = asked.index(all.len() + 1);
            let place = Place { bytes: bytes as u64, lines: count(&all[..bytes]) };
            prop_assert_eq!(text.place(bytes as u64).unwrap(), place);
            prop_assert_eq!(&text.read(bytes as u64, 1000).unwrap(), &all[bytes..all.len().min(bytes + 1000)]);
        }
        prop_assert_eq!(text.line(1 << 50).unwrap(), *begins.last().unwrap());
        prop_assert!(text.read(all.len() as u64, 10).unwrap().is_empty());
    }

    #[test]
    fn what_was_written_at_a_time_begins_at_or_behind_the_place_that_is_told(
        written in written(),
        mishap in mishap(),
        at_ms in 1_000_000..1_030_000_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        write(&log, &written);
        befall(&log, &mishap);
        let place = text(&log).at(at_ms).unwrap();
        let all = written.iter().flat_map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>();
        prop_assert!(begins(&all).contains(&place), "{place:?} is the beginning of a line");
        // By the clock that never goes back: nothing that came later is left out.
        let (mut bytes, mut clock) = (0, 0);
        for (piece, at) in &written {
            clock = clock.max(*at);
            if clock > at_ms {
                break;
            }
            bytes += piece.len() as u64;
        }
        prop_assert!(place.bytes <= bytes, "{place:?} is after {bytes}");
    }
}

#[test]
fn a_time_is_found_to_a_second_or_a_thousandth_of_the_age_and_marks_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    // A line each second for three days.
    let seconds = 3 * 24 * 3600_u64;
    write(&log, &(0..seconds).map(|s| (b"line\n".to_vec(), s * 1000)).collect());
    let marks = marks::read(&log, u64::MAX).unwrap();
    assert!(marks.len() < MARKS_MAX, "{} marks", marks.len());
    let mut text = text(&log);
    for asked in [0, 1, 59, 999, 3600, 100_000, seconds - 1] {
        let found = text.at(asked * 1000).unwrap().lines;
        let near = asked.saturating_sub(1 + asked / 500)..=asked;
        assert!(near.contains(&found), "{found} for {asked}");
    }
}

#[test]
fn a_short_log_has_no_file_of_marks_and_none_has_more_than_so_many() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    write(&log, &vec![(b"soon over\n".to_vec(), 5000), (b"ok\n".to_vec(), 5999)]);
    assert!(!marks::path(&log).exists());
    let mut marker = Marker::default();
    for n in 0..2 * MARKS_MAX as u64 {
        marker.pass(&log, Place { bytes: n * EVERY_BYTES, lines: n }, 0);
    }
    let marks = marks::read(&log, u64::MAX).unwrap();
    let last = Place { bytes: (MARKS_MAX as u64 - 1) * EVERY_BYTES, lines: MARKS_MAX as u64 - 1 };
    assert_eq!((marks.len(), marks.last()), (MARKS_MAX, Some(&Mark { place: last, at_ms: 0 })));
}

#[test]
fn a_line_of_ours_says_when_in_utc_and_is_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::append_to(folder.path().join("log"));
    let now_s = || clock::now_ms() / 1000;
    let before = now_s();
    log.line("starts");
    log.write(b"a prompt: ");
    log.line("Failed: two lines\nof one message");
    log.finish();
    let after = now_s();
    let all = std::fs::read_to_string(log.path()).unwrap();
    let lines: Vec<_> = all.lines().map(|line| line.split_at(line.len().min(25))).collect();
    let said: Vec<_> = lines.iter().map(|(_, said)| *said).collect();
    assert_eq!(said, ["starts", "", "Failed: two lines", "of one message"]);
    assert_eq!((lines[1].0, lines[3].0), ("a prompt: ", " ".repeat(25).as_str()));
    for when in [lines[0].0, lines[2].0] {
        let read = chrono::NaiveDateTime::parse_from_str(when, "%Y-%m-%d %H:%M:%S UTC  ").unwrap();
        assert!((before..=after).contains(&(read.and_utc().timestamp() as u64)), "{when}");
    }
}

/// A power cut takes what is only in memory: nothing is, once it is settled.
#[test]
fn what_is_settled_is_in_the_file_with_all_that_was_held_back() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::default();
    secrets.add(&Secret::new("token", "sesame, open").unwrap()).unwrap();
    let log = Log::masked(folder.path().join("log"), secrets);
    let in_file = || std::fs::read_to_string(log.path()).unwrap();
    log.write(b"a field of sesame");
    assert_eq!(in_file(), "a field of ");
    log.settle();
    // What may be a secret whose rest never came is masked, too.
    assert_eq!(in_file(), "a field of ******");
    log.write(b" and of wheat");
    log.finish();
    assert_eq!(in_file(), "a field of ****** and of wheat");
}

#[test]
fn a_log_goes_on_where_another_process_was_cut() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::append_to(folder.path().join("log"));
    let block = b"0123456\n".repeat(10 << 10);
    (0..5).for_each(|_| log.write(&block));
    log.write(b"a line that is cut");
    // As the disk has it: the marks are torn, and the log was not finished.
    let torn = File::options().write(true).open(marks::path(log.path())).unwrap();
    torn.set_len(torn.metadata().unwrap().len() - 5).unwrap();
    let log = Log::append_to(log.path());
    log.line("found again");
    (0..5).for_each(|_| log.write(&block));
    log.finish();
    let all = std::fs::read_to_string(log.path()).unwrap();
    let cut = all.find("a line that is cut\n2").expect("our line is on a fresh one");
    let marks = marks::read(log.path(), u64::MAX).unwrap();
    assert!(marks.iter().any(|mark| mark.place.bytes > cut as u64), "{marks:?}");
    for Mark { place, .. } in marks {
        assert_eq!(place.lines, count(&all.as_bytes()[..place.bytes as usize]));
    }
}

#[test]
fn marks_that_can_not_be_read_keep_nobody_from_writing_or_reading() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "before\n").unwrap();
    std::fs::create_dir(marks::path(&log)).unwrap();
    marks::read(&log, 7).unwrap_err();
    let log = Log::append_to(&log);
    log.line("found again");
    log.finish();
    let all = std::fs::read_to_string(log.path()).unwrap();
    assert!(all.starts_with("before\n2") && all.ends_with("UTC  found again\n"), "{all}");
    let mut text = text(log.path());
    assert_eq!(text.line(1).unwrap(), Place { bytes: 7, lines: 1 });
    assert_eq!(text.at(u64::MAX).unwrap(), Place::default());
}

#[test]
fn wherever_packing_is_cut_there_is_one_whole_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let all = b"what a build says\n".repeat(40_000);
    let whole = |why: &str| assert!(text(&log).read(0, all.len() + 1).unwrap() == all, "{why}");
    std::fs::write(&log, &all).unwrap();
    std::fs::write(packed::unfinished(&log), b"half").unwrap();
    whole("before it was whole");
    packed::pack(&log).unwrap();
    whole("after");
    assert!(!log.exists() && LogText::is_kept(&log) && !packed::unfinished(&log).exists());
    assert!(std::fs::metadata(packed::path(&log)).unwrap().len() < all.len() as u64 / 50);
    // The log was not removed yet; what is packed may be anything.
    std::fs::write(&log, &all).unwrap();
    std::fs::write(packed::path(&log), b"old").unwrap();
    whole("before it was removed");
    packed::pack(&log).unwrap();
    whole("when it is done again");
}

#[test]
fn what_can_not_be_packed_is_as_it_was_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "what a build says").unwrap();
    // Nothing can be given that name.
    std::fs::create_dir(packed::path(&log)).unwrap();
    packed::pack(&log).unwrap_err();
    assert!(!packed::unfinished(&log).exists());
    assert_eq!(std::fs::read_to_string(log).unwrap(), "what a build says");
}

#[test]
fn a_packed_log_that_is_damaged_is_told_and_not_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, b"what a build says\n".repeat(40_000)).unwrap();
    let all = std::fs::read(&log).unwrap();
    packed::pack(&log).unwrap();
    let good = std::fs::read(packed::path(&log)).unwrap();
    for at in (0..good.len()).step_by(97) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(packed::path(&log), &bad).unwrap();
        let read = LogText::open(&log).and_then(|text| text.unwrap().read(0, all.len() + 1));
        assert!(read.is_err() || read.is_ok_and(|read| read == all), "at {at}");
    }
    for length in [0, 1, 19, 40, good.len() - 1] {
        std::fs::write(packed::path(&log), &good[..length]).unwrap();
        assert!(LogText::open(&log).is_err(), "{length} bytes");
    }
}
