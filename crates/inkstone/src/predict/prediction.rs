//! What is said of an image, in the shape of `inkstone predict --json`, version 1.

use serde::{Serialize, Serializer};

use super::argmax;
use super::judge::{self, Verdict};
use crate::data::dataset::Size;
use crate::data::ink::{self, Kind, Reason};
use crate::error::{Error, ErrorKind};

/// What is said of one image: one entry of `predictions`.
///
/// `label`, `class` and `probability` are the best guess even where the decision is to abstain; they are `null` where
/// the image could not be read or shows nothing. Of several signs, none of the model's classes is the whole: `text` is
/// what was read, `probability` that all of it is right, `label` and `class` are `null`, `probabilities` is empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Prediction {
    /// The file, `-` for standard input; `null` for an image in memory.
    pub file: Option<String>,
    /// What to make of it.
    pub decision: Decision,
    /// Index of the most probable class, the first of equals.
    pub label: Option<u32>,
    /// Its name.
    pub class: Option<String>,
    /// Its probability.
    pub probability: Option<f64>,
    /// The classes that it may be, if it is of any: the most probable first.
    pub set: Vec<String>,
    /// Why the decision is not to answer.
    pub reasons: Vec<String>,
    /// One per class, in the model's order.
    pub probabilities: Vec<f64>,
    /// The glyphs' classes, one behind the other.
    pub text: String,
    /// What was found in the image, in reading order.
    pub glyphs: Vec<Glyph>,
    /// How unlike the training images it is (of several signs the largest): 0 is ordinary, above 1 is refused. Left out
    /// where the model cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f64>,
    /// Why the image could not be read.
    #[serde(serialize_with = "error_as_json")]
    pub error: Option<Error>,
}

/// What to make of a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is `class`.
    Answer,
    /// It is one of `set`.
    Set,
    /// The model does not know, for `reasons`.
    Abstain,
    /// The image could not be read, for `error`.
    Error,
}

/// One sign in an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Glyph {
    /// Left, top, width, height in pixels of the image as it was read.
    #[serde(rename = "box")]
    pub bounds: [usize; 4],
    /// The most probable class.
    pub class: String,
    /// Its probability.
    pub probability: f64,
    /// What to make of it.
    pub decision: Decision,
    /// The classes that it may be, the most probable first.
    pub set: Vec<String>,
    /// Why the decision is not to answer.
    pub reasons: Vec<String>,
    /// How unlike the training images it is, where the model can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub novelty: Option<f64>,
    /// `point`, `comma` or `minus`, where it was read by its size and place and not by the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
}

/// A sign on a page and what the model says of it; `None` where it was not asked.
pub(super) struct Sign {
    pub(super) bounds: [usize; 4],
    pub(super) kind: Kind,
    pub(super) opinion: Option<Opinion>,
}

/// What the model says of one sign.
pub(super) struct Opinion {
    pub(super) probabilities: Vec<f64>,
    /// The largest probability before the temperature.
    pub(super) confidence: f64,
    pub(super) novelty: Option<f64>,
    pub(super) verdict: Verdict,
}

/// The whole document of `inkstone predict --json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Predictions {
    /// The version of this format: 1.
    pub version: u32,
    /// Which model answered.
    pub model: PredictionModel,
    /// One per image, in the order of the images.
    pub predictions: Vec<Prediction>,
}

/// Which model answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PredictionModel {
    /// The run's or built-in model's name.
    pub name: String,
    /// SHA-256 of the model file.
    pub sha256: String,
    /// The names of the classes, in the order of the probabilities.
    pub classes: Vec<String>,
}

impl Predictions {
    /// The document of version 1.
    pub fn new(model: PredictionModel, predictions: Vec<Prediction>) -> Self {
        Self { version: 1, model, predictions }
    }
}

impl Prediction {
    /// An image of `size` that is one sign.
    pub(super) fn of_image(size: Size, opinion: Opinion, classes: &[String]) -> Self {
        let bounds = [0, 0, size.width, size.height];
        Self::of_page(&[Sign { bounds, kind: Kind::Glyph, opinion: Some(opinion) }], &[], classes)
    }

    /// What the signs of a page are. The decision is the worst of theirs; reasons against the page make it abstain.
    pub(super) fn of_page(signs: &[Sign], reasons: &[Reason], classes: &[String]) -> Self {
        let mut glyphs: Vec<Glyph> = signs.iter().map(|sign| sign.glyph(classes)).collect();
        let mut names: Vec<String> = reasons.iter().map(|reason| reason.name().to_owned()).collect();
        if !reasons.is_empty() {
            glyphs.iter_mut().for_each(|glyph| glyph.decision = Decision::Abstain);
        }
        for reason in glyphs.iter().flat_map(|glyph| &glyph.reasons) {
            if !names.contains(reason) {
                names.push(reason.clone());
            }
        }
        let start = if reasons.is_empty() { Decision::Answer } else { Decision::Abstain };
        let mut page = Self {
            decision: glyphs.iter().map(|glyph| glyph.decision).fold(start, Decision::worse),
            reasons: names,
            text: glyphs.iter().map(|glyph| glyph.class.as_str()).collect(),
            probability: glyphs.iter().map(|glyph| glyph.probability).reduce(|all, one| all * one),
            novelty: glyphs.iter().filter_map(|glyph| glyph.novelty).reduce(f64::max),
            error: None,
            ..Self::failed(Error::new(ErrorKind::Data, ""))
        };
        if let [Sign { opinion: Some(opinion), .. }] = signs {
            page.label = Some(argmax(&opinion.probabilities) as u32);
            page.class = Some(page.text.clone());
            page.set.clone_from(&glyphs[0].set);
            page.probabilities.clone_from(&opinion.probabilities);
        }
        page.glyphs = glyphs;
        page
    }

