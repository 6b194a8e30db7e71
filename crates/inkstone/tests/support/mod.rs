//! What the tests of both engines share.

#![allow(dead_code, reason = "each test uses its part")]

pub(crate) mod adam;
pub(crate) mod formula;
#[cfg(feature = "mnist")]
pub(crate) mod golden;
