//! Every kernel against textbook loops, on every instruction set that this CPU has, on awkward shapes.
//!
//! The budget of an error is k·ε·Σ|terms|: what a sum of k roundings may lose, whatever its order.

mod bf16;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod software;

use inkstone_kernels::{
    Epilogue, Gather, Isa, Panels, Pieces, Target, Term, Tiles, Transformed, Windows, WinnerLists, Winners,
    WinogradScratch, add_combination, add_outer, add_pooled_outer, add_weight_sums, bit_words, max_pool,
    pooled_product, product, tree_sum, winograd,
};

/// Numbers from −0.5 to 0.5 that look random and are the same everywhere.
fn numbers(n: usize, salt: u32) -> Vec<f32> {
    (0..n as u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(salt.wrapping_mul(40_503))) as f32 / 4_294_967_296.0 - 0.5)
        .collect()
}

/// A sum as the textbook writes it, in f64, with the sum of its terms' absolute values.
fn sum(terms: impl Iterator<Item = f64>) -> (f64, f64) {
    terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()))
}

fn check(isa: Isa, found: f32, (expected, size): (f64, f64), k: usize, place: &str) {
    let budget = (k + 2) as f64 * f64::from(f32::EPSILON) * size + 1e-30;
    assert!((f64::from(found) - expected).abs() <= budget, "{isa}, {place}: expected {expected}, found {found}");
}

/// Says what this CPU could not run, so that a green run does not hide it.
#[test]
fn names_the_instruction_sets_that_were_not_run() {
    let available: Vec<_> = Isa::available().into_iter().map(Isa::name).collect();
    let missing: Vec<_> = Isa::NAMES.into_iter().filter(|name| !available.contains(name)).collect();
    println!("kernels run on {}; not on this CPU: {}", available.join(", "), missing.join(", "));
    assert!(available.contains(&"scalar"));
}

/// (rows, segments, segment stride, segment length, columns)
const SHAPES: [(usize, usize, usize, usize, usize); 11] = [
    (1, 1, 0, 1, 1),
    (7, 3, 28, 3, 32),
    (100, 3, 20, 12, 64),
    (13, 1, 0, 50, 10),
    (6, 5, 31, 5, 17),
    (12, 2, 9, 7, 16),
    (25, 3, 40, 15, 33),
    (3, 7, 11, 7, 5),
    (11, 1, 0, 13, 31),
    (26, 3, 96, 96, 48),
    (12, 3, 17, 1, 8),
];

fn gather((rows, segments, stride, len, _): (usize, usize, usize, usize, usize)) -> Gather {
    // Offsets that go up, stay and go back: nothing may rely on an order.
    Gather::new((0..rows as u32).map(|p| (p * 7) % 23 + p / 3).collect(), segments, stride, len)
}

fn row<'a>(values: &'a [f32], gather: &'a Gather, p: usize) -> impl Iterator<Item = f64> + 'a {
    (0..gather.segments()).flat_map(move |s| {
        let start = gather.offsets()[p] as usize + s * gather.segment_stride();
        values[start..start + gather.segment_len()].iter().map(|&value| f64::from(value))
    })
}

#[test]
fn product_equals_the_textbook_on_every_instruction_set() {
    for shape in SHAPES {
        let (rows, n, gather) = (shape.0, shape.4, gather(shape));
        let k = gather.row_len();
        let (values, b, bias) = (numbers(gather.reach_of(rows), 1), numbers(k * n, 2), numbers(n, 3));
        let transposed: Vec<f32> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
        for isa in Isa::available() {
            for n_rows in [rows, rows.div_ceil(2)] {
                let mut panels = Panels::new(isa, k, n);
                panels.pack(&b);
                let mut out = vec![f32::NAN; n_rows * n];
                product(isa, (&values, &gather, n_rows), &panels, (Some(&bias), Epilogue::None), &mut out);
                for p in 0..n_rows {
                    for o in 0..n {
                        let terms = row(&values, &gather, p).enumerate().map(|(k, a)| a * f64::from(b[k * n + o]));
                        let expected = sum(terms.chain([f64::from(bias[o])]));
                        check(isa, out[p * n + o], expected, k, &format!("{shape:?}, row {p}, column {o}"));
                    }
                }
                let mut rectified = vec![f32::NAN; n_rows * n];
                panels.pack_transposed(&transposed);
                product(isa, (&values, &gather, n_rows), &panels, (Some(&bias), Epilogue::Relu), &mut rectified);
                assert!(rectified.iter().zip(&out).all(|(&r, &x)| r == x.max(0.0)), "{isa}, {shape:?}: relu");
            }
        }
    }
}

