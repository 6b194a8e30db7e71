"""Makes crates/inkstone/tests/fixtures/preprocess.safetensors: grey and resized pictures as Pillow sees them.

    python reference/preprocess_fixture.py    (needs numpy and pillow)

grey         Pillow's convert("L"): must be equal.
area.H.W     shrunk by powers of two with Pillow's reduce: must be equal (one rounding, half up). By other whole factors
             Pillow multiplies with a reciprocal that is cut off, so that an exact half may be rounded down.
exact.H.W    resized in floats, before rounding: Pillow's reduce in mode F for the other whole factors; its bilinear
             in mode F along an axis that grows; repeated pixels averaged in blocks along one that shrinks.
"""

import os

import numpy as np
from PIL import Image

from fixture import write_safetensors


def average(picture, height):
    """Area averaging of the rows: each repeated `height` times, then averaged over blocks of the old height."""
    repeated = np.repeat(picture, height, axis=0)
    return repeated.reshape(height, picture.shape[0], *picture.shape[1:]).mean(axis=1)


def bilinear(picture, height, width):
    return np.asarray(Image.fromarray(picture.astype(np.float32), "F").resize((width, height), Image.BILINEAR))


def resize(picture, height, width):
    if height <= picture.shape[0]:
        picture = average(picture, height)
    else:
        picture = bilinear(picture, height, picture.shape[1])
    if width <= picture.shape[1]:
        return average(picture.T, width).T
    return bilinear(picture, picture.shape[0], width)


def main():
    colour = np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)
    grey = np.asarray(Image.fromarray(colour).convert("L"))
    tensors = {"colour": colour, "grey": grey}
    for factors in [(1, 2), (2, 1), (2, 2), (4, 2), (4, 8)]:
        reduced = np.asarray(Image.fromarray(grey).reduce(factors))
        tensors[f"area.{reduced.shape[0]}.{reduced.shape[1]}"] = reduced
    for factors in [(3, 4), (4, 3), (9, 1), (36, 24)]:
        reduced = np.asarray(Image.fromarray(grey.astype(np.float32), "F").reduce(factors))
        tensors[f"exact.{reduced.shape[0]}.{reduced.shape[1]}"] = reduced
    for height, width in [(28, 40), (48, 72), (25, 37), (61, 90), (23, 35), (7, 5), (11, 28), (28, 28), (17, 50), (40, 9)]:
        tensors[f"exact.{height}.{width}"] = resize(grey, height, width).astype(np.float32)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "inkstone", "tests", "fixtures")
    os.makedirs(folder, exist_ok=True)
    write_safetensors(os.path.join(folder, "preprocess.safetensors"), tensors)


main()
