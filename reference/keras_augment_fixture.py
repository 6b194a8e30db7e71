"""Makes crates/inkstone/tests/fixtures/keras_augment.safetensors: what the real ImageDataGenerator does.

    python reference/keras_augment_fixture.py    (needs keras or tensorflow, and scipy)

Parameters are drawn by get_random_transform, rounded to f32 (what ours are), and applied by apply_transform to a grey
picture, a colour picture and one that is not square, under each fill_mode that we know. Nothing of Keras is repeated here.
For each picture and mode: NAME.MODE.parameters (theta, tx, ty, shear, zx, zy, horizontal flip, vertical flip) and
NAME.MODE.result.
"""

import os

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
from keras.src.legacy.preprocessing.image import ImageDataGenerator

from fixture import write_safetensors

CONSTANT = 50.0
# Each with the ranges that exercise one thing, then all together.
RANGES = [
    {"rotation_range": 10, "zoom_range": 0.1},
    {"width_shift_range": 0.2},
    {"height_shift_range": 0.2},
    {"shear_range": 20},
    {"horizontal_flip": True, "vertical_flip": True},
    {"width_shift_range": 3.0, "height_shift_range": 2.5, "rotation_range": 90},
    {"rotation_range": 180, "width_shift_range": 0.3, "height_shift_range": 0.3, "shear_range": 40, "zoom_range": 0.6,
     "horizontal_flip": True, "vertical_flip": True},
]  # fmt: skip


def picture(height, width, channels):
    """Bytes that rise and fall and jump."""
    i, j, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    return ((i * i * 7 + j * 23 + i * j * 3 + c * 91) % 256).astype(np.uint8)


def transformed(image, mode, ranges, seed):
    generator = ImageDataGenerator(fill_mode=mode, cval=CONSTANT, dtype="float32", **ranges)
    drawn = generator.get_random_transform(image.shape, seed=seed)
    names = ["theta", "tx", "ty", "shear", "zx", "zy"]
    drawn.update({name: float(np.float32(drawn[name])) for name in names})
    result = generator.apply_transform(image.astype("float32"), drawn)
    parameters = [drawn[name] for name in names] + [float(drawn["flip_horizontal"]), float(drawn["flip_vertical"])]
    return np.array(parameters, np.float32), result.astype(np.float32)


def main():
    tensors = {}
    for name, shape in [("grey", (16, 16, 1)), ("colour", (9, 9, 3)), ("wide", (8, 15, 1)), ("tall", (11, 6, 3))]:
        image = picture(*shape)
        tensors[name] = image
        for mode in ["nearest", "reflect", "constant"]:
            results = [transformed(image, mode, ranges, seed) for seed, ranges in enumerate(RANGES)]
            tensors[f"{name}.{mode}.parameters"] = np.stack([parameters for parameters, _ in results])
            tensors[f"{name}.{mode}.result"] = np.stack([result for _, result in results])
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "inkstone", "tests", "fixtures")
    write_safetensors(os.path.join(folder, "keras_augment.safetensors"), tensors)


main()
