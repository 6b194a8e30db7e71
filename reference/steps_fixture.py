"""Makes crates/inkstone/tests/fixtures/steps.safetensors: the steps behind the affine ones, by SciPy and NumPy.

    python reference/steps_fixture.py    (needs numpy and scipy)

elastic      the field from our own generator's rule (Philox keyed by seed, epoch, sample, operation), smoothed by
             gaussian_filter(mode="constant"), times alpha; read by map_coordinates(order=1)
perspective  the homography through four corners, from its eight linear equations
stroke       grey_dilation and grey_erosion with a disc, blended between whole radii
blur         gaussian_filter(mode="nearest")
contrast, gamma  their formulas
"""

import os

import numpy as np
from scipy import ndimage

from fixture import write_safetensors
from formula import philox

ELASTIC = 51  # the operation's number in crates/inkstone/src/rng.rs
KEY = (7, 3, 11)  # seed, epoch, sample
CORNERS = np.array([[2.0, -1.0], [-1.5, 2.5], [0.5, 1.25], [-2.0, -0.75]], np.float32)


def picture(height, width, channels):
    """Strokes with soft edges on a dark ground, another per channel."""
    i, j, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    distance = np.abs(np.hypot(i - height / 2 + c, j - width / 2 - c) - min(height, width) / 3)
    return np.clip(255 * (2.2 - distance), 0, 255).astype(np.uint8)


def field(height, width, number):
    seed, epoch, sample = KEY
    words = []
    for block in range(-(-height * width // 4)):
        words += philox([block, epoch, sample, ELASTIC | number << 16], [seed & 0xFFFFFFFF, seed >> 32])
    words = np.array(words[: height * width], np.int64).reshape(height, width)
    return [(half - 32767.5) / 32768 for half in (words & 0xFFFF, words >> 16)]  # columns, rows


def read_at(image, rows, columns):
    channels = [ndimage.map_coordinates(c, [rows, columns], order=1, mode="nearest") for c in np.moveaxis(image, 2, 0)]
    return np.stack(channels, axis=2)


def pixels(image):
    return np.meshgrid(*[np.arange(side, dtype=np.float64) for side in image.shape[:2]], indexing="ij")


def bent(image, alpha, sigma, number):
    """Rows and columns that the pixels are read from."""
    rows, columns = pixels(image)
    dx, dy = [alpha * ndimage.gaussian_filter(u, sigma, mode="constant") for u in field(*rows.shape, number)]
    return rows + dy, columns + dx


def elastic(image, *parameters):
    return read_at(image, *bent(image, *parameters))


def tilted(image, moves, rows, columns):
    """Rows and columns that these are carried to."""
    height, width, _ = image.shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float64)
    equations, values = [], []
    for (u, v), (x, y) in zip(corners, corners + moves):
        equations += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
        values += [x, y]
    matrix = np.append(np.linalg.solve(equations, values), 1).reshape(3, 3)
    x, y, depth = np.einsum("ab,bij->aij", matrix, np.stack([columns, rows, np.ones_like(rows)]))
    return y / depth, x / depth


def disc(radius):
    i, j = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return i * i + j * j <= radius * radius


def stroke(image, radius):
    change, outside = (ndimage.grey_dilation, -np.inf) if radius > 0 else (ndimage.grey_erosion, np.inf)
    whole, rest = int(abs(radius)), abs(radius) % 1

    def by(r):
        if r == 0:
            return image
        spread = [change(c, footprint=disc(r), mode="constant", cval=outside) for c in np.moveaxis(image, 2, 0)]
        return np.stack(spread, axis=2)

    return (1 - rest) * by(whole) + rest * by(whole + 1)


def blur(image, sigma):
    return ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest")


def main():
    tensors = {"corners": CORNERS}
    for name, shape in [("grey", (28, 28, 1)), ("colour", (11, 17, 3))]:
        tensors[name] = picture(*shape)
        image = tensors[name].astype(np.float64)
        luma = (image @ [0.299, 0.587, 0.114]).mean() if shape[2] == 3 else image.mean()
        results = {
            "elastic": elastic(image, 34, 4, 0),
            # Two steps: the first bends the picture, the second bends the result.
            "elastic_twice": elastic(elastic(image, 34, 4, 0), 20, 2.5, 1),
            "perspective": read_at(image, *tilted(image, CORNERS, *pixels(image))),
            # The picture is tilted first, so the place is bent first; both in one pass.
            "perspective_elastic": read_at(image, *tilted(image, CORNERS, *bent(image, 34, 4, 0))),
            "thick": stroke(image, 1.25),
            "thin": stroke(image, -0.75),
            "blur": blur(image, 0.8),
            "wide_blur": blur(image, 6),
            "contrast": np.clip(luma + 1.75 * (image - luma), 0, 255),
            "gamma": 255 * (image / 255) ** 0.5,
        }
        for step, result in results.items():
            tensors[f"{name}.{step}"] = np.round(result, 3).astype(np.float32)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "crates", "inkstone", "tests", "fixtures")
    write_safetensors(os.path.join(folder, "steps.safetensors"), tensors)


main()
