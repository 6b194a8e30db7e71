"""Intervals and McNemar's test by SciPy and NumPy: the oracle of evaluate/{intervals,compare}.rs.

    python reference/intervals.py > crates/inkstone/tests/fixtures/intervals.json

Made with SciPy and NumPy 2.4.6. The bootstrap here draws 20,000 times with NumPy's own generator: ours, with 1,000 draws,
must come to the same ends within a tenth of the interval's width.
"""

import json
import sys

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics

N_BINS = 15


def wilson(k, n):
    if n == 0:
        return [0.0, 1.0]
    interval = binomtest(int(k), int(n)).proportion_ci(0.95, "wilson")
    return [interval.low, interval.high]


def samples(n, k, strength, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n)
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), labels] += strength
    e = np.exp(2 * logits)
    return labels, np.round(e / e.sum(axis=1, keepdims=True), 9)


def figures(labels, p, k):
    predicted = p.argmax(axis=1)
    top = p.max(axis=1)
    bins = np.clip(np.ceil(top * N_BINS) - 1, 0, N_BINS - 1).astype(int)
    gaps = np.bincount(bins, (predicted == labels) - top, N_BINS)
    loss = -np.log(np.clip(p[np.arange(len(labels)), labels], 2.0**-52, 1 - 2.0**-52)).mean()
    macro = metrics.precision_recall_fscore_support(labels, predicted, labels=range(k), average="macro", zero_division=0)
    return [loss, np.abs(gaps).sum() / len(labels), *macro[:3]]


def bootstrap(labels, p, k, draws):
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(draws):
        i = rng.integers(0, len(labels), len(labels))
        drawn.append(figures(labels[i], p[i], k))
    drawn = np.array(drawn)
    ends = np.percentile(drawn, [2.5, 97.5], axis=0)
    error = figures(labels, p, k)[1]
    ends[:, 1] = np.maximum(ends[:, 1] - (drawn[:, 1].mean() - error), 0)
    return dict(zip(["log_loss", "calibration_error", "precision", "recall", "f1"], ends.T.tolist()))


def case(name, n, k, strength, seed, draws):
    labels, p = samples(n, k, strength, seed)
    matrix = metrics.confusion_matrix(labels, p.argmax(axis=1), labels=range(k))
    right, rows, columns = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    union = rows + columns - right
    carried = [[2 * j / (1 + j) for j in wilson(a, b)] for a, b in zip(right, union)]
    return {
        "name": name,
        "n_classes": k,
        "labels": labels.tolist(),
        "probabilities": p.ravel().tolist(),
        "precision": [wilson(a, b) for a, b in zip(right, columns)],
        "recall": [wilson(a, b) for a, b in zip(right, rows)],
        "f1": carried,
        "bootstrap": bootstrap(labels, p, k, draws),
    }


def pair(b, c, n):
    # Agresti and Min 2005: Wald's interval of the difference after half an image more in each cell.
    x, y, m = b + 0.5, c + 0.5, n + 2.0
    centre = (y - x) / m
    radius = 1.959963984540054 * np.sqrt(x + y - (y - x) ** 2 / m) / m
    p = binomtest(min(b, c), b + c, 0.5).pvalue if b + c else 1.0
    return {"b": b, "c": c, "n": n, "p": p, "low": centre - radius, "high": centre + radius}


document = {
    "cases": [case("many mistakes", 400, 5, 1.0, 7, 20000), case("few mistakes", 500, 3, 2.4, 8, 20000)],
    "pairs": [pair(*counts) for counts in [(0, 0, 50), (12, 9, 10000), (61, 19, 10000), (3, 0, 100), (0, 11, 40), (700, 600, 60000), (5, 5, 10), (2500, 2700, 60000)]],
}
json.dump(document, sys.stdout)
