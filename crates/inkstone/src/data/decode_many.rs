//! Many encoded images, whatever they lie in, decoded in parallel into [`Images`]. Stops keeping pixels at a limit.

use std::sync::atomic::{AtomicU64, Ordering};

use super::dataset::Images;
use super::decode::DecodedImage;
use crate::error::{Error, ErrorKind, Result};
use crate::parallel::Pool;

/// The most memory that a source's decoded images may take: 8 GiB.
pub(super) const MAX_BYTES: u64 = 8 << 30;

/// Small images that a thread copies in one go.
const IMAGES_PER_TASK: usize = 256;

/// How many bad images an error lists.
const MAX_LISTED: usize = 20;

/// `decode(0)`, …, `decode(n − 1)` as images of one dataset.
///
/// # Errors
/// All that `decode` refuses, up to 20 of them in one line, and images that need more memory than [`MAX_BYTES`].
pub(super) fn decode_many(
    n: usize,
    pool: &Pool,
    decode: impl Fn(usize) -> Result<DecodedImage> + Send + Sync,
) -> Result<Images> {
    let total = AtomicU64::new(0);
    let results = pool.map(n, |i| {
        // Once over the limit nothing more is kept: the memory is what the limit protects.
        if total.load(Ordering::Relaxed) > MAX_BYTES {
            return Ok(None);
        }
        let image = decode(i)?;
        total.fetch_add(image.pixels.len() as u64, Ordering::Relaxed);
        Ok(Some(image))
    });
    let bad: Vec<&Error> = results.iter().filter_map(|result: &Result<_>| result.as_ref().err()).collect();
    if !bad.is_empty() {
        return Err(list_bad(&bad, n));
    }
    let images: Option<Vec<DecodedImage>> = results.into_iter().filter_map(Result::ok).collect();
    let images = images.ok_or_else(|| too_large("more"))?;
    if images.is_empty() {
        return Err(Error::mismatch(ErrorKind::Data, "1 to 4294967295 images", "0 images"));
    }
    Ok(join(&images, pool))
}

/// More than may be kept in memory.
pub(super) fn too_large(found: impl Into<String>) -> Error {
    Error::mismatch(ErrorKind::Data, "images of at most 8 GiB once decoded", found)
}

fn join(images: &[DecodedImage], pool: &Pool) -> Images {
    let size = images[0].size;
    if images.iter().any(|image| image.size != size) {
        return Images::collect(images.iter().map(DecodedImage::as_image));
    }
    let mut pixels = vec![0; images.len() * size.len()];
    pool.for_each_chunk(&mut pixels, IMAGES_PER_TASK * size.len(), |task, pixels| {
        for (place, image) in pixels.chunks_exact_mut(size.len()).zip(&images[task * IMAGES_PER_TASK..]) {
            place.copy_from_slice(&image.pixels);
        }
    });
    Images::uniform(size, pixels)
}

/// One bad image speaks for itself; several are listed.
fn list_bad(bad: &[&Error], n: usize) -> Error {
    if let [only] = bad {
        return (*only).clone();
    }
    let listed: Vec<String> = bad.iter().take(MAX_LISTED).map(|error| format!("({error})")).collect();
    let more = if bad.len() > MAX_LISTED { format!(" and {} more", bad.len() - MAX_LISTED) } else { String::new() };
    Error::new(ErrorKind::Data, format!("{} of {n} images cannot be read: {}{more}", bad.len(), listed.join(" ")))
}
