//! Draws how stress tests spoil an image: fifteen corruptions, two in a row, each untouched and at five strengths. To a
//! file where one is named: `cargo run --example stress_sheet --features mnist,formats docs/images/stress.png`.

use inkstone::data::{Image, encode, sheet::Sheet, source};
use inkstone::stress::{Corruption, Dose, Key, corrupt};
use inkstone::{engine::Isa, parallel::Pool};

fn main() -> inkstone::Result<()> {
    let dataset = source::open("mnist", &source::SourceOptions::default(), &Pool::new(0)?)?;
    let sample = 60_018; // A three of the test part; the training part comes first.
    let image = dataset.images.get(sample as usize);
    let mut pictures = Vec::new();
    for corruption in Corruption::ALL {
        pictures.push(image.pixels.to_vec());
        let dose = |strength| Dose { corruption, strength };
        pictures.extend((1..=5).map(|k| corrupt(Isa::detect(), image, dose(k), Key { seed: 0, sample })));
    }
    let cells: Vec<_> = pictures.iter().map(|pixels| Some(Image { size: image.size, pixels })).collect();
    let sheet = Sheet::new(12).scale(2).draw(&cells)?;
    let png = encode::png(sheet.image());
    println!("{} pictures, {} bytes", cells.len(), png.len());
    if let Some(file) = std::env::args_os().nth(1) {
        std::fs::write(&file, png).map_err(|error| inkstone::Error::io(&file, "write", &error))?;
    }
    Ok(())
}
