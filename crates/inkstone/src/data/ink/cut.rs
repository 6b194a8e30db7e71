//! Some parts of a picture's ink, cut out of it: the rest of the picture counts as ground.

use super::components::{Components, Frame};
use super::plane::Plane;

/// The ink of the parts (positions in the list) and of the faint pixels around them that are no other part's, with
/// the place of its top left corner.
pub(super) fn cut(ink: &Plane, components: &Components, parts: &[usize]) -> (Plane, Frame) {
    let frame = parts.iter().map(|&part| components.list[part].frame).reduce(Frame::with);
    let frame = frame.expect("a glyph has at least one part");
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
    // 2: own, 1: faint and nobody's, 0: ground or another's.
    let kinds = places.map(|i| match components.labels[i] {
        0 => u8::from(ink.pixels[i] > 0),
        label => 2 * u8::from(is_own[label as usize]),
    });
    let mut kinds = Plane::new(width, height, kinds.collect());
    for _ in 0..reach {
        grow(&mut kinds);
    }
    let values = (0..height).flat_map(|y| &ink.row(around.top + y)[around.left..around.right]);
    let pixels = values.zip(&kinds.pixels).map(|(&value, &kind)| if kind == 2 { value } else { 0 }).collect();
    (Plane::new(width, height, pixels), around)
}

/// Nobody's pixels next to own ones become own.
fn grow(kinds: &mut Plane) {
    let near = kinds.map(|kind| u8::from(kind == 2)).dilated(1);
    kinds.pixels.iter_mut().zip(&near.pixels).for_each(|(kind, &near)| {
        if *kind == 1 && near == 1 {
            *kind = 2;
        }
    });
}
