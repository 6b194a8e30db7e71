//! Python libraries in virtual environments outside the tree: the one place that says which versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::peers::process;

/// PyTorch and what it needs here.
pub(crate) const PYTORCH: [&str; 4] = ["torch==2.15.0", "torchvision==0.29.2", "numpy==2.4.6", "pillow==13.0.0"];

/// TensorFlow with Keras.
pub(crate) const TENSORFLOW: [&str; 4] = ["tensorflow==2.21.0", "scipy==1.17.1", "numpy==2.4.6", "pillow==13.0.0"];

/// ONNX Runtime.
pub(crate) const ONNXRUNTIME: [&str; 3] = ["onnxruntime==1.32.0", "onnx==1.23.2", "numpy==2.4.6"];

/// The light libraries that read and write data sets.
pub(crate) const TABLES: [&str; 5] =
    ["numpy==2.4.6", "pandas==3.1.1", "pillow==13.0.0", "pyarrow==26.0.1", "safetensors==0.8.0"];

/// Hugging Face's `datasets`.
pub(crate) const DATASETS: [&str; 4] = ["datasets==5.2.0", "numpy==2.4.6", "pillow==13.0.0", "pyarrow==26.0.1"];

/// An installation takes minutes, not hours.
const LIMIT: Duration = Duration::from_secs(3600);

/// Makes an environment with these packages, unless it is there.
pub(crate) fn install(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let (stamp, wanted) = (folder.join("installed"), packages.join(" "));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    println!("installing {wanted} …");
    let python = if cfg!(windows) { "python" } else { "python3" };
    process::output(Command::new(python).args(["-m", "venv"]).arg(folder), LIMIT)?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    process::output(Command::new(interpreter(folder)).args(pip).args(packages), LIMIT)?;
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// The Python of an environment.
pub(crate) fn interpreter(folder: &Path) -> PathBuf {
    folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" })
}

/// `inkstone/peers` in the platform's folder for caches.
pub(crate) fn default_environment() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else {
        variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    caches.unwrap_or_else(std::env::temp_dir).join("inkstone/peers")
}
