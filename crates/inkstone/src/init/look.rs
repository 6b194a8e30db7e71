//! What can be seen of images without training: sizes, colours, ground, numbers, names.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::data::dataset::{Dataset, Image, Part, SampleId, Size};
use crate::data::groups::Pattern;

/// Patterns of file names that are looked for.
const PATTERNS: [&str; 2] = ["{group}_*", "{group}-*"];

/// Fewer groups cannot be divided into three parts.
const FEWEST_GROUPS: usize = 10;

/// A dataset in the numbers that a recipe depends on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Look {
    /// All images.
    pub n_images: usize,
    /// All classes.
    pub n_classes: usize,
    /// How many images the source puts in train (or in no part), validation and test.
    pub parts: [usize; 3],
    /// Images of the smallest and the largest class that train has.
    pub class_sizes: [usize; 2],
    /// Height and width that all images share.
    pub uniform_size: Option<[usize; 2]>,
    /// The median height and width.
    pub median_size: [usize; 2],
    /// The greatest height and width.
    pub largest_size: [usize; 2],
    /// Images with a pixel that is not grey.
    pub n_coloured: usize,
    /// Images whose border is mostly light.
    pub n_light_ground: usize,
    /// Images with the pixels of an earlier one.
    pub n_copies: usize,
    /// Whether the source knows groups.
    pub has_groups: bool,
    /// A pattern of file names that divides them into groups, and how many.
    pub group_pattern: Option<(&'static str, usize)>,
}

impl Look {
    /// Looks at every image once. `copies` are lists of positions of images with the same pixels.
    pub fn at(dataset: &Dataset, copies: &[Vec<u32>]) -> Self {
        let sizes: Vec<Size> = (0..dataset.images.len()).map(|i| dataset.images.get(i).size).collect();
        let median = |side: fn(&Size) -> usize| {
            let mut sides: Vec<usize> = sizes.iter().map(side).collect();
            sides.sort_unstable();
            sides.get(sides.len() / 2).copied().unwrap_or(0)
        };
        let largest = |side: fn(&Size) -> usize| sizes.iter().map(side).max().unwrap_or(0);
        let is_uniform = sizes.iter().all(|size| (size.height, size.width) == (sizes[0].height, sizes[0].width));
        let count = |test: fn(Image<'_>) -> bool| (0..sizes.len()).filter(|&i| test(dataset.images.get(i))).count();
        let counts = dataset.counts();
        let of_part = |part: usize| counts.iter().map(|class| class[part]).sum::<usize>();
        let training = || counts.iter().map(|class| class[0] + class[3]).filter(|&n| n > 0);
        Self {
            n_images: sizes.len(),
            n_classes: dataset.classes.len(),
            parts: [of_part(0) + of_part(3), of_part(Part::Validation as usize), of_part(Part::Test as usize)],
            class_sizes: [training().min().unwrap_or(0), training().max().unwrap_or(0)],
            uniform_size: is_uniform.then(|| [sizes[0].height, sizes[0].width]),
            median_size: [median(|size| size.height), median(|size| size.width)],
            largest_size: [largest(|size| size.height), largest(|size| size.width)],
            n_coloured: count(is_coloured),
            n_light_ground: count(has_light_ground),
            n_copies: copies.iter().map(|list| list.len() - 1).sum(),
            has_groups: dataset.samples.iter().any(|sample| sample.group.is_some()),
            group_pattern: group_pattern(dataset),
        }
    }
}

/// Grey images are often stored as RGB.
fn is_coloured(image: Image<'_>) -> bool {
    image.size.channels == 3 && image.pixels.chunks_exact(3).any(|pixel| pixel[0] != pixel[1] || pixel[1] != pixel[2])
}

/// Whether more than half of the border's bytes are nearer to white.
fn has_light_ground(image: Image<'_>) -> bool {
    let Size { height, width, channels } = image.size;
    let row = width * channels;
    let rows = [&image.pixels[..row], &image.pixels[(height - 1) * row..]].concat();
    let columns = (0..height).flat_map(|y| {
        let line = &image.pixels[y * row..(y + 1) * row];
        line[..channels].iter().chain(&line[row - channels..]).copied()
    });
    let border: Vec<u8> = rows.into_iter().chain(columns).collect();
    border.iter().filter(|&&value| value > 127).count() * 2 > border.len()
}

/// A pattern that fits every file, with at least ten groups of three images and more on average, most of them in several
/// classes: so it is neither the class's name nor a running number.
fn group_pattern(dataset: &Dataset) -> Option<(&'static str, usize)> {
    let paths: Vec<String> = dataset
        .samples
        .iter()
        .map(|sample| if let SampleId::File(_) = sample.id { sample.id.to_string() } else { String::new() })
        .collect();
    PATTERNS.into_iter().find_map(|text| {
        let pattern = Pattern::parse(text).ok()?;
        let mut classes: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
        for (path, sample) in paths.iter().zip(&dataset.samples) {
            classes.entry(pattern.group(path)?).or_default().insert(sample.label);
        }
        let n_several = classes.values().filter(|labels| labels.len() > 1).count();
        let is_plausible =
            classes.len() >= FEWEST_GROUPS && paths.len() >= 3 * classes.len() && n_several * 2 > classes.len();
        is_plausible.then_some((text, classes.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::{Images, Sample};

    fn files(paths: &[String]) -> Dataset {
        let size = Size { height: 1, width: 1, channels: 1 };
        let sample = |(i, path): (usize, &String)| Sample {
            label: (i % 3) as u32,
            part: None,
            id: SampleId::File(path.into()),
            group: None,
        };
        Dataset {
            name: "mine".into(),
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            images: Images::collect(paths.iter().map(|_| Image { size, pixels: &[0] })),
            samples: paths.iter().enumerate().map(sample).collect(),
        }
    }

    #[test]
    fn names_that_tell_a_writer_are_told_from_numbers_and_classes() {
        let names = |name: fn(usize) -> String| group_pattern(&files(&(0..120).map(name).collect::<Vec<_>>()));
        assert_eq!(names(|i| format!("c/w{}_{i}.png", i / 10)), Some(("{group}_*", 12)));
        assert_eq!(names(|i| format!("c/w{}-{i}.png", i / 10)), Some(("{group}-*", 12)));
        assert_eq!(names(|i| format!("c/img_{i}.png")), None, "one group is none");
        assert_eq!(names(|i| format!("c/{i}_a.png")), None, "a number for each is none");
        assert_eq!(names(|i| format!("c/class{}_{i}.png", i % 3)), None, "the class is none");
    }

    #[test]
    fn ground_and_colour_are_seen() {
        let size = Size { height: 3, width: 3, channels: 1 };
        assert!(has_light_ground(Image { size, pixels: &[255, 255, 255, 255, 0, 255, 255, 0, 255] }));
        assert!(!has_light_ground(Image { size, pixels: &[0, 0, 0, 0, 255, 0, 0, 0, 0] }));
        let size = Size { height: 1, width: 2, channels: 3 };
        assert!(!is_coloured(Image { size, pixels: &[7, 7, 7, 9, 9, 9] }));
        assert!(is_coloured(Image { size, pixels: &[7, 7, 7, 9, 9, 8] }));
    }
}
