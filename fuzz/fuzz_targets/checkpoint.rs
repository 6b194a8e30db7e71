//! Checkpoints. What loads must save to bytes that load to the same model.
#![no_main]

use inkstone::checkpoint::Checkpoint;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(checkpoint) = Checkpoint::from_bytes(bytes) {
        assert!(Checkpoint::from_bytes(&checkpoint.to_bytes()).is_ok());
    }
});
