//! From colour to grey.

/// ITU-R BT.601 luma in whole numbers: weights of 0.299, 0.587 and 0.114 in units of 2⁻¹⁶.
pub(crate) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((19_595 * u32::from(red) + 38_470 * u32::from(green) + 7_471 * u32::from(blue) + 0x8000) >> 16) as u8
}
