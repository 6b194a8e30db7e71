//! Each step on examples that can be checked by hand, what is drawn for whom, and what must never come out.

use super::*;
use crate::data::Augment;
use crate::parallel::Pool;
use crate::spec::AugmentSpec;
use crate::spec::pipeline::FillRule;
use crate::spec::steps::CoverWord;

const SIZE: Size = Size { height: 28, width: 28, channels: 1 };
const EDGE: Fill = Fill::Rule(FillRule::Edge);

/// The result of drawn steps on an image of `height` rows.
fn applied(height: usize, values: &[f32], drawn: &[DrawnStep], fill: Fill) -> Vec<f32> {
    let size = Size { height, width: values.len() / height, channels: 1 };
    let mut out = values.to_vec();
    Steps::new(&[], size, fill).apply(Isa::detect(), (drawn, (1, 2, 3)), Passes::Joined, &mut out, |moved, out| {
        // Leading moves are the reader's; here the general path is looked at.
        assert!(moved.is_none(), "the examples begin with a step that moves nothing");
        assert_eq!(out.len(), values.len());
    });
    out
}

fn augment(steps: Vec<StepSpec>, size: Size) -> Augment {
    Augment::new(&AugmentSpec::default().also(steps), size).unwrap().unwrap()
}

fn picture(size: Size) -> Vec<u8> {
    (0..size.len()).map(|i| if i % 7 < 3 { (i * 37 % 251) as u8 } else { 0 }).collect()
}

/// Every kind of step, strongly.
fn everything() -> Vec<StepSpec> {
    let noisy =
        StepSpec::Erase(crate::spec::steps::EraseSpec { value: Cover::Word(CoverWord::Noise), ..erase([0.1, 0.5]) });
    vec![
        StepSpec::perspective(0.2),
        StepSpec::elastic(60.0, 3.0),
        StepSpec::stroke(2.5),
        StepSpec::elastic(30.0, 5.0).probability(0.5),
        StepSpec::perspective(0.1),
        StepSpec::brightness(0.9),
        StepSpec::contrast([0.0, 3.0]),
        StepSpec::gamma([0.2, 4.0]),
        StepSpec::one_of([StepSpec::blur(3.0), StepSpec::noise(90.0), noisy, StepSpec::stroke([-3.0, -1.0])]),
        StepSpec::erase(1.0).probability(0.3),
        StepSpec::noise(20.0),
    ]
}

fn erase(area: [f32; 2]) -> crate::spec::steps::EraseSpec {
    match StepSpec::erase(area) {
        StepSpec::Erase(spec) => spec,
        _ => unreachable!(),
    }
}

