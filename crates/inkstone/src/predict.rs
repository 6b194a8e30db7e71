//! From an image to an answer.

/// The position of the largest value, the first of equals. NaN is never the largest.
///
/// # Panics
/// If there is no value.
///
/// ```
/// assert_eq!(inkstone::predict::argmax(&[0.25, 0.5, 0.5]), 1);
/// ```
pub fn argmax(values: &[f64]) -> usize {
    assert!(!values.is_empty(), "the largest of no values");
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] || (values[best].is_nan() && !value.is_nan()) {
            best = i;
        }
    }
    best
}
