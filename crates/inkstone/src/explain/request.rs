//! What may be asked of [`super::explain`].

use serde::Serialize;

use super::Neighbourhood;

/// How an answer is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// `|∂F/∂x|`, the largest over a pixel's channels: where the smallest change of a value would move F most.
    /// Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2013.
    Saliency,
    /// `∂F/∂x`, summed over a pixel's channels: whether more would speak for it or against.
    SignedSaliency,
    /// `(x − b) · ∫₀¹ ∂F/∂x (b + t(x − b)) dt`, by the midpoint rule: what each pixel adds to F(x) − F(b).
    /// Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", ICML 2017.
    #[default]
    IntegratedGradients,
    /// `max(0, Σ_k A_k · mean(∂F/∂A_k))` over the channels A_k of the last convolution, enlarged to the image: in which
    /// region what the network found speaks for it. Selvaraju et al., "Grad-CAM", ICCV 2017.
    GradCam,
    /// `F(x) − F(x without a window)`, a pixel being the mean of the windows over it: what is lost where it is covered.
    /// Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    Occlusion,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Saliency, Self::SignedSaliency, Self::IntegratedGradients, Self::GradCam, Self::Occlusion];

    /// Its name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Saliency => "saliency",
            Self::SignedSaliency => "signed_saliency",
            Self::IntegratedGradients => "integrated_gradients",
            Self::GradCam => "grad_cam",
            Self::Occlusion => "occlusion",
        }
    }

    /// The method of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// What its map shows, in a line.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Saliency => "Saliency: where a small change would matter most",
            Self::SignedSaliency => "Signed saliency: whether a higher value speaks for it or against",
            Self::IntegratedGradients => "Integrated gradients: what each pixel adds",
            Self::GradCam => "Grad-CAM: regions that speak for it",
            Self::Occlusion => "Occlusion: what is lost where it is covered",
        }
    }

    /// Whether its values may be below zero: what speaks against the class.
    pub fn is_signed(self) -> bool {
        matches!(self, Self::SignedSaliency | Self::IntegratedGradients | Self::Occlusion)
    }
}

/// What stands for "nothing there": where integrated gradients start, what occlusion covers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Bytes of 0: no ink, where ink is light on black.
    Black,
    /// Bytes of 255: no ink, where ink is dark on white.
    White,
    /// The image's own mean of each channel: for photographs, which have no ground.
    Mean,
}

impl Baseline {
    /// Its name in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::White => "white",
            Self::Mean => "mean",
        }
    }

    /// The baseline of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Black, Self::White, Self::Mean].into_iter().find(|baseline| baseline.name() == name)
    }
}

/// What is asked of [`super::explain`]: by default integrated gradients of the model's own answer.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// How to explain.
    pub method: Method,
    /// The class to explain; the answer where it is left open.
    pub class: Option<String>,
    /// Explain why the class and not this one, and look for the smallest change of ink that turns the answer.
    pub against: Option<String>,
    /// Which sign of a page, counted from 0 in reading order; needed where there are several.
    pub glyph: Option<usize>,
    /// What stands for nothing; by default as the image's border says: black, white, else the mean.
    pub baseline: Option<Baseline>,
    /// Steps of integrated gradients; by default as many as bring the gap below half of what is allowed.
    pub steps: Option<usize>,
    /// Where to look for the nearest labelled images.
    pub neighbours: Option<Neighbourhood<'a>>,
}
