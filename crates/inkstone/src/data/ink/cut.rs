//! Some parts of a picture's ink, cut out of it: the rest of the picture counts as ground.

use super::components::{Components, Frame};
use super::plane::Plane;

/// A pixel of the ground, or of another part.
const NONE: u8 = 0;
/// Faint ink that is no part's.
const FREE: u8 = 1;
/// Ink that is taken.
const OWN: u8 = 2;

/// A piece of a picture and where it was.
pub(super) struct Cut {
    pub(super) plane: Plane,
    pub(super) left: usize,
    pub(super) top: usize,
}

/// The ink of the parts (positions in the list), and of the faint pixels that hang on them and are no other part's.
pub(super) fn cut(ink: &Plane, components: &Components, parts: &[usize]) -> Cut {
    let frame = components.frame(parts);
    let reach = (1 + frame.longer() / 40).min(8);
    let around = Frame {
        left: frame.left.saturating_sub(reach),
        top: frame.top.saturating_sub(reach),
        right: (frame.right + reach).min(ink.width),
        bottom: (frame.bottom + reach).min(ink.height),
    };
    let mut is_own = vec![false; components.list.len() + 1];
    parts.iter().for_each(|&part| is_own[part + 1] = true);
    let (width, height) = (around.width(), around.height());
    let places = (around.top..around.bottom).flat_map(|y| (around.left..around.right).map(move |x| y * ink.width + x));
    let kinds = places.map(|i| match components.labels[i] {
        0 if ink.pixels[i] > 0 => FREE,
        0 => NONE,
        label if is_own[label as usize] => OWN,
        _ => NONE,
    });
    let mut kinds = Plane::new(width, height, kinds.collect());
    grow(&mut kinds, reach);
    let values = (0..height).flat_map(|y| &ink.row(around.top + y)[around.left..around.right]);
    let pixels = values.zip(&kinds.pixels).map(|(&value, &kind)| if kind == OWN { value } else { 0 }).collect();
    Cut { plane: Plane::new(width, height, pixels), left: around.left, top: around.top }
}

/// Free pixels next to own ones become own, `reach` times.
fn grow(kinds: &mut Plane, reach: usize) {
    let mut edge: Vec<usize> = (0..kinds.pixels.len()).filter(|&i| kinds.pixels[i] == OWN).collect();
    for _ in 0..reach {
        let mut next = Vec::new();
        for i in edge {
            let (x, y) = (i % kinds.width, i / kinds.width);
            for row in y.saturating_sub(1)..(y + 2).min(kinds.height) {
                for column in x.saturating_sub(1)..(x + 2).min(kinds.width) {
                    let place = row * kinds.width + column;
                    if kinds.pixels[place] == FREE {
                        kinds.pixels[place] = OWN;
                        next.push(place);
                    }
                }
            }
        }
        edge = next;
    }
}
