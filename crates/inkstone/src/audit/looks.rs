//! Findings about single images: each is compared with what is usual in the set, by median and median deviation, so that
//! the threshold is the set's own and a few bad images cannot hide themselves.

use inkstone_kernels::math;

use super::finding::{Entry, Finding, Kind};
use super::portrait::Portrait;
use super::robust::Robust;
use crate::data::Dataset;

/// Deviations from the median from which on a value is unusual: once in a thousand million in a normal distribution.
const DEVIATIONS: f64 = 6.0;
/// Below this share of the usual contrast nothing is to be seen.
const FAINT: f64 = 0.1;
/// Below this share of the ink at the ends of the scale, an image still has shades.
const SATURATED: f64 = 0.9;
/// Images that say nothing of polarity differ from their ground by less, on average (as a share of the scale).
const UNDECIDED: f64 = 0.02;
/// Where fewer images agree, a set has no polarity of its own.
const AGREEING: f64 = 0.8;

/// All of them.
pub(super) fn findings(dataset: &Dataset, portraits: &[Portrait]) -> Vec<Finding> {
    vec![
        constant(dataset, portraits),
        blank(dataset, portraits),
        clipped(dataset, portraits),
        off_size(dataset, portraits),
        off_centre(dataset, portraits),
        inverted(dataset, portraits),
    ]
}

fn constant(dataset: &Dataset, portraits: &[Portrait]) -> Finding {
    let found = chosen(portraits, |portrait| portrait.is_constant().then_some(0.0));
    let note = |portrait: &Portrait, _| format!("every pixel is {}", portrait.range[0]);
    finding(dataset, portraits, (Kind::Constant, found), "all pixels have one value", note)
}

fn blank(dataset: &Dataset, portraits: &[Portrait]) -> Finding {
    let usual = Robust::of(portraits.iter().map(|portrait| portrait.contrast)).median;
    let least = (FAINT * usual).max(2.0);
    let found = chosen(portraits, |portrait| {
        (!portrait.is_constant() && portrait.contrast < least).then_some(-portrait.contrast)
    });
    let rule = format!("a standard deviation below {least:.1} levels: a tenth of the usual {usual:.1}, or 2");
    let note = |portrait: &Portrait, _| format!("standard deviation {:.1} levels", portrait.contrast);
    finding(dataset, portraits, (Kind::Blank, found), rule, note).with_threshold(least)
}

fn clipped(dataset: &Dataset, portraits: &[Portrait]) -> Finding {
    let usual = Robust::of(with_ink(portraits).map(|portrait| portrait.saturated));
    let most = (usual.median + usual.limit(DEVIATIONS, 0.1)).max(SATURATED);
    let found =
        chosen(portraits, |portrait| (portrait.ink > 0.0 && portrait.saturated > most).then_some(portrait.saturated));
    let rule = format!(
        "more than {:.0} % of the ink at 0 or 255, where {:.0} % is usual",
        100.0 * most.min(1.0),
        100.0 * usual.median
    );
    let note = |_: &Portrait, score: f64| format!("{:.0} % of the ink at 0 or 255", 100.0 * score);
    finding(dataset, portraits, (Kind::Clipped, found), rule, note).with_threshold(most)
}

fn off_size(dataset: &Dataset, portraits: &[Portrait]) -> Finding {
    // Logarithms, so that half and double are equally far.
    let side = |portrait: &Portrait| 0.5 * math::ln((portrait.size[0] * portrait.size[1]) as f64);
    let aspect = |portrait: &Portrait| math::ln(portrait.size[1] as f64 / portrait.size[0] as f64);
    let sides = Robust::of(portraits.iter().map(side));
    let aspects = Robust::of(portraits.iter().map(aspect));
    let limits = [sides, aspects].map(|usual| usual.limit(DEVIATIONS, math::ln(1.5)));
    let found = chosen(portraits, |portrait| {
        let off = ((side(portrait) - sides.median).abs() / limits[0])
            .max((aspect(portrait) - aspects.median).abs() / limits[1]);
        (off > 1.0).then_some(off)
    });
    let factors = limits.map(math::exp);
    let rule = format!(
        "the side ({:.0} pixels is usual) another by a factor above {:.1}, or the aspect (width/height {:.2} is usual) by \
         more than {:.1}",
        math::exp(sides.median),
        factors[0],
        math::exp(aspects.median),
        factors[1]
    );
    let note = |portrait: &Portrait, _| format!("{}×{} (height × width)", portrait.size[0], portrait.size[1]);
    finding(dataset, portraits, (Kind::OffSize, found), rule, note)
}