#[test]
fn strokes_grow_and_shrink_by_whole_and_half_pixels() {
    let row = [0.0, 0.0, 0.0, 200.0, 200.0, 200.0, 0.0, 0.0, 0.0];
    let with = |radius: f32, ink: Ink, row: &[f32]| applied(1, row, &[DrawnStep::Stroke { radius, ink }], EDGE);
    assert_eq!(with(1.0, Ink::Bright, &row), [0.0, 0.0, 200.0, 200.0, 200.0, 200.0, 200.0, 0.0, 0.0]);
    assert_eq!(with(1.5, Ink::Bright, &row), [0.0, 100.0, 200.0, 200.0, 200.0, 200.0, 200.0, 100.0, 0.0]);
    assert_eq!(with(-1.0, Ink::Bright, &row), [0.0, 0.0, 0.0, 0.0, 200.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(with(-0.25, Ink::Bright, &row), [0.0, 0.0, 0.0, 150.0, 200.0, 150.0, 0.0, 0.0, 0.0]);
    assert_eq!(with(0.0, Ink::Bright, &row), row);
    let dark = row.map(|value| 255.0 - value);
    let grown = with(1.5, Ink::Bright, &row);
    assert_eq!(with(1.5, Ink::Dark, &dark), grown.iter().map(|value| 255.0 - value).collect::<Vec<_>>());
    // A disc of radius 1 is a plus, of radius 2 it has 13 pixels.
    let mut dot = [0.0; 49];
    dot[24] = 9.0;
    let n_set =
        |radius| applied(7, &dot, &[DrawnStep::Stroke { radius, ink: Ink::Bright }], EDGE).iter().sum::<f32>() / 9.0;
    assert_eq!((n_set(1.0), n_set(2.0), n_set(3.0)), (5.0, 13.0, 29.0));
}

#[test]
fn a_stroke_larger_than_the_image_and_a_wild_radius_do_no_harm() {
    for radius in [8.0, 1e9, -1e9, f32::NAN, f32::INFINITY] {
        for (height, width) in [(1, 1), (1, 5), (3, 2)] {
            let mut values = vec![7.0; height * width];
            stroke(&mut values, Size { height, width, channels: 1 }, radius, Ink::Dark);
            assert!(values.iter().all(|&value| value == 7.0));
        }
    }
}

#[test]
fn tones_are_what_their_formulas_say_and_end_at_0_and_255() {
    let check = |step: DrawnStep, values: &[f32], expected: &[f32]| {
        for (found, expected) in applied(1, values, &[step], EDGE).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{step:?}: {found} {expected}");
        }
    };
    check(DrawnStep::Brightness { factor: 1.5 }, &[0.0, 100.0, 200.0], &[0.0, 150.0, 255.0]);
    check(DrawnStep::Contrast { factor: 2.0 }, &[50.0, 100.0, 150.0], &[0.0, 100.0, 200.0]);
    check(DrawnStep::Contrast { factor: 0.0 }, &[0.0, 30.0, 90.0], &[40.0, 40.0, 40.0]);
    check(DrawnStep::Gamma { exponent: 2.0 }, &[0.0, 51.0, 127.5, 255.0], &[0.0, 10.2, 63.75, 255.0]);
    check(DrawnStep::Gamma { exponent: 0.5 }, &[0.0, 63.75, 255.0], &[0.0, 127.5, 255.0]);
}

#[test]
fn contrast_of_colours_keeps_to_the_lumas_mean() {
    let mut pixel = [100.0, 200.0, 50.0];
    tone::contrast(&mut pixel, 3, 0.5);
    let luma = 0.299 * 100.0 + 0.587 * 200.0 + 0.114 * 50.0;
    for (found, value) in pixel.iter().zip([100.0, 200.0, 50.0]) {
        assert!((found - f32::midpoint(luma, value)).abs() < 1e-4);
    }
}

#[test]
fn an_erased_rectangle_has_its_place_and_its_value() {
    let step = DrawnStep::Erase { corner: [1, 2], sides: [2, 1], value: Cover::Constant(9.0), number: 0 };
    let expected = [1.0, 1.0, 1.0, 1.0, 1.0, 9.0, 1.0, 1.0, 9.0];
    assert_eq!(applied(3, &[1.0; 9], &[step], EDGE), expected);
}

#[test]
fn erased_rectangles_have_the_areas_and_shapes_of_their_ranges() {
    let spec = erase([0.1, 0.3]);
    let (mut sum, mut tall) = (0.0, 0);
    for sample in 0..4000 {
        let mut rng = Rng::new(0, 0, sample, Operation::Erase);
        let (corner, sides) = cover::rectangle(&spec, Size { height: 100, width: 100, channels: 1 }, &mut rng);
        assert!(corner[0] + sides[0] <= 100 && corner[1] + sides[1] <= 100);
        let area = (sides[0] * sides[1]) as f64 / 1e4;
        assert!((0.09..0.31).contains(&area), "{area}");
        sum += area;
        tall += u32::from(sides[0] > sides[1]);
    }
    assert!((sum / 4000.0 - 0.2).abs() < 0.005, "{sum}");
    assert!(tall.abs_diff(2000) < 130, "{tall}");
}

#[test]
fn noise_has_its_deviation_and_no_mean() {
    let values = applied(100, &vec![127.0; 10_000], &[DrawnStep::Noise { deviation: 10.0, number: 0 }], EDGE);
    let mean = values.iter().sum::<f32>() / 1e4;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / 1e4;
    assert!((mean - 127.0).abs() < 0.4 && (variance.sqrt() - 10.0).abs() < 0.3, "{mean} {variance}");
}

#[test]
fn a_blur_keeps_the_sum_inside_and_goes_on_at_the_border() {
    let blurred = applied(1, &[0.0, 0.0, 0.0, 0.0, 200.0, 0.0, 0.0, 0.0, 0.0], &[DrawnStep::Blur { sigma: 0.8 }], EDGE);
    assert!((blurred.iter().sum::<f32>() - 200.0).abs() < 1e-3);
    assert!(blurred[4] > blurred[3] && (blurred[3] - blurred[5]).abs() < 1e-4);
    assert!(applied(2, &[70.0; 10], &[DrawnStep::Blur { sigma: 5.0 }], EDGE).iter().all(|v| (v - 70.0).abs() < 1e-3));
    assert_eq!(applied(1, &[1.0, 2.0], &[DrawnStep::Blur { sigma: 0.0 }], EDGE), [1.0, 2.0]);
}

#[test]
fn corners_that_all_move_alike_shift_the_picture_and_corners_at_home_leave_it() {
    let first = DrawnStep::Brightness { factor: 1.0 };
    let tilt = |corners| [first, DrawnStep::Perspective { corners }];
    let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    assert_eq!(applied(2, &image, &tilt([[0.0; 2]; 4]), EDGE), image);
    let moved = applied(2, &image, &tilt([[1.0, 0.0]; 4]), Fill::Constant(9.0));
    assert_eq!(moved, [2.0, 3.0, 9.0, 5.0, 6.0, 9.0]);
    assert_eq!(applied(2, &image, &tilt([[1.0, 0.0]; 4]), EDGE), [2.0, 3.0, 3.0, 5.0, 6.0, 6.0]);
    assert_eq!(
        applied(2, &image, &tilt([[2.0, 0.0]; 4]), Fill::Rule(FillRule::Reflect)),
        [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]
    );
}

#[test]
fn the_corners_are_read_where_they_were_moved_to() {
    // A plane of 10·column + row: reading it back tells the place.
    let (height, width) = (9, 12);
    let plane: Vec<f32> = (0..height * width).map(|k| (10 * (k % width) + k / width) as f32).collect();
    let corners = [[1.0, 0.5], [-2.0, 1.0], [-1.5, -0.5], [0.5, -2.0]];
    let steps = [DrawnStep::Brightness { factor: 1.0 }, DrawnStep::Perspective { corners }];
    let out = applied(height, &plane, &steps, EDGE);
    let [right, bottom] = [width - 1, height - 1];
    for ([row, column], [dx, dy]) in [[0, 0], [0, right], [bottom, right], [bottom, 0]].into_iter().zip(corners) {
        let expected = 10.0 * (column as f32 + dx) + row as f32 + dy;
        assert!((out[row * width + column] - expected).abs() < 1e-3, "{row} {column}");
    }
}

#[test]
fn moves_that_stand_first_are_made_in_the_affine_parts_own_pass() {
    // Behind a step that does nothing they are made on the values instead; without an affine part both are one pass.
    let image = picture(SIZE);
    let steps = [StepSpec::perspective(0.1), StepSpec::elastic(30.0, 4.0)];
    let mut later = vec![StepSpec::brightness([1.0, 1.0])];
    later.extend(steps.clone());
    let (fused, general) = (augment(steps.to_vec(), SIZE), augment(later, SIZE));
    let (mut first, mut second) = (vec![0.0; SIZE.len()], vec![0.0; SIZE.len()]);
    for sample in 0..20 {
        fused.apply(Isa::detect(), &image, (1, 0, sample), &mut first);
        general.apply(Isa::detect(), &image, (1, 0, sample), &mut second);
        let apart = first.iter().zip(&second).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 0.02, "{apart}");
        assert!(first.iter().zip(&image).any(|(a, &b)| (a - f32::from(b)).abs() > 5.0));
    }
}