#[test]
fn a_nan_passes_the_rectifier() {
    for isa in Isa::available() {
        let gather = Gather::dense(1, 1, 1);
        let mut panels = Panels::new(isa, 1, 3);
        panels.pack(&[1.0, f32::NAN, -1.0]);
        let mut out = [0.0; 3];
        product(isa, (&[1.0], &gather, 1), &panels, (None, Epilogue::Relu), &mut out);
        assert!(out[0] == 1.0 && out[1].is_nan() && out[2] == 0.0, "{isa}: {out:?}");
    }
}

#[test]
fn outer_products_equal_the_textbook_and_are_added() {
    for shape in SHAPES {
        let (rows, n, gather) = (shape.0, shape.4, gather(shape));
        let (values, d, start) =
            (numbers(gather.reach_of(rows), 4), numbers(rows * n, 5), numbers(gather.row_len() * n, 6));
        for isa in Isa::available() {
            let mut out = start.clone();
            add_outer(isa, (&values, &gather, rows), (&d, n), &mut out);
            for k in 0..gather.row_len() {
                for o in 0..n {
                    let terms = (0..rows)
                        .map(|p| row(&values, &gather, p).nth(k).expect("k < row_len") * f64::from(d[p * n + o]));
                    let expected = sum(terms.chain([f64::from(start[k * n + o])]));
                    check(isa, out[k * n + o], expected, rows, &format!("{shape:?}, k {k}, column {o}"));
                }
            }
        }
    }
}

#[test]
fn combinations_equal_the_textbook_and_are_added() {
    for (n_terms, n, len) in [(0, 3, 96), (1, 1, 1), (9, 3, 96), (4, 5, 7), (3, 2, 23), (17, 1, 200), (5, 3, 40)] {
        let pieces = Pieces { n, len, source_stride: len + 5, target_stride: len + 2 };
        let terms: Vec<Term> =
            (0..n_terms).map(|j| Term { offset: (j * 5 % 7) as u32, factor: numbers(n_terms, 9)[j] }).collect();
        let source = numbers(7 + n * (len + 5), 7);
        let start = numbers(n * (len + 2), 8);
        for isa in Isa::available() {
            let mut target = start.clone();
            add_combination(isa, &source, &terms, pieces, &mut target);
            for (i, &value) in target.iter().enumerate() {
                let (piece, k) = (i / (len + 2), i % (len + 2));
                if k >= len {
                    assert_eq!(value, start[i], "{isa}: wrote beside a piece");
                    continue;
                }
                let products = terms.iter().map(|term| {
                    f64::from(term.factor) * f64::from(source[term.offset as usize + piece * (len + 5) + k])
                });
                let expected = sum(products.chain([f64::from(start[i])]));
                check(isa, value, expected, n_terms, &format!("{n_terms} terms, piece {piece}, value {k}"));
            }
        }
    }
}

