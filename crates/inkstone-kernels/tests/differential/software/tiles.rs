//! AMX's tiles (Intel SDM volume 2: LDTILECFG, TILELOADD, TILESTORED, TDPBF16PS, TILEZERO, TILERELEASE).

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{memory, normal};

/// How many `tdpbf16ps` were executed here.
pub(crate) static PRODUCTS: AtomicU64 = AtomicU64::new(0);

const ROWS: usize = 16;
const ROW_BYTES: usize = 64;

struct Tile {
    rows: usize,
    row_bytes: usize,
    data: [[u8; ROW_BYTES]; ROWS],
}

struct Tiles {
    configured: bool,
    tiles: [Tile; 8],
}

thread_local! {
    static TILES: UnsafeCell<Tiles> = const {
        UnsafeCell::new(Tiles {
            configured: false,
            tiles: [const { Tile { rows: 0, row_bytes: 0, data: [[0; ROW_BYTES]; ROWS] } }; 8],
        })
    };
}

/// Executes one instruction; its length, or nothing where it is none of those or a forbidden one.
///
/// # Safety
/// `code` points at an instruction, whose memory operand is what it claims.
pub(super) unsafe fn execute(code: *const u8, registers: &[i64]) -> Option<usize> {
    // SAFETY: the tiles are this thread's, and no instruction is executed inside another.
    unsafe { TILES.with(|tiles| execute_on(&mut *tiles.get(), code, registers)) }
}

/// What the VEX prefix and the opcode say.
#[derive(PartialEq)]
enum Prefix {
    None,
    P66,
    Pf3,
    Pf2,
}

/// # Safety
/// As [`execute`].
unsafe fn execute_on(state: &mut Tiles, code: *const u8, registers: &[i64]) -> Option<usize> {
    // SAFETY: an instruction of this prefix has at least five bytes, and `memory` reads on as they say.
    unsafe {
        let byte = |i: usize| *code.add(i);
        // C4 | R̄ X̄ B̄ mmmmm | W v̄v̄v̄v̄ L pp | opcode | ModRM
        if byte(0) != 0xc4 || byte(1) & 0x1f != 2 || byte(2) & 0x84 != 0 {
            return None;
        }
        let [register_high, index_high, base_high] = [7, 6, 5].map(|bit| usize::from(byte(1) >> bit & 1 ^ 1) * 8);
        let third = usize::from(!byte(2) >> 3 & 15);
        let prefix = [Prefix::None, Prefix::P66, Prefix::Pf3, Prefix::Pf2].into_iter().nth(usize::from(byte(2) & 3))?;
        let modrm = byte(4);
        let (register, in_memory) = (usize::from(modrm >> 3 & 7), modrm >> 6 != 3);
        if register_high != 0 {
            return None;
        }
        let memory = || memory(code.add(4), registers, index_high, base_high, 1);
        match (byte(3), prefix) {
            (0x49, Prefix::None) if in_memory && register == 0 => {
                let memory = memory()?;
                state.configure(&*((memory.address + memory.stride) as *const [u8; 64]))?;
                Some(4 + memory.len)
            }
            (0x49, Prefix::None) if modrm == 0xc0 => {
                state.configured = false;
                Some(5)
            }
            (0x49, Prefix::Pf2) if !in_memory && modrm & 7 == 0 => {
                state.tile(register)?.data = [[0; ROW_BYTES]; ROWS];
                Some(5)
            }
            (0x4b, Prefix::Pf2) if in_memory => {
                let memory = memory().filter(|memory| memory.has_sib)?;
                let tile = state.tile(register)?;
                tile.data = [[0; ROW_BYTES]; ROWS];
                for (row, line) in (0..).zip(&mut tile.data[..tile.rows]) {
                    let from = (memory.address + row * memory.stride) as *const u8;
                    from.copy_to(line.as_mut_ptr(), tile.row_bytes);
                }
                Some(4 + memory.len)
            }
            (0x4b, Prefix::Pf3) if in_memory => {
                let memory = memory().filter(|memory| memory.has_sib)?;
                let tile = state.tile(register)?;
                for (row, line) in (0..).zip(&tile.data[..tile.rows]) {
                    let to = (memory.address + row * memory.stride) as *mut u8;
                    to.copy_from(line.as_ptr(), tile.row_bytes);
                }
                Some(4 + memory.len)
            }
            (0x5c, Prefix::Pf3) if !in_memory && base_high == 0 && third < 8 => {
                state.multiply_add(register, usize::from(modrm & 7), third)?;
                PRODUCTS.fetch_add(1, Ordering::Relaxed);
                Some(5)
            }
            _ => None,
        }
    }
}

impl Tiles {
    /// LDTILECFG.
    fn configure(&mut self, memory: &[u8; 64]) -> Option<()> {
        let reserved = memory[2..16].iter().chain(&memory[32..48]).chain(&memory[56..]);
        if memory[0] != 1 || memory[1] != 0 || reserved.into_iter().any(|&byte| byte != 0) {
            return None;
        }
        for (i, tile) in self.tiles.iter_mut().enumerate() {
            let rows = usize::from(memory[48 + i]);
            let row_bytes = usize::from(u16::from_le_bytes([memory[16 + 2 * i], memory[17 + 2 * i]]));
            if rows > ROWS || row_bytes > ROW_BYTES || (rows == 0) != (row_bytes == 0) {
                return None;
            }
            *tile = Tile { rows, row_bytes, data: [[0; ROW_BYTES]; ROWS] };
        }
        self.configured = true;
        Some(())
    }

    /// A tile that the configuration has.
    fn tile(&mut self, i: usize) -> Option<&mut Tile> {
        let tile = &mut self.tiles[i];
        (self.configured && tile.rows > 0).then_some(tile)
    }

    /// TDPBF16PS.
    fn multiply_add(&mut self, c: usize, a: usize, b: usize) -> Option<()> {
        let distinct = c != a && a != b && c != b;
        let (pairs, columns) = (self.tile(a)?.row_bytes / 4, self.tile(c)?.row_bytes / 4);
        let fits = self.tile(b)?.rows == pairs
            && self.tiles[b].row_bytes == 4 * columns
            && self.tiles[a].rows == self.tiles[c].rows
            && self.tiles[a].row_bytes.is_multiple_of(4)
            && self.tiles[c].row_bytes.is_multiple_of(4);
        if !distinct || !fits {
            return None;
        }
        for m in 0..self.tiles[c].rows {
            let mut sums = [[0.0; 2]; ROW_BYTES / 4];
            for k in 0..pairs {
                for (n, sum) in sums.iter_mut().enumerate().take(columns) {
                    for (half, sum) in sum.iter_mut().enumerate() {
                        let left = bf16(&self.tiles[a].data[m], 2 * k + half);
                        let right = bf16(&self.tiles[b].data[k], 2 * n + half);
                        *sum = normal(normal(left).mul_add(normal(right), normal(*sum)));
                    }
                }
            }
            for (old, [even, odd]) in self.tiles[c].data[m].chunks_exact_mut(4).zip(sums) {
                let value = f32::from_le_bytes([old[0], old[1], old[2], old[3]]);
                old.copy_from_slice(&normal(normal(value) + normal(even + odd)).to_le_bytes());
            }
        }
        Some(())
    }
}

fn bf16(row: &[u8; ROW_BYTES], i: usize) -> f32 {
    f32::from_le_bytes([0, 0, row[2 * i], row[2 * i + 1]])
}
