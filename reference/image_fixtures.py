"""Makes small images of every kind that is decoded, with Pillow's pixels: python reference/image_fixtures.py

Writes crates/inkstone/tests/fixtures/images/ and the refused kinds under crates/inkstone/tests/bad/images/. Needs
Pillow and NumPy. expected.json: height, width, channels, pixels, and by how much a value may differ (lossy formats,
and the conversion of CMYK, where decoders round in their own way).
"""

import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

TESTS = pathlib.Path(__file__).parent.parent / "crates/inkstone/tests"
GOOD, BAD = TESTS / "fixtures/images", TESTS / "bad/images"
H, W = 10, 12
ROWS, COLUMNS = np.mgrid[0:H, 0:W]
GREY = (COLUMNS * 20 + ROWS * 3).astype(np.uint8)
RGB = np.stack([GREY, 255 - GREY, (ROWS * 25).astype(np.uint8)], -1)
ALPHA = (COLUMNS * 23).astype(np.uint8)
EXPECTED = {}


def orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def pixels(path: pathlib.Path) -> np.ndarray:
    """As Inkstone means it: upright, over white, 8 bits, grey or RGB."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode.startswith("I"):
        return np.round(np.asarray(image).astype(np.float64) * 255 / 65535).astype(np.uint8)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("LA", "RGBA"):
        values = np.asarray(image).astype(np.float64)
        share = values[..., -1:] / 255
        return np.round(values[..., :-1] * share + 255 * (1 - share)).astype(np.uint8).squeeze()
    return np.asarray(image.convert("L" if image.mode in ("L", "1") else "RGB"))


def good(name: str, image: Image.Image, tolerance: int = 0, expected: np.ndarray | None = None, **options) -> None:
    path = GOOD / name
    image.save(path, **options)
    found = pixels(path) if expected is None else expected
    EXPECTED[name] = {
        "height": found.shape[0],
        "width": found.shape[1],
        "channels": 1 if found.ndim == 2 else 3,
        "tolerance": tolerance,
        "pixels": found.ravel().tolist(),
    }


def tiff(entries: list[tuple[int, int, int]], data: bytes) -> bytes:
    """A TIFF of one directory whose values are whole numbers; pixels stand at the end."""
    start = 8 + 2 + 12 * len(entries) + 4
    body = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        body += struct.pack("<HHII", tag, kind, 1, start if value < 0 else value)
    return b"II*\0" + struct.pack("<I", 8) + body + struct.pack("<I", 0) + data


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, colour: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")


def main() -> None:
    GOOD.mkdir(parents=True, exist_ok=True)
    grey, rgb = Image.fromarray(GREY), Image.fromarray(RGB)
    rgba, la = Image.fromarray(np.dstack([RGB, ALPHA])), Image.fromarray(np.dstack([GREY, ALPHA]))
    deep = Image.fromarray(GREY.astype(np.uint16) * 257 // 2)
    cmyk = rgb.convert("CMYK")
    palette = rgb.quantize(16)
    bilevel = grey.point(lambda v: 255 * (v > 100), "1")
    for extension in ("png", "tif", "bmp", "ppm"):
        good(f"rgb.{extension}", rgb)
    good("grey.png", grey)
    good("grey.pgm", grey)
    good("palette.png", palette)
    good("palette-transparent.png", palette, transparency=3)
    good("palette.bmp", palette)
    good("grey-alpha.png", la)
    good("rgb-alpha.png", rgba, 1)
    good("deep.png", deep)
    good("bilevel.png", bilevel)
    good("bilevel.pbm", bilevel)
    good("turned.png", grey, exif=orientation(6))
    good("grey.tif", grey)
    good("grey-lzw.tif", grey, compression="tiff_lzw")
    good("rgb-deflate.tif", rgb, compression="tiff_adobe_deflate")
    good("rgb-packbits.tif", rgb, compression="packbits")
    good("deep.tif", deep)
    good("bilevel.tif", bilevel)
    good("rgb-alpha.tif", rgba, 1)
    good("cmyk.tif", cmyk, 2)
    # Pillow 13 mixes up the rows of a TIFF that says it lies on its side: turned by NumPy instead.
    good("turned.tif", grey, expected=np.rot90(GREY), exif=orientation(8))
    good("rgb.webp", rgb, lossless=True)
    good("rgb-alpha.webp", rgba, 1, lossless=True, exact=True)
    good("lossy.webp", rgb, 6, quality=95)
    good("turned.webp", rgb, lossless=True, exif=orientation(3))
    good("grey.jpg", grey, 2, quality=95)
    good("rgb.jpg", rgb, 6, quality=95, subsampling=0)
    good("progressive.jpg", rgb, 6, quality=95, subsampling=0, progressive=True)
    good("cmyk.jpg", cmyk, 8, quality=95)
    good("turned.jpg", grey, 2, quality=95, exif=orientation(6))
    (GOOD / "expected.json").write_text(json.dumps(EXPECTED) + "\n")

    palette.save(BAD / "palette.tif")
    Image.fromarray(GREY.astype(np.float32) / 255).save(BAD / "floats.tif")
    Image.fromarray(GREY.astype(np.int32) * 1000).save(BAD / "of-32-bits.tif")
    rgb.convert("LAB").save(BAD / "lab.tif")
    grey.save(BAD / "two-pages.tif", save_all=True, append_images=[grey])
    rgb.save(BAD / "animated.webp", save_all=True, append_images=[Image.fromarray(RGB[::-1])], lossless=True)
    rgb.save(BAD / "animated.png", save_all=True, append_images=[Image.fromarray(RGB[::-1])])
    (BAD / "of-65535-squared.png").write_bytes(png(65535, 65535, 0))
    (BAD / "of-65535-squared.jpg").write_bytes(
        b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 11, 8, 65535, 65535, 1) + b"\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0"
    )
    grey_of = [(258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, -1), (277, 3, 1)]

    def plain(width: int, height: int, rows: int, count: int) -> bytes:
        entries = [(256, 4, width), (257, 4, height), *grey_of, (278, 4, rows), (279, 4, count)]
        return tiff(sorted(entries), b"\0" * 16)

    (BAD / "of-65535-squared.tif").write_bytes(plain(65535, 65535, 65535, 16))
    (BAD / "cut-strip.tif").write_bytes(plain(5000, 5000, 5000, 16))
    (BAD / "strip-of-4-gb.tif").write_bytes(plain(16, 16, 16, 0xFFFFFFFF))
    (BAD / "no-rows-in-a-strip.tif").write_bytes(plain(16, 16, 0, 16))
    (BAD / "truncated.tif").write_bytes((GOOD / "rgb-deflate.tif").read_bytes()[:60])
    (BAD / "truncated.webp").write_bytes((GOOD / "rgb.webp").read_bytes()[:-20])


main()
