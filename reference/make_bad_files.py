"""Makes the corpus of bad files: python reference/make_bad_files.py (writes crates/inkstone/tests/bad/).

Each file is wrong in one way; tests/bad.rs holds the exact message that each must give. Only Python's own library.
Run image_fixtures.py afterwards: it adds the image files that only Pillow makes.
"""

import gzip
import io
import json
import pathlib
import shutil
import struct
import tarfile
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


def tar(*entries: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in entries:
            entry = tarfile.TarInfo(name)
            entry.size, entry.type, entry.linkname = len(content), kind, link
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def tensors(header: object, values: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


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
    half = struct.pack("<3f", 0, 1, 0.5)
    write("npz/float-images.npz", npz(images=npy("'<f4'", "(3, 1, 1)", half), labels=pair))
    write("npz/half-images.npz", npz(images=npy("'<f2'", "(3, 1, 1)", b"\0" * 6), labels=pair))
    write("npz/16-bit-images.npz", npz(images=npy("'<u2'", "(3, 1, 1)", b"\0\0\0\1\0\0"), labels=pair))
    write("npz/names-as-objects.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 3), labels=pair, class_names=npy("'|O'", "(2,)", b"\x80\x04N.")))
    write("npz/huge-shape.npz", npz(images=npy(u1, "(100000, 1024, 1024)", b"\0"), labels=pair))
    write("npz/more-than-packed.npz", npz(images=npy(u1, "(3, 1000, 1000)", b"\0"), labels=pair))
    write("npz/bomb.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 1_000_000), labels=pair))
    write("npz/one-hot-labels.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 3), labels=npy(u1, "(3, 10)", b"\0" * 30)))
    write("npz/fewer-labels.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 3), labels=npy(u1, "(2,)", b"\0\1")))
    write("npz/no-header.npz", npz(images=b"\x93NUMPY\x01\x00\xff\xff", labels=pair))
    write("npz/cut.npz", npz(images=npy(u1, "(3, 1, 1)", b"\0" * 3), labels=pair)[:-20])

    # CSV.
    write("csv/empty.csv", b"")
    write("csv/names-alone.csv", b"label,pixel0\n")
    write("csv/no-label.csv", b"id,pixel0,pixel1\n1,2,3\n")
    write("csv/ragged.csv", b"label,pixel0,pixel1,pixel2,pixel3\n1,0,0,0,0\n1,0,0,0\n")
    write("csv/too-wide-row.csv", b"label,pixel0\n1,0\n1,0,0\n")
    write("csv/value-256.csv", b"label,pixel0\n1,0\n0,256\n")
    write("csv/negative.csv", b"label,pixel0\n1,-1\n")
    write("csv/no-value.csv", b"label,pixel0\n1,\n")
    write("csv/share.csv", b"label,pixel0\n1,0.25\n")
    write("csv/word.csv", b"label,pixel0\n1,\xff\xfe\n")
    write("csv/no-square.csv", b"label,pixel0,pixel1\n1,0,0\n")
    write("csv/label-too-large.csv", b"label,pixel0\n10000,0\n")
    write("csv/part.csv", b"label,part,pixel0\n1,train,0\n1,dev,0\n")
    write("csv/missing-image.csv", b"path,label\nnot-there.png,a\n")
    write("csv/no-path.csv", b"path,label\n,a\n")
    write("csv/ragged-paths.csv", b"path,label\na.png,a\nb.png\n")
    write("csv/not-an-image.csv", b"path,label\nempty.csv,a\n")

    # Tar shards.
    write("tar/text.tar", b"this is no archive\n" * 40)
    write("tar/empty.tar", b"\0" * 1024)
    write("tar/cut.tar", tar(("0.png", good), ("0.cls", b"1"))[:600])
    write("tar/leads-out.tar", tar(("../../etc/0.png", good), ("../../etc/0.cls", b"1")))
    write("tar/from-the-root.tar", tar(("/0.png", good), ("/0.cls", b"1")))
    write("tar/links-alone.tar", tar(("0.png", b""), ("0.cls", b""), kind=tarfile.SYMTYPE, link="/etc/passwd"))
    write("tar/devices-alone.tar", tar(("0.png", b""), ("0.cls", b""), kind=tarfile.CHRTYPE))
    write("tar/no-label.tar", tar(("0.png", good)))
    write("tar/no-image.tar", tar(("0.cls", b"1")))
    write("tar/not-an-image.tar", tar(("0.png", b"text"), ("0.cls", b"1")))
    write("tar/damaged-json.tar", tar(("0.png", good), ("0.json", b"{")))
    huge = bytearray(tar(("0.png", good)))
    huge[124:136] = b"77777777777\0"  # 8 GiB
    huge[148:156] = b"        "
    huge[148:156] = b"%06o\0 " % sum(huge[:512])
    write("tar/8-gb-in-2-kb.tar", bytes(huge))

    # Safetensors.
    def pair_of(images: dict, labels: dict, values: bytes = b"\0" * 6) -> bytes:
        return tensors({"images": images, "labels": labels}, values)

    u8 = {"dtype": "U8", "shape": [3, 1, 1], "data_offsets": [0, 3]}
    three = {"dtype": "U8", "shape": [3], "data_offsets": [3, 6]}
    write("safetensors/text.safetensors", b"this is no tensor file\n")
    write("safetensors/short.safetensors", b"\1\0")
    write("safetensors/huge-header.safetensors", struct.pack("<Q", 1 << 62) + b"{}")
    write("safetensors/list.safetensors", tensors([1], b""))
    write("safetensors/damaged-json.safetensors", struct.pack("<Q", 3) + b"{a}")
    write("safetensors/other-tensors.safetensors", tensors({"weight": u8}, b"\0" * 3))
    write("safetensors/no-labels.safetensors", tensors({"images": u8}, b"\0" * 3))
    write("safetensors/outside.safetensors", pair_of({**u8, "data_offsets": [0, 3_000_000]}, three))
    write("safetensors/overflow.safetensors", pair_of({**u8, "shape": [1 << 62, 1 << 62, 4]}, three))
    write("safetensors/other-shape.safetensors", pair_of({**u8, "shape": [3, 1, 2]}, three))
    write("safetensors/float-images.safetensors", pair_of({**u8, "dtype": "F32"}, three))
    write("safetensors/one-hot.safetensors", pair_of(u8, {**three, "shape": [3, 1, 1]}))
    write("safetensors/fewer-labels.safetensors", pair_of(u8, {**three, "shape": [2], "data_offsets": [3, 5]}))
    write("safetensors/no-offsets.safetensors", pair_of({"dtype": "U8", "shape": [3, 1, 1]}, three))

    # Parquet.
    write("parquet/empty.parquet", b"")
    write("parquet/text.parquet", b"this is no table\n")
    write("parquet/magic-alone.parquet", b"PAR1PAR1")
    write("parquet/long-footer.parquet", b"PAR1" + b"\0" * 8 + struct.pack("<I", 0x7FFFFFFF) + b"PAR1")
    write("parquet/zero-footer.parquet", b"PAR1" + b"\0" * 64 + struct.pack("<I", 64) + b"PAR1")

    # Prepared folders.
    def prepared(name: str, toml: str) -> None:
        write(f"prepared/{name}/dataset.toml", toml.encode())

    whole = (
        'version = 1\nname = "x"\nformat = "idx"\nfingerprint = "00"\nclasses = ["0"]\n'
        "[images]\nn = 1\nsmallest = [1, 1, 1]\nlargest = [1, 1, 1]\nn_grouped = 0\n[counts]\n"
        '[split]\nhow = "source"\n[provenance]\nsource = "x"\nsource_fingerprint = "00"\nprogram = "x"\n'
    )
    entry = '[[files]]\nname = "{}"\nbytes = 1\nsha256 = "00"\n'
    prepared("somebody-elses", 'title = "my data"\n')
    prepared("no-toml", "fingerprint: not toml at all")
    prepared("version-2", whole.replace("version = 1", "version = 2") + entry.format("a"))
    prepared("format-of-later", whole.replace('"idx"', '"zarr"') + entry.format("a"))
    prepared("missing-file", whole + entry.format("train-images-idx3-ubyte"))
    prepared("leads-out", whole + entry.format("../../idx/text"))
    prepared("from-the-root", whole + entry.format("/etc/passwd"))
    prepared("other-length", whole + entry.format("train-images-idx3-ubyte"))
    write("prepared/other-length/train-images-idx3-ubyte", images)

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
    write("files/train-images-idx3-ubyte", images)
    write("files/notes.txt", b"nothing here\n")


if __name__ == "__main__":
    main()
