"""Makes the corpus of bad files: python reference/make_bad_files.py (writes crates/inkstone/tests/bad/).

Each file is wrong in one way; tests/bad.rs holds the exact message that each must give. Only Python's own library.
Run image_fixtures.py afterwards: it adds the image files that only Pillow makes.
"""

import gzip
import io
import pathlib
import shutil
import struct
import zipfile
import zlib

ROOT = pathlib.Path(__file__).parent.parent / "crates/inkstone/tests/bad"


def write(name: str, content: bytes) -> None:
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def idx(type_code: int, shape: list[int], values: bytes) -> bytes:
    return bytes([0, 0, type_code, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape) + values


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def npy(descr: str, shape: str, values: bytes, order: str = "False") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values


def npz(**arrays: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, content in arrays.items():
            archive.writestr(zipfile.ZipInfo(f"{key}.npy", (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main() -> None:
    shutil.rmtree(ROOT, ignore_errors=True)
    images = idx(8, [3, 2, 2], bytes(range(12)))
    labels = idx(8, [3], bytes([0, 1, 0]))
    good = png(2, 2, b"\0\x01\x02\0\x03\x04")

    # Single IDX files.
    write("idx/empty", b"")
    write("idx/three-bytes", b"\0\0\x08")
    write("idx/text", b"<html><body>404 Not Found</body></html>\n")
    write("idx/unknown-type", idx(0x0A, [1], b"\0"))
    write("idx/cut-lengths", images[:10])
    write("idx/truncated", images[:-1])
    write("idx/one-byte-more", images + b"\0")
    write("idx/header-of-100-gb", idx(8, [127551, 1024, 768], b"\0" * 4))
    write("idx/lengths-that-overflow", idx(0x0E, [0xFFFFFFFF] * 9, b"\0" * 8))
    write("idx/truncated.gz", packed(images)[:-12])
    write("idx/wrong-checksum.gz", packed(images)[:-8] + b"\1\2\3\4" + packed(images)[-4:])
    write("idx/three-gb-in-30-bytes.gz", packed(idx(8, [3000, 1000, 1000], b"\0")))
    write("idx/bomb.gz", packed(idx(8, [1], b"\0" * 1_000_000)))

    # Folders of IDX files.
    def idx_set(name: str, images: bytes, labels: bytes) -> None:
        write(f"{name}/train-images-idx3-ubyte", images)
        write(f"{name}/train-labels-idx1-ubyte", labels)

    idx_set("sets/fewer-labels", images, idx(8, [2], bytes([0, 1])))
    idx_set("sets/float-labels", images, idx(0x0D, [3], b"\0" * 12))
    idx_set("sets/negative-label", images, idx(9, [3], b"\0\xff\0"))
    idx_set("sets/labels-are-images", images, images)
    idx_set("sets/images-are-labels", labels, labels)
    idx_set("sets/images-of-i32", idx(0x0C, [3, 1, 1], b"\0" * 12), labels)
    idx_set("sets/no-images", idx(8, [0, 28, 28], b""), idx(8, [0], b""))
    write("sets/no-labels-file/train-images-idx3-ubyte", images)
    write("sets/two-sets/emnist-digits-train-images-idx3-ubyte", images)
    write("sets/two-sets/emnist-letters-train-images-idx3-ubyte", images)

    # NPZ.
    u1 = "'|u1'"
    pair = npy(u1, "(3,)", b"\0\1\0")
    write("npz/text.npz", b"this is no zip\n")
    write("npz/other-keys.npz", npz(data=pair, target=pair))
    write("npz/pickle.npz", npz(images=npy("'|O'", "(3,)", b"\x80\x04N."), labels=pair))
    write("npz/records.npz", npz(images=npy("[('a', '<i4')]", "(3,)", b"\0" * 12), labels=pair))
    write("npz/float-images.npz", npz(images=npy("'<f4'", "(3, 1, 1)", b"\0" * 12), labels=pair))
    write("npz/fortran.npz", npz(images=npy(u1, "(3, 1, 2)", b"\0" * 6, "True"), labels=pair))
    write("npz/huge-shape.npz", npz(images=npy(u1, "(100000, 1024, 1024)", b"\0"), labels=pair))
    write("npz/more-than-packed.npz", npz(images=npy(u1, "(3, 1000, 1000)", b"\0"), labels=pair))
    write("npz/bomb.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 1_000_000), labels=pair))
    write("npz/one-hot-labels.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 3), labels=npy(u1, "(3, 10)", b"\0" * 30)))
    write("npz/fewer-labels.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 3), labels=npy(u1, "(2,)", b"\0\1")))
    write("npz/no-header.npz", npz(images=b"\x93NUMPY\x01\x00\xff\xff", labels=pair))
    write("npz/cut.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 3), labels=pair)[:-20])

    # Single images.
    write("images/empty.png", b"")
    write("images/text.png", b"I only have the name of a PNG.\n")
    write("images/gif.png", b"GIF89a\1\0\1\0\0\0\0;")
    write("images/truncated.png", good[:-20])
    write("images/wrong-checksum.png", good[:29] + b"\0\0\0\0" + good[33:])
    write("images/of-10-gigapixels.png", png(100_000, 100_000, b""))
    write("images/of-10-gigapixels.pgm", b"P5 100000 100000 255\n\0")
    write("images/truncated.pgm", b"P5 4 4 255\n\0\0")
    write("images/no-height.pgm", b"P5 4 0 255\n")
    write("images/truncated.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01")
    write("images/truncated.bmp", b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\1\0\0\0")

    # Folders of images.
    write("folders/one-bad/a/good.png", good)
    write("folders/one-bad/b/text.png", b"no image\n")
    write("folders/two-bad/a/cut.png", good[:40])
    write("folders/two-bad/a/good.png", good)
    write("folders/two-bad/b/text.png", b"no image\n")
    write("folders/no-class-folders/one.png", good)
    write("folders/no-class-folders/two.png", good)
    write("folders/no-images/a/notes.txt", b"nothing here\n")

    # Files that are no source.
    write("files/table.csv", b"label,pixel0\n1,0\n")
    write("files/train-images-idx3-ubyte", images)
    write("files/notes.txt", b"nothing here\n")


if __name__ == "__main__":
    main()
