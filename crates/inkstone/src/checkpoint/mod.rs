//! One safetensors file with everything that an answer needs: parameters, preprocess, classes, trust, provenance.
//!
//! Refuses, before anything runs on it: files that are cut off or too large, another format version, a spec that does
//! not resolve, tensors beyond or short of the plan's names and shapes, values that are not finite.
//! Holds no path, time, host or number of threads: the same training gives the same bytes. Layouts: docs/file-format.md.

mod atomic;
mod tensors;

pub(crate) use atomic::temporary_name;
pub use atomic::write_atomically;
pub(crate) use tensors::{TensorFile, TensorWriter};

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::Preprocess;
use crate::engine::fused::Fused;
use crate::engine::{Isa, Parameters};
use crate::error::{Error, ErrorKind, Result};
use crate::hash::sha256_hex;
use crate::shape::Shape;
use crate::spec::plan::TensorInfo;
use crate::spec::{ModelSpec, Plan};
use crate::trust::{StoredTrust, Trust};

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 1;
/// The most classes that a checkpoint may name.
const MAX_CLASSES: usize = 1 << 16;
/// The longest side of an input image that a checkpoint may ask for.
const MAX_SIDE: usize = 1 << 12;

/// A trained model: what it is, what it was made from, and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The network as it was written.
    pub spec: ModelSpec,
    /// The shape of one input image.
    pub input: Shape,
    /// How an image becomes an input.
    pub preprocess: Preprocess,
    /// The names of the classes; a label is an index into them.
    pub classes: Vec<String>,
    /// Where the values come from.
    pub provenance: Provenance,
    /// The spec resolved for `input` and the classes.
    pub plan: Plan,
    /// The values.
    pub parameters: Parameters,
    /// What it knows of its own limits, where that has been fitted.
    pub trust: Option<Trust>,
    /// The SHA-256 of the bytes that it was read from; `None` where it was made in memory.
    pub sha256: Option<String>,
}

/// Where a model's values come from. Says nothing of the machine or the hour.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Provenance {
    /// The name of the data set.
    pub data_source: String,
    /// The SHA-256 over all images and labels that it was made from.
    pub data_fingerprint: String,
    /// The seed of weights, order and augmentation.
    pub seed: u64,
    /// The SHA-256 of the recipe's text but for its source, which may be a path.
    pub recipe_sha256: String,
    /// The version of Inkstone that trained it.
    pub program_version: String,
    /// The epoch that the values are of, counted from 1.
    pub kept_epoch: usize,
}

/// What stands under the one metadata key, as canonical JSON. Unknown keys are free (DESIGN 5), so they are let by.
#[derive(Serialize, Deserialize)]
struct Metadata {
    version: u32,
    model: ModelSpec,
    /// Height, width, channels; or one length.
    input: Vec<usize>,
    preprocess: Preprocess,
    classes: Vec<String>,
    provenance: Provenance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trust: Option<StoredTrust>,
}

impl Checkpoint {
    /// The file's bytes: a function of the checkpoint's parts alone.
    pub fn to_bytes(&self) -> Vec<u8> {
        let metadata = Metadata {
            version: VERSION,
            model: self.spec.clone(),
            input: self.input.dimensions(),
            preprocess: self.preprocess.clone(),
            classes: self.classes.clone(),
            provenance: self.provenance.clone(),
            trust: self.trust.as_ref().map(StoredTrust::of),
        };
        let mut writer = TensorWriter::default();
        writer.group("parameters", &self.plan.parameters, &self.parameters.values);
        writer.group("state", &self.plan.state, &self.parameters.state);
        if let (Some(trust), Some(stored)) = (&self.trust, &metadata.trust) {
            let infos = stored
                .tensors(self.classes.len(), trust.novelty.projection().n_features())
                .expect("a trust was fitted for its model");
            for (info, values) in infos.iter().zip([&trust.novelty.means, &trust.novelty.factors]) {
                writer.group("trust", std::slice::from_ref(info), values);
            }
        }
        writer.finish(&metadata)
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote.
    ///
    /// # Errors
    /// The first defect, with what was expected and what was found.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let file = TensorFile::parse(bytes)?;
        let Metadata { version: _, model: spec, input, preprocess, classes, provenance, trust } =
            file.metadata(VERSION)?;
        if classes.is_empty() || classes.len() > MAX_CLASSES {
            return Err(wrong("classes", format!("1 to {MAX_CLASSES} classes"), classes.len().to_string()));
        }
        let input = shape(&input)?;
        let size = preprocess.size();
        if input != Shape::image(size.height, size.width, size.channels) {
            return Err(wrong("input", format!("{size}, as the preprocess makes it"), input.to_string()));
        }
        let plan = spec
            .resolve(input, classes.len())
            .map_err(|error| wrong("model", "a spec that resolves".into(), error.to_string()))?;
        let parameters = Parameters {
            values: file.group("parameters", &plan.parameters)?,
            state: file.group("state", &plan.state)?,
        };
        let trust = trust.map(|stored| read_trust(&file, stored, &plan)).transpose()?;
        file.refuse_others(&["trust."])?;
        let sha256 = Some(sha256_hex(bytes));
        Ok(Self { spec, input, preprocess, classes, provenance, plan, parameters, trust, sha256 })
    }

    /// Writes the file so that at any moment either the old or the new one is there, and returns its SHA-256.
    pub fn save(&self, path: &Path) -> Result<String> {
        let bytes = self.to_bytes();
        write_atomically(path, &bytes)?;
        Ok(sha256_hex(&bytes))
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = tensors::read(path)?;
        Self::from_bytes(&bytes).map_err(|error| error.with_file(path))
    }

    /// The SHA-256 of the file that it was read from, or would be written to.
    pub fn sha256(&self) -> String {
        self.sha256.clone().unwrap_or_else(|| sha256_hex(&self.to_bytes()))
    }
}

/// The tensors that belong to the numbers, and both together.
fn read_trust(file: &TensorFile<'_>, stored: StoredTrust, plan: &Plan) -> Result<Trust> {
    let n_features = Fused::compile(plan, Isa::SCALAR).n_features();
    let [means, factors] = stored.tensors(plan.n_classes, n_features)?;
    let read = |info: TensorInfo| -> Result<Vec<f32>> {
        Ok(file.group("trust", std::slice::from_ref(&info))?[info.range()].to_vec())
    };
    stored.with([read(means)?, read(factors)?])
}

fn shape(dimensions: &[usize]) -> Result<Shape> {
    match *dimensions {
        [height, width, channels] if (1..=MAX_SIDE).contains(&height) && (1..=MAX_SIDE).contains(&width) => {
            Ok(Shape::image(height, width, channels))
        }
        _ => {
            Err(wrong("input", format!("[height, width, channels], sides up to {MAX_SIDE}"), format!("{dimensions:?}")))
        }
    }
}

/// A defect at `place` of a checkpoint.
fn wrong(place: &str, expected: String, found: String) -> Error {
    Error::mismatch(ErrorKind::Checkpoint, expected, found).with_place(place)
}
