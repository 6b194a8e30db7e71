//! [`Trust`] as a checkpoint keeps it: tensors `trust.*` and a key of the metadata. Refuses what could not have been
//! fitted.

use serde::{Deserialize, Serialize};

use super::{Novelty, Projection, Review, ReviewPoint, Sets, Trust};
use crate::error::{Error, ErrorKind, Result};
use crate::spec::plan::TensorInfo;

/// The most points of a review curve that are read.
const MAX_POINTS: usize = 1000;

/// The numbers beside the tensors, under the key `trust` of the metadata. Unknown keys are free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredTrust {
    n: usize,
    temperature: f64,
    sets: StoredSets,
    novelty: StoredNovelty,
    review: Vec<(f64, u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredSets {
    method: SetsMethod,
    coverage: f64,
    limit: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SetsMethod {
    Lac,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredNovelty {
    method: NoveltyMethod,
    accepted: f64,
    typical: f64,
    limit: f64,
    n_features: usize,
    n_factors: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NoveltyMethod {
    DirectionDistance,
}

impl StoredTrust {
    /// The numbers of a trust.
    pub fn of(trust: &Trust) -> Self {
        let Sets { coverage, limit } = trust.sets;
        let novelty = &trust.novelty;
        let d = novelty.projection().dimensions();
        Self {
            n: trust.n,
            temperature: trust.temperature,
            sets: StoredSets { method: SetsMethod::Lac, coverage, limit },
            novelty: StoredNovelty {
                method: NoveltyMethod::DirectionDistance,
                accepted: novelty.accepted,
                typical: novelty.typical,
                limit: novelty.limit,
                n_features: novelty.projection().n_features(),
                n_factors: novelty.factors.len() / (d * (d + 1) / 2),
            },
            review: trust.review.points.iter().map(|p| (p.confidence, p.n_accepted, p.n_errors)).collect(),
        }
    }

    /// The tensors that stand beside them in a model of so many classes and features: means, then factors.
    ///
    /// # Errors
    /// Numbers that do not fit the model, before anything is allocated for them.
    pub fn tensors(&self, n_classes: usize, n_features: usize) -> Result<[TensorInfo; 2]> {
        let StoredNovelty { n_features: found, n_factors, .. } = self.novelty;
        if found != n_features {
            return Err(wrong("novelty.n_features", format!("{n_features}, as the network has"), found.to_string()));
        }
        if n_factors != 1 && n_factors != n_classes {
            return Err(wrong("novelty.n_factors", format!("1 or {n_classes}"), n_factors.to_string()));
        }
        let d = n_features.min(super::MAX_DIMENSIONS) + 1;
        let info = |name: &str, rows: usize, columns: usize| TensorInfo::plain(name, vec![rows, columns]);
        Ok([info("means", n_classes, d), info("factors", n_factors, d * (d + 1) / 2)])
    }

    /// The trust, with the tensors read.
    ///
    /// # Errors
    /// Numbers that could not have been fitted.
    pub fn with(self, [means, factors]: [Vec<f32>; 2]) -> Result<Trust> {
        let Self { n, temperature, sets, novelty, review } = self;
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        let check = |is_right: bool, place: &str, expected: &str, found: f64| {
            if is_right { Ok(()) } else { Err(wrong(place, expected.to_owned(), found.to_string())) }
        };
        check((1e-3..=1e3).contains(&temperature), "temperature", "a number from 0.001 to 1000", temperature)?;
        check(is_share(sets.coverage), "sets.coverage", "a share", sets.coverage)?;
        check(is_share(sets.limit), "sets.limit", "a share", sets.limit)?;
        check(is_share(novelty.accepted), "novelty.accepted", "a share", novelty.accepted)?;
        let is_above = novelty.typical.is_finite() && novelty.limit.is_finite() && novelty.limit > novelty.typical;
        check(is_above, "novelty.limit", "a number above novelty.typical", novelty.limit)?;
        let points: Vec<ReviewPoint> = review
            .into_iter()
            .map(|(confidence, n_accepted, n_errors)| ReviewPoint { confidence, n_accepted, n_errors })
            .collect();
        let falls = points.windows(2).all(|two| two[0].confidence > two[1].confidence);
        let counts =
            points.iter().all(|p| is_share(p.confidence) && p.n_errors <= p.n_accepted && p.n_accepted <= n as u64);
        check(
            falls && counts && points.len() <= MAX_POINTS,
            "review",
            "falling confidences with counts",
            points.len() as f64,
        )?;
        let projection = Projection::new(novelty.n_features);
        check_diagonals(&factors, projection.dimensions())?;
        let mut fitted = Novelty::new(projection, means, factors);
        (fitted.accepted, fitted.typical, fitted.limit) = (novelty.accepted, novelty.typical, novelty.limit);
        let sets = Sets { coverage: sets.coverage, limit: sets.limit };
        Ok(Trust { n, temperature, sets, novelty: fitted, review: Review { n: n as u64, points } })
    }
}

/// The diagonal of a triangle that can be inverted is above 0.
fn check_diagonals(factors: &[f32], d: usize) -> Result<()> {
    for factor in factors.chunks_exact(d * (d + 1) / 2) {
        let starts = (0..d).scan(0, |start, j| {
            *start += d - j;
            Some(*start - (d - j))
        });
        if let Some(value) = starts.map(|at| factor[at]).find(|value| *value <= 0.0) {
            return Err(wrong("factors", "a diagonal above 0".to_owned(), value.to_string()));
        }
    }
    Ok(())
}

fn wrong(place: &str, expected: String, found: String) -> Error {
    Error::mismatch(ErrorKind::Checkpoint, expected, found).with_place(format!("trust.{place}"))
}
