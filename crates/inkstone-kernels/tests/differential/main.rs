//! Every kernel against textbook loops, on every instruction set that this CPU has, on awkward shapes.
//!
//! The budget of an error is k·ε·Σ|terms|: what a sum of k roundings may lose, whatever its order.

mod bf16;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod software_tiles;

use inkstone_kernels::{
    Epilogue, Gather, Isa, Panels, Pieces, Term, Windows, add_combination, add_outer, bit_words, max_pool, product,
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
