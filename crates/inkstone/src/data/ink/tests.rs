//! The rules as a whole, on pictures drawn here.

use super::*;

const SIZE: [usize; 2] = [28, 28];

/// A canvas of one grey value.
#[derive(Clone)]
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize, ground: u8) -> Self {
        Self { width, height, pixels: vec![ground; width * height] }
    }

    /// A stroke: every pixel within `radius` of the line from `a` to `b`.
    fn stroke(mut self, a: [f32; 2], b: [f32; 2], radius: f32, ink: u8) -> Self {
        for i in 0..self.pixels.len() {
            let (x, y) = ((i % self.width) as f32, (i / self.width) as f32);
            let (u, v) = (b[0] - a[0], b[1] - a[1]);
            let along = (((x - a[0]) * u + (y - a[1]) * v) / (u * u + v * v).max(1e-6)).clamp(0.0, 1.0);
            if (x - a[0] - along * u).hypot(y - a[1] - along * v) <= radius {
                self.pixels[i] = ink;
            }
        }
        self
    }

    /// A 7 of some height with its top left corner at (x, y).
    fn seven(self, [x, y]: [f32; 2], height: f32, ink: u8) -> Self {
        let (right, radius) = (x + height * 0.6, height * 0.06);
        self.stroke([x, y], [right, y], radius, ink).stroke([right, y], [x + height * 0.2, y + height], radius, ink)
    }

    fn map(mut self, rule: impl Fn(usize, usize, u8) -> u8) -> Self {
        for i in 0..self.pixels.len() {
            self.pixels[i] = rule(i % self.width, i / self.width, self.pixels[i]);
        }
        self
    }

    fn image(&self) -> Image<'_> {
        Image { size: Size { height: self.height, width: self.width, channels: 1 }, pixels: &self.pixels }
    }

    fn page(&self) -> Page {
        read(self.image(), SIZE)
    }
}

/// The largest share of ink in which two glyphs differ.
fn difference(a: &[u8], b: &[u8]) -> f64 {
    let total: u32 = a.iter().map(|&value| u32::from(value)).sum();
    let differences = a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b)));
    f64::from(differences.sum::<u32>()) / f64::from(total)
}

fn seven() -> Canvas {
    Canvas::new(200, 160, 240).seven([60.0, 30.0], 90.0, 30)
}

#[test]
fn a_glyph_fills_the_inner_box_with_its_barycentre_in_the_middle() {
    let page = seven().page();
    assert_eq!((page.glyphs.len(), page.reasons.len()), (1, 0));
    let [left, top, width, height] = page.glyphs[0].bounds;
    assert!(left.abs_diff(55) < 3 && top.abs_diff(25) < 3 && width.abs_diff(65) < 4 && height.abs_diff(101) < 4);
    let plane = Plane::new(28, 28, page.glyphs[0].pixels.clone());
    assert!(fit::is_fitted(&plane));
    assert!(plane.pixels.contains(&255) && plane.pixels[0] == 0);
}

#[test]
fn place_size_and_polarity_do_not_matter() {
    let expected = whole(seven().image(), SIZE);
    let near = |canvas: Canvas, allowed: f64| {
        let found = difference(&expected, &whole(canvas.image(), SIZE));
        assert!(found <= allowed, "{found} {allowed}");
    };
    near(Canvas::new(200, 160, 240).seven([81.0, 47.0], 90.0, 30), 0.0);
    near(seven().map(|_, _, value| 255 - value), 0.02);
    near(Canvas::new(400, 320, 240).seven([120.0, 60.0], 180.0, 30), 0.3);
    near(seven().map(|x, _, value| (usize::from(value) * (60 + x) / 260) as u8), 0.25);
}

#[test]
fn what_the_rules_made_stays_what_it_is() {
    let once = whole(seven().image(), SIZE);
    let image = Image { size: Size { height: 28, width: 28, channels: 1 }, pixels: &once };
    assert_eq!(whole(image, SIZE), once);
    assert_eq!(read(image, SIZE).glyphs[0].pixels, once);
}

#[test]
fn colour_is_grey_first_and_another_size_has_its_own_box() {
    let grey = seven();
    let colour: Vec<u8> = grey.pixels.iter().flat_map(|&value| [value; 3]).collect();
    let image = Image { size: Size { height: 160, width: 200, channels: 3 }, pixels: &colour };
    assert_eq!(whole(image, SIZE), whole(grey.image(), SIZE));
    let large = Plane::new(56, 42, whole(grey.image(), [42, 56]));
    assert_eq!(fit::cropped(&large).unwrap().height, 30);
}

#[test]
fn several_glyphs_are_read_from_left_to_right_and_lines_from_top_to_bottom() {
    let canvas = Canvas::new(300, 260, 230);
    let places = [[30.0, 20.0], [110.0, 26.0], [200.0, 22.0], [60.0, 150.0], [150.0, 146.0]];
    let canvas = places.iter().fold(canvas, |canvas, &place| canvas.seven(place, 80.0, 20));
    let lefts: Vec<usize> = canvas.page().glyphs.iter().map(|glyph| glyph.bounds[0]).collect();
    assert_eq!(lefts.len(), 5);
    assert!(lefts.iter().zip(places).all(|(&left, [x, _])| left.abs_diff(x as usize) < 8), "{lefts:?}");
}

