"""TensorFlow through Keras: trains the tutorial network with `fit`, or augments (ImageDataGenerator; tf.data with the
layers RandomRotation and RandomZoom).
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy
import tensorflow

import measuring


def tutorial():
    layers = keras.layers
    model = keras.Sequential([
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(10, activation="softmax", dtype="float32"),
    ])
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    return model


class Clock(keras.callbacks.Callback):
    """Times the steps of `fit` once it is warm, and ends it."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.steps = seconds, 0
        self.first = self.begin = self.end = None

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.steps += 1
        self.first = self.first or now
        if self.begin is None:
            if self.steps >= 3 and now - self.first >= self.seconds / 3:
                self.begin = (now, self.steps)
        elif now - self.begin[0] >= self.seconds and self.steps >= self.begin[1] + 2:
            self.end = (now, self.steps)
            self.model.stop_training = True


def train(batch_size, chosen, images, labels):
    clock = Clock(chosen.seconds)
    tutorial().fit(images, labels, batch_size=batch_size, epochs=100, verbose=0, callbacks=[clock])
    (begin, before), (end, after) = clock.begin, clock.end
    done = measuring.speed((after - before) * batch_size, end - begin)
    measuring.say(
        "tensorflow", tensorflow.__version__, "train", engine="Keras fit", network="tutorial",
        precision=chosen.precision, batch_size=batch_size, threads=chosen.threads, **done,
    )


def augment(chosen, images):
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(rotation_range=10, zoom_range=0.1)
    batches = generator.flow(images, batch_size=128)
    steps = keras.Sequential([
        keras.layers.RandomRotation(10 / 360, fill_mode="nearest"),
        keras.layers.RandomZoom(0.1, 0.1, fill_mode="nearest"),
    ])
    data = tensorflow.data.Dataset.from_tensor_slices(images).repeat().batch(128)
    data = data.map(lambda batch: steps(batch, training=True), num_parallel_calls=tensorflow.data.AUTOTUNE)
    layers = iter(data.prefetch(tensorflow.data.AUTOTUNE))
    for engine, source in [("ImageDataGenerator", batches), ("tf.data", layers)]:
        done = measuring.speed(*measuring.repeat(lambda: len(next(source)), chosen.seconds))
        measuring.say(
            "tensorflow", tensorflow.__version__, "augment", engine=engine, precision="f32", batch_size=128,
            threads=chosen.threads, **done,
        )


def main():
    chosen = measuring.arguments(["train", "augment"])
    tensorflow.config.threading.set_intra_op_parallelism_threads(chosen.threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(chosen.threads)
    if chosen.precision == "bf16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    pixels, labels = measuring.mnist(chosen.data)
    images = pixels[..., numpy.newaxis].astype(numpy.float32) / 255
    if chosen.work == "augment":
        augment(chosen, images)
        return
    for batch_size in chosen.batch_sizes:
        train(batch_size, chosen, images, labels)


main()
