//! How many samples of each class go to each part: whole numbers that are right by row and by column.

/// Below this, a quota counts as a whole number: shares such as 0.1 are not exact in binary.
const TOLERANCE: f64 = 1e-9;

/// Whole numbers nearest to n·share with the sum n: everybody gets the floor, the largest remainders one more
/// (Hamilton's method; of equal remainders the first).
///
/// ```
/// use inkstone::data::split::allocate::largest_remainder;
/// assert_eq!(largest_remainder(13, [0.8, 0.1, 0.1]), [11, 1, 1]);
/// ```
pub fn largest_remainder(n: usize, shares: [f64; 3]) -> [usize; 3] {
    let quotas = shares.map(|share| share * n as f64);
    let mut counts = quotas.map(floor);
    for part in by_remainder(quotas).into_iter().cycle().take(n.saturating_sub(counts.iter().sum())) {
        counts[part] += 1;
    }
    counts
}

/// `cells[class][part]` for classes of these sizes: each row sums to its class, each column to the largest remainder
/// of all, each cell is the floor or the ceiling of its quota. Only a class that would have nothing in train breaks
/// this: it gets one there.
pub fn allocate(counts: &[usize], shares: [f64; 3]) -> Vec<[usize; 3]> {
    let targets = largest_remainder(counts.iter().sum(), shares);
    let mut rows: Vec<Row> = counts.iter().map(|&n| Row::new(n, shares)).collect();
    // Rows are right; columns may be off. Each pass moves one sample from a part with too many to one with too few,
    // directly or through the third part; controlled rounding always exists, so this ends with every column right.
    loop {
        let sums: [usize; 3] = std::array::from_fn(|part| rows.iter().map(|row| row.cells[part]).sum());
        let Some(from) = (0..3).find(|&part| sums[part] > targets[part]) else { break };
        let Some(to) = (0..3).find(|&part| sums[part] < targets[part]) else { break };
        let via = 3 - from - to;
        if !(move_one(&mut rows, from, to) || (move_one(&mut rows, from, via) && move_one(&mut rows, via, to))) {
            break;
        }
    }
    rows.into_iter().map(|row| row.cells).collect()
}

/// The cells of one class, with the bounds that each must keep.
struct Row {
    quotas: [f64; 3],
    low: [usize; 3],
    high: [usize; 3],
    cells: [usize; 3],
}

impl Row {
    fn new(n: usize, shares: [f64; 3]) -> Self {
        let quotas = shares.map(|share| share * n as f64);
        let low = quotas.map(floor);
        let high = quotas.map(|quota| (quota - TOLERANCE).ceil().max(0.0) as usize);
        let mut row = Self { quotas, low, high, cells: largest_remainder(n, shares) };
        if n > 0 && row.low[0] == 0 {
            row.low[0] = 1;
            if row.cells[0] == 0 {
                let largest = if row.cells[2] > row.cells[1] { 2 } else { 1 };
                row.cells[largest] -= 1;
                row.cells[0] = 1;
                row.low[largest] = row.low[largest].min(row.cells[largest]);
            }
        }
        row
    }

    /// What moving one sample costs in distance from the quotas; `None` where a bound forbids it.
    fn cost(&self, from: usize, to: usize) -> Option<f64> {
        let allowed = self.cells[from] > self.low[from] && self.cells[to] < self.high[to];
        allowed.then(|| (self.quotas[from] - self.quotas[from].floor()) - (self.quotas[to] - self.quotas[to].floor()))
    }
}

fn move_one(rows: &mut [Row], from: usize, to: usize) -> bool {
    let cheapest =
        rows.iter_mut().filter_map(|row| row.cost(from, to).map(|cost| (cost, row))).min_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((_, row)) = cheapest {
        row.cells[from] -= 1;
        row.cells[to] += 1;
        return true;
    }
    false
}

fn floor(quota: f64) -> usize {
    (quota + TOLERANCE).floor() as usize
}

fn by_remainder(quotas: [f64; 3]) -> [usize; 3] {
    let mut parts = [0, 1, 2];
    let remainder = |part: usize| (quotas[part] - floor(quotas[part]) as f64).max(0.0);
    parts.sort_by(|&a, &b| {
        let difference = remainder(b) - remainder(a);
        if difference.abs() < TOLERANCE { a.cmp(&b) } else { difference.total_cmp(&0.0) }
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Operation, Rng};

    #[test]
    fn the_largest_remainder_is_exact_and_never_more_than_one_off() {
        for (n, shares, expected) in [
            (60_000, [0.9, 0.1, 0.0], [54_000, 6_000, 0]),
            (10, [0.8, 0.1, 0.1], [8, 1, 1]),
            (5, [0.8, 0.1, 0.1], [4, 1, 0]),
            (7, [1.0 / 3.0; 3], [3, 2, 2]),
            (0, [0.8, 0.1, 0.1], [0; 3]),
            (1, [0.2, 0.4, 0.4], [0, 1, 0]),
        ] {
            assert_eq!(largest_remainder(n, shares), expected, "{n} {shares:?}");
        }
    }

    #[test]
    fn rows_columns_and_cells_are_right_for_any_classes_and_shares() {
        let mut rng = Rng::new(1, 0, 0, Operation::Split);
        for case in 0..20_000 {
            let counts: Vec<usize> = (0..=rng.below(12)).map(|_| rng.below(60) as usize).collect();
            let mut shares: [f64; 3] = std::array::from_fn(|_| f64::from(rng.below(9)));
            shares[0] += 1.0;
            let sum: f64 = shares.iter().sum();
            let shares = shares.map(|share| share / sum);
            let cells = allocate(&counts, shares);
            for (row, &n) in cells.iter().zip(&counts) {
                assert_eq!(row.iter().sum::<usize>(), n, "case {case}");
                assert!(n == 0 || row[0] > 0, "case {case}: a class without training sample");
            }
            if counts.iter().any(|&n| n > 0 && n as f64 * shares[0] < 1.0) {
                continue; // the rule for small classes bends the rest
            }
            let targets = largest_remainder(counts.iter().sum(), shares);
            let sums: [usize; 3] = std::array::from_fn(|part| cells.iter().map(|row| row[part]).sum());
            assert_eq!(sums, targets, "case {case}: {counts:?} {shares:?} {cells:?}");
            for (row, &n) in cells.iter().zip(&counts) {
                for (cell, share) in row.iter().zip(shares) {
                    assert!(
                        (*cell as f64 - n as f64 * share).abs() < 1.0,
                        "case {case}: {counts:?} {shares:?} {cells:?}"
                    );
                }
            }
        }
    }
}
