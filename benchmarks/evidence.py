"""Do the seconds that decided decide?  Without them an answer has to be less sure.

Of each track the deciding seconds are cut out and the rest is answered for; beside it as many
seconds are cut out at random places, several times.  On the music of a folder with a manifest:
tracks of which at least twice as much would be left.

``python benchmarks/evidence.py FOLDER [MODEL …]``
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import Row, save
from genrewise.audio import load
from genrewise.inference import Classifier, Prediction
from genrewise.training import datasets
from genrewise.training.metrics import bootstrap_interval

MODELS = ("musicnn-gtzan-v1", "small-gtzan-v1")
#: Random places a track, tracks at the most, and seconds of each that are looked at.
DRAWS, TRACKS, SECONDS = 5, 60, 60.0

F32 = NDArray[np.float32]


def without(y: F32, sr: int, spans: list[tuple[float, float]]) -> F32:
    """Samples with some seconds cut out."""
    keep = np.ones(len(y), dtype=bool)
    for start, stop in spans:
        keep[round(start * sr) : round(stop * sr)] = False
    return y[keep]


def elsewhere(
    length: float, spans: list[tuple[float, float]], rng: np.random.Generator
) -> list[tuple[float, float]]:
    """As many stretches of the same lengths at random places, without overlap."""
    while True:
        drawn = [(rng.uniform(0, length - (b - a)), b - a) for a, b in spans]
        drawn.sort()
        found = [(start, start + seconds) for start, seconds in drawn]
        if all(a[1] <= b[0] for a, b in itertools.pairwise(found)):
            return found


def falls(
    classifier: Classifier, y: F32, sr: int, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Points of probability lost without the deciding seconds, and without random ones."""
    whole = classifier.predict(y, sr)
    spans = [(s.start, s.stop) for s in whole.deciding]
    if not spans or 2 * sum(b - a for a, b in spans) > whole.seconds:
        return None
    best = max(whole.probabilities, key=lambda label: whole.probabilities[label])

    def lost(cut: list[tuple[float, float]]) -> float:
        rest: Prediction = classifier.predict(without(y, sr, cut), sr)
        return 100 * (whole.probabilities[best] - rest.probabilities[best])

    random = [lost(elsewhere(whole.seconds, spans, rng)) for _ in range(DRAWS)]
    return lost(spans), float(np.mean(random))


def measure(classifier: Classifier, folder: Path) -> dict[str, Any]:
    """Over the tracks of a folder."""
    dataset = datasets.read(folder / "manifest.csv")
    chosen = list(range(len(dataset.items)))[:: max(1, len(dataset.items) // TRACKS)]
    rng, pairs, groups = np.random.default_rng(0), [], []
    for i in chosen:
        audio = load(dataset.file(i), duration=SECONDS)
        found = falls(classifier, audio.y, audio.sr, rng)
        if found is not None:
            pairs.append(found)
            groups.append(dataset.items[i].group)
    table = np.array(pairs)
    more = table[:, 0] > table[:, 1]
    interval = bootstrap_interval(more, np.unique(groups, return_inverse=True)[1])
    return {
        "n": len(table),
        "deciding": float(table[:, 0].mean()),
        "random": float(table[:, 1].mean()),
        "more": float(more.mean()),
        "interval": list(interval),
    }


def main() -> None:
    """Measure and keep."""
    folder, rows, values = Path(sys.argv[1]), [], {}
    for model in sys.argv[2:] or MODELS:
        one = measure(Classifier(model), folder)
        low, high = one["interval"]
        rows += [
            Row(f"{model}, deciding seconds cut out", f"{one['deciding']:.1f} points less sure"),
            Row(f"{model}, random seconds cut out", f"{one['random']:.1f} points less sure"),
            Row(
                f"{model}, tracks where the deciding cost more",
                f"{one['more']:.0%} ({low:.0%}–{high:.0%}), n {one['n']}",
                "> 50 %",
            ),
        ]
        values[model] = one
    save("evidence", rows, values)


if __name__ == "__main__":
    main()
