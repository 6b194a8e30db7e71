//! Images that are nothing a model was trained on, made from a seed and from its own test images.

use inkstone::data::dataset::Size;
use inkstone::data::{Dataset, Images};
use inkstone::rng::{Operation, Rng};

/// Images of each kind of noise.
const N: u32 = 2000;
/// Digits that no quarter turn makes into another digit or into themselves.
const TURNED: [&str; 5] = ["2", "3", "4", "5", "7"];

/// Images of one kind.
pub(super) struct Foreign {
    pub(super) name: String,
    pub(super) images: Images,
}

/// Noise, specks, blank images, and the test images turned by 90°.
pub(super) fn made(dataset: &Dataset, test: &[u32], seed: u64) -> Vec<Foreign> {
    let size = dataset.images.size(test[0] as usize);
    let noise = |rng: &mut Rng| -> Vec<u8> { (0..size.len()).map(|_| rng.next_u32() as u8).collect() };
    let specks = |rng: &mut Rng| -> Vec<u8> {
        // A fifth of the pixels, as in handwriting.
        (0..size.len()).map(|_| if rng.unit() < 0.2 { 100 + rng.below(156) as u8 } else { 0 }).collect()
    };
    let drawn = |n: u32, draw: &dyn Fn(&mut Rng) -> Vec<u8>| {
        let image = |i| draw(&mut Rng::new(seed, n, i, Operation::Nonsense));
        Images::uniform(size, (0..N).flat_map(image).collect())
    };
    let blank = (0..=255).flat_map(|level| vec![level; size.len()]).collect();
    vec![
        Foreign { name: "noise".to_owned(), images: drawn(0, &noise) },
        Foreign { name: "specks".to_owned(), images: drawn(1, &specks) },
        Foreign { name: "blank".to_owned(), images: Images::uniform(size, blank) },
        turned(dataset, test, size),
    ]
}

/// Test images turned by 90° to the left. Of digits those alone that are then no digit.
fn turned(dataset: &Dataset, test: &[u32], size: Size) -> Foreign {
    let is_digits = dataset.classes.len() == 10 && dataset.classes.iter().enumerate().all(|(i, c)| *c == i.to_string());
    let class = |i: u32| dataset.classes[dataset.samples[i as usize].label as usize].as_str();
    let fits = |i: u32| size.height == size.width && dataset.images.size(i as usize) == size;
    let chosen = test.iter().copied().filter(|&i| fits(i) && (!is_digits || TURNED.contains(&class(i))));
    let Size { height, width, channels } = size;
    let mut pixels = Vec::new();
    for i in chosen {
        let image = dataset.images.get(i as usize);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            pixels.extend_from_slice(&image.pixels[(x * width + width - 1 - y) * channels..][..channels]);
        }
    }
    Foreign { name: "turned by 90°".to_owned(), images: Images::uniform(size, pixels) }
}
