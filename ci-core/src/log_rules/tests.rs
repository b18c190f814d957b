use proptest::prelude::*;

use super::scan::Scan;
use super::*;
use crate::error::{Failure, OpError};

fn rule(pattern: &str, report: &str, score: i64) -> LogRule {
    LogRule::new(pattern, report, score).unwrap()
}

/// What rules, in any order, say of a log that comes at once.
fn said(rules: &[LogRule], log: &[u8]) -> Option<String> {
    let sources = Sources {
        program: rules.iter().map(|rule| (rule.pattern().to_owned(), rule.clone())).collect(),
        ..Sources::default()
    };
    let mut scan = Scan::of(&sources.in_force());
    scan.push(log);
    scan.finish().map(|hit| hit.report)
}

#[test]
fn a_report_is_filled_with_what_the_groups_matched() {
    let rules = [rule(r"Make (\w+) with status (\d+)( again)?", r"exit(\2)\3, \\ \0", 0)];
    let log = b"cc main.c\nMake exited with status 2\nbye\n";
    assert_eq!(said(&rules, log).unwrap(), r"exit(2), \ Make exited with status 2");
    assert_eq!(said(&rules, b"Make exits with status two"), None);
}

#[test]
fn a_line_begins_and_ends_a_match_and_bytes_that_are_no_text_hinder_none() {
    assert_eq!(said(&[rule("^E: (.*)$", r"\1", 0)], b"\xff\xfe\nE: no space\n\xff").unwrap(), "no space");
    assert_eq!(
        said(&[rule(r"wo (liegt|läge) (?u:(\w+))", r"\2", 0)], "wo läge Öl".as_bytes()).unwrap(),
        "Öl"
    );
    assert_eq!(said(&[rule("x(.)y", r"\1", 0)], b"x\xffy").unwrap(), "\u{fffd}");
}

#[test]
fn the_highest_score_wins_and_of_equals_the_first_match() {
    let low = rule("first", "low", 1);
    let (high, equal) = (rule("third", "high", 2), rule("second", "equal", 2));
    for rules in [[&low, &high, &equal], [&equal, &high, &low], [&high, &low, &equal]] {
        let rules = rules.map(Clone::clone);
        assert_eq!(said(&rules, b"first\nsecond\nthird\n").unwrap(), "equal");
        assert_eq!(said(&rules, b"first\nthird\nsecond\n").unwrap(), "high");
        assert_eq!(said(&rules, b"first\n").unwrap(), "low");
    }
    // A much better one comes much later; a worse one, or an equal one, changes nothing.
    let log = [b"first ".repeat(100_000), b"third ".repeat(100_000), b"second".to_vec()].concat();
    assert_eq!(said(&[low, high, equal], &log).unwrap(), "high");
}

#[test]
fn two_rules_that_share_a_newline_are_both_considered() {
    let a = r"\n\[ERROR\] x\n";
    for (score_of_b, wins) in [(2, "b"), (0, "a")] {
        let rules = [rule(a, "a", 1), rule(r"\n\[ERROR\] y\n", "b", score_of_b)];
        assert_eq!(said(&rules, b"...\n[ERROR] x\n[ERROR] y\n...").unwrap(), wins);
    }
}

#[test]
fn a_pattern_that_cannot_be_used_is_refused_in_words() {
    let refused = |pattern: &str| LogRule::new(pattern, "text", 0).unwrap_err().to_string();
    assert!(refused("Make exited (").contains("unclosed group"));
    assert!(refused(r"(?u:\w{100})").contains("size limit"));
    assert!(refused(r"x*").contains("matches an empty text"));
    assert!(refused(&"x".repeat(PATTERN_BYTES_MAX + 1)).contains("longer than 1024 bytes"));
    assert_eq!(rule(&"x".repeat(PATTERN_BYTES_MAX), "text", 0).pattern().len(), PATTERN_BYTES_MAX);
}

