//! A map: a number for each pixel, and the raw numbers that it is made of.

use super::explanation::Raw;
use super::network::Network;
use super::occlusion::{self, Windows};
use super::question::Question;
use super::subject::Subject;
use super::{Method, grad_cam};
use crate::error::Result;

/// What is explained: a network's answer to a question about an image.
pub(super) struct Explained<'a> {
    pub(super) network: &'a Network<'a>,
    pub(super) subject: &'a Subject,
    pub(super) question: Question,
}

/// What a method found.
#[derive(Debug, Clone)]
pub(super) struct Map {
    /// A number for each pixel.
    pub(super) heat: Vec<f32>,
    pub(super) raw: Raw,
    /// What each window's covering costs, where the method is occlusion.
    pub(super) drops: Option<Vec<f64>>,
    /// Steps and gap of integrated gradients.
    pub(super) integration: Option<(usize, f64)>,
}

impl Explained<'_> {
    /// The map of a method.
    pub(super) fn map(&self, method: Method, n_steps: Option<usize>) -> Result<Map> {
        let size = self.subject.size;
        let channels = size.channels;
        let per_value = |values: Vec<f32>, heat: Vec<f32>| Map {
            heat,
            raw: Raw { shape: vec![size.height, size.width, channels], values },
            drops: None,
            integration: None,
        };
        let sums = |values: &[f32]| values.chunks_exact(channels).map(|pixel| pixel.iter().sum()).collect();
        Ok(match method {
            Method::Saliency => {
                let values = self.slopes();
                let largest = |pixel: &[f32]| pixel.iter().fold(0.0, |most: f32, value| most.max(value.abs()));
                let heat = values.chunks_exact(channels).map(largest).collect();
                per_value(values, heat)
            }
            Method::SignedSaliency => {
                let values = self.slopes();
                let heat = sums(&values);
                per_value(values, heat)
            }
            Method::IntegratedGradients => {
                let found = self.integrated(n_steps);
                let heat = sums(&found.attributions);
                Map { integration: Some((found.n_steps, found.gap)), ..per_value(found.attributions, heat) }
            }
            Method::GradCam => {
                let found = self.activation_map()?;
                let heat = grad_cam::enlarge(&found, [size.height, size.width]);
                let raw = Raw { shape: found.size.to_vec(), values: found.values };
                Map { heat, raw, drops: None, integration: None }
            }
            Method::Occlusion => {
                let windows = Windows::over(size);
                let drops = self.drops(&windows);
                let heat = occlusion::spread(&windows, &drops);
                let raw = Raw { shape: vec![size.height, size.width], values: heat.clone() };
                Map { heat, raw, drops: Some(drops), integration: None }
            }
        })
    }
}