#[test]
fn whatever_is_drawn_stays_finite_and_between_0_and_255() {
    let sizes = [(28, 28, 1), (1, 1, 1), (1, 9, 3), (9, 1, 1), (2, 2, 3), (17, 40, 3)];
    for (height, width, channels) in sizes {
        let size = Size { height, width, channels };
        let image = picture(size);
        for fill in [EDGE, Fill::Rule(FillRule::Reflect), Fill::Constant(60.0)] {
            let spec = AugmentSpec::default().rotation_degrees(40.0).zoom(0.5).fill(fill).also(everything());
            let augment = Augment::new(&spec, size).unwrap().unwrap();
            let mut out = vec![f32::NAN; size.len()];
            for sample in 0..60 {
                augment.apply(Isa::detect(), &image, (3, 1, sample), &mut out);
                assert!(out.iter().all(|value| (-0.01..=255.01).contains(value)), "{size} {sample}");
            }
        }
    }
}

#[test]
fn the_bytes_of_steps_do_not_depend_on_threads_or_order() {
    let augment = augment(everything(), SIZE);
    let image = picture(SIZE);
    let bits = |n_threads: usize| {
        let mut out = vec![0.0_f32; 100 * SIZE.len()];
        Pool::new(n_threads).unwrap().for_each_chunk(&mut out, SIZE.len(), |i, out| {
            augment.apply(Isa::detect(), &image, (5, 2, i as u32), out);
        });
        out.iter().map(|value| value.to_bits()).collect::<Vec<_>>()
    };
    let expected = bits(1);
    assert!(bits(2) == expected && bits(5) == expected);
}

#[test]
fn a_step_that_is_added_leaves_the_draws_of_other_kinds_alone() {
    let steps = |specs: Vec<StepSpec>| augment(specs, SIZE).draw_steps((4, 1, 9));
    let alone = steps(vec![StepSpec::brightness(0.5), StepSpec::stroke(1.0)]);
    let more = steps(vec![StepSpec::gamma(0.5), StepSpec::brightness(0.5), StepSpec::blur(1.0), StepSpec::stroke(1.0)]);
    assert_eq!(alone, [more[1], more[3]]);
    let twice = steps(vec![StepSpec::brightness(0.5), StepSpec::brightness(0.5)]);
    assert_eq!(twice[0], alone[0]);
    assert_ne!(twice[0], twice[1]);
}

#[test]
fn probabilities_and_choices_come_as_often_as_they_should() {
    let specs = vec![
        StepSpec::noise(9.0).probability(0.25),
        StepSpec::one_of([StepSpec::blur(1.0), StepSpec::stroke(1.0), StepSpec::gamma(0.1)]).probability(0.6),
        StepSpec::erase(0.1).probability(0.0),
    ];
    let augment = augment(specs, SIZE);
    let mut counts = std::collections::BTreeMap::new();
    for sample in 0..10_000 {
        for step in augment.draw_steps((0, 0, sample)) {
            *counts.entry(step.name()).or_insert(0_u32) += 1;
        }
    }
    // Four standard deviations of 10,000 draws are below 200.
    for (name, expected) in [("noise", 2500), ("blur", 2000), ("stroke", 2000), ("gamma", 2000)] {
        assert!(counts[name].abs_diff(expected) < 200, "{counts:?}");
    }
    assert!(!counts.contains_key("erase"));
}
