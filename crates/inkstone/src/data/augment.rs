//! The random steps of training: drawn from (seed, epoch, sample), one bilinear resampling for all affine parts, then the
//! steps of `also`.
//!
//! Never sees labels, and never what was drawn for another image; `mix` does.

use std::sync::Arc;

use inkstone_kernels::{Isa, Scale, scale_bytes};

use super::affine::{Places, Reading};
use super::dataset::Size;
use super::keras;
use super::mix::{self, Mixture};
use super::steps::{DrawnStep, Key, Passes, Steps};
use crate::error::{Error, ErrorKind, Result};
use crate::rng::{Operation, Rng};
use crate::spec::AugmentSpec;
use crate::spec::pipeline::{Compat, Fill};

/// An augmentation made ready for images of one size.
///
/// ```
/// use inkstone::data::{Augment, dataset::Size};
/// use inkstone::{engine::Isa, spec::AugmentSpec};
/// let size = Size { height: 1, width: 3, channels: 1 };
/// let augment = Augment::new(&AugmentSpec::default().horizontal_flip(true), size)?.expect("flips change something");
/// let mut out = [0.0; 3];
/// augment.apply(Isa::detect(), &[1, 2, 3], (7, 0, 0), &mut out); // seed 7, epoch 0, sample 0
/// assert!(out == [1.0, 2.0, 3.0] || out == [3.0, 2.0, 1.0]);
/// # Ok::<(), inkstone::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Augment {
    spec: AugmentSpec,
    size: Size,
    places: Arc<Places>,
    steps: Steps,
}

/// What was drawn for the affine part of one image, flips and crop. The default changes nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    /// θ in degrees; positive turns the picture counter-clockwise.
    pub rotation_degrees: f32,
    /// Rows and columns by which the place that is *read* moves, in pixels: positive moves the picture up and left.
    pub shift: [f32; 2],
    /// φ in degrees.
    pub shear_degrees: f32,
    /// Factors of height and width; above 1 shrinks the picture.
    pub zoom: [f32; 2],
    /// Left and right change places.
    pub horizontal_flip: bool,
    /// Top and bottom change places.
    pub vertical_flip: bool,
    /// Where the crop begins, in rows and columns from the image's own corner: −padding ..= padding.
    pub crop: [i32; 2],
}

impl Default for Drawn {
    fn default() -> Self {
        Self {
            rotation_degrees: 0.0,
            shift: [0.0; 2],
            shear_degrees: 0.0,
            zoom: [1.0; 2],
            horizontal_flip: false,
            vertical_flip: false,
            crop: [0; 2],
        }
    }
}

impl Augment {
    /// Checks the ranges; `None` where the spec changes nothing.
    pub fn new(spec: &AugmentSpec, size: Size) -> Result<Option<Self>> {
        check(spec, size)?;
        let still = AugmentSpec { fill: spec.fill, compat: spec.compat, ..AugmentSpec::default() };
        Ok((*spec != still).then(|| Self {
            spec: spec.clone(),
            size,
            places: Places::new(size),
            steps: Steps::new(&spec.also, size, spec.fill),
        }))
    }

    /// What it was made from.
    pub fn spec(&self) -> &AugmentSpec {
        &self.spec
    }

    /// Writes the augmented image as values between 0 and 255. `key` is (seed, epoch, sample).
    ///
    /// # Panics
    /// If the image or `out` does not have this augmentation's size.
    pub fn apply(&self, isa: Isa, prepared: &[u8], key: Key, out: &mut [f32]) {
        self.write(isa, prepared, key, &Scale::NONE, out);
    }

    /// [`Augment::apply`] with the values scaled as they are written.
    pub(super) fn write(&self, isa: Isa, prepared: &[u8], key: Key, scale: &Scale, out: &mut [f32]) {
        let drawn = self.draw(key);
        if self.steps.is_empty() {
            self.write_drawn(isa, prepared, &drawn, scale, out);
        } else {
            self.write_with_steps(isa, prepared, (&drawn, &self.draw_steps(key), key), scale, out);
        }
    }

