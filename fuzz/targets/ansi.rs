//! See `ci_fuzz::ansi`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ci_fuzz::ansi::holds(bytes));
