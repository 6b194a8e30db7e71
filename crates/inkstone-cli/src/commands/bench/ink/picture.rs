//! A picture as people make it: digits placed, drawn, lit, photographed and kept in a file. The same bytes for the same
//! key. Looks at no model.

use std::f32::consts::TAU;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use inkstone::data::Image;
use inkstone::data::dataset::Size;
use inkstone::data::decode::DecodedImage;
use inkstone::rng::{Operation, Rng};

use super::colour::{self, Colour};
use super::condition::{Camera, Condition, File, Ground, Print};
use super::layout::{self, Layout};
use super::plane::Plane;

/// A picture and what stands on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    /// A PNG or JPEG file.
    pub(super) bytes: Vec<u8>,
    pub(super) reading: String,
}

/// Digits to write: images of white ink on black, and which digit each is.
pub(super) struct Digits<'a> {
    pub(super) pixels: &'a dyn Fn(usize) -> (&'a [u8], char),
    /// In the order in which they are used; all conditions use the same.
    pub(super) order: &'a [u32],
    /// Pixels per side of each.
    pub(super) side: usize,
}

/// What names a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) seed: u64,
    /// The condition's place in the list.
    pub(super) condition: usize,
    pub(super) index: usize,
}

impl Key {
    fn rng(self) -> Rng {
        Rng::new(self.seed, self.condition as u32, self.index as u32, Operation::Handwriting)
    }
}

/// Picture `key.index` of a condition.
pub(super) fn draw(condition: &Condition, digits: &Digits<'_>, key: Key) -> Picture {
    let mut rng = key.rng();
    let layout = Layout::draw(condition, digits, key.index, &mut rng);
    let scene = Scene::draw(condition, &layout, &mut rng);
    Picture { bytes: scene.encode(condition.file), reading: layout.reading }
}

/// Pixels of four channels between 0 and 255.
struct Scene {
    width: usize,
    height: usize,
    pixels: Vec<[f32; 4]>,
}

impl Scene {
    fn draw(condition: &Condition, layout: &Layout, rng: &mut Rng) -> Self {
        let colours = colour::draw(condition.ground, rng);
        let mut ink = layout.ink.clone();
        if condition.camera != Camera::None {
            ink.blur(rng.uniform(0.5, 1.2));
        }
        let print = print(condition.print, layout, rng);
        let grain = grain(condition.ground, &ink, rng);
        let light = light(condition.camera, &ink, rng);
        let noise = match condition.camera {
            Camera::None => 0.0,
            Camera::Noisy => rng.uniform(8.0, 24.0),
            Camera::Phone => rng.uniform(2.0, 8.0),
        };
        let is_transparent = matches!(condition.ground, Ground::Transparent | Ground::TransparentLight);
        let pixel = |i: usize| {
            let on_paper = mix(colours.paper, colours.print, print.values[i]);
            let ink_here = (ink.values[i] * (1.0 - 0.25 * grain.values[i].abs())).min(1.0);
            if is_transparent {
                return [colours.pen[0], colours.pen[1], colours.pen[2], 255.0 * ink.values[i]];
            }
            let mut colour = mix(on_paper, colours.pen, ink_here);
            let lit = light.values[i] * (1.0 + 0.04 * grain.values[i]);
            colour.iter_mut().for_each(|channel| *channel *= lit);
            [colour[0], colour[1], colour[2], 255.0]
        };
        let mut pixels: Vec<[f32; 4]> = (0..ink.values.len()).map(pixel).collect();
        if noise > 0.0 {
            pixels.iter_mut().for_each(|pixel| add_noise(pixel, noise, rng));
        }
        Self { width: ink.width, height: ink.height, pixels }
    }

    fn encode(&self, file: File) -> Vec<u8> {
        let (width, height) = (self.width as u32, self.height as u32);
        let byte = |value: f32| (value + 0.5).clamp(0.0, 255.0) as u8;
        let is_opaque = self.pixels.iter().all(|pixel| pixel[3] >= 255.0);
        let n_channels = if is_opaque { 3 } else { 4 };
        let pixels: Vec<u8> =
            self.pixels.iter().flat_map(|pixel| pixel[..n_channels].iter().map(|&value| byte(value))).collect();
        let colour = if is_opaque { ExtendedColorType::Rgb8 } else { ExtendedColorType::Rgba8 };
        let mut bytes = Vec::new();
        let written = match file {
            File::Png => PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
                .write_image(&pixels, width, height, colour),
            File::Jpeg(quality) => {
                JpegEncoder::new_with_quality(&mut bytes, quality).write_image(&pixels, width, height, colour)
            }
        };
        written.expect("a vector takes all, and no condition keeps transparency in a JPEG");
        bytes
    }
}

