//! Parquet in Hugging Face's layout, a file per part: `data/train-00000-of-00001.parquet` with columns `image`
//! (struct of bytes and path), `label` (int64, names in the metadata) and, where known, `group`.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use super::folder::{Folder, Output};
use super::{has_groups, parts, stem};
use crate::data::dataset::Dataset;
use crate::data::encode::png_fast;
use crate::error::Result;
use crate::parallel::Pool;

/// Rows of a group: small enough to be read one by one, large enough not to be felt.
const ROWS: usize = 5_000;

pub(super) fn write(dataset: &Dataset, folder: &mut Folder, pool: &Pool) -> Result<()> {
    for (part, range) in parts(dataset) {
        let grouped = has_groups(dataset, &range);
        folder.file(&format!("data/{}-00000-of-00001.parquet", stem(part)), |output| {
            write_rows(dataset, &range, grouped, output, pool).map_err(|error| match error {
                ParquetError::External(error) => io::Error::other(error),
                error => io::Error::other(error.to_string()),
            })
        })?;
    }
    Ok(())
}

fn write_rows(
    dataset: &Dataset,
    range: &Range<usize>,
    grouped: bool,
    output: &mut Output,
    pool: &Pool,
) -> Result<(), ParquetError> {
    let group = if grouped { "optional int64 group;" } else { "" };
    let schema = format!(
        "message schema {{ optional group image {{ optional binary bytes; optional binary path (STRING); }} \
         optional int64 label; {group} }}"
    );
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED) // PNG is packed already
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by(concat!("inkstone version ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), features(dataset, grouped))]))
        .build();
    let schema = Arc::new(parse_message_type(&schema)?);
    let mut writer = SerializedFileWriter::new(output, schema, Arc::new(properties))?;
    for start in range.clone().step_by(ROWS) {
        let rows = start..(start + ROWS).min(range.end);
        let images = pool.map(rows.len(), |k| ByteArray::from(png_fast(dataset.images.get(start + k))));
        let mut group = writer.next_row_group()?;
        write_group(dataset, &rows, &images, (range.start, grouped), &mut group)?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

/// The columns of some rows; `part` is where their part starts, and whether it has groups.
fn write_group(
    dataset: &Dataset,
    rows: &Range<usize>,
    images: &[ByteArray],
    part: (usize, bool),
    group: &mut SerializedRowGroupWriter<'_, &mut Output>,
) -> Result<(), ParquetError> {
    let n = rows.len();
    let samples = &dataset.samples[rows.clone()];
    let nested = vec![2_i16; n];
    binary(group, images, &nested)?;
    let paths: Vec<ByteArray> =
        rows.clone().map(|i| ByteArray::from(format!("{:06}.png", i - part.0).into_bytes())).collect();
    binary(group, &paths, &nested)?;
    let labels: Vec<i64> = samples.iter().map(|sample| sample.label.into()).collect();
    integers(group, &labels, &vec![1; n])?;
    if part.1 {
        let groups: Vec<i64> = samples.iter().filter_map(|sample| sample.group).map(i64::from).collect();
        let levels: Vec<i16> = samples.iter().map(|sample| sample.group.is_some().into()).collect();
        integers(group, &groups, &levels)?;
    }
    Ok(())
}

fn binary(
    group: &mut SerializedRowGroupWriter<'_, &mut Output>,
    values: &[ByteArray],
    levels: &[i16],
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<ByteArrayType>().write_batch(values, Some(levels), None)?;
        column.close()?;
    }
    Ok(())
}

fn integers(
    group: &mut SerializedRowGroupWriter<'_, &mut Output>,
    values: &[i64],
    levels: &[i16],
) -> Result<(), ParquetError> {
    if let Some(mut column) = group.next_column()? {
        column.typed::<Int64Type>().write_batch(values, Some(levels), None)?;
        column.close()?;
    }
    Ok(())
}

/// What Hugging Face's `datasets` reads from the metadata: an image, and a label with names.
fn features(dataset: &Dataset, grouped: bool) -> String {
    let mut features = json!({
        "image": { "_type": "Image" },
        "label": { "names": dataset.classes, "_type": "ClassLabel" },
    });
    if grouped {
        features["group"] = json!({ "dtype": "int64", "_type": "Value" });
    }
    json!({ "info": { "features": features } }).to_string()
}
