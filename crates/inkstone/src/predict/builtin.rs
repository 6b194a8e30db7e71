//! The models inside the library. Each is a small checkpoint; the recipe that made it stands under recipes/.

/// The names of all models that a build can carry.
pub const BUILTIN: [&str; 1] = ["digits"];

/// The bytes of the built-in model `name`, where there is one and this build carries it (feature `digits`).
pub fn builtin(name: &str) -> Option<&'static [u8]> {
    match name {
        // Made by `cargo xtask digits` from recipes/digits.toml.
        #[cfg(feature = "digits")]
        "digits" => Some(include_bytes!("../../models/digits.safetensors")),
        _ => None,
    }
}
