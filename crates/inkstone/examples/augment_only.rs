//! Augments a picture without training anything: a seven, drawn here, turned and zoomed at random.

use inkstone::data::{Augment, dataset::Size};
use inkstone::{engine::Isa, spec::AugmentSpec};

fn main() -> inkstone::Result<()> {
    let size = Size { height: 16, width: 16, channels: 1 };
    let is_ink =
        |y: usize, x: usize| (3..5).contains(&y) && (4..12).contains(&x) || (5..14).contains(&y) && x + y / 2 == 13;
    let seven: Vec<u8> = (0..size.len()).map(|i| if is_ink(i / 16, i % 16) { 255 } else { 0 }).collect();

    let spec = AugmentSpec::default().rotation_degrees(25.0).zoom(0.2).width_shift(0.1);
    let augment = Augment::new(&spec, size)?.expect("this spec changes something");
    for sample in 0..3 {
        let key = (7, 0, sample); // seed, epoch, sample: the same key always gives the same picture
        let mut values = vec![0.0; size.len()];
        augment.apply(Isa::detect(), &seven, key, &mut values);
        println!("sample {sample}: turned by {:.1}°", augment.draw(key).rotation_degrees);
        for row in values.chunks(size.width) {
            println!("{}", row.iter().map(|&value| [" ", "░", "▒", "▓", "█"][value as usize / 52]).collect::<String>());
        }
    }
    Ok(())
}