    /// Writes the image as the affine part and the steps say that were drawn, as values between 0 and 255; `key` is asked
    /// for noise and fields alone.
    ///
    /// # Panics
    /// If the image or `out` does not have this augmentation's size.
    pub fn apply_drawn_steps(&self, isa: Isa, prepared: &[u8], drawn: (&Drawn, &[DrawnStep], Key), out: &mut [f32]) {
        self.write_with_steps(isa, prepared, drawn, &Scale::NONE, out);
    }

    fn write_with_steps(
        &self,
        isa: Isa,
        prepared: &[u8],
        (drawn, steps, key): (&Drawn, &[DrawnStep], Key),
        scale: &Scale,
        out: &mut [f32],
    ) {
        let read = |moved: Option<&[[f32; 2]]>, out: &mut [f32]| {
            self.read(isa, prepared, (drawn, moved), &Scale::NONE, out);
        };
        // Keras' pass is its own: moves are made behind it.
        let passes = if self.is_keras() { Passes::Apart } else { Passes::Joined };
        self.steps.apply(isa, (steps, key), passes, out, read);
        rescale(out, self.size.channels, scale);
    }

    /// What `key` = (seed, epoch, sample) means for the affine part, flips and crop of an image.
    ///
    /// Each parameter is drawn whether it is in use or not, so turning one on does not change the others.
    pub fn draw(&self, (seed, epoch, sample): Key) -> Drawn {
        let spec = &self.spec;
        let rng = |operation| Rng::new(seed, epoch, sample, operation);
        let mut affine = rng(Operation::Affine);
        let mut around = |centre: f32, range: f32| affine.uniform(centre - range, centre + range);
        let rotation_degrees = around(0.0, spec.rotation_degrees);
        let units = self.shift_units();
        let shift = [around(0.0, spec.height_shift) * units[0], around(0.0, spec.width_shift) * units[1]];
        let shear_degrees = around(0.0, spec.shear_degrees);
        let zoom = [around(1.0, spec.zoom), around(1.0, spec.zoom)];
        // Generators whose draws could change nothing are not started.
        let mut drawn = Drawn { rotation_degrees, shift, shear_degrees, zoom, ..Drawn::default() };
        if spec.horizontal_flip || spec.vertical_flip {
            let mut flip = rng(Operation::Flip);
            drawn.horizontal_flip = flip.below(2) == 1 && spec.horizontal_flip;
            drawn.vertical_flip = flip.below(2) == 1 && spec.vertical_flip;
        }
        if spec.crop_padding > 0 {
            let mut crop = rng(Operation::Crop);
            let padding = spec.crop_padding as u32;
            let mut offset = || crop.below(2 * padding + 1) as i32 - padding as i32;
            drawn.crop = [offset(), offset()];
        }
        if self.is_keras() { keras::swapped(drawn) } else { drawn }
    }

    /// What `key` means for the steps of `also`: those that are taken, in order.
    pub fn draw_steps(&self, key: Key) -> Vec<DrawnStep> {
        self.steps.draw(key)
    }

    /// What an image of a part of `n` samples is mixed with; `None` where it stays alone.
    pub fn draw_mixture(&self, key: Key, n: usize) -> Option<Mixture> {
        mix::draw(&self.spec, self.size, key, n)
    }

    /// What the two shifts count, in pixels: a height and a width; for Keras a pixel where the range says so.
    fn shift_units(&self) -> [f32; 2] {
        let sides = [self.size.height as f32, self.size.width as f32];
        if self.is_keras() { keras::shift_units([self.spec.height_shift, self.spec.width_shift], sides) } else { sides }
    }

    fn is_keras(&self) -> bool {
        self.spec.compat == Some(Compat::Keras)
    }

    /// Writes the image as `drawn` says, as values between 0 and 255: the affine part, then flips, then the crop, all
    /// in one pass; no step of `also`.
    ///
    /// # Panics
    /// If the image or `out` does not have this augmentation's size.
    pub fn apply_drawn(&self, isa: Isa, prepared: &[u8], drawn: &Drawn, out: &mut [f32]) {
        self.write_drawn(isa, prepared, drawn, &Scale::NONE, out);
    }

