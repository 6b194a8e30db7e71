//! Safetensors with images and labels.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = inkstone::data::safetensors_set::parse(bytes);
});
