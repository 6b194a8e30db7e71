"""What `inkstone prepare` writes read by other libraries, and what they write read by Inkstone.

    python reference/interop.py GROUP --inkstone target/release/inkstone --work DIR

GROUP: tables (NumPy, pandas, pyarrow, safetensors, Pillow, Python's own modules), datasets (Hugging Face), pytorch
(torch, torchvision), tensorflow (Keras). `cargo xtask test` runs the first, `cargo xtask interop` all.

The truth is made here: random pixels, and Inkstone's fingerprint computed anew from its definition. Every check prints
one line of JSON: library, check, ok, why. The exit status is 1 if one failed.
"""

import argparse
import csv
import gzip
import hashlib
import importlib.metadata
import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
from PIL import Image

PARTS = ["train", "validation", "test"]


class Truth:
    """Images of each part, their labels, and the names of the classes."""

    def __init__(self, name, shape, classes, parts, seed):
        rng = np.random.default_rng(seed)
        self.name, self.shape, self.classes = name, shape, classes
        self.images = {part: rng.integers(0, 256, (n, *shape), dtype=np.uint8) for part, n in parts.items()}
        # Every class is there in every part: what sorts folders sees the same classes.
        self.labels = {
            part: np.concatenate([np.arange(len(classes)), rng.integers(0, len(classes), n - len(classes))])
            for part, n in parts.items()
        }

    def fingerprint(self, classes=None, parts=True, order=None):
        """As data/fingerprint.rs defines it: names of classes, then hash, label and part of every sample."""
        whole = hashlib.sha256()
        for name in classes or self.classes:
            whole.update(struct.pack("<I", len(name.encode())) + name.encode())
        for number, part in enumerate(PARTS, start=1):
            for i in range(len(self.images.get(part, []))) if order is None else order.get(part, []):
                image, label = self.images[part][i], self.labels[part][i]
                height, width, channels = (*image.shape, 1)[:3]
                content = hashlib.sha256(struct.pack("<III", height, width, channels) + image.tobytes()).digest()
                label = label if classes is None else classes.index(self.classes[label])
                whole.update(content + struct.pack("<IB", label, number if parts else 0))
        return whole.hexdigest()

    def numbers(self):
        return [str(i) for i in range(len(self.classes))]


GREY = Truth("grey", (28, 28), ["zero", "T-shirt/top", "中文"], {"train": 40, "validation": 12, "test": 15}, 1)
COLOUR = Truth("colour", (12, 10, 3), ["a", "b c"], {"train": 21, "test": 9}, 2)
TRUTHS = [GREY, COLOUR]


class Bench:
    def __init__(self, inkstone, work):
        self.inkstone, self.work, self.n_failed = inkstone, pathlib.Path(work), 0
        self.work.mkdir(parents=True, exist_ok=True)

    def check(self, library, what, run):
        """One line for one check; an exception is a failure, not the end."""
        try:
            why = run()
        except Exception as error:  # whatever a library throws is what the line tells
            why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        self.n_failed += bool(why)
        try:
            version = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            version = ".".join(map(str, sys.version_info[:3]))
        line = {"library": f"{library} {version}", "check": what, "ok": not why, "why": why or ""}
        print(json.dumps(line, ensure_ascii=True), flush=True)

    def call(self, *words):
        done = subprocess.run([self.inkstone, *map(str, words)], capture_output=True, text=True, encoding="utf-8")
        if done.returncode != 0:
            raise RuntimeError(done.stdout or done.stderr)
        return json.loads(done.stdout)

    def prepare(self, truth, form):
        """The folder of a truth in a format. The source is an .npz that NumPy writes."""
        out = self.work / f"{truth.name}-{form}"
        if out.exists():
            return out
        source = self.work / f"{truth.name}.npz"
        if not source.exists():
            arrays = {f"x_{part}": images for part, images in truth.images.items()}
            arrays |= {f"y_{part}": labels for part, labels in truth.labels.items()}
            np.savez_compressed(source, class_names=np.array(truth.classes), **arrays)
        document = self.call("prepare", source, "--out", out, "--format", form, "--json")
        assert document["fingerprint"] == truth.fingerprint(), "prepare --json tells another fingerprint"
        return out

    def reads(self, library, path, expected):
        """Whether Inkstone reads `path` to a fingerprint."""

        def run():
            found = self.call("inspect", path, "--json")["fingerprint"]
            return "" if found == expected else f"fingerprint {found[:16]}, expected {expected[:16]}"

        self.check(library, f"inkstone reads {path.relative_to(self.work)}", run)


