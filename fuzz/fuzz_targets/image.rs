//! Images of every format that is read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = inkstone::data::decode::decode(bytes);
});
