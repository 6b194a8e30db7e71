"""Why the library's trust is what it is: scores that tell foreign images apart, and rules for prediction sets, compared.

    inkstone fetch mnist --offline --to data
    python reference/trust_choices.py RUN data FOREIGN

RUN is a run folder on the images of `data` (IDX files); FOREIGN is another folder of IDX files, such as Fashion-MNIST's.
Needs NumPy, SciPy, scikit-learn and PyTorch. Prints for each score, per kind of foreign images: AUROC, the share refused
where 95 % of the test images are accepted, and where 99 % of the validation images are. Then for each rule of sets, over 20
random parts of 3,000 calibration images: classes in a set, coverage, share of single answers.
"""

import gzip
import json
import pathlib
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_auc_score


def idx(folder, name):
    plain = pathlib.Path(folder) / name
    data = plain.read_bytes() if plain.exists() else gzip.open(f"{plain}.gz").read()
    shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


class Network:
    """Convolutions, pools, dense layers: enough for the built-in recipes."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        n = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + n])
        self.layers = json.loads(header.pop("__metadata__")["inkstone"])["model"]["layers"]
        self.tensors = {}
        for name, info in header.items():
            first, last = info["data_offsets"]
            values = np.frombuffer(data[8 + n + first : 8 + n + last], "<f4").reshape(info["shape"])
            self.tensors[name] = torch.tensor(values.copy())

    def run(self, images):
        """Logits, and what the last dense layer takes in."""
        with torch.no_grad():
            parts = [self.some(images[i : i + 1000]) for i in range(0, len(images), 1000)]
        return tuple(np.concatenate(part) for part in zip(*parts))

    def some(self, images):
        x = torch.tensor(images, dtype=torch.float32)[:, None] / 255
        counts = {"conv2d": 0, "dense": 0}
        for layer in self.layers:
            kind, keys = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))
            if kind == "flatten":
                x = x.permute(0, 2, 3, 1).flatten(1)
            elif kind == "max_pool":
                x = F.max_pool2d(x, keys["size"])
            elif kind in counts:
                counts[kind] += 1
                name = f"parameters.{kind}_{counts[kind]}"
                kernel, bias = self.tensors[f"{name}.kernel"], self.tensors[f"{name}.bias"]
                if kind == "conv2d":
                    x = F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=keys.get("padding", "valid"))
                else:
                    features, x = x, x @ kernel + bias
                x = F.relu(x) if keys.get("activation") == "relu" else x
        return x.numpy(), features.numpy()


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def direction(features):
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def gaussians(take, features, labels, ridge=0.01, shared=False):
    """The least distance to a class's mean in its covariance, or in one for all."""
    z = take(features).astype(np.float64)
    d, classes = z.shape[1], np.unique(labels)
    means = np.array([z[labels == c].mean(axis=0) for c in classes])
    away = z - means[np.searchsorted(classes, labels)]
    pooled = away.T @ away / len(away)
    inverses, determinants = [], []
    for c in classes:
        own = away[labels == c]
        covariance = pooled if shared else (own.T @ own + d * pooled) / (len(own) + d)
        covariance = covariance + ridge * np.trace(covariance) / d * np.eye(d)
        inverses.append(np.linalg.inv(covariance))
        determinants.append(np.linalg.slogdet(covariance)[1])

    def score(_, features):
        v = take(features).astype(np.float64)
        parts = []
        for mean, inverse, determinant in zip(means, inverses, determinants):
            away = v - mean
            parts.append((away @ inverse * away).sum(axis=1) + determinant)
        return np.min(parts, axis=0)

    return score


