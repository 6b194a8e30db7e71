//! Rank correlation: whether two lists of numbers order things alike.

/// Spearman's ρ: Pearson's correlation of the ranks, equals sharing the mean of theirs; `None` where one list is all the
/// same, which orders nothing.
///
/// # Panics
/// If the lists differ in length.
///
/// ```
/// assert_eq!(inkstone::explain::spearman(&[1.0, 2.0, 9.0], &[0.1, 0.2, 0.3]), Some(1.0));
/// assert_eq!(inkstone::explain::spearman(&[1.0, 2.0], &[7.0, 7.0]), None);
/// ```
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "two lists of the same things");
    let (a, b) = (ranks(a), ranks(b));
    // Ranks are 1 … n, shared or not: their mean is the same.
    let mean = f64::midpoint(a.len() as f64, 1.0);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>();
    let scale = product(&a, &a) * product(&b, &b);
    (scale > 0.0).then(|| (product(&a, &b) / scale.sqrt()).clamp(-1.0, 1.0))
}

/// The rank of each value, counted from 1; equals share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let equals = order[start..].iter().take_while(|&&i| values[i] == values[order[start]]).count().max(1);
        let rank = start as f64 + f64::midpoint(equals as f64, 1.0);
        order[start..start + equals].iter().for_each(|&i| ranks[i] = rank);
        start += equals;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_share_their_ranks_as_in_scipy() {
        // scipy.stats.spearmanr([1, 2, 2, 3], [1, 3, 2, 4]) = 0.9486832980505138
        let found = spearman(&[1.0, 2.0, 2.0, 3.0], &[1.0, 3.0, 2.0, 4.0]).unwrap();
        assert!((found - 0.948_683_298_050_513_8).abs() < 1e-15, "{found}");
        assert_eq!(spearman(&[3.0, 2.0, 1.0], &[1.0, 2.0, 3.0]), Some(-1.0));
        assert_eq!((spearman(&[], &[]), spearman(&[1.0], &[1.0])), (None, None));
    }
}
