//! `split.json`.
#![no_main]

use inkstone::data::split::SplitFile;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = SplitFile::parse(text);
});
