//! In work.

use inkstone::{Error, ErrorKind, Result};

use super::Args;
use crate::Outcome;
use crate::context::Context;

pub(super) fn run(args: &Args, _: &Context) -> Result<Outcome> {
    Err(Error::new(ErrorKind::Usage, format!("in work: {:?}", args)))
}
