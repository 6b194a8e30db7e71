//! The conditions of the bench: each thing that happens to handwriting between the hand and the file, by itself and
//! together with others. What is random in a picture is drawn elsewhere.

/// How pictures of one kind are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Condition {
    /// Its name in the table and in files.
    pub(super) name: &'static str,
    /// What the pictures are, for people.
    pub(super) about: &'static str,
    pub(super) ground: Ground,
    /// Digits in a row.
    pub(super) n_digits: [u32; 2],
    pub(super) spacing: Spacing,
    /// The strokes' thickness, relative to the writer's own.
    pub(super) thickness: [f32; 2],
    /// The greatest turn of the whole, in degrees.
    pub(super) degrees: f32,
    /// Lines that are printed where one writes.
    pub(super) print: Print,
    pub(super) camera: Camera,
    pub(super) file: File,
    /// Whether its pictures count for the means that the targets are about.
    pub(super) counts: Counts,
}

/// What is written on, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// White ink on black, as MNIST is.
    Black,
    /// Dark ink on white.
    White,
    /// Dark ink, and nothing behind it: alpha 0.
    Transparent,
    /// White ink, and nothing behind it.
    TransparentLight,
    /// A coloured pen on coloured paper, now and then light on dark.
    Coloured,
    /// White or yellowish paper with its grain, and a pen that is not quite even.
    Paper,
    /// Paper and pens of any colour, with grain.
    ColouredPaper,
}

/// How near to each other digits stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spacing {
    /// Apart, as most people write figures.
    Natural,
    /// At least one pair touches.
    Touching,
}

/// Lines on the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Print {
    Nothing,
    /// Lines to write on, as in an exercise book.
    Ruled,
    /// Squares.
    Squared,
    /// A box around each digit, one beside the other: a comb.
    Boxes,
    /// One of the above or nothing.
    Any,
}

/// What stands between the paper and the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Camera {
    /// Nothing: the picture was drawn on a screen, or scanned well.
    None,
    /// Sensor noise and a slight blur.
    Noisy,
    /// A telephone: 1200×900, light from one side, darker corners, sometimes a shadow; a little noise and blur.
    Phone,
}

/// How the picture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Png,
    /// With this quality.
    Jpeg(u8),
}

/// Which mean a condition belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Single,
    Strings,
    /// Reported by itself: harder than the targets ask for.
    No,
}

/// The condition that the others differ from in one thing.
const PLAIN: Condition = Condition {
    name: "dark on light",
    about: "dark ink on white, 280×280",
    ground: Ground::White,
    n_digits: [1, 1],
    spacing: Spacing::Natural,
    thickness: [1.0, 1.0],
    degrees: 0.0,
    print: Print::Nothing,
    camera: Camera::None,
    file: File::Png,
    counts: Counts::Single,
};

/// Two to six digits.
const ROW: Condition = Condition { n_digits: [2, 6], counts: Counts::Strings, ..PLAIN };

/// All of them, in the order of the table. The place of one is part of the key of its random numbers.
pub(super) const CONDITIONS: [Condition; 21] = [
    Condition { name: "light on dark", about: "white ink on black, 280×280", ground: Ground::Black, ..PLAIN },
    PLAIN,
    Condition { name: "transparent", about: "dark ink, transparent ground", ground: Ground::Transparent, ..PLAIN },
    Condition {
        name: "transparent, light",
        about: "white ink, transparent ground",
        ground: Ground::TransparentLight,
        ..PLAIN
    },
    Condition { name: "thin strokes", about: "strokes ×0.5", thickness: [0.5, 0.5], ..PLAIN },
    Condition { name: "thick strokes", about: "strokes ×2", thickness: [2.0, 2.0], ..PLAIN },
    Condition { name: "turned", about: "turned by up to 15° either way", degrees: 15.0, ..PLAIN },
    Condition { name: "jpeg 40", about: "JPEG of quality 40", file: File::Jpeg(40), ..PLAIN },
    Condition { name: "noise and blur", about: "sensor noise, slight blur", camera: Camera::Noisy, ..PLAIN },
    Condition { name: "colours", about: "coloured pens and paper", ground: Ground::Coloured, ..PLAIN },
    Condition { name: "ruled", about: "on ruled lines", print: Print::Ruled, ..PLAIN },
    Condition { name: "squared", about: "on squared paper", print: Print::Squared, ..PLAIN },
    Condition { name: "box", about: "in a printed box", print: Print::Boxes, ..PLAIN },
    Condition {
        name: "photo",
        about: "1200×900, paper, uneven light, shadow",
        ground: Ground::Paper,
        camera: Camera::Phone,
        file: File::Jpeg(90),
        ..PLAIN
    },
    Condition { name: "all together", about: "photo with all of the above but transparency", ..ALL },
    Condition { name: "row", about: "2 to 6 digits, dark on white", ..ROW },
    Condition { name: "row, ruled", about: "2 to 6 digits on ruled lines", print: Print::Ruled, ..ROW },
    Condition { name: "row, comb", about: "2 to 6 digits in comb boxes", print: Print::Boxes, ..ROW },
    Condition {
        name: "row, photo",
        about: "2 to 6 digits, photo, uneven light, shadow",
        ground: Ground::Paper,
        camera: Camera::Phone,
        file: File::Jpeg(90),
        degrees: 5.0,
        ..ROW
    },
    Condition {
        name: "row, all together",
        about: "2 to 6 digits, photo with everything",
        n_digits: [2, 6],
        counts: Counts::Strings,
        degrees: 8.0,
        ..ALL
    },
    Condition {
        name: "row, touching",
        about: "2 to 6 digits of which some touch",
        spacing: Spacing::Touching,
        counts: Counts::No,
        ..ROW
    },
];

const ALL: Condition = Condition {
    ground: Ground::ColouredPaper,
    thickness: [0.5, 2.0],
    degrees: 15.0,
    print: Print::Any,
    camera: Camera::Phone,
    file: File::Jpeg(40),
    ..PLAIN
};

impl Condition {
    /// Its name as a folder's.
    pub(super) fn file_name(&self) -> String {
        self.name.replace(", ", "-").replace(' ', "-")
    }
}
