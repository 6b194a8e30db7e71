//! The hash that a download must have: SHA-256, or MD5 where nothing better is published.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::hash::Sha256;

/// A hash as lower-case hexadecimal, with its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digest {
    /// 64 digits.
    Sha256(String),
    /// 32 digits. Finds damage, not malice.
    Md5(String),
}

impl Digest {
    /// The hash of a file by the algorithm of `self`.
    pub(super) fn of_file_like(&self, path: &Path) -> io::Result<Self> {
        match self {
            Self::Sha256(_) => sha256_of_file(path).map(Self::Sha256),
            Self::Md5(_) => {
                let mut hash = md5::Context::new();
                read_pieces(path, |piece| hash.consume(piece))?;
                Ok(Self::Md5(format!("{:x}", hash.finalize())))
            }
        }
    }

    /// Whether it has as many lower-case hexadecimal digits as its algorithm gives.
    #[cfg(test)]
    pub(super) fn is_well_formed(&self) -> bool {
        let (text, n) = match self {
            Self::Sha256(text) => (text, 64),
            Self::Md5(text) => (text, 32),
        };
        text.len() == n && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(text) => write!(f, "SHA-256 {text}"),
            Self::Md5(text) => write!(f, "MD5 {text}"),
        }
    }
}

/// The SHA-256 of a file's bytes as they are on the disk.
pub(super) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    read_pieces(path, |piece| hash.update(piece))?;
    Ok(hash.finish_hex())
}

fn read_pieces(path: &Path, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(n) => take(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_of_abc_are_those_of_the_standards() {
        let path = std::env::temp_dir().join(format!("inkstone-digest-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-4 and RFC 1321, appendix A.5.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of_file(&path).unwrap(), sha256);
        let md5 = Digest::Md5(String::new()).of_file_like(&path).unwrap();
        assert_eq!(md5, Digest::Md5("900150983cd24fb0d6963f7d28e17f72".into()));
        std::fs::remove_file(&path).unwrap();
    }
}
