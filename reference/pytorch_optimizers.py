# Ten steps of PyTorch's optimizers on five numbers, and PyTorch's learning-rate schedules, for the tests of `train`.
# python reference/pytorch_optimizers.py crates/inkstone/tests/fixtures
import json
import pathlib
import sys

import torch

OPTIMIZERS = [
    {"optimizer": "adam", "learning_rate": 0.01},
    {"optimizer": "adam", "learning_rate": 0.1, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4, "weight_decay": 0.1},
    {"optimizer": "adamw", "learning_rate": 0.01},
    {"optimizer": "adamw", "learning_rate": 0.1, "weight_decay": 0.2},
    {"optimizer": "sgd", "learning_rate": 0.1},
    {"optimizer": "sgd", "learning_rate": 0.1, "weight_decay": 0.05},
    {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05},
]
SCHEDULES = [
    {"schedule": "constant", "epochs": 3, "learning_rate": 0.01},
    {"schedule": "step", "epochs": 6, "learning_rate": 0.01, "step_epochs": 2, "decay": 0.5},
    {"schedule": "exponential", "epochs": 5, "learning_rate": 0.01, "decay": 0.95},
    {"schedule": "cosine", "epochs": 4, "learning_rate": 0.01},
    {"schedule": "one_cycle", "epochs": 4, "learning_rate": 0.01},
    {"schedule": "one_cycle", "epochs": 1, "learning_rate": 0.5},
]
STEPS_PER_EPOCH = 7


def optimizer_for(spec, values):
    rate, decay = spec["learning_rate"], spec.get("weight_decay")
    if spec["optimizer"] == "sgd":
        return torch.optim.SGD([values], lr=rate, momentum=spec.get("momentum", 0.0),
                               nesterov=spec.get("nesterov", False), weight_decay=decay or 0.0)
    betas = (spec.get("beta_1", 0.9), spec.get("beta_2", 0.999))
    kind = torch.optim.Adam if spec["optimizer"] == "adam" else torch.optim.AdamW
    extra = {} if decay is None else {"weight_decay": decay}
    return kind([values], lr=rate, betas=betas, eps=spec.get("epsilon", 1e-8), **extra)


def steps(spec):
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(5, generator=generator)
    values = start.clone().requires_grad_()
    optimizer = optimizer_for(spec, values)
    gradients, after = [], []
    for _ in range(10):
        values.grad = torch.randn(5, generator=generator) * torch.tensor([1.0, 10.0, 0.1, 1e-3, 0.0])
        gradients.append(values.grad.tolist())
        optimizer.step()
        after.append(values.tolist())
    return {"spec": spec, "start": start.tolist(), "gradients": gradients, "values": after}


def rates(spec):
    values = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([values], lr=spec["learning_rate"])
    n_steps = spec["epochs"] * STEPS_PER_EPOCH
    per_epoch, name = False, spec["schedule"]
    if name == "constant":
        schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    elif name == "step":
        schedule, per_epoch = torch.optim.lr_scheduler.StepLR(optimizer, spec["step_epochs"], spec["decay"]), True
    elif name == "exponential":
        schedule, per_epoch = torch.optim.lr_scheduler.ExponentialLR(optimizer, spec["decay"]), True
    elif name == "cosine":
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps)
    else:
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=spec["learning_rate"], total_steps=n_steps)
    found = []
    for step in range(n_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < n_steps and (not per_epoch or (step + 1) % STEPS_PER_EPOCH == 0):
            schedule.step()
    return {"spec": spec, "steps_per_epoch": STEPS_PER_EPOCH, "rates": found}


folder = pathlib.Path(sys.argv[1])
made_by = f"reference/pytorch_optimizers.py with PyTorch {torch.__version__}"
for name, cases in [("optimizers", [steps(spec) for spec in OPTIMIZERS]), ("schedules", [rates(spec) for spec in SCHEDULES])]:
    (folder / f"{name}.json").write_text(json.dumps({"made_by": made_by, "cases": cases}) + "\n")
