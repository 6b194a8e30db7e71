//! The one vector trait that every algorithm is written over, and its portable implementation.

/// A few `f32` that are worked on at once.
///
/// # Safety
/// Every method may be called only on a CPU that has the implementing type's instructions: [`Isa::run`](crate::Isa)
/// is the one place that picks the type, and an `Isa` exists only if the CPU has it. Pointers must be valid for the
/// number of values that the method names; they need no alignment.
pub(crate) trait Vector: Copy {
    /// Values per vector: 4, 8 or 16.
    const LANES: usize;
    /// How many vectors the CPU keeps at hand: what the algorithms cut their tiles to.
    const REGISTERS: usize;

    /// `LANES` times the same value.
    unsafe fn splat(value: f32) -> Self;
    /// Reads `LANES` values.
    unsafe fn load(from: *const f32) -> Self;
    /// Reads `n < LANES` values; the others are zero.
    unsafe fn load_first(from: *const f32, n: usize) -> Self;
    /// Writes `LANES` values.
    unsafe fn store(self, to: *mut f32);
    /// Writes the first `n < LANES` values.
    unsafe fn store_first(self, to: *mut f32, n: usize);
    /// self + other
    unsafe fn add(self, other: Self) -> Self;
    /// self − other
    unsafe fn sub(self, other: Self) -> Self;
    /// self · factor + term: one rounding where the instruction set has it, two in the portable implementation.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The larger of each pair; `other` where they are equal or one is NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// Bit i is set where self[i] == other[i].
    unsafe fn equal_bits(self, other: Self) -> u32;
    /// Bit i is set where self[i] > other[i].
    unsafe fn greater_bits(self, other: Self) -> u32;
    /// The lanes whose bit is set; zero in the others.
    unsafe fn keep(self, bits: u32) -> Self;

    /// Runs a part of an algorithm as a function of its own, with the same instructions: what is inlined into one large
    /// function fights for its registers.
    unsafe fn call<K: Kernel>(kernel: K) -> K::Output;

    /// Reads `n ≤ LANES` values; the others are zero.
    #[inline(always)]
    unsafe fn load_up_to(from: *const f32, n: usize) -> Self {
        // SAFETY: the caller's promise, for either branch.
        unsafe { if n >= Self::LANES { Self::load(from) } else { Self::load_first(from, n) } }
    }

    /// Writes the first `n ≤ LANES` values.
    #[inline(always)]
    unsafe fn store_up_to(self, to: *mut f32, n: usize) {
        // SAFETY: the caller's promise, for either branch.
        unsafe { if n >= Self::LANES { self.store(to) } else { self.store_first(to, n) } }
    }

    // What augmentation, batches and optimizers need beside. Every one is rounded once, correctly.

    /// self · other.
    unsafe fn mul(self, other: Self) -> Self;
    /// self / other: the division itself, no estimate of a reciprocal.
    unsafe fn div(self, other: Self) -> Self;
    /// √self.
    unsafe fn sqrt(self) -> Self;
    /// The smaller of each pair; `other` where they are equal or one is NaN.
    unsafe fn min(self, other: Self) -> Self;
    /// The whole part of values from 0 to 2²³ (no NaN: the portable implementation converts without a check).
    unsafe fn whole(self) -> Self;
    /// `yes` where self ≥ threshold, `no` where it is not or one is NaN.
    unsafe fn where_at_least(self, threshold: Self, yes: Self, no: Self) -> Self;
    /// Reads `LANES` bytes, as values from 0 to 255.
    unsafe fn load_bytes(from: *const u8) -> Self;

    /// Writes `LANES` values from 0 to 2²³ (no NaN) as integers, without what stands behind the point.
    unsafe fn store_whole(self, to: *mut u32);

