//! A sheet of examples: a row for each condition. Text stands beside it, not in it: fonts are not ours to carry.

use image::imageops::FilterType;
use image::{DynamicImage, Rgba, RgbaImage};
use inkstone::data::Image;
use inkstone::data::dataset::Size;
use inkstone::data::encode::png;

/// Examples in a row.
pub(super) const COLUMNS: usize = 5;
/// Pixels per side of an example at most.
const SIDE: u32 = 80;
/// Pixels between examples.
const GAP: u32 = 4;
/// The squares that show what is transparent.
const SQUARE: u32 = 6;

/// A PNG of rows of pictures, given as their files.
pub(super) fn draw(rows: &[Vec<Vec<u8>>]) -> Vec<u8> {
    let pictures: Vec<Vec<RgbaImage>> =
        rows.iter().map(|row| row.iter().map(|file| thumbnail(file)).collect()).collect();
    let heights: Vec<u32> = pictures.iter().map(|row| row.iter().map(RgbaImage::height).max().unwrap_or(0)).collect();
    let width = COLUMNS as u32 * (SIDE + GAP) + GAP;
    let height = GAP + heights.iter().map(|height| height + GAP).sum::<u32>();
    let mut sheet = RgbaImage::from_pixel(width, height, Rgba([255; 4]));
    let mut top = GAP;
    for (row, height) in pictures.iter().zip(heights) {
        for (k, picture) in row.iter().enumerate() {
            let left = GAP + k as u32 * (SIDE + GAP) + (SIDE - picture.width()) / 2;
            lay(&mut sheet, picture, [left, top + (height - picture.height()) / 2]);
        }
        top += height + GAP;
    }
    let pixels = DynamicImage::ImageRgba8(sheet).into_rgb8().into_raw();
    png(Image { size: Size { height: height as usize, width: width as usize, channels: 3 }, pixels: &pixels })
}

fn thumbnail(file: &[u8]) -> RgbaImage {
    let picture = image::load_from_memory(file).expect("the pictures are our own");
    picture.resize(SIDE, SIDE, FilterType::Triangle).into_rgba8()
}

/// Lays a picture on the sheet; squares of grey show through where it is transparent.
fn lay(sheet: &mut RgbaImage, picture: &RgbaImage, [left, top]: [u32; 2]) {
    for (x, y, pixel) in picture.enumerate_pixels() {
        let ground = if (x / SQUARE + y / SQUARE).is_multiple_of(2) { 205 } else { 160 };
        let alpha = f32::from(pixel[3]) / 255.0;
        let over = |c: usize| (f32::from(pixel[c]) * alpha + f32::from(ground as u8) * (1.0 - alpha)) as u8 & !3;
        sheet.put_pixel(left + x, top + y, Rgba([over(0), over(1), over(2), 255]));
    }
}
