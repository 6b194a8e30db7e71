//! The machine that a report is made on, in the words of its system. Only reports name it; models never do.

use inkstone::report::Machine;

use crate::context::Context;

/// What a report says of this machine.
pub(crate) fn machine(context: &Context, threads: usize) -> Machine {
    Machine {
        cpu: processor(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        isa: context.isa,
        threads,
    }
}

/// The processor's name, where Linux tells it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
