"""The networks of systems 000 and 001 as their authors would write them, in Keras.

Run by ``training_speed.py`` with the Python of an environment that has TensorFlow:
``keras_peer.py NETWORK HEIGHT WIDTH CLIPS BATCH THREADS``.  After two epochs it says what it is;
then it trains an epoch for every line that it reads, and says how many seconds that took, and
how many of a CPU.
Without XLA, with which Keras took four times as long on a CPU.  Nothing of genrewise is
imported.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def cnn_000(height: int, width: int) -> Any:
    """System 000's printed layer table; 539,418 parameters."""
    model = keras.Sequential(
        [
            layers.Input((height, width, 1)),
            layers.Conv2D(24, 5),
            layers.AveragePooling2D(2),
            layers.Activation("relu"),
            layers.Conv2D(48, 5, padding="same"),
            layers.AveragePooling2D(2),
            layers.Activation("relu"),
            layers.Conv2D(48, 5, padding="same"),
            layers.AveragePooling2D(2),
            layers.Activation("relu"),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return model, keras.optimizers.Adam(1e-3)


def cnn_001(height: int, width: int) -> Any:
    """System 001's 7×7 network."""
    stack = [layers.Input((height, width, 1)), layers.BatchNormalization()]
    for filters in (64, 128, 256):
        stack += [layers.Conv2D(filters, 7, activation="relu"), layers.MaxPooling2D(2)]
        stack += [layers.BatchNormalization()]
    stack += [layers.Flatten(), layers.Dense(32, activation="relu"), layers.BatchNormalization()]
    stack += [layers.Dropout(0.5), layers.Dense(10, activation="softmax")]
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-2, 1, 1e-3)
    return keras.Sequential(stack), keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)


class Clock(keras.callbacks.Callback):
    """Seconds and CPU seconds of the last epoch, without what comes before and after it."""

    took = began = (0.0, 0.0)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start."""
        del epoch, logs
        self.began = time.perf_counter(), time.process_time()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stop."""
        del epoch, logs
        self.took = time.perf_counter() - self.began[0], time.process_time() - self.began[1]


def main() -> None:
    """Train an epoch a line."""
    network = sys.argv[1]
    height, width, clips, batch, threads = map(int, sys.argv[2:7])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.utils.set_random_seed(0)
    model, optimiser = {"cnn-000": cnn_000, "cnn-001": cnn_001}[network](height, width)
    model.compile(optimiser, "categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((clips, height, width, 1)).astype(np.float32)
    y = keras.utils.to_categorical(np.arange(clips) % 10, 10)
    clock = Clock()

    def epoch() -> None:
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0, shuffle=True, callbacks=[clock])

    for _ in range(2):
        epoch()
    parameters = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    said = {"parameters": parameters, "tensorflow": tf.__version__, "keras": keras.__version__}
    print(json.dumps({**said, "pid": os.getpid()}), flush=True)
    for _ in sys.stdin:
        epoch()
        print(json.dumps(clock.took), flush=True)


if __name__ == "__main__":
    main()