#[test]
fn a_point_and_a_minus_are_read_by_their_place_and_a_speck_is_not() {
    let canvas = Canvas::new(320, 120, 230)
        .stroke([20.0, 60.0], [44.0, 60.0], 3.0, 20)
        .seven([70.0, 20.0], 80.0, 20)
        .stroke([140.0, 98.0], [141.0, 98.0], 5.0, 20)
        .seven([170.0, 20.0], 80.0, 20)
        .stroke([290.0, 30.0], [290.0, 30.0], 1.0, 20);
    let kinds: Vec<Kind> = canvas.page().glyphs.iter().map(|glyph| glyph.kind).collect();
    assert_eq!(kinds, [Kind::Minus, Kind::Glyph, Kind::Point, Kind::Glyph]);
}

#[test]
fn a_broken_stroke_is_one_glyph() {
    // The bar and the stem of a 7 that do not meet.
    let canvas = Canvas::new(200, 160, 230).stroke([50.0, 30.0], [100.0, 30.0], 5.0, 20).stroke(
        [95.0, 48.0],
        [70.0, 120.0],
        5.0,
        20,
    );
    assert_eq!(canvas.page().glyphs.len(), 1);
}

#[test]
fn a_field_of_a_form_is_read_without_its_lines_and_an_empty_one_is_blank() {
    let form = |canvas: Canvas| {
        let canvas = canvas.stroke([0.0, 20.0], [199.0, 20.0], 1.0, 90).stroke([0.0, 140.0], [199.0, 140.0], 1.0, 90);
        canvas.stroke([30.0, 0.0], [30.0, 159.0], 1.0, 90)
    };
    let page = form(seven()).page();
    assert_eq!(page.glyphs.len(), 1);
    assert!(difference(&whole(seven().image(), SIZE), &page.glyphs[0].pixels) < 0.02);
    assert_eq!(form(Canvas::new(200, 160, 240)).page().reasons, [Reason::Blank]);
}

#[test]
fn what_cannot_be_read_has_a_reason() {
    let reasons = |canvas: Canvas| canvas.page().reasons;
    assert_eq!(reasons(Canvas::new(50, 50, 255)), [Reason::Blank]);
    assert_eq!(reasons(Canvas::new(1, 1, 0)), [Reason::Blank]);
    assert_eq!(reasons(Canvas::new(200, 160, 240).seven([60.0, 30.0], 90.0, 222)), [Reason::LowContrast]);
    assert_eq!(reasons(Canvas::new(100, 100, 240).seven([40.0, 40.0], 5.0, 20)), [Reason::TooSmall]);
    let dots = Canvas::new(400, 400, 240).map(|x, y, value| if x % 20 < 9 && y % 20 < 9 { 20 } else { value });
    assert_eq!(reasons(dots), [Reason::TooManyParts]);
}

#[test]
fn hostile_pictures_have_an_answer() {
    let noise = |i: usize| (i.wrapping_mul(2_654_435_761) >> 13) as u8;
    for (width, height) in [(1, 1), (2, 1), (1, 100_000), (100_000, 1), (3, 7), (64, 64), (500, 3), (300, 300)] {
        let empty = Canvas::new(width, height, 0);
        for canvas in [
            empty.clone(),
            empty.clone().map(|x, y, _| noise(y * width + x)),
            empty.clone().map(|x, y, _| ((x + y) % 256) as u8),
            empty.map(|x, y, _| if (x + y) % 2 == 0 { 255 } else { 0 }),
        ] {
            let page = canvas.page();
            assert_eq!(whole(canvas.image(), SIZE).len(), 784);
            assert!(!page.glyphs.is_empty() || !page.reasons.is_empty(), "{width}×{height}");
            assert!(!stages(canvas.image(), SIZE).is_empty());
            for glyph in &page.glyphs {
                let [left, top, w, h] = glyph.bounds;
                assert!(w > 0 && h > 0 && left + w <= width && top + h <= height);
            }
        }
    }
    let nothing = Image { size: Size { height: 0, width: 5, channels: 1 }, pixels: &[] };
    assert_eq!(read(nothing, SIZE).reasons, [Reason::Blank]);
}

#[test]
fn the_torn_off_bar_of_a_five_belongs_to_it_and_a_minus_does_not() {
    let body = Canvas::new(240, 200, 240)
        .stroke([90.0, 62.0], [84.0, 95.0], 5.0, 30)
        .stroke([84.0, 95.0], [112.0, 112.0], 5.0, 30)
        .stroke([112.0, 112.0], [100.0, 145.0], 5.0, 30)
        .stroke([100.0, 145.0], [72.0, 146.0], 5.0, 30);
    let five = body.clone().stroke([106.0, 52.0], [160.0, 50.0], 5.0, 30).page();
    assert_eq!(five.glyphs.len(), 1);
    assert!(five.glyphs[0].bounds[2] > 85 && five.glyphs[0].bounds[3] > 95, "{:?}", five.glyphs[0].bounds);
    let minus = body.stroke([140.0, 100.0], [180.0, 100.0], 5.0, 30).page();
    assert_eq!(minus.glyphs.iter().map(|glyph| glyph.kind).collect::<Vec<_>>(), [Kind::Glyph, Kind::Minus]);
}
