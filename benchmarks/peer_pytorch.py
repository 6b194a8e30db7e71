"""PyTorch: trains the tutorial network or Deotte's seven convolutions (channels_last, fused Adam), or augments
(torchvision's RandomAffine in a DataLoader). For plain AVX2 set ATEN_CPU_CAPABILITY=avx2 and ONEDNN_MAX_CPU_ISA=AVX2.
"""

import os

import torch
from torch import nn

import measuring


def tutorial():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 10),
    )


def deotte():
    def block(inputs, outputs, kernel, stride=1, padding=0):
        return [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.ReLU(), nn.BatchNorm2d(outputs)]

    return nn.Sequential(
        *block(1, 32, 3), *block(32, 32, 3), *block(32, 32, 5, 2, 2), nn.Dropout(0.4),
        *block(32, 64, 3), *block(64, 64, 3), *block(64, 64, 5, 2, 2), nn.Dropout(0.4),
        *block(64, 128, 4), nn.Flatten(), nn.Dropout(0.4), nn.Linear(128, 10),
    )


def train(network, batch_size, chosen, images, labels):
    model = {"tutorial": tutorial, "deotte": deotte}[network]().to(memory_format=torch.channels_last)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    n, state = len(labels), {"order": torch.randperm(len(labels)), "at": 0}

    def step():
        if state["at"] + batch_size > n:
            state["order"], state["at"] = torch.randperm(n), 0
        batch = state["order"][state["at"] : state["at"] + batch_size]
        state["at"] += batch_size
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=chosen.precision == "bf16"):
            loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        return batch_size

    done = measuring.speed(*measuring.repeat(step, chosen.seconds))
    measuring.say(
        "pytorch", torch.__version__, "train", engine=os.environ.get("ATEN_CPU_CAPABILITY", "default"), network=network,
        precision=chosen.precision, batch_size=batch_size, threads=chosen.threads, **done,
    )


def augment(chosen, images):
    import torchvision
    from torchvision.transforms import v2

    class Augmented(torch.utils.data.Dataset):
        steps = v2.RandomAffine(10, scale=(0.9, 1.1), interpolation=v2.InterpolationMode.BILINEAR)

        def __len__(self):
            return len(images)

        def __getitem__(self, i):
            return self.steps(images[i])

    loader = torch.utils.data.DataLoader(Augmented(), batch_size=128, shuffle=True, num_workers=chosen.threads)
    batches = iter(loader)  # 60,000 images last longer than any stretch that is measured here.
    done = measuring.speed(*measuring.repeat(lambda: len(next(batches)), chosen.seconds))
    measuring.say(
        "torchvision", torchvision.__version__, "augment", engine=f"DataLoader, {chosen.threads} workers",
        precision="f32", batch_size=128, threads=chosen.threads, **done,
    )
    del batches  # Ends the workers, which have prepared more than anybody will ask for.


def main():
    chosen = measuring.arguments(["train", "deotte", "augment"])
    torch.set_num_threads(1 if chosen.work == "augment" else chosen.threads)
    pixels, labels = measuring.mnist(chosen.data)
    images = torch.from_numpy(pixels).float().div(255).unsqueeze(1).contiguous(memory_format=torch.channels_last)
    if chosen.work == "augment":
        augment(chosen, images)
        return
    network = "deotte" if chosen.work == "deotte" else "tutorial"
    for batch_size in chosen.batch_sizes:
        train(network, batch_size, chosen, images, torch.from_numpy(labels))


main()
