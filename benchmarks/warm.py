"""Many songs in one process: 30 s mp3s through a Classifier that is loaded already.

Held against what no classifier can do without (soundfile decodes, soxr resamples) and
against ``librosa.load``, which many use only to get at the samples.  One thread each; the
rounds alternate.  The large model's cost stands beside it where its backbone is here.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common import Row, alternate, median, music, save, timed, write_mp3
from genrewise import list_models
from genrewise.inference import Classifier

SONGS, SECONDS, ROUNDS = 12, 30.0, 7
MODEL, LARGE = "small-gtzan-v1", "musicnn-gtzan-v1"


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


def large_model(paths: list[Path]) -> tuple[list[Row], dict[str, float]]:
    """Seconds that the large model takes a song and a window of three seconds."""
    if not any(entry.name == LARGE and entry.available for entry in list_models()):
        return [], {}
    classifier = Classifier(LARGE)
    classifier.predict_file(paths[0])
    song = median(timed(over([path], classifier.predict_file))() for path in paths)
    backbone: Any = next(i for i in classifier.inputs.values() if i.kind == "backbone")
    patches = np.zeros((1, 187, 96), dtype=np.float32)
    window = median(timed(lambda: backbone.run(patches))() for _ in range(30))
    rows = [
        Row(f"{LARGE}, a window of 3 s", f"{1000 * window:.0f} ms"),
        Row(f"{LARGE}, a song of 30 s", f"{song:.2f} s ({SECONDS / song:.0f}× real time)"),
    ]
    return rows, {"large_window_seconds": window, "large_song_seconds": song}


def main() -> None:
    """Measure and keep."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [write_mp3(Path(folder) / f"{i}.mp3", music(SECONDS, i)) for i in range(SONGS)]
        classifier = Classifier(MODEL)
        runs = [over(paths, f) for f in (classifier.predict_file, soundfile_soxr, librosa_load)]
        for run in runs:
            run()
        found = alternate([timed(run) for run in runs], ROUNDS)
        more, values = large_model(paths)
    audio = SONGS * SECONDS
    ours, bare, librosa = (audio / median(kept) for kept in found)
    rows = [
        Row(f"classify, {MODEL}", f"{ours:.0f}× real time"),
        Row("soundfile + soxr alone", f"{bare:.0f}× real time"),
        Row("librosa.load alone", f"{librosa:.0f}× real time"),
        Row("share of soundfile + soxr", f"{ours / bare:.0%}", "≥ 50 %"),
        Row("against librosa.load", f"{ours / librosa:.2f}×", "> 1"),
        *more,
    ]
    names = ("ours", "soundfile_soxr", "librosa_load")
    kept = {f"{name}_seconds": runs for name, runs in zip(names, found, strict=True)}
    save("warm", rows, {"audio_seconds": audio, **kept, **values})


if __name__ == "__main__":
    main()
