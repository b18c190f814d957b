//! See `ci_fuzz::key_digest`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ci_fuzz::key_digest::holds(bytes));
