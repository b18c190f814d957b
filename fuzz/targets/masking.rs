//! See `ci_fuzz::masking`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ci_fuzz::masking::holds(bytes));
