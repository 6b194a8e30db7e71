//! `predictions.csv`: what the model of a run answered to each image that its report is about. Columns `sample` (id and
//! content, as in `split.json`), `label`, `predicted`, `probability`.

use std::path::Path;

use super::compare::Judged;
use super::measured::Measured;
use crate::data::Dataset;
use crate::data::fingerprint::Fingerprint;
use crate::error::{Error, ErrorKind, Result};

/// The columns of the file.
const COLUMNS: [&str; 4] = ["sample", "label", "predicted", "probability"];

/// The names of samples: id, `#`, 16 digits of the content's hash.
pub fn sample_names(dataset: &Dataset, hashes: &Fingerprint, indices: &[u32]) -> Vec<String> {
    let name = |&i: &u32| format!("{}#{}", dataset.samples[i as usize].id, hashes.short(i as usize));
    indices.iter().map(name).collect()
}

/// The file's text. `samples` are the names of what was measured, in its order.
///
/// # Panics
/// If there are not as many names as samples.
pub fn predictions_csv(samples: &[String], measured: &Measured, classes: &[String]) -> String {
    assert_eq!(samples.len(), measured.len(), "each sample has a name");
    let mut writer = csv::Writer::from_writer(Vec::new());
    let in_memory = "a vector takes all";
    writer.write_record(COLUMNS).expect(in_memory);
    for (k, sample) in samples.iter().enumerate() {
        let [label, predicted] =
            [measured.labels[k], measured.predicted(k)].map(|label| classes[label as usize].as_str());
        let probability = format!("{:.6}", measured.confidence(k));
        writer.write_record([sample, label, predicted, &probability]).expect(in_memory);
    }
    String::from_utf8(writer.into_inner().expect(in_memory)).expect("text is written as UTF-8")
}

/// What was measured, for comparing.
///
/// # Panics
/// If there are not as many names as samples.
pub fn judged(name: &str, samples: Vec<String>, measured: &Measured, classes: &[String]) -> Judged {
    assert_eq!(samples.len(), measured.len(), "each sample has a name");
    let names = |labels: &[u32]| labels.iter().map(|&label| classes[label as usize].clone()).collect();
    let (labels, predicted) = (names(&measured.labels), names(&measured.all_predicted()));
    Judged { name: name.to_owned(), samples, labels, predicted }
}

/// Reads the file of a run that is called `name`.
///
/// # Errors
/// `Io` where it cannot be read, `Data` where it has other columns or rows of another length.
pub fn read_predictions(path: &Path, name: &str) -> Result<Judged> {
    let mut reader = csv::Reader::from_path(path).map_err(|error| wrong(path, &error))?;
    let header = reader.headers().map_err(|error| wrong(path, &error))?;
    if header != COLUMNS.as_slice() {
        let found = header.iter().collect::<Vec<_>>().join(",");
        return Err(Error::mismatch(ErrorKind::Data, COLUMNS.join(","), found).with_file(path).with_place("line 1"));
    }
    let mut judged = Judged { name: name.to_owned(), samples: Vec::new(), labels: Vec::new(), predicted: Vec::new() };
    for record in reader.records() {
        let record = record.map_err(|error| wrong(path, &error))?;
        judged.samples.push(record[0].to_owned());
        judged.labels.push(record[1].to_owned());
        judged.predicted.push(record[2].to_owned());
    }
    Ok(judged)
}

fn wrong(path: &Path, error: &csv::Error) -> Error {
    match error.kind() {
        csv::ErrorKind::Io(error) => Error::io(path, "read the predictions", error),
        _ => Error::mismatch(ErrorKind::Data, "rows of four columns", error.to_string()).with_file(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let classes = ["a, b".to_owned(), "\"c\"".to_owned()];
        let measured = Measured {
            indices: vec![0, 1],
            labels: vec![0, 1],
            probabilities: vec![0.75, 0.25, 0.5, 0.5],
            n_classes: 2,
            judged: None,
        };
        let names = ["x/1#ab".to_owned(), "x,2#cd".to_owned()];
        let text = predictions_csv(&names, &measured, &classes);
        assert!(text.ends_with("\"x,2#cd\",\"\"\"c\"\"\",\"a, b\",0.500000\n"), "{text}");
        let path = std::env::temp_dir().join(format!("inkstone-predictions-{}.csv", std::process::id()));
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read_predictions(&path, "n").unwrap(), judged("n", names.to_vec(), &measured, &classes));
        for (text, expected) in [
            ("a,b\n", "line 1: expected sample,label,predicted,probability, found a,b"),
            (&(COLUMNS.join(",") + "\n1,2\n"), "expected rows of four columns"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read_predictions(&path, "n").unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        std::fs::remove_file(path).unwrap();
    }
}
