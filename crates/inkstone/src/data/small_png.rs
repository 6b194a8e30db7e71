//! A short way for the commonest image files: small PNGs of 8-bit grey or RGB, not interlaced, in one data chunk.
//! Whatever is otherwise, damaged files too, it leaves to the general decoder, whose word then counts.
//!
//! Why not a library: of the 7.8 µs that `image` takes for a digit of MNIST 5.5 are spent in its inflater, most of them
//! in building tables that are the same for the next file, and 1.5 in setting itself up. None of the libraries keeps
//! anything from file to file. This takes 2 µs.

use std::cell::RefCell;

use flate2::Crc;

use super::dataset::Size;
use super::inflate::Inflater;

/// The most bytes of pixels that are decoded here: what is larger does not feel the general decoder's start.
const MAX_BYTES: usize = 1 << 16;

const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n'];

/// Chunks that say nothing about pixels as they are read here: colour spaces are not applied, texts not kept.
const PASSED_OVER: [&[u8; 4]; 6] = [b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"tEXt", b"tIME"];

thread_local! {
    /// The inflater and the filtered rows; kept from image to image.
    static SCRATCH: RefCell<(Inflater, Vec<u8>)> = RefCell::default();
}

/// A PNG of that kind whose chunks have been found and checked.
pub(super) struct SmallPng<'a> {
    pub(super) size: Size,
    data: &'a [u8],
}

impl<'a> SmallPng<'a> {
    /// The image, if it is one of those.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&SIGNATURE)?;
        let (kind, header) = next_chunk(&mut rest)?;
        let size = size(kind, header)?;
        let mut data = None;
        loop {
            match next_chunk(&mut rest)? {
                (kind, chunk) if kind == *b"IDAT" && data.is_none() => data = Some(chunk),
                (kind, []) if kind == *b"IEND" && rest.is_empty() => return Some(Self { size, data: data? }),
                (kind, _) if PASSED_OVER.contains(&&kind) => {}
                _ => return None,
            }
        }
    }

    /// Writes the pixels, if the data is right; `pixels` is as long as the size says.
    pub(super) fn decode(&self, pixels: &mut [u8]) -> Option<()> {
        SCRATCH.with_borrow_mut(|(inflater, rows)| {
            rows.resize(self.size.height * (1 + self.size.width * self.size.channels), 0);
            inflater.inflate(self.data, rows)?;
            unfilter(rows, self.size, pixels)
        })
    }
}

/// The type and the content of the next chunk, if its checksum is right.
fn next_chunk<'a>(rest: &mut &'a [u8]) -> Option<([u8; 4], &'a [u8])> {
    let (length, tail) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (checked, tail) = tail.split_at_checked(length.checked_add(4)?)?;
    let (sum, tail) = tail.split_first_chunk::<4>()?;
    let mut crc = Crc::new();
    crc.update(checked);
    *rest = tail;
    let (kind, content) = checked.split_first_chunk::<4>()?;
    (crc.sum() == u32::from_be_bytes(*sum)).then_some((*kind, content))
}

/// The size that a header tells: 8 bits per value, grey (0) or RGB (2), the one compression and filter method, not
/// interlaced, small.
fn size(kind: [u8; 4], header: &[u8]) -> Option<Size> {
    let header: &[u8; 13] = header.try_into().ok().filter(|_| kind == *b"IHDR")?;
    let channels = match header[8..] {
        [8, 0, 0, 0, 0] => 1,
        [8, 2, 0, 0, 0] => 3,
        _ => return None,
    };
    let side = |from: usize| {
        let side = u32::from_be_bytes([header[from], header[from + 1], header[from + 2], header[from + 3]]) as usize;
        (1..=MAX_BYTES).contains(&side).then_some(side)
    };
    let size = Size { height: side(4)?, width: side(0)?, channels };
    (size.height.checked_mul(size.width * channels)? <= MAX_BYTES).then_some(size)
}

