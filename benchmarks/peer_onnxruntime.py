"""onnxruntime: reads with the tutorial network, one image at a time and in batches on one and on all threads.

The model is written here with the onnx package; its values are drawn at random, which costs the same time.
"""

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import measuring

BATCHES = [32, 128, 512]


def tutorial():
    random = numpy.random.default_rng(0)

    def values(name, *shape):
        drawn = random.normal(0, 0.05, shape).astype(numpy.float32)
        return numpy_helper.from_array(drawn, name)

    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["conv1"]), helper.make_node("Relu", ["conv1"], ["relu1"]),
        helper.make_node("MaxPool", ["relu1"], ["pool1"], **pool),
        helper.make_node("Conv", ["pool1", "w2", "b2"], ["conv2"]), helper.make_node("Relu", ["conv2"], ["relu2"]),
        helper.make_node("MaxPool", ["relu2"], ["pool2"], **pool),
        helper.make_node("Flatten", ["pool2"], ["flat"]), helper.make_node("Gemm", ["flat", "w3", "b3"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    weights = [
        values("w1", 32, 1, 3, 3), values("b1", 32), values("w2", 64, 32, 3, 3), values("b2", 64),
        values("w3", 1600, 10), values("b3", 10),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, 28, 28])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10])
    graph = helper.make_graph(nodes, "tutorial", [image], [probabilities], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def session(model, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def alone(model, images, seconds):
    """One image on one thread, by the faster of the two ways to call: with a dictionary, or with bound memory."""
    ready = session(model, 1)
    one = images[:1].copy()
    binding = ready.io_binding()
    binding.bind_cpu_input("image", one)
    binding.bind_output("probabilities", "cpu")
    calls = [lambda: ready.run(None, {"image": one}), lambda: ready.run_with_iobinding(binding)]
    median, p99 = min((measuring.latencies(call, seconds / 2) for call in calls), key=lambda pair: pair[0])
    measuring.say(
        "onnxruntime", onnxruntime.__version__, "predict_one", engine="CPU", network="tutorial", precision="f32",
        batch_size=1, threads=1, latency_median_us=round(float(median), 2), latency_p99_us=round(float(p99), 2),
    )


def together(model, images, threads, seconds):
    """Batches of the size that suits it best."""
    ready = session(model, threads)

    def measured(size):
        batch = images[:size].copy()

        def step():
            ready.run(None, {"image": batch})
            return size

        return measuring.speed(*measuring.repeat(step, seconds / len(BATCHES))) | {"batch_size": size}

    best = max(map(measured, BATCHES), key=lambda done: done["images_per_second"])
    measuring.say(
        "onnxruntime", onnxruntime.__version__, "predict", engine="CPU", network="tutorial", precision="f32",
        threads=threads, **best,
    )


def main():
    chosen = measuring.arguments(["predict"])
    pixels, _ = measuring.mnist(chosen.data)
    images = pixels[:512, numpy.newaxis].astype(numpy.float32) / 255
    model = tutorial()
    alone(model, images, chosen.seconds)
    for threads in sorted({1, chosen.threads}):
        together(model, images, threads, chosen.seconds)


main()