#[test]
fn a_report_that_cannot_be_filled_is_refused_in_words() {
    let refused = |report: &str| LogRule::new("x(y)", report, 0).unwrap_err().to_string();
    assert!(refused(r"\2").contains("names group 2, and the pattern's last is 1"));
    assert!(refused(r"\n").contains("behind a backslash"));
    assert!(refused("x\\").contains("behind a backslash"));
    assert!(refused(" ").contains("says nothing"));
    assert!(refused(&"x".repeat(REPORT_BYTES_MAX + 1)).contains("longer than 1024 bytes"));
}

#[test]
fn a_report_is_not_much_longer_than_a_message_and_commands_no_terminal() {
    let long = [b"x".repeat(50_000), b"y".to_vec()].concat();
    let report = said(&[rule("x+y", &r"\0".repeat(100), 0)], &long).unwrap();
    assert!((Failure::MESSAGE_MAX..3 * Failure::MESSAGE_MAX).contains(&report.len()), "{}", report.len());
    let coloured = said(&[rule("(?s)E.*", r"\0", 0)], b"E \x1b[31mred\r\nnext\t.\n").unwrap();
    assert_eq!(coloured, "E \u{fffd}[31mred\nnext\t.");
}

#[test]
fn a_match_is_found_wherever_it_lies() {
    let rules = [rule("(?s)^<.*?>$", "found", 0)];
    let matched = [b"\n<", &b"x".repeat(MATCH_BYTES_MAX - 2)[..], b">"].concat();
    // A window ends at 256 KiB.
    for before in [0, 131_072, 262_143, 400_000].into_iter().chain(196_596..196_612) {
        let log = |behind: &[u8]| [&b"-".repeat(before), &matched[..], behind, &b"-".repeat(99_999)].concat();
        assert_eq!(said(&rules, &log(b"\n")).as_deref(), Some("found"), "behind {before}");
        assert_eq!(said(&rules, &log(b"y")), None, "behind {before}, where its line goes on");
    }
}

#[test]
fn a_rule_takes_the_place_of_one_with_its_pattern_and_what_is_not_there_is_not_removed() {
    let state = tempfile::tempdir().unwrap();
    let rules = LogRules::of(state.path()).unwrap();
    assert_eq!(rules.add(rule("x", "old", 1)), Ok(None));
    assert_eq!(rules.add(rule("x", "new", 2)), Ok(Some(rule("x", "old", 1))));
    assert_eq!(*rules.in_force(), [rule("x", "new", 2)]);
    assert_eq!(rules.remove("x"), Ok(rule("x", "new", 2)));
    assert_eq!(rules.remove("x"), Err(RuleRefused::NoSuchRule("x".to_owned())));
    assert_eq!(*rules.in_force(), []);
}

#[test]
fn a_person_replaces_a_rule_of_the_program_and_gives_it_back() {
    let state = tempfile::tempdir().unwrap();
    let rules = LogRules::of(state.path()).unwrap();
    rules.bring([rule("x", "program", 1)]).unwrap();
    assert_eq!(rules.remove("x"), Err(RuleRefused::OfProgram("x".to_owned())));
    assert_eq!(rules.add(rule("x", "person", 1)), Ok(Some(rule("x", "program", 1))));
    let rules = LogRules::of(state.path()).unwrap();
    rules.bring([rule("x", "program", 1)]).unwrap();
    assert_eq!(*rules.in_force(), [rule("x", "person", 1)]);
    rules.remove("x").unwrap();
    assert_eq!(*rules.in_force(), [rule("x", "program", 1)]);
}