/// The pixels of filtered rows (PNG specification, 9.2). Each row begins with the number of its filter.
fn unfilter(rows: &[u8], size: Size, pixels: &mut [u8]) -> Option<()> {
    let (length, step) = (size.width * size.channels, size.channels);
    let mut done: &mut [u8] = &mut [];
    let mut left = pixels;
    for row in rows.chunks_exact(1 + length) {
        let (filter, filtered) = row.split_first()?;
        let (row, rest) = left.split_at_mut_checked(length)?;
        row.copy_from_slice(filtered);
        // Above the first row everything is 0.
        let above = (!done.is_empty()).then_some(&*done);
        match (filter, above) {
            (0, _) | (2, None) => {}
            (2, Some(above)) => row.iter_mut().zip(above).for_each(|(value, up)| *value = value.wrapping_add(*up)),
            // Left alone is also what the Paeth predictor takes where all above is 0.
            (1, _) | (4, None) => (step..length).for_each(|k| row[k] = row[k].wrapping_add(row[k - step])),
            (3, _) => unfilter_average(row, above, step),
            (4, Some(above)) if step == 1 => unfilter_paeth::<1>(row, above),
            (4, Some(above)) => unfilter_paeth::<3>(row, above),
            _ => return None,
        }
        (done, left) = (row, rest);
    }
    Some(())
}

fn unfilter_average(row: &mut [u8], above: Option<&[u8]>, step: usize) {
    for k in 0..row.len() {
        let left = if k < step { 0 } else { row[k - step] };
        let up = above.map_or(0, |above| above[k]);
        row[k] = row[k].wrapping_add(u8::midpoint(left, up));
    }
}

/// Left and corner of N channels stay in registers.
fn unfilter_paeth<const N: usize>(row: &mut [u8], above: &[u8]) {
    let (mut left, mut corner) = ([0_u8; N], [0_u8; N]);
    for (pixel, up) in row.as_chunks_mut::<N>().0.iter_mut().zip(above.as_chunks::<N>().0) {
        for c in 0..N {
            pixel[c] = pixel[c].wrapping_add(paeth(left[c], up[c], corner[c]));
        }
        (left, corner) = (*pixel, *up);
    }
}

/// Of left, up and corner the one nearest to left + up − corner; the first of equals.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let (from_left, from_up, from_corner) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if from_left <= from_up && from_left <= from_corner {
        left
    } else if from_up <= from_corner {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageEncoder;
    use image::codecs::png::{CompressionType, FilterType, PngEncoder};

    fn encode(pixels: &[u8], size: Size, filter: FilterType) -> Vec<u8> {
        let mut bytes = Vec::new();
        let colour = if size.channels == 1 { image::ColorType::L8 } else { image::ColorType::Rgb8 };
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, filter);
        encoder.write_image(pixels, size.width as u32, size.height as u32, colour.into()).unwrap();
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(Size, Vec<u8>)> {
        let png = SmallPng::parse(bytes)?;
        let mut pixels = vec![0; png.size.len()];
        png.decode(&mut pixels)?;
        Some((png.size, pixels))
    }

    fn picture(size: Size) -> Vec<u8> {
        (0..size.len()).map(|i| (i * i / 7 + i % 13 * 19) as u8).collect()
    }

    #[test]
    fn every_filter_gives_the_pixels_back() {
        let filters = [
            FilterType::NoFilter,
            FilterType::Sub,
            FilterType::Up,
            FilterType::Avg,
            FilterType::Paeth,
            FilterType::Adaptive,
        ];
        for (height, width) in [(1, 1), (1, 7), (7, 1), (28, 28), (5, 31)] {
            for (channels, filter) in [1, 3].into_iter().flat_map(|n| filters.map(|filter| (n, filter))) {
                let size = Size { height, width, channels };
                let pixels = picture(size);
                let decoded = decode(&encode(&pixels, size, filter)).expect("a small plain PNG");
                assert_eq!(decoded, (size, pixels), "{filter:?}");
            }
        }
    }

    #[test]
    fn what_is_not_small_and_plain_is_left_to_the_general_decoder() {
        let size = Size { height: 28, width: 28, channels: 1 };
        let whole = encode(&picture(size), size, FilterType::Up);
        for end in 0..whole.len() {
            assert_eq!(decode(&whole[..end]), None, "cut at {end}");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 4;
            assert_eq!(decode(&damaged), None, "byte {place}");
        }
        assert_eq!(decode(&[&whole[..], &[0]].concat()), None);
        let large = Size { height: 257, width: 256, channels: 1 };
        assert_eq!(decode(&encode(&picture(large), large, FilterType::Up)), None);
    }
}
