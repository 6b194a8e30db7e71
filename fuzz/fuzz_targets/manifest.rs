//! `dataset.toml`. What parses must print and parse again to the same value.
#![no_main]

use inkstone::data::prepared::Manifest;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(manifest) = Manifest::parse(text) {
        assert_eq!(Manifest::parse(&manifest.to_toml()).as_ref(), Ok(&manifest));
    }
});