fn off_centre(dataset: &Dataset, portraits: &[Portrait]) -> Finding {
    let axes = [0, 1].map(|axis| Robust::of(with_ink(portraits).map(|portrait| portrait.centre[axis])));
    let limits = axes.map(|usual| usual.limit(DEVIATIONS, 0.1));
    let found = chosen(portraits, |portrait| {
        let off = |axis: usize| (portrait.centre[axis] - axes[axis].median).abs() / limits[axis];
        Some(off(0).max(off(1))).filter(|&off| portrait.ink > 0.0 && off > 1.0)
    });
    let [rows, columns] = limits.map(|limit| 100.0 * limit);
    let rule = format!(
        "the ink's barycentre more than {rows:.0} % of the height or {columns:.0} % of the width from the usual place"
    );
    let note = |portrait: &Portrait, _| {
        let [down, right] = [0, 1].map(|axis| 100.0 * (portrait.centre[axis] - axes[axis].median));
        format!("{down:+.0} % down, {right:+.0} % right of the usual place")
    };
    finding(dataset, portraits, (Kind::OffCentre, found), rule, note)
}

fn inverted(dataset: &Dataset, portraits: &[Portrait]) -> Finding {
    let polarities = || portraits.iter().map(Portrait::polarity).filter(|polarity| polarity.abs() > UNDECIDED);
    let (n, n_dark) = (polarities().count(), polarities().filter(|&polarity| polarity > 0.0).count());
    let agreeing = n_dark.max(n - n_dark) as f64 / n.max(1) as f64;
    let rule = "the border is lighter than the image as a whole, in a set where it is darker (or the other way round)";
    if n > 0 && agreeing < AGREEING {
        let share = 100.0 * n_dark as f64 / n as f64;
        return Finding::skipped(
            Kind::InvertedPolarity,
            format!("the set has no polarity of its own: {share:.0} % are dark on light"),
        );
    }
    let usual = if 2 * n_dark > n { 1.0 } else { -1.0 };
    let found = chosen(portraits, |portrait| {
        let against = -usual * portrait.polarity();
        (against > UNDECIDED).then_some(against)
    });
    let words = if usual > 0.0 { "light on dark among dark on light" } else { "dark on light among light on dark" };
    finding(dataset, portraits, (Kind::InvertedPolarity, found), rule, |_, _| words.to_owned())
        .with_threshold(UNDECIDED)
}

fn with_ink(portraits: &[Portrait]) -> impl Iterator<Item = &Portrait> {
    portraits.iter().filter(|portrait| portrait.ink > 0.0)
}

/// The images that a measure is given for, the most striking first.
fn chosen(portraits: &[Portrait], score: impl Fn(&Portrait) -> Option<f64>) -> Vec<(u32, f64)> {
    let mut found: Vec<(u32, f64)> =
        portraits.iter().zip(0..).filter_map(|(portrait, i)| Some((i, score(portrait)?))).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    found
}

fn finding(
    dataset: &Dataset,
    portraits: &[Portrait],
    (kind, found): (Kind, Vec<(u32, f64)>),
    rule: impl Into<String>,
    note: impl Fn(&Portrait, f64) -> String,
) -> Finding {
    let summary = match found.len() {
        0 => "none".to_owned(),
        1 => "1 image".to_owned(),
        n => format!("{n} images"),
    };
    let entry = |&(i, score): &(u32, f64)| Entry::new(dataset, i, score, note(&portraits[i as usize], score));
    Finding::new(kind, summary, rule, found.iter().map(entry).collect())
}