#[test]
fn max_pool_finds_the_first_maximum_and_where_a_gradient_flows() {
    for (n, taps, channels) in [(1, 1, 1), (25, 4, 64), (3, 9, 17), (2, 4, 33), (5, 2, 8), (4, 4, 100)] {
        let windows = Windows { n, taps, channels };
        // Few distinct values: ties are common.
        let values: Vec<f32> = numbers(n * taps * channels, 10).iter().map(|x| (x * 6.0).round()).collect();
        let words = bit_words(channels);
        for isa in Isa::available() {
            for epilogue in [Epilogue::None, Epilogue::Relu] {
                let mut out = vec![f32::NAN; n * channels];
                let mut winners = vec![u32::MAX; n * taps * words];
                max_pool(isa, &values, windows, epilogue, &mut out, &mut winners);
                for w in 0..n {
                    for c in 0..channels {
                        let value = |t: usize| values[(w * taps + t) * channels + c];
                        let best = (0..taps).map(value).fold(f32::NEG_INFINITY, f32::max);
                        let first = (0..taps).find(|&t| value(t) == best);
                        let (expected, winner) = match epilogue {
                            Epilogue::None => (best, first),
                            Epilogue::Relu => (best.max(0.0), first.filter(|_| best > 0.0)),
                        };
                        assert_eq!(out[w * channels + c], expected, "{isa}");
                        for t in 0..taps {
                            let bit = winners[(w * taps + t) * words + c / 32] >> (c % 32) & 1;
                            assert_eq!(bit == 1, winner == Some(t), "{isa}: window {w}, channel {c}, tap {t}");
                        }
                    }
                }
                let beyond = channels % 32;
                if beyond > 0 {
                    assert!(winners.chunks(words).all(|bits| bits[words - 1] >> beyond == 0), "{isa}: stray bits");
                }
            }
        }
    }
}

/// (tile rows, tile columns, input channels, filters)
const TILED: [([usize; 2], usize, usize); 8] = [
    ([5, 5], 32, 64),
    ([1, 1], 1, 1),
    ([2, 3], 3, 17),
    ([7, 1], 8, 40),
    ([4, 4], 13, 33),
    ([3, 5], 16, 8),
    ([1, 12], 5, 16),
    ([12, 12], 7, 24),
];

#[test]
fn winograd_convolutions_equal_the_textbook_and_pool_like_max_pool() {
    for (grid, channels, n) in TILED {
        let [height, width] = grid.map(|n| 2 * n);
        let tiles = Tiles { grid, line: (width + 2) * channels + 3, channels };
        let (image, w, bias) = (numbers(tiles.reach(), 11), numbers(9 * channels * n, 12), numbers(n, 13));
        let expected = |i: usize, j: usize, o: usize| {
            let terms = (0..9 * channels).map(|k| {
                let (u, v, c) = (k / (3 * channels), k / channels % 3, k % channels);
                let x = image[(i + u) * tiles.line + (j + v) * channels + c];
                f64::from(x) * f64::from(w[k * n + o])
            });
            sum(terms.chain([f64::from(bias[o])]))
        };
        for isa in Isa::available() {
            let mut kernels = Transformed::new(isa, channels, n);
            kernels.transform(isa, &w);
            let mut scratch = WinogradScratch::new(isa, channels);
            // One row and column fewer: tiles over the edge are cut.
            for size in [[height, width], [height - 1, width - 1]] {
                let mut out = vec![f32::NAN; size[0] * size[1] * n];
                let target = Target::Image { size, out: &mut out };
                winograd(isa, (&image, tiles), &kernels, (Some(&bias), Epilogue::None), target, &mut scratch);
                for (at, &found) in out.iter().enumerate() {
                    let (i, j, o) = (at / n / size[1], at / n % size[1], at % n);
                    // The transforms multiply the terms' sizes by up to 4 and add roundings of their own.
                    check(
                        isa,
                        found,
                        expected(i, j, o),
                        4 * 9 * channels,
                        &format!("{grid:?}, {channels}, {i} {j} {o}"),
                    );
                }
            }
            let mut stored = vec![0.0; height * width * n];
            let target = Target::Image { size: [height, width], out: &mut stored };
            winograd(isa, (&image, tiles), &kernels, (None, Epilogue::None), target, &mut scratch);
            let mut summed = vec![0.25; stored.len()];
            let target = Target::Sum { size: [height, width], out: &mut summed };
            winograd(isa, (&image, tiles), &kernels, (None, Epilogue::None), target, &mut scratch);
            assert!(summed.iter().zip(&stored).all(|(&sum, &value)| sum == 0.25 + value), "{isa}: added");
            for epilogue in [Epilogue::None, Epilogue::Relu] {
                let mut out = vec![0.0; height * width * n];
                let target = Target::Image { size: [height, width], out: &mut out };
                winograd(isa, (&image, tiles), &kernels, (Some(&bias), Epilogue::None), target, &mut scratch);
                let windows = Windows { n: tiles.n(), taps: 4, channels: n };
                let ordered: Vec<f32> = (0..tiles.n() * 4)
                    .flat_map(|place| {
                        let (tile, tap) = (place / 4, place % 4);
                        let (i, j) = (2 * (tile / grid[1]) + tap / 2, 2 * (tile % grid[1]) + tap % 2);
                        out[(i * width + j) * n..][..n].to_vec()
                    })
                    .collect();
                let (mut best, mut won) = (vec![0.0; tiles.n() * n], vec![0; tiles.n() * 4 * bit_words(n)]);
                max_pool(isa, &ordered, windows, epilogue, &mut best, &mut won);
                let (mut out, mut winners) = (vec![f32::NAN; best.len()], vec![u32::MAX; won.len()]);
                let target = Target::Pooled { out: &mut out, winners: &mut winners };
                winograd(isa, (&image, tiles), &kernels, (Some(&bias), epilogue), target, &mut scratch);
                assert!(out == best && winners == won, "{isa}, {grid:?}, {channels}, {n}: pooled");
            }
        }
    }
}

