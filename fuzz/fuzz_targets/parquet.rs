//! Parquet. Its library asserts in some damaged files; the reader turns that into an error, which libFuzzer, whose hook
//! ends the process at every panic, would not let it: the hook is taken out first.
#![no_main]

use std::sync::Once;

static QUIET: Once = Once::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| ())));
    let _ = inkstone::data::parquet_set::parse(bytes);
});