    /// For each of `LANES` indices the four bytes from pair `index` of `from` on: all first ones, all second ones, …
    #[inline(always)]
    unsafe fn load_two_pairs(from: *const [u8; 2], index: *const u32) -> [Self; 4] {
        let mut bytes = [[0.0_f32; 16]; 4];
        // SAFETY: the caller promises four readable bytes at each index; LANES ≤ 16 values are read from each array.
        unsafe {
            for lane in 0..Self::LANES {
                let four = from.add(*index.add(lane) as usize).cast::<[u8; 4]>().read();
                for (bytes, byte) in bytes.iter_mut().zip(four) {
                    bytes[lane] = f32::from(byte);
                }
            }
            std::array::from_fn(|i| Self::load(bytes[i].as_ptr()))
        }
    }
}

/// An algorithm that can run on any vector type.
pub(crate) trait Kernel {
    /// What it gives back.
    type Output;

    /// Runs it. Implementations carry `#[inline(always)]`, so that the loops are compiled with the instructions of `V`.
    ///
    /// # Safety
    /// The CPU must have the instructions of `V`.
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

/// Four values in plain Rust: what the compiler's baseline vectors hold.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; 4]);

/// Lane by lane; nothing here needs more of the CPU than the compiler's target does.
impl Vector for Portable {
    const LANES: usize = 4;
    const REGISTERS: usize = 16;

    #[inline(never)]
    unsafe fn call<K: Kernel>(kernel: K) -> K::Output {
        // SAFETY: `Portable` needs nothing of the CPU.
        unsafe { kernel.run::<Self>() }
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises four readable values; `[f32; 4]` is read without asking for alignment beyond f32's.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Self {
        let mut values = [0.0; 4];
        for (i, value) in values.iter_mut().enumerate().take(n) {
            // SAFETY: the caller promises n readable values and i < n.
            *value = unsafe { *from.add(i) };
        }
        Self(values)
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises four writable values.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, n: usize) {
        for (i, &value) in self.0.iter().enumerate().take(n) {
            // SAFETY: the caller promises n writable values and i < n.
            unsafe { *to.add(i) = value }
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        // Not `f32::mul_add`: without the instruction it is a slow call into the C library.
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + term.0[i]))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] > other.0[i] { self.0[i] } else { other.0[i] }))
    }

    #[inline(always)]
    unsafe fn equal_bits(self, other: Self) -> u32 {
        (0..4).map(|i| u32::from(self.0[i] == other.0[i]) << i).sum()
    }

    #[inline(always)]
    unsafe fn greater_bits(self, other: Self) -> u32 {
        (0..4).map(|i| u32::from(self.0[i] > other.0[i]) << i).sum()
    }

    #[inline(always)]
    unsafe fn keep(self, bits: u32) -> Self {
        Self(std::array::from_fn(|i| if bits >> i & 1 == 1 { self.0[i] } else { 0.0 }))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] / other.0[i]))
    }

    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] < other.0[i] { self.0[i] } else { other.0[i] }))
    }

    #[inline(always)]
    unsafe fn whole(self) -> Self {
        // SAFETY: the caller promises values from 0 to 2²³. Not `f32::trunc`: without the instruction it is a slow call.
        Self(self.0.map(|value| unsafe { value.to_int_unchecked::<i32>() } as f32))
    }

    #[inline(always)]
    unsafe fn where_at_least(self, threshold: Self, yes: Self, no: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] >= threshold.0[i] { yes.0[i] } else { no.0[i] }))
    }

    #[inline(always)]
    unsafe fn load_bytes(from: *const u8) -> Self {
        // SAFETY: the caller promises four readable bytes.
        Self(unsafe { from.cast::<[u8; 4]>().read() }.map(f32::from))
    }

    #[inline(always)]
    unsafe fn store_whole(self, to: *mut u32) {
        for (i, value) in self.0.iter().enumerate() {
            // SAFETY: the caller promises four writable integers and values from 0 to 2²³.
            unsafe { *to.add(i) = value.to_int_unchecked::<i32>() as u32 }
        }
    }
}