    /// [`Augment::apply_drawn`] with the values scaled as they are written.
    fn write_drawn(&self, isa: Isa, prepared: &[u8], drawn: &Drawn, scale: &Scale, out: &mut [f32]) {
        self.read(isa, prepared, (drawn, None), scale, out);
    }

    /// Reads each pixel where `moved` and then the affine part say.
    fn read(
        &self,
        isa: Isa,
        prepared: &[u8],
        (drawn, moved): (&Drawn, Option<&[[f32; 2]]>),
        scale: &Scale,
        out: &mut [f32],
    ) {
        let n = self.size.len();
        assert_eq!((prepared.len(), out.len()), (n, n), "an image to augment has the size {}", self.size);
        let (size, places, fill) = (self.size, &*self.places, self.spec.fill);
        if *drawn == Drawn::default() && moved.is_none() {
            return scale_bytes(isa, prepared, size.channels, scale, out);
        }
        if self.is_keras() {
            keras::write(prepared, size, drawn, fill, out);
            return rescale(out, size.channels, scale);
        }
        Reading { pixels: prepared, size, places, fill, scale, moved }.write(isa, drawn, out);
    }
}

/// Scales values as [`scale_bytes`] does bytes.
fn rescale(values: &mut [f32], channels: usize, scale: &Scale) {
    if *scale == Scale::NONE {
        return;
    }
    if channels == 1 {
        let (shift, divisor) = (scale.shift[0], scale.divisor[0]);
        return values.iter_mut().for_each(|value| *value = (*value - shift) / divisor);
    }
    for pixel in values.chunks_exact_mut(channels) {
        for ((value, shift), divisor) in pixel.iter_mut().zip(scale.shift).zip(scale.divisor) {
            *value = (*value - shift) / divisor;
        }
    }
}

