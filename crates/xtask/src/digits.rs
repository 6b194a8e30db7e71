//! `cargo xtask digits`: trains the built-in model `digits` from its recipe and puts it into the library.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The run folder, from the repository's root.
const RUN: &str = "target/digits";
/// Where the library takes the model from.
const MODEL: &str = "crates/inkstone/models/digits.safetensors";

/// Trains and copies. The program that trains is built without the built-in model, so that none is needed to make one.
pub(crate) fn run() -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["run", "--release", "--package", "inkstone-cli", "--no-default-features", "--"];
    let train = ["train", "digits", "--out", RUN, "--force"];
    let status = Command::new(cargo).args(build).args(train).current_dir(&root).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("the training ended with {status}")),
        Err(error) => return Err(format!("cannot start cargo: {error}")),
    }
    fs::create_dir_all(root.join("crates/inkstone/models"))
        .and_then(|()| fs::copy(root.join(RUN).join("model.safetensors"), root.join(MODEL)))
        .map_err(|error| format!("cannot copy the model: {error}"))?;
    println!("{MODEL} is new; put the report's numbers into crates/inkstone/recipes/digits.toml");
    Ok(())
}
