//! Ctrl-C: the first asks to stop after the step that is running, the second ends the process at once.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The exit code of an interrupted command.
pub(crate) const EXIT_CODE: u8 = 130;

/// The flag that Ctrl-C (or a polite kill) raises from the first call on.
pub(crate) fn flag() -> &'static AtomicBool {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    FLAG.get_or_init(|| {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the shutdown sees the flag that an earlier signal raised. A system that registers neither
            // ends the process on Ctrl-C as usual; every save leaves a folder that goes on.
            let _ = flag::register_conditional_shutdown(signal, EXIT_CODE.into(), Arc::clone(&raised));
            let _ = flag::register(signal, Arc::clone(&raised));
        }
        raised
    })
}
