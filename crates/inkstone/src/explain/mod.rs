//! Why a model answers as it does: a map over the image that the network was given, and the checks that say whether the
//! map may be trusted.
//!
//! Gives no map without its checks, and calls a map of zeros one. Changes no model; explains in 32-bit floating point
//! whatever the precision of the predictor. What each map says and does not: docs/trust.md.

mod question;
mod request;
mod sign;
mod subject;

mod network;

mod grad_cam;
mod gradients;
mod map;
mod occlusion;

mod checks;
mod rank;

mod flip;
mod neighbours;

mod explanation;

mod canvas;
mod colour;
mod letters;
mod picture;

pub use checks::Check;
pub use colour::{diverging, sequential};
pub use explanation::{Document, Explanation, Prepared, Raw};
pub use flip::{ChangedPixel, Flip, Odds};
pub use neighbours::{Neighbour, Neighbourhood};
pub use picture::picture;
pub use rank::spearman;
pub use request::{Baseline, Method, Request};

use crate::checkpoint::Checkpoint;
use crate::data::Image;
use crate::error::Result;
use crate::parallel::Pool;
use crate::predict::{Predictor, softmax};
use crate::trust::soften;

use map::Explained;
use network::Network;
use question::Question;
use subject::Subject;

/// Explains one image, on the calling thread.
///
/// # Errors
/// As [`explain_on`].
///
/// ```
/// # #[cfg(feature = "digits")] {
/// use inkstone::checkpoint::Checkpoint;
/// use inkstone::data::{Image, dataset::Size};
/// use inkstone::{engine::Isa, explain, predict};
/// let checkpoint = Checkpoint::from_bytes(predict::builtin("digits").unwrap())?;
/// let predictor = predict::Predictor::from_checkpoint(checkpoint, Isa::detect());
/// let mut pixels = [0; 32 * 32];
/// (6..26).for_each(|row| pixels[row * 32 + 15..][..3].fill(255)); // a stroke: 1
/// let image = Image { size: Size { height: 32, width: 32, channels: 1 }, pixels: &pixels };
/// let why = explain::explain(&predictor, image, &explain::Request::default())?;
/// assert_eq!((why.class.as_str(), why.size), ("1", [28, 28]));
/// assert!(why.checks.iter().any(|check| check.name == "completeness" && check.passed));
/// # }
/// # Ok::<(), inkstone::Error>(())
/// ```
pub fn explain(predictor: &Predictor, image: Image<'_>, request: &Request<'_>) -> Result<Explanation> {
    explain_on(&Pool::current_thread(), predictor, image, request)
}

/// Explains one image: the map that is asked for with its checks; with `against` also the smallest change of ink that
/// turns one answer into the other; with `neighbours` the nearest of some labelled images.
///
/// # Errors
/// `Usage` for a class that the model does not have, a method that its network does not allow, and a page of several
/// signs of which none is chosen; `Data` where the image shows no sign.
pub fn explain_on(pool: &Pool, predictor: &Predictor, image: Image<'_>, request: &Request<'_>) -> Result<Explanation> {
    let sign = sign::choose(predictor, image, request.glyph)?;
    let checkpoint = predictor.checkpoint();
    let subject = Subject::new(&checkpoint.preprocess, predictor.isa(), sign.prepared, request.baseline);
    let network = Network::new(pool, &checkpoint.plan, predictor.isa(), &checkpoint.parameters);
    let logits = network.logits(1, &|_, values| values.copy_from_slice(&subject.values));
    let probabilities = probabilities(checkpoint, &logits);
    let question = Question::new(request, predictor.classes(), &probabilities)?;

    let about = Explained { network: &network, subject: &subject, question };
    let map = about.map(request.method, request.steps)?;
    let checks = about.checks(request.method, &map)?;
    let flip = question.against.map(|_| flip::flip(&about, checkpoint, &logits));
    let near = request.neighbours.map(|near| neighbours::nearest(predictor, &network, &subject.values, near));
    Ok(Explanation::new(
        predictor,
        request.method,
        sign.prediction,
        explanation::Parts {
            question,
            probabilities,
            sign: sign.bounds,
            map,
            checks,
            flip,
            nearest: near.unwrap_or_default(),
            subject,
        },
    ))
}

/// The probabilities that the model tells for these logits: by its temperature, where it has one.
fn probabilities(model: &Checkpoint, logits: &[f32]) -> Vec<f64> {
    match &model.trust {
        Some(trust) => soften(logits, logits.len(), trust.temperature),
        None => softmax(logits),
    }
}

#[cfg(test)]
mod tests;