#[test]
fn after_a_restart_they_are_there_by_score_and_then_by_pattern() {
    let state = tempfile::tempdir().unwrap();
    let rules = LogRules::of(state.path()).unwrap();
    for (pattern, score) in [("b", 1), ("gone", 9), ("c", -5), ("a\"\\d", 1), ("d", 7)] {
        rules.add(rule(pattern, r"\0", score)).unwrap();
    }
    rules.remove("gone").unwrap();
    let expected = [rule("d", r"\0", 7), rule("a\"\\d", r"\0", 1), rule("b", r"\0", 1), rule("c", r"\0", -5)];
    assert_eq!(*rules.in_force(), expected);
    assert_eq!(*LogRules::of(state.path()).unwrap().in_force(), expected);
    let files = std::fs::read_dir(state.path()).unwrap().map(|file| file.unwrap().file_name());
    assert_eq!(files.collect::<Vec<_>>(), ["log-rules.json"], "nothing else is left");
}

#[test]
fn there_are_so_many_and_no_more_but_one_may_always_be_replaced() {
    let state = tempfile::tempdir().unwrap();
    let rules = LogRules::of(state.path()).unwrap();
    let many = |report| (0..RULES_MAX).map(move |n| rule(&format!("rule {n}$"), report, 0));
    many("people").for_each(|rule| _ = rules.add(rule).unwrap());
    assert_eq!(rules.add(rule("another", "x", 0)), Err(RuleRefused::TooMany));
    many("newer").for_each(|rule| _ = rules.add(rule).unwrap());
    assert_eq!(rules.in_force().len(), RULES_MAX);
    let of_program = (0..=RULES_MAX).map(|n| rule(&format!("other {n}$"), "program", 0));
    assert_eq!(rules.bring(of_program), Err(RuleRefused::TooMany));
}

#[test]
fn what_cannot_be_written_or_comes_too_late_changes_nothing() {
    let state = tempfile::tempdir().unwrap();
    let rules = LogRules::of(state.path()).unwrap();
    rules.add(rule("x", "old", 1)).unwrap();
    let in_the_way = state.path().join("log-rules.json.new");
    std::fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(rules.add(rule("x", "new", 1)), Err(RuleRefused::NotWritten(_))));
    assert_eq!(*rules.in_force(), [rule("x", "old", 1)]);
    std::fs::remove_dir(&in_the_way).unwrap();
    rules.close();
    assert_eq!(rules.remove("x"), Err(RuleRefused::Stopping));
    assert_eq!(*LogRules::of(state.path()).unwrap().in_force(), [rule("x", "old", 1)]);
}

