//! AMX, the tile registers of Intel's server CPUs since 2023: everything of Inkstone that needs them in assembly.
//!
//! Rust's own functions for AMX are not stable; inline assembly is. What it relies on:
//! - A tile here is 16 rows of 64 bytes. [`Tiles`] exists only while this thread's tiles are configured so, and an
//!   assembly block keeps nothing in a tile register beyond its end: each declares all that it uses as overwritten.
//! - `tdpbf16ps c, a, b`: `c[m, n] += Σ_k a[m, 2k] · b[k, 2n] + a[m, 2k+1] · b[k, 2n+1]` with k < 16, the even and the odd
//!   products summed apart, each with one rounding per step, then both added to c. Numbers below the smallest normal one
//!   count as zero. MXCSR is neither read nor written. (Intel SDM, volume 2, TDPBF16PS.)
//! - `[a + s * 1]` in a tile's load or store: the first row stands at a, each next one s bytes on.
//! - The operating system must be asked once per process before a thread may use tiles; [`detected`] does.

use std::arch::asm;
use std::arch::x86_64::{__cpuid_count, _xgetbv, CpuidResult};
use std::marker::PhantomData;
use std::sync::OnceLock;

use crate::Bf16;

/// Whether the CPU has bf16 tiles and the operating system lets this process use them.
pub(crate) fn detected() -> bool {
    static DETECTED: OnceLock<bool> = OnceLock::new();
    *DETECTED.get_or_init(|| cpu_has_tiles() && system_saves_tiles() && system_permits_tiles())
}

/// What CPUID says of a leaf's first part.
#[allow(unused_unsafe)] // Safe to call in later versions of Rust than the oldest that this builds with.
fn cpuid(leaf: u32) -> CpuidResult {
    // SAFETY: every 64-bit x86 CPU has the instruction.
    unsafe { __cpuid_count(leaf, 0) }
}

/// CPUID leaf 7: AMX-BF16 and AMX-TILE.
fn cpu_has_tiles() -> bool {
    const BF16_AND_TILE: u32 = 1 << 22 | 1 << 24;
    cpuid(0).eax >= 7 && cpuid(7).edx & BF16_AND_TILE == BF16_AND_TILE
}

/// XCR0: the operating system saves the tiles' configuration and contents at a switch of threads.
fn system_saves_tiles() -> bool {
    const CONFIGURATION_AND_DATA: u64 = 0b11 << 17;

    #[target_feature(enable = "xsave")]
    fn enabled_states() -> u64 {
        // SAFETY: called only where the operating system has switched `xgetbv` on (below).
        unsafe { _xgetbv(0) }
    }

    let has_xgetbv = cpuid(1).ecx >> 27 & 1 == 1;
    // SAFETY: CPUID says that the CPU has XSAVE and the operating system uses it.
    has_xgetbv && unsafe { enabled_states() } & CONFIGURATION_AND_DATA == CONFIGURATION_AND_DATA
}

/// Linux gives a process the room for tiles only when it asks.
fn system_permits_tiles() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let answer: i64;
    // SAFETY: this system call reads and writes no memory of ours; it overwrites rax, rcx and r11, which are declared.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// All eight tiles as large as they can be.
static FULL: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    bytes_per_row: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// While it lives, this thread's tiles are configured. It cannot leave the thread.
pub(crate) struct Tiles(PhantomData<*const ()>);

/// Four tiles of sums: rows 0–15 with columns 0–15 and 16–31, rows 16–31 likewise.
#[repr(C, align(64))]
pub(crate) struct Sums(pub(crate) [[[f32; 16]; 16]; 4]);

/// The left side of a step: two tiles of rows.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    /// Where row 0 and row 16 start.
    pub(crate) rows: [*const Bf16; 2],
    /// Bytes from a row to the next.
    pub(crate) row_stride: isize,
    /// Runs of values.
    pub(crate) segments: usize,
    /// Tiles in each run, of 32 values.
    pub(crate) steps: usize,
    /// Bytes from the end of a run to the start of the next.
    pub(crate) jump: isize,
}

impl Tiles {
    /// Configures this thread's tiles.
    ///
    /// # Safety
    /// The CPU has AMX and the operating system permits it; nobody else has configured this thread's tiles.
    pub(crate) unsafe fn configure() -> Self {
        // SAFETY: the caller's promise; the instruction reads the 64 bytes of `FULL` and zeroes all tiles, which the
        // compiler never uses.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const FULL, options(nostack, readonly, preserves_flags));
        }
        Self(PhantomData)
    }

    /// `sums[r, c] += Σ_k left[r, k] · right[k, c]` for 32 rows and 32 columns; `right` is a stream of two tiles of 16
    /// pairs × 16 columns for each 32 values of k.
    ///
    /// # Safety
    /// `segments` and `steps` are above 0. For every row r < 16 of both tiles and every run and step the 64 bytes at
    /// `rows[i] + r · row_stride` are readable, where both pointers have moved on by 64 bytes per step and by `jump` per
    /// run; `right` has 2 · segments · steps tiles of 1024 bytes.
    pub(crate) unsafe fn multiply_add(&self, left: Left, right: *const Bf16, sums: &mut Sums) {
        // SAFETY: `self` says that the tiles are configured as 16 × 64 bytes, so that the loads and stores touch exactly
        // the 16 rows of 64 bytes that the caller promises, and the four tiles of `sums`. Tiles, registers and flags
        // that change are declared; no stack is used.
        unsafe {
            asm!(
                "tileloadd tmm0, [{sums} + {line} * 1]",
                "tileloadd tmm1, [{sums} + {line} * 1 + 1024]",
                "tileloadd tmm2, [{sums} + {line} * 1 + 2048]",
                "tileloadd tmm3, [{sums} + {line} * 1 + 3072]",
                "2:",
                "mov {step}, {steps}",
                "3:",
                "tileloadd tmm4, [{upper} + {stride} * 1]",
                "tileloadd tmm6, [{right} + {line} * 1]",
                "tileloadd tmm7, [{right} + {line} * 1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{lower} + {stride} * 1]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "add {upper}, 64",
                "add {lower}, 64",
                "add {right}, 2048",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "dec {step}",
                "jnz 3b",
                "add {upper}, {jump}",
                "add {lower}, {jump}",
                "dec {segments}",
                "jnz 2b",
                "tilestored [{sums} + {line} * 1], tmm0",
                "tilestored [{sums} + {line} * 1 + 1024], tmm1",
                "tilestored [{sums} + {line} * 1 + 2048], tmm2",
                "tilestored [{sums} + {line} * 1 + 3072], tmm3",
                sums = in(reg) &raw mut *sums,
                line = in(reg) 64_usize,
                upper = inout(reg) left.rows[0] => _,
                lower = inout(reg) left.rows[1] => _,
                stride = in(reg) left.row_stride,
                right = inout(reg) right => _,
                segments = inout(reg) left.segments => _,
                steps = in(reg) left.steps,
                jump = in(reg) left.jump,
                step = out(reg) _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack),
            );
        }
    }
}

impl Drop for Tiles {
    /// Gives the tiles back: a thread without any is cheaper to switch.
    fn drop(&mut self) {
        // SAFETY: AMX is there (`configure`); the instruction touches no memory.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) }
    }
}
