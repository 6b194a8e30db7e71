//! Inflates zlib streams of a few hundred bytes (RFC 1950, RFC 1951). Refuses everything odd with `None`: it is meant
//! for data that a general decoder can be asked about as well.
//!
//! General inflaters are built for long streams: they make room for tables of twelve bits and more and fill them for
//! each stream, which costs twice the decoding of such a short one, and none lets them be kept (fdeflate, zlib-rs,
//! miniz_oxide, zune-inflate: 5.5 to 7.3 µs for the 350 bytes of an MNIST digit). The stream's own checksum is not looked
//! at: a PNG's chunk has one.

/// The most bits of a code that are looked up at once; longer codes are rare, and found bit by bit.
const FAST_BITS: u32 = 12;

/// The order in which a dynamic block gives the lengths of the codes for code lengths.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// The shortest match of each length symbol from 257 on, and how many bits add to it.
const LENGTHS: [(u16, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// The memory of an inflater: its codes.
#[derive(Default)]
pub(super) struct Inflater {
    literals: Huffman,
    distances: Huffman,
    /// The beginning of the last stream up to its first symbol, if that was the description of the codes above.
    opening: Opening,
}

/// The first bits of a stream (its type of block and its codes). Programs that write PNGs fast use the same codes in
/// each: whoever has built them once need not build them again, which is half of the work.
#[derive(Default)]
struct Opening {
    bytes: Vec<u8>,
    n_bits: usize,
}

impl Opening {
    fn set(&mut self, stream: &[u8], n_bits: usize) {
        self.bytes.clear();
        self.bytes.extend_from_slice(stream.get(..n_bits.div_ceil(8)).unwrap_or(&[]));
        self.n_bits = if self.bytes.is_empty() { 0 } else { n_bits };
    }

    /// Whether the stream begins with these very bits; never where there are none.
    fn begins(&self, stream: &[u8]) -> bool {
        let Some((&last, whole)) = self.bytes.split_last() else { return false };
        let mask = 0xFF_u8 >> ((8 - self.n_bits % 8) % 8);
        stream.starts_with(whole) && stream.get(whole.len()).is_some_and(|byte| (byte ^ last) & mask == 0)
    }
}

impl Inflater {
    /// Fills `out` with what the stream holds, if that is as long as `out`.
    pub(super) fn inflate(&mut self, stream: &[u8], out: &mut [u8]) -> Option<()> {
        let ([method, flags], stream) = stream.split_first_chunk()?;
        // Deflate, a right check of the two bytes, no dictionary.
        if method & 15 != 8 || u16::from_be_bytes([*method, *flags]) % 31 != 0 || flags & 32 != 0 {
            return None;
        }
        let mut bits = Bits { stream, at: 0, buffer: 0, n: 0 };
        let (mut done, mut is_first) = (0, true);
        loop {
            let is_last;
            if is_first && self.opening.begins(stream) {
                is_last = stream[0] & 1 == 1;
                bits.jump(self.opening.n_bits);
                done = self.block(&mut bits, out, done)?;
            } else {
                bits.refill();
                is_last = bits.take(1) == 1;
                match bits.take(2) {
                    0 => done = bits.stored(out, done)?,
                    1 => {
                        self.opening = Opening::default();
                        self.fixed_codes()?;
                        done = self.block(&mut bits, out, done)?;
                    }
                    2 => {
                        self.opening = Opening::default();
                        self.dynamic_codes(&mut bits)?;
                        if is_first {
                            self.opening.set(stream, bits.position());
                        }
                        done = self.block(&mut bits, out, done)?;
                    }
                    _ => return None,
                }
            }
            if is_last {
                return (done == out.len() && bits.is_inside()).then_some(());
            }
            is_first = false;
        }
    }

    fn fixed_codes(&mut self) -> Option<()> {
        let length = |symbol: usize| match symbol {
            0..144 | 280.. => 8,
            144..256 => 9,
            256..280 => 7,
        };
        let lengths: [u8; 288] = std::array::from_fn(length);
        self.literals.build(&lengths)?;
        self.distances.build(&[5; 30])
    }

    fn dynamic_codes(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let (n_literals, n_distances) = (bits.take(5) as usize + 257, bits.take(5) as usize + 1);
        let n_codes = bits.take(4) as usize + 4;
        let mut code_lengths = [0; 19];
        for &place in &ORDER[..n_codes] {
            bits.refill();
            code_lengths[place] = bits.take(3) as u8;
        }
        self.distances.build(&code_lengths)?;
        let mut lengths = [0_u8; 320];
        let (mut i, n) = (0, n_literals + n_distances);
        while i < n {
            bits.refill();
            let symbol = self.distances.decode(bits)?;
            let (value, times) = match symbol {
                0..16 => (symbol as u8, 1),
                16 => (lengths[i.checked_sub(1)?], 3 + bits.take(2)),
                17 => (0, 3 + bits.take(3)),
                _ => (0, 11 + bits.take(7)),
            };
            let end = i + times as usize;
            lengths.get_mut(i..end)?.fill(value);
            i = end;
        }
        if i != n || n_literals > 286 || n_distances > 30 {
            return None;
        }
        self.literals.build(&lengths[..n_literals])?;
        self.distances.build(&lengths[n_literals..n])
    }

    /// Literals and matches up to the end of the block; answers how many bytes are done.
    fn block(&self, bits: &mut Bits<'_>, out: &mut [u8], mut done: usize) -> Option<usize> {
        loop {
            bits.refill();
            let mut symbol = self.literals.decode(bits)?;
            if symbol < 256 {
                *out.get_mut(done)? = symbol as u8;
                done += 1;
                // 56 bits hold two symbols of 15.
                symbol = self.literals.decode(bits)?;
                if symbol < 256 {
                    *out.get_mut(done)? = symbol as u8;
                    done += 1;
                    continue;
                }
                bits.refill();
            }
            if symbol == 256 {
                return Some(done);
            }
            // 5 bits of a length and 15 + 13 of a distance: what one refill leaves is enough.
            let &(shortest, extra) = LENGTHS.get(usize::from(symbol) - 257)?;
            let length = usize::from(shortest) + bits.take(extra) as usize;
            let distance = distance(self.distances.decode(bits)?, bits)?;
            let from = done.checked_sub(distance)?;
            let target = out.get_mut(from..done + length)?;
            if distance == 1 {
                let value = target[0];
                target[1..].fill(value);
            } else if distance >= length {
                target.copy_within(..length, distance);
            } else {
                // A match may overlap what it writes: byte by byte.
                for k in distance..distance + length {
                    target[k] = target[k - distance];
                }
            }
            done += length;
        }
    }
}

/// The distance of a symbol: 1 to 4 as they are, then two symbols for each number of extra bits.
fn distance(symbol: u16, bits: &mut Bits<'_>) -> Option<usize> {
    match u32::from(symbol) {
        symbol @ 0..4 => Some(symbol as usize + 1),
        symbol @ 4..30 => {
            let extra = symbol / 2 - 1;
            Some((((2 + symbol % 2) << extra) + bits.take(extra)) as usize + 1)
        }
        _ => None,
    }
}

/// The bits of a stream, the lowest of each byte first.
struct Bits<'a> {
    stream: &'a [u8],
    /// Bytes that are in the buffer or used; more than there are once zeros stand in for them.
    at: usize,
    buffer: u64,
    n: u32,
}

impl Bits<'_> {
    /// How many bits are used.
    fn position(&self) -> usize {
        8 * self.at - self.n as usize
    }

    /// Goes on at bit `position`.
    fn jump(&mut self, position: usize) {
        (self.at, self.buffer, self.n) = (position / 8, 0, 0);
        self.refill();
        self.skip((position % 8) as u32);
    }

    /// Makes sure of 56 bits; behind the end they are 0.
    fn refill(&mut self) {
        if let Some(word) = self.stream.get(self.at..).and_then(<[u8]>::first_chunk) {
            self.buffer |= u64::from_le_bytes(*word) << self.n;
            let n_bytes = (63 - self.n) / 8;
            self.at += n_bytes as usize;
            self.n += 8 * n_bytes;
        } else {
            while self.n < 56 {
                let byte = self.stream.get(self.at).copied().unwrap_or(0);
                self.buffer |= u64::from(byte) << self.n;
                self.at += 1;
                self.n += 8;
            }
        }
    }

    /// The next `n` ≤ 13 bits; there must be as many since the last refill.
    fn take(&mut self, n: u32) -> u32 {
        let value = self.buffer as u32 & ((1 << n) - 1);
        self.skip(n);
        value
    }

    fn skip(&mut self, n: u32) {
        self.buffer >>= n;
        self.n -= n;
    }

    /// Whether no bit behind the end was used.
    fn is_inside(&self) -> bool {
        self.at - self.n as usize / 8 <= self.stream.len()
    }

    /// A stored block: from the next whole byte on its length, that length's complement, and its bytes.
    fn stored(&mut self, out: &mut [u8], done: usize) -> Option<usize> {
        let start = self.at - self.n as usize / 8;
        let (header, rest) = self.stream.get(start..)?.split_first_chunk::<4>()?;
        let [length, complement] = [[header[0], header[1]], [header[2], header[3]]].map(u16::from_le_bytes);
        let (bytes, end) = (rest.get(..usize::from(length))?, done + usize::from(length));
        if complement != !length {
            return None;
        }
        out.get_mut(done..end)?.copy_from_slice(bytes);
        (self.at, self.buffer, self.n) = (start + 4 + bytes.len(), 0, 0);
        Some(end)
    }
}

