//! One file per command: its options, and `run`, which calls the library and prints what came out.

pub(crate) mod train;

pub(crate) mod evaluate;
pub(crate) mod compare;
pub(crate) mod explain;
pub(crate) mod predict;

pub(crate) mod prepare;

pub(crate) mod audit;

pub(crate) mod init;

pub(crate) mod fetch;
pub(crate) mod inspect;

pub(crate) mod bench;

pub(crate) mod completions;