def differences(truth, found):
    """`found[part]` = (images, labels as names or numbers), in any array-like form; '' where all is the same."""
    for part, expected in truth.images.items():
        images, labels = found[part]
        images = np.asarray(images)
        if images.shape != expected.shape or images.dtype != np.uint8:
            return f"{part}: {images.dtype} {images.shape}, expected uint8 {expected.shape}"
        if not np.array_equal(images, expected):
            return f"{part}: other pixels"
        names = [label if isinstance(label, str) else truth.classes[int(label)] for label in labels]
        if names != [truth.classes[label] for label in truth.labels[part]]:
            return f"{part}: other labels"
    return ""


def decoded(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def sorted_by_content(images, names):
    """For readers that have an order of their own: (name, pixels), sorted."""
    return sorted((name, np.asarray(image).tobytes()) for name, image in zip(names, images))


# ---------------------------------------------------------------------------------------------------- light libraries


def tables(bench):
    for truth in TRUTHS:
        reads_idx_and_npz(bench, truth)
        reads_tables(bench, truth)
        reads_archives(bench, truth)
    writes_arrays(bench)
    writes_tables(bench)
    writes_files(bench)


def reads_idx_and_npz(bench, truth):
    out = bench.prepare(truth, "idx")

    def idx(path):
        data = path.read_bytes()
        shape = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)

    def run_idx():
        stems = {"train": "train", "validation": "validation", "test": "t10k"}
        rank = len(truth.shape) + 1
        found = {
            part: (idx(out / f"{stems[part]}-images-idx{rank}-ubyte"), idx(out / f"{stems[part]}-labels-idx1-ubyte"))
            for part in truth.images
        }
        return differences(truth, found)

    bench.check("numpy", f"{truth.name}: reads idx", run_idx)

    def run_npz():
        path = bench.prepare(truth, "npz") / "dataset.npz"
        assert zipfile.ZipFile(path).testzip() is None
        with np.load(path, allow_pickle=False) as arrays:
            assert list(arrays["class_names"]) == truth.classes
            return differences(truth, {part: (arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in truth.images})

    bench.check("numpy", f"{truth.name}: reads npz", run_npz)


def reads_tables(bench, truth):
    import pandas
    import pyarrow.parquet
    import safetensors
    import safetensors.numpy

    def run_pandas():
        out, found = bench.prepare(truth, "csv"), {}
        for part, images in truth.images.items():
            frame = pandas.read_csv(out / f"{part}.csv")
            assert frame.columns[0] == "label" and frame.columns[1] == "pixel0"
            found[part] = (frame.iloc[:, 1:].to_numpy(np.uint8).reshape(images.shape), frame["label"])
        return differences(truth, found)

    bench.check("pandas", f"{truth.name}: reads csv", run_pandas)

    def run_parquet():
        out, found = bench.prepare(truth, "parquet") / "data", {}
        for part in truth.images:
            table = pyarrow.parquet.read_table(out / f"{part}-00000-of-00001.parquet")
            features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
            assert features["label"]["names"] == truth.classes and features["image"]["_type"] == "Image"
            images = [decoded(row["bytes"]) for row in table["image"].to_pylist()]
            found[part] = (images, table["label"].to_pylist())
        return differences(truth, found)

    bench.check("pyarrow", f"{truth.name}: reads parquet", run_parquet)

    def run_safetensors():
        out, found = bench.prepare(truth, "safetensors"), {}
        for part in truth.images:
            path = out / f"{part}.safetensors"
            with safetensors.safe_open(path, "np") as file:
                assert json.loads(file.metadata()["classes"]) == truth.classes
            tensors = safetensors.numpy.load_file(path)
            found[part] = (tensors["images"], tensors["labels"])
        return differences(truth, found)

    bench.check("safetensors", f"{truth.name}: reads safetensors", run_safetensors)


def reads_archives(bench, truth):
    def run_png():
        out, found = bench.prepare(truth, "png"), {part: ([], []) for part in truth.images}
        with open(out / "samples.csv", newline="", encoding="utf-8") as table:
            for row in csv.DictReader(table):
                image = Image.open(out / row["path"])
                image.verify()
                found[row["part"]][0].append(np.asarray(Image.open(out / row["path"])))
                found[row["part"]][1].append(row["label"])
        return differences(truth, found)

    bench.check("pillow", f"{truth.name}: reads png", run_png)

    def run_tar():
        out, found = bench.prepare(truth, "tar"), {}
        for part in truth.images:
            with tarfile.open(out / f"{part}-000000.tar") as archive:
                files = {member.name: archive.extractfile(member).read() for member in archive}
            keys = sorted({name.split(".")[0] for name in files})
            found[part] = ([decoded(files[f"{key}.png"]) for key in keys], [int(files[f"{key}.cls"]) for key in keys])
        return differences(truth, found)

    bench.check("tarfile", f"{truth.name}: reads tar", run_tar)


def writes_arrays(bench):
    import safetensors.numpy

    work, truth = bench.work, GREY
    keras = {f"x_{part}": images for part, images in truth.images.items()}
    labels = {f"y_{part}": labels for part, labels in truth.labels.items()}
    numbers = fingerprint_by_number(truth)
    np.savez(work / "keras.npz", **keras, **labels)
    bench.reads("numpy", work / "keras.npz", numbers)
    np.savez_compressed(work / "floats.npz", **{key: (x / 255).astype(np.float32) for key, x in keras.items()}, **labels)
    bench.reads("numpy", work / "floats.npz", numbers)
    fortran = {key: np.asfortranarray(x.astype(np.int32)) for key, x in keras.items()}
    np.savez(work / "fortran.npz", **fortran, **{key: y.astype(">i2").reshape(-1, 1) for key, y in labels.items()})
    bench.reads("numpy", work / "fortran.npz", numbers)
    folder = work / "tensors"
    folder.mkdir(exist_ok=True)
    for part, images in COLOUR.images.items():
        tensors = {"images": images, "labels": COLOUR.labels[part].astype(np.int32)}
        safetensors.numpy.save_file(tensors, folder / f"{part}.safetensors", {"classes": json.dumps(COLOUR.classes)})
    bench.reads("safetensors", folder, COLOUR.fingerprint())
    folder = work / "gzipped"
    folder.mkdir(exist_ok=True)
    for part, stem in [("train", "train"), ("validation", "validation"), ("test", "t10k")]:
        for kind, array in [("images", truth.images[part]), ("labels", truth.labels[part].astype(np.uint8))]:
            head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            path = folder / f"{stem}-{kind}-idx{array.ndim}-ubyte.gz"
            path.write_bytes(gzip.compress(head + array.tobytes()))
    bench.reads("gzip", folder, numbers)


def fingerprint_by_number(truth, parts=True):
    """Where a file knows labels as numbers alone."""
    plain = Truth.__new__(Truth)
    plain.__dict__ = {**truth.__dict__, "classes": truth.numbers()}
    return plain.fingerprint(parts=parts)


def writes_tables(bench):
    import pandas
    import pyarrow
    import pyarrow.parquet

    work, truth = bench.work, GREY
    for name, order in [("label-first", ["label", "pixels"]), ("label-last", ["pixels", "label"])]:
        folder = work / f"csv-{name}"
        folder.mkdir(exist_ok=True)
        for part, images in truth.images.items():
            pixels = pandas.DataFrame(images.reshape(len(images), -1)).add_prefix("pixel")
            label = pandas.DataFrame({"label": truth.labels[part]})
            columns = {"label": label, "pixels": pixels}
            pandas.concat([columns[key] for key in order], axis=1).to_csv(folder / f"mine_{part}.csv", index=False)
        bench.reads("pandas", folder, fingerprint_by_number(truth))
    only = Truth("only", (4, 6), ["0", "1", "2"], {"train": 10}, 3)
    rows = np.column_stack([only.labels["train"], only.images["train"].reshape(10, -1)])
    names = ["label"] + [f"{i + 1}x{j + 1}" for i in range(4) for j in range(6)]
    pandas.DataFrame(rows, columns=names).to_csv(work / "named.csv", index=False)
    bench.reads("pandas", work / "named.csv", only.fingerprint(parts=False))
    square = Truth("square", (5, 5, 3), ["0", "1"], {"train": 8}, 4)
    rows = np.column_stack([square.labels["train"], square.images["train"].reshape(8, -1)])
    np.savetxt(work / "plain.csv", rows, fmt="%d", delimiter=",")
    bench.reads("numpy", work / "plain.csv", square.fingerprint(parts=False))

    def encoded(image):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    for name, compression in [("numbers", "snappy"), ("texts", "zstd"), ("packed", "gzip")]:
        folder = work / f"parquet-{name}"
        (folder / "data").mkdir(parents=True, exist_ok=True)
        for part, images in truth.images.items():
            labels = truth.labels[part]
            labels = [truth.classes[label] for label in labels] if name == "texts" else pyarrow.array(labels)
            table = pyarrow.table({"image": [encoded(image) for image in images], "label": labels})
            if name != "texts":
                features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": truth.classes}}
                metadata = {"huggingface": json.dumps({"info": {"features": features}})}
                table = table.replace_schema_metadata(metadata)
            path = folder / "data" / f"{part}-00000-of-00001.parquet"
            pyarrow.parquet.write_table(table, path, compression=compression, row_group_size=7)
        classes = sorted(truth.classes, key=str.encode) if name == "texts" else None
        bench.reads("pyarrow", folder, truth.fingerprint(classes))


def writes_files(bench):
    work, truth = bench.work, COLOUR
    by_name = sorted(truth.classes, key=str.encode)
    folder = work / "class-folders"
    order = {}
    for part, images in truth.images.items():
        for i, (image, label) in enumerate(zip(images, truth.labels[part])):
            path = folder / part / truth.classes[label] / f"{i:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
        order[part] = np.argsort(truth.labels[part], kind="stable")
    bench.reads("pillow", folder, truth.fingerprint(by_name, order=order))
    with open(work / "paths.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "part"])
        for part in truth.images:
            for i, label in enumerate(truth.labels[part]):
                name = truth.classes[label]
                table.writerow([f"class-folders/{part}/{name}/{i:03}.png", name, part])
    bench.reads("csv", work / "paths.csv", truth.fingerprint(by_name))
    for name, form in [("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT)]:
        shards = work / f"tar-{name}"
        shards.mkdir(exist_ok=True)
        for part, images in truth.images.items():
            with tarfile.open(shards / f"{part}-000000.tar", "w", format=form) as archive:
                for i, (image, label) in enumerate(zip(images, truth.labels[part])):
                    buffer = io.BytesIO()
                    Image.fromarray(image).save(buffer, "PNG")
                    key = f"{'deep/' * 30}{i:06}"
                    for extension, data in [("png", buffer.getvalue()), ("cls", str(label).encode())]:
                        entry = tarfile.TarInfo(f"{key}.{extension}")
                        entry.size = len(data)
                        archive.addfile(entry, io.BytesIO(data))
        bench.reads("tarfile", shards, fingerprint_by_number(truth))


# ---------------------------------------------------------------------------------------------------- heavy libraries


def datasets(bench):
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HOME"] = str(bench.work / "huggingface")
    import datasets as library

    library.disable_progress_bars()
    for truth in TRUTHS:

        def run_parquet(truth=truth):
            loaded = library.load_dataset(str(bench.prepare(truth, "parquet")))
            assert set(loaded) == set(truth.images), f"splits {sorted(loaded)}"
            label = loaded["train"].features["label"]
            assert isinstance(label, library.ClassLabel) and label.names == truth.classes, str(label)
            assert isinstance(loaded["train"].features["image"], library.Image)
            return differences(
                truth,
                {part: ([np.asarray(image) for image in rows["image"]], rows["label"]) for part, rows in loaded.items()},
            )

        bench.check("datasets", f"{truth.name}: load_dataset of parquet", run_parquet)

        def run_folder(truth=truth):
            loaded = library.load_dataset("imagefolder", data_dir=str(bench.prepare(truth, "png")))
            assert set(loaded) == set(truth.images), f"splits {sorted(loaded)}"
            for part, rows in loaded.items():
                names = [rows.features["label"].names[label].replace("_", "/") for label in rows["label"]]
                found = sorted_by_content([np.asarray(image) for image in rows["image"]], names)
                expected = [truth.classes[label] for label in truth.labels[part]]
                if found != sorted_by_content(truth.images[part], expected):
                    return f"{part}: other images or labels"
            return ""

        bench.check("datasets", f"{truth.name}: imagefolder", run_folder)

        def run_tar(truth=truth):
            out = bench.prepare(truth, "tar")
            files = {part: [str(path) for path in sorted(out.glob(f"{part}-*.tar"))] for part in truth.images}
            loaded = library.load_dataset("webdataset", data_files=files)
            found = {}
            for part, rows in loaded.items():
                rows = rows.sort("__key__")
                found[part] = ([np.asarray(image) for image in rows["png"]], rows["cls"])
            return differences(truth, found)

        bench.check("datasets", f"{truth.name}: webdataset", run_tar)

    truth = GREY
    folder = bench.work / "saved-by-datasets"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    features = library.Features({"image": library.Image(), "label": library.ClassLabel(names=truth.classes)})
    for part, images in truth.images.items():
        rows = {"image": [Image.fromarray(image) for image in images], "label": list(truth.labels[part])}
        library.Dataset.from_dict(rows, features).to_parquet(folder / "data" / f"{part}-00000-of-00001.parquet")
    bench.reads("datasets", folder, truth.fingerprint())


def pytorch(bench):
    import torch
    import torchvision

    for truth in TRUTHS:

        def run_folder(truth=truth):
            for part in truth.images:
                images = torchvision.datasets.ImageFolder(bench.prepare(truth, "png") / part)
                names = [images.classes[label].replace("_", "/") for label in images.targets]
                pixels = [np.asarray(image)[..., : truth.images[part].shape[3] if truth is COLOUR else 1] for image, _ in images]
                found = sorted_by_content(pixels, names)
                expected = sorted_by_content(truth.images[part], [truth.classes[i] for i in truth.labels[part]])
                if found != expected:
                    return f"{part}: other images or labels"
            return ""

        bench.check("torchvision", f"{truth.name}: ImageFolder", run_folder)

        def run_npz(truth=truth):
            with np.load(bench.prepare(truth, "npz") / "dataset.npz") as arrays:
                tensors = {part: (torch.from_numpy(arrays[f"x_{part}"]), arrays[f"y_{part}"]) for part in truth.images}
            return differences(truth, {part: (x.numpy(), y) for part, (x, y) in tensors.items()})

        bench.check("torch", f"{truth.name}: tensors of npz", run_npz)

    def run_idx():
        out, truth = bench.prepare(GREY, "idx"), GREY
        read = torchvision.datasets.mnist
        found = {}
        for part, stem in [("train", "train"), ("validation", "validation"), ("test", "t10k")]:
            images = read.read_image_file(str(out / f"{stem}-images-idx3-ubyte")).numpy()
            found[part] = (images, read.read_label_file(str(out / f"{stem}-labels-idx1-ubyte")).tolist())
        return differences(truth, found)

    bench.check("torchvision", "grey: MNIST's idx reader", run_idx)


def tensorflow(bench):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import keras

    for truth in TRUTHS:

        def run_folder(truth=truth):
            for part, images in truth.images.items():
                folder = bench.prepare(truth, "png") / part
                mode = "grayscale" if len(truth.shape) == 2 else "rgb"
                read = keras.utils.image_dataset_from_directory(
                    folder, color_mode=mode, image_size=truth.shape[:2], batch_size=None, shuffle=False,
                    interpolation="nearest", verbose=False,
                )
                pairs = [(image.numpy(), int(label)) for image, label in read]
                names = [read.class_names[label].replace("_", "/") for _, label in pairs]
                pixels = [image.astype(np.uint8) for image, _ in pairs]
                expected = sorted_by_content(images, [truth.classes[i] for i in truth.labels[part]])
                if sorted_by_content(pixels, names) != expected:
                    return f"{part}: other images or labels"
            return ""

        bench.check("keras", f"{truth.name}: image_dataset_from_directory", run_folder)

    def run_npz():
        # What keras.datasets.mnist.load_data does with its own file, whose hash it demands.
        with np.load(bench.prepare(GREY, "npz") / "dataset.npz", allow_pickle=True) as arrays:
            return differences(GREY, {part: (arrays[f"x_{part}"], arrays[f"y_{part}"]) for part in GREY.images})

    bench.check("keras", "grey: the keys of mnist.npz", run_npz)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("group", choices=["tables", "datasets", "pytorch", "tensorflow"])
    parser.add_argument("--inkstone", required=True)
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    bench = Bench(options.inkstone, options.work)
    {"tables": tables, "datasets": datasets, "pytorch": pytorch, "tensorflow": tensorflow}[options.group](bench)
    sys.exit(1 if bench.n_failed else 0)


if __name__ == "__main__":
    main()