fn mix(ground: Colour, ink: Colour, share: f32) -> Colour {
    std::array::from_fn(|c| ground[c] + (ink[c] - ground[c]) * share)
}

/// Sensor noise of a deviation in levels, mostly of brightness: two even draws added, which is near enough to normal.
fn add_noise(pixel: &mut [f32; 4], deviation: f32, rng: &mut Rng) {
    /// What makes the deviation of the sum of two draws from 0..1 one.
    const UNIT: f32 = 2.449_49;
    let [a, b] = [rng.next_u32(), rng.next_u32()];
    let part = |bits: u32| bits as f32 / 65_536.0;
    let brightness = part(a >> 16) + part(a & 0xFFFF) - 1.0;
    let tint = [b >> 22, (b >> 11) & 0x7FF, b & 0x7FF].map(|bits| bits as f32 / 2048.0 - 0.5);
    for (channel, tint) in pixel.iter_mut().zip(tint) {
        *channel += deviation * UNIT * (brightness + 0.5 * tint);
    }
}

/// How much of the printed lines is seen at each pixel.
fn print(print: Print, layout: &Layout, rng: &mut Rng) -> Plane {
    let mut plane = Plane::filled(layout.ink.width, layout.ink.height, 0.0);
    let print = match print {
        Print::Any => [Print::Nothing, Print::Ruled, Print::Squared, Print::Boxes][rng.below(4) as usize],
        other => other,
    };
    let strength = rng.uniform(0.35, 1.0);
    let thickness = (layout.digit_size * rng.uniform(0.008, 0.025)).max(1.0);
    match print {
        Print::Nothing | Print::Any => {}
        Print::Ruled => layout::rule(&mut plane, layout, [None, Some(rng.uniform(0.9, 1.6))], thickness, rng),
        Print::Squared => {
            let step = Some(rng.uniform(0.3, 0.9));
            layout::rule(&mut plane, layout, [step, step], thickness, rng);
        }
        Print::Boxes => layout::boxes(&mut plane, layout, thickness, rng),
    }
    plane.values.iter_mut().for_each(|value| *value *= strength);
    plane
}

/// The grain of paper and of a pen on it, between −1 and 1.
fn grain(ground: Ground, ink: &Plane, rng: &mut Rng) -> Plane {
    let mut plane = Plane::filled(ink.width, ink.height, 0.0);
    if matches!(ground, Ground::Paper | Ground::ColouredPaper) {
        for (step, amplitude) in [(2.3, 0.4), (6.1, 0.3), (31.0, 0.3)] {
            plane.add_noise(step, amplitude, rng);
        }
    }
    plane
}

/// The share of light that reaches each pixel.
fn light(camera: Camera, ink: &Plane, rng: &mut Rng) -> Plane {
    let mut plane = Plane::filled(ink.width, ink.height, 1.0);
    if camera != Camera::Phone {
        return plane;
    }
    let (width, height) = (ink.width as f32, ink.height as f32);
    let (slope, angle) = (rng.uniform(0.0, 0.45), rng.uniform(0.0, TAU));
    let corners = rng.uniform(0.0, 0.4);
    // A shadow: all that lies to one side of a slightly curved edge, which is soft.
    let depth = if rng.below(5) < 3 { rng.uniform(0.2, 0.5) } else { 0.0 };
    let (facing, place) = (rng.uniform(0.0, TAU), rng.uniform(-0.4, 0.4));
    let (bend, softness) = (rng.uniform(-0.6, 0.6), rng.uniform(0.01, 0.12));
    for (i, value) in plane.values.iter_mut().enumerate() {
        let x = (i % ink.width) as f32 / width - 0.5;
        let y = ((i / ink.width) as f32 - height / 2.0) / width;
        let even = 1.0 - slope * (0.5 + x * angle.cos() + y * angle.sin());
        let corner = 1.0 - corners * (x * x + y * y) / 0.4;
        let across = x * facing.cos() + y * facing.sin();
        let along = y * facing.cos() - x * facing.sin();
        let side = (across + bend * along * along - place) / softness;
        *value = even * corner * (1.0 - depth / (1.0 + (-side).exp()));
    }
    plane
}

