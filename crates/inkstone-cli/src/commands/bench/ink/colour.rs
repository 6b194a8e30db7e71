//! What colour paper, print and ink have.

use inkstone::rng::Rng;

use super::condition::Ground;

/// Red, green and blue between 0 and 255.
pub(super) type Colour = [f32; 3];

/// The colours of one picture.
pub(super) struct Colours {
    pub(super) paper: Colour,
    pub(super) pen: Colour,
    /// Of printed lines.
    pub(super) print: Colour,
}

/// Blue, black, red, green, violet and brown ink, and a pencil.
const PENS: [Colour; 7] = [
    [30.0, 50.0, 160.0],
    [25.0, 25.0, 30.0],
    [190.0, 30.0, 40.0],
    [20.0, 110.0, 60.0],
    [100.0, 40.0, 140.0],
    [110.0, 60.0, 30.0],
    [95.0, 95.0, 100.0],
];
/// White, yellow, pink, light blue, light green, grey and packing paper.
const PAPERS: [Colour; 7] = [
    [250.0, 250.0, 248.0],
    [252.0, 240.0, 150.0],
    [250.0, 200.0, 210.0],
    [195.0, 220.0, 245.0],
    [205.0, 240.0, 200.0],
    [205.0, 205.0, 205.0],
    [200.0, 165.0, 120.0],
];
/// A blackboard, a slate, dark blue and dark red card.
const BOARDS: [Colour; 4] = [[35.0, 70.0, 55.0], [45.0, 48.0, 52.0], [30.0, 40.0, 90.0], [100.0, 25.0, 35.0]];
/// White, yellow and pink chalk.
const CHALKS: [Colour; 3] = [[245.0, 245.0, 240.0], [250.0, 235.0, 130.0], [250.0, 190.0, 200.0]];
/// Light blue, grey, red and black print.
const PRINTS: [Colour; 4] = [[120.0, 160.0, 215.0], [150.0, 150.0, 150.0], [215.0, 120.0, 110.0], [40.0, 40.0, 40.0]];

/// Draws the colours for a kind of ground.
pub(super) fn draw(ground: Ground, rng: &mut Rng) -> Colours {
    let grey = |level: f32| [level; 3];
    let print = choose(&PRINTS, rng);
    let (paper, pen) = match ground {
        Ground::Black => (grey(rng.uniform(0.0, 20.0)), grey(rng.uniform(235.0, 255.0))),
        Ground::White => (grey(rng.uniform(235.0, 255.0)), grey(rng.uniform(0.0, 60.0))),
        Ground::Transparent => (grey(255.0), choose(&PENS, rng)),
        Ground::TransparentLight => (grey(0.0), grey(255.0)),
        Ground::Paper => {
            let white = rng.uniform(205.0, 250.0);
            let tint = [white, white * rng.uniform(0.96, 1.0), white * rng.uniform(0.88, 1.0)];
            // A blue, a black pen, or a pencil.
            (tint, choose(&[PENS[0], PENS[1], PENS[6]], rng))
        }
        Ground::Coloured | Ground::ColouredPaper if rng.below(5) == 0 => (choose(&BOARDS, rng), choose(&CHALKS, rng)),
        Ground::Coloured | Ground::ColouredPaper => (choose(&PAPERS, rng), choose(&PENS, rng)),
    };
    Colours { paper, pen, print }
}

/// One of a list, a little lighter or darker.
fn choose(list: &[Colour], rng: &mut Rng) -> Colour {
    let colour = list[rng.below(list.len() as u32) as usize];
    colour.map(|channel| (channel + rng.uniform(-10.0, 10.0)).clamp(0.0, 255.0))
}