def scores(features, labels):
    """Name, size in the model, score(logits, features): larger is stranger."""
    n, classes = features.shape[1], np.unique(labels)
    yield "largest softmax", 0, lambda z, f: 1 - softmax(z.astype(np.float64)).max(axis=1)
    yield "energy", 0, lambda z, f: -(z.max(axis=1) + np.log(np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1)))
    some = np.concatenate([np.flatnonzero(labels == c)[:2000] for c in classes])
    features, labels = features[some], labels[some]
    size = n * (n + 1) // 2 + len(classes) * n
    yield "Mahalanobis, features as they are", size, gaussians(lambda f: f, features, labels, 1e-3, shared=True)
    yield "Mahalanobis, directions", size, gaussians(direction, features, labels, shared=True)
    for per_class in [100, 500]:
        stored = direction(features[np.concatenate([np.flatnonzero(labels == c)[:per_class] for c in classes])])
        yield f"nearest of {len(stored)} directions", stored.size, lambda z, f, s=stored: 1 - (direction(f) @ s.T).max(axis=1)
    for d in [64, 96, 128, 192]:
        signs = np.sign(np.random.default_rng(1).standard_normal((n, d))) / np.sqrt(d)
        take = lambda f, signs=signs: direction(f) @ signs
        yield f"{d} signs, one covariance", d * (d + 1) // 2 + len(classes) * d, gaussians(take, features, labels, shared=True)
        size = len(classes) * (d * (d + 1) // 2 + d)
        yield f"{d} signs, a covariance per class", size, gaussians(take, features, labels)
        with_length = lambda f, take=take: np.c_[take(f), 0.25 * np.log(np.maximum(np.linalg.norm(f, axis=1), 1e-6))]
        size = len(classes) * ((d + 1) * (d + 2) // 2 + d + 1)
        yield f"{d} signs and length, per class", size, gaussians(with_length, features, labels)


def set_scores(p, u, rule):
    """The score of each class: it is in the set where that is at most the limit."""
    if rule == "LAC":
        return 1 - p
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    values = ranked.cumsum(axis=1) - (ranked * u[:, None] if "random" in rule else 0)
    if "RAPS" in rule:
        values = values + 0.01 * np.maximum(0, np.arange(p.shape[1]) - 0)
    out = np.empty_like(p)
    np.put_along_axis(out, order, values, axis=1)
    return out


def main():
    run, data, foreign = sys.argv[1:]
    network = Network(f"{run}/model.safetensors")
    images, labels = idx(data, "train-images-idx3-ubyte"), idx(data, "train-labels-idx1-ubyte")
    test, test_labels = idx(data, "t10k-images-idx3-ubyte"), idx(data, "t10k-labels-idx1-ubyte")
    split = json.loads(pathlib.Path(f"{run}/split.json").read_text())
    places = {part: [int(name.split("#")[0].split("/")[1]) for name in split[part]] for part in ["train", "validation"]}
    rng = np.random.default_rng(0)
    kinds = {
        "foreign": idx(foreign, "t10k-images-idx3-ubyte"),
        "noise": rng.integers(0, 256, (2000, 28, 28)).astype(np.uint8),
        "turned": np.rot90(test[np.isin(test_labels, [2, 3, 4, 5, 7])], axes=(1, 2)).copy(),
    }
    known = network.run(images[places["train"]])
    validation, good = network.run(images[places["validation"]]), network.run(test)
    strange = {kind: network.run(some) for kind, some in kinds.items()}
    print(f"{'score':36} {'values':>9}  " + "  ".join(f"{kind:^22}" for kind in kinds))
    for name, size, score in scores(known[1], labels[places["train"]]):
        ordinary, limits = score(*good), []
        limits = [np.quantile(ordinary, 0.95), np.quantile(score(*validation), 0.99)]
        line = f"{name:36} {size:9}"
        for outputs in strange.values():
            s = score(*outputs)
            area = roc_auc_score(np.r_[np.zeros(len(ordinary)), np.ones(len(s))], np.r_[ordinary, s])
            line += f"  {area:.4f} {100 * np.mean(s > limits[0]):5.1f} % {100 * np.mean(s > limits[1]):5.1f} %"
        print(line, flush=True)
    sets(np.concatenate([validation[0], good[0]]).astype(np.float64), np.r_[labels[places["validation"]], test_labels])


def sets(logits, labels, n=3000):
    for coverage in [0.999, 0.99, 0.95]:
        for rule in ["LAC", "APS", "APS, random", "RAPS", "RAPS, random"]:
            sizes, covered, single = [], [], []
            for repetition in range(20):
                order = np.random.default_rng(repetition).permutation(len(labels))
                calibration, rest = order[:n], order[n:]
                z, y = logits[calibration], labels[calibration]
                cost = lambda t: -np.log(softmax(z / np.exp(t))[np.arange(n), y] + 1e-300).sum() + t * t
                p = softmax(logits / np.exp(minimize_scalar(cost, bounds=(-3, 3), method="bounded").x))
                values = set_scores(p, np.random.default_rng(100 + repetition).random(len(p)), rule)
                limit = np.sort(values[calibration, y])[int(np.ceil((n + 1) * coverage)) - 1]
                inside = values[rest] <= limit
                inside[np.arange(len(rest)), p[rest].argmax(axis=1)] = True
                sizes.append(inside.sum(axis=1).mean())
                covered.append(inside[np.arange(len(rest)), labels[rest]].mean())
                single.append((inside.sum(axis=1) == 1).mean())
            print(f"{coverage} {rule:13} {np.mean(sizes):6.3f} classes  covered {np.mean(covered):.5f}  one {np.mean(single):.3f}")


if __name__ == "__main__":
    main()
