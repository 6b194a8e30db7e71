"""Makes crates/inkstone/tests/fixtures/augment.safetensors: Keras' affine matrix, resampled by SciPy.

    python reference/augment_fixture.py T10K_IMAGES_IDX3_UBYTE    (needs numpy and scipy)

Two MNIST test digits and one 12x20 colour picture under several sets of parameters and three rules of filling.
The matrix is written out here; where Keras can be imported (KERAS_BACKEND=torch will do), its own
apply_affine_transform must give the same pictures.
"""

import os
import sys

import numpy as np
from scipy import ndimage

from fixture import write_safetensors

CONSTANT = 50.0
MODES = [("edge", "nearest"), ("reflect", "mirror"), ("constant", "constant")]
# theta (degrees), columns and rows (pixels), shear (degrees), zoom of the width, zoom of the height
PARAMETERS = np.array(
    [
        [10, 0, 0, 0, 1, 1],
        [-7.3, 0, 0, 0, 0.93, 1.08],
        [0, 2.25, -1.5, 0, 1, 1],
        [0, 0, 0, 12, 1, 1],
        [0, 0, 0, 0, 1.2, 0.85],
        [15, -2.1, 3.3, -8, 1.1, 0.9],
        [-31.7, 5.2, 4.4, 20, 0.71, 1.34],
        [123.4, 0.3, -0.6, 3, 1.9, 2.3],
        [-178, -11.7, 9.1, -25, 3.1, 0.5],
        [3.21, 40.2, -35.3, 1, 1.05, 0.97],
    ],
    dtype=np.float32,
)


def affine(theta, columns, rows, shear, zoom_x, zoom_y):
    """Output (x, y) to input (x, y), about the centre: R(theta) T Shear Z, as 3x3."""
    theta, shear = np.deg2rad(theta), np.deg2rad(shear)
    rotation = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    shift = np.array([[1, 0, columns], [0, 1, rows], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    return rotation @ shift @ shearing @ np.diag([zoom_x, zoom_y, 1])


def resample(picture, parameters, mode):
    """One bilinear pass per channel."""
    height, width, _ = picture.shape
    centre = np.array([[1, 0, width / 2 - 0.5], [0, 1, height / 2 - 0.5], [0, 0, 1]])
    matrix = centre @ affine(*parameters) @ np.linalg.inv(centre)
    matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]  # arrays are indexed (y, x)
    channels = [
        ndimage.affine_transform(channel, matrix[:2, :2], matrix[:2, 2], order=1, mode=mode, cval=CONSTANT)
        for channel in np.moveaxis(picture, 2, 0)
    ]
    return np.stack(channels, axis=2)


def compare_with_keras(picture, parameters, mode, expected):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        from keras.src.legacy.preprocessing.image import apply_affine_transform
    except ImportError:
        return False
    theta, columns, rows, shear, zoom_x, zoom_y = parameters
    found = apply_affine_transform(
        picture.copy(), theta, columns, rows, shear, zoom_x, zoom_y,
        row_axis=0, col_axis=1, channel_axis=2, fill_mode=mode, cval=CONSTANT,
    )  # fmt: skip
    assert np.abs(found - expected).max() < 1e-3, (parameters, mode)
    return True


def main():
    with open(sys.argv[1], "rb") as file:
        digits = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)[[0, 2119]]
    colour = np.random.default_rng(0).integers(0, 256, (1, 12, 20, 3), np.uint8)
    tensors = {"parameters": PARAMETERS, "digits": digits, "colour": colour}
    n_compared = 0
    for name, mode in MODES:
        for kind, pictures in [("digits", digits), ("colour", colour)]:
            results = []
            for i, parameters in enumerate(PARAMETERS.astype(np.float64)):
                picture = pictures[i % len(pictures)].astype(np.float64)
                results.append(resample(picture, parameters, mode))
                # Keras mixes up the two halves of the centre of a picture that is not square.
                if kind == "digits":
                    n_compared += compare_with_keras(picture, parameters, mode, results[-1])
            tensors[f"{kind}.{name}"] = np.stack(results).astype(np.float32)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "inkstone", "tests", "fixtures")
    os.makedirs(folder, exist_ok=True)
    write_safetensors(os.path.join(folder, "augment.safetensors"), tensors)
    print(f"compared {n_compared} pictures with Keras' own")


main()
