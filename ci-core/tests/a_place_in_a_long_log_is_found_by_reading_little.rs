//! A line or a time in the longest log that there is costs about as much as in a short one: by bytes that are read, and by
//! memory.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use ci_core::job::{Log, LogText};

/// What one question may read: the marks, and what is between two of them, forth and back.
const READ_MAX: u64 = 256 << 10;
const MEMORY_KIB_MAX: u64 = 4 << 10;
const LINE: &[u8] = b"#12 [stage-1 3/7] RUN cargo build --release: compiling one more crate\n";

fn of_this_process(file: &str, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// How many bytes it reads.
fn read_by(question: impl FnOnce()) -> u64 {
    let before = of_this_process("io", "rchar:");
    question();
    let nothing = of_this_process("io", "rchar:");
    let own = of_this_process("io", "rchar:") - nothing;
    nothing - before - own
}

#[test]
fn a_place_in_a_long_log_is_found_by_reading_little() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::append_to(folder.path().join("log"));
    let lines = Log::BYTES_MAX / LINE.len() as u64;
    let hundred = LINE.repeat(100);
    for _ in 0..lines / 100 {
        log.write(&hundred);
    }
    let lines = lines / 100 * 100;
    let now_ms = ci_core::clock::now_ms();
    log.finish();
    let peak = of_this_process("status", "VmHWM:");
    let open = || LogText::open(log.path()).unwrap().unwrap();
    for line in [0, 1, lines / 3, lines / 2 + 1, lines - 1, lines] {
        let read = read_by(|| assert_eq!(open().line(line).unwrap().bytes, line * LINE.len() as u64));
        assert!(read <= READ_MAX, "line {line}: {read} bytes");
        let bytes = line * LINE.len() as u64 + 5;
        let read = read_by(|| assert_eq!(open().place(bytes.min(open().bytes())).unwrap().lines, line));
        assert!(read <= READ_MAX, "byte {bytes}: {read} bytes");
    }
    for at_ms in [0, now_ms - 1000, now_ms, u64::MAX] {
        let read = read_by(|| assert!(open().at(at_ms).unwrap().lines <= lines));
        assert!(read <= READ_MAX, "at {at_ms}: {read} bytes");
    }
    // What a page shows of it.
    let window = 256 << 10;
    let read = read_by(|| {
        let mut log = open();
        let from = log.line(lines / 2).unwrap();
        assert_eq!(log.read(from.bytes, window).unwrap().len(), window);
    });
    assert!(read <= READ_MAX + window as u64, "{read} bytes");
    let taken = of_this_process("status", "VmHWM:") - peak;
    assert!(taken < MEMORY_KIB_MAX, "{taken} KiB");
}