#[test]
fn pooled_products_equal_a_product_and_a_max_pool() {
    for shape in SHAPES {
        let (rows, segments, stride, len, n) = shape;
        let gather = gather((4 * rows, segments, stride, len, n));
        let k = gather.row_len();
        let (values, b, bias) = (numbers(gather.reach_of(4 * rows), 14), numbers(k * n, 15), numbers(n, 16));
        for isa in Isa::available() {
            for epilogue in [Epilogue::None, Epilogue::Relu] {
                let mut panels = Panels::new(isa, k, n);
                panels.pack(&b);
                let mut products = vec![f32::NAN; 4 * rows * n];
                product(isa, (&values, &gather, 4 * rows), &panels, (Some(&bias), Epilogue::None), &mut products);
                let (mut best, mut won) = (vec![f32::NAN; rows * n], vec![0; 4 * rows * bit_words(n)]);
                max_pool(isa, &products, Windows { n: rows, taps: 4, channels: n }, epilogue, &mut best, &mut won);
                let (mut out, mut winners) = (vec![f32::NAN; best.len()], vec![u32::MAX; won.len()]);
                let to = (&mut out[..], &mut winners[..]);
                pooled_product(isa, (&values, &gather), &panels, (Some(&bias), epilogue), to);
                assert!(out == best && winners == won, "{isa}, {shape:?}");
                let mut alone = vec![f32::NAN; best.len()];
                pooled_product(isa, (&values, &gather), &panels, (Some(&bias), epilogue), (&mut alone, &mut []));
                assert!(alone == best, "{isa}, {shape:?}: without winners");
            }
        }
    }
}

