//! CSV, rows of pixels and tables of files. It is read from files only, so that is where the bytes go.
#![no_main]

use inkstone::data::source::{SourceOptions, open};
use inkstone::parallel::Pool;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("inkstone-fuzz-{}.csv", std::process::id()));
    std::fs::write(&path, bytes).expect("the temporary folder takes a file");
    let source = path.to_str().expect("a path of digits and letters");
    let _ = open(source, &SourceOptions::default(), &Pool::current_thread());
});
