//! The kernels of augmentation, batches and optimizers against textbook loops, on every instruction set that this CPU
//! has, at awkward sizes.

use inkstone_kernels::{
    AdamStep, Beyond, Grid, Isa, Sampling, Scale, SgdStep, Workspace, adam, follow, resample, scale_bytes, sgd,
};

/// Lengths around whole vectors of 4, 8 and 16, and none.
const LENGTHS: [usize; 13] = [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 48, 100, 1021];

/// Numbers from −0.5 to 0.5 that look random and are the same everywhere.
fn numbers(n: usize, salt: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503))) as f32 / 4_294_967_296.0 - 0.5)
        .collect()
}

fn bytes(n: usize) -> Vec<u8> {
    numbers(n, 77).iter().map(|x| ((x + 0.5) * 255.0) as u8).collect()
}

fn close(isa: Isa, found: f32, expected: f64, budget: f64, place: &str) {
    assert!((f64::from(found) - expected).abs() <= budget, "{isa}, {place}: expected {expected}, found {found}");
}

#[test]
fn scaled_bytes_are_the_nearest_floats_of_the_quotient_on_every_instruction_set() {
    let scale = Scale { shift: [0.0, 3.5, 100.25], divisor: [255.0, 0.3, -7.0] };
    for isa in Isa::available() {
        for length in LENGTHS {
            for channels in [1, 3] {
                let bytes = bytes(length * channels);
                let mut out = vec![f32::NAN; bytes.len()];
                scale_bytes(isa, &bytes, channels, &scale, &mut out);
                for (k, (&byte, &value)) in bytes.iter().zip(&out).enumerate() {
                    let expected = (f32::from(byte) - scale.shift[k % channels]) / scale.divisor[k % channels];
                    assert_eq!(value, expected, "{isa}: value {k} of {length}×{channels}");
                }
            }
        }
    }
}

/// (x, y) brought inside as the rule says; `None` where there is nothing.
fn inside(x: f64, last: f64, beyond: Beyond) -> Option<f64> {
    match beyond {
        Beyond::Edge => Some(x.clamp(0.0, last)),
        Beyond::Reflect if last == 0.0 => Some(0.0),
        Beyond::Reflect => {
            let folded = x.rem_euclid(2.0 * last);
            Some(folded.min(2.0 * last - folded))
        }
        Beyond::Constant(_) => (0.0..=last).contains(&x).then_some(x),
    }
}

/// The bilinear value of channel c at (x, y).
fn bilinear(pixels: &[u8], grid: Grid, [x, y]: [f64; 2], c: usize) -> f64 {
    let pixel = |row: f64, column: f64| {
        let (row, column) = (row.min(grid.height as f64 - 1.0), column.min(grid.width as f64 - 1.0));
        f64::from(pixels[(row as usize * grid.width + column as usize) * grid.channels + c])
    };
    let (column, row) = (x.floor(), y.floor());
    let (t, s) = (x - column, y - row);
    let top = (1.0 - t) * pixel(row, column) + t * pixel(row, column + 1.0);
    let bottom = (1.0 - t) * pixel(row + 1.0, column) + t * pixel(row + 1.0, column + 1.0);
    (1.0 - s) * top + s * bottom
}

const RULES: [Beyond; 3] = [Beyond::Edge, Beyond::Reflect, Beyond::Constant(60.5)];

/// All of a picture's values, resampled; the places are those of its pixels from its first one.
fn resampled(isa: Isa, grid: Grid, map: [[f32; 3]; 2], beyond: Beyond, scale: Scale) -> (Vec<u8>, Vec<f32>) {
    let n = grid.height * grid.width * grid.channels;
    let pixels = bytes(n);
    let u: Vec<f32> = (0..n).map(|k| (k / grid.channels % grid.width) as f32).collect();
    let v: Vec<f32> = (0..n).map(|k| (k / grid.channels / grid.width) as f32).collect();
    let mut out = vec![f32::NAN; n];
    let sampling = Sampling { grid, places: [&u, &v], map, beyond, scale };
    resample(isa, &pixels, &sampling, &mut Workspace::default(), &mut out);
    (pixels, out)
}

