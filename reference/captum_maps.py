"""Saliency, integrated gradients, Grad-CAM and occlusion by Captum, as an independent oracle of explain/.

    python reference/captum_maps.py > crates/inkstone/tests/fixtures/captum_maps.json

Images and parameters come from formula.values; layouts are Inkstone's (NHWC, HWIO, (in, out)) and are turned into
PyTorch's here. Everything in f64. Made with Captum 0.9.0 and PyTorch 2.15; needs both.
"""

import json

import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Occlusion, Saliency
from formula import f32, values
from torch import nn

IMAGE, PARAMETERS, STATE = 1, 100, 200
STEPS = 24

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


class Parameters:
    """Tensors in the order of the plan, salted one after the other."""

    def __init__(self):
        self.n, self.n_state = 0, 0

    def take(self, *shape):
        self.n += 1
        n = int(torch.tensor(shape).prod())
        # As Inkstone holds them: f32.
        return torch.tensor(values(n, PARAMETERS + self.n - 1).reshape(shape)).float().double()

    def conv2d(self, kernel, n_in, n_out, **options):
        layer = nn.Conv2d(n_in, n_out, kernel, **options)
        layer.weight = nn.Parameter(self.take(kernel, kernel, n_in, n_out).permute(3, 2, 0, 1).contiguous())
        layer.bias = nn.Parameter(self.take(n_out))
        return layer

    def dense(self, n_in, n_out):
        layer = nn.Linear(n_in, n_out)
        layer.weight = nn.Parameter(self.take(n_in, n_out).T.contiguous())
        layer.bias = nn.Parameter(self.take(n_out))
        return layer

    def batch_norm(self, n):
        layer = nn.BatchNorm2d(n, eps=f32(1e-3))
        layer.weight, layer.bias = nn.Parameter(self.take(n)), nn.Parameter(self.take(n))
        mean = torch.tensor(values(n, STATE + self.n_state)).float().double()
        variance = torch.tensor(values(n, STATE + self.n_state + 1)).float().double() + 1
        self.n_state += 2
        layer.running_mean, layer.running_var = mean, variance
        return layer


class Flatten(nn.Module):
    """Row-major over H, W, C."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).reshape(len(x), -1)


def plain():
    """12x12x1 -> 4 classes."""
    p = Parameters()
    last = nn.ReLU()
    layers = [p.conv2d(3, 1, 5), nn.ReLU(), nn.MaxPool2d(2), p.conv2d(3, 5, 6), last, Flatten(), p.dense(54, 4)]
    return nn.Sequential(*layers), last, [12, 12, 1]


def normed():
    """9x10x3 -> 3 classes, with batch norm, a smooth activation and a mean over all places."""
    p = Parameters()
    last = nn.Tanh()
    conv, norm = p.conv2d(3, 3, 4, padding=1), p.batch_norm(4)
    second = p.conv2d(2, 4, 6)
    layers = [conv, norm, nn.GELU(), nn.AvgPool2d(2), second, last, nn.AdaptiveAvgPool2d(1), Flatten(), p.dense(6, 3)]
    return nn.Sequential(*layers), last, [9, 10, 3]


def numbers(tensor):
    """A map or input (1, C, H, W) in Inkstone's order."""
    return [float(f"{v:.9g}") for v in tensor.detach().permute(0, 2, 3, 1).reshape(-1).tolist()]


def run(name, make):
    network, last, [height, width, channels] = make()
    network.eval()
    # Some pixels are nothing, as in a drawing. Multiples of 2^-24, so exact in f32.
    image = torch.tensor(values(height * width * channels, IMAGE)).clamp(min=0) * 2
    x = image.reshape(1, height, width, channels).permute(0, 3, 1, 2).contiguous()
    zeros = torch.zeros_like(x)
    case = {"name": name, "input": [height, width, channels], "steps": STEPS, "logits": network(x)[0].tolist()}
    target, other = int(network(x).argmax()), int(network(x).argmin())
    questions = {"class": network, "against": nn.Sequential(network, Difference(target, other))}
    case |= {"target": target, "other": other}
    side = [max(1, (height + 3) // 7), max(1, (width + 3) // 7)]
    for question, asked in questions.items():
        index = target if question == "class" else 0
        integrated = IntegratedGradients(asked).attribute(
            x, zeros, target=index, n_steps=STEPS, method="riemann_middle")
        cam = LayerGradCam(asked, last).attribute(x, target=index, relu_attributions=True)
        occlusion = Occlusion(asked).attribute(
            x, sliding_window_shapes=(channels, *side), baselines=0.0, target=index)
        case[question] = {
            "signed_saliency": numbers(Saliency(asked).attribute(x, target=index, abs=False)),
            "integrated_gradients": numbers(integrated),
            "grad_cam": numbers(cam),
            "grad_cam_enlarged": numbers(LayerAttribution.interpolate(cam, (height, width), "bilinear")),
            # The same number for each channel of a pixel: the first is enough.
            "occlusion": numbers(occlusion[:, :1]),
        }
    return case


class Difference(nn.Module):
    """One logit less another."""

    def __init__(self, target, other):
        super().__init__()
        self.target, self.other = target, other

    def forward(self, logits):
        return (logits[:, self.target] - logits[:, self.other])[:, None]


if __name__ == "__main__":
    print(json.dumps({"cases": [run("plain", plain), run("normed", normed)]}, indent=None))