#[test]
fn sums_over_winners_equal_the_textbook_and_are_added() {
    let taps = 4;
    for shape in SHAPES {
        let (n, segments, stride, len, channels) = shape;
        let gather = gather((n * taps, segments, stride, len, channels));
        let k = gather.row_len();
        let windows = Windows { n, taps, channels };
        let words = bit_words(channels);
        let (values, d, start) =
            (numbers(gather.reach_of(n * taps), 18), numbers(n * channels, 19), numbers(k * channels, 20));
        let weights = numbers(channels * k, 22);
        let has_won = |winners: &[u32], p: usize, o: usize| winners[p * words + o / 32] >> (o % 32) & 1 == 1;
        for isa in Isa::available() {
            let (mut best, mut winners) = (vec![0.0; n * channels], vec![0; n * taps * words]);
            max_pool(isa, &numbers(n * taps * channels, 21), windows, Epilogue::Relu, &mut best, &mut winners);
            let won = Winners { windows, gather: &gather, bits: &winners, d: &d };
            let (mut by_tap, mut by_channel) = (start.clone(), vec![0.0; channels * k]);
            let mut bias = vec![1.0; channels];
            add_pooled_outer(isa, &values, won, &mut by_tap, Some(&mut bias));
            let mut lists = WinnerLists::new(channels, 2 * n);
            lists.collect(won, 0);
            lists.collect(won, 0);
            lists.add_window_sums(isa, &values, &gather, &mut by_channel);
            for (at, &found) in by_tap.iter().enumerate() {
                let (i, o) = (at / channels, at % channels);
                let terms: Vec<f64> = (0..n * taps)
                    .filter(|&p| has_won(&winners, p, o))
                    .map(|p| row(&values, &gather, p).nth(i).unwrap() * f64::from(d[p / taps * channels + o]))
                    .collect();
                let place = format!("{windows:?}, k {i}, column {o}");
                check(isa, found, sum(terms.iter().copied().chain([f64::from(start[at])])), n, &place);
                // Both images are the same: the sum is twice that of one.
                check(isa, by_channel[o * k + i], sum(terms.iter().map(|term| 2.0 * term)), 2 * n, &place);
            }
            for o in 0..channels {
                let expected = sum((0..n * taps)
                    .filter(|&p| has_won(&winners, p, o))
                    .map(|p| 2.0 * f64::from(d[p / taps * channels + o])));
                check(isa, lists.sum_of_factors(o), expected, 2 * n, "sum of the factors");
                check(isa, bias[o], (1.0 + expected.0 / 2.0, 1.0 + expected.1), n, "bias");
            }
            let mut target = values.clone();
            add_weight_sums(isa, &weights, won, &mut target);
            let mut expected: Vec<(f64, f64)> = values.iter().map(|&x| (f64::from(x), f64::from(x.abs()))).collect();
            for p in 0..n * taps {
                for o in (0..channels).filter(|&o| has_won(&winners, p, o)) {
                    for i in 0..k {
                        let at = gather.offsets()[p] as usize + i / len * stride + i % len;
                        let term = f64::from(d[p / taps * channels + o]) * f64::from(weights[o * k + i]);
                        expected[at] = (expected[at].0 + term, expected[at].1 + term.abs());
                    }
                }
            }
            for (&found, expected) in target.iter().zip(expected) {
                check(isa, found, expected, n * taps * channels, &format!("{windows:?}, input"));
            }
        }
    }
}

#[test]
fn a_sum_of_buffers_is_the_same_on_every_instruction_set() {
    for n in [1, 2, 3, 4, 5, 7, 16, 32] {
        let buffers: Vec<Vec<f32>> = (0..n).map(|i| numbers(37, 30 + i)).collect();
        let sources: Vec<&[f32]> = buffers.iter().map(Vec::as_slice).collect();
        let mut expected = buffers.clone();
        let mut distance = 1;
        while distance < n as usize {
            for i in (0..n as usize - distance).step_by(2 * distance) {
                let (left, right) = expected.split_at_mut(i + distance);
                left[i].iter_mut().zip(&right[0]).for_each(|(sum, value)| *sum += value);
            }
            distance *= 2;
        }
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; 37];
            tree_sum(isa, &sources, &mut out);
            assert_eq!(out, expected[0], "{isa}, {n} buffers");
        }
    }
}
