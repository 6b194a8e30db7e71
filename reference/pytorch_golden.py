"""Ten training steps of the tutorial network by PyTorch in f32: the losses that both engines must reproduce.

    python reference/pytorch_golden.py FOLDER > crates/inkstone/tests/fixtures/pytorch_golden.json

FOLDER holds train-images-idx3-ubyte and train-labels-idx1-ubyte. Weights come from formula.values; the batches are
the first 320 training images in their order, 32 at a time, scaled to [0, 1]; Adam with PyTorch's defaults and lr 1e-3.
Made with PyTorch 2.15.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from formula import values

N_STEPS, BATCH = 10, 32
PARAMETERS = 100  # salt of formula.values, as in pytorch_layers.py
SHAPES = {
    "conv2d_1.kernel": (3, 3, 1, 32), "conv2d_1.bias": (32,),
    "conv2d_2.kernel": (3, 3, 32, 64), "conv2d_2.bias": (64,),
    "dense_1.kernel": (1600, 10), "dense_1.bias": (10,),
}

torch.set_num_threads(1)


def start(i, name, shape):
    """Kernels in Glorot's bounds, +-sqrt(6 / (fan_in + fan_out)); biases in +-0.05."""
    taps = int(np.prod(shape[:-2])) if len(shape) == 4 else 1
    bound = 0.05 if len(shape) == 1 else np.sqrt(6 / (taps * shape[-2] + taps * shape[-1]))
    flat = values(int(np.prod(shape)), PARAMETERS + i) * 2 * bound
    return torch.tensor(flat.reshape(shape).astype(np.float32), requires_grad=True)


def logits(p, x):
    for layer in ("conv2d_1", "conv2d_2"):
        x = F.conv2d(x, p[f"{layer}.kernel"].permute(3, 2, 0, 1), p[f"{layer}.bias"])
        x = F.max_pool2d(F.relu(x), 2)
    return x.permute(0, 2, 3, 1).reshape(len(x), -1) @ p["dense_1.kernel"] + p["dense_1.bias"]


def main(folder):
    n = N_STEPS * BATCH
    pixels = np.fromfile(folder / "train-images-idx3-ubyte", np.uint8, n * 784, offset=16)
    labels = torch.tensor(np.fromfile(folder / "train-labels-idx1-ubyte", np.uint8, n, offset=8).astype(np.int64))
    images = torch.tensor(pixels.astype(np.float32).reshape(n, 1, 28, 28) / np.float32(255))
    p = {name: start(i, name, shape) for i, (name, shape) in enumerate(SHAPES.items())}
    adam = torch.optim.Adam(p.values(), lr=1e-3)
    losses, n_correct = [], []
    for x, y in zip(images.split(BATCH), labels.split(BATCH)):
        z = logits(p, x)
        loss = F.cross_entropy(z, y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
        n_correct.append(int((z.argmax(1) == y).sum()))
    norms = {name: tensor.detach().double().norm().item() for name, tensor in p.items()}
    print(json.dumps({"losses": losses, "n_correct": n_correct, "norms": norms}, indent=1))


main(Path(sys.argv[1]))