/// A canonical Huffman code.
struct Huffman {
    /// By the next bits: symbol · 16 + length of the code, 0 where it is longer.
    fast: Box<[u16; 1 << FAST_BITS]>,
    /// One bit for each that is looked up.
    mask: u64,
    /// How many codes have each length, and the symbols in the order of their codes.
    counts: [u16; 16],
    symbols: [u16; 288],
}

impl Default for Huffman {
    fn default() -> Self {
        Self { fast: Box::new([0; 1 << FAST_BITS]), mask: 0, counts: [0; 16], symbols: [0; 288] }
    }
}

impl Huffman {
    /// The code whose symbol i has a code of `lengths[i]` bits, or none if that is 0.
    fn build(&mut self, lengths: &[u8]) -> Option<()> {
        self.counts = [0; 16];
        for &length in lengths {
            self.counts[usize::from(length)] += 1;
        }
        self.counts[0] = 0;
        let longest = self.counts.iter().rposition(|&count| count > 0).unwrap_or(0) as u32;
        // No more than there is use for: filling the table is what short streams spend their time on.
        let n_bits = longest.clamp(1, FAST_BITS);
        self.mask = (1 << n_bits) - 1;
        let (mut next_code, mut next_place) = ([0_u32; 16], [0_usize; 16]);
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in self.counts.iter().enumerate().skip(1) {
            (next_code[length], next_place[length]) = (code, place);
            code += u32::from(count);
            if code > 1 << length {
                return None;
            }
            code <<= 1;
            place += usize::from(count);
        }
        let fast = &mut self.fast[..1 << n_bits];
        fast.fill(0);
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let (code, place) = (&mut next_code[usize::from(length)], &mut next_place[usize::from(length)]);
            self.symbols[*place] = symbol as u16;
            if u32::from(length) <= n_bits {
                // Codes are read from their highest bit on, numbers from their lowest.
                let first = (*code as u16).reverse_bits() >> (16 - length);
                for entry in fast.iter_mut().skip(usize::from(first)).step_by(1 << length) {
                    *entry = (symbol as u16) << 4 | u16::from(length);
                }
            }
            *code += 1;
            *place += 1;
        }
        Some(())
    }

    #[inline]
    fn decode(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let entry = self.fast[(bits.buffer & self.mask) as usize & ((1 << FAST_BITS) - 1)];
        if entry != 0 {
            bits.skip(u32::from(entry & 15));
            return Some(entry >> 4);
        }
        self.decode_long(bits)
    }

    /// Bit by bit: for codes that are not looked up.
    #[cold]
    fn decode_long(&self, bits: &mut Bits<'_>) -> Option<u16> {
        let (mut code, mut first, mut place) = (0_u32, 0_u32, 0_usize);
        for &count in &self.counts[1..] {
            code |= bits.take(1);
            let count = u32::from(count);
            if code < first + count {
                return Some(self.symbols[place + (code - first) as usize]);
            }
            place += count as usize;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Operation, Rng};
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    fn deflate(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes of a few kinds, from constant to noise, in runs that repeat.
    fn bytes(seed: u32) -> Vec<u8> {
        let mut rng = Rng::new(u64::from(seed), 0, 0, Operation::Shuffle);
        let (n, n_values) = (rng.below(5_000) as usize, 1 + rng.below(256));
        let mut bytes: Vec<u8> = Vec::new();
        while bytes.len() < n {
            if rng.below(3) == 0 && !bytes.is_empty() {
                let from = rng.below(bytes.len() as u32) as usize;
                (from..from + 1 + rng.below(300) as usize).for_each(|i| bytes.push(bytes[i.min(bytes.len() - 1)]));
            } else {
                // Skewed: rare values get long codes.
                bytes.push((rng.below(n_values) * rng.below(n_values) / n_values) as u8);
            }
        }
        bytes
    }

    #[test]
    fn what_zlib_packs_at_any_level_is_unpacked() {
        let mut inflater = Inflater::default();
        for seed in 0..400 {
            let plain = bytes(seed);
            for level in [0, 1, 6, 9] {
                let mut out = vec![0; plain.len()];
                inflater.inflate(&deflate(&plain, level), &mut out).expect("a right stream");
                assert!(out == plain, "seed {seed}, level {level}");
                assert_eq!(inflater.inflate(&deflate(&plain, level), &mut vec![0; plain.len() + 1]), None);
            }
        }
    }

    #[test]
    fn cut_and_damaged_streams_end_without_a_panic() {
        let mut inflater = Inflater::default();
        for seed in 0..20 {
            let plain = bytes(seed);
            let packed = deflate(&plain, 6);
            let mut out = vec![0; plain.len()];
            for end in (0..packed.len().saturating_sub(5)).step_by(3) {
                assert_eq!(inflater.inflate(&packed[..end], &mut out), None, "seed {seed}, cut at {end}");
            }
            for place in 0..packed.len() {
                let mut damaged = packed.clone();
                damaged[place] ^= 1 << (place % 8);
                let _ = inflater.inflate(&damaged, &mut out);
            }
        }
    }
}
