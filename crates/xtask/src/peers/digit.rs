//! One digit of MNIST as a PNG file, for timing `inkstone predict digit.png`. Stored, not compressed: small enough.

use std::fs;
use std::path::Path;

const SIDE: usize = 28;

/// Writes the first test image of the IDX files in `data`.
pub(crate) fn write(data: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", to.display());
    let bytes = fs::read(data.join("t10k-images-idx3-ubyte")).map_err(failed)?;
    let pixels = bytes.get(16..16 + SIDE * SIDE).ok_or("t10k-images-idx3-ubyte is cut off")?;
    fs::write(to, png(pixels)).map_err(failed)
}

fn png(pixels: &[u8]) -> Vec<u8> {
    let mut header = Vec::new();
    header.extend((SIDE as u32).to_be_bytes());
    header.extend((SIDE as u32).to_be_bytes());
    header.extend([8, 0, 0, 0, 0]); // 8 bits, grey, deflate, the one filter method, not interlaced
    // Each line begins with its filter: none.
    let lines: Vec<u8> = pixels.chunks(SIDE).flat_map(|line| std::iter::once(&0).chain(line)).copied().collect();
    let length = lines.len() as u16;
    let mut zlib = vec![0x78, 0x01, 0x01]; // zlib's header, then one last block that is stored
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(&lines);
    zlib.extend(adler(&lines).to_be_bytes());
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in [(b"IHDR", &*header), (b"IDAT", &*zlib), (b"IEND", &[])] {
        out.extend((body.len() as u32).to_be_bytes());
        let start = out.len();
        out.extend(kind);
        out.extend(body);
        let sum = crc(&out[start..]);
        out.extend(sum.to_be_bytes());
    }
    out
}

/// RFC 1950, section 8.2.
fn adler(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    b << 16 | a
}

/// The PNG standard, annex D.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { 0xEDB8_8320 ^ crc >> 1 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones() {
        assert_eq!(crc(b"123456789"), 0xCBF4_3926);
        assert_eq!(adler(b"Wikipedia"), 0x11E6_0398);
        assert_eq!(png(&[0; SIDE * SIDE]).len(), 8 + 3 * 12 + 13 + 11 + 29 * 28);
    }
}