    /// The entry of an image that could not be read.
    pub fn failed(error: Error) -> Self {
        Self {
            file: None,
            decision: Decision::Error,
            label: None,
            class: None,
            probability: None,
            set: Vec::new(),
            reasons: Vec::new(),
            probabilities: Vec::new(),
            text: String::new(),
            glyphs: Vec::new(),
            novelty: None,
            error: Some(error),
        }
    }

    /// The same, of a file called `name`.
    #[must_use]
    pub fn with_file(mut self, name: impl Into<String>) -> Self {
        self.file = Some(name.into());
        self
    }

    /// The labels from the most to the least probable, equals by index; empty where the image could not be read.
    pub fn ranked(&self) -> Vec<usize> {
        let mut labels: Vec<usize> = (0..self.probabilities.len()).collect();
        labels.sort_by(|&a, &b| self.probabilities[b].total_cmp(&self.probabilities[a]));
        labels
    }
}

impl Decision {
    /// Of two decisions about parts the one about the whole.
    fn worse(self, other: Self) -> Self {
        let rank = |decision| match decision {
            Self::Answer => 0,
            Self::Set => 1,
            Self::Abstain => 2,
            Self::Error => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl Opinion {
    /// The same of a glyph: of a drawing in many parts the model cannot know anything.
    pub(super) fn about(mut self, glyph: &ink::Glyph) -> Self {
        if glyph.n_parts > ink::MAX_PARTS {
            self.verdict.decision = Decision::Abstain;
            self.verdict.reasons.insert(0, judge::Reason::Ink(Reason::TooManyParts));
        }
        self
    }
}

impl Sign {
    /// The probability of its most probable class, as the network itself says.
    pub(super) fn confidence(&self) -> f64 {
        self.opinion.as_ref().map_or(1.0, |opinion| opinion.confidence)
    }

    /// Whether this is what `signs`, which stand close together, are the pieces of: the model is about as sure of it as of
    /// all of them, or, where two of them or more are of full height and so may well be signs, clearly surer.
    pub(super) fn is_one_instead_of(&self, signs: &[Sign]) -> bool {
        let is_full = |sign: &&Sign| sign.bounds[3] * 20 >= self.bounds[3] * 13;
        let needed = if signs.iter().filter(is_full).count() > 1 { 1.1 } else { 0.9 };
        self.confidence() >= needed * signs.iter().map(Sign::confidence).product::<f64>()
    }

    fn glyph(&self, classes: &[String]) -> Glyph {
        let bounds = self.bounds;
        if let Some(Opinion { probabilities, novelty, verdict, .. }) = &self.opinion {
            let best = argmax(probabilities);
            return Glyph {
                bounds,
                class: classes[best].clone(),
                probability: probabilities[best],
                decision: verdict.decision,
                set: verdict.set.iter().map(|&label| classes[label].clone()).collect(),
                reasons: verdict.reasons.iter().map(|reason| reason.name().to_owned()).collect(),
                novelty: *novelty,
                kind: None,
            };
        }
        // Read by its size and place: the model has no class for it.
        let class = self.kind.text().unwrap_or_default().to_owned();
        let (decision, set) = (Decision::Answer, vec![class.clone()]);
        let (reasons, kind) = (Vec::new(), self.kind.name());
        Glyph { bounds, class, probability: 1.0, decision, set, reasons, novelty: None, kind }
    }
}

#[allow(clippy::ref_option)] // serde hands over a reference to the field.
fn error_as_json<S: Serializer>(error: &Option<Error>, serializer: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(Error::to_json).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_entry_of_the_contract() {
        let classes = ["no".to_owned(), "yes".to_owned()];
        let size = Size { height: 20, width: 30, channels: 1 };
        let verdict = Verdict { decision: Decision::Answer, set: vec![1], reasons: Vec::new() };
        let opinion = Opinion { probabilities: vec![0.25, 0.75], confidence: 0.75, novelty: None, verdict };
        let prediction = Prediction::of_image(size, opinion, &classes).with_file("a.png");
        let expected = concat!(
            r#"{"file":"a.png","decision":"answer","label":1,"class":"yes","probability":0.75,"set":["yes"],"#,
            r#""reasons":[],"probabilities":[0.25,0.75],"text":"yes","#,
            r#""glyphs":[{"box":[0,0,30,20],"class":"yes","probability":0.75,"decision":"answer","#,
            r#""set":["yes"],"reasons":[]}],"error":null}"#
        );
        assert_eq!(serde_json::to_string(&prediction).unwrap(), expected);
        assert_eq!(prediction.ranked(), [1, 0]);
    }

    #[test]
    fn an_image_that_cannot_be_read_is_an_entry_with_its_error() {
        let error = Error::new(ErrorKind::Data, "no image").with_file("a.png");
        let json = serde_json::to_value(Prediction::failed(error).with_file("a.png")).unwrap();
        assert_eq!(json["decision"], "error");
        assert_eq!(json["error"]["kind"], "data");
        assert_eq!(json["error"]["message"], "a.png: no image");
        assert!(json["label"].is_null() && json["class"].is_null() && json["probability"].is_null());
        assert_eq!(json["set"], serde_json::json!([]));
        assert_eq!(json["text"], "");
    }
}