/// The ranges of the spec. (NaN lies in none.)
fn check(spec: &AugmentSpec, size: Size) -> Result<()> {
    spec.check()?;
    let fill = match spec.fill {
        Fill::Constant(value) => value,
        Fill::Rule(_) => 0.0,
    };
    // Keras: from 1 on, pixels.
    let [most_columns, most_rows] = match spec.compat {
        Some(Compat::Keras) => [size.width as f32, size.height as f32],
        None => [1.0; 2],
    };
    // Below a zoom of 0.1 a few pixels would fill the image; at a shear of 90° the picture is a line.
    let limits = [
        ("rotation_degrees", spec.rotation_degrees, 180.0),
        ("zoom", spec.zoom, 0.9),
        ("width_shift", spec.width_shift, most_columns),
        ("height_shift", spec.height_shift, most_rows),
        ("shear_degrees", spec.shear_degrees, 80.0),
        ("crop_padding", spec.crop_padding as f32, size.height.min(size.width) as f32),
        ("fill", fill, 255.0),
    ];
    for (name, value, limit) in limits {
        if !(0.0..=limit).contains(&value) {
            return Err(Error::mismatch(ErrorKind::Spec, format!("0 to {limit}"), value.to_string())
                .with_place(format!("augment.{name}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::Pool;
    use crate::spec::pipeline::FillRule;

    const SIZE: Size = Size { height: 28, width: 28, channels: 1 };

    fn everything() -> AugmentSpec {
        AugmentSpec::default()
            .rotation_degrees(20.0)
            .zoom(0.2)
            .width_shift(0.1)
            .height_shift(0.05)
            .shear_degrees(5.0)
            .horizontal_flip(true)
            .vertical_flip(true)
            .crop_padding(3)
    }

    fn augment(spec: &AugmentSpec, size: Size) -> Augment {
        Augment::new(spec, size).unwrap().unwrap()
    }

    fn picture(size: Size) -> Vec<u8> {
        (0..size.len()).map(|i| (i * 37 % 251) as u8).collect()
    }

    /// The result for an image of `height` rows, its bytes given in reading order.
    fn applied(height: usize, pixels: &[u8], drawn: Drawn, fill: Fill) -> Vec<f32> {
        let size = Size { height, width: pixels.len() / height, channels: 1 };
        let mut out = vec![f32::NAN; pixels.len()];
        augment(&AugmentSpec { fill, ..everything().crop_padding(1) }, size).apply_drawn(
            Isa::detect(),
            pixels,
            &drawn,
            &mut out,
        );
        out
    }

    const EDGE: Fill = Fill::Rule(FillRule::Edge);
    const REFLECT: Fill = Fill::Rule(FillRule::Reflect);

    #[test]
    fn a_spec_without_strength_is_no_augmentation() {
        assert_eq!(Augment::new(&AugmentSpec::default(), SIZE), Ok(None));
        assert_eq!(Augment::new(&AugmentSpec::default().fill(REFLECT), SIZE), Ok(None));
        assert!(Augment::new(&AugmentSpec::default().zoom(0.1), SIZE).unwrap().is_some());
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_place() {
        let check = |spec: AugmentSpec, message: &str| {
            assert_eq!(Augment::new(&spec, SIZE).unwrap_err().to_string(), message);
        };
        let none = AugmentSpec::default;
        check(none().rotation_degrees(200.0), "augment.rotation_degrees: expected 0 to 180, found 200");
        check(none().rotation_degrees(-1.0), "augment.rotation_degrees: expected 0 to 180, found -1");
        check(none().zoom(1.0), "augment.zoom: expected 0 to 0.9, found 1");
        check(none().width_shift(f32::NAN), "augment.width_shift: expected 0 to 1, found NaN");
        check(none().height_shift(28.0), "augment.height_shift: expected 0 to 1, found 28");
        check(none().shear_degrees(90.0), "augment.shear_degrees: expected 0 to 80, found 90");
        check(none().crop_padding(29), "augment.crop_padding: expected 0 to 28, found 29");
        check(none().fill(Fill::Constant(256.0)), "augment.fill: expected 0 to 255, found 256");
    }

    #[test]
    fn nothing_drawn_leaves_every_pixel_untouched() {
        for fill in [EDGE, REFLECT, Fill::Constant(9.0)] {
            assert_eq!(applied(2, &[1, 2, 3, 4, 5, 6], Drawn::default(), fill), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        }
    }

    #[test]
    fn a_quarter_turn_goes_counter_clockwise() {
        let drawn = Drawn { rotation_degrees: 90.0, ..Drawn::default() };
        assert_eq!(applied(2, &[1, 2, 3, 4], drawn, EDGE), [2.0, 4.0, 1.0, 3.0]);
    }

    #[test]
    fn a_shift_by_one_column_shows_each_rule_of_filling() {
        let drawn = Drawn { shift: [0.0, 2.0], ..Drawn::default() };
        assert_eq!(applied(1, &[1, 2, 3, 4], drawn, EDGE), [3.0, 4.0, 4.0, 4.0]);
        assert_eq!(applied(1, &[1, 2, 3, 4], drawn, REFLECT), [3.0, 4.0, 3.0, 2.0]);
        assert_eq!(applied(1, &[1, 2, 3, 4], drawn, Fill::Constant(9.0)), [3.0, 4.0, 9.0, 9.0]);
        let half_a_row = Drawn { shift: [-0.5, 0.0], ..Drawn::default() };
        assert_eq!(applied(3, &[10, 20, 40], half_a_row, EDGE), [10.0, 15.0, 30.0]);
    }

    #[test]
    fn a_zoom_of_two_halves_the_picture_along_its_own_axis() {
        let wide = Drawn { zoom: [1.0, 2.0], ..Drawn::default() };
        // Columns −1, 1, 3 around the centre column 1.
        assert_eq!(applied(1, &[1, 2, 3], wide, Fill::Constant(0.0)), [0.0, 2.0, 0.0]);
        assert_eq!(applied(3, &[1, 2, 3], wide, Fill::Constant(0.0)), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn flipping_twice_gives_the_picture_back() {
        for (horizontal_flip, vertical_flip) in [(true, false), (false, true), (true, true)] {
            let drawn = Drawn { horizontal_flip, vertical_flip, ..Drawn::default() };
            let once: Vec<u8> = applied(28, &picture(SIZE), drawn, EDGE).iter().map(|&value| value as u8).collect();
            assert_ne!(once, picture(SIZE));
            let twice: Vec<u8> = applied(28, &once, drawn, EDGE).iter().map(|&value| value as u8).collect();
            assert_eq!(twice, picture(SIZE));
        }
        let drawn = Drawn { horizontal_flip: true, ..Drawn::default() };
        assert_eq!(applied(2, &[1, 2, 3, 4], drawn, EDGE), [2.0, 1.0, 4.0, 3.0]);
    }

    #[test]
    fn a_crop_moves_the_flipped_picture_and_fills_what_it_leaves() {
        let drawn = Drawn { crop: [0, -1], ..Drawn::default() };
        assert_eq!(applied(1, &[1, 2, 3], drawn, EDGE), [1.0, 1.0, 2.0]);
        assert_eq!(applied(1, &[1, 2, 3], drawn, REFLECT), [2.0, 1.0, 2.0]);
        assert_eq!(applied(1, &[1, 2, 3], drawn, Fill::Constant(9.0)), [9.0, 1.0, 2.0]);
        let down = Drawn { crop: [1, 0], ..Drawn::default() };
        assert_eq!(applied(3, &[1, 2, 3], down, Fill::Constant(9.0)), [2.0, 3.0, 9.0]);
        let flipped = Drawn { horizontal_flip: true, ..drawn };
        assert_eq!(applied(1, &[1, 2, 3], flipped, Fill::Constant(9.0)), [9.0, 3.0, 2.0]);
    }

    #[test]
    fn channels_keep_to_themselves() {
        let grey = picture(SIZE);
        let colour: Vec<u8> = grey.iter().flat_map(|&byte| [byte, 255 - byte, 7]).collect();
        for key in 0..20 {
            let mut expected = vec![0.0; grey.len()];
            augment(&everything(), SIZE).apply(Isa::detect(), &grey, (1, 0, key), &mut expected);
            let mut out = vec![0.0; colour.len()];
            augment(&everything(), Size { channels: 3, ..SIZE }).apply(Isa::detect(), &colour, (1, 0, key), &mut out);
            for (pixel, value) in out.as_chunks::<3>().0.iter().zip(expected) {
                assert_eq!((pixel[0], pixel[2]), (value, 7.0));
                assert!((pixel[1] - (255.0 - value)).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_threads_or_order() {
        let augment = augment(&everything(), SIZE);
        let image = picture(SIZE);
        let bits = |n_threads: usize| {
            let mut out = vec![0.0_f32; 200 * SIZE.len()];
            let pool = Pool::new(n_threads).unwrap();
            pool.for_each_chunk(&mut out, SIZE.len(), |i, out| {
                augment.apply(Isa::detect(), &image, (5, 2, i as u32), out);
            });
            out.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
        };
        let expected = bits(1);
        assert!(bits(2) == expected && bits(5) == expected);
        let mut last = vec![0.0; SIZE.len()];
        augment.apply(Isa::detect(), &image, (5, 2, 199), &mut last);
        assert!(last.iter().zip(&expected[199 * SIZE.len()..]).all(|(value, &bits)| value.to_bits() == bits));
    }

    #[test]
    fn every_part_of_the_key_counts_and_turning_one_step_on_leaves_the_others_alone() {
        let augment = augment(&everything(), SIZE);
        let drawn = augment.draw((1, 2, 3));
        assert_eq!(drawn, augment.draw((1, 2, 3)));
        for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4)] {
            assert_ne!(drawn, augment.draw(other));
        }
        let rotation = super::tests::augment(&AugmentSpec::default().rotation_degrees(20.0), SIZE).draw((1, 2, 3));
        assert_eq!(rotation, Drawn { rotation_degrees: drawn.rotation_degrees, ..Drawn::default() });
    }

    #[test]
    fn shares_are_drawn_before_they_become_pixels() {
        // Which of the two is rounded first decides the last bit, and with it every byte of a trained model.
        let drawn = augment(&everything(), SIZE).draw((1, 2, 3));
        let mut rng = Rng::new(1, 2, 3, Operation::Affine);
        let mut around = |centre: f32, range: f32| rng.uniform(centre - range, centre + range);
        assert_eq!(drawn.rotation_degrees, around(0.0, 20.0));
        assert_eq!(drawn.shift, [around(0.0, 0.05) * 28.0, around(0.0, 0.1) * 28.0]);
        assert_eq!((drawn.shear_degrees, drawn.zoom), (around(0.0, 5.0), [around(1.0, 0.2), around(1.0, 0.2)]));
    }

    #[test]
    fn parameters_are_uniform_in_their_ranges_and_the_two_zooms_independent() {
        let augment = augment(&everything(), SIZE);
        let drawn: Vec<Drawn> = (0..20_000).map(|sample| augment.draw((0, 0, sample))).collect();
        let check = |name: &str, of: &dyn Fn(&Drawn) -> f32, centre: f32, range: f32| {
            let deviations: Vec<f64> = drawn.iter().map(|drawn| f64::from((of(drawn) - centre) / range)).collect();
            let n = deviations.len() as f64;
            let (mean, square) =
                (deviations.iter().sum::<f64>() / n, deviations.iter().map(|d| d * d).sum::<f64>() / n);
            assert!(deviations.iter().all(|d| d.abs() <= 1.0 + 1e-5), "{name}");
            // Four standard errors of a uniform distribution's mean and mean square.
            assert!(mean.abs() < 0.0164 && (square - 1.0 / 3.0).abs() < 0.0085, "{name}: {mean} {square}");
        };
        check("rotation", &|drawn| drawn.rotation_degrees, 0.0, 20.0);
        check("rows", &|drawn| drawn.shift[0], 0.0, 0.05 * 28.0);
        check("columns", &|drawn| drawn.shift[1], 0.0, 0.1 * 28.0);
        check("shear", &|drawn| drawn.shear_degrees, 0.0, 5.0);
        check("zoom of height", &|drawn| drawn.zoom[0], 1.0, 0.2);
        check("zoom of width", &|drawn| drawn.zoom[1], 1.0, 0.2);
        let product: f32 = drawn.iter().map(|drawn| (drawn.zoom[0] - 1.0) * (drawn.zoom[1] - 1.0)).sum();
        assert!((product / 20_000.0).abs() < 4.0 * 0.2 * 0.2 / 3.0 / 20_000_f32.sqrt(), "{product}");
        for flips in
            [drawn.iter().filter(|d| d.horizontal_flip).count(), drawn.iter().filter(|d| d.vertical_flip).count()]
        {
            assert!(flips.abs_diff(10_000) < 283, "{flips}");
        }
        for offset in -3..=3 {
            let n = drawn.iter().filter(|drawn| drawn.crop[0] == offset).count();
            assert!(n.abs_diff(20_000 / 7) < 200, "{offset}: {n}");
        }
        assert!(drawn.iter().all(|drawn| drawn.crop.iter().all(|offset| (-3..=3).contains(offset))));
    }

    #[test]
    fn values_stay_between_the_images_own_whatever_is_drawn() {
        let spec = everything().rotation_degrees(180.0).zoom(0.9).width_shift(1.0).height_shift(1.0).crop_padding(28);
        for fill in [EDGE, REFLECT, Fill::Constant(60.0)] {
            for size in [SIZE, Size { height: 1, ..SIZE }, Size { width: 1, ..SIZE }, Size { height: 5, ..SIZE }] {
                let padding = size.height.min(size.width);
                let augment = augment(&spec.clone().fill(fill).crop_padding(padding), size);
                let image: Vec<u8> = picture(size).iter().map(|byte| 50 + byte / 8).collect();
                let mut out = vec![f32::NAN; size.len()];
                for sample in 0..200 {
                    augment.apply(Isa::detect(), &image, (0, 0, sample), &mut out);
                    assert!(out.iter().all(|value| (49.999..82.0).contains(value)), "{fill:?} {size}");
                }
            }
        }
    }

    #[test]
    fn a_drawn_that_is_not_finite_does_no_harm() {
        for wild in [f32::NAN, f32::INFINITY, 1e30] {
            for fill in [EDGE, REFLECT, Fill::Constant(60.0)] {
                applied(2, &[1, 2, 3, 4], Drawn { shift: [wild; 2], rotation_degrees: wild, ..Drawn::default() }, fill);
                applied(2, &[1, 2, 3, 4], Drawn { crop: [i32::MIN, i32::MAX], ..Drawn::default() }, fill);
            }
        }
    }
}
