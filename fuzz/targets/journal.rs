//! See `ci_fuzz::journal`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ci_fuzz::journal::holds(bytes));
