//! Whether a map may be trusted: what each method promises, tried on this very map.

use serde::Serialize;

use super::Method;
use super::map::{Explained, Map};
use super::occlusion::Windows;
use super::rank::spearman;
use crate::error::Result;
use crate::rng::{Operation, Rng};

/// A gap of integrated gradients that is allowed, as a share of the logit difference.
const MOST_GAP: f64 = 0.01;
/// Rank correlation with occlusion below which the two do not tell the same. See docs/trust.md for what is usual.
const LEAST_AGREEMENT: f64 = 0.2;
/// Mean rank correlation with the maps of random networks that is always allowed,
const ALLOWED_LIKENESS: f64 = 0.5;
/// and the share of how alike those are among themselves that is: a method whose maps of random networks are all alike
/// follows the image, and so must be told apart from them. With the built-in model such maps of saliency are alike to 0.92
/// and its own are like them to 0.58 (medians of 60 test digits).
const ALLOWED_SHARE: f64 = 0.8;
/// Random networks that a map is compared with.
const N_RANDOM: u32 = 5;
/// Steps of integrated gradients where the gap is not asked for: with random weights, and beside occlusion.
const STEPS: usize = 32;

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// `not_empty`, `completeness`, `agreement_with_occlusion`, `agreement_with_integrated_gradients` or
    /// `parameter_randomisation`.
    pub name: &'static str,
    /// What was measured.
    pub value: f64,
    /// What it is compared with.
    pub threshold: f64,
    /// Whether the map may be trusted as far as this goes.
    pub passed: bool,
    /// What it means, in a sentence.
    pub meaning: String,
}

impl Explained<'_> {
    /// Tries a map that `method` has made.
    pub(super) fn checks(&self, method: Method, map: &Map) -> Result<Vec<Check>> {
        let mut checks = vec![not_empty(map)];
        checks.extend(map.integration.map(|(n_steps, gap)| completeness(n_steps, gap)));
        if !checks[0].passed {
            // An order of zeros is no order: there is nothing to compare.
            return Ok(checks);
        }
        checks.push(self.agreement(method, map));
        checks.push(self.randomisation(method, map)?);
        Ok(checks)
    }

    /// Whether windows that the map makes much of cost much when they are covered: rank correlation over the windows that
    /// hide something. A window of the map is the sum of its pixels. Occlusion itself is compared with integrated
    /// gradients.
    fn agreement(&self, method: Method, map: &Map) -> Check {
        let windows = Windows::over(self.subject.size);
        let (name, drops, heat) = match &map.drops {
            Some(drops) => {
                let slopes = self.integrated(Some(STEPS)).attributions;
                let heat = slopes.chunks_exact(self.subject.size.channels).map(|pixel| pixel.iter().sum()).collect();
                ("agreement_with_integrated_gradients", drops.clone(), heat)
            }
            None => ("agreement_with_occlusion", self.drops(&windows), map.heat.clone()),
        };
        let (mut costs, mut sums) = (Vec::new(), Vec::new());
        for (k, drop) in drops.iter().enumerate() {
            if windows.pixels(k).any(|pixel| self.subject.is_there(pixel)) {
                costs.push(if method == Method::Saliency { drop.abs() } else { *drop });
                sums.push(windows.pixels(k).map(|pixel| f64::from(heat[pixel])).sum());
            }
        }
        let value = spearman(&costs, &sums).unwrap_or(0.0);
        let passed = value >= LEAST_AGREEMENT;
        let meaning = if passed {
            "windows that the map makes much of cost much when they are covered"
        } else {
            "covering what the map makes much of costs no more than covering the rest"
        };
        Check { name, value, threshold: LEAST_AGREEMENT, passed, meaning: meaning.into() }
    }

    /// Whether the map changes when the network's values are random: mean of |rank correlation| with the maps of some
    /// random networks, which must be less than a half or than four fifths of how alike those are among themselves. A map that does not change shows the image and not what the model has learnt.
    /// Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018.
    fn randomisation(&self, method: Method, map: &Map) -> Result<Check> {
        // Elsewhere these maps are 0 whatever the network: that would count as alike.
        let by_ink = matches!(method, Method::IntegratedGradients | Method::Occlusion);
        let compared = |heat: &[f32]| -> Vec<f64> {
            let pixels = (0..heat.len()).filter(|&pixel| !by_ink || self.subject.is_there(pixel));
            pixels.map(|pixel| f64::from(heat[pixel])).collect()
        };
        let mut random = Vec::new();
        for i in 0..N_RANDOM {
            let mut rng = Rng::new(0, 0, i, Operation::RandomNetwork);
            let seed = u64::from(rng.next_u32());
            let network = self.network.randomised(seed);
            let other = Explained { network: &network, ..*self }.map(method, Some(STEPS))?;
            random.push(compared(&other.heat));
        }
        let likeness = |a: &[f64], b: &[f64]| spearman(a, b).map_or(0.0, f64::abs);
        let own = compared(&map.heat);
        let value = mean(random.iter().map(|other| likeness(&own, other)));
        let pairs = random.iter().enumerate().flat_map(|(i, a)| random[..i].iter().map(move |b| likeness(a, b)));
        let threshold = ALLOWED_LIKENESS.max(ALLOWED_SHARE * mean(pairs));
        let passed = value <= threshold;
        let meaning = if passed {
            "networks with random weights give other maps: this one shows what the model has learnt"
        } else {
            "networks with random weights give much the same map: it shows the image, not what the model has learnt"
        };
        let name = "parameter_randomisation";
        Ok(Check { name, value, threshold, passed, meaning: meaning.into() })
    }
}

/// 0 of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (n, sum) = values.fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    sum / f64::max(n, 1.0)
}

fn not_empty(map: &Map) -> Check {
    let value = map.heat.iter().fold(0.0, |most: f64, &value| most.max(f64::from(value).abs()));
    let passed = value > 0.0;
    let meaning = if passed { "the map is not zero everywhere" } else { "it says nothing" };
    Check { name: "not_empty", value, threshold: 0.0, passed, meaning: meaning.into() }
}

fn completeness(n_steps: usize, gap: f64) -> Check {
    let passed = gap <= MOST_GAP;
    let meaning = if passed {
        format!("the map adds up to how much the logit differs from that of an empty image ({n_steps} steps)")
    } else {
        format!("the map does not add up to how much the logit differs from that of an empty image ({n_steps} steps)")
    };
    Check { name: "completeness", value: gap, threshold: MOST_GAP, passed, meaning }
}
