//! See `ci_fuzz::log_rules`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ci_fuzz::log_rules::holds(bytes));
