//! Named f32 tensors and one JSON text in a safetensors file. Refuses what it would not write itself.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::wrong;
use crate::engine::AlignedBuffer;
use crate::error::{Error, ErrorKind, Result};
use crate::spec::plan::TensorInfo;

/// The one metadata key. The safetensors crate keeps metadata in a hash map: several keys would come out in another
/// order at each save.
const KEY: &str = "inkstone";
/// The largest file that is read: far above any model this engine trains.
const MAX_FILE: u64 = 1 << 30;
/// The longest header (names, shapes, metadata).
const MAX_HEADER: u64 = 1 << 24;

/// Collects tensors, then gives the file's bytes.
#[derive(Default)]
pub(crate) struct TensorWriter {
    tensors: Vec<(String, Vec<usize>, Vec<u8>)>,
}

impl TensorWriter {
    /// Adds the tensors of a flat buffer as `<group>.<name>`.
    pub(crate) fn group(&mut self, group: &str, infos: &[TensorInfo], values: &[f32]) {
        for info in infos {
            let bytes = values[info.range()].iter().flat_map(|value| value.to_le_bytes()).collect();
            self.tensors.push((format!("{group}.{}", info.name), info.shape.clone(), bytes));
        }
    }

    /// The file: the crate orders tensors by name, and a JSON value orders keys, so equal parts give equal bytes.
    pub(crate) fn finish(&self, metadata: &impl Serialize) -> Vec<u8> {
        let json = serde_json::to_value(metadata).expect("metadata has string keys only").to_string();
        let views = self.tensors.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
            (name, view.expect("a tensor has as many values as its shape says"))
        });
        let metadata = [(KEY.to_owned(), json)].into_iter().collect();
        safetensors::serialize(views, Some(metadata)).expect("our own headers are far below the limit")
    }
}

/// A parsed file, not yet trusted: every tensor is asked for by name and shape.
pub(crate) struct TensorFile<'a> {
    tensors: SafeTensors<'a>,
    json: serde_json::Value,
    taken: std::cell::RefCell<Vec<String>>,
}

impl<'a> TensorFile<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        check_header(bytes)?;
        let broken = |error: safetensors::SafeTensorError| {
            Error::new(ErrorKind::Checkpoint, format!("not a whole safetensors file: {error}"))
        };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
        let json = header.metadata().as_ref().and_then(|keys| keys.get(KEY)).ok_or_else(|| {
            wrong("metadata", format!("the key `{KEY}`"), "none".into())
                .with_help("this safetensors file was not written by inkstone")
        })?;
        let json = serde_json::from_str(json).map_err(|error| wrong("metadata", "JSON".into(), error.to_string()))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
        Ok(Self { tensors, json, taken: std::cell::RefCell::default() })
    }

    /// The metadata, if it is of this version.
    pub(crate) fn metadata<T: DeserializeOwned>(&self, version: u32) -> Result<T> {
        let found = self.json.get("version").map_or_else(|| "none".to_owned(), ToString::to_string);
        if found != version.to_string() {
            return Err(wrong("metadata", format!("format version {version}"), found)
                .with_help("a newer inkstone may be able to read it"));
        }
        T::deserialize(&self.json)
            .map_err(|error| wrong("metadata", format!("format version {version}"), error.to_string()))
    }

    /// The tensors `<group>.<name>` as a flat buffer: each must be there, with this shape, all finite.
    pub(crate) fn group(&self, group: &str, infos: &[TensorInfo]) -> Result<AlignedBuffer> {
        let len =
            infos.last().map_or(0, |info| (info.offset + info.len).next_multiple_of(crate::spec::plan::ALIGNMENT));
        // Before the allocation: the file must hold as many bytes as the spec asks for.
        for info in infos {
            self.view(group, info)?;
        }
        let mut values = AlignedBuffer::zeros(len);
        for info in infos {
            let view = self.view(group, info)?;
            let target = &mut values[info.range()];
            for (value, bytes) in target.iter_mut().zip(view.data().as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*bytes);
            }
            if let Some(value) = target.iter().find(|value| !value.is_finite()) {
                return Err(wrong(&place(group, info), "finite values".into(), value.to_string()));
            }
            self.taken.borrow_mut().push(format!("{group}.{}", info.name));
        }
        Ok(values)
    }

    /// Refuses tensors that nobody asked for, but for those whose name starts with one of `allowed`.
    pub(crate) fn refuse_others(&self, allowed: &[&str]) -> Result<()> {
        let taken = self.taken.borrow();
        let mut names = self.tensors.names();
        names.sort_unstable();
        match names.into_iter().find(|name| {
            !taken.iter().any(|taken| taken == name) && !allowed.iter().any(|prefix| name.starts_with(prefix))
        }) {
            Some(name) => Err(wrong(&format!("tensor {name}"), "only the model's tensors".into(), "one more".into())),
            None => Ok(()),
        }
    }

    fn view(&self, group: &str, info: &TensorInfo) -> Result<TensorView<'a>> {
        let place = place(group, info);
        let expected = format!("f32 values of shape {:?}", info.shape);
        let view = self
            .tensors
            .tensor(&format!("{group}.{}", info.name))
            .map_err(|_| wrong(&place, expected.clone(), "no such tensor".into()))?;
        if view.dtype() != Dtype::F32 || view.shape() != info.shape {
            return Err(wrong(&place, expected, format!("{} of shape {:?}", view.dtype(), view.shape())));
        }
        Ok(view)
    }
}

fn place(group: &str, info: &TensorInfo) -> String {
    format!("tensor {group}.{}", info.name)
}

/// The header's length stands first; it is checked before anything is parsed.
fn check_header(bytes: &[u8]) -> Result<()> {
    let Some(length) = bytes.first_chunk::<8>() else {
        return Err(wrong("offset 0", "8 bytes of header length".into(), format!("{} bytes", bytes.len())));
    };
    let length = u64::from_le_bytes(*length);
    let limit = MAX_HEADER.min(bytes.len() as u64 - 8);
    if length > limit {
        return Err(wrong("offset 0", format!("a header of at most {limit} bytes"), format!("{length} bytes"))
            .with_help("the file is cut off or not a safetensors file"));
    }
    Ok(())
}

/// The bytes of a file that is not larger than any checkpoint.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| Error::io(path, "open", &error))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| Error::io(path, "read", &error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::mismatch(ErrorKind::Checkpoint, format!("at most {MAX_FILE} bytes"), "more").with_file(path));
    }
    Ok(bytes)
}
