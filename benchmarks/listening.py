"""How much of a long track is worth listening to: 1, 3, 5, 10, 20 windows, or all of it.

On the tracks of the free music whose authors say a genre that the model knows: none of them was
learnt from.  Seconds are those of one thread, decoding counted; the settings take turns track
by track.

``python benchmarks/listening.py FOLDER [MODEL …]``, FOLDER from ``genrewise datasets get
free-music``.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from common import Row, median, save
from genrewise.inference import Classifier, Prediction
from genrewise.training import datasets
from genrewise.training.datasets import Dataset
from genrewise.training.metrics import bootstrap_interval

LISTEN: tuple[int | None, ...] = (1, 3, 5, 10, 20, None)
MODELS = ("musicnn-gtzan-v1", "small-gtzan-v1")


def words(listen: int | None) -> str:
    """How a setting is called."""
    return "all" if listen is None else str(listen)


def answers(
    classifier: Classifier, dataset: Dataset
) -> tuple[dict[str, list[Prediction]], dict[str, list[float]]]:
    """Predictions and seconds of every track under every setting."""
    found: dict[str, list[Prediction]] = {words(n): [] for n in LISTEN}
    taken: dict[str, list[float]] = {words(n): [] for n in LISTEN}
    for i in range(len(dataset.items)):
        for n in LISTEN:
            began = time.perf_counter()
            found[words(n)].append(classifier.predict_file(dataset.file(i), listen=n))
            taken[words(n)].append(time.perf_counter() - began)
    return found, taken


def best(prediction: Prediction) -> str:
    """The most probable label, also where the answer is unknown."""
    return max(prediction.probabilities, key=lambda label: prediction.probabilities[label])


def scores(
    dataset: Dataset, found: dict[str, list[Prediction]], taken: dict[str, list[float]]
) -> dict[str, Any]:
    """Accuracy with its interval, agreement with hearing all, median seconds, by setting."""
    groups = np.unique([item.group for item in dataset.items], return_inverse=True)[1]
    made = {}
    for name, predictions in found.items():
        right = [best(p) == item.label for p, item in zip(predictions, dataset.items, strict=True)]
        same = [best(a) == best(b) for a, b in zip(predictions, found["all"], strict=True)]
        made[name] = {
            "accuracy": sum(right) / len(right),
            "interval": list(bootstrap_interval(right, groups)),
            "as_all": sum(same) / len(same),
            "seconds": median(taken[name]),
        }
    return made


def main() -> None:
    """Measure and keep."""
    everything = datasets.read(Path(sys.argv[1]) / "manifest.csv")
    rows, values = [], {}
    for model in sys.argv[2:] or MODELS:
        classifier = Classifier(model)
        items = enumerate(everything.items)
        dataset = everything.subset([i for i, item in items if item.label in classifier.labels])
        found, taken = answers(classifier, dataset)
        made = scores(dataset, found, taken)
        for name, one in made.items():
            low, high = one["interval"]
            figure = f"{one['accuracy']:.3f} ({low:.3f}–{high:.3f}), {one['seconds']:.2f} s a track"
            what = f"{model}, {name} window{'s' * (name != '1')}"
            rows.append(Row(what, figure, f"as all: {one['as_all']:.0%}"))
        length = median(prediction.seconds for prediction in found["all"])
        values[model] = {"n": len(dataset.items), "median_length": length, **made}
    save("listening", rows, values)


if __name__ == "__main__":
    main()
