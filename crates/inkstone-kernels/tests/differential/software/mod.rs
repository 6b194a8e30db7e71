//! Instructions that this CPU lacks, in software, so that the very machine code of the kernels runs on any 64-bit x86 CPU
//! under Linux.
//!
//! A CPU raises a signal at an instruction that it does not have. The handler decodes it, does what Intel's manual says, and
//! lets the program go on behind it. What the manual forbids, and any other instruction, ends the program by the signal.

pub(crate) mod pairs;
pub(crate) mod tiles;

use std::sync::Once;

use libc::{
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX, REG_RBP, REG_RBX, REG_RCX, REG_RDI,
    REG_RDX, REG_RIP, REG_RSI, REG_RSP, SIG_DFL, SIGILL, c_int, c_void, siginfo_t, ucontext_t,
};

/// From now on this process survives tile instructions and, on a CPU with AVX-512, `vdpbf16ps`.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: a zeroed `sigaction` is one without flags and blocked signals; the handler below touches nothing but
        // the interrupted thread's own tiles and registers and what the instruction names.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_illegal_instruction as extern "C" fn(_, _, _) as usize;
            action.sa_flags = libc::SA_SIGINFO;
            assert_eq!(libc::sigaction(SIGILL, &raw const action, std::ptr::null_mut()), 0);
        }
    });
}

extern "C" fn on_illegal_instruction(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the third argument is the interrupted thread's context, ours until we return; its
    // instruction pointer is at an instruction, of which no more is read than the bytes before say.
    unsafe {
        let context = &mut (*context.cast::<ucontext_t>()).uc_mcontext;
        let code = context.gregs[REG_RIP as usize] as *const u8;
        let executed = tiles::execute(code, &context.gregs)
            .or_else(|| pairs::execute(code, &context.gregs, context.fpregs.cast()));
        match executed {
            Some(len) => context.gregs[REG_RIP as usize] += len as i64,
            None => {
                libc::signal(SIGILL, SIG_DFL);
            }
        }
    }
}

/// The general registers as instructions number them.
const NUMBERED: [c_int; 16] = [
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12,
    REG_R13, REG_R14, REG_R15,
];

/// A memory operand: `base + displacement`, and the index register's part.
struct Memory {
    address: i64,
    stride: i64,
    /// Bytes of ModRM, SIB and displacement.
    len: usize,
    has_sib: bool,
}

/// The operand whose ModRM byte stands at `code`; a displacement of one byte counts in `short_unit`s.
///
/// # Safety
/// `code` points at a ModRM byte that names memory.
unsafe fn memory(
    code: *const u8,
    registers: &[i64],
    index_high: usize,
    base_high: usize,
    short_unit: i64,
) -> Option<Memory> {
    let register = |number: usize| registers[NUMBERED[number] as usize];
    // SAFETY: as many bytes are read as ModRM and SIB say.
    unsafe {
        let modrm = *code;
        let (mode, low) = (modrm >> 6, usize::from(modrm & 7));
        let has_sib = low == 4;
        let (base, stride) = if has_sib {
            let sib = *code.add(1);
            let (base, index) = (usize::from(sib & 7), usize::from(sib >> 3 & 7) + index_high);
            (base, if index == 4 { 0 } else { register(index) << (sib >> 6) })
        } else {
            (low, 0)
        };
        if mode == 0 && base == 5 {
            return None; // Relative to the instruction, or without a base: the compiler gives neither here.
        }
        let start = 1 + usize::from(has_sib);
        let (displacement, n_bytes) = match mode {
            0 => (0, 0),
            1 => (i64::from(*code.add(start).cast::<i8>()) * short_unit, 1),
            _ => (i64::from(code.add(start).cast::<i32>().read_unaligned()), 4),
        };
        Some(Memory { address: register(base + base_high) + displacement, stride, len: start + n_bytes, has_sib })
    }
}

/// Zero for what lies below the smallest normal number.
fn normal(value: f32) -> f32 {
    if value.is_subnormal() { 0.0_f32.copysign(value) } else { value }
}
