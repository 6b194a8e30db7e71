"""Forward and backward of every layer by PyTorch in f64, as an independent oracle of the reference engine.

    python reference/pytorch_layers.py > crates/inkstone/tests/fixtures/pytorch_layers.json

A case is a list of layers as in a recipe. Images, parameters and the derivatives of the result come from
formula.values; layouts are Inkstone's (NHWC, HWIO, (in, out)) and are turned into PyTorch's here.
Made with PyTorch 2.15.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from formula import f32, keep_mask, values

# What formula.values is salted with.
IMAGES, D_OUTPUT, PARAMETERS, STATE = 1, 2, 100, 200
SEED, STEP = 11, 3  # of dropout

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

SAME_CONV = {"conv2d": {"filters": 3, "kernel": 3, "padding": "same"}}
CASES = [
    ("conv2d", [5, 6, 3], [{"conv2d": {"filters": 4, "kernel": 3}}]),
    ("conv2d_1x1", [3, 4, 5], [{"conv2d": {"filters": 3, "kernel": 1}}]),
    ("conv2d_stride_2_same", [6, 7, 1], [{"conv2d": {"filters": 5, "kernel": 3, "stride": 2, "padding": "same"}}]),
    ("conv2d_5x5_same_without_bias", [6, 5, 2],
     [{"conv2d": {"filters": 3, "kernel": 5, "padding": "same", "bias": False}}]),
    ("conv2d_2x3_strides_3_and_2", [8, 7, 2], [{"conv2d": {"filters": 3, "kernel": [2, 3], "stride": [3, 2]}}]),
    ("conv2d_4x4_same", [5, 5, 1], [{"conv2d": {"filters": 2, "kernel": 4, "padding": "same"}}]),
    ("max_pool", [5, 7, 3], [{"max_pool": 2}]),
    ("max_pool_overlapping_same", [5, 6, 2], [{"max_pool": {"size": 3, "stride": 2, "padding": "same"}}]),
    ("max_pool_with_ties", [6, 7, 2], [{"max_pool": {"size": [3, 2], "stride": [2, 1]}}]),
    ("average_pool", [5, 7, 3], [{"average_pool": 2}]),
    ("average_pool_overlapping_same", [5, 6, 2], [{"average_pool": {"size": 3, "stride": 2, "padding": "same"}}]),
    ("global_average_pool", [3, 5, 4], ["global_average_pool"]),
    ("dense", [7], [{"dense": {"units": 5}}]),
    ("dense_without_bias", [3, 2, 2], ["flatten", {"dense": {"units": 3, "bias": False}}]),
    ("relu", [4, 4, 2], ["relu"]),
    ("relu_at_zero", [4, 4, 2], ["relu"]),
    ("leaky_relu", [4, 3, 2], [{"leaky_relu": {"slope": 0.2}}]),
    ("gelu", [4, 3, 2], ["gelu"]),
    ("tanh", [4, 3, 2], ["tanh"]),
    ("sigmoid", [4, 3, 2], ["sigmoid"]),
    ("softmax_over_channels", [3, 3, 4], ["softmax"]),
    ("dropout_in_training", [4, 3, 3], [{"dropout": 0.4}, {"dropout": 0.25}]),
    ("dropout_in_inference", [4, 3, 1], [{"dropout": 0.4}]),
    ("batch_norm_in_training", [3, 4, 3], [{"batch_norm": {"momentum": 0.9, "epsilon": 0.001}}]),
    ("batch_norm_in_inference", [3, 4, 3], [{"batch_norm": {"epsilon": 0.01}}]),
    ("batch_norm_of_vectors_in_training", [5], [{"batch_norm": {}}]),
    ("residual_in_training", [4, 4, 3], [{"residual": {
        "body": [SAME_CONV, {"batch_norm": {}}, "relu", {"residual": {"body": ["gelu"]}}, SAME_CONV],
        "activation": "relu"}}]),
    ("network_in_training", [9, 9, 1], [
        {"conv2d": {"filters": 4, "kernel": 3, "activation": "gelu"}}, {"batch_norm": {}}, {"max_pool": 2},
        {"dropout": 0.3}, {"conv2d": {"filters": 5, "kernel": 2, "padding": "same", "activation": "leaky_relu"}},
        {"average_pool": {"size": 2, "stride": 1}}, "flatten", {"dense": {"units": 6, "activation": "tanh"}},
        {"dense": {"units": 4}}]),
]
BATCH = 3


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def same_padding(size, stride, length):
    """(before, after): as much as makes output = ceil(input / stride); the odd one goes after (as Keras)."""
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2


def padded(x, options, size, stride, fill):
    if options.get("padding") != "same":
        return x
    top, bottom = same_padding(size[0], stride[0], x.shape[2])
    left, right = same_padding(size[1], stride[1], x.shape[3])
    return F.pad(x, (left, right, top, bottom), value=fill)


class Network:
    """Runs layers on tensors in Inkstone's layout; makes parameters as it meets them."""

    def __init__(self, training):
        self.training, self.parameters, self.state, self.names, self.n_dropouts = training, {}, {}, {}, 0

    def name(self, kind):
        self.names[kind] = self.names.get(kind, 0) + 1
        return f"{kind}_{self.names[kind]}"

    def parameter(self, name, *shape):
        flat = values(int(np.prod(shape)), PARAMETERS + len(self.parameters))
        tensor = torch.tensor(flat.reshape(shape), requires_grad=True)
        self.parameters[name] = tensor
        return tensor

    def statistic(self, name, n, plus):
        return torch.tensor(values(n, STATE + len(self.state)) + plus)

    def run(self, layers, x):
        for layer in layers:
            kind, options = (layer, {}) if isinstance(layer, str) else next(iter(layer.items()))
            x = getattr(self, kind)(x, options)
            if isinstance(options, dict) and "activation" in options:
                x = getattr(self, options["activation"])(x, {})
        return x

    def conv2d(self, x, options):
        name, size, stride = self.name("conv2d"), pair(options["kernel"]), pair(options.get("stride", 1))
        kernel = self.parameter(f"{name}.kernel", *size, x.shape[3], options["filters"])
        bias = self.parameter(f"{name}.bias", options["filters"]) if options.get("bias", True) else None
        x = padded(x.permute(0, 3, 1, 2), options, size, stride, 0.0)
        return F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, stride).permute(0, 2, 3, 1)

    def dense(self, x, options):
        name = self.name("dense")
        kernel = self.parameter(f"{name}.kernel", x.shape[1], options["units"])
        bias = self.parameter(f"{name}.bias", options["units"]) if options.get("bias", True) else None
        return F.linear(x, kernel.T, bias)

    def pool(self, options):
        options = {"size": options} if isinstance(options, int) else options
        size = pair(options["size"])
        return options, size, pair(options.get("stride", size))

    def max_pool(self, x, options):
        options, size, stride = self.pool(options)
        x = padded(x.permute(0, 3, 1, 2).contiguous(), options, size, stride, -torch.inf)
        return F.max_pool2d(x, size, stride).permute(0, 2, 3, 1)

    def average_pool(self, x, options):
        options, size, stride = self.pool(options)
        x = x.permute(0, 3, 1, 2)
        sums, ones = (F.avg_pool2d(padded(t, options, size, stride, 0.0), size, stride, divisor_override=1)
                      for t in (x, torch.ones_like(x)))
        return (sums / ones).permute(0, 2, 3, 1)

    def global_average_pool(self, x, _):
        return x.mean(dim=(1, 2))

    def flatten(self, x, _):
        return x.reshape(len(x), -1)

    def relu(self, x, _):
        return F.relu(x)

    def leaky_relu(self, x, options):
        return F.leaky_relu(x, f32(options.get("slope", 0.01)))

    def gelu(self, x, _):
        return F.gelu(x)

    def tanh(self, x, _):
        return torch.tanh(x)

    def sigmoid(self, x, _):
        return torch.sigmoid(x)

    def softmax(self, x, _):
        return F.softmax(x, dim=-1)

    def dropout(self, x, rate):
        self.n_dropouts += 1
        if not self.training:
            return x
        masks = [keep_mask(SEED, STEP, i, self.n_dropouts - 1, rate, x[0].numel()) for i in range(len(x))]
        return x * torch.tensor(np.stack(masks)).reshape(x.shape)

    def batch_norm(self, x, options):
        name, n = self.name("batch_norm"), x.shape[-1]
        gamma, beta = self.parameter(f"{name}.gamma", n), self.parameter(f"{name}.beta", n)
        mean = self.state[f"{name}.mean"] = self.statistic(name, n, 0.0)
        variance = self.state[f"{name}.variance"] = self.statistic(name, n, 1.0)
        rows = x.reshape(-1, n)
        y = F.batch_norm(rows, mean.clone(), variance.clone(), gamma, beta, self.training,
                         eps=f32(options.get("epsilon", 1e-3)))
        if self.training:
            # Keras' momentum is the share that stays, and its running variance is the biased one; PyTorch's is not.
            momentum = f32(options.get("momentum", 0.99))
            self.state[f"{name}.mean"] = momentum * mean + (1 - momentum) * rows.detach().mean(0)
            self.state[f"{name}.variance"] = momentum * variance + (1 - momentum) * rows.detach().var(0, correction=0)
        return y.reshape(x.shape)

    def residual(self, x, options):
        return x + self.run(options["body"], x)


