//! What MODEL means on a command line: a built-in name, a run folder, or a model file, in this order.

use std::path::{Path, PathBuf};

use super::builtin::{BUILTIN, builtin};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, ErrorKind, Result};

/// A model and where it came from.
#[derive(Debug)]
pub struct OpenModel {
    /// The built-in's name, the run folder's name, or the file's name without its ending.
    pub name: String,
    /// The model.
    pub checkpoint: Checkpoint,
    /// The run folder that it stands in, where it stands in one.
    pub run: Option<PathBuf>,
    /// What to tell the user of a choice that was made for him, if one was.
    pub note: Option<String>,
}

/// Opens MODEL. A built-in name wins over a path of the same name, with a note; `./digits` means the path.
///
/// # Errors
/// What is neither, and a checkpoint that is wrong.
pub fn open(model: &str) -> Result<OpenModel> {
    let path = Path::new(model);
    if let Some(bytes) = builtin(model) {
        let note =
            path.exists().then(|| format!("using the built-in model {model}, not the path; say ./{model} for that"));
        return Ok(OpenModel { name: model.to_owned(), checkpoint: Checkpoint::from_bytes(bytes)?, run: None, note });
    }
    if path.is_dir() {
        return open_run(path);
    }
    if !path.exists() {
        return Err(not_a_model(model));
    }
    let checkpoint = Checkpoint::load(path)?;
    let folder = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_path_buf));
    match folder {
        Some(folder) if path.ends_with("model.safetensors") && folder.join("recipe.toml").is_file() => {
            Ok(OpenModel { name: last_name(&folder), checkpoint, run: Some(folder), note: None })
        }
        _ => Ok(OpenModel { name: stem(path), checkpoint, run: None, note: None }),
    }
}

fn open_run(folder: &Path) -> Result<OpenModel> {
    let file = folder.join("model.safetensors");
    if !file.is_file() {
        let error = Error::mismatch(ErrorKind::Checkpoint, "a run folder with model.safetensors", "none in it");
        return Err(error.with_file(folder).with_help("a run has a model after its first epoch"));
    }
    let name = last_name(&folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf()));
    Ok(OpenModel { name, checkpoint: Checkpoint::load(&file)?, run: Some(folder.to_path_buf()), note: None })
}

fn not_a_model(model: &str) -> Error {
    let names: Vec<&str> = BUILTIN.into_iter().filter(|name| builtin(name).is_some()).collect();
    let mut expected = "a run folder or a model file".to_owned();
    if !names.is_empty() {
        expected = format!("a run folder, a model file or a built-in model ({})", names.join(", "));
    }
    let error = Error::mismatch(ErrorKind::Usage, expected, model);
    if BUILTIN.contains(&model) {
        return error.with_help("this build carries no built-in model: train one and name its run folder with --model");
    }
    error.with_help("there is no such path")
}

fn last_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_model_is_a_usage_error_that_says_what_would_be() {
        let error = open("no/such/run").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().starts_with("expected a run folder"), "{error}");
        assert!(error.to_string().contains("found no/such/run; there is no such path"), "{error}");
    }

    #[test]
    fn a_folder_without_a_model_is_told_apart_from_no_folder() {
        let error = open(env!("CARGO_MANIFEST_DIR")).unwrap_err();
        assert!(error.to_string().contains("expected a run folder with model.safetensors"), "{error}");
    }
}
