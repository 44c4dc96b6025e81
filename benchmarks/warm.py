"""Many songs in one process: 30 s mp3s through a Classifier that is loaded already.

Held against what no classifier can do without (soundfile decodes, soxr resamples) and
against ``librosa.load``, which many use only to get at the samples.  One thread each; the
rounds alternate.  The other models' cost stands beside it where what they need is here.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import Row, alternate, median, music, save, timed, write_mp3
from genrewise import list_models
from genrewise.bundle import find, read
from genrewise.cache import backbone_file
from genrewise.inference import Classifier

SONGS, SECONDS, ROUNDS = 12, 30.0, 7
MODEL = "small-gtzan-v1"


def soundfile_soxr(path: Path) -> None:
    """Decode, mix down, resample to 22,050 Hz."""
    import soundfile
    import soxr

    y, sr = soundfile.read(path, dtype="float32")
    soxr.resample(y.mean(axis=1), sr, 22050)


def librosa_load(path: Path) -> None:
    """The same through librosa."""
    import librosa

    librosa.load(path, sr=22050)


def over(paths: list[Path], function: Callable[[Path], Any]) -> Callable[[], None]:
    """Call a function on every path."""

    def run() -> None:
        for path in paths:
            function(path)

    return run


def megabytes(name: str) -> float:
    """Size of a model with what it needs."""
    path = find(name)
    needed = [path, *(backbone_file(need) for need in read(path).info.backbones())]
    return sum(file.stat().st_size for file in needed) / 1e6


def every_model(paths: list[Path]) -> dict[str, dict[str, float]]:
    """Milliseconds a song and size of each model that can answer here."""
    found = {}
    for entry in list_models():
        if entry.available:
            classifier = Classifier(entry.name)
            classifier.predict_file(paths[0])
            taken = [timed(over([path], classifier.predict_file))() for path in paths]
            found[entry.name] = {"ms": 1000 * median(taken), "mb": megabytes(entry.name)}
    return found


def main() -> None:
    """Measure and keep."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_mp3(Path(folder) / f"{i}.mp3", music(SECONDS, i)) for i in range(SONGS)]
        classifier = Classifier(MODEL)
        runs = [over(paths, f) for f in (classifier.predict_file, soundfile_soxr, librosa_load)]
        for run in runs:
            run()
        found = alternate([timed(run) for run in runs], ROUNDS)
        models = every_model(paths)
    audio = SONGS * SECONDS
    ours, bare, librosa = (audio / median(kept) for kept in found)
    rows = [
        Row(f"classify, {MODEL}", f"{ours:.0f}× real time"),
        Row("soundfile + soxr alone", f"{bare:.0f}× real time"),
        Row("librosa.load alone", f"{librosa:.0f}× real time"),
        Row("share of soundfile + soxr", f"{ours / bare:.0%}", "≥ 50 %"),
        Row("against librosa.load", f"{ours / librosa:.2f}×", "> 1"),
        *(
            Row(f"{name}, a song of 30 s", f"{one['ms']:.0f} ms, {one['mb']:.1f} MB")
            for name, one in models.items()
        ),
    ]
    names = ("ours", "soundfile_soxr", "librosa_load")
    kept = {f"{name}_seconds": runs for name, runs in zip(names, found, strict=True)}
    save("warm", rows, {"audio_seconds": audio, **kept, "models": models})


if __name__ == "__main__":
    main()
