//! Makes the frames under `data/` from the four raw IDX files in a folder:
//!
//! ```text
//! cargo run --release -p inkstone-mnist --example pack -- FOLDER crates/inkstone-mnist/data
//! ```
//!
//! Takes about a minute. The crate embeds what this writes, so a change of the cuts here is a change of `src/lib.rs`;
//! its tests compare the unpacked bytes with the published hashes.

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use zstd::bulk::Compressor;
use zstd::zstd_safe::CParameter;

/// Into how many frames the training images go.
const N_TRAIN_FRAMES: usize = 3;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [source, target] = arguments.as_slice() else {
        eprintln!("usage: pack FOLDER_OF_IDX_FILES TARGET_FOLDER");
        return ExitCode::from(2);
    };
    match pack(Path::new(source), Path::new(target)) {
        Ok(n_bytes) => println!("{n_bytes} bytes together"),
        Err(error) => {
            eprintln!("pack: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Writes all frames and answers their size together.
fn pack(source: &Path, target: &Path) -> io::Result<usize> {
    let [train_images, train_labels, test_images, test_labels] = inkstone_mnist::RAW_FILE_NAMES;
    let mut n_bytes = 0;
    let images = read_body(&source.join(train_images), 16)?;
    for (i, chunk) in images.chunks(images.len() / N_TRAIN_FRAMES).enumerate() {
        n_bytes += write_frame(&target.join(format!("train-images-{i}.zst")), chunk)?;
    }
    for (file, header_len, frame) in [
        (train_labels, 8, "train-labels.zst"),
        (test_images, 16, "test-images.zst"),
        (test_labels, 8, "test-labels.zst"),
    ] {
        n_bytes += write_frame(&target.join(frame), &read_body(&source.join(file), header_len)?)?;
    }
    Ok(n_bytes)
}

/// The bytes behind the IDX header, which `raw_files` writes anew.
fn read_body(path: &Path, header_len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = fs::read(path).map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
    bytes.drain(..header_len.min(bytes.len()));
    Ok(bytes)
}

/// The strongest setting of zstd, with a window over the whole frame.
fn write_frame(path: &Path, bytes: &[u8]) -> io::Result<usize> {
    let mut compressor = Compressor::new(22)?;
    compressor.set_parameter(CParameter::WindowLog(27))?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    let frame = compressor.compress(bytes)?;
    fs::write(path, &frame)?;
    println!("{}: {} bytes from {}", path.display(), frame.len(), bytes.len());
    Ok(frame.len())
}
