//! AMX.
pub(crate) fn detected() -> bool { false }
