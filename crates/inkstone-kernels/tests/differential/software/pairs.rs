//! AVX512-BF16's product of pairs (Intel SDM volume 2: VDPBF16PS), for CPUs that have AVX-512 but not this.
//!
//! The registers are those that the system saved when the signal was raised, in the layout of XSAVE (SDM volume 1,
//! chapter 13), and it restores them from there.

use std::arch::x86_64::{__cpuid_count, CpuidResult};

use super::{memory, normal};

/// Bytes of one of the registers.
type Register = [u8; 64];

/// Executes one `vdpbf16ps zmm, zmm, zmm/m512/m32bcst` without a mask; its length, or nothing where it is none.
///
/// # Safety
/// `code` points at an instruction, whose memory operand is what it claims; `saved` is the state that a signal saved.
pub(super) unsafe fn execute(code: *const u8, registers: &[i64], saved: *mut u8) -> Option<usize> {
    // SAFETY: an instruction of this prefix has at least six bytes, and `memory` reads on as they say.
    unsafe {
        let byte = |i: usize| *code.add(i);
        // 62 | R̄ X̄ B̄ R̄' 0 m m m | W v̄v̄v̄v̄ 1 pp | z L'L b V̄' aaa | opcode | ModRM
        let (first, second, third) = (byte(1), byte(2), byte(3));
        if byte(0) != 0x62 || first & 0x0f != 2 || second & 0x87 != 6 || third & 0xe7 != 0x40 || byte(4) != 0x52 {
            return None;
        }
        let clear = |bits: u8, bit: u8, value: usize| if bits >> bit & 1 == 0 { value } else { 0 };
        let modrm = byte(5);
        let destination = usize::from(modrm >> 3 & 7) + clear(first, 7, 8) + clear(first, 4, 16);
        let source = usize::from(!second >> 3 & 15) + clear(third, 3, 16);
        let broadcast = third >> 4 & 1 == 1;
        let state = State::new(saved)?;
        let (right, len) = if modrm >> 6 == 3 {
            if broadcast {
                return None; // It would mean a way to round, which this instruction does not have.
            }
            let register = usize::from(modrm & 7) + clear(first, 5, 8) + clear(first, 6, 16);
            (state.read(register), 6)
        } else {
            let unit = if broadcast { 4 } else { 64 };
            let operand = memory(code.add(5), registers, clear(first, 6, 8), clear(first, 5, 8), unit)?;
            let address = (operand.address + operand.stride) as *const u8;
            let mut right = [0; 64];
            for (i, value) in right.iter_mut().enumerate() {
                *value = *address.add(if broadcast { i % 4 } else { i });
            }
            (right, 5 + operand.len)
        };
        state.write(destination, multiply_add(state.read(destination), state.read(source), right));
        Some(len)
    }
}

/// `sums[i] += left[i].odd · right[i].odd`, then likewise with the even values.
fn multiply_add(mut sums: Register, left: Register, right: Register) -> Register {
    let bf16 = |register: &Register, i: usize| normal(f32::from_le_bytes([0, 0, register[2 * i], register[2 * i + 1]]));
    for (i, sum) in sums.chunks_exact_mut(4).enumerate() {
        let mut value = f32::from_le_bytes([sum[0], sum[1], sum[2], sum[3]]);
        for i in [2 * i + 1, 2 * i] {
            value = normal(bf16(&left, i).mul_add(bf16(&right, i), normal(value)));
        }
        sum.copy_from_slice(&value.to_le_bytes());
    }
    sums
}

/// Parts of the saved state: where the registers' bytes 0–15, 16–31, 32–63 and the whole upper sixteen registers stand.
const SSE: u32 = 1;
const AVX: u32 = 2;
const UPPER_HALVES: u32 = 6;
const UPPER_REGISTERS: u32 = 7;

/// The state that a signal saved.
struct State(*mut u8);

impl State {
    /// # Safety
    /// `saved` is what a signal's context points at.
    unsafe fn new(saved: *mut u8) -> Option<Self> {
        // SAFETY: the first 512 bytes are always there; so are, behind the mark, the header and the parts that it names.
        unsafe {
            const MARK: u32 = 0x4650_5853;
            let mark = saved.add(464).cast::<u32>().read_unaligned();
            let parts = saved.add(472).cast::<u64>().read_unaligned();
            (mark == MARK && parts >> UPPER_HALVES & 3 == 3).then_some(Self(saved))
        }
    }

    /// The parts that are not all zero; of the others the bytes mean nothing.
    fn in_use(&self) -> *mut u64 {
        self.0.wrapping_add(512).cast()
    }

    /// Where and how many each piece of a register is.
    fn pieces(register: usize) -> Vec<(u32, usize, usize)> {
        if register >= 16 {
            return vec![(UPPER_REGISTERS, offset(UPPER_REGISTERS) + 64 * (register - 16), 64)];
        }
        vec![
            (SSE, 160 + 16 * register, 16),
            (AVX, offset(AVX) + 16 * register, 16),
            (UPPER_HALVES, offset(UPPER_HALVES) + 32 * register, 32),
        ]
    }

    fn read(&self, register: usize) -> Register {
        let mut bytes = [0; 64];
        let mut done = 0;
        for (part, offset, len) in Self::pieces(register) {
            // SAFETY: the parts are there (`new`), at the offsets that CPUID names.
            unsafe {
                if self.in_use().read_unaligned() >> part & 1 == 1 {
                    self.0.add(offset).copy_to(bytes[done..].as_mut_ptr(), len);
                }
            }
            done += len;
        }
        bytes
    }

    fn write(&self, register: usize, bytes: Register) {
        let mut done = 0;
        for (part, offset, len) in Self::pieces(register) {
            // SAFETY: as in `read`. A part that was all zero is written out as that before it counts as used.
            unsafe {
                let in_use = self.in_use().read_unaligned();
                if in_use >> part & 1 == 0 {
                    let (start, size) = whole(part);
                    self.0.add(start).write_bytes(0, size);
                    self.in_use().write_unaligned(in_use | 1 << part);
                }
                self.0.add(offset).copy_from(bytes[done..].as_ptr(), len);
            }
            done += len;
        }
    }
}

#[allow(unused_unsafe)] // Safe to call in later versions of Rust than the oldest that this builds with.
fn layout(part: u32) -> CpuidResult {
    // SAFETY: a CPU with AVX-512 has this leaf.
    unsafe { __cpuid_count(0xd, part) }
}

/// Where a part starts.
fn offset(part: u32) -> usize {
    layout(part).ebx as usize
}

/// Where a part starts and how long it is.
fn whole(part: u32) -> (usize, usize) {
    if part == SSE { (160, 256) } else { (offset(part), layout(part).eax as usize) }
}