def numbers(tensor):
    return [float(f"{v:.14g}") for v in tensor.detach().reshape(-1).tolist()]


def run_case(name, shape, layers):
    training = name.endswith("in_training")
    ties = name.endswith(("ties", "zero"))
    images = values(BATCH * int(np.prod(shape)), IMAGES) * 4
    if ties:
        images = np.trunc(images)
    x = torch.tensor(images.reshape(BATCH, *shape), requires_grad=True)
    network = Network(training)
    y = network.run(layers, x)
    y.backward(torch.tensor(values(y.numel(), D_OUTPUT)).reshape(y.shape))
    return {
        "name": name, "input": shape, "n": BATCH, "training": training, "whole_numbers": ties, "layers": layers,
        "n_outputs": y[0].numel(), "output": numbers(y), "d_input": numbers(x.grad),
        "d_parameters": {name: numbers(p.grad) for name, p in network.parameters.items()},
        "state": {name: numbers(s) for name, s in network.state.items()},
    }


def run_loss(smoothing, weights):
    logits = torch.tensor(values(12, IMAGES).reshape(3, 4) * 20, requires_grad=True)
    labels = torch.tensor([2, 0, 3])
    losses = F.cross_entropy(logits, labels, reduction="none", label_smoothing=f32(smoothing))
    weighted = losses * torch.tensor([f32(w) for w in weights])
    weighted.sum().backward()
    return {"smoothing": smoothing, "labels": labels.tolist(), "weights": weights, "losses": numbers(weighted),
            "d_logits": numbers(logits.grad)}


def main():
    fixture = {
        "cases": [run_case(*case) for case in CASES],
        "losses": [run_loss(0.0, [1.0, 1.0, 1.0]), run_loss(0.1, [0.5, 2.0, 1.3])],
    }
    lines = [f' "{key}": [\n  ' + ",\n  ".join(json.dumps(case) for case in cases) + "\n ]"
             for key, cases in fixture.items()]
    print("{\n" + ",\n".join(lines) + "\n}")


main()
