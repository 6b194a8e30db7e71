//! IDX files, plain and packed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = inkstone::data::idx::parse(bytes);
});
