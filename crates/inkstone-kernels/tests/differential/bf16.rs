//! Products in bf16 on every instruction set, and AMX's in software where the CPU has no tiles.

use inkstone_kernels::{
    Bf16, Epilogue, Gather, Isa, PanelsBf16, Windows, add_outer_bf16, bit_words, max_pool, pooled_product_bf16,
    product_bf16,
};

use super::{SHAPES, check, gather, numbers, sum};

/// Every instruction set that this CPU has; where it has no tiles, those that software executes, beside vectors of each
/// width.
fn instruction_sets() -> Vec<(Isa, &'static str)> {
    #[allow(unused_mut)] // Other systems push nothing.
    let mut found: Vec<_> = Isa::available().into_iter().map(|isa| (isa, isa.bf16_name())).collect();
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if Isa::named("amx").is_none() {
        super::software::install();
        // SAFETY: the process survives tile instructions from here on.
        found.extend(Isa::available().into_iter().map(|isa| (unsafe { isa.with_tiles() }, "amx in software")));
        if !found.iter().any(|&(_, name)| name == "avx512_bf16") {
            // SAFETY: and `vdpbf16ps`, where the registers that it works on are there at all.
            found.extend(unsafe { Isa::with_pairs() }.map(|isa| (isa, "avx512_bf16 in software")));
        }
    }
    found
}

#[test]
fn names_the_bf16_instructions_that_were_not_run() {
    let found: Vec<_> = instruction_sets().into_iter().map(|(_, name)| name).collect();
    let missing: Vec<_> = ["avx512_bf16", "amx"].into_iter().filter(|name| !found.contains(name)).collect();
    println!("bf16 products run on {}; not on this CPU: {}", found.join(", "), missing.join(", "));
}

fn rounded(values: &[f32]) -> Vec<Bf16> {
    values.iter().map(|&value| Bf16::from_f32(value)).collect()
}

fn row<'a>(values: &'a [Bf16], gather: &'a Gather, p: usize) -> impl Iterator<Item = f64> + 'a {
    (0..gather.segments()).flat_map(move |s| {
        let start = gather.offsets()[p] as usize + s * gather.segment_stride();
        values[start..start + gather.segment_len()].iter().map(|value| f64::from(value.to_f32()))
    })
}

/// What the rows of a gather read, numbers; what they do not read, NaN.
fn only_what_is_read(gather: &Gather) -> Vec<Bf16> {
    let values = rounded(&numbers(gather.reach_of(gather.n_rows()), 11));
    let mut seen = vec![Bf16::from_f32(f32::NAN); values.len()];
    for &offset in gather.offsets() {
        for s in 0..gather.segments() {
            let start = offset as usize + s * gather.segment_stride();
            seen[start..start + gather.segment_len()].copy_from_slice(&values[start..start + gather.segment_len()]);
        }
    }
    seen
}

/// Gathers with their numbers of columns: awkward ones, and convolutions whose rows AMX reads in place.
fn cases() -> Vec<(Gather, usize)> {
    let mut cases: Vec<_> = SHAPES.into_iter().map(|shape| (gather(shape), shape.4)).collect();
    // 3 × 3 over 13 × 13 × 32, every position of the padded lines: one progression.
    cases.push((Gather::new((0..70).map(|i| 32 * i).collect(), 3, 13 * 32, 96), 64));
    // Two progressions of sixteen, far apart; then a few rows more.
    cases.push((Gather::new((0..37).map(|i| 64 * (i % 16) + 2048 * (i / 16)).collect(), 2, 64, 32), 33));
    // The second half goes another way: not in place.
    cases.push((Gather::new((0..32).map(|i| if i < 16 { 32 * i } else { 3000 - 32 * i }).collect(), 1, 0, 64), 16));
    // A dense layer, longer than what is copied at once; in place, and with a row that is no multiple of a tile.
    cases.push((Gather::dense(33, 608, 608), 10));
    cases.push((Gather::dense(35, 545, 545), 40));
    // Two pieces of odd length.
    cases.push((Gather::new((0..15).map(|i| 3 * i).collect(), 2, 40, 261), 21));
    cases
}

#[test]
fn bf16_products_equal_the_textbook_on_every_instruction_set() {
    for (gather, n) in cases() {
        let k = gather.row_len();
        let (values, b, bias) = (only_what_is_read(&gather), numbers(k * n, 12), numbers(n, 13));
        let exact = rounded(&b);
        let transposed: Vec<f32> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
        for (isa, name) in instruction_sets() {
            for n_rows in [gather.n_rows(), gather.n_rows().div_ceil(2)] {
                let rows = (&values[..gather.reach_of(n_rows)], &gather, n_rows);
                let mut panels = PanelsBf16::new(isa, k, n);
                panels.pack(&b);
                let mut out = vec![f32::NAN; n_rows * n];
                product_bf16(isa, rows, &panels, (Some(&bias), Epilogue::None), &mut out);
                for p in 0..n_rows {
                    for o in 0..n {
                        let right = |k: usize| f64::from(exact[k * n + o].to_f32());
                        let terms = row(&values, &gather, p).enumerate().map(|(k, a)| a * right(k));
                        let expected = sum(terms.chain([f64::from(bias[o])]));
                        check(isa, out[p * n + o], expected, k, &format!("{name}, {k} × {n}, row {p}, column {o}"));
                    }
                }
                let mut rectified = vec![f32::NAN; n_rows * n];
                let mut panels = PanelsBf16::new(isa, k, n);
                panels.pack_transposed(&transposed);
                product_bf16(isa, rows, &panels, (Some(&bias), Epilogue::Relu), &mut rectified);
                assert!(rectified.iter().zip(&out).all(|(&r, &x)| r == x.max(0.0)), "{name}, {k} × {n}: relu");
            }
        }
    }
}

