//! The transpose of a matrix.

/// Writes the transpose of a row-major matrix of `n` columns: `transposed[j, i] = matrix[i, j]`.
///
/// # Panics
/// If the slices differ in length or `n` does not divide it.
///
/// ```
/// let mut transposed = [0.0; 6];
/// inkstone_kernels::transpose(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut transposed, 3);
/// assert_eq!(transposed, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
/// ```
pub fn transpose(matrix: &[f32], transposed: &mut [f32], n: usize) {
    const SIDE: usize = 4;
    assert!(n > 0 && matrix.len().is_multiple_of(n), "rows of {n} values");
    assert_eq!(matrix.len(), transposed.len(), "a transpose has as many values");
    let k = matrix.len() / n;
    let (whole_rows, whole_columns) = (k - k % SIDE, n - n % SIDE);
    for i in (0..whole_rows).step_by(SIDE) {
        for j in (0..whole_columns).step_by(SIDE) {
            // Blocks of 4 × 4 turn in registers.
            let mut block = [[0.0; SIDE]; SIDE];
            for (u, row) in block.iter_mut().enumerate() {
                row.copy_from_slice(&matrix[(i + u) * n + j..][..SIDE]);
            }
            for v in 0..SIDE {
                let column = [block[0][v], block[1][v], block[2][v], block[3][v]];
                transposed[(j + v) * k + i..][..SIDE].copy_from_slice(&column);
            }
        }
    }
    for i in 0..k {
        let first = if i < whole_rows { whole_columns } else { 0 };
        for j in first..n {
            transposed[j * k + i] = matrix[i * n + j];
        }
    }
}
