"""Metrics by scikit-learn, SciPy and NumPy on small cases: the oracle of crates/inkstone/src/evaluate.

    python reference/sklearn_metrics.py > crates/inkstone/tests/fixtures/sklearn_metrics.json

Made with scikit-learn 1.9.1, SciPy and NumPy 2.4.6. Cases: ordinary, a class without images, a class that is never
predicted, equal probabilities, probabilities of exactly 0 and 1, a single image.
"""

import json
import sys
import warnings

import numpy as np
from scipy.stats import binomtest
from sklearn import metrics

warnings.filterwarnings("ignore")  # An absent class and a row of rounded probabilities are meant.


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cases():
    rng = np.random.default_rng(7)

    def draw(n, k, strength):
        labels = rng.integers(0, k, n)
        logits = rng.normal(size=(n, k))
        logits[np.arange(n), labels] += strength
        return labels, softmax(logits * 2)

    yield "ordinary", *draw(120, 10, 2.0)

    labels, p = draw(60, 5, 1.0)
    labels[labels == 3] = 4
    yield "a class without images", labels, p

    labels, p = draw(60, 5, 1.5)
    p[:, 1] = 0.0
    yield "a class that is never predicted", labels, p / p.sum(axis=1, keepdims=True)

    labels, p = draw(50, 4, 0.5)
    labels[labels == 2] = 0
    p[:, 2] = 0.0
    yield "a class neither there nor predicted", labels, p / p.sum(axis=1, keepdims=True)

    labels = rng.integers(0, 4, 40)
    p = rng.permuted(np.tile([0.375, 0.375, 0.125, 0.125], (40, 1)), axis=1)
    yield "equal probabilities", labels, p

    labels = rng.integers(0, 2, 30)
    p = np.eye(2)[rng.integers(0, 2, 30)]
    yield "certain and sometimes wrong", labels, p

    yield "a single image", np.array([1]), np.array([[0.25, 0.5, 0.25]])


def calibration_error(labels, predicted, p, n_bins=15):
    """Guo et al. 2017: the bins are ((m-1)/M, m/M]."""
    confidence = p.max(axis=1)
    edges = np.arange(1, n_bins) / n_bins
    bins = np.digitize(confidence, edges, right=True)
    error = 0.0
    for b in np.unique(bins):
        inside = bins == b
        error += inside.mean() * abs((labels == predicted)[inside].mean() - confidence[inside].mean())
    return error


def brier_score(labels, p):
    """The sum over classes; of two it takes the second's probabilities."""
    if p.shape[1] == 2:
        return metrics.brier_score_loss(labels, p[:, 1], scale_by_half=False, labels=[0, 1])
    return metrics.brier_score_loss(labels, p, scale_by_half=False, labels=np.arange(p.shape[1]))


def top_k(labels, p, k):
    """scikit-learn ranks equal scores from the highest index; ranks of our order (lowest first) have no equals."""
    order = np.argsort(-p, axis=1, kind="stable")
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, np.arange(p.shape[1], 0, -1, dtype=float)[None, :], axis=1)
    if p.shape[1] == 2:
        return float((order[:, :k] == labels[:, None]).any(axis=1).mean())
    return metrics.top_k_accuracy_score(labels, scores, k=k, labels=np.arange(p.shape[1]))


def measure(name, labels, p):
    n, n_classes = p.shape
    classes = np.arange(n_classes)
    predicted = p.argmax(axis=1)
    n_correct = int((labels == predicted).sum())
    interval = binomtest(n_correct, n).proportion_ci(0.95, method="wilson")

    def scores(average):
        s = metrics.precision_recall_fscore_support(labels, predicted, labels=classes, average=average, zero_division=0)
        return {"precision": np.asarray(s[0]).tolist(), "recall": np.asarray(s[1]).tolist(), "f1": np.asarray(s[2]).tolist()}

    support = metrics.precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)[3]
    # With every class listed and one of them absent, scikit-learn prints `micro avg` in the place of `accuracy`.
    present = len(np.unique(np.concatenate([labels, predicted]))) == n_classes
    text = metrics.classification_report(
        labels, predicted, labels=classes, target_names=[f"class {c}" for c in classes], digits=4, zero_division=0
    )
    return {
        "name": name,
        "n_classes": n_classes,
        "labels": labels.tolist(),
        "probabilities": p.ravel().tolist(),
        "accuracy": metrics.accuracy_score(labels, predicted),
        "interval": [interval.low, interval.high],
        "top_k": [top_k(labels, p, k) for k in range(1, n_classes)],
        "log_loss": metrics.log_loss(labels, p, labels=classes),
        "brier_score": brier_score(labels, p),
        "calibration_error": calibration_error(labels, predicted, p),
        "classes": scores(None) | {"support": support.tolist()},
        "macro": scores("macro"),
        "weighted": scores("weighted"),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        "text": text if present else None,
    }


json.dump([measure(*case) for case in cases()], sys.stdout, separators=(",", ":"))
print()
