//! `--crop X,Y,W,H`: which part of an image is read.

pub(in crate::commands) use inkstone::predict::Region;

/// Four whole numbers; the last two at least 1.
pub(in crate::commands) fn parse(text: &str) -> Result<Region, String> {
    let numbers: Result<Vec<usize>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[left, top, width, height]) if width > 0 && height > 0 => Ok([left, top, width, height]),
        _ => Err("expected left, top, width and height in pixels, for instance 120,40,300,80".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_four_numbers_and_has_pixels() {
        assert_eq!(parse("1, 2,30,40"), Ok([1, 2, 30, 40]));
        for wrong in ["", "1,2,3", "1,2,3,4,5", "1,2,0,4", "-1,2,3,4", "a,b,c,d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
