//! SHA-256 as lower-case hexadecimal: fingerprints of data, checkpoints and recipes.

use hmac_sha256::Hash;

/// The SHA-256 of `bytes`, 64 hexadecimal digits.
///
/// ```
/// assert!(inkstone::hash::sha256_hex(b"abc").starts_with("ba7816bf8f01cfea"));
/// ```
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Hash::hash(bytes))
}

/// The SHA-256 of bytes that come in pieces.
#[derive(Default)]
pub struct Sha256(Hash);

impl Sha256 {
    /// An empty hash.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds a piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    /// The hash of all pieces, 64 hexadecimal digits.
    pub fn finish_hex(self) -> String {
        hex(&self.0.finalize())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).expect("a nibble is a hexadecimal digit"));
        }
        text
    })
}
