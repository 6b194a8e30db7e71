//! The end of a training: the model measured, and everything that is made from that. A function of the model and the images,
//! so that it can be made again.

use inkstone::data::{Dataset, Part};
use inkstone::evaluate::{self, About, DataInfo, ModelInfo};
use inkstone::predict::Predictor;
use inkstone::report::{self, Material, ReportFile, Training};
use inkstone::train::folder::{self, RunFolder};
use inkstone::train::{Ended, Ending};
use inkstone::{Error, ErrorKind, Result};

use super::Job;
use crate::Outcome;
use crate::context::{Context, to_json};
use crate::machine::machine;

impl Job {
    /// Measures the model, writes the report and what belongs to it, and prints it.
    pub(super) fn finish(&self, run: &RunFolder, ended: &Ended, context: &Context) -> Result<Outcome> {
        let terminal = context.terminal;
        terminal.note(&ended.kept_because);
        terminal.note(&ended.verdict);
        let model = inkstone::predict::open(&run.path().to_string_lossy())?;
        let (part, images) = &self.measured;
        if images.samples.is_empty() {
            return Err(Error::mismatch(ErrorKind::Data, "a test or validation part to report on", "none")
                .with_help("the model is trained and saved; measure it with `inkstone evaluate`"));
        }
        if *part != Part::Test {
            terminal.warn("there is no test part: the report is about the validation part, which chose the epoch");
        }
        let info = ModelInfo { name: model.name, sha256: model.checkpoint.sha256(), kept_epoch: ended.kept_epoch };
        let about = About { model: info, data: self.data_info(*part, images) };
        let (predictor, pool) = (Predictor::from_checkpoint(model.checkpoint, context.isa), context.pool()?);
        let all: Vec<u32> = (0..images.samples.len() as u32).collect();
        let measured = evaluate::measure(&predictor, pool, images, &all)?;
        let report = evaluate::report(&measured, &predictor, images, (about, pool));
        let document = to_json(&report) + "\n";
        let material = Material {
            report: &report,
            measured: &measured,
            dataset: images,
            model: predictor.checkpoint(),
            training: Some(self.training(ended)),
            stress: None,
            suspects: self.suspects.as_ref(),
            machine: &machine(context, pool.n_threads()),
        };
        let predictions = evaluate::predictions_csv(&self.names, &measured, predictor.classes());
        let mut files = report::files(&material)?;
        files.push(ReportFile { name: folder::PREDICTIONS, bytes: predictions.into_bytes() });
        // What a run that had ended holds already stays, whoever asks again and on which machine.
        let is_kept =
            ended.ending == Ending::NothingToDo && run.read(folder::REPORT)?.as_deref() == Some(document.as_bytes());
        for file in files {
            if !is_kept || run.read(file.name)?.is_none() {
                run.write_if_changed(file.name, &file.bytes)?;
            }
        }
        run.write_if_changed(folder::REPORT, document.as_bytes())?;
        context.print(&if context.json { document } else { evaluate::text(&report) });
        terminal.note(&format!("saved in {0}; {0}/{1} shows it all", run.path().display(), folder::REPORT_HTML));
        Ok(Outcome::Done)
    }

    fn data_info(&self, part: Part, images: &Dataset) -> DataInfo {
        DataInfo {
            source: self.source.clone(),
            part: part.name().to_owned(),
            n: images.samples.len(),
            fingerprint: self.fingerprint.clone(),
        }
    }

    fn training<'a>(&'a self, ended: &'a Ended) -> Training<'a> {
        Training {
            recipe: &self.text,
            metrics: &ended.metrics,
            n_training: self.samples[0].len(),
            n_validation: self.samples[1].len(),
            samples: Some(&self.samples[0]),
            augment: self.augment.as_ref(),
        }
    }
}
