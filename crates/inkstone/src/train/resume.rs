//! `resume.safetensors`: the exact state of a training, and the commit record of its run.
//!
//! It is written last and carries the hash of `model.safetensors`: where the two disagree, a process was killed between
//! them, and the model is made anew from here. Not a checkpoint: its bytes hold times and are compared with nothing.

use serde::{Deserialize, Serialize};

use super::optimizer::Optimizer;
use super::state::{Kept, Position, State};
use crate::checkpoint::{TensorFile, TensorWriter};
use crate::engine::Parameters;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::{Plan, TrainSpec};

const VERSION: u32 = 1;

/// What the state was reached with: a resumed run must have the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Circumstances {
    /// The recipe's text.
    pub(crate) recipe: String,
    /// Of the data.
    pub(crate) data_fingerprint: String,
    /// Of `split.json`.
    pub(crate) split_sha256: String,
    /// The instruction set: another one goes on with other roundings.
    pub(crate) isa: String,
    /// The version of the program: the same holds.
    pub(crate) program_version: String,
    /// Lanes of a whole batch, by the engine's rule: a rule that changes sums in another order.
    pub(crate) n_lanes: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    version: u32,
    circumstances: Circumstances,
    position: Position,
    n_optimizer_steps: u64,
    kept: Option<KeptEpoch>,
    model_sha256: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptEpoch {
    epoch: usize,
    validation_loss: Option<f64>,
}

/// What is read before the network is resolved: which recipe the tensors belong to.
pub(crate) fn circumstances(bytes: &[u8]) -> Result<Circumstances> {
    let file = TensorFile::parse(bytes)?;
    Ok(file.metadata::<Metadata>(VERSION)?.circumstances)
}

/// The file's bytes.
pub(crate) fn encode(plan: &Plan, state: &State, circumstances: &Circumstances, model_sha256: Option<&str>) -> Vec<u8> {
    let mut writer = TensorWriter::default();
    writer.group("parameters", &plan.parameters, &state.parameters.values);
    writer.group("state", &plan.state, &state.parameters.state);
    for (i, moment) in state.optimizer.moments.iter().enumerate() {
        writer.group(&format!("moment_{}", i + 1), &plan.parameters, moment);
    }
    if let Some(average) = &state.average {
        writer.group("average", &plan.parameters, average);
    }
    if let Some(kept) = &state.kept {
        writer.group("kept.parameters", &plan.parameters, &kept.parameters.values);
        writer.group("kept.state", &plan.state, &kept.parameters.state);
    }
    writer.finish(&Metadata {
        version: VERSION,
        circumstances: circumstances.clone(),
        position: state.position.clone(),
        n_optimizer_steps: state.optimizer.n_steps,
        kept: state.kept.as_ref().map(|kept| KeptEpoch { epoch: kept.epoch, validation_loss: kept.validation_loss }),
        model_sha256: model_sha256.map(str::to_owned),
    })
}

/// The state, and the hash of the model that belongs to it.
pub(crate) fn decode(bytes: &[u8], plan: &Plan, spec: &TrainSpec) -> Result<(State, Option<String>)> {
    let file = TensorFile::parse(bytes)?;
    let metadata: Metadata = file.metadata(VERSION)?;
    let mut optimizer = Optimizer::new(spec, plan.parameter_buffer_len());
    optimizer.n_steps = metadata.n_optimizer_steps;
    for (i, moment) in optimizer.moments.iter_mut().enumerate() {
        *moment = file.group(&format!("moment_{}", i + 1), &plan.parameters)?;
    }
    let read = |prefix: &str| -> Result<Parameters> {
        Ok(Parameters {
            values: file.group(&format!("{prefix}parameters"), &plan.parameters)?,
            state: file.group(&format!("{prefix}state"), &plan.state)?,
        })
    };
    let kept = match metadata.kept {
        Some(KeptEpoch { epoch, validation_loss }) => Some(Kept { epoch, validation_loss, parameters: read("kept.")? }),
        None => None,
    };
    let average = spec.ema.map(|_| file.group("average", &plan.parameters)).transpose()?;
    let state = State { parameters: read("")?, optimizer, average, kept, position: metadata.position };
    file.refuse_others(&[])?;
    check_position(&state)?;
    Ok((state, metadata.model_sha256))
}

/// The numbers must agree with each other: nothing behind this checks again.
fn check_position(state: &State) -> Result<()> {
    let position = &state.position;
    let agrees = position.metrics.len() == position.epoch
        && position.metrics.iter().enumerate().all(|(i, line)| line.epoch == i + 1)
        && state.kept.is_some() == (position.epoch > 0)
        && state.kept_epoch().is_none_or(|epoch| (1..=position.epoch).contains(&epoch));
    if agrees {
        return Ok(());
    }
    Err(Error::mismatch(
        ErrorKind::Checkpoint,
        "a line of metrics for each epoch and one of them kept",
        format!("{} lines for {} epochs", position.metrics.len(), position.epoch),
    )
    .with_place("metadata"))
}
