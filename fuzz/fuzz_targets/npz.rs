//! NPZ: zip archives of arrays.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = inkstone::data::npz::parse(bytes);
});
