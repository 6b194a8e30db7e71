//! Counter-based randomness (Philox 4×32-10): a draw depends on its key alone, never on what was drawn before.
//!
//! Every random decision is keyed by (seed, epoch, sample, operation), so the order in which threads work
//! cannot change a result. Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

use inkstone_kernels::math;

/// What a stream of random numbers is for: two operations on one sample never share draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[non_exhaustive]
pub enum Operation {
    /// The order of the samples in an epoch.
    Shuffle = 1,
    /// The parts of a split.
    Split = 2,
    /// The first values of the parameters.
    Initialise = 3,
    /// Which values dropout sets to zero.
    Dropout = 4,
    /// The affine part of augmentation: rotation, zoom, shift, shear.
    Affine = 5,
    /// Horizontal and vertical flips.
    Flip = 6,
    /// The offset of a random crop.
    Crop = 7,
    /// The order of the blocks of a streamed set in an epoch.
    ShuffleBlocks = 20,
    /// The order of the samples within some blocks of a streamed set.
    ShuffleWindow = 21,
    /// Which fold a sample is in.
    Folds = 40,
    /// Which samples change places when copies are brought together.
    Together = 41,
    /// Which samples a trial looks at.
    Trial = 42,
    /// Augmentation: whether a step is taken, and which of several.
    Choice = 50,
    /// The field of an elastic deformation.
    Elastic = 51,
    /// The corners of a perspective.
    Perspective = 52,
    /// How far strokes grow.
    Stroke = 53,
    /// A factor of brightness.
    Brightness = 54,
    /// A factor of contrast.
    Contrast = 55,
    /// An exponent.
    Gamma = 56,
    /// The width of a blur.
    Blur = 57,
    /// Noise and its strength.
    Noise = 58,
    /// A rectangle and what covers it.
    Erase = 59,
    /// With which image another is mixed, how, and how much.
    Mix = 60,
    /// Small changes that an audit tries on images, to know how near copies are.
    Disturb = 80,
    /// Which images of two parts an audit learns to tell apart.
    Choose = 81,
    /// Pictures of digits as people make them: `inkstone bench ink`.
    Handwriting = 95,
    /// The signs that features are brought to fewer numbers with.
    NoveltyProjection = 100,
    /// Images that are no image of anything: `inkstone bench trust`.
    Nonsense = 102,
    /// The networks of random values that a map is compared with.
    RandomNetwork = 110,
    /// Samples drawn again, with replacement: how much a figure would vary with other images.
    Bootstrap = 120,
    /// Stress: what spoils an image; numbered by the corruption.
    Corruption = 130,
    /// Stress: where an attack on an image begins.
    Attack = 131,
    /// Stress: which images of a large part are used.
    StressDraw = 132,
}

/// A stream of random numbers for one key.
#[derive(Debug, Clone)]
pub struct Rng {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Rng {
    /// The stream for (seed, epoch, sample, operation).
    ///
    /// ```
    /// use inkstone::rng::{Operation, Rng};
    /// let draw = || Rng::new(7, 1, 42, Operation::Affine).uniform(-10.0, 10.0);
    /// assert_eq!(draw(), draw());
    /// ```
    pub fn new(seed: u64, epoch: u32, sample: u32, operation: Operation) -> Self {
        Self {
            key: [seed as u32, (seed >> 32) as u32],
            counter: [0, epoch, sample, operation as u32],
            block: [0; 4],
            used: 4,
        }
    }

    /// The stream for the n-th use of the same operation on one sample; the 0th is that of [`Rng::new`].
    #[must_use]
    pub fn numbered(mut self, n: u16) -> Self {
        self.counter[3] |= u32::from(n) << 16;
        self
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.block[self.used - 1]
    }

    /// The next four times 32 random bits, faster than one by one.
    pub fn next_four(&mut self) -> [u32; 4] {
        if self.used < 4 {
            return std::array::from_fn(|_| self.next_u32());
        }
        let block = philox(self.counter, self.key);
        self.counter[0] = self.counter[0].wrapping_add(1);
        block
    }

    /// A number in [0, 1) with 24 random bits: every value is exact in f32.
    pub fn unit(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// A number in [low, high).
    pub fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// An integer in 0..n, each equally likely (Lemire's rejection).
    pub fn below(&mut self, n: u32) -> u32 {
        assert!(n > 0, "below(0) has no value to choose");
        let threshold = n.wrapping_neg() % n;
        loop {
            let product = u64::from(self.next_u32()) * u64::from(n);
            if product as u32 >= threshold {
                return (product >> 32) as u32;
            }
        }
    }

    /// A draw of the standard normal distribution (Marsaglia's polar method, with our own logarithm: the same bits on
    /// every machine).
    pub fn normal(&mut self) -> f64 {
        self.two_normals()[0]
    }

    /// Two independent draws for the price of one.
    pub fn two_normals(&mut self) -> [f64; 2] {
        loop {
            let [x, y] = [self.next_u32(), self.next_u32()].map(|bits| f64::from(bits) / 2_147_483_648.0 - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * math::ln(square) / square).sqrt();
                return [x * factor, y * factor];
            }
        }
    }

    /// Puts `items` in random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u32 + 1) as usize);
        }
    }
}

/// Ten rounds of Philox 4×32 on one counter.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of the Random123 distribution (kat_vectors).
    #[test]
    fn philox_matches_the_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn four_at_once_are_the_next_four() {
        let mut rng = Rng::new(3, 1, 2, Operation::Elastic);
        let mut other = rng.clone();
        let singly: Vec<u32> = (0..13).map(|_| other.next_u32()).collect();
        let mut found = rng.next_four().to_vec();
        found.push(rng.next_u32());
        found.extend([rng.next_four(), rng.next_four()].concat());
        assert_eq!(found, singly);
    }

    #[test]
    fn shuffle_keeps_every_item_and_depends_on_the_seed() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..100).collect();
            Rng::new(seed, 0, 0, Operation::Shuffle).shuffle(&mut items);
            items
        };
        let mut sorted = shuffled(1);
        assert_ne!(sorted, shuffled(2));
        assert_eq!(sorted, shuffled(1));
        sorted.sort_unstable();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn draws_lie_in_their_range_with_the_right_mean() {
        let mut rng = Rng::new(3, 0, 0, Operation::Affine);
        let n = 20_000;
        let mean = (0..n).map(|_| f64::from(rng.uniform(-2.0, 4.0))).sum::<f64>() / f64::from(n);
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        let normals: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let variance = normals.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        assert!((0..1000).all(|_| rng.below(7) < 7));
    }
}