#[test]
fn resampling_equals_the_textbook_at_every_size_rule_and_map() {
    let scale = Scale { shift: [10.0, 20.0, 30.0], divisor: [2.0, 4.0, 8.0] };
    // Coefficients of few bits: places are exact, so that no rounding decides what is beyond the border.
    let maps = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.75, -0.25, 1.5], [0.25, 1.25, -2.75]],
        [[-1.0, 0.0, 6.0], [0.0, -1.0, 4.0]],
        [[5.5, 3.25, -40.0], [-4.5, 7.0, 33.5]],
    ];
    for isa in Isa::available() {
        for (height, width) in [(1, 1), (1, 9), (9, 1), (2, 2), (5, 7), (28, 28), (33, 37), (3, 400)] {
            for channels in [1, 3] {
                let grid = Grid { height, width, channels };
                for (map, beyond) in maps.iter().flat_map(|&map| RULES.map(|rule| (map, rule))) {
                    let (pixels, out) = resampled(isa, grid, map, beyond, scale);
                    for (k, &found) in out.iter().enumerate() {
                        let (c, pixel) = (k % channels, k / channels);
                        let [u, v] = [(pixel % width) as f64, (pixel / width) as f64];
                        let place = map.map(|[a, b, d]| f64::from(a) * u + f64::from(b) * v + f64::from(d));
                        let x = inside(place[0], width as f64 - 1.0, beyond);
                        let y = inside(place[1], height as f64 - 1.0, beyond);
                        let value = match (x, y, beyond) {
                            (Some(x), Some(y), _) => bilinear(&pixels, grid, [x, y], c),
                            (_, _, Beyond::Constant(fill)) => f64::from(fill),
                            _ => unreachable!("edge and reflection have every place inside"),
                        };
                        let expected = (value - f64::from(scale.shift[c])) / f64::from(scale.divisor[c]);
                        // Folding divides by a rounded period: a place is wrong by some of its last bits.
                        let budget = 255.0 * 1e-6 * (1.0 + place[0].abs() + place[1].abs());
                        close(isa, found, expected, budget, &format!("{grid:?}, {map:?}, {beyond:?}, value {k}"));
                    }
                }
            }
        }
    }
}

#[test]
fn the_map_that_changes_nothing_gives_the_bytes_back() {
    let grid = Grid { height: 28, width: 28, channels: 1 };
    for isa in Isa::available() {
        for beyond in RULES {
            let (pixels, out) = resampled(isa, grid, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], beyond, Scale::NONE);
            assert!(pixels.iter().zip(&out).all(|(&byte, &value)| f32::from(byte) == value), "{isa}, {beyond:?}");
        }
    }
}

#[test]
fn wild_maps_stay_inside_the_image_or_give_the_constant() {
    for isa in Isa::available() {
        for wild in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30, f32::MAX] {
            for (beyond, channels) in RULES.iter().flat_map(|&rule| [(rule, 1), (rule, 3)]) {
                let grid = Grid { height: 5, width: 6, channels };
                for map in [[[wild; 3]; 2], [[1.0, 0.0, wild], [0.0, 1.0, 0.0]], [[0.0, wild, 0.0], [wild, 0.0, 1.0]]] {
                    let (_, out) = resampled(isa, grid, map, beyond, Scale::NONE);
                    assert!(out.iter().all(|value| (0.0..=255.0).contains(value)), "{isa}, {map:?}, {beyond:?}");
                }
            }
        }
    }
}

#[test]
fn adam_equals_the_textbook_on_every_instruction_set() {
    let step = AdamStep {
        mean_share: 0.1,
        square_keep: 0.99,
        square_share: 0.01,
        rate: 0.02,
        root_factor: 3.0,
        epsilon: 1e-6,
        penalty: 0.05,
        shrink: 0.999,
    };
    for isa in Isa::available() {
        for length in LENGTHS {
            let (start, gradients) = (numbers(length, 1), numbers(length, 2));
            let (means, squares) = (numbers(length, 3), numbers(length, 4).iter().map(|x| x + 0.5).collect::<Vec<_>>());
            let (mut p, mut m, mut v) = (start.clone(), means.clone(), squares.clone());
            adam(isa, &step, &mut p, &gradients, [&mut m, &mut v]);
            for i in 0..length {
                let [p0, g, m0, v0] = [start[i], gradients[i], means[i], squares[i]].map(f64::from);
                let g = g + f64::from(step.penalty) * p0;
                let mean = m0 + f64::from(step.mean_share) * (g - m0);
                let square = f64::from(step.square_keep) * v0 + f64::from(step.square_share) * g * g;
                let root = square.sqrt() * f64::from(step.root_factor) + f64::from(step.epsilon);
                let value = p0 * f64::from(step.shrink) - f64::from(step.rate) * mean / root;
                for (found, expected) in [(m[i], mean), (v[i], square), (p[i], value)] {
                    close(isa, found, expected, 1e-6, &format!("value {i} of {length}"));
                }
            }
        }
    }
}