/// An image on a canvas of 280×280, at a whole pixel anywhere, unchanged: white on black.
pub(super) fn paste(image: Image<'_>, rng: &mut Rng) -> DecodedImage {
    const SIDE: usize = 280;
    let Size { height, width, .. } = image.size;
    let [left, top] = [width, height].map(|side| rng.below((SIDE - side + 1) as u32) as usize);
    let mut pixels = vec![0; SIDE * SIDE];
    for (y, row) in image.pixels.chunks_exact(width).enumerate() {
        pixels[(top + y) * SIDE + left..][..width].copy_from_slice(row);
    }
    DecodedImage { size: Size { height: SIDE, width: SIDE, channels: 1 }, pixels }
}

#[cfg(test)]
mod tests {
    use inkstone::data::decode::decode;

    use super::super::condition::{CONDITIONS, Counts};
    use super::*;

    /// An upright stroke, which is read as 1.
    fn stroke() -> Vec<u8> {
        (0..28 * 28)
            .map(|i| if (12..16).contains(&(i % 28)) && (4..24).contains(&(i / 28)) { 255 } else { 0 })
            .collect()
    }

    fn picture(place: usize, index: usize, seed: u64) -> Picture {
        let pixels = stroke();
        let digits = Digits { pixels: &|_| (&pixels, '1'), order: &[0], side: 28 };
        draw(&CONDITIONS[place], &digits, Key { seed, condition: place, index })
    }

    #[test]
    fn a_picture_depends_on_its_key_alone() {
        // Photos are large: the last of them has all that the others have.
        let is_quick = |place: &usize| CONDITIONS[*place].camera != Camera::Phone || *place == 14;
        for place in (0..CONDITIONS.len()).filter(is_quick) {
            assert_eq!(picture(place, 3, 1), picture(place, 3, 1));
            assert_ne!(picture(place, 3, 1).bytes, picture(place, 4, 1).bytes, "{}", CONDITIONS[place].name);
            assert_ne!(picture(place, 3, 1).bytes, picture(place, 3, 2).bytes, "{}", CONDITIONS[place].name);
        }
    }

    #[test]
    fn pictures_are_what_their_condition_says() {
        for (place, condition) in CONDITIONS.iter().enumerate() {
            let picture = picture(place, 0, 5);
            let name = condition.name;
            let is_jpeg = picture.bytes.starts_with(b"\xFF\xD8");
            assert_eq!(is_jpeg, matches!(condition.file, File::Jpeg(_)), "{name}");
            let [fewest, most] = condition.n_digits.map(|n| n as usize);
            assert!((fewest..=most).contains(&picture.reading.len()), "{name}: {}", picture.reading);
            assert_eq!(most == 1, condition.counts == Counts::Single, "{name}");
            let image = image::load_from_memory(&picture.bytes).unwrap();
            let expected = match (condition.camera, most) {
                (Camera::Phone, _) => (1200, 900),
                (_, 1) => (280, 280),
                _ => (720, 240),
            };
            assert_eq!((image.width(), image.height()), expected, "{name}");
            let is_transparent = image.to_rgba8().pixels().any(|pixel| pixel[3] == 0);
            let says_so = matches!(condition.ground, Ground::Transparent | Ground::TransparentLight);
            assert_eq!(is_transparent, says_so, "{name}");
        }
    }

    #[test]
    fn ink_is_on_the_ground_that_the_condition_names() {
        for (place, is_dark) in [(0, false), (1, true)] {
            let decoded = decode(&picture(place, 1, 5).bytes).unwrap();
            let corner = decoded.pixels[0];
            let furthest = decoded.pixels.iter().map(|pixel| pixel.abs_diff(corner)).max().unwrap();
            assert_eq!(corner > 127, is_dark, "{}", CONDITIONS[place].name);
            assert!(furthest > 150, "{}", CONDITIONS[place].name);
        }
    }

    #[test]
    fn a_pasted_image_is_found_again_pixel_by_pixel() {
        let pixels = stroke();
        let size = Size { height: 28, width: 28, channels: 1 };
        let mut rng = Rng::new(3, 0, 0, Operation::Handwriting);
        let pasted = paste(Image { size, pixels: &pixels }, &mut rng);
        let n = |pixels: &[u8]| pixels.iter().filter(|&&pixel| pixel == 255).count();
        assert_eq!((n(&pasted.pixels), pasted.pixels.len()), (n(&pixels), 280 * 280));
    }
}
