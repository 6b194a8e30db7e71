//! The ink rules on any picture: a glyph or a reason, never a panic.
#![no_main]

use inkstone::data::dataset::{Image, Size};
use inkstone::data::ink;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [width, channels, pixels @ ..] = bytes else { return };
    let (width, channels) = (usize::from(*width) + 1, if channels % 2 == 0 { 1 } else { 3 });
    let height = pixels.len() / (width * channels);
    let size = Size { height, width, channels };
    let page = ink::read(Image { size, pixels: &pixels[..size.len()] }, [28, 28]);
    assert!(!page.glyphs.is_empty() || !page.reasons.is_empty());
});
