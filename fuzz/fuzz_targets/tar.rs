//! Tar shards.
#![no_main]

use inkstone::parallel::Pool;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = inkstone::data::tar_set::parse(bytes, &Pool::current_thread());
});