#[test]
fn a_file_that_is_not_ours_is_refused_in_words() {
    let state = tempfile::tempdir().unwrap();
    for (text, why) in [
        (r#"{"version":2,"rules":{}}"#, "its format is 2, and this program knows only 1"),
        (r#"{"version":1,"rules":[{"pattern":"(","report":"x","score":0}]}"#, "unclosed group"),
        ("[", "it holds no log rules"),
    ] {
        std::fs::write(LogRules::file(state.path()), text).unwrap();
        let error = LogRules::of(state.path()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        let error = crate::Engine::open(state.path()).unwrap_err().to_string();
        assert!(error.contains("log-rules.json") && error.contains(why), "{error}");
    }
}

#[test]
fn whatever_byte_of_the_file_is_lost_no_other_rule_is_in_force() {
    let state = tempfile::tempdir().unwrap();
    let rules = LogRules::of(state.path()).unwrap();
    rules.add(rule("No space left on (\\w+)", r"the disk \1 is full", 10)).unwrap();
    let (file, in_force) = (LogRules::file(state.path()), rules.in_force());
    let bytes = std::fs::read(&file).unwrap();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        for (what, bytes) in [("flipped", &flipped[..]), ("cut", &bytes[..at])] {
            std::fs::write(&file, bytes).unwrap();
            match LogRules::of(state.path()) {
                Ok(rules) => assert_eq!(rules.in_force(), in_force, "{what} at {at}"),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::InvalidData),
            }
        }
    }
    // By hand.
    let text = String::from_utf8(bytes).unwrap().replace("full", "fuller");
    std::fs::write(&file, &text).unwrap();
    assert!(LogRules::of(state.path()).unwrap_err().to_string().contains("remove its line \"crc32\""));
    let lines: Vec<_> = text.lines().filter(|line| !line.contains("crc32")).collect();
    std::fs::write(&file, lines.concat()).unwrap();
    assert!(LogRules::of(state.path()).unwrap().in_force()[0].report().contains("fuller"));
}

#[tokio::test]
async fn of_a_log_that_is_too_long_the_end_is_read_too() {
    let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rules = LogRules::of(state.path()).unwrap();
    rules.bring([rule("^Make exited with status (\\d+)\nbye", r"exit(\1)", 1)]).unwrap();
    let log = Log::append_to(folder.path().join("log"));
    assert_eq!(rules.ask(&log, READING_TIMEOUT).await, None, "nothing was written");
    std::fs::File::create(log.path()).unwrap().set_len(Log::BYTES_MAX).unwrap();
    let log = Log::append_to(log.path());
    for _ in 0..11 {
        log.write(&b"x".repeat(100_000));
    }
    log.write(b"\nMake exited with status 2\nbye");
    assert_eq!(rules.ask(&log, READING_TIMEOUT).await.unwrap().report, "exit(2)");
    rules.bring([rule("(\\d+) bytes are left out here", r"\1", 2)]).unwrap();
    let left_out = 1_100_000 + 1 + 29 - Log::END_BYTES_MAX;
    assert_eq!(rules.ask(&log, READING_TIMEOUT).await.unwrap().report, left_out.to_string());
    log.finish();
    assert!(std::fs::read(log.path()).unwrap().ends_with(b"x\nMake exited with status 2\nbye"));
}

#[test]
fn told_otherwise_a_failure_keeps_its_kind_its_hint_and_in_our_log_its_words() {
    let error = OpError::transient("exit code 1").with_hint("look").in_other_words("exit(2)");
    assert_eq!((error.kind(), error.hint()), (crate::FailureKind::Transient, Some("look")));
    assert_eq!(error.to_string(), "exit(2)");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "exit code 1");
}

/// No match of these is longer than 12 bytes, whatever the log.
const PATTERNS: [&str; 10] = [
    "a{1,3}b?",
    "^a",
    "b$",
    r"\bba\b",
    "(a)\nb",
    "(?s)a.{0,5}?(b)",
    "é(.?)",
    r"[ab]\n{1,2}c",
    r"\Aa|c\z",
    r"\nb\n",
];

proptest! {
    #[test]
    fn it_does_not_matter_in_what_pieces_a_log_comes(
        log in "[abc\né ]{0,200}",
        pieces in proptest::collection::vec(1..60_usize, 1..20),
        scores in proptest::collection::vec(0..4_i64, PATTERNS.len()),
    ) {
        let rules = PATTERNS.iter().zip(scores);
        let program = rules.map(|(pattern, score)| {
            let report = if pattern.contains("(a)") { r"\1 \0" } else { r"<\0>" };
            (pattern.to_string(), rule(pattern, report, score))
        });
        let sources = Sources { program: program.collect(), ..Sources::default() };
        let rules = sources.in_force();

        let at_once = rules.iter().filter_map(|rule| Some((rule, rule.find(log.as_bytes(), 0)?)));
        let best = at_once.rev().max_by_key(|(rule, at)| (rule.score(), Reverse(*at)));
        let expected = best.map(|(rule, at)| Hit {
            rule: rule.clone(),
            at: at as u64,
            report: rule.says(log.as_bytes(), at),
        });

        let mut scan = Scan::with_windows(&rules, 40, 16);
        let (mut rest, mut lengths) = (log.as_bytes(), pieces.iter().cycle());
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(rest.len().min(*lengths.next().unwrap()));
            scan.push(piece);
            rest = later;
        }
        prop_assert_eq!(scan.finish(), expected);
    }
}