#[test]
fn pooled_bf16_products_equal_a_product_and_a_max_pool() {
    for (rows, segments, stride, len, n) in SHAPES {
        let gather = gather((4 * rows, segments, stride, len, n));
        let k = gather.row_len();
        let (values, b, bias) = (only_what_is_read(&gather), numbers(k * n, 14), numbers(n, 15));
        for (isa, name) in instruction_sets() {
            let mut panels = PanelsBf16::new(isa, k, n);
            panels.pack(&b);
            let mut products = vec![f32::NAN; 4 * rows * n];
            let all = (&values[..], &gather, 4 * rows);
            product_bf16(isa, all, &panels, (Some(&bias), Epilogue::None), &mut products);
            for epilogue in [Epilogue::None, Epilogue::Relu] {
                let (mut best, mut won) = (vec![f32::NAN; rows * n], vec![0; 4 * rows * bit_words(n)]);
                max_pool(isa, &products, Windows { n: rows, taps: 4, channels: n }, epilogue, &mut best, &mut won);
                let (mut out, mut winners) = (vec![f32::NAN; best.len()], vec![u32::MAX; won.len()]);
                let to = (&mut out[..], &mut winners[..]);
                pooled_product_bf16(isa, (&values, &gather), &panels, (Some(&bias), epilogue), to);
                assert!(out == best && winners == won, "{name}, {rows} windows, {k} × {n}");
            }
        }
    }
}

#[test]
fn bf16_outer_products_equal_the_textbook_and_are_added() {
    let mut cases = cases();
    // More rows than are copied at once.
    cases.push((Gather::new((0..523).map(|i| i % 300).collect(), 2, 50, 9), 35));
    for (gather, n) in cases {
        let (k, n_rows) = (gather.row_len(), gather.n_rows());
        let (values, start) = (only_what_is_read(&gather), numbers(k * n, 16));
        let d = rounded(&numbers(n_rows * n, 15));
        for (isa, name) in instruction_sets() {
            let mut out = start.clone();
            add_outer_bf16(isa, (&values, &gather, n_rows), (&d, n), &mut out);
            let mut sums: Vec<_> = start.iter().map(|&value| (f64::from(value), f64::from(value).abs())).collect();
            for p in 0..n_rows {
                for (k, left) in row(&values, &gather, p).enumerate() {
                    for (o, sum) in sums[k * n..][..n].iter_mut().enumerate() {
                        let term = left * f64::from(d[p * n + o].to_f32());
                        *sum = (sum.0 + term, sum.1 + term.abs());
                    }
                }
            }
            for (i, (&found, expected)) in out.iter().zip(sums).enumerate() {
                check(isa, found, expected, n_rows, &format!("{name}, {n_rows} rows, k {}, column {}", i / n, i % n));
            }
        }
    }
}

#[test]
fn a_nan_passes_the_rectifier_in_bf16() {
    for (isa, name) in instruction_sets() {
        let gather = Gather::dense(1, 1, 1);
        let mut panels = PanelsBf16::new(isa, 1, 3);
        panels.pack(&[1.0, f32::NAN, -1.0]);
        let mut out = [0.0; 3];
        product_bf16(isa, (&[Bf16::from_f32(1.0)], &gather, 1), &panels, (None, Epilogue::Relu), &mut out);
        assert!(out[0] == 1.0 && out[1].is_nan() && out[2] == 0.0, "{name}: {out:?}");
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[test]
fn software_tiles_have_executed_the_very_instructions() {
    use super::software::tiles::PRODUCTS;
    if Isa::named("amx").is_some() {
        println!("this CPU has tiles: none are executed in software");
        return;
    }
    let before = PRODUCTS.load(std::sync::atomic::Ordering::Relaxed);
    let (isa, _) = instruction_sets().into_iter().find(|&(_, name)| name == "amx in software").expect("made above");
    let gather = Gather::dense(40, 96, 96);
    let panels = PanelsBf16::new(isa, 96, 33);
    product_bf16(
        isa,
        (&vec![Bf16::default(); 40 * 96], &gather, 40),
        &panels,
        (None, Epilogue::None),
        &mut [0.0; 40 * 33],
    );
    // Other tests run beside this one: at least two blocks of rows, two panels, three steps of four products.
    assert!(PRODUCTS.load(std::sync::atomic::Ordering::Relaxed) - before >= 2 * 2 * 3 * 4);
}