#[test]
fn tiny_moments_become_zero_and_a_nan_stays() {
    let step = AdamStep {
        mean_share: 0.0,
        square_keep: 1.0,
        square_share: 0.0,
        rate: 0.0,
        root_factor: 1.0,
        epsilon: 1.0,
        penalty: 0.0,
        shrink: 1.0,
    };
    let moments = [1e-30, 0.9e-30, -0.9e-30, -1e-30, f32::NAN, 1e-40, 0.0, 1.0, 0.5e-30];
    let expected = [1e-30, 0.0, 0.0, -1e-30, f32::NAN, 0.0, 0.0, 1.0, 0.0];
    for isa in Isa::available() {
        let [mut m, mut v, mut u] = [moments; 3];
        adam(isa, &step, &mut [0.0; 9], &[0.0; 9], [&mut m, &mut v]);
        let step = SgdStep { rate: 0.0, momentum: 1.0, nesterov: false, weight_decay: 0.0 };
        sgd(isa, &step, &mut [0.0; 9], &[0.0; 9], Some(&mut u));
        for (found, expected) in [m, v, u].iter().flat_map(|all| all.iter().zip(expected)) {
            assert!(*found == expected || found.is_nan() && expected.is_nan(), "{isa}: {found} {expected}");
        }
    }
}

#[test]
fn sgd_and_the_average_equal_the_textbook_on_every_instruction_set() {
    for isa in Isa::available() {
        for length in LENGTHS {
            let (start, gradients, before) = (numbers(length, 5), numbers(length, 6), numbers(length, 7));
            for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
                let step = SgdStep { rate: 0.1, momentum, nesterov, weight_decay: 0.01 };
                let (mut p, mut u) = (start.clone(), before.clone());
                sgd(isa, &step, &mut p, &gradients, (momentum != 0.0).then_some(&mut u));
                for i in 0..length {
                    let [p0, g, u0] = [start[i], gradients[i], before[i]].map(f64::from);
                    let g = g + 0.01 * p0;
                    let velocity = 0.9 * u0 + g;
                    let (velocity, change) = match (momentum != 0.0, nesterov) {
                        (false, _) => (u0, g),
                        (true, false) => (velocity, velocity),
                        (true, true) => (velocity, g + 0.9 * velocity),
                    };
                    close(isa, u[i], velocity, 1e-6, &format!("velocity {i} of {length}"));
                    close(isa, p[i], p0 - 0.1 * change, 1e-6, &format!("value {i} of {length}"));
                }
            }
            let mut average = before.clone();
            follow(isa, &mut average, &start, 0.125);
            for i in 0..length {
                let expected = f64::from(before[i]) + 0.125 * (f64::from(start[i]) - f64::from(before[i]));
                close(isa, average[i], expected, 1e-6, &format!("average {i} of {length}"));
            }
        }
    }
}

#[test]
fn an_optimizer_gives_the_same_bits_however_the_buffers_are_cut() {
    let step = AdamStep {
        mean_share: 0.1,
        square_keep: 0.999,
        square_share: 0.001,
        rate: 0.3,
        root_factor: 30.0,
        epsilon: 1e-8,
        penalty: 0.0,
        shrink: 1.0,
    };
    let n = 300;
    let gradients = numbers(n, 9);
    for isa in Isa::available() {
        let run = |cut: usize| {
            let (mut p, mut m, mut v) = (numbers(n, 8), vec![0.0; n], vec![0.0; n]);
            let pieces = p.chunks_mut(cut).zip(gradients.chunks(cut)).zip(m.chunks_mut(cut)).zip(v.chunks_mut(cut));
            pieces.for_each(|(((p, g), m), v)| adam(isa, &step, p, g, [m, v]));
            p
        };
        for cut in [1, 7, 16, 100] {
            assert!(run(n) == run(cut), "{isa}: pieces of {cut}");
        }
    }
}
