"""What the Python peers share: arguments, MNIST, the clock, and one JSON line per measurement.

Every peer warms up first and is then measured for a stretch of whole steps: the steady state alone counts.
"""

import argparse
import json
import pathlib
import time

import numpy


def arguments(works):
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=works)
    parser.add_argument("--data", type=pathlib.Path, help="a folder with MNIST's four IDX files")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--batch-sizes", default="32,128", help="comma-separated")
    chosen = parser.parse_args()
    chosen.batch_sizes = [int(size) for size in chosen.batch_sizes.split(",")]
    return chosen


def mnist(folder):
    """The training part: bytes of shape (60000, 28, 28) and labels."""
    pixels = numpy.fromfile(folder / "train-images-idx3-ubyte", numpy.uint8)[16:]
    labels = numpy.fromfile(folder / "train-labels-idx1-ubyte", numpy.uint8)[8:]
    return pixels.reshape(-1, 28, 28), labels.astype(numpy.int64)


def repeat(step, seconds):
    """Whole steps for at least `seconds`, after a warm-up of a third of that. `step` says how many images it did."""
    _stretch(step, seconds / 3, 2)
    return _stretch(step, seconds, 2)


def _stretch(step, seconds, least):
    start, images, steps = time.perf_counter(), 0, 0
    while steps < least or time.perf_counter() - start < seconds:
        images += step()
        steps += 1
    return images, time.perf_counter() - start


def latencies(call, seconds):
    """Median and 99 % of single calls in microseconds, after a warm-up of 200."""
    for _ in range(200):
        call()
    durations, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter_ns()
        call()
        durations.append(time.perf_counter_ns() - start)
    return numpy.quantile(durations, [0.5, 0.99]) / 1000


def speed(images, seconds):
    return {"images": images, "seconds": round(seconds, 4), "images_per_second": round(images / seconds, 2)}


def peak_memory():
    try:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def say(peer, version, work, **figures):
    """One measurement."""
    line = {"peer": peer, "version": version, "work": work} | figures | {"peak_memory_bytes": peak_memory()}
    print(json.dumps(line), flush=True)
